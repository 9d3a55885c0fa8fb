/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P4, one truth in order. A follower builds its own picture from the events alone, continues by its cursor after each
 * crash, and finds it equal to the rows; the disk has everything before it is shown.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"
#include "tests/simulation/moves.h"

void oracle_act(struct world *w, struct committed proof)
{
	if (proof.seq > w->disk.last_seq)
		fail(w, "P4", "an act has a proof of %" PRIu64 ", the disk ends at %" PRIu64, proof.seq,
			w->disk.last_seq);
}

struct picture *oracle_picture(struct world *w, const char *name)
{
	struct picture *free_one = NULL;

	for (size_t i = 0; i < SIM_VM_MAX; i++) {
		if (!strcmp(w->picture[i].name, name))
			return &w->picture[i];
		if (!free_one && !w->picture[i].name[0])
			free_one = &w->picture[i];
	}
	if (free_one)
		memcpy(free_one->name, name, strlen(name) + 1);
	return free_one;
}

static void touch(struct world *w, struct picture *p)
{
	if (p->turn == w->publishes)
		return;
	p->turn = w->publishes;
	p->was_life = p->life;
	p->was_operation = p->operation;
}

static void begin_life(struct world *w, struct picture *p, struct life *life, const struct event_record *e)
{
	struct life *old = world_life(w, p->life);

	if (e->seq != e->life)
		fail(w, "P4", "life %" PRIu64 " began at change %" PRIu64, e->life, e->seq);
	if (e->old_state == VM_ABORTING && old && old->substate == VM_SUB_RECLAIMING)
		old->state = VM_NULL; /* else it was left behind, stuck, and settles by itself */
	else if (e->old_state == VM_NULL && old && old->state != VM_NULL && old->state != VM_ABORTING)
		fail(w, "P5", "life %" PRIu64 " begins in life %" PRIu64 " of the same VM", e->life, p->life);
	if (e->old_state == VM_ABORTING && p->operation >= OP_STOP && p->operation != OP_PAUSE)
		fail(w, "P5", "life %" PRIu64 " begins, and %s was to end for good", e->life, p->name);
	p->life = e->life;
	life->state = e->new_state;
	life->substate = e->new_substate;
	w->stats.lives++;
}

static void state_event(struct world *w, struct picture *p, const struct event_record *e)
{
	struct life *life = world_life(w, e->life);

	if (!oracle_move_is_legal(e->old_state, e->old_substate, e->new_state, e->new_substate))
		fail(w, "P5", "%s moves from %u/%u to %u/%u", e->name, e->old_state, e->old_substate, e->new_state,
			e->new_substate);
	if (!life) {
		fail(w, "P4", "event %" PRIu64 " tells of life %" PRIu64 ", which is not stored", e->seq, e->life);
		return;
	}
	if (e->endpoint != life->endpoint)
		fail(w, "P4", "event %" PRIu64 " gives life %" PRIu64 " the id %u", e->seq, e->life, e->endpoint);
	if (e->cause < CAUSE_COUNT && e->new_state == VM_ABORTING && e->old_state != VM_ABORTING)
		w->stats.cause[e->cause]++;
	if (!life->shown) {
		life->shown = true;
		begin_life(w, p, life, e);
		return;
	}
	if (e->old_state != life->state || e->old_substate != life->substate)
		fail(w, "P4", "event %" PRIu64 " moves life %" PRIu64 " from %u/%u, it was at %u/%u", e->seq, e->life,
			e->old_state, e->old_substate, life->state, life->substate);
	life->state = e->new_state;
	life->substate = e->new_substate;
	if (e->life == p->life && e->new_state == VM_NULL)
		p->life = 0;
}

/*
 * A stop ends with the life, or because a stronger verb came, or because nobody could hear it. A pause that ends and left the
 * guest running was resumed, or took too long, or a device would not stop; one that does not start again ends no operation.
 */
static void operation_event(struct world *w, struct picture *p, const struct event_record *e)
{
	struct life *life = world_life(w, p->life);
	bool unheard = p->operation == OP_STOP && life && life->state == VM_RUNNING && e->operation == OP_NONE;
	bool given_up = p->operation == OP_PAUSE && life && life->state == VM_RUNNING && life->substate == VM_SUB_RUNNING &&
		e->operation == OP_NONE && (e->outcome == OUTCOME_TIMED_OUT || e->outcome == OUTCOME_DEVICE_REFUSED);
	bool stays = p->operation == OP_NONE && life && life->state == VM_RUNNING && life->substate == VM_SUB_PAUSED &&
		e->operation == OP_NONE && e->outcome == OUTCOME_DEVICE_STOPPED;

	if (e->old_state != p->operation)
		fail(w, "P4", "%s: operation %u takes the place of %u, it was %u", p->name, e->operation, e->old_state, p->operation);
	if (e->new_state != (life ? life->state : VM_NULL))
		fail(w, "P4", "%s: operation %u in state %u, it is in %u", p->name, e->operation, e->new_state, life ? life->state : VM_NULL);
	if (e->operation > OP_START && !p->life)
		fail(w, "P5", "%s has no life and operation %u", p->name, e->operation);
	if (!given_up && !stays && e->outcome != (unheard ? OUTCOME_UNHEARD : OUTCOME_NONE))
		fail(w, "P5", "%s: operation %u becomes %u with outcome %u", p->name, p->operation, e->operation,
			e->outcome);
	if (life && e->operation == OP_STOP)
		life->deaf = false; /* of an earlier one */
	p->operation = e->operation;
}

static void follow(struct world *w, const struct event_record *e)
{
	struct picture *p = e->name[0] ? oracle_picture(w, e->name) : NULL;

	if (e->seq <= w->shown_seq)
		fail(w, "P4", "event %" PRIu64 " is shown after %" PRIu64, e->seq, w->shown_seq);
	if (e->seq > w->disk.last_seq)
		fail(w, "P4", "event %" PRIu64 " is shown, the disk ends at %" PRIu64, e->seq, w->disk.last_seq);
	w->shown_seq = e->seq;
	if (p)
		touch(w, p);
	if (e->kind == EVENT_VM && p)
		p->exists = true;
	if (e->kind == EVENT_VM_GONE && p) {
		if (e->old_state != p->operation)
			fail(w, "P4", "%s goes with operation %u, it was %u", p->name, e->old_state, p->operation);
		p->exists = false;
		p->operation = OP_NONE;
	}
	if (e->kind == EVENT_OPERATION && p)
		operation_event(w, p, e);
	if (e->kind == EVENT_STATE && p)
		state_event(w, p, e);
	if (e->kind == EVENT_DEBT)
		oracle_event(w, e);
}

/* What the stream promises to tell: each change that moves something a follower has in its picture. */
static bool is_followed(const struct change *c)
{
	switch (c->kind) {
	case CHANGE_VM:
	case CHANGE_PENDING:
	case CHANGE_VM_GONE:
	case CHANGE_LIFE:
	case CHANGE_OPERATION:
	case CHANGE_SP:
	case CHANGE_WORLD:
		return true;
	case CHANGE_STATE:
		return c->state.state != c->state.old_state || c->state.substate != c->state.old_substate;
	case CHANGE_DEBT:
		return c->debt.state != c->debt.old_state;
	default:
		return false;
	}
}

static void check_told(
	struct world *w, const struct turn *turn, uint64_t after, const struct event_record *e, size_t count)
{
	size_t k = 0;

	for (size_t i = 0; i < turn->count; i++) {
		const struct change *c = &turn->change[i];

		if (c->seq <= after || !is_followed(c))
			continue;
		while (k < count && e[k].seq < c->seq)
			k++;
		if (k == count || e[k].seq != c->seq)
			fail(w, "P4", "change %" PRIu64 " (kind %u) is stored and never shown", c->seq, c->kind);
	}
}

static const struct stored_turn *last_line(const struct disk *d)
{
	for (size_t i = d->count; i; i--)
		if (!d->line[i - 1].snapshot)
			return &d->line[i - 1];
	return NULL;
}

static void compare_debts(struct world *w, const struct vm_row *row)
{
	struct life *life = world_life(w, row->life);

	for (unsigned i = 0; life && i < row->debt_count; i++) {
		struct fake_sp *sp = link_sp(w, row->debt[i].sp);
		const struct pair *p = sp ? &life->pair[sp - w->sp] : NULL;

		if (!p || p->shown != row->debt[i].state)
			fail(w, "P4", "%s owes %04x: the row says %u, the events say %u", row->name, row->debt[i].sp,
				row->debt[i].state, p ? p->shown : 0);
	}
}

/* Those that the VM went on without are shown until they are null. */
static void compare_old_lives(struct world *w, const struct vm_row *row)
{
	if (row->old_life_count != row->old_lives)
		fail(w, "P4", "%s: %u lives settle, and %u of them are shown", row->name, row->old_lives, row->old_life_count);
	for (uint32_t i = 0; i < row->old_life_count; i++) {
		struct life *life = world_life(w, row->old_life[i].life);

		if (!life || life->state != VM_ABORTING || life->substate != row->old_life[i].substate)
			fail(w, "P4", "%s: its old life %" PRIu64 " is shown in %u, the events say %u/%u", row->name,
				row->old_life[i].life, row->old_life[i].substate, life ? life->state : VM_NULL, life ? life->substate : 0);
	}
}

static void compare(struct world *w, const struct rows *rows, struct picture *p)
{
	const struct vm_row *row = rows_vm(rows, p->name);
	struct life *life = world_life(w, p->life);
	uint8_t state = life ? life->state : VM_NULL, substate = life ? life->substate : VM_SUB_NONE;

	if (!row != !p->exists) {
		fail(w, "P4", "%s: the events say it %s", p->name, p->exists ? "exists" : "is gone");
		return;
	}
	if (!row)
		return;
	if (row->life != p->life || row->state != state || row->substate != substate)
		fail(w, "P4", "%s: the row has life %" PRIu64 " %u/%u, the events say life %" PRIu64 " %u/%u", p->name,
			row->life, row->state, row->substate, p->life, state, substate);
	if (row->operation != p->operation)
		fail(w, "P4", "%s: the row has operation %u, the events say %u", p->name, row->operation, p->operation);
	if (row->endpoint != (life ? life->endpoint : 0))
		fail(w, "P4", "%s: the row has id %u", p->name, row->endpoint);
	compare_debts(w, row);
	compare_old_lives(w, row);
	oracle_definition_shown(w, row);
}

static void compare_all(struct world *w, const struct rows *rows, bool touched_only)
{
	size_t count = 0;

	for (size_t i = 0; i < SIM_VM_MAX && w->picture[i].name[0]; i++) {
		if (!touched_only || w->picture[i].turn == w->publishes)
			compare(w, rows, &w->picture[i]);
		count += w->picture[i].exists;
	}
	if (count != rows_vm_count(rows))
		fail(w, "P4", "%zu rows, the events say %zu", rows_vm_count(rows), count);
}

/* What was told since the daemon began is what it counts of lives, no more and no less. */
static void count_told(struct world *w, const struct event_record *e)
{
	if (e->kind != EVENT_STATE)
		return;
	w->told.begun += e->seq == e->life;
	w->told.settled += e->new_state == VM_NULL;
	if (e->new_state == VM_ABORTING && e->old_state != VM_ABORTING && e->cause < CAUSE_COUNT)
		w->told.ended[e->cause]++;
}

static void compare_counts(struct world *w, const struct model_counts *n)
{
	if (n->begun != w->told.begun || n->settled != w->told.settled)
		fail(w, "P4", "%" PRIu64 " lives are counted as begun and %" PRIu64 " as settled, %" PRIu64 " and %" PRIu64 " were told",
			n->begun, n->settled, w->told.begun, w->told.settled);
	for (size_t i = 0; i < CAUSE_COUNT; i++)
		if (n->ended[i] != w->told.ended[i])
			fail(w, "P4", "%" PRIu64 " lives are counted as ended by cause %zu, %" PRIu64 " were told", n->ended[i], i,
				w->told.ended[i]);
}

static void follow_turn(struct world *w, const struct published *what, const struct stored_turn *line, uint64_t cursor)
{
	for (size_t i = 0; i < what->count; i++)
		follow(w, &what->event[i]);
	if (what->proof.seq < w->disk.last_seq)
		fail(w, "P4", "a turn to %" PRIu64 " is shown, the disk ends at %" PRIu64, what->proof.seq,
			w->disk.last_seq);
	if (line)
		check_told(w, &line->turn, cursor, what->event, what->count);
	compare_all(w, what->rows, w->publishes % 64 != 0);
}

static void publish(void *who, const struct published *what)
{
	struct world *w = who;
	const struct stored_turn *line = last_line(&w->disk);
	uint64_t cursor = w->shown_seq;

	if (!world_output(w))
		return;
	w->publishes++;
	wire_note(w, "show  to %" PRIu64 ", %zu events", what->proof.seq, what->count);
	oracle_act(w, what->proof);
	for (size_t i = 0; i < what->count; i++)
		count_told(w, &what->event[i]);
	if (w->follows)
		follow_turn(w, what, line, cursor);
	compare_counts(w, rows_counts(what->rows)); /* last: that something happened which may not says more than that it was miscounted */
}

const struct publish_ops oracle_publish_ops = { publish };

/* With which event the replay ends: to a follower of all, and to one of the VM that the first is about. */
static void check_last_of(struct world *w, const struct ring *ring, uint64_t cursor, const struct event_record *event, size_t count)
{
	uint64_t of_one = cursor;

	for (size_t i = 0; i < count; i++)
		if (strcmp(event[i].name, event[0].name) == 0)
			of_one = event[i].seq;
	if (count && *event[0].name && ring_last_of(ring, event[0].name, cursor) != of_one)
		fail(w, "P4", "a follower of %s at %" PRIu64 " is told of another end than %" PRIu64, event[0].name, cursor, of_one);
	if (ring_last_of(ring, "", cursor) != (count ? event[count - 1].seq : cursor))
		fail(w, "P4", "a follower at %" PRIu64 " is told of another end", cursor);
}

/* A new daemon: the follower asks for what comes after its cursor, then everything must be equal again. */
void oracle_follow(struct world *w)
{
	static struct event_record events[EVENT_RING_SIZE];
	const struct ring *ring = engine_ring(w->engine);
	const struct event_record *e;
	uint64_t cursor = w->shown_seq;
	size_t count = 0;
	bool gap = false;

	w->follows = true;
	w->publishes++;
	for (uint64_t at = cursor; count < EVENT_RING_SIZE && (e = ring_after(ring, at, &gap)); at = e->seq) {
		events[count++] = *e;
		follow(w, e);
	}
	check_last_of(w, ring, cursor, events, count);
	if (gap)
		fail(w, "P4", "a follower at %" PRIu64 " cannot continue after a crash", cursor);
	for (size_t i = w->disk.count; i && w->disk.line[i - 1].turn.last_seq > cursor; i--)
		if (!w->disk.line[i - 1].snapshot)
			check_told(w, &w->disk.line[i - 1].turn, cursor, events, count);
	compare_all(w, engine_rows(w->engine), false);
}
