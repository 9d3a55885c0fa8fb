/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Notifications between guests and SPs: what leaves for the SPMC is a guest's own, and leaves once unless it is a GET (P5); what
 * SPs have set is asked for, and the guest's interrupt is up until it is got (P6).
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/real.h"
#include "tests/simulation/side.h"
#include "tests/simulation/sim.h"

bool notify_is_for_sp(const uint64_t x[FFA_REGISTERS])
{
	if (x[0] == FFA_NOTIFICATION_BIND || x[0] == FFA_NOTIFICATION_UNBIND)
		return x[1] >> 16 & FFA_ID_SECURE;
	return x[0] == FFA_NOTIFICATION_SET && (x[1] & FFA_ID_SECURE);
}

bool notify_sp_chooses(struct world *w, struct fake_vmm *v, uint64_t x[FFA_REGISTERS])
{
	uint64_t id = world_life(w, v->life)->endpoint, dice = random_below(&w->random, 100);
	const struct fake_sp *sp = w->sp_count ? &w->sp[random_below(&w->random, w->sp_count)] : NULL;
	unsigned bit = (unsigned)random_below(&w->random, 8) * 9;

	if (!sp || sp_is_the_spmc(sp))
		return false;
	x[0] = dice < 60 ? FFA_NOTIFICATION_BIND : dice < 80 ? FFA_NOTIFICATION_SET : FFA_NOTIFICATION_UNBIND;
	x[1] = x[0] == FFA_NOTIFICATION_SET ? id << 16 | sp->id : (uint64_t)sp->id << 16 | id;
	x[2] = x[0] == FFA_NOTIFICATION_BIND && random_chance(&w->random, 500) ? FFA_NOTIFICATION_PER_VCPU : 0;
	x[bit < 32 ? 3 : 4] = 1u << bit % 32;
	return true;
}

/* ---- the fake SPMC ---- */

static void fail_with(struct secure_reply *ret, enum ffa_status status)
{
	ret->kind = CALL_NONE;
	ret->verdict = VERDICT_REFUSED;
	ret->status = status;
}

static void tell_what_is_pending(const struct fake_sp *sp, struct secure_reply *ret)
{
	uint64_t lists = 0;

	for (size_t i = 0; i < sp->book_count && lists < 4; i++)
		if (sp->book[i].pending) {
			uint16_t vcpu = (uint16_t)__builtin_ctz(sp->book[i].pending);

			ret->x[3 + lists] = (uint64_t)vcpu << 16 | sp->book[i].endpoint;
			ret->x[2] |= 1ull << (12 + 2 * lists++);
		}
	ret->x[0] = FFA_SUCCESS;
	ret->x[2] |= lists << 7;
	if (!lists)
		fail_with(ret, FFA_NO_DATA);
}

/* Whether something is bound there it makes up. */
void spmc_notifies(struct world *w, struct fake_sp *sp, const struct secure_call *c, struct secure_reply *ret)
{
	uint32_t function = (uint32_t)c->x[0] & ~FFA_SMC64;
	uint8_t vcpu = (uint8_t)(1u << (c->x[1] >> 16 & 7));

	ret->kind = CALL_GUEST;
	ret->verdict = VERDICT_ACK;
	ret->x[0] = FFA_SUCCESS;
	if (function == FFA_NOTIFICATION_INFO_GET) {
		tell_what_is_pending(sp, ret);
		return;
	}
	for (size_t i = 0; i < sp->book_count && function == FFA_NOTIFICATION_GET; i++)
		if (sp->book[i].endpoint == c->endpoint && (sp->book[i].pending & vcpu)) {
			sp->book[i].pending &= (uint8_t)~vcpu;
			ret->x[2] = 1;
		}
	if (function != FFA_NOTIFICATION_GET && random_chance(&w->random, 300))
		fail_with(ret, FFA_DENIED);
}

/* ---- what must be true ---- */

static struct fake_vcpu *whose(struct world *w, const struct secure_call *c)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vcpu *g = &w->vmm[i]->guest[c->vcpu % SIM_VCPU_MAX];

		if (w->vmm[i]->life == c->life && g->out && g->call.x[0] == c->x[0] && g->call.x[1] == c->x[1])
			return g;
	}
	return NULL;
}

void oracle_notification_call(struct world *w, struct life *life, const struct secure_call *c)
{
	struct fake_vcpu *g;

	if (!c->life) {
		if ((uint32_t)c->x[0] != (FFA_NOTIFICATION_INFO_GET | FFA_SMC64))
			fail(w, "P5", "call %x of nobody leaves for the SPMC", (uint32_t)c->x[0]);
		return;
	}
	if (!life || life->gone || c->endpoint != life->endpoint) {
		fail(w, "P2", "a call of life %" PRIu64 " as id %u leaves for the SPMC", c->life, c->endpoint);
		return;
	}
	if (c->run || (c->x[0] != FFA_NOTIFICATION_GET && !notify_is_for_sp(c->x))) {
		fail(w, "P3", "call %x of life %" PRIu64 " leaves for the SPMC", (uint32_t)c->x[0], c->life);
		return;
	}
	g = whose(w, c);
	if (g && g->left_for_spmc && c->x[0] != FFA_NOTIFICATION_GET && w->link.up)
		fail(w, "P5", "call %x of life %" PRIu64 " leaves for the SPMC again", (uint32_t)c->x[0], c->life);
	if (g)
		g->left_for_spmc = true;
}

/* One of this VM's lives that are over had a call there, which may be out still. */
bool notify_left_for_spmc(struct world *w, const struct vm_row *row)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		const struct fake_vmm *v = w->vmm[i];
		const struct life *life = v->life ? world_life(w, v->life) : NULL;

		for (unsigned k = 0; k < SIM_VCPU_MAX; k++)
			if (life && !strcmp(life->name, row->name) && life->state == VM_ABORTING && v->guest[k].left_for_spmc)
				return true;
	}
	return false;
}

/* The world is quiet: of what SPs set everybody was told who has not got it. */
void oracle_notified(struct world *w, const struct fake_vmm *v)
{
	const struct life *life = world_life(w, v->life);
	bool is_told = v->notes.is.secure || v->notes.is.secure_global;

	if (!w->real || !life || !life->notifications)
		return;
	for (unsigned i = 0; i < SIM_VCPU_MAX; i++)
		if (v->guest[i].out && v->guest[i].call.x[0] == FFA_NOTIFICATION_GET)
			return;
	if (side_is_untold(w->real->side, life->endpoint))
		fail(w, "P6", "SPs have set notifications of life %" PRIu64 ", and nobody asks for whom they are", v->life);
	else if (side_is_notified(w->real->side, life->endpoint) && !is_told)
		fail(w, "P6", "SPs have set notifications of life %" PRIu64 ", which is not told", v->life);
}
