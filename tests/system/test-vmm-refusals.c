/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"
#include "where.h"

/* What lifecycled-vmm does when something is wrong: with its host, its images, or its daemon. */

static char made[96]; /* a file that a test made */

static int open_peer(void **state)
{
	made[0] = '\0';
	return peer_setup(state);
}

static int close_peer(void **state)
{
	if (made[0])
		(void)remove(made);
	return peer_teardown(state);
}

/* The build must fail, say all of `words`, be in the last words, and wait for EXIT. */
static void fails_to_start(struct peer *p, const char *const words[])
{
	union peer_frame frame;

	peer_spawn(p);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, NULL);
	peer_birth(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_START_FAILED);
	assert_true(frame.ended.end.errno_value > 0);
	for (unsigned i = 0; words[i]; i++)
		if (!strstr(frame.ended.end.text, words[i])) {
			fprintf(stderr, "no '%s' in: %s\n", words[i], frame.ended.end.text);
			fail();
		}
	assert_int_equal(p->last_words->magic, LAST_WORDS_MAGIC);
	assert_memory_equal(&p->last_words->end, &frame.ended.end, sizeof(frame.ended.end));
	peer_leave(p);
}

#define FAILS(p, ...) fails_to_start(p, (const char *const[]) { __VA_ARGS__, NULL })

static void make_kernel(struct peer *p, const void *bytes, size_t size)
{
	int fd;

	snprintf(made, sizeof(made), "%s/kernel", p->directory);
	fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	strcpy(p->definition.kernel, made);
}

static void names_a_missing_kernel(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	strcpy(p->definition.kernel, "/nonexistent/vmlinux");
	FAILS(p, "kernel", "/nonexistent/vmlinux", "No such file");
}

static void names_a_kernel_that_is_none(void **state)
{
	struct peer *p = *state;
	char text[512] = "#!/bin/sh\n";

	peer_open(p, "beat");
	make_kernel(p, text, sizeof(text));
	FAILS(p, "kernel", made, "not an ELF");
}

static void refuses_what_is_no_file(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	snprintf(made, sizeof(made), "%s/fifo", p->directory);
	assert_int_equal(mkfifo(made, 0600), 0);
	strcpy(p->definition.kernel, made);
	FAILS(p, "kernel", "not a regular file");
}

static void refuses_a_kernel_outside_of_memory(void **state)
{
	struct peer *p = *state;
	char guest[16384];
	Elf64_Ehdr h;
	Elf64_Phdr segment;
	ssize_t n;
	int fd;

	peer_open(p, "beat");
	fd = open(p->definition.kernel, O_RDONLY | O_CLOEXEC);
	n = read(fd, guest, sizeof(guest));
	close(fd);
	assert_true(n > (ssize_t)sizeof(h));
	memcpy(&h, guest, sizeof(h));
	memcpy(&segment, guest + h.e_phoff, sizeof(segment));
	segment.p_paddr = 0x50000000;
	memcpy(guest + h.e_phoff, &segment, sizeof(segment));
	make_kernel(p, guest, (size_t)n);
	FAILS(p, "kernel", "0x50000000", "outside of guest memory", "2 MiB");
}

static void explains_an_unusable_kvm(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->inject = "open=13";
	FAILS(p, "/dev/kvm", "may not be opened", "group kvm");
}

static void explains_a_missing_kvm(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->inject = "open=2";
	FAILS(p, "/dev/kvm", "not there", "load the kvm module");
}

static void names_the_call_that_failed(void **state)
{
	struct peer *p = *state;

	peer_open(p, "smp");
	p->definition.vcpu_count = 3;
	p->inject = "KVM_CREATE_VCPU=12@2";
	FAILS(p, "KVM_CREATE_VCPU", "vCPU 1", "Cannot allocate memory");
}

static void names_cpus_that_cannot_be_had(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->definition.placement[0].word[VM_CPU_MAX / 64 - 1] = 1ull << 63;
	FAILS(p, "vCPU 0", "CPUs");
}

static void refuses_a_memory_file_that_is_too_small(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->memory_missing = 4096;
	FAILS(p, "memory file", "smaller");
}

static void tells_a_broken_vcpu(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;

	peer_open(p, "beat");
	p->inject = "KVM_RUN=5@20";
	peer_run(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_VCPU_ERROR);
	assert_int_equal(frame.ended.end.errno_value, EIO);
	peer_leave(p);
}

/* Before birth: the VMM has nothing to stay for. */
static void await_newborn(struct peer *p)
{
	peer_open(p, "beat");
	peer_spawn(p);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, NULL);
}

static void expect_exit(struct peer *p, int code)
{
	int status = peer_wait(p);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void exits_on_end_of_file_before_birth(void **state)
{
	struct peer *p = *state;

	await_newborn(p);
	peer_hang_up(p);
	expect_exit(p, 1);
}

/* As if the host had no time for it just there. */
static void spawn_and_stop_once_connected(struct peer *p)
{
	struct pollfd connected = { .fd = p->listener, .events = POLLIN };
	int status;

	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl(where_vmm(), where_vmm(), "--socket", p->socket_path, p->definition.name, (char *)NULL);
		_exit(127);
	}
	do {
		assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
		assert_true(WIFSTOPPED(status));
		if (poll(&connected, 1, 0) == 1)
			return;
	} while (ptrace(PTRACE_SYSCALL, p->pid, NULL, NULL) == 0);
	fail();
}

static void says_its_first_word_again_where_nobody_waited_for_it(void **state)
{
	struct vmm_refused refused = { { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_REFUSED, 0, 0 }, "no first frame in time" };
	struct peer *p = *state;

	peer_open(p, "beat");
	spawn_and_stop_once_connected(p);
	peer_accept(p);
	peer_send_raw(p, &refused, sizeof(refused), NULL, 0);
	close(p->link);
	assert_int_equal(ptrace(PTRACE_DETACH, p->pid, NULL, NULL), 0);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, NULL);
	peer_birth(p);
	peer_expect(p, VMM_BUILT, NULL);
	peer_enter(p);
	peer_leave(p);
}

static void exits_when_refused(void **state)
{
	struct peer *p = *state;
	struct vmm_refused refused = {
		.header = { .magic = VMM_LINK_MAGIC, .version = VMM_LINK_VERSION, .kind = VMM_REFUSED },
		.reason = "no such VM",
	};

	await_newborn(p);
	peer_send_raw(p, &refused, sizeof(refused), NULL, 0);
	expect_exit(p, 1);
}

static void exits_when_a_new_daemon_refuses_it(void **state)
{
	struct peer *p = *state;
	struct vmm_refused refused = {
		.header = { .magic = VMM_LINK_MAGIC, .version = VMM_LINK_VERSION, .kind = VMM_REFUSED },
		.reason = "nobody knows this life",
	};

	peer_open(p, "spin");
	peer_run(p);
	peer_expect_count(p, 0, 1);
	peer_hang_up(p);
	peer_listen(p);
	peer_accept(p);
	peer_expect(p, VMM_BACK, NULL);
	refused.header.life = p->life;
	peer_send_raw(p, &refused, sizeof(refused), NULL, 0);
	expect_exit(p, 1);
	assert_false(peer_holds_lock(p));
}

static void exits_on_sigterm_before_birth(void **state)
{
	struct peer *p = *state;

	await_newborn(p);
	kill(p->pid, SIGTERM);
	expect_exit(p, 0);
}

static void refuses_a_birth(struct peer *p, const struct vmm_birth *birth, unsigned fd_count)
{
	int fds[8], null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; i < 8; i++)
		fds[i] = null;
	peer_send_raw(p, birth, sizeof(*birth), fds, fd_count);
	close(null);
	expect_exit(p, 1);
}

static void refuses_a_birth_with_too_few_descriptors(void **state)
{
	struct peer *p = *state;
	struct vmm_birth birth;

	await_newborn(p);
	birth = peer_birth_frame(p);
	refuses_a_birth(p, &birth, 3);
}

static void refuses_a_birth_with_too_many_descriptors(void **state)
{
	struct peer *p = *state;
	struct vmm_birth birth;

	await_newborn(p);
	birth = peer_birth_frame(p);
	refuses_a_birth(p, &birth, 8);
}

static void refuses_descriptors_that_are_no_files(void **state)
{
	struct peer *p = *state;
	struct vmm_birth birth;

	await_newborn(p);
	birth = peer_birth_frame(p);
	refuses_a_birth(p, &birth, 4);
}

/* One byte more than the largest frame: what was cut off must not be overlooked. */
static void refuses_a_birth_that_is_too_long(void **state)
{
	struct peer *p = *state;
	struct {
		struct vmm_birth birth;
		uint8_t more;
	} long_one = { .more = 1 };

	await_newborn(p);
	long_one.birth = peer_birth_frame(p);
	peer_birth_as(p, &long_one, sizeof(long_one.birth) + 1);
	expect_exit(p, 1);
}

static void refuses_the_birth_of_another(void **state)
{
	struct peer *p = *state;
	struct vmm_birth birth;

	await_newborn(p);
	birth = peer_birth_frame(p);
	strcpy(birth.definition.name, "other");
	refuses_a_birth(p, &birth, 4);
}

/* After birth: the link is closed, the guest runs on, and the VMM comes back. */
static void hangs_up_on(struct peer *p, const struct vmm_frame_header *frame, size_t size)
{
	struct vmm_back back;
	uint64_t count = peer_count(p, 0);

	peer_send_raw(p, frame, size, NULL, 0);
	peer_expect_hangup(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_ENTERED);
	peer_expect_count(p, 0, count + 1);
}

static void hangs_up_on_broken_frames_and_runs_on(void **state)
{
	struct peer *p = *state;
	struct vmm_frame_header good, bad;

	peer_open(p, "beat");
	peer_run(p);
	good = (struct vmm_frame_header) { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_QUIESCE, p->life, p->command + 1 };
	bad = good, bad.life++;
	hangs_up_on(p, &bad, sizeof(bad));
	bad = good, bad.kind = 999;
	hangs_up_on(p, &bad, sizeof(bad));
	bad = good, bad.magic = 0;
	hangs_up_on(p, &bad, sizeof(bad));
	bad = good, bad.version++;
	hangs_up_on(p, &bad, sizeof(bad));
	bad = good, bad.command = 1;
	hangs_up_on(p, &bad, sizeof(bad));
	bad = good, bad.kind = VMM_BIRTH;
	hangs_up_on(p, &bad, sizeof(bad));
	hangs_up_on(p, &good, sizeof(good) - 1);
	peer_leave(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_a_missing_kernel),
		TEST(names_a_kernel_that_is_none),
		TEST(refuses_what_is_no_file),
		TEST(refuses_a_kernel_outside_of_memory),
		TEST(explains_an_unusable_kvm),
		TEST(explains_a_missing_kvm),
		TEST(names_the_call_that_failed),
		TEST(names_cpus_that_cannot_be_had),
		TEST(refuses_a_memory_file_that_is_too_small),
		TEST(tells_a_broken_vcpu),
		TEST(exits_on_end_of_file_before_birth),
		TEST(says_its_first_word_again_where_nobody_waited_for_it),
		TEST(exits_when_refused),
		TEST(exits_when_a_new_daemon_refuses_it),
		TEST(exits_on_sigterm_before_birth),
		TEST(refuses_a_birth_with_too_few_descriptors),
		TEST(refuses_a_birth_with_too_many_descriptors),
		TEST(refuses_descriptors_that_are_no_files),
		TEST(refuses_a_birth_that_is_too_long),
		TEST(refuses_the_birth_of_another),
		TEST(hangs_up_on_broken_frames_and_runs_on),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); nothing of the VMM was tested\n",
			strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
