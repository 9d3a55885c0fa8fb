/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration_set.h"

#include <errno.h>
#include <string.h>

#include "device/migration_goals.h"

static const struct migration_plan *plan(const struct migration_set *s)
{
	return &migration_plans[s->goal];
}

void migration_set_init(struct migration_set *s, const uint64_t patience[MIGRATION_ORDER_COUNT])
{
	memset(s, 0, sizeof(*s));
	memcpy(s->patience, patience, sizeof(s->patience));
	s->culprit = -1;
}

int migration_set_add(struct migration_set *s, uint64_t flags, unsigned state)
{
	struct migration_device *d = &s->device[s->count];

	if (s->count >= MIGRATION_SET_MAX)
		return -ENOSPC;
	*d = (struct migration_device) { .flags = (uint8_t)migration_flags(flags) };
	/* A state that it cannot have is a lie; only a reset makes it known. */
	d->state = !d->flags ? VFIO_DEVICE_STATE_RUNNING :
		   migration_has_state(state, d->flags) ? (uint8_t)state :
							  VFIO_DEVICE_STATE_ERROR;
	return s->count++;
}

/* Orders */

static void order(struct migration_set *s, enum migration_order_kind kind, unsigned device, unsigned to, uint64_t now)
{
	s->order = (struct migration_order) {
		.kind = (uint8_t)kind,
		.device = (uint8_t)device,
		.to = (uint8_t)to,
		.number = ++s->numbers,
		.until = now + s->patience[kind],
	};
	s->given = false;
	s->curing = kind == MIGRATION_DO_RESET || (s->curing && kind != MIGRATION_SET_STATE);
	s->device[device].was_reset |= kind == MIGRATION_DO_RESET;
}

static void ask_again(struct migration_set *s, enum migration_order_kind kind, uint64_t now)
{
	order(s, kind, s->order.device, 0, now);
}

static void note_fault(struct migration_set *s, int error)
{
	struct migration_device *d = &s->device[s->order.device];

	s->failed = true;
	if (s->culprit < 0)
		s->culprit = (int8_t)s->order.device;
	if (d->fault.kind != MIGRATION_NO_ORDER)
		return;
	d->fault = (struct migration_fault) {
		.kind = s->order.kind,
		.from = d->state,
		.to = s->order.to,
		.error = error,
	};
}

/* Walking */

/* Whether an order was made for this device. */
static bool visit(struct migration_set *s, unsigned index, const struct migration_phase *phase, uint64_t now)
{
	struct migration_device *d = &s->device[index];
	unsigned to = phase->to[d->state];
	enum vfio_device_mig_state next;

	if (!d->flags || (d->dead && !plan(s)->dead_too) || to == MIGRATION_STAYS)
		return false;
	if (to == MIGRATION_BY_RESET) {
		if (d->was_reset || (!d->dead && plan(s)->only_dead))
			return false;
		order(s, MIGRATION_DO_RESET, index, 0, now);
		return true;
	}
	/* A state that it does not have is none to go to: what has no P2P state goes on in the next phase. */
	if (migration_next(d->state, to, d->flags, &next) != 0 || next == d->state)
		return false;
	order(s, MIGRATION_SET_STATE, index, next, now);
	return true;
}

static void finish(struct migration_set *s)
{
	bool led_back = s->goal != s->asked;

	s->order.kind = MIGRATION_NO_ORDER;
	s->outcome = led_back ? MIGRATION_LED_BACK : MIGRATION_DONE;
	for (unsigned i = 0; i < s->count; i++)
		if (s->device[i].dead)
			s->outcome = MIGRATION_LOST;
}

static void walk(struct migration_set *s, uint64_t now)
{
	for (; plan(s)->phase[s->phase]; s->phase++, s->turn = 0)
		for (; s->turn < s->count; s->turn++) {
			const struct migration_phase *phase = plan(s)->phase[s->phase];

			if (visit(s, phase->backwards ? s->count - 1u - s->turn : s->turn, phase, now))
				return;
		}
	finish(s);
}

/* A device is as well as it will be: with the plan, or all the way back. */
static void go_on(struct migration_set *s, uint64_t now)
{
	if (s->failed && plan(s)->has_way_back) {
		s->goal = s->vcpus_out ? plan(s)->back_if_out : plan(s)->back_if_in;
		s->phase = s->turn = 0;
	}
	walk(s, now);
}

/* Answers */

static void die(struct migration_set *s, uint64_t now)
{
	s->device[s->order.device].dead = true;
	go_on(s, now);
}

static void reset_or_die(struct migration_set *s, uint64_t now)
{
	if (s->device[s->order.device].was_reset)
		die(s, now);
	else
		ask_again(s, MIGRATION_DO_RESET, now);
}

/* The device may be anywhere on the way, or in ERROR. A call that did not return holds the device: only a reset passes. */
static void set_failed(struct migration_set *s, int error, uint64_t now)
{
	note_fault(s, error);
	if (error == ETIMEDOUT)
		reset_or_die(s, now);
	else
		ask_again(s, MIGRATION_GET_STATE, now);
}

static void set_answered(struct migration_set *s, const struct migration_answer *a, uint64_t now)
{
	struct migration_device *d = &s->device[s->order.device];

	if (a->data_fd != migration_opens_session(d->state, s->order.to)) {
		set_failed(s, EBADF, now);
		return;
	}
	d->state = s->order.to;
	walk(s, now);
}

static void get_failed(struct migration_set *s, int error, uint64_t now)
{
	note_fault(s, error);
	if (s->curing)
		die(s, now);
	else
		reset_or_die(s, now);
}

static void get_answered(struct migration_set *s, const struct migration_answer *a, uint64_t now)
{
	struct migration_device *d = &s->device[s->order.device];

	if (!migration_has_state(a->state, d->flags)) {
		get_failed(s, EPROTO, now);
		return;
	}
	d->state = (uint8_t)a->state;
	if (s->curing && d->state != VFIO_DEVICE_STATE_RUNNING) {
		note_fault(s, EPROTO);
		die(s, now);
	} else if (s->curing) {
		ask_again(s, MIGRATION_CONFIGURE, now);
	} else if (plan(s)->has_way_back) {
		go_on(s, now);
	} else {
		reset_or_die(s, now);
	}
}

/* Whether the reset did anything is asked, not believed. */
static void reset_answered(struct migration_set *s, const struct migration_answer *a, uint64_t now)
{
	struct migration_device *d = &s->device[s->order.device];

	d->was_reset = true; /* also when another goal began meanwhile */
	d->state = VFIO_DEVICE_STATE_RUNNING;
	ask_again(s, MIGRATION_GET_STATE, now);
}

static void configure_answered(struct migration_set *s, const struct migration_answer *a, uint64_t now)
{
	s->device[s->order.device].dead = false;
	go_on(s, now);
}

static void cure_failed(struct migration_set *s, int error, uint64_t now)
{
	note_fault(s, error);
	die(s, now);
}

static const struct {
	const char *name;
	void (*answered)(struct migration_set *s, const struct migration_answer *a, uint64_t now);
	void (*failed)(struct migration_set *s, int error, uint64_t now);
} orders[MIGRATION_ORDER_COUNT] = {
	[MIGRATION_NO_ORDER] = { "-", NULL, NULL },
	[MIGRATION_SET_STATE] = { "set-state", set_answered, set_failed },
	[MIGRATION_GET_STATE] = { "get-state", get_answered, get_failed },
	[MIGRATION_DO_RESET] = { "reset", reset_answered, cure_failed },
	[MIGRATION_CONFIGURE] = { "configure", configure_answered, cure_failed },
};

int migration_set_answer(struct migration_set *s, const struct migration_answer *answer, uint64_t now)
{
	if (s->order.kind == MIGRATION_NO_ORDER || !s->given || answer->number != s->order.number)
		return MIGRATION_E_STALE;
	if (answer->error)
		orders[s->order.kind].failed(s, answer->error < 0 ? EPROTO : answer->error, now);
	else
		orders[s->order.kind].answered(s, answer, now);
	return 0;
}

void migration_set_tick(struct migration_set *s, uint64_t now)
{
	if (s->order.kind != MIGRATION_NO_ORDER && s->given && now >= s->order.until)
		orders[s->order.kind].failed(s, ETIMEDOUT, now);
}

bool migration_set_take(struct migration_set *s, struct migration_order *ret)
{
	if (s->order.kind == MIGRATION_NO_ORDER || s->given)
		return false;
	s->given = true;
	*ret = s->order;
	return true;
}

/* Goals */

static int check_together(const struct migration_set *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (!s->device[i].flags)
			return MIGRATION_E_UNMIGRATABLE;
	for (unsigned i = 0; s->count > 1 && i < s->count; i++)
		if (!(s->device[i].flags & VFIO_MIGRATION_P2P))
			return MIGRATION_E_NO_P2P;
	return 0;
}

static int check_devices(const struct migration_set *s, const struct migration_plan *p)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->device[i].dead && !p->replaces && !p->dead_too)
			return MIGRATION_E_DEAD;
	for (unsigned i = 0; p->from && i < s->count; i++)
		if (s->device[i].flags && !(p->from & 1u << s->device[i].state))
			return MIGRATION_E_WRONG_STATE;
	return p->whole ? check_together(s) : 0;
}

static int refuse(const struct migration_set *s, unsigned goal, bool vcpus_out)
{
	const struct migration_plan *p;

	if (goal >= MIGRATION_ASKED_COUNT)
		return MIGRATION_E_NO_STATE;
	p = &migration_plans[goal];
	if (s->outcome == MIGRATION_WORKING && !p->replaces)
		return MIGRATION_E_BUSY;
	if (p->vcpus_out && !vcpus_out)
		return MIGRATION_E_VCPUS;
	return check_devices(s, p);
}

int migration_set_begin(struct migration_set *s, enum migration_goal goal, bool vcpus_out, uint64_t now)
{
	int r = refuse(s, goal, vcpus_out);

	if (r)
		return r;
	s->asked = s->goal = (uint8_t)goal;
	s->phase = s->turn = 0;
	s->vcpus_out = vcpus_out;
	s->failed = false;
	s->culprit = -1;
	s->outcome = MIGRATION_WORKING;
	for (unsigned i = 0; i < s->count; i++) {
		s->device[i].fault = (struct migration_fault) { 0 };
		s->device[i].was_reset = false;
	}
	/* An order that is out is waited for: its device takes no other. A cure that began goes on. */
	if (s->order.kind == MIGRATION_NO_ORDER || (!s->given && s->order.kind == MIGRATION_SET_STATE))
		walk(s, now);
	return 0;
}

const struct migration_order *migration_set_waits(const struct migration_set *s)
{
	return s->order.kind == MIGRATION_NO_ORDER ? NULL : &s->order;
}

/*
 * A path has at most four arcs. A device goes its way there and back, and once more from RUNNING after a reset, in two
 * phases each; a fault costs GET, RESET, GET, CONFIGURE.
 */
unsigned migration_set_most_orders(const struct migration_set *s)
{
	return s->count * (3 * 4 + 2 * 4) + 1;
}

/* Words */

static const char *const outcomes[MIGRATION_OUTCOME_COUNT] = {
	[MIGRATION_IDLE] = "idle",
	[MIGRATION_WORKING] = "working",
	[MIGRATION_DONE] = "done",
	[MIGRATION_LED_BACK] = "led-back",
	[MIGRATION_LOST] = "lost",
};

static const char *const refusals[] = {
	[0] = "the devices are under way to something else", /* MIGRATION_E_BUSY */
	[MIGRATION_E_VCPUS - MIGRATION_E_BUSY] = "a vCPU may still touch the devices",
	[MIGRATION_E_DEAD - MIGRATION_E_BUSY] = "a device is dead, it has to be reset first",
	[MIGRATION_E_UNMIGRATABLE - MIGRATION_E_BUSY] = "a device cannot migrate",
	[MIGRATION_E_NO_P2P - MIGRATION_E_BUSY] = "several devices migrate together only if all have the P2P states",
	[MIGRATION_E_WRONG_STATE - MIGRATION_E_BUSY] = "a device is in a state from which this cannot begin",
	[MIGRATION_E_STALE - MIGRATION_E_BUSY] = "the answer is to no order that is out",
};

const char *migration_goal_name(enum migration_goal goal)
{
	return (unsigned)goal < MIGRATION_GOAL_COUNT ? migration_plans[goal].name : "unknown";
}

const char *migration_order_name(enum migration_order_kind kind)
{
	return (unsigned)kind < MIGRATION_ORDER_COUNT ? orders[kind].name : "unknown";
}

const char *migration_outcome_name(enum migration_outcome outcome)
{
	return (unsigned)outcome < MIGRATION_OUTCOME_COUNT ? outcomes[outcome] : "unknown";
}

const char *migration_set_refusal_text(unsigned refusal)
{
	if (refusal < MIGRATION_E_BUSY)
		return migration_refusal_text(refusal);
	return refusal <= MIGRATION_E_STALE ? refusals[refusal - MIGRATION_E_BUSY] : "";
}
