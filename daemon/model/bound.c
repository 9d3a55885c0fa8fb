/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM that is bound lives with a client: when that one hangs up, its life ends, and what would come after it does not. It
 * is bound from its start until it has no life and none is to come, whoever ended it. That is stored, with a token: after a
 * crash of the daemon the client binds it again, or is gone.
 */
#include "model/step.h"

#include <stdio.h>
#include <string.h>

#include "base/mutant.h"

static void put(struct step *s, struct vm *vm, bool active, const uint8_t token[16])
{
	struct change c = { .kind = CHANGE_BOUND, .vm = vm->number };

	c.bound.active = active;
	if (active)
		memcpy(c.bound.token, token, sizeof(c.bound.token));
	emit(s, &c);
}

void bound_begin(struct step *s, struct vm *vm, const struct bind_request *r)
{
	put(s, vm, true, r->token);
	vm->bound_end = r->end;
}

void bound_over(struct step *s, struct vm *vm)
{
	if (vm->bound.active && !vm->life && vm->operation.operation == OP_NONE)
		put(s, vm, false, NULL);
}

static void client_gone(struct step *s, struct vm *vm, const char *how)
{
	if (MUTANT(MUTANT_P5_CLIENT_OUTLIVED))
		return;
	put(s, vm, false, NULL);
	waiter_refuse(s, vm, "the client that it is bound to is gone");
	if (cancel_start(s, vm) || !vm->life)
		return;
	if (operation_is_under(vm, OP_ABORT) && (!life_is_over(vm->life) || vm->operation.operation == OP_RESTART))
		set_operation(s, vm, OP_ABORT, 0);
	if (!life_is_over(vm->life))
		life_abort(s, vm->life, CAUSE_CLIENT_GONE, how, false);
}

void bound_timer(struct step *s, struct vm *vm)
{
	if (vm->bound.active)
		client_gone(s, vm, "its client did not come back after a crash of the daemon");
}

void bound_resume(struct step *s, struct vm *vm, bool same_boot)
{
	if (vm->bound.active && !same_boot)
		client_gone(s, vm, "its client went with the host's last boot");
	else if (vm->bound.active && !MUTANT(MUTANT_P6_CLIENT_FOREVER))
		set_deadline(s, &vm->binding, s->now + CLIENT_PATIENCE);
}

static struct vm *by_token(const struct step *s, const uint8_t token[16])
{
	struct vm *vm;

	list_for_each(vm, &s->m->vms, all)
		if (vm->bound.active && memcmp(vm->bound.token, token, sizeof(vm->bound.token)) == 0)
			return vm;
	return NULL;
}

enum refusal ask_bind_again(struct step *s, const struct request *r, struct answer *a)
{
	struct vm *vm = by_token(s, r->bind.token);

	if (!vm) {
		snprintf(a->text, sizeof(a->text), "no VM is bound by this token: it has ended");
		return REFUSED_NOT_BOUND;
	}
	clear_deadline(s, &vm->binding);
	vm->bound_end = r->bind.end;
	touch(s, vm);
	return REFUSED_NOT;
}

/* An end that was replaced by another is no client any more. */
enum refusal ask_unbind(struct step *s, const struct request *r)
{
	struct vm *vm = by_token(s, r->bind.token);

	if (vm && vm->bound_end == r->bind.end)
		client_gone(s, vm, "its client hung up");
	return REFUSED_NOT;
}
