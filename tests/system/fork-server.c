/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is run hundreds of times and started once. Preloaded, this stands before its main(): for each request a fork
 * goes on into main() with arguments, environment, directory and descriptors of that request. What it saves is exec, the dynamic
 * linker, and in front of all a sanitizer's beginning; the program is as it was built. forked.py is the other side.
 *
 * FORK_SERVER names the descriptor of a SOCK_SEQPACKET socket. A request is of strings that each end with a NUL: the
 * directory, the number of arguments, the arguments, the environment; with it come four descriptors: 0, 1, 2 and a pipe, into
 * which go the child's pid and, when that is over, its wait status. It ends when nobody has the other end of the socket any more.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_MAX  (256u << 10)
#define WORDS_MAX    4096u
#define CHILDREN_MAX 64u
#define FDS          4u

typedef int main_fn(int, char **, char **);

static main_fn *real_main;

struct request {
	char *cwd, **argv, **env;
	int argc, fd[FDS];
};

static struct child {
	pid_t pid;
	int to; /* who waits for it */
} children[CHILDREN_MAX];

static void fail(const char *what)
{
	perror(what);
	_exit(127);
}

static void tell(int to, int number)
{
	if (write(to, &number, sizeof(number)) != sizeof(number) && errno != EPIPE)
		fail("fork-server: write");
}

/* False: nobody asks any more. */
static bool receive(int from, struct request *r)
{
	static char text[REQUEST_MAX + 1], *words[WORDS_MAX + 2];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS * sizeof(int))];
	} control;
	struct iovec data = { text, REQUEST_MAX };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
	unsigned count = 0;

	if (n <= 0)
		return false;
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !CMSG_FIRSTHDR(&m) || CMSG_FIRSTHDR(&m)->cmsg_len != CMSG_LEN(sizeof(r->fd)))
		fail("fork-server: not a request");
	memcpy(r->fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(r->fd));
	text[n] = '\0';
	for (char *at = text; at < text + n && count < WORDS_MAX; at += strlen(at) + 1)
		words[count++] = at;
	r->argc = count > 2 ? atoi(words[1]) : -1;
	if (r->argc < 1 || (unsigned)r->argc > count - 2 || count == WORDS_MAX)
		fail("fork-server: not the words of a request");
	r->cwd = words[0];
	memmove(words, words + 2, (size_t)r->argc * sizeof(words[0])); /* room for a NULL between arguments and environment */
	words[r->argc] = NULL;
	words[count] = NULL;
	r->argv = words;
	r->env = words + r->argc + 2;
	return true;
}

static struct child *room(void)
{
	for (struct child *c = children; c < children + CHILDREN_MAX; c++)
		if (!c->pid)
			return c;
	fail("fork-server: too many at once");
	return NULL;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct child *c = children; c < children + CHILDREN_MAX; c++)
			if (c->pid == pid) {
				tell(c->to, status);
				close(c->to);
				c->pid = 0;
			}
}

static void become(const struct request *r)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(r->fd[fd], fd) < 0)
			fail("fork-server: dup2");
	if (chdir(r->cwd) < 0)
		fail(r->cwd);
	environ = r->env;
}

static void on_child(int signo)
{
}

/* In a child: true, with what it is asked for. In the server: it does not come back. */
static bool serve(int from, struct request *r)
{
	struct sigaction heard = { .sa_handler = on_child }, before;
	struct pollfd wait = { .fd = from, .events = POLLIN };
	sigset_t block, mask;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigaddset(&block, SIGPIPE); /* who asked may be gone */
	sigprocmask(SIG_BLOCK, &block, &mask);
	sigaction(SIGCHLD, &heard, &before);
	for (;;) {
		sigset_t open = mask;
		struct child *c;

		sigaddset(&open, SIGPIPE);
		if (ppoll(&wait, 1, NULL, &open) > 0) {
			if (!receive(from, r))
				_exit(0);
			c = room();
			c->pid = fork();
			if (c->pid < 0)
				fail("fork-server: fork");
			if (!c->pid) {
				sigaction(SIGCHLD, &before, NULL);
				sigprocmask(SIG_SETMASK, &mask, NULL);
				become(r);
				return true;
			}
			tell(r->fd[3], c->pid);
			for (unsigned i = 0; i < 3; i++)
				close(r->fd[i]);
			c->to = r->fd[3];
		}
		reap();
	}
}

static int main_of_request(int argc, char **argv, char **env)
{
	const char *from = getenv("FORK_SERVER");
	struct request r;

	if (!from || !serve(atoi(from), &r))
		return 127;
	for (int fd = 3; fd < 64; fd++) /* the socket, and what other children are waited for by */
		close(fd);
	return real_main(r.argc, r.argv, r.env);
}

/* glibc's, which a program's first code calls. */
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
	void *stack_end);

int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
	void *stack_end)
{
	typedef int start_fn(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
	start_fn *start;
	void *found = dlsym(RTLD_NEXT, "__libc_start_main");

	memcpy(&start, &found, sizeof(start));
	real_main = main;
	return start(main_of_request, argc, argv, init, fini, rtld_fini, stack_end);
}
