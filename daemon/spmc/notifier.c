/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list is a pool without links: each object says when it was registered, and the first of a VM is looked for. So a
 * death of this process can leave nothing that would have to be mended.
 */

#include "spmc/notifier.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

const char *const notifier_answers[NOTIFIER_ANSWER_COUNT] = {
	[NOTIFIER_OK] = "ok",
	[NOTIFIER_WAITS] = "waits",
	[NOTIFIER_INVALID_ARGUMENTS] = "invalid-arguments",
	[NOTIFIER_NOT_FOUND] = "not-found",
	[NOTIFIER_BAD_STATE] = "bad-state",
	[NOTIFIER_NO_MEMORY] = "no-memory",
};

/* What becomes of a registration by the state of its VM. */
static const enum notifier_answer by_state[SP_VM_STATE_COUNT] = {
	[SP_VM_ABSENT] = NOTIFIER_NOT_FOUND,
	[SP_VM_FRESH] = NOTIFIER_BAD_STATE,
	[SP_VM_AVAILABLE] = NOTIFIER_OK,
	[SP_VM_DESTROY_NOTIFYING] = NOTIFIER_BAD_STATE,
	[SP_VM_DESTROY_NOTIFIED] = NOTIFIER_BAD_STATE,
};

static void fence(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static bool is_name(const char *name)
{
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") : 0;

	return n > 0 && n < NOTIFIER_NAME && !name[n];
}

static bool is_callback(const struct notifier_callback *c)
{
	return c && (c->kind == NOTIFIER_HOLD || (c->kind == NOTIFIER_RUN && c->command[0]));
}

enum notifier_answer notifier_init(
	struct notifier *n, uint16_t vm, const char *name, const struct notifier_callback *callback)
{
	if (!n || !is_name(name) || !is_callback(callback))
		return NOTIFIER_INVALID_ARGUMENTS;
	*n = (struct notifier){ .vm = vm, .callback = *callback };
	strcpy(n->name, name);
	return NOTIFIER_OK;
}

static bool is_called(const struct notifier *n, uint16_t vm, const char *name)
{
	return n->vm == vm && strcmp(n->name, name) == 0;
}

/* NULL: no such is registered. */
static struct notifier *find(struct notifiers *l, uint16_t vm, const char *name)
{
	for (size_t i = 0; l->count && i < NOTIFIERS; i++)
		if (l->object[i].registered && is_called(&l->object[i], vm, name))
			return &l->object[i];
	return NULL;
}

static struct notifier *find_free(struct notifiers *l)
{
	for (size_t i = 0; i < NOTIFIERS; i++)
		if (!l->object[i].registered)
			return &l->object[i];
	return NULL;
}

static enum notifier_answer append(struct notifiers *l, const struct notifier *n, uint64_t now)
{
	struct notifier *object = find_free(l);

	if (!object)
		return NOTIFIER_NO_MEMORY;
	*object = *n;
	object->registered = 0;
	object->order = l->next_order++;
	object->since = now;
	fence();
	object->registered = 1;
	l->count++;
	return NOTIFIER_OK;
}

/* In the original an object that is in a list already would break it; here it is refused. */
enum notifier_answer notifier_register(
	struct notifiers *l, enum sp_vm_state state, const struct notifier *n, uint64_t now)
{
	if (!n || !is_name(n->name) || !is_callback(&n->callback) || find(l, n->vm, n->name))
		return NOTIFIER_INVALID_ARGUMENTS;
	return by_state[state] == NOTIFIER_OK ? append(l, n, now) : by_state[state];
}

static void take_off(struct notifiers *l, struct notifier *n)
{
	n->registered = 0;
	l->count--;
}

enum notifier_answer notifier_unregister(
	struct notifiers *l, enum notifier_contract contract, uint16_t vm, const char *name)
{
	struct notifier *n;

	if (!is_name(name))
		return NOTIFIER_INVALID_ARGUMENTS;
	if (l->run.active && is_called(&l->run.what, vm, name))
		return contract == NOTIFIER_CONTRACT_SEED ? NOTIFIER_NOT_FOUND : NOTIFIER_WAITS;
	n = find(l, vm, name);
	if (!n)
		return NOTIFIER_NOT_FOUND;
	take_off(l, n);
	return NOTIFIER_OK;
}

/* NULL: that VM has none. */
static struct notifier *first_of(struct notifiers *l, uint16_t vm)
{
	struct notifier *first = NULL;

	for (size_t i = 0; l->count && i < NOTIFIERS; i++) {
		struct notifier *n = &l->object[i];

		if (n->registered && n->vm == vm && (!first || n->order < first->order))
			first = n;
	}
	return first;
}

bool notifier_has(const struct notifiers *l, uint16_t vm)
{
	return first_of((struct notifiers *)l, vm) != NULL;
}

bool notifier_begin(struct notifiers *l, uint16_t vm, uint64_t now)
{
	struct notifier *n = first_of(l, vm);

	if (!n)
		return false;
	l->run = (struct notifier_run){ .what = *n, .begun = now, .until = NOTIFIER_UNTIL_TOLD };
	if (n->callback.kind == NOTIFIER_HOLD)
		l->run.until = now + n->callback.hold;
	fence();
	l->run.active = 1;
	fence();
	take_off(l, n);
	return true;
}

bool notifier_failed(struct notifier_result result)
{
	return result.how != NOTIFIER_RETURNED || result.value != 0;
}

struct notifier_result notifier_result_of_hold(const struct notifier_run *run)
{
	return (struct notifier_result){ NOTIFIER_RETURNED, run->what.callback.fails };
}

/* An error is reported, and that is all that comes of it. */
void notifier_end(struct notifiers *l, struct notifier_result result, uint64_t now)
{
	struct notifier_end *e = &l->last[l->ended % NOTIFIER_ENDS];

	*e = (struct notifier_end){ .order = l->run.what.order, .vm = l->run.what.vm,
		.kind = l->run.what.callback.kind, .result = result,
		.took = now > l->run.begun ? now - l->run.begun : 0 };
	memcpy(e->name, l->run.what.name, sizeof(e->name));
	fence();
	l->ended++;
	l->failed += notifier_failed(result);
	fence();
	l->run.active = 0;
}

void notifiers_forget(struct notifiers *l, uint64_t now)
{
	if (l->run.active)
		notifier_end(l, (struct notifier_result){ .how = NOTIFIER_CUT_SHORT }, now);
	for (size_t i = 0; l->count && i < NOTIFIERS; i++)
		l->object[i].registered = 0;
	l->count = 0;
}

/* A death between the two halves of notifier_begin leaves the one that runs in the list. */
void notifiers_recover(struct notifiers *l)
{
	l->count = 0;
	l->run.active = l->run.active == 1;
	for (size_t i = 0; i < NOTIFIERS; i++) {
		struct notifier *n = &l->object[i];

		if (l->run.active && n->order == l->run.what.order)
			n->registered = 0;
		n->registered = n->registered == 1;
		l->count += n->registered;
	}
}
