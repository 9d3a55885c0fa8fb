/* SPDX-License-Identifier: Apache-2.0 */
#include "model/notification_sp.h"

#include "base/mutant.h"
#include "model/guest_sp.h"
#include "model/mediator.h"
#include "model/notification.h"
#include "model/step.h"
#include "proto/vmm-link.h"

#define OF_SECURE (FFA_NOTIFICATION_OF_SPS | FFA_NOTIFICATION_OF_SPMC)

/* ---- BIND, UNBIND, SET ---- */

static bool is_set(const uint64_t *x)
{
	return (uint32_t)x[0] == FFA_NOTIFICATION_SET;
}

/* w1: the sender, then the receiver. */
static uint16_t self_of(const uint64_t *x)
{
	return is_set(x) ? (uint32_t)x[1] >> 16 : (uint16_t)x[1];
}

static uint16_t other_of(const uint64_t *x)
{
	return is_set(x) ? (uint16_t)x[1] : (uint32_t)x[1] >> 16;
}

static bool has_known_flags(const uint64_t *x)
{
	uint32_t flags = (uint32_t)x[2];

	if (is_set(x))
		return !(flags & 0xFFFF & ~FFA_NOTIFICATION_SET_FLAGS) && (flags & FFA_NOTIFICATION_PER_VCPU || !(flags >> 16));
	return !(flags & ~((uint32_t)x[0] == FFA_NOTIFICATION_BIND ? FFA_NOTIFICATION_PER_VCPU : 0));
}

static enum ffa_status check(struct model *m, const struct life *l, const uint64_t *x)
{
	const struct sp *sp = model_sp(m, other_of(x)), *spmc = bitmap_spmc(m);

	if (self_of(x) != l->begun.endpoint || !((uint32_t)x[3] | (uint32_t)x[4]) || !has_known_flags(x))
		return FFA_INVALID_PARAMETERS;
	if (!sp || !sp_is_there(sp) || sp_is_spmc(sp))
		return FFA_INVALID_PARAMETERS;
	if (!spmc || !sp_is_there(spmc) || (!is_set(x) && !l->begun.notifications))
		return FFA_NOT_SUPPORTED;
	return FFA_OK;
}

static bool has_bitmap(const struct life *l, const struct sp *spmc)
{
	return l->debt[spmc->index].state == DEBT_KNOWN;
}

/* Who sets something needs no bitmap of its own. */
static enum ffa_status check_now(const struct model *m, const struct life *l, const uint64_t *x, const struct sp *spmc)
{
	return m->secure_up && (is_set(x) || has_bitmap(l, spmc)) ? FFA_OK : FFA_BUSY;
}

enum ffa_status notification_sp_check(const struct model *m, const struct guest_vcpu *v, const struct sp *spmc)
{
	return check_now(m, v->life, v->x, spmc);
}

bool notification_sp_call(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct sp *spmc = bitmap_spmc(s->m);
	enum ffa_status status;

	if (!(other_of(call->x) & FFA_ID_SECURE))
		return false;
	status = check(s->m, v->life, call->x);
	if (status == FFA_OK)
		status = check_now(s->m, v->life, call->x, spmc);
	if (status != FFA_OK) {
		mediator_answer(s, v, status);
		return true;
	}
	if (!is_set(call->x))
		(void)notifications_of(s, v->life); /* from now on something may become pending */
	guest_sp_wait(s, v, spmc, call);
	return true;
}

bool notification_sp_is_sent(const struct guest_call *call)
{
	uint32_t function = (uint32_t)call->x[0];

	return (function == FFA_NOTIFICATION_BIND || function == FFA_NOTIFICATION_UNBIND || function == FFA_NOTIFICATION_SET) &&
		(other_of(call->x) & FFA_ID_SECURE) && !MUTANT(MUTANT_P5_SP_SENT_TWICE);
}

/* ---- GET ---- */

/* Without the SPMC a guest gets what other VMs have set; what SPs have set stays, and so does its interrupt. */
bool notification_sp_get(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct sp *spmc = bitmap_spmc(s->m);
	uint32_t flags = (uint32_t)call->x[2];

	if (!(flags & OF_SECURE) || !spmc || !sp_is_there(spmc) || !has_bitmap(v->life, spmc))
		return false;
	if (!s->m->secure_up && flags & FFA_NOTIFICATION_OF_VMS)
		return false;
	if (s->m->secure_up)
		guest_sp_wait(s, v, spmc, call);
	else
		mediator_answer(s, v, FFA_BUSY);
	return true;
}

void notification_sp_narrow(uint64_t x[FFA_REGISTERS])
{
	if ((uint32_t)x[0] == FFA_NOTIFICATION_GET)
		x[2] &= OF_SECURE;
}

void notification_sp_fails(struct step *s, struct guest_vcpu *v, enum ffa_status status)
{
	if ((uint32_t)v->x[0] == FFA_NOTIFICATION_GET && v->life->notifications)
		notification_not_got(v->life->notifications, (uint16_t)((uint32_t)v->x[1] >> 16));
	mediator_answer(s, v, status);
}

void notification_sp_answer(struct step *s, struct guest_vcpu *v, const struct secure_reply *r)
{
	bool gets = (uint32_t)v->x[0] == FFA_NOTIFICATION_GET;
	bool failed = r->kind != CALL_GUEST && !(gets && r->status == FFA_NO_DATA);

	if (failed)
		notification_sp_fails(s, v, r->status < 0 ? (enum ffa_status)r->status : FFA_ABORTED);
	else if (gets)
		notification_put(s, v, (uint16_t)((uint32_t)v->x[1] >> 16), (uint32_t)v->x[2], r->x);
	else
		mediator_answer(s, v, FFA_OK);
}

/* ---- INFO_GET: for whom there is something ---- */

struct info_ids {
	const uint64_t *x;
	unsigned width, at; /* ids in a register: two, or four of FFA_SUCCESS_64 */
};

/* -1: there are no more, whatever the lists say. */
static int32_t next_id(struct info_ids *i)
{
	unsigned n = i->at++;

	if (n >= FFA_INFO_REGISTERS * i->width)
		return -1;
	return (uint16_t)(i->x[FFA_INFO_IDS_AT + n / i->width] >> 16 * (n % i->width));
}

static void take_list(struct step *s, struct info_ids *i, unsigned vcpus)
{
	int32_t id = next_id(i);
	struct life *l = id > 0 && (uint32_t)id < FFA_ID_VM_COUNT ? s->m->endpoint[id] : NULL;

	if (l && !vcpus)
		notification_secure(s, l, VMM_NOTIFY_GLOBAL);
	while (vcpus--) {
		int32_t vcpu = next_id(i);

		if (l && vcpu >= 0 && (uint32_t)vcpu < l->begun.vcpu_count) {
			notification_secure(s, l, (uint16_t)vcpu);
			notification_secure(s, l, VMM_NOTIFY_GLOBAL); /* a list of vCPUs says that of the endpoint, too */
		}
	}
}

void notification_sp_info(struct step *s, struct sp *spmc, const struct secure_reply *r)
{
	struct info_ids ids = { .x = r->x, .width = (uint32_t)r->x[0] == FFA_SUCCESS_64 ? 4 : 2 };

	spmc->guest.asks = false;
	if (r->verdict == VERDICT_BUSY) {
		spmc->guest.info_due = true;
		pace_run(s, spmc, false, YIELD_WAIT);
	}
	if (r->kind != CALL_GUEST)
		return;
	for (unsigned i = 0; i < (r->x[2] >> FFA_INFO_COUNT_AT & FFA_INFO_COUNT_MASK); i++) {
		unsigned at = FFA_INFO_LISTS_AT + 2 * i;

		take_list(s, &ids, at < 64 ? r->x[2] >> at & FFA_INFO_VCPUS_MAX : 0);
	}
	spmc->guest.info_due |= r->x[2] & FFA_INFO_MORE;
}

bool notification_sp_is_awaited(const struct model *m, const struct sp *spmc)
{
	const struct life *l;

	if (!m->notified) /* it is asked in most turns, and of a thousand VMs often none has any */
		return false;
	list_for_each(l, &m->lives, all)
		if (has_bitmap(l, spmc) && l->notifications && !life_is_over(l))
			return true;
	return false;
}

/* An interrupt that nobody has asked about is not raised again by every SPMC. */
void notification_sp_awaited(struct step *s)
{
	struct sp *spmc = bitmap_spmc(s->m);

	if (spmc && spmc->guest.info_due)
		pump(s, spmc);
}

bool notification_sp_may_have(struct model *m, const struct life *l)
{
	const struct sp *spmc = bitmap_spmc(m);

	return spmc && has_bitmap(l, spmc);
}

/* An answer that was lost had told of something, for the only time: everybody looks. */
void notification_sp_up(struct step *s)
{
	struct sp *spmc = bitmap_spmc(s->m);
	struct life *l;

	if (!spmc)
		return;
	spmc->guest.info_due = true;
	if (!spmc->guest.info_lost)
		return;
	spmc->guest.info_lost = false;
	list_for_each(l, &s->m->lives, all) {
		if (!has_bitmap(l, spmc))
			continue;
		notification_secure(s, l, VMM_NOTIFY_GLOBAL);
		for (uint16_t i = 0; i < l->begun.vcpu_count; i++)
			notification_secure(s, l, i);
	}
}
