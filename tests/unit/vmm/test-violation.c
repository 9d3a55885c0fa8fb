/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads of a VMM make calls that are on no list, at once: the last words are whole all the same. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/sandbox/sandbox.h"

#define PAGE  65536u /* as large as any */
#define LIMIT 60000  /* ms */

static struct last_words *words; /* shared with the child, so that they outlive it */

static void must(bool well, const char *what)
{
	if (well)
		return;
	perror(what);
	_exit(EXIT_FAILURE);
}

static int map_words(void **state)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	words = at;
	return at == MAP_FAILED;
}

static int unmap_words(void **state)
{
	return munmap(words, PAGE);
}

static void close_sandbox(void)
{
	struct sock_filter rows[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(rows) / sizeof(rows[0]), .filter = rows };

	must(violation_catch() == 0, "violation_catch");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0, "seccomp");
	sandbox_last_words(words);
}

static void *violate(void *index)
{
	violation_thread(SANDBOX_VCPU, (unsigned)(uintptr_t)index);
	must(syscall(SYS_getppid, 7, 0) < 0, "it came back");
	return NULL;
}

static _Atomic int second; /* its thread id */

static void *violate_second(void *arg)
{
	second = (int)syscall(SYS_gettid);
	return violate((void *)1);
}

/* Whoever touches the page stands there until it is given. */
static int hold(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register all = { .range = { (uintptr_t)page, PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK); /* without it, poll says POLLERR at once */

	must(fd >= 0, "userfaultfd");
	must(ioctl(fd, UFFDIO_API, &api) == 0, "UFFDIO_API");
	must(ioctl(fd, UFFDIO_REGISTER, &all) == 0, "UFFDIO_REGISTER");
	return fd;
}

static void wait_until_held(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	must(poll(&wait, 1, LIMIT) == 1 && wait.revents == POLLIN, "the first thread comes to its last words");
}

static void give(int fd, void *page)
{
	static _Alignas(PAGE) char empty[PAGE];
	struct uffdio_copy copy = { .dst = (uintptr_t)page, .src = (uintptr_t)empty, .len = PAGE };

	must(ioctl(fd, UFFDIO_COPY, &copy) == 0, "UFFDIO_COPY");
}

/* What the thread does in the kernel: the number of its call, or -1 where it runs. */
static int call_of(int thread)
{
	char path[64];
	FILE *f;
	int number = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", thread);
	f = fopen(path, "re");
	must(f, path);
	if (fscanf(f, "%d", &number) != 1)
		number = -1;
	fclose(f);
	return number;
}

/* In the child: the first is at its last words when the second comes, which may not end the process under it. */
static void two_at_once(void)
{
	int fd = hold(words);
	pthread_t thread;

	close_sandbox();
	must(pthread_create(&thread, NULL, violate, NULL) == 0, "the first thread");
	wait_until_held(fd);
	must(pthread_create(&thread, NULL, violate_second, NULL) == 0, "the second thread");
	while (!second || call_of(second) != SYS_futex) /* whoever does not wait ends us here */
		;
	give(fd, words);
	for (;;)
		pause();
}

static void of_two_threads_at_once_the_first_is_told(void **state)
{
	pid_t child = fork();
	int status;

	assert_return_code(child, errno);
	if (!child) {
		alarm(LIMIT / 1000);
		two_at_once();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status)); /* the filter of the VMM has SIGSYS for that call */
	assert_int_equal(WEXITSTATUS(status), 159);
	assert_int_equal(words->magic, LAST_WORDS_MAGIC);
	assert_int_equal(words->end.cause, CAUSE_VMM_SIGNAL);
	assert_int_equal(words->end.vcpu, 0);
	assert_non_null(strstr(words->end.text, "SIGSYS: vCPU 0's thread made system call "));
	assert_non_null(strstr(words->end.text, " with 0x7, 0x0: not in its sandbox"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_two_threads_at_once_the_first_is_told, map_words, unmap_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
