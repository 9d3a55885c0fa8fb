/* SPDX-License-Identifier: Apache-2.0 */

/*
 * trace --follow: frames as they come, across crashes of the daemon. It keeps the last 64 frames of each SP and numbers
 * them; it is asked for those after the last one that was seen. The event stream tells that there may be some, that there are
 * other SPs, and that the daemon died; between events a look now and then finds the rest. What came faster than that is missed,
 * which the numbers tell.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "follow.h"
#include "interrupt.h"
#include "patience.h"
#include "trace.h"

#define LOOK_NS 100000000u
#define PAUSE_NS 10000000u /* between two looks, however many events there are */
#define MANY 32            /* so many new frames of an SP at once, and the next look is at once */

struct watched {
	uint16_t sp;
	uint64_t after; /* the last number seen */
	bool whole;     /* from now on a number that is missing is a frame that was missed */
};

struct trail {
	struct cli *c;
	struct lifecycle_stream *stream;
	const uint16_t *only; /* NULL: all */
	struct watched watched[TRACES_MAX];
	size_t count;
	uint64_t incarnation;
	bool busy;
};

/* ---- whom ---- */

static void watch(struct trail *t, uint16_t sp)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->watched[i].sp == sp)
			return;
	if (t->count < TRACES_MAX)
		t->watched[t->count++] = (struct watched){ .sp = sp };
}

static int watch_all(struct trail *t)
{
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;
	int r;

	if (t->only) {
		watch(t, *t->only);
		return 0;
	}
	r = lifecycle_partitions(t->c->l, &list);
	if (r < 0)
		return r;
	watch(t, 0);
	for (size_t i = 0; i < lifecycle_partition_list_count(list); i++)
		if (lifecycle_partition_list_at(list, i)->secure)
			watch(t, lifecycle_partition_list_at(list, i)->id);
	return 0;
}

/* Another daemon begins to count at 1. */
static int meet_daemon(struct trail *t)
{
	const struct lifecycle_daemon *d;
	int r = lifecycle_daemon_info(t->c->l, &d);

	if (r < 0)
		return r;
	for (size_t i = 0; i < t->count && d->incarnation != t->incarnation; i++)
		t->watched[i].after = 0;
	t->incarnation = d->incarnation;
	return watch_all(t);
}

/* ---- what is shown ---- */

static void format_clock(char *to, size_t size, uint64_t monotonic)
{
	struct timespec t;
	uint64_t now = monotonic_now(), at;
	time_t seconds;
	char clock[32];
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	at = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - (now > monotonic ? now - monotonic : 0);
	seconds = (time_t)(at / 1000000000u);
	if (!localtime_r(&seconds, &tm) || !strftime(clock, sizeof(clock), "%T", &tm))
		(void)snprintf(clock, sizeof(clock), "??:??:??");
	(void)snprintf(to, size, "%s.%06u", clock, (unsigned)(at / 1000u % 1000000u));
}

#define LINE "%-15s  %-6s  %6s  %s%-50s%s  %9s  %-11s  %-7s  %6s  %s"

static void print_legend(const struct cli *c)
{
	if (wants_json(c) || !c->legend)
		return;
	(void)fputs(colour_on(c, COLOUR_BOLD), stdout);
	(void)printf(LINE, "TIME", "SP", "FRAME", "", "WORDS", "", "TOOK", "REPLY", "FF-A ID", "LIFE", "VM");
	(void)puts(colour_off(c, COLOUR_BOLD));
}

static void print_frame(const struct cli *c, const struct lifecycle_frame *f)
{
	char clock[48], sp[8] = "-", number[24], words[CELL_MAX], took[32] = "-", id[8] = "-", life[24] = "-";
	enum colour colour = f->answer ? COLOUR_NONE : COLOUR_DIM;

	if (wants_json(c)) {
		json_print(c, frame_to_json(f));
		return;
	}
	format_clock(clock, sizeof(clock), f->at);
	(void)snprintf(number, sizeof(number), "%" PRIu64, f->number);
	frame_words(c, words, sizeof(words), f);
	if (f->sp)
		(void)snprintf(sp, sizeof(sp), "0x%04x", f->sp);
	if (f->answer)
		(void)snprintf(took, sizeof(took), "%" PRIu64 " us", f->took / 1000);
	if (f->endpoint)
		(void)snprintf(id, sizeof(id), "0x%04x", f->endpoint);
	if (f->life)
		(void)snprintf(life, sizeof(life), "%" PRIu64, f->life);
	(void)printf(LINE "\n", clock, sp, number, colour_on(c, colour), words, colour_off(c, colour), took, f->reply, id, life,
		*f->vm ? f->vm : "-");
}

static void say_missed(const struct cli *c, uint16_t sp, uint64_t missed)
{
	struct json_object *o;

	if (!wants_json(c)) {
		(void)cli_say_error("trace: %" PRIu64 " frames of 0x%04x were missed here: they came faster than they could be read",
			missed, sp);
		return;
	}
	o = json_object_new_object();
	json_add_number(o, "sp", sp);
	json_add_number(o, "missed", missed);
	json_print(c, o);
}

/* ---- a look ---- */

/* The list that was fetched last is that of `w`. */
static void take(struct trail *t, struct watched *w, const struct frames *all)
{
	const struct lifecycle_frame_list *list = all->list[all->lists - 1];
	size_t count = lifecycle_frame_list_count(list);

	if (count) {
		if (w->whole && lifecycle_frame_list_at(list, 0)->number > w->after + 1)
			say_missed(t->c, w->sp, lifecycle_frame_list_at(list, 0)->number - w->after - 1);
		w->after = lifecycle_frame_list_at(list, count - 1)->number;
	}
	w->whole = true;
	t->busy |= count >= MANY;
}

/* An SP that the daemon does not know yet, or not any more, has nothing to show. */
static int look(struct trail *t)
{
	struct frames all = { 0 };
	int r = 0;

	t->busy = false;
	(void)patience_short(t->c, UINT64_MAX); /* a daemon that hangs is left alone, and ^C is noticed */
	for (size_t i = 0; r >= 0 && i < t->count; i++) {
		r = frames_fetch(t->c, &all, t->watched[i].sp, t->watched[i].after);
		if (r >= 0)
			take(t, &t->watched[i], &all);
		else if (r == -EINVAL && t->watched[i].whole)
			r = 0;
	}
	if (r >= 0 && !frames_sort(&all))
		r = -ENOMEM;
	for (size_t i = 0; all.frame && i < all.count; i++)
		print_frame(t->c, all.frame[i]);
	frames_clear(&all);
	(void)fflush(stdout);
	return r;
}

/* ---- going on ---- */

static bool is_away(int error)
{
	return error == -ENOTCONN || error == -ETIMEDOUT;
}

/* The daemon went: on with the next one. An exit code. */
static int go_on(struct trail *t)
{
	int r;

	if (!t->c->quiet)
		(void)cli_say_error("trace: lifecycled hung up; waiting for it to come back");
	do {
		r = follow_again(t->c, "", &t->stream, UINT64_MAX);
		if (r >= 0 && patience_short(t->c, UINT64_MAX))
			r = meet_daemon(t);
	} while (is_away(r) && interrupt_poll(-1, monotonic_now() + LOOK_NS) != -EINTR);
	if (interrupted())
		return CLI_INTERRUPTED;
	return r < 0 ? cli_fail(t->c, "trace", NULL) : 0;
}

/* What the stream tells. 0, or why there is no more of it. */
static int drain(struct trail *t)
{
	bool others = false;
	int r;

	do {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

		r = lifecycle_stream_next(t->stream, &e);
		others |= r == 0 && (e.kind == LIFECYCLE_EVENT_SP || e.kind == LIFECYCLE_EVENT_WORLD);
	} while (r == 0);
	if (r == -EAGAIN)
		r = others ? watch_all(t) : 0;
	return r;
}

static int follow(struct trail *t)
{
	for (;;) {
		uint64_t looked = monotonic_now();
		int r = look(t);

		if (ferror(stdout))
			return interrupted() ? CLI_INTERRUPTED : CLI_FAILED;
		if (r < 0 && !is_away(r))
			return cli_fail(t->c, "trace", NULL);
		if (r >= 0) {
			if (interrupt_poll(-1, t->busy ? 0 : looked + PAUSE_NS) == -EINTR ||
				interrupt_poll(lifecycle_stream_get_fd(t->stream), t->busy ? 0 : looked + LOOK_NS) == -EINTR)
				return CLI_INTERRUPTED;
			r = drain(t);
		}
		r = r < 0 ? go_on(t) : 0;
		if (r)
			return r;
	}
}

int trace_follow(struct cli *c, const uint16_t *sp)
{
	struct trail t = { .c = c, .only = sp };
	int r;

	if (c->output == OUTPUT_JSON_PRETTY) /* one object a line, always */
		c->output = OUTPUT_JSON;
	r = lifecycle_subscribe(c->l, "", NULL, 0, &t.stream);
	if (r >= 0)
		r = meet_daemon(&t);
	if (r < 0) {
		r = cli_fail(c, "trace", NULL);
	} else {
		interrupt_catch(); /* not before: a daemon that hangs in those calls is left by ^C at once */
		print_legend(c);
		r = follow(&t);
	}
	lifecycle_stream_unref(t.stream);
	return r;
}
