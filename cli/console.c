/* SPDX-License-Identifier: Apache-2.0 */

/* console: what the guest said, and with --follow what it goes on to say. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "follow.h"
#include "interrupt.h"
#include "output.h"

#define CHUNK 16384
#define LOOK_MS 200

/* Raw into files and pipes; a terminal gets no control sequence of a guest's unless asked for. */
static void put_bytes(const struct cli *c, const char *name, const char *text, size_t size)
{
	struct json_object *o;

	if (wants_json(c)) {
		o = json_object_new_object();
		json_add_string(o, "name", name);
		json_add_text(o, "text", text, size);
		json_print(c, o);
	} else if (c->terminal && !c->raw) {
		put_text(stdout, text, size);
	} else {
		(void)fwrite(text, 1, size, stdout);
	}
}

static int say_lost(const struct cli *c, const char *name, uint64_t lost)
{
	if (lost && !c->quiet)
		(void)cli_say_error("console %s: %" PRIu64 " bytes were overwritten before they could be read", name, lost);
	return 0;
}

static volatile sig_atomic_t to_be_stopped; /* ^Z */

static void on_stop(int number)
{
	to_be_stopped = number;
}

/* What is there now. Bytes, or a negative errno. */
static ssize_t pump(const struct cli *c, const char *name, struct lifecycle_console *console)
{
	char chunk[CHUNK];
	ssize_t n, all = 0;

	do {
		uint64_t lost = 0;

		n = lifecycle_console_read(console, chunk, sizeof(chunk), &lost);
		if (n < 0)
			return n;
		(void)say_lost(c, name, lost);
		if (n > 0)
			put_bytes(c, name, chunk, (size_t)n);
		all += n;
		(void)fflush(stdout);
	} while (n > 0 && !ferror(stdout) && !interrupted() && !to_be_stopped); /* a guest may go on and on */
	return all;
}

/* Reads past all but the last lines: prints these. */
static ssize_t print_tail(const struct cli *c, const char *name, struct lifecycle_console *console)
{
	_cleanup_(free_p) char *text = NULL;
	size_t size, start;
	int r = console_read_all(console, &text, &size);

	if (r < 0)
		return r;
	start = tail_start(text, size, c->tail);
	if (size > start || wants_json(c))
		put_bytes(c, name, text + start, size - start);
	(void)fflush(stdout);
	return (ssize_t)size;
}

/* ---- the terminal, which a guest may have made anything of with --raw ---- */

/*
 * Ends what is half said (CAN, ST); to the first screen, without the jump that leaving the other one would be; soft reset
 * (DECSTR); cursor, wrapping; mouse, focus and bracketed paste off; ASCII; no colour; a line of its own.
 */
#define GIVE_BACK "\030\033\\" "\033[?47l" "\033[!p" "\033[?25h\033[?7h" "\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?1006l" \
	"\033[?2004l" "\033(B\017" "\033[0m\r\n"

static bool is_given_away(const struct cli *c)
{
	return c->terminal && c->raw;
}

static void catch_signals(const struct cli *c)
{
	interrupt_catch();
	interrupt_catch_also(SIGHUP, NULL);
	interrupt_catch_also(SIGQUIT, NULL);
	if (is_given_away(c))
		interrupt_catch_also(SIGTSTP, on_stop);
}

static void give_back(const struct cli *c)
{
	if (!is_given_away(c))
		return;
	(void)fputs(GIVE_BACK, stdout);
	(void)fflush(stdout);
}

/* ---- going on ---- */

struct watch {
	struct cli *c;
	const char *name;
	uint64_t life;
	struct lifecycle_stream *stream;
};

static uint64_t life_of(const struct watch *w)
{
	const struct lifecycle_vm *vm = lifecycle_vm_list_find(lifecycle_stream_snapshot(w->stream), w->name);

	return vm ? vm->life : 0;
}

static bool has_life(const struct watch *w)
{
	return w->life && life_of(w) == w->life;
}

static bool is_end(const struct watch *w, const struct lifecycle_event *e)
{
	return e->kind == LIFECYCLE_EVENT_VM_GONE ||
		(e->kind == LIFECYCLE_EVENT_STATE && e->new_state == LIFECYCLE_STATE_NULL && e->life == w->life);
}

/* 1: the life is over, so the ring has its last byte. A guest outlives the daemon: another one is waited for. */
static int is_over(struct watch *w)
{
	for (;;) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(w->stream, &e);

		if (r == -EAGAIN)
			return 0;
		if (r == 0 && is_end(w, &e))
			return 1;
		if (r == 0)
			continue;
		r = follow_again(w->c, w->name, &w->stream, UINT64_MAX);
		if (r < 0)
			return r;
		if (!lifecycle_stream_replayed(w->stream))
			return !has_life(w);
	}
}

/* Waits a little. -EINTR: leave. Stopped by ^Z, the shell gets its terminal, and what follows is shown when it goes on. */
static int pause_shortly(const struct cli *c, struct lifecycle_console *console, bool over)
{
	/* The ring wakes nobody at an end of life, nor does a signal: look at both now and then. */
	(void)lifecycle_console_wait(console, over ? 0 : LOOK_MS);
	(void)interrupt_poll(-1, 0);
	if (interrupted())
		return -EINTR;
	/* It may have come here, or in a write. */
	if (to_be_stopped) {
		to_be_stopped = 0;
		give_back(c);
		(void)raise(SIGSTOP);
	}
	return 0;
}

static int follow(struct watch *w, struct lifecycle_console *console)
{
	int over = !has_life(w);

	for (;;) {
		ssize_t n;

		over = over ? over : is_over(w);
		if (over == -EINTR)
			return over;
		n = pump(w->c, w->name, console);
		if (n < 0 || (over && n == 0))
			return n < 0 ? (int)n : over < 0 ? -ENOTCONN : 0;
		if (interrupted() || ferror(stdout))
			return -EPIPE;
		if (pause_shortly(w->c, console, over) < 0)
			return -EINTR;
	}
}

static int leave(const struct cli *c, const char *name, int r)
{
	give_back(c);
	if (r == -EINTR)
		return CLI_INTERRUPTED;
	if (r == -ENOTCONN) {
		(void)cli_say_error("console %s: lifecycled went away and did not come back; the guest goes on", name);
		return CLI_NO_DAEMON;
	}
	if (r == -EPIPE) /* standard output, and it is said why */
		return CLI_FAILED;
	if (r < 0)
		return cli_say_error("console %s: cannot be read: %s", name, strerror(-r));
	if (c->follow && !c->quiet)
		(void)cli_say_error("console %s: the life is over", name);
	return 0;
}

int verb_console(struct cli *c, int argc, char **argv)
{
	_cleanup_(console_unrefp) struct lifecycle_console *console = NULL;
	struct watch w = { .c = c, .name = argv[0] };
	ssize_t n;

	if (c->follow && lifecycle_subscribe(c->l, argv[0], NULL, 0, &w.stream) < 0)
		return cli_fail(c, "console", argv[0]);
	w.life = c->follow ? life_of(&w) : 0;
	if (lifecycle_console_open(c->l, argv[0], &console) < 0) {
		lifecycle_stream_unref(w.stream);
		return cli_fail(c, "console", argv[0]);
	}
	catch_signals(c);
	if (c->follow && c->tail < 0)
		n = pump(c, argv[0], console);
	else
		n = print_tail(c, argv[0], console);
	if (n >= 0 && c->follow)
		n = follow(&w, console);
	if (interrupted())
		n = -EINTR;
	lifecycle_stream_unref(w.stream);
	return leave(c, argv[0], (int)(n < 0 ? n : 0));
}
