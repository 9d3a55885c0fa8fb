/* SPDX-License-Identifier: Apache-2.0 */

/* monitor: each stored change as a line, across crashes of the daemon. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "follow.h"
#include "output.h"

/* So many numbers back the log has every event (it keeps that many events, and no number has two). */
#define KEPT_EVENTS 8192
#define KEPT_SLACK 512
/* Replayed events come in bursts; so long without one, and the daemon has nothing more. */
#define QUIET_NS 100000000u

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
		if (e->operation == LIFECYCLE_OP_NONE && e->outcome > LIFECYCLE_OUTCOME_NONE)
			(void)snprintf(to, size, "operation over: %s", lifecycle_outcome_name(e->outcome));
		else if (e->operation == LIFECYCLE_OP_NONE)
			(void)snprintf(to, size, "operation over");
		else
			(void)snprintf(to, size, "operation %s", lifecycle_operation_name(e->operation));
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
		json_add_string(o, "operation", lifecycle_operation_name(e->operation));
		json_add_string(o, "outcome", lifecycle_outcome_name(e->outcome));
	} else if (e->kind == LIFECYCLE_EVENT_SP) {
		json_add_number(o, "sp", e->sp);
	}
}

static void show_event(const struct cli *c, const struct lifecycle_event *e)
{
	struct json_object *o;

	if (!wants_json(c)) {
		print_event(c, e);
		return;
	}
	o = json_object_new_object();
	json_add_string(o, "event", kind_name(e->kind));
	json_add_number(o, "sequence", e->seq);
	json_add_number(o, "realtime_us", e->realtime / 1000);
	json_add_string(o, "name", e->name);
	json_add_number(o, "life", e->life);
	json_add_number(o, "ffa_id", e->endpoint);
	add_event_details(o, e);
	json_print(c, o);
}

static void show_gap(const struct cli *c)
{
	struct json_object *o;

	if (!wants_json(c)) {
		(void)cli_say_error("monitor: changes were lost here: too many for this reader; 'lifecyclectl list' shows what is");
		return;
	}
	o = json_object_new_object();
	json_add_string(o, "event", "gap");
	json_print(c, o);
}

/* ---- where to begin ---- */

static int subscribe(struct cli *c, const char *filter, const char *epoch, uint64_t seq, struct lifecycle_stream **ret)
{
	return lifecycle_subscribe(c->l, filter, epoch, seq, ret) < 0 ? cli_fail(c, "monitor", *filter ? filter : NULL) : 0;
}

/*
 * From `since` on, or from where the log begins: at least KEPT_EVENTS back, by its promise; what is less is found by
 * halving the way. An exit code.
 */
static int subscribe_back(struct cli *c, const char *filter, uint64_t since, const struct lifecycle_daemon *d,
	struct lifecycle_stream **ret)
{
	uint64_t from = since, kept = KEPT_EVENTS - KEPT_SLACK;

	for (;;) {
		int r = subscribe(c, filter, d->epoch, from, ret);

		if (r || lifecycle_stream_replayed(*ret) || from >= d->seq)
			return r;
		if (c->has_since && from == since)
			(void)cli_say_error("monitor: the log has not every change since %" PRIu64 " any more; this begins later", since);
		*ret = lifecycle_stream_unref(*ret);
		from = from == since && d->seq - since > kept ? d->seq - kept : from + (d->seq - from + 1) / 2;
	}
}

static int begin(struct cli *c, const char *filter, struct lifecycle_stream **ret, uint64_t *ret_last)
{
	const struct lifecycle_daemon *d;

	if (lifecycle_daemon_info(c->l, &d) < 0)
		return cli_fail(c, "monitor", NULL);
	*ret_last = d->seq;
	if (c->has_since || c->leave)
		return subscribe_back(c, filter, c->since, d, ret);
	return subscribe(c, filter, NULL, 0, ret);
}

/* ---- going on ---- */

/* All that can be read now. 0, or why there is no more. */
static int drain(const struct cli *c, struct lifecycle_stream *s)
{
	for (;;) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(s, &e);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		show_event(c, &e);
	}
}

/* The stored tail alone: up to the number that was the last when we began. */
static int print_tail(const struct cli *c, struct lifecycle_stream *s, uint64_t last)
{
	for (;;) {
		int r = drain(c, s);

		if (r == -EBADMSG)
			return cli_say_error("monitor: the stream cannot be read (is lifecycled of another version?)");
		if (r < 0 || lifecycle_stream_seq(s) >= last)
			return 0;
		r = follow_poll(lifecycle_stream_get_fd(s), monotonic_now() + QUIET_NS);
		if (r < 0)
			return r == -EINTR ? CLI_INTERRUPTED : 0;
	}
}

/* The stream ended by `why`: a new one. An exit code. */
static int go_on(struct cli *c, const char *filter, struct lifecycle_stream **s, int why)
{
	int r;

	if (why == -EBADMSG)
		return cli_say_error("monitor: the stream cannot be read (is lifecycled of another version?)");
	if (why == -EOVERFLOW)
		show_gap(c);
	else if (!c->quiet)
		(void)cli_say_error("monitor: lifecycled hung up; waiting for it to come back");
	r = follow_again(c, filter, s);
	if (r == -EINTR)
		return CLI_INTERRUPTED;
	if (r < 0)
		return cli_fail(c, "monitor", NULL);
	if (why != -EOVERFLOW && !lifecycle_stream_replayed(*s))
		show_gap(c);
	return 0;
}

static int follow(struct cli *c, const char *filter, struct lifecycle_stream **s)
{
	for (;;) {
		int r = drain(c, *s);

		(void)fflush(stdout);
		if (ferror(stdout))
			return CLI_FAILED;
		if (r < 0) {
			r = go_on(c, filter, s, r);
			if (r)
				return r;
			continue;
		}
		if (follow_poll(lifecycle_stream_get_fd(*s), UINT64_MAX) == -EINTR)
			return CLI_INTERRUPTED;
	}
}

int verb_monitor(struct cli *c, int argc, char **argv)
{
	_cleanup_(stream_unrefp) struct lifecycle_stream *s = NULL;
	const char *filter = argc > 0 ? argv[0] : "";
	uint64_t last = 0;
	int r;

	follow_catch_interrupts();
	if (c->output == OUTPUT_JSON_PRETTY) /* one object a line, always */
		c->output = OUTPUT_JSON;
	r = begin(c, filter, &s, &last);
	if (r)
		return r;
	if (c->legend && !wants_json(c))
		(void)printf("%s%-12s  %8s  %-16s  %8s  %-7s  %s%s\n", colour_on(c, COLOUR_BOLD), "TIME", "SEQ", "VM", "LIFE",
			"FF-A ID", "CHANGE", colour_off(c, COLOUR_BOLD));
	r = c->leave ? print_tail(c, s, last) : follow(c, filter, &s);
	return r;
}
