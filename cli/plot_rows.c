/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"

#include <inttypes.h>
#include <string.h>

#include "output.h"
#include "peers.h"

/* Frames are stamped by another clock than events: so far they may lie outside of what they belong to. */
#define SLACK_NS 100000000u

/* Arrays of 2^n. */
static void *grow(void *array, size_t count, size_t size)
{
	return count & (count - 1) ? array : must(reallocarray(array, count ? 2 * count : 1, size));
}

static struct plot_row *find_row(struct plot *p, const char *name, uint16_t sp, bool destroyed)
{
	for (size_t i = 0; i < p->rows; i++)
		if (p->row[i].sp == sp && p->row[i].destroyed == destroyed && strcmp(p->row[i].name, name) == 0)
			return &p->row[i];
	return NULL;
}

static struct plot_row *get_row(struct plot *p, const char *name, uint16_t sp, bool destroyed)
{
	struct plot_row *r = find_row(p, name, sp, destroyed);

	if (r)
		return r;
	p->row = grow(p->row, p->rows, sizeof(*p->row));
	r = &p->row[p->rows++];
	*r = (struct plot_row){ .sp = sp, .destroyed = destroyed };
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

/* The last one of a life: an SP may be told twice, where it was another instance meanwhile. */
static struct plot_span *find_span(struct plot_row *r, uint64_t life)
{
	for (size_t i = r->spans; i-- > 0;)
		if (r->span[i].life == life)
			return &r->span[i];
	return NULL;
}

static struct plot_span *add_span(struct plot_row *r, uint64_t life, uint16_t endpoint, uint64_t from)
{
	struct plot_span *s;

	r->span = grow(r->span, r->spans, sizeof(*r->span));
	s = &r->span[r->spans++];
	*s = (struct plot_span){ .life = life, .endpoint = endpoint, .from = from, .to = from, .open = true };
	return s;
}

static struct plot_span *open_span(struct plot_row *r, uint64_t life)
{
	struct plot_span *s = find_span(r, life);

	return s && s->open ? s : NULL;
}

static struct plot_part *add_part(struct plot_span *s, uint64_t from, const char *class)
{
	struct plot_part *part;

	s->part = grow(s->part, s->parts, sizeof(*s->part));
	part = &s->part[s->parts++];
	*part = (struct plot_part){ .from = from, .class = class };
	return part;
}

static const char *state_class(int state, int substate)
{
	static const char *const of_substates[] = {
		[LIFECYCLE_SUB_PAUSING] = "paused",
		[LIFECYCLE_SUB_PAUSED] = "paused",
		[LIFECYCLE_SUB_LEASES] = "leases",
		[LIFECYCLE_SUB_RETIRING] = "retiring",
		[LIFECYCLE_SUB_RECLAIMING] = "reclaiming",
		[LIFECYCLE_SUB_PRESERVED] = "preserved",
	};
	static const char *const of_states[] = {
		[LIFECYCLE_STATE_CREATED] = "created",
		[LIFECYCLE_STATE_RUNNING] = "running",
		[LIFECYCLE_STATE_ABORTING] = "aborting",
		[LIFECYCLE_STATE_HALTED] = "paused",
	};

	if (substate > 0 && substate < (int)(sizeof(of_substates) / sizeof(*of_substates)) && of_substates[substate])
		return of_substates[substate];
	return state > 0 && state < (int)(sizeof(of_states) / sizeof(*of_states)) ? of_states[state] : "other";
}

static void add_state(struct plot_span *s, uint64_t from, int state, int substate)
{
	struct plot_part *part = add_part(s, from, state_class(state, substate));

	format_state(part->title, sizeof(part->title), state, substate);
}

static void end_span(struct plot_span *s, uint64_t at)
{
	s->open = false;
	s->to = at;
}

static void take_state(struct plot *p, const struct lifecycle_event *e, uint64_t at)
{
	struct plot_row *r = get_row(p, e->name, 0, false);
	struct plot_span *s = open_span(r, e->life);
	bool before = e->old_state != LIFECYCLE_STATE_NULL && (e->new_state != LIFECYCLE_STATE_CREATED || e->old_state == e->new_state);

	/* One that began before the picture does; but what a restart's new life was before is the old one's state. */
	if (!s) {
		s = add_span(r, e->life, e->endpoint, before ? p->begin : at);
		if (before)
			add_state(s, p->begin, e->old_state, e->old_substate);
	}
	s->endpoint = e->endpoint ? e->endpoint : s->endpoint;
	if (e->cause > LIFECYCLE_CAUSE_NONE)
		(void)snprintf(s->end, sizeof(s->end), "%s", lifecycle_cause_name(e->cause));
	if (e->new_state == LIFECYCLE_STATE_NULL)
		end_span(s, at);
	else
		add_state(s, at, e->new_state, e->new_substate);
}

static void say_how(struct plot_span *s, const struct lifecycle_event *e)
{
	char tries[32] = "";

	if (e->tries)
		(void)snprintf(tries, sizeof(tries), ", %" PRIu32 " tr%s", e->tries, e->tries == 1 ? "y" : "ies");
	(void)snprintf(s->end, sizeof(s->end), "%s%s", e->how == LIFECYCLE_HOW_NONE ? lifecycle_debt_name(e->new_state) :
		lifecycle_how_name(e->how), tries);
}

static struct plot_span *begin_message(struct plot *p, const struct lifecycle_event *e, uint64_t at, bool destroyed)
{
	struct lifecycle_peer peer = { .sp = e->sp, .debt = destroyed ? LIFECYCLE_DEBT_DESTROYING : LIFECYCLE_DEBT_CREATING };
	struct plot_span *s = add_span(get_row(p, e->name, e->sp, destroyed), e->life, e->endpoint, at);
	struct plot_part *part = add_part(s, at, destroyed ? "retiring" : "created");

	(void)snprintf(part->title, sizeof(part->title), "%s", peer_message(&peer));
	return s;
}

/* A message is owed as long as the debt is in the state that sends it. */
static void take_debt(struct plot *p, const struct lifecycle_event *e, uint64_t at)
{
	bool was = e->old_state == LIFECYCLE_DEBT_CREATING || e->old_state == LIFECYCLE_DEBT_DESTROYING;
	bool is = e->new_state == LIFECYCLE_DEBT_CREATING || e->new_state == LIFECYCLE_DEBT_DESTROYING;
	bool ends = e->new_state == LIFECYCLE_DEBT_SETTLED && e->old_state == LIFECYCLE_DEBT_KNOWN;
	struct plot_span *s;

	if (was && e->old_state != e->new_state) {
		bool destroyed = e->old_state == LIFECYCLE_DEBT_DESTROYING;

		s = open_span(get_row(p, e->name, e->sp, destroyed), e->life);
		if (!s)
			s = begin_message(p, e, p->begin, destroyed);
		say_how(s, e);
		end_span(s, at);
	}
	if (is && e->old_state != e->new_state)
		(void)begin_message(p, e, at, e->new_state == LIFECYCLE_DEBT_DESTROYING);
	if (ends) { /* nobody had to be told */
		s = begin_message(p, e, at, true);
		say_how(s, e);
		end_span(s, at);
	}
}

/* A wall clock that was set back goes on where it was: the order is the truth. */
void plot_take(struct plot *p, const struct lifecycle_event *e)
{
	uint64_t at = p->begun && e->realtime < p->end ? p->end : e->realtime;

	if (!*e->name || (e->kind != LIFECYCLE_EVENT_STATE && e->kind != LIFECYCLE_EVENT_DEBT))
		return;
	p->begin = p->begun ? p->begin : at;
	p->begun = true;
	p->end = at;
	if (e->kind == LIFECYCLE_EVENT_STATE)
		take_state(p, e, at);
	else
		take_debt(p, e, at);
}

void plot_add_living(struct plot *p, const struct lifecycle_vm *vm, uint64_t since)
{
	struct plot_row *r = vm->life ? get_row(p, vm->name, 0, false) : NULL;
	struct plot_span *s;

	if (!r || find_span(r, vm->life))
		return;
	if (!p->begun) {
		p->begin = since;
		p->end = since;
		p->begun = true;
	}
	since = since < p->begin ? p->begin : since > p->end ? p->end : since;
	s = add_span(r, vm->life, vm->endpoint, since);
	add_state(s, since, vm->state, vm->substate);
}

/* Which message a frame brings, or answers. */
static bool is_destroyed(const struct lifecycle_frame *f)
{
	return strcmp(f->message, "VM_DESTROYED") == 0 || strcmp(f->function, "FFA_NOTIFICATION_BITMAP_DESTROY") == 0;
}

void plot_add_frame(struct plot *p, const struct lifecycle_frame *f, uint64_t at)
{
	struct plot_row *r = f->life ? find_row(p, f->vm, f->sp, is_destroyed(f)) : NULL;
	struct plot_mark *m;

	for (size_t i = 0; r && i < r->spans; i++) {
		struct plot_span *s = &r->span[i];
		uint64_t to = s->open ? p->end : s->to;

		if (s->life != f->life || at + SLACK_NS < s->from || at > to + SLACK_NS)
			continue;
		s->mark = grow(s->mark, s->marks, sizeof(*s->mark));
		m = &s->mark[s->marks++];
		*m = (struct plot_mark){ .at = at < s->from ? s->from : at > to ? to : at, .answer = f->answer };
		(void)snprintf(m->title, sizeof(m->title), "%s %s%s%s", f->answer ? "answer" : "sent:",
			f->answer ? f->reply : f->function, *f->message ? " " : "", f->message);
		return;
	}
}

void plot_clear(struct plot *p)
{
	for (size_t i = 0; i < p->rows; i++) {
		for (size_t k = 0; k < p->row[i].spans; k++) {
			free(p->row[i].span[k].part);
			free(p->row[i].span[k].mark);
		}
		free(p->row[i].span);
	}
	free(p->row);
	*p = (struct plot){ .rows = 0 };
}
