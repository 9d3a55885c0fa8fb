/* SPDX-License-Identifier: Apache-2.0 */

/*
 * slow-disk SOCKET PROGRAM [ARGS]: runs the program on a disk that is in a test's hands. Whatever it syncs, the kernel asks us
 * first (seccomp's notifications). By SOCKET one connection at a time says, a line each, answered by a line:
 *
 *   hold      from now on syncs wait
 *   fail N    they fail, with that errno
 *   go        they do what they are for; so do those that wait
 *   look      "W S": how many wait now, and how many there were
 *
 * The program keeps our process id. Ours is another one, and ends with it.
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define WAITING_MAX 16

struct disk {
	int kernel, listener, client, program;
	int error; /* what a sync is answered; 0: it is done */
	int holds;
	uint64_t waiting[WAITING_MAX];
	unsigned waiting_count, seen;
};

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

/* A sync of anything; the rest is no matter of ours. */
static int watch_syncs(void)
{
	struct sock_filter is_sync[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fdatasync, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsync, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(is_sync) / sizeof(*is_sync), is_sync };

	if (geteuid() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("no_new_privs");
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Whoever asked may be dead by now: then nobody needs the answer. */
static void answer(struct disk *d, uint64_t id)
{
	struct seccomp_notif_resp r = { .id = id, .error = -d->error };

	if (!d->error)
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (ioctl(d->kernel, SECCOMP_IOCTL_NOTIF_SEND, &r) < 0 && errno != ENOENT)
		die("answer");
}

static void is_asked(struct disk *d)
{
	struct seccomp_notif n = { 0 };

	if (ioctl(d->kernel, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
		if (errno == ENOENT || errno == EINTR)
			return;
		die("ask");
	}
	d->seen++;
	if (d->holds && d->waiting_count < WAITING_MAX)
		d->waiting[d->waiting_count++] = n.id;
	else
		answer(d, n.id);
}

static void go(struct disk *d, int error)
{
	d->holds = 0;
	d->error = error;
	for (unsigned i = 0; i < d->waiting_count; i++)
		answer(d, d->waiting[i]);
	d->waiting_count = 0;
}

static void obey(struct disk *d, const char *line, char *reply, size_t size)
{
	snprintf(reply, size, "ok\n");
	if (strcmp(line, "hold\n") == 0)
		d->holds = 1;
	else if (strcmp(line, "go\n") == 0)
		go(d, 0);
	else if (strncmp(line, "fail ", 5) == 0)
		go(d, atoi(line + 5));
	else if (strcmp(line, "look\n") == 0)
		snprintf(reply, size, "%u %u\n", d->waiting_count, d->seen);
	else
		snprintf(reply, size, "what?\n");
}

static void is_told(struct disk *d)
{
	char line[64], reply[64];
	ssize_t n = read(d->client, line, sizeof(line) - 1);

	if (n <= 0) {
		close(d->client);
		d->client = -1;
		return;
	}
	line[n] = '\0';
	obey(d, line, reply, sizeof(reply));
	if (write(d->client, reply, strlen(reply)) < 0)
		die("reply");
}

static void serve(struct disk *d)
{
	for (;;) {
		struct pollfd p[] = { { d->kernel, POLLIN, 0 }, { d->client < 0 ? d->listener : d->client, POLLIN, 0 },
			{ d->program, POLLIN, 0 } };

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			die("poll");
		if (p[2].revents)
			_exit(0);
		if (p[0].revents & POLLIN)
			is_asked(d);
		if (p[1].revents && d->client < 0)
			d->client = accept(d->listener, NULL, NULL);
		else if (p[1].revents)
			is_told(d);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	struct disk d = { .client = -1 };
	pid_t child;

	if (argc < 3) {
		fputs("slow-disk SOCKET PROGRAM [ARGS]\n", stderr);
		return 2;
	}
	d.listener = listen_at(argv[1]);
	d.program = (int)syscall(SYS_pidfd_open, getpid(), 0);
	d.kernel = watch_syncs();
	if (d.program < 0 || d.kernel < 0)
		die("the kernel does not ask");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		setsid();
		serve(&d);
	}
	execvp(argv[2], argv + 2); /* what is ours closes */
	die(argv[2]);
}
