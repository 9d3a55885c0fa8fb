/* SPDX-License-Identifier: Apache-2.0 */

/* monitor and events: each stored change as a line, for people and for programs, across crashes of the daemon. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "follow.h"
#include "interrupt.h"
#include "names.h"
#include "output.h"
#include "pager.h"
#include "patience.h"
#include "stored.h"

#define CURSOR_MAX 64 /* a UUID, ':' and a number */

static void format_clock(char *to, size_t size, uint64_t realtime)
{
	time_t seconds = (time_t)(realtime / 1000000000u);
	char clock[32];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(clock, sizeof(clock), "%T", &tm))
		(void)snprintf(clock, sizeof(clock), "??:??:??");
	(void)snprintf(to, size, "%s.%03u", clock, (unsigned)(realtime / 1000000u % 1000u));
}

static void format_debt(char *to, size_t size, const struct lifecycle_event *e)
{
	char how[64] = "", tries[32] = "";

	if (e->how != LIFECYCLE_HOW_NONE)
		(void)snprintf(how, sizeof(how), ", %s", lifecycle_how_name(e->how));
	if (e->tries)
		(void)snprintf(tries, sizeof(tries), " after %" PRIu32 " tr%s", e->tries, e->tries == 1 ? "y" : "ies");
	(void)snprintf(to, size, "sp 0x%04x: %s -> %s%s%s", e->sp, lifecycle_debt_name(e->old_state),
		lifecycle_debt_name(e->new_state), how, tries);
}

static void format_move(char *to, size_t size, const struct lifecycle_event *e)
{
	char from[64], into[64], cause[64] = "";

	format_state(from, sizeof(from), e->old_state, e->old_substate);
	format_state(into, sizeof(into), e->new_state, e->new_substate);
	if (e->cause != LIFECYCLE_CAUSE_NONE)
		(void)snprintf(cause, sizeof(cause), ", cause %s", lifecycle_cause_name(e->cause));
	(void)snprintf(to, size, "%s -> %s%s", from, into, cause);
}

static void format_operation(char *to, size_t size, const struct lifecycle_event *e)
{
	const char *now = lifecycle_operation_name(e->operation), *before = lifecycle_operation_name(e->old_state);
	bool follows = e->old_state > LIFECYCLE_OP_NONE && e->old_state != e->operation;
	bool judged = e->outcome > LIFECYCLE_OUTCOME_NONE;

	if (e->operation == LIFECYCLE_OP_NONE) /* a log of earlier days does not say which one it was */
		(void)snprintf(to, size, "operation %s%sover%s%s", follows ? before : "", follows ? " " : "", judged ? ": " : "",
			judged ? lifecycle_outcome_name(e->outcome) : "");
	else if (follows)
		(void)snprintf(to, size, "operation %s, in place of %s", now, before);
	else
		(void)snprintf(to, size, "operation %s", now);
}

static void format_event(char *to, size_t size, const struct lifecycle_event *e)
{
	switch (e->kind) {
	case LIFECYCLE_EVENT_VM:
		(void)snprintf(to, size, "defined");
		break;
	case LIFECYCLE_EVENT_VM_GONE:
		(void)snprintf(to, size, "gone");
		break;
	case LIFECYCLE_EVENT_STATE:
		format_move(to, size, e);
		break;
	case LIFECYCLE_EVENT_DEBT:
		format_debt(to, size, e);
		break;
	case LIFECYCLE_EVENT_SP:
		(void)snprintf(to, size, "sp 0x%04x: met, changed or vanished", e->sp);
		break;
	case LIFECYCLE_EVENT_OPERATION:
		format_operation(to, size, e);
		break;
	case LIFECYCLE_EVENT_WORLD:
		(void)snprintf(to, size, "secure world met, or another instance");
		break;
	default:
		(void)snprintf(to, size, "a change of kind %d", e->kind);
		break;
	}
}

static enum colour event_colour(const struct lifecycle_event *e)
{
	if (e->kind != LIFECYCLE_EVENT_STATE)
		return COLOUR_DIM;
	return e->new_state == LIFECYCLE_STATE_RUNNING ? COLOUR_GOOD :
		e->new_state == LIFECYCLE_STATE_NULL ? COLOUR_NONE : COLOUR_BUSY;
}

static void print_event(const struct cli *c, const struct lifecycle_event *e)
{
	enum colour colour = event_colour(e);
	char clock[48], text[256], id[8] = "-", life[24] = "-";

	format_clock(clock, sizeof(clock), e->realtime);
	format_event(text, sizeof(text), e);
	if (e->endpoint)
		(void)snprintf(id, sizeof(id), "0x%04x", e->endpoint);
	if (e->life)
		(void)snprintf(life, sizeof(life), "%" PRIu64, e->life);
	(void)printf("%s  %8" PRIu64 "  %-16s  %8s  %-7s  %s%s%s\n", clock, e->seq, *e->name ? e->name : "-", life, id,
		colour_on(c, colour), text, colour_off(c, colour));
}

static const char *kind_name(int kind)
{
	static const char *const names[] = {
		[LIFECYCLE_EVENT_VM] = "vm",
		[LIFECYCLE_EVENT_VM_GONE] = "vm-gone",
		[LIFECYCLE_EVENT_STATE] = "state",
		[LIFECYCLE_EVENT_DEBT] = "debt",
		[LIFECYCLE_EVENT_SP] = "sp",
		[LIFECYCLE_EVENT_OPERATION] = "operation",
		[LIFECYCLE_EVENT_GAP] = "gap",
		[LIFECYCLE_EVENT_WORLD] = "world",
	};

	return kind > 0 && kind < (int)(sizeof(names) / sizeof(*names)) ? names[kind] : "unknown";
}

static void add_event_details(struct json_object *o, const struct lifecycle_event *e)
{
	if (e->kind == LIFECYCLE_EVENT_STATE) {
		json_add_string(o, "from", lifecycle_state_name(e->old_state));
		json_add_string(o, "from_substate", lifecycle_substate_name(e->old_substate));
		json_add_string(o, "to", lifecycle_state_name(e->new_state));
		json_add_string(o, "to_substate", lifecycle_substate_name(e->new_substate));
		json_add_string(o, "cause", lifecycle_cause_name(e->cause));
	} else if (e->kind == LIFECYCLE_EVENT_DEBT) {
		json_add_number(o, "sp", e->sp);
		json_add_string(o, "from", lifecycle_debt_name(e->old_state));
		json_add_string(o, "to", lifecycle_debt_name(e->new_state));
		json_add_string(o, "how", lifecycle_how_name(e->how));
		json_add_number(o, "tries", e->tries);
	} else if (e->kind == LIFECYCLE_EVENT_OPERATION) {
		json_add_string(o, "from", lifecycle_operation_name(e->old_state));
		json_add_string(o, "operation", lifecycle_operation_name(e->operation));
		json_add_string(o, "outcome", lifecycle_outcome_name(e->outcome));
	} else if (e->kind == LIFECYCLE_EVENT_SP) {
		json_add_number(o, "sp", e->sp);
	}
}

static void show_event(const struct cli *c, const struct lifecycle_event *e, const char *epoch)
{
	struct json_object *o;
	char cursor[CURSOR_MAX];

	if (!wants_json(c)) {
		print_event(c, e);
		return;
	}
	(void)snprintf(cursor, sizeof(cursor), "%s:%" PRIu64, epoch, e->seq);
	o = json_object_new_object();
	json_add_string(o, "event", kind_name(e->kind));
	json_add_number(o, "sequence", e->seq);
	json_add_string(o, "cursor", cursor);
	json_add_number(o, "realtime_us", e->realtime / 1000);
	json_add_string(o, "name", e->name);
	json_add_number(o, "life", e->life);
	json_add_number(o, "ffa_id", e->endpoint);
	add_event_details(o, e);
	json_print(c, o);
}

static void print_gap(const struct cli *c)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "event", "gap");
	json_print(c, o);
}

static void show_gap(const struct cli *c)
{
	if (wants_json(c))
		print_gap(c);
	else
		(void)cli_say_error("%s: changes were lost here: too many for this reader; 'lifecyclectl list' shows what is", c->verb);
}

/* ---- what is shown ---- */

struct watch {
	struct cli *c;
	int argc;     /* names or patterns; none: all VMs, and what is of none */
	char **argv;
	const char *filter; /* what the daemon is asked for: one name, or "" */
	struct lifecycle_stream *stream;
	/* --lines: the newest of the stored tail, round about */
	struct lifecycle_event *kept;
	size_t seen;
	bool keeps;
};

static void show_kept(struct watch *w)
{
	size_t size = (size_t)w->c->tail, count = w->seen < size ? w->seen : size;

	for (size_t i = w->seen - count; w->keeps && i < w->seen; i++)
		show_event(w->c, &w->kept[i % size], lifecycle_stream_epoch(w->stream));
	w->keeps = false;
}

static void take(void *arg, const struct lifecycle_event *e)
{
	struct watch *w = arg;

	if (w->argc && (!*e->name || !name_is_wanted(e->name, w->argc, w->argv)))
		return;
	if (!w->keeps)
		show_event(w->c, e, lifecycle_stream_epoch(w->stream));
	else if (w->c->tail)
		w->kept[w->seen++ % (size_t)w->c->tail] = *e;
}

/* ---- where to begin ---- */

/* What was asked for is not there any more: people are told on standard error, programs where they read. */
static int subscribe_back(struct watch *w)
{
	bool later;
	int r = stored_subscribe(w->c, w->filter, &w->stream, &later);

	if (r == 0 && later) {
		stored_say_later(w->c);
		if (wants_json(w->c))
			print_gap(w->c);
	}
	return r;
}

static int begin(struct watch *w)
{
	struct cli *c = w->c;

	w->keeps = c->tail >= 0;
	if (w->keeps && c->tail > STORED_EVENTS)
		c->tail = STORED_EVENTS;
	if (w->keeps && c->tail) {
		w->kept = calloc((size_t)c->tail, sizeof(*w->kept));
		if (!w->kept)
			return cli_say_error("out of memory");
	}
	if (c->has_since || c->leave || c->tail > 0)
		return subscribe_back(w);
	return lifecycle_subscribe(c->l, w->filter, NULL, 0, &w->stream) < 0 ? cli_fail(c, c->verb, *w->filter ? w->filter : NULL) : 0;
}

/* ---- going on ---- */

/* All that can be read now. 0, or why there is no more. */
static int drain(struct watch *w)
{
	for (;;) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(w->stream, &e);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		take(w, &e);
	}
}

/* The stream ended by `why`: a new one. An exit code. */
static int go_on(struct watch *w, int why)
{
	struct cli *c = w->c;
	int r;

	if (why == -EBADMSG)
		return cli_say_error("%s: the stream cannot be read (is lifecycled of another version?)", c->verb);
	if (why == -EOVERFLOW)
		show_gap(c);
	else if (!c->quiet)
		(void)cli_say_error("%s: lifecycled hung up; waiting for it to come back", c->verb);
	r = follow_again(c, w->filter, &w->stream, UINT64_MAX);
	if (r == -EINTR)
		return CLI_INTERRUPTED;
	if (r < 0)
		return cli_fail(c, c->verb, NULL);
	if (why != -EOVERFLOW && !lifecycle_stream_replayed(w->stream))
		show_gap(c);
	return 0;
}

static int go_on_for_ever(struct watch *w)
{
	for (;;) {
		int r = drain(w);

		(void)fflush(stdout);
		if (ferror(stdout))
			return interrupted() ? CLI_INTERRUPTED : CLI_FAILED;
		if (r < 0) {
			r = go_on(w, r);
			if (r)
				return r;
			continue;
		}
		if (interrupt_poll(lifecycle_stream_get_fd(w->stream), UINT64_MAX) == -EINTR)
			return CLI_INTERRUPTED;
	}
}

static void print_legend(const struct cli *c)
{
	if (c->legend && !wants_json(c))
		(void)printf("%s%-12s  %8s  %-16s  %8s  %-7s  %s%s\n", colour_on(c, COLOUR_BOLD), "TIME", "SEQ", "VM", "LIFE",
			"FF-A ID", "CHANGE", colour_off(c, COLOUR_BOLD));
}

/* --no-follow: what is not whole must not pass for all that there is. */
static int show_tail(struct watch *w)
{
	int r = stored_read(w->stream, PATIENCE_MS * 1000000ull, take, w);

	show_kept(w);
	if (r < 0 && r != -EINTR && r != -EBADMSG && wants_json(w->c))
		print_gap(w->c);
	return r < 0 ? stored_say_cut_off(w->c, r) : 0;
}

/* An exit code. */
static int run(struct watch *w)
{
	int r = begin(w);

	if (r)
		return r;
	interrupt_catch(); /* not before: a daemon that hangs in those calls is left by ^C at once */
	print_legend(w->c);
	if (w->c->leave)
		return show_tail(w);
	if (w->keeps) {
		r = stored_read(w->stream, UINT64_MAX, take, w);
		show_kept(w);
		r = r == -EINTR ? CLI_INTERRUPTED : r < 0 ? go_on(w, r) : 0;
	}
	return r ? r : go_on_for_ever(w);
}

int verb_monitor(struct cli *c, int argc, char **argv)
{
	bool one = argc == 1 && !name_is_pattern(argv[0]);
	struct watch w = { .c = c, .argc = argc, .argv = argv, .filter = one ? argv[0] : "" };
	int r;

	if (c->leave)
		pager_start(c);
	if (c->output == OUTPUT_JSON_PRETTY) /* one object a line, always */
		c->output = OUTPUT_JSON;
	r = run(&w);
	lifecycle_stream_unref(w.stream);
	free(w.kept);
	return r;
}

/* The same for programs: an object a line, unless something else is asked for. */
int verb_events(struct cli *c, int argc, char **argv)
{
	if (!c->output_given)
		c->output = OUTPUT_JSON;
	return verb_monitor(c, argc, argv);
}
