/* SPDX-License-Identifier: Apache-2.0 */

/* console: what the guest said, and with --follow what it goes on to say. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "follow.h"
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
	} while (n > 0);
	(void)fflush(stdout);
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

/* Did the life end, or the daemon go? Then the ring has its last byte. */
static bool is_over(struct lifecycle_stream *s)
{
	for (;;) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(s, &e);

		if (r == -EAGAIN)
			return false;
		if (r < 0 || (e.kind == LIFECYCLE_EVENT_STATE && e.new_state == LIFECYCLE_STATE_NULL) ||
			e.kind == LIFECYCLE_EVENT_VM_GONE)
			return true;
	}
}

static bool has_life(struct lifecycle_stream *s, const char *name)
{
	const struct lifecycle_vm *vm = lifecycle_vm_list_find(lifecycle_stream_snapshot(s), name);

	return vm && vm->life;
}

static int follow(const struct cli *c, const char *name, struct lifecycle_console *console, struct lifecycle_stream *s)
{
	bool over = !has_life(s, name);

	for (;;) {
		ssize_t n;

		over = over || is_over(s);
		n = pump(c, name, console);
		if (n < 0 || (over && n == 0))
			return (int)n;
		if (ferror(stdout))
			return -EPIPE;
		/* The ring wakes nobody at an end of life, nor is ^C seen in there: look at both now and then. */
		(void)lifecycle_console_wait(console, over ? 0 : LOOK_MS);
		if (follow_poll(-1, 0) == -EINTR)
			return -EINTR;
	}
}

static int leave(const struct cli *c, const char *name, int r)
{
	if (c->terminal && c->raw)
		(void)fputs("\033[0m\n", stdout); /* whatever the guest left set */
	if (r == -EINTR)
		return CLI_INTERRUPTED;
	if (r < 0)
		return cli_say_error("console %s: cannot be read: %s", name, strerror(-r));
	if (c->follow && !c->quiet)
		(void)cli_say_error("console %s: the life is over", name);
	return 0;
}

int verb_console(struct cli *c, int argc, char **argv)
{
	_cleanup_(console_unrefp) struct lifecycle_console *console = NULL;
	_cleanup_(stream_unrefp) struct lifecycle_stream *s = NULL;
	ssize_t n;

	if (c->follow && lifecycle_subscribe(c->l, argv[0], NULL, 0, &s) < 0)
		return cli_fail(c, "console", argv[0]);
	if (lifecycle_console_open(c->l, argv[0], &console) < 0)
		return cli_fail(c, "console", argv[0]);
	follow_catch_interrupts();
	if (c->follow && c->tail < 0)
		n = pump(c, argv[0], console);
	else
		n = print_tail(c, argv[0], console);
	if (n >= 0 && c->follow)
		n = follow(c, argv[0], console, s);
	return leave(c, argv[0], (int)(n < 0 ? n : 0));
}
