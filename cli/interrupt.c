/* SPDX-License-Identifier: Apache-2.0 */
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

static sigset_t caught;
static volatile sig_atomic_t number_that_came;

static void on_interrupt(int number)
{
	number_that_came = number;
	(void)alarm(1); /* it may have come just before the write that it is to interrupt */
}

static void on_alarm(int number)
{
	(void)number;
}

/* Without SA_RESTART: a write that waits is to end. */
static void handle(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	(void)sigaddset(&caught, number);
	(void)sigprocmask(SIG_BLOCK, &caught, NULL);
	(void)sigaction(number, &action, NULL);
}

bool interrupted(void)
{
	return number_that_came;
}

/* ---- standard output and error ---- */

struct out {
	int fd;
	bool is_given_up; /* interrupted, and whoever reads has had a second since */
	int error;
};

static struct out output = { .fd = STDOUT_FILENO }, errors = { .fd = STDERR_FILENO };

static ssize_t write_some(int fd, const char *data, size_t size)
{
	sigset_t before;
	ssize_t n;
	int error;

	if (interrupted())
		(void)alarm(1);
	(void)sigprocmask(SIG_UNBLOCK, &caught, &before);
	n = write(fd, data, size);
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return n;
}

/* All of it, or it is an error of the stream for good; so a signal that interrupts nothing (^Z) must not cut it short. */
static ssize_t write_out(void *cookie, const char *data, size_t size)
{
	struct out *out = cookie;
	size_t done = 0;

	while (done < size && !out->is_given_up) {
		bool last = interrupted();
		ssize_t n = write_some(out->fd, data + done, size - done);

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		out->error = errno;
		if (errno != EINTR)
			break;
		out->is_given_up = last;
	}
	return (ssize_t)done;
}

static void make_interruptible(FILE **stream, struct out *out, int mode)
{
	static const cookie_io_functions_t functions = { .write = write_out };
	FILE *other = fopencookie(out, "w", functions);

	(void)fflush(*stream);
	if (!other) /* it waits for its reader, then */
		return;
	(void)setvbuf(other, NULL, mode, BUFSIZ);
	*stream = other;
}

static void make_both_interruptible(void)
{
	make_interruptible(&stdout, &output, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
	make_interruptible(&stderr, &errors, _IONBF);
}

void interrupt_catch(void)
{
	static bool is_done;

	if (is_done)
		return;
	is_done = true;
	(void)sigemptyset(&caught);
	handle(SIGALRM, on_alarm);
	handle(SIGINT, on_interrupt);
	handle(SIGTERM, on_interrupt);
	make_both_interruptible();
}

void interrupt_catch_also(int number, void (*handler)(int))
{
	struct sigaction before;

	if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		handle(number, handler ? handler : on_interrupt);
}

int interrupt_output_error(void)
{
	return output.error;
}

/* ---- waiting ---- */

int interrupt_poll(int fd, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = monotonic_now(), left = deadline > now ? deadline - now : 0;
	struct timespec t = { .tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u) };
	sigset_t none;
	int r;

	if (interrupted()) /* the signal itself came to whoever waited first */
		return -EINTR;
	(void)sigemptyset(&none);
	r = ppoll(&p, 1, deadline == UINT64_MAX ? NULL : &t, &none);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}
