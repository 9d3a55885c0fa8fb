/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's last resort: a life that is stuck at an SP which will never take its end is settled by his word. Memory and
 * the VM's name come back; the FF-A id stays burned, for the SP may know the life still.
 */
#include "model/guest_sp.h"
#include "model/step.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/availability.h"

LIFECYCLE_NAME_TABLE(substate_names, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(debt_names, DEBT_STATES);

#define TEXT(a) (a)->text, sizeof((a)->text)

/* It has not taken the end, or has a call of the guest still, for which the end waits. */
static bool is_waited_for(const struct sp *sp, const struct life *l)
{
	return !debt_is_done(&l->debt[sp->index]) || guest_sp_has(sp, l);
}

static bool is_any_waited_for(const struct model *m, const struct life *l)
{
	for (size_t i = 0; i < m->sp_count; i++)
		if (is_waited_for(&m->sp[i], l))
			return true;
	return false;
}

/* ---- which life is meant ---- */

static enum refusal by_number(const struct step *s, const struct request *r, struct answer *a, struct life **ret)
{
	struct life *l = model_life(s->m, r->life);

	if (!l) {
		snprintf(TEXT(a), "life %llu is over and settled, or never was: nobody is owed anything of it",
			(unsigned long long)r->life);
		return REFUSED_WRONG_LIFE;
	}
	if (r->name[0] && strcmp(l->begun.name, r->name) != 0) {
		snprintf(TEXT(a), "life %llu is one of %s, not of %s", (unsigned long long)r->life, l->begun.name, r->name);
		return REFUSED_WRONG_LIFE;
	}
	*ret = l;
	return REFUSED_NOT;
}

/* The only one of this VM that is over and owes somebody; where there are several a number is asked for. */
static enum refusal by_name(const struct step *s, const struct request *r, struct answer *a, struct life **ret)
{
	struct vm *vm = model_vm_named(s->m, r->name);
	struct life *l, *only = NULL;

	if (!vm) {
		snprintf(TEXT(a), "no VM is named %s; a life whose VM was destroyed is named by its number", r->name);
		return REFUSED_NO_SUCH_VM;
	}
	list_for_each(l, &vm->old, of_vm) {
		if (only) {
			snprintf(TEXT(a), "several old lives of %s settle: say which one by its number", r->name);
			return REFUSED_INVALID_ARGUMENT;
		}
		only = l;
	}
	if (only && vm->life && life_is_over(vm->life)) {
		snprintf(TEXT(a), "lives %llu and %llu of %s settle: say which one by its number",
			(unsigned long long)only->number, (unsigned long long)vm->life->number, r->name);
		return REFUSED_INVALID_ARGUMENT;
	}
	*ret = only ? only : vm->life;
	return REFUSED_NOT;
}

/* ---- whether it may be forgotten ---- */

/* Counted at the VM that was named, also where the life is one that an earlier VM of that name left behind. */
static enum refusal may_not(struct step *s, const struct request *r, const struct life *l)
{
	struct vm *vm = l->vm ? l->vm : *r->name ? model_vm_named(s->m, r->name) : NULL;

	if (vm)
		count_refused(s, vm);
	touch(s, vm);
	return REFUSED_ILLEGAL_TRANSITION;
}

static enum refusal check_life(struct step *s, const struct request *r, const struct life *l, struct answer *a)
{
	if (!l) {
		snprintf(TEXT(a), "no life of %s is settling: there is nothing to forget", r->name);
		return REFUSED_WRONG_LIFE;
	}
	if (!life_is_over(l)) {
		snprintf(TEXT(a), "life %llu of %s goes on: what it owes is forgotten once it was ended and is stuck",
			(unsigned long long)l->number, l->begun.name);
		return may_not(s, r, l);
	}
	if (l->now.substate != VM_SUB_RETIRING || !is_any_waited_for(s->m, l)) {
		snprintf(TEXT(a), "life %llu of %s is %s: no SP is waited for", (unsigned long long)l->number, l->begun.name,
			substate_names[l->now.substate]);
		return may_not(s, r, l);
	}
	return REFUSED_NOT;
}

static bool is_asked_for(const struct request *r, const struct sp *sp)
{
	return !r->sp || r->sp == sp->info.id;
}

static enum refusal check_sps(struct step *s, const struct request *r, const struct life *l, struct answer *a)
{
	struct sp *sp = r->sp ? model_sp(s->m, r->sp) : NULL;

	if (r->sp && !sp) {
		snprintf(TEXT(a), "no SP has the id 0x%04x; lifecyclectl partitions lists them", r->sp);
		return REFUSED_INVALID_ARGUMENT;
	}
	if (sp && !is_waited_for(sp, l)) {
		snprintf(TEXT(a), "life %llu of %s owes SP 0x%04x nothing", (unsigned long long)l->number, l->begun.name, r->sp);
		return may_not(s, r, l);
	}
	for (size_t i = 0; i < s->m->sp_count; i++) {
		sp = &s->m->sp[i];
		if (!is_asked_for(r, sp) || !is_waited_for(sp, l) || l->stuck || !s->m->secure_up || !sp_is_there(sp))
			continue;
		snprintf(TEXT(a), "SP 0x%04x can be reached and life %llu of %s is not stuck yet: wait until it is",
			sp->info.id, (unsigned long long)l->number, l->begun.name);
		return may_not(s, r, l);
	}
	return REFUSED_NOT;
}

/* ---- it is forgotten ---- */

static void forget_debt(struct step *s, struct life *l, struct sp *sp)
{
	struct debt *d = &l->debt[sp->index];
	struct debt_arc arc;

	if (debt_step(d->state == DEBT_CREATING ? FACE_CREATING : d->state == DEBT_KNOWN ? FACE_KNOWN : FACE_DESTROYING,
		    DEBT_EV_FORGOT, &arc) < 0)
		return;
	d->dirty = d->unsure = d->cleanse = d->drained = false;
	d->drain = 0;
	burn_id(s, l, sp);
	debt_move(s, l, d, (enum debt_state)arc.to, (enum debt_how)arc.how);
}

/* The SP was not told of the life, or is owed nothing any more; but it works for the id. */
static void forget_call(struct step *s, struct life *l, const struct sp *sp)
{
	if (!model_burned(s->m, l->number, sp->info.id))
		burn_id(s, l, sp);
}

/* One line for the journal: what was given up, and by whom. */
static void say(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct answer *a, const char *format, ...)
{
	size_t used = strlen(a->text);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(a->text + used, sizeof(a->text) - used, format, ap);
	va_end(ap);
}

static void forget_all(struct step *s, const struct request *r, struct life *l, struct answer *a)
{
	say(a, "uid %u had life %llu of %s, id 0x%04x, forgotten at", r->uid, (unsigned long long)l->number, l->begun.name,
		l->begun.endpoint);
	for (size_t i = 0; i < s->m->sp_count; i++) {
		const struct debt *d = &l->debt[i];
		struct sp *sp = &s->m->sp[i];

		if (!is_waited_for(sp, l) || !is_asked_for(r, sp))
			continue;
		if (!debt_is_done(d)) {
			say(a, " SP 0x%04x (%s, %u messages)", sp->info.id, debt_names[d->state], d->tries);
			forget_debt(s, l, sp);
		} else {
			say(a, " SP 0x%04x (a call of its guest)", sp->info.id);
			forget_call(s, l, sp);
		}
		guest_sp_forget(sp, l);
	}
	say(a, "; the id stays burned until there is another instance");
	touch(s, l->vm);
}

enum refusal ask_forget(struct step *s, const struct request *r, struct answer *a)
{
	struct life *l = NULL;
	enum refusal refusal = r->life ? by_number(s, r, a, &l) : by_name(s, r, a, &l);

	if (refusal == REFUSED_NOT)
		refusal = check_life(s, r, l, a);
	if (refusal == REFUSED_NOT)
		refusal = check_sps(s, r, l, a);
	if (refusal != REFUSED_NOT)
		return refusal;
	forget_all(s, r, l, a);
	a->forgot = true;
	life_advance_retire(s, l);
	for (size_t i = 0; i < s->m->sp_count; i++)
		pump(s, &s->m->sp[i]);
	return REFUSED_NOT;
}
