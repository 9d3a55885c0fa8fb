/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "where.h"

#define RING_BYTES 4096
#define COUNTERS   0x100000

static void fail_because(const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "peer: ");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	fail();
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int peer_limit(void)
{
	const char *multiplier = getenv("LIFECYCLED_TIMEOUT_MULTIPLIER");

	return 90000 * (multiplier && atoi(multiplier) > 0 ? atoi(multiplier) : 1);
}

static int sized_file(const char *name, off_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static void make_files(struct peer *p)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	p->memory = sized_file("memory", (off_t)p->definition.memory_bytes - p->memory_missing);
	p->lock = sized_file("lock", 0);
	p->words = sized_file("words", sizeof(struct last_words));
	p->console = sized_file("console", CONSOLE_RING_DATA + p->ring_bytes);
	assert_int_equal(fcntl(p->lock, F_OFD_SETLK, &lock), 0);
	p->ring =
		mmap(NULL, CONSOLE_RING_DATA + p->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->console, 0);
	p->last_words =
		mmap(NULL, sizeof(struct last_words), PROT_READ | PROT_WRITE, MAP_SHARED, p->words, 0);
	assert_true(p->ring != MAP_FAILED && p->last_words != MAP_FAILED);
}

void peer_listen(struct peer *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	p->incarnation++;
	unlink(p->socket_path);
	strcpy(address.sun_path, p->socket_path);
	p->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(p->listener, 16), 0);
}

void peer_open(struct peer *p, const char *guest)
{
	*p = (struct peer) { .listener = -1, .link = -1, .memory = -1, .life = 7, .command = 100 };
	strcpy(p->directory, "/tmp/test-vmm-XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	snprintf(p->socket_path, sizeof(p->socket_path), "%s/vmm.sock", p->directory);
	strcpy(p->definition.name, "guest");
	p->definition.vcpu_count = 1;
	p->definition.memory_bytes = DEFINITION_MEMORY_MIN;
	p->definition.console = CONSOLE_SERIAL;
	p->ring_bytes = RING_BYTES;
	where_guest(guest, p->definition.kernel, sizeof(p->definition.kernel));
	peer_listen(p);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void peer_hang_up(struct peer *p)
{
	close_one(&p->link);
	close_one(&p->listener);
	unlink(p->socket_path);
}

void peer_close(struct peer *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	peer_hang_up(p);
	rmdir(p->directory);
	if (p->memory < 0)
		return;
	munmap(p->ring, CONSOLE_RING_DATA + p->ring_bytes);
	munmap(p->last_words, sizeof(struct last_words));
	close_one(&p->memory);
	close_one(&p->lock);
	close_one(&p->lock_again);
	close_one(&p->words);
	close_one(&p->console);
}

void peer_spawn(struct peer *p)
{
	const char *vmm = where_vmm();

	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid > 0)
		return;
	if (p->inject)
		setenv("LIFECYCLED_VMM_INJECT", p->inject, 1);
	execl(vmm, vmm, "--socket", p->socket_path, p->definition.name, (char *)NULL);
	_exit(127);
}

static void wait_readable(int fd, const char *what)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (poll(&wait, 1, peer_limit()) != 1)
		fail_because("nothing came: %s", what);
}

void peer_accept(struct peer *p)
{
	wait_readable(p->listener, "a VMM");
	p->link = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->link >= 0);
}

void peer_send_raw(struct peer *p, const void *frame, size_t size, const int *fds, unsigned fd_count)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)frame, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd_count) {
		struct cmsghdr *c;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	assert_int_equal(sendmsg(p->link, &message, MSG_NOSIGNAL), size);
}

static struct vmm_frame_header header(const struct peer *p, enum vmm_frame_kind kind)
{
	return (struct vmm_frame_header) {
		.magic = VMM_LINK_MAGIC,
		.version = VMM_LINK_VERSION,
		.kind = (uint16_t)kind,
		.life = p->life,
		.command = p->command,
	};
}

void peer_send(struct peer *p, enum vmm_frame_kind kind)
{
	struct vmm_frame_header frame;

	p->command++;
	frame = header(p, kind);
	peer_send_raw(p, &frame, sizeof(frame), NULL, 0);
}

struct vmm_birth peer_birth_frame(const struct peer *p)
{
	return (struct vmm_birth) {
		.header = header(p, VMM_BIRTH),
		.speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } },
		.incarnation = p->incarnation,
		.ffa_id = 1,
		.definition = p->definition,
	};
}

static int reopen(int fd)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

bool peer_holds_lock(const struct peer *p)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	assert_int_equal(fcntl(p->lock_again, F_OFD_GETLK, &lock), 0);
	return lock.l_type != F_UNLCK;
}

void peer_birth_as(struct peer *p, const void *birth, size_t size)
{
	int fds[VMM_FD_COUNT];

	make_files(p);
	fds[VMM_FD_MEMORY] = p->memory;
	fds[VMM_FD_LIFE_LOCK] = p->lock;
	fds[VMM_FD_LAST_WORDS] = p->words;
	fds[VMM_FD_CONSOLE] = p->console;
	peer_send_raw(p, birth, size, fds, VMM_FD_COUNT);
	/* From here the VMM's copy alone holds the lock; another description of the file is kept to ask about
	 * it. */
	p->lock_again = reopen(p->lock);
	close_one(&p->lock);
}

void peer_birth(struct peer *p)
{
	struct vmm_birth birth = peer_birth_frame(p);

	peer_birth_as(p, &birth, sizeof(birth));
}

/* One frame; its size is checked against its kind. */
static size_t read_frame(struct peer *p, union peer_frame *ret)
{
	static const size_t sizes[] = {
		[VMM_NEWBORN] = sizeof(struct vmm_newborn),
		[VMM_BACK] = sizeof(struct vmm_back),
		[VMM_BUILT] = sizeof(struct vmm_frame_header),
		[VMM_ENTERED] = sizeof(struct vmm_frame_header),
		[VMM_VCPU] = sizeof(struct vmm_vcpu),
		[VMM_QUIESCED] = sizeof(struct vmm_frame_header),
		[VMM_ENDED] = sizeof(struct vmm_ended),
		[VMM_STOPPING] = sizeof(struct vmm_frame_header),
		[VMM_DEAF] = sizeof(struct vmm_frame_header),
		[VMM_DEVICE] = sizeof(struct vmm_device),
		[VMM_SANDBOX] = sizeof(struct vmm_sandbox),
		[VMM_PAUSED] = sizeof(struct vmm_frame_header),
		[VMM_WANT_CHANNEL] = sizeof(struct vmm_channel),
		[VMM_NOT_PAUSED] = sizeof(struct vmm_frame_header),
		[VMM_NOT_RESUMED] = sizeof(struct vmm_frame_header),
	};
	ssize_t n;

	wait_readable(p->link, "a frame");
	n = recv(p->link, ret, sizeof(*ret), 0);
	if (n <= 0)
		return 0;
	assert_int_equal(ret->header.magic, VMM_LINK_MAGIC);
	assert_int_equal(ret->header.version, VMM_LINK_VERSION);
	assert_true(ret->header.kind < sizeof(sizes) / sizeof(sizes[0]));
	assert_true(sizes[ret->header.kind] != 0);
	assert_int_equal(n, sizes[ret->header.kind]);
	assert_int_equal(ret->header.life, ret->header.kind == VMM_NEWBORN ? 0 : p->life);
	return (size_t)n;
}

static int note_device(struct peer *p, const struct vmm_device *d)
{
	assert_true(d->index < p->definition.assigned_count);
	p->device[d->index] = d->is;
	if (p->device_frames < sizeof(p->device_history) / sizeof(p->device_history[0])) {
		p->device_history[p->device_frames].index = (uint8_t)d->index;
		p->device_history[p->device_frames].state = d->is.state;
		p->device_history[p->device_frames].condition = d->is.condition;
	}
	p->device_frames++;
	return 1;
}

/* What is told of parts, in no order with the rest. */
static int note_part(struct peer *p, const union peer_frame *frame)
{
	if (frame->header.kind == VMM_DEVICE)
		return note_device(p, &frame->device);
	if (frame->header.kind == VMM_SANDBOX)
		return 1; /* as this kernel is */
	if (frame->header.kind != VMM_VCPU)
		return 0;
	assert_true(frame->vcpu.index < p->definition.vcpu_count);
	assert_true(frame->vcpu.state < VCPU_STATE_COUNT);
	p->vcpu[frame->vcpu.index] = frame->vcpu.state;
	p->vcpu_frames++;
	return 1;
}

void peer_expect(struct peer *p, enum vmm_frame_kind kind, union peer_frame *ret)
{
	union peer_frame frame;

	do
		if (!read_frame(p, &frame))
			fail_because("the VMM hung up instead of sending frame %d", kind);
	while (note_part(p, &frame));
	if (frame.header.kind != kind)
		fail_because("frame %d instead of %d (%s)", frame.header.kind, kind,
			frame.header.kind == VMM_ENDED ? frame.ended.end.text : "");
	if (ret)
		*ret = frame;
}

void peer_expect_soon(struct peer *p, enum vmm_frame_kind perhaps, enum vmm_frame_kind kind, union peer_frame *ret)
{
	union peer_frame frame;

	do
		if (!read_frame(p, &frame))
			fail_because("the VMM hung up instead of sending frame %d", kind);
	while (note_part(p, &frame) || frame.header.kind == perhaps);
	assert_int_equal(frame.header.kind, kind);
	if (ret)
		*ret = frame;
}

void peer_expect_vcpu(struct peer *p, unsigned index, enum vcpu_state state)
{
	union peer_frame frame;

	while (p->vcpu[index] != state) {
		if (!read_frame(p, &frame))
			fail_because("the VMM hung up before vCPU %u was in state %d", index, state);
		if (!note_part(p, &frame))
			fail_because("frame %d instead of a vCPU's", frame.header.kind);
	}
}

void peer_expect_device(struct peer *p, unsigned index, enum vfio_device_mig_state state, enum device_condition condition)
{
	union peer_frame frame;

	while (!p->device[index].type || p->device[index].state != state || p->device[index].condition != condition) {
		if (!read_frame(p, &frame))
			fail_because("the VMM hung up before device %u was in state %d", index, state);
		if (!note_part(p, &frame))
			fail_because("frame %d instead of a device's", frame.header.kind);
	}
}

void peer_expect_hangup(struct peer *p)
{
	union peer_frame frame;

	while (read_frame(p, &frame))
		;
	close_one(&p->link);
}

void peer_build(struct peer *p)
{
	union peer_frame frame;

	peer_spawn(p);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, &frame);
	assert_string_equal(frame.newborn.name, p->definition.name);
	peer_birth(p);
	peer_expect(p, VMM_BUILT, NULL);
	for (unsigned i = 0; i < p->definition.vcpu_count; i++)
		assert_int_equal(p->vcpu[i], VCPU_CREATED);
}

void peer_enter(struct peer *p)
{
	union peer_frame frame;

	peer_send(p, VMM_ENTER);
	peer_expect(p, VMM_ENTERED, &frame);
	assert_int_equal(frame.header.command, p->command);
	assert_int_equal(p->vcpu[0], VCPU_RUNNING); /* who sees the VM run must not see it stand */
}

void peer_run(struct peer *p)
{
	peer_build(p);
	peer_enter(p);
}

void peer_welcome(struct peer *p, struct vmm_back *ret)
{
	struct vmm_welcome welcome = { .header = header(p, VMM_WELCOME), .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } },
		.incarnation = p->incarnation };
	union peer_frame frame;

	peer_accept(p);
	peer_expect(p, VMM_BACK, &frame);
	*ret = frame.back;
	for (unsigned i = 0; i < ret->vcpu_count; i++)
		p->vcpu[i] = ret->vcpu[i];
	peer_send_raw(p, &welcome, sizeof(welcome), NULL, 0);
}

int peer_wait(struct peer *p)
{
	int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0), status;

	assert_true(pidfd >= 0);
	wait_readable(pidfd, "the VMM's death");
	close(pidfd);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	return status;
}

int peer_send_channel(struct peer *p, unsigned vcpu)
{
	struct vmm_channel frame = { .header = header(p, VMM_CHANNEL), .vcpu = (uint16_t)vcpu };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	peer_send_raw(p, &frame, sizeof(frame), &pair[1], 1);
	close(pair[1]);
	return pair[0];
}

int peer_give_channel(struct peer *p, unsigned *ret_vcpu)
{
	union peer_frame frame;

	peer_expect(p, VMM_WANT_CHANNEL, &frame);
	assert_true(frame.channel.vcpu < p->definition.vcpu_count);
	*ret_vcpu = frame.channel.vcpu;
	return peer_send_channel(p, frame.channel.vcpu);
}

void peer_leave(struct peer *p)
{
	peer_send(p, VMM_EXIT);
	assert_int_equal(peer_wait(p), 0);
}

uint64_t peer_count(const struct peer *p, unsigned vcpu)
{
	uint64_t value;

	assert_int_equal(pread(p->memory, &value, sizeof(value), COUNTERS + 64 * (off_t)vcpu), sizeof(value));
	return value;
}

void peer_expect_count(const struct peer *p, unsigned vcpu, uint64_t at_least)
{
	uint64_t until = now_ms() + peer_limit();

	/* Memory calls nobody, so this one looks again every millisecond. */
	while (peer_count(p, vcpu) < at_least) {
		if (now_ms() > until)
			fail_because("vCPU %u counted to %llu only", vcpu,
				(unsigned long long)peer_count(p, vcpu));
		poll(NULL, 0, 1);
	}
}

void peer_expect_console(const struct peer *p, const char *text)
{
	const uint8_t *data = (const uint8_t *)p->ring + CONSOLE_RING_DATA;
	uint64_t until = now_ms() + peer_limit();

	for (;;) {
		uint64_t head = __atomic_load_n(&p->ring->head, __ATOMIC_ACQUIRE);
		size_t have = head < p->ring_bytes ? head : p->ring_bytes;
		struct timespec second = { .tv_sec = 1 };

		if (have >= strlen(text) && memmem(data, have, text, strlen(text)))
			return;
		if (now_ms() > until)
			fail_because("the console says only: %.*s", (int)have, (const char *)data);
		syscall(SYS_futex, (uint32_t *)&p->ring->head, FUTEX_WAIT, (uint32_t)head, &second, NULL, 0);
	}
}

int peer_setup(void **state)
{
	static struct peer peer;

	*state = &peer;
	peer = (struct peer) { .listener = -1, .link = -1, .memory = -1 };
	return 0;
}

int peer_teardown(void **state)
{
	peer_close(*state);
	return 0;
}
