/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/assigned.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "device/migration.h"

#define NS_PER_MS 1000000ull

/* Shorter than the daemon's patience with a VMM that is to quiesce: so a device that hangs is named before that ends. */
static const uint64_t patience[MIGRATION_ORDER_COUNT] = {
	[MIGRATION_SET_STATE] = 1000 * NS_PER_MS,
	[MIGRATION_GET_STATE] = 200 * NS_PER_MS,
	[MIGRATION_DO_RESET] = 500 * NS_PER_MS,
	[MIGRATION_CONFIGURE] = 200 * NS_PER_MS,
};
static const struct ccw_limits limits = { .step_ns = 300 * NS_PER_MS, .total_ns = 1500 * NS_PER_MS, .clear_tries = 255 };
#define DRAIN_LASTS (1500 * NS_PER_MS)

/* ---- what there is ---- */

static int add_vfio(struct assigned *a, const struct vm_assigned *d, uint64_t now)
{
	struct migration_script script;
	const char *what;
	size_t at;
	int index = a->set.count;

	if (migration_script_parse(d->script, &script, &what, &at) < 0)
		return -EINVAL;
	migration_fake_init(&a->fake[index], &script);
	a->handle[index] = (struct migration_handle) { &migration_fake_ops, &a->fake[index] };
	return migration_set_add(&a->set, script.flags, a->fake[index].state);
}

static int add_ccw(struct assigned *a, const struct vm_assigned *d, uint64_t now)
{
	struct ccw_unit *u = &a->unit[a->unit_count];
	struct ccw_script script;
	const char *what;
	size_t at;

	if (ccw_script_parse(d->script, &script, &what, &at) < 0)
		return -EINVAL;
	ccw_unit_begin(u, &script, &limits, now);
	if (u->error)
		log_warning("device %u cannot be used: %s", a->count, strerror(u->error));
	return a->unit_count++;
}

static unsigned named_by(const struct assigned *a, enum assigned_type type, unsigned at)
{
	unsigned index = 0;

	while (index < a->count && (a->device[index].type != type || a->device[index].at != at))
		index++;
	return index;
}

/* ---- a pause and its end ---- */

static bool is_drained(const struct assigned *a)
{
	bool drained = true;

	for (unsigned i = 0; i < a->unit_count; i++)
		drained &= ccw_is_drained(&a->unit[i].ccw);
	return drained;
}

static void begin_set(struct assigned *a, enum migration_goal goal, uint64_t now)
{
	int r = migration_set_begin(&a->set, goal, true, now);

	a->refused = r != 0;
	if (r)
		log_warning("the devices cannot %s: %s", migration_goal_name(goal), migration_set_refusal_text((unsigned)r));
	else
		assigned_run(a, now);
}

static void begin_draining(struct assigned *a, uint64_t now)
{
	for (unsigned i = 0; i < a->unit_count; i++) {
		a->unit[i].held = true;
		a->was_busy[i] = false;
	}
	a->draining = true;
	a->refused = false;
	a->drain_by = now + DRAIN_LASTS;
}

static void drain(struct assigned *a, uint64_t now)
{
	if (is_drained(a)) {
		a->draining = false;
		begin_set(a, MIGRATION_PAUSE, now);
		return;
	}
	if (now < a->drain_by)
		return;
	a->draining = false;
	a->refused = true;
	for (unsigned i = 0; i < a->unit_count; i++) {
		a->was_busy[i] = !ccw_is_drained(&a->unit[i].ccw);
		if (a->was_busy[i])
			log_warning("device %u of %u has had a program for too long: the guest is not paused",
				named_by(a, ASSIGNED_CCW_FAKE, i), a->count);
	}
}

void assigned_begin(struct assigned *a, enum migration_goal goal, uint64_t now)
{
	if (goal != MIGRATION_PAUSE) {
		begin_set(a, goal, now);
		return;
	}
	begin_draining(a, now);
	drain(a, now);
}

void assigned_give_up_draining(struct assigned *a)
{
	a->refused |= a->draining;
	a->draining = false;
}

bool assigned_works(const struct assigned *a)
{
	return a->draining || a->set.outcome == MIGRATION_WORKING;
}

bool assigned_is_paused(const struct assigned *a)
{
	return !a->draining && !a->refused && a->set.asked == MIGRATION_PAUSE && a->set.outcome == MIGRATION_DONE;
}

bool assigned_stand(const struct assigned *a)
{
	for (unsigned i = 0; i < a->set.count; i++)
		if (a->set.device[i].flags && !a->set.device[i].dead &&
			a->set.device[i].state != VFIO_DEVICE_STATE_RUNNING)
			return true;
	return false;
}

void assigned_let_go(struct assigned *a)
{
	for (unsigned i = 0; i < a->unit_count; i++)
		a->unit[i].held = false;
}

/* ---- how they are ---- */

/* One line for a person: what went wrong first, or what is waited for. */
static void describe(const struct assigned *a, unsigned index, char *text, size_t size)
{
	const struct migration_order *out = migration_set_waits(&a->set);
	const struct migration_fault *f = &a->set.device[index].fault;
	bool waits = out && out->device == index;
	unsigned kind = waits ? out->kind : f->kind, to = waits ? out->to : f->to;
	unsigned from = waits ? a->set.device[index].state : f->from;
	const char *arc = kind == MIGRATION_SET_STATE ? migration_state_name(to) : "";
	int n;

	if (kind == MIGRATION_NO_ORDER)
		return;
	n = snprintf(text, size, "%s: %s%s%s in %s", migration_goal_name(a->set.asked), migration_order_name(kind),
		*arc ? " " : "", arc, migration_state_name(from));
	if (!waits && n > 0 && (size_t)n < size)
		(void)snprintf(text + n, size - (size_t)n, ": %s", strerror(f->error));
}

static enum device_condition condition(const struct assigned *a, unsigned index)
{
	const struct migration_device *d = &a->set.device[index];
	const struct migration_order *out = migration_set_waits(&a->set);

	return !d->flags			  ? DEVICE_UNMIGRATABLE :
	       d->dead				  ? DEVICE_DEAD :
	       out && out->device == index	  ? DEVICE_AWAITED :
	       d->was_reset			  ? DEVICE_WAS_RESET :
	       d->fault.kind != MIGRATION_NO_ORDER ? DEVICE_FAILED :
						    DEVICE_WELL;
}

static void vfio_state(const struct assigned *a, unsigned at, struct vmm_device_state *ret)
{
	ret->state = a->set.device[at].state;
	ret->condition = condition(a, at);
	describe(a, at, ret->text, sizeof(ret->text));
}

static void ccw_state(const struct assigned *a, unsigned at, struct vmm_device_state *ret)
{
	const struct ccw_unit *u = &a->unit[at];
	const struct ccw *m = &u->ccw;

	ret->state = (uint8_t)m->state;
	if (u->error) {
		ret->condition = DEVICE_FAILED;
		(void)snprintf(ret->text, sizeof(ret->text), "set-up: %s", strerror(u->error));
	} else if (m->state == CCW_NOT_OPERATIONAL) {
		ret->condition = DEVICE_DEAD;
		(void)snprintf(ret->text, sizeof(ret->text), "%s", ccw_reason_name(m->reason));
	} else if (m->state == CCW_QUIESCING) {
		ret->condition = DEVICE_AWAITED;
		(void)snprintf(ret->text, sizeof(ret->text), "abort: %s, try %u", ccw_rung_name(m->ladder.rung), m->ladder.tries);
	} else if (m->state == CCW_BUSY && a->draining) {
		ret->condition = DEVICE_AWAITED;
		(void)snprintf(ret->text, sizeof(ret->text), "pause: a program is with the channel");
	} else if (a->was_busy[at]) {
		ret->condition = DEVICE_FAILED;
		(void)snprintf(ret->text, sizeof(ret->text), "pause: a program was with the channel for too long");
	}
}

/* ---- the types ---- */

static const struct {
	int (*add)(struct assigned *a, const struct vm_assigned *d, uint64_t now); /* where it is, or a negative errno */
	void (*state)(const struct assigned *a, unsigned at, struct vmm_device_state *ret);
} types[ASSIGNED_TYPE_COUNT] = {
	[ASSIGNED_VFIO_FAKE] = { add_vfio, vfio_state },
	[ASSIGNED_CCW_FAKE] = { add_ccw, ccw_state },
};

int assigned_init(struct assigned *a, const struct vm_definition *d, uint64_t now)
{
	migration_set_init(&a->set, patience);
	for (unsigned i = 0; i < d->assigned_count; i++) {
		int at = types[d->assigned[i].type].add(a, &d->assigned[i], now);

		if (at < 0)
			return at;
		a->device[a->count++] = (struct assigned_device) { d->assigned[i].type, (uint8_t)at };
	}
	return 0;
}

struct vmm_device_state assigned_state(const struct assigned *a, unsigned index)
{
	struct vmm_device_state s = { .type = a->device[index].type, .condition = DEVICE_WELL };

	types[s.type].state(a, a->device[index].at, &s);
	return s;
}

static void complain(const struct assigned *a)
{
	const struct migration_set *s = &a->set;
	char text[VMM_DEVICE_TEXT_MAX + 1] = "";

	if (s->culprit < 0)
		return;
	describe(a, (unsigned)s->culprit, text, sizeof(text));
	log_warning("device %u of %u failed (%s); the set: %s", named_by(a, ASSIGNED_VFIO_FAKE, (unsigned)s->culprit), a->count,
		text, migration_outcome_name(s->outcome));
}

/* ---- their turns ---- */

void assigned_run(struct assigned *a, uint64_t now)
{
	bool worked = a->set.outcome == MIGRATION_WORKING;

	migration_drive(&a->set, a->handle, now);
	if (worked && a->set.outcome != MIGRATION_WORKING)
		complain(a);
	for (unsigned i = 0; i < a->unit_count; i++)
		ccw_unit_run(&a->unit[i], now);
	if (a->draining)
		drain(a, now);
}

uint64_t assigned_deadline(const struct assigned *a)
{
	uint64_t at = migration_drive_deadline(&a->set, a->handle);

	if (a->draining && a->drain_by < at)
		at = a->drain_by;
	for (unsigned i = 0; i < a->unit_count; i++) {
		uint64_t next = ccw_unit_next(&a->unit[i]);

		if (next < at)
			at = next;
	}
	return at == UINT64_MAX ? 0 : at;
}

bool assigned_stopped(struct assigned *a, uint64_t now)
{
	bool stopped = true;

	if (!a->ending) {
		a->ending = true;
		a->draining = false;
		for (unsigned i = 0; i < a->unit_count; i++)
			ccw_unit_end(&a->unit[i], now);
		begin_set(a, MIGRATION_ABORT, now);
	}
	for (unsigned i = 0; i < a->unit_count; i++)
		stopped &= ccw_unit_is_over(&a->unit[i]);
	return stopped && a->set.outcome != MIGRATION_WORKING;
}
