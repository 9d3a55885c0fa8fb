/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define OPTIONS_MAX 32

const char *process_program;

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(a.sun_path));
	strcpy(a.sun_path, path);
	return a;
}

void process_make(struct process *p)
{
	struct sockaddr_un a;

	*p = (struct process){ .notify_fd = -1 };
	strcpy(p->dir, "/tmp/spmc-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->hypervisor, sizeof(p->hypervisor), "%s/hypervisor", p->dir);
	snprintf(p->inspect, sizeof(p->inspect), "%s/inspect", p->dir);
	snprintf(p->state, sizeof(p->state), "%s/state", p->dir);
	snprintf(p->notify, sizeof(p->notify), "%s/notify", p->dir);
	p->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	a = address_of(p->notify);
	assert_int_equal(bind(p->notify_fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

static void wait_for(int fd, short events)
{
	struct pollfd f = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&f, 1, PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	assert_int_equal(n, 1);
}

/* Reads until READY=1; what an earlier process said while it stopped is passed over. */
static void wait_ready(struct process *p)
{
	char text[64];
	ssize_t n;

	do {
		wait_for(p->notify_fd, POLLIN);
		n = recv(p->notify_fd, text, sizeof(text) - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
	} while (strcmp(text, "READY=1") != 0);
}

static void run(const struct process *p, const char *const *options)
{
	const char *argv[OPTIONS_MAX] = { process_program, "--socket", p->hypervisor, "--inspect", p->inspect };
	int n = 5;

	while (options && *options && n < OPTIONS_MAX - 1)
		argv[n++] = *options++;
	setenv("NOTIFY_SOCKET", p->notify, 1);
	execv(process_program, (char *const *)argv);
	_exit(127);
}

static void spawn(struct process *p, const char *const *options)
{
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		run(p, options);
}

void process_start(struct process *p, const char *const *options)
{
	spawn(p, options);
	wait_ready(p);
}

int process_fails(struct process *p, const char *const *options)
{
	int status;

	spawn(p, options);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As the service manager does it: the fds from 3 on, and whose they are. */
void process_inherit(struct process *p, int hypervisor, int inspect)
{
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		char pid[16];

		dup2(hypervisor, 100);
		dup2(inspect, 101);
		dup2(101, 3);
		dup2(100, 4);
		snprintf(pid, sizeof(pid), "%d", getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "2", 1);
		setenv("LISTEN_FDNAMES", "inspect:hypervisor", 1);
		run(p, NULL);
	}
	wait_ready(p);
}

int process_end(struct process *p, int signal)
{
	int status;

	assert_int_equal(kill(p->pid, signal), 0);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	return status;
}

/* A test that failed may have left it running. */
void process_remove(struct process *p)
{
	if (p->pid > 0)
		process_end(p, SIGKILL);
	close(p->notify_fd);
	unlink(p->notify);
	unlink(p->hypervisor);
	unlink(p->inspect);
	unlink(p->state);
	assert_int_equal(rmdir(p->dir), 0);
}

static int connect_to(const char *path, int type)
{
	struct sockaddr_un a = address_of(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

int link_connect(const struct process *p)
{
	return connect_to(p->hypervisor, SOCK_SEQPACKET);
}

void link_hello(int fd, uint64_t incarnation, int rx)
{
	struct secure_link_hello h = {
		.header = { .magic = SECURE_LINK_MAGIC, .version = SECURE_LINK_VERSION, .kind = SECURE_LINK_HELLO },
		.incarnation = incarnation,
	};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec v = { &h, sizeof(h) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (rx >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &rx, sizeof(rx));
	}
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), sizeof(h));
}

size_t link_read(int fd, void *frame, size_t size)
{
	ssize_t n;

	wait_for(fd, POLLIN);
	n = recv(fd, frame, size, 0);
	/* A peer that closes with something unread resets. */
	return n > 0 ? (size_t)n : 0;
}

int link_open(const struct process *p, uint64_t incarnation, struct secure_link_welcome *ret)
{
	int fd = link_connect(p);
	size_t n;

	link_hello(fd, incarnation, -1);
	n = link_read(fd, ret, sizeof(*ret));
	assert_true(n >= offsetof(struct secure_link_welcome, sp));
	assert_int_equal(ret->header.magic, SECURE_LINK_MAGIC);
	assert_int_equal(ret->header.kind, SECURE_LINK_WELCOME);
	assert_int_equal(n, offsetof(struct secure_link_welcome, sp) + ret->sp_count * sizeof(ret->sp[0]));
	return fd;
}

void link_submit(int fd, uint64_t id, const uint64_t x[8])
{
	struct secure_link_call c = {
		.header = { .magic = SECURE_LINK_MAGIC,
			.version = SECURE_LINK_VERSION,
			.kind = SECURE_LINK_SUBMIT,
			.id = id },
	};

	memcpy(c.x, x, 8 * sizeof(x[0]));
	assert_int_equal(send(fd, &c, sizeof(c), MSG_NOSIGNAL), sizeof(c));
}

/* Doorbells that come before the answer are passed over. */
struct secure_link_call link_call(int fd, const uint64_t x[8])
{
	static uint64_t id = 1000;
	struct secure_link_call c;

	link_submit(fd, ++id, x);
	do
		assert_true(link_read(fd, &c, sizeof(c)) > 0);
	while (c.header.kind == SECURE_LINK_DOORBELL);
	assert_int_equal(c.header.kind, SECURE_LINK_COMPLETE);
	assert_int_equal(c.header.id, id);
	return c;
}

int32_t link_message(int fd, uint16_t sp, uint32_t type, uint16_t vm)
{
	uint64_t x[8] = { 0x8400006F, sp, 0x80000000u | type, 0xFFFFFFFF, 0xFFFFFFFF, vm };
	struct secure_link_call c = link_call(fd, x);

	assert_int_equal(c.x[0], 0x84000070);
	return (int32_t)c.x[3];
}

struct json_object *process_inspect(const struct process *p)
{
	static char text[1 << 20];
	int fd = connect_to(p->inspect, SOCK_STREAM);
	size_t length = 0;
	struct json_object *o;
	ssize_t n;

	while ((n = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0)
		length += (size_t)n;
	assert_int_equal(n, 0);
	close(fd);
	text[length] = '\0';
	o = json_tokener_parse(text);
	assert_non_null(o);
	return o;
}

int process_setup(void **state)
{
	static struct process p;

	process_make(&p);
	*state = &p;
	return 0;
}

int process_teardown(void **state)
{
	process_remove(*state);
	return 0;
}

bool same_instance(const struct secure_link_welcome *a, const struct secure_link_welcome *b)
{
	return memcmp(a->instance, b->instance, sizeof(a->instance)) == 0;
}

void assert_hung_up(int fd)
{
	char byte;

	assert_int_equal(link_read(fd, &byte, 1), 0);
	close(fd);
}

void assert_hung_up_at_last(int fd)
{
	struct secure_link_doorbell d;

	while (link_read(fd, &d, sizeof(d)) == sizeof(d))
		assert_int_equal(d.header.kind, SECURE_LINK_DOORBELL);
	assert_hung_up(fd);
}
