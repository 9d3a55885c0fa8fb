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

static int add_fake(struct assigned *a, const struct vm_assigned *d)
{
	struct migration_script script;
	const char *what;
	size_t at;
	int index = a->set.count;

	if (migration_script_parse(d->script, &script, &what, &at) < 0)
		return -EINVAL;
	migration_fake_init(&a->fake[index], &script);
	a->handle[index] = (struct migration_handle) { &migration_fake_ops, &a->fake[index] };
	a->type[index] = d->type;
	return migration_set_add(&a->set, script.flags, a->fake[index].state);
}

int assigned_init(struct assigned *a, const struct vm_definition *d)
{
	int r = 0;

	migration_set_init(&a->set, patience);
	for (unsigned i = 0; r >= 0 && i < d->assigned_count; i++)
		r = add_fake(a, &d->assigned[i]);
	return r < 0 ? r : 0;
}

int assigned_begin(struct assigned *a, enum migration_goal goal, uint64_t now)
{
	int r = migration_set_begin(&a->set, goal, true, now);

	if (r == 0)
		assigned_run(a, now);
	return r;
}

bool assigned_stand(const struct assigned *a)
{
	for (unsigned i = 0; i < a->set.count; i++)
		if (a->set.device[i].flags && !a->set.device[i].dead &&
			a->set.device[i].state != VFIO_DEVICE_STATE_RUNNING)
			return true;
	return false;
}

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

struct vmm_device_state assigned_state(const struct assigned *a, unsigned index)
{
	struct vmm_device_state s = {
		.type = a->type[index],
		.state = a->set.device[index].state,
		.condition = condition(a, index),
	};

	describe(a, index, s.text, sizeof(s.text));
	return s;
}

static void complain(const struct assigned *a)
{
	const struct migration_set *s = &a->set;
	char text[VMM_DEVICE_TEXT_MAX + 1] = "";

	if (s->culprit < 0)
		return;
	describe(a, (unsigned)s->culprit, text, sizeof(text));
	log_warning("device %d of %u failed (%s); the set: %s", s->culprit, s->count, text,
		migration_outcome_name(s->outcome));
}

void assigned_run(struct assigned *a, uint64_t now)
{
	bool worked = a->set.outcome == MIGRATION_WORKING;

	migration_drive(&a->set, a->handle, now);
	if (worked && a->set.outcome != MIGRATION_WORKING)
		complain(a);
}

uint64_t assigned_deadline(const struct assigned *a)
{
	uint64_t at = migration_drive_deadline(&a->set, a->handle);

	return at == UINT64_MAX ? 0 : at;
}

bool assigned_stopped(struct assigned *a, uint64_t now)
{
	if (!a->ending) {
		a->ending = true;
		(void)assigned_begin(a, MIGRATION_ABORT, now);
	}
	return a->set.outcome != MIGRATION_WORKING;
}
