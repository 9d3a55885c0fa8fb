/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Notifications between guests, and what must be true of them (P5): one is set by whom it is bound to, and by nobody else; what
 * is got was set, and is got once, unless a link or a daemon broke meanwhile; and what was set is got. A receiver that waits is
 * run for it (P6). What is lost is what a VMM that was away never heard, if the daemon dies before it is back.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"

static unsigned vcpus_of(const struct fake_vmm *v)
{
	return v->vcpu_count < SIM_VCPU_MAX ? v->vcpu_count : SIM_VCPU_MAX;
}

static uint64_t bitmap_of(const uint64_t x[FFA_REGISTERS])
{
	return x[4] << 32 | (uint32_t)x[3];
}

/* For which vCPU a SET is, or for all. */
static size_t slot_of(const uint64_t x[FFA_REGISTERS])
{
	return x[2] & FFA_NOTIFICATION_PER_VCPU ? x[2] >> 16 & 0xFFFF : SIM_VCPU_MAX;
}

/* The guest that has this id now. */
static struct fake_vmm *guest_of(struct world *w, uint16_t id)
{
	for (size_t i = w->vmm_count; i; i--) {
		struct fake_vmm *v = w->vmm[i - 1];
		const struct life *life = v->life && v->at == VMM_RUNS ? world_life(w, v->life) : NULL;

		if (life && life->endpoint == id)
			return v;
	}
	return NULL;
}

static uint16_t id_of(struct world *w, const struct fake_vmm *v)
{
	return world_life(w, v->life)->endpoint;
}

/* ---- what guests do ---- */

/* A bit that is bound to the guest with this id, if any is: else any. */
static unsigned choose_bit(struct world *w, const struct fake_vmm *to, uint16_t id)
{
	for (unsigned tries = 0; to && tries < 64 && !random_chance(&w->random, 20); tries++) {
		unsigned bit = (unsigned)random_below(&w->random, 64);

		if (to->notes.asked[bit] == id)
			return bit;
	}
	return (unsigned)random_below(&w->random, 8) * 9;
}

/* Somebody who bound something to this one, if there is any. */
static struct fake_vmm *choose_receiver(struct world *w, uint16_t id)
{
	for (unsigned tries = 0; tries < 30 && w->vmm_count; tries++) {
		struct fake_vmm *v = w->vmm[w->vmm_count - 1 - random_below(&w->random, w->vmm_count < 30 ? w->vmm_count : 30)];

		for (unsigned bit = 0; v->at == VMM_RUNS && bit < 64; bit++)
			if (v->notes.asked[bit] == id)
				return v;
	}
	return NULL;
}

/* A guest that talks, most of the time. */
static uint16_t choose_other(struct world *w, const struct fake_vmm *not, uint16_t other)
{
	for (unsigned tries = 0; tries < 30 && !random_chance(&w->random, 30); tries++) {
		struct fake_vmm *v = w->vmm[w->vmm_count - 1 - random_below(&w->random, w->vmm_count < 30 ? w->vmm_count : 30)];

		if (v != not && v->at == VMM_RUNS && v->talks)
			return id_of(w, v);
	}
	return other;
}

static void put_bit(uint64_t x[FFA_REGISTERS], unsigned bit)
{
	x[bit < 32 ? 3 : 4] = 1u << bit % 32;
}

static void to_set(struct world *w, struct fake_vmm *v, uint16_t vcpu, uint16_t other, uint64_t x[FFA_REGISTERS])
{
	struct fake_vmm *to = choose_receiver(w, id_of(w, v));
	unsigned bit = choose_bit(w, to, id_of(w, v));
	bool per_vcpu = to && to->notes.per_vcpu >> bit & 1;

	x[0] = FFA_NOTIFICATION_SET;
	x[1] = (uint64_t)id_of(w, v) << 16 | (to ? id_of(w, to) : other);
	x[2] = per_vcpu ? FFA_NOTIFICATION_PER_VCPU | random_below(&w->random, vcpus_of(to)) << 16 : 0;
	put_bit(x, bit);
	if (!to)
		return;
	to->notes.at[slot_of(x)].out[bit]++;
	to->notes.at[slot_of(x)].may |= 1ull << bit;
	to->notes.at[slot_of(x)].ever |= 1ull << bit;
}

static void to_bind(struct world *w, struct fake_vmm *v, uint16_t other, bool binds, uint64_t x[FFA_REGISTERS])
{
	unsigned bit = (unsigned)random_below(&w->random, 8) * 9;
	struct notes *n = &v->notes;
	bool per_vcpu = binds && random_chance(&w->random, 500);

	x[0] = binds ? FFA_NOTIFICATION_BIND : FFA_NOTIFICATION_UNBIND;
	x[1] = (uint64_t)(!binds && n->asked[bit] ? n->asked[bit] : other) << 16 | id_of(w, v);
	x[2] = per_vcpu ? FFA_NOTIFICATION_PER_VCPU : 0;
	put_bit(x, bit);
	if (!binds || n->bound[bit])
		return;
	n->asked[bit] = other; /* whether it is so, the answer says */
	n->per_vcpu = per_vcpu ? n->per_vcpu | 1ull << bit : n->per_vcpu & ~(1ull << bit);
}

void notify_chooses(struct world *w, struct fake_vmm *v, uint16_t vcpu, uint16_t other, uint64_t x[FFA_REGISTERS])
{
	uint64_t dice = random_below(&w->random, 100);

	if (!v->guest[vcpu].poked && random_chance(&w->random, 150) && notify_sp_chooses(w, v, x))
		return;
	if (!v->guest[vcpu].poked && random_chance(&w->random, 40)) {
		x[0] = FFA_NOTIFICATION_INFO_GET | (random_chance(&w->random, 500) ? FFA_SMC64 : 0u);
		return;
	}
	other = choose_other(w, v, other);
	if (dice >= 60 && !world_life(w, v->life)->notifications)
		dice = 50; /* it may try, now and then */
	if (v->guest[vcpu].poked || dice < 10) {
		x[0] = FFA_NOTIFICATION_GET;
		x[1] = (uint64_t)vcpu << 16 | id_of(w, v);
		x[2] = FFA_NOTIFICATION_OF_VMS | (random_chance(&w->random, 500) ? FFA_NOTIFICATION_OF_SPS : 0u);
	} else if (dice < 66 && (choose_receiver(w, id_of(w, v)) || dice < 30)) {
		to_set(w, v, vcpu, other, x);
	} else {
		to_bind(w, v, other, dice < 94, x);
	}
	v->guest[vcpu].poked = false;
}

/* ---- what they are answered ---- */

/* As the disk has it: a follower may hear of its end after the answers of that turn. */
static bool lives(struct world *w, uint64_t number)
{
	const struct life *life = world_life(w, number);

	return life && life->state == VM_RUNNING && life->stored_substate < VM_SUB_QUIESCING;
}

/* Its VMM is away, it is just unbinding it, or it was bound in the other way meanwhile. */
static bool is_in_doubt(struct world *w, const struct fake_vmm *to, const struct fake_vcpu *g, unsigned bit)
{
	const struct vm_row *row = rows_vm(engine_rows(w->engine), to->name);
	bool doubt = !row || row->unreachable || row->stale ||
		     (g->call.x[2] & FFA_NOTIFICATION_PER_VCPU) != (to->notes.per_vcpu >> bit & 1);

	for (unsigned i = 0; i < SIM_VCPU_MAX; i++)
		doubt |= to->guest[i].out && to->guest[i].call.x[0] == FFA_NOTIFICATION_UNBIND &&
			(bitmap_of(to->guest[i].call.x) >> bit & 1);
	return doubt;
}

static void set_answered(struct world *w, struct fake_vmm *v, const struct fake_vcpu *g, bool ok, bool refused)
{
	uint64_t bitmap = bitmap_of(g->call.x);
	struct fake_vmm *to = guest_of(w, (uint16_t)g->call.x[1]);
	unsigned bit = (unsigned)__builtin_ctzll(bitmap);

	if (!to)
		return;
	if (ok && to->notes.asked[bit] != id_of(w, v) && to->notes.was_asked[bit] != id_of(w, v))
		fail(w, "P5", "life %" PRIu64 " sets notification %u of life %" PRIu64 ", which never was bound to it", v->life, bit,
			to->life);
	if (refused && to->notes.bound[bit] == v->life && !is_in_doubt(w, to, g, bit))
		fail(w, "P5", "life %" PRIu64 " may not set notification %u of life %" PRIu64 ", which is bound to it", v->life, bit,
			to->life);
	if (to->notes.at[slot_of(g->call.x)].out[bit])
		to->notes.at[slot_of(g->call.x)].out[bit]--;
	to->notes.at[slot_of(g->call.x)].may |= ok ? bitmap : 0;
	to->notes.at[slot_of(g->call.x)].must |= ok ? bitmap : 0;
}

static void bind_answered(struct world *w, struct fake_vmm *v, const struct fake_vcpu *g, bool ok)
{
	bool binds = g->call.x[0] == FFA_NOTIFICATION_BIND;
	unsigned bit = (unsigned)__builtin_ctzll(bitmap_of(g->call.x));
	uint16_t other = (uint16_t)(g->call.x[1] >> 16);
	struct notes *n = &v->notes;

	if (ok && binds && n->bound[bit] && n->bound[bit] != w->ids.life[other % FFA_ID_VM_COUNT] && lives(w, n->bound[bit]) &&
		!g->broken)
		fail(w, "P5", "notification %u of life %" PRIu64 " belongs to life %" PRIu64 " and is bound to %04x", bit, v->life,
			n->bound[bit], other);
	if (!ok && binds && n->asked[bit] == other && !n->bound[bit] && !g->broken)
		n->asked[bit] = 0;
	if (!ok)
		return;
	n->was_asked[bit] = n->asked[bit];
	n->asked[bit] = binds ? other : 0;
	n->bound[bit] = binds ? w->ids.life[other % FFA_ID_VM_COUNT] : 0;
	if (binds)
		n->per_vcpu = g->call.x[2] & 1 ? n->per_vcpu | 1ull << bit : n->per_vcpu & ~(1ull << bit);
}

static void take(struct notes *n, struct fake_vcpu *g, size_t slot, uint64_t got)
{
	g->got[slot] = n->at[slot].must & got;
	n->at[slot].must &= ~got;
	for (unsigned bit = 0; bit < 64; bit++)
		if (got >> bit & 1 && !n->at[slot].out[bit])
			n->at[slot].may &= ~(1ull << bit);
}

/* Lists of ids, each a VM and up to three of its vCPUs: a guest is told of itself alone. */
static void check_info(struct world *w, const struct fake_vmm *v, const struct guest_call *a)
{
	unsigned width = a->x[0] == FFA_SUCCESS_64 ? 4 : 2, lists = a->x[2] >> 7 & 31, at = 0;
	const struct life *life = world_life(w, v->life);

	for (unsigned list = 0; list < lists; list++) {
		for (unsigned i = 0; i <= (a->x[2] >> (12 + 2 * list) & 3); i++, at++) {
			uint16_t id = (uint16_t)(a->x[3 + at / width] >> 16 * (at % width));

			if (i ? id >= life->vcpu_count : id != life->endpoint)
				fail(w, "P5", "life %" PRIu64 " is told of notifications of %s %u", v->life, i ? "vCPU" : "id", id);
		}
	}
	if (!lists)
		fail(w, "P5", "life %" PRIu64 " is told of notifications of nobody", v->life);
}

/* As the daemon lets it out: from here on it is not pending there. */
void notify_leaves(struct world *w, struct fake_vmm *v, const struct guest_call *a)
{
	struct fake_vcpu *g = &v->guest[a->vcpu];
	bool ok = a->x[0] == FFA_SUCCESS;
	size_t own = g->call.x[1] >> 16;
	struct notes *n = &v->notes;
	uint64_t got;

	if (notify_is_for_sp(g->call.x))
		return;
	if (g->call.x[0] == FFA_NOTIFICATION_SET)
		set_answered(w, v, g, ok, a->x[0] == FFA_ERROR && (int32_t)a->x[2] == FFA_DENIED);
	if (g->call.x[0] == FFA_NOTIFICATION_BIND || g->call.x[0] == FFA_NOTIFICATION_UNBIND)
		bind_answered(w, v, g, ok);
	if ((g->call.x[0] & ~(uint64_t)FFA_SMC64) == FFA_NOTIFICATION_INFO_GET && a->x[0] != FFA_ERROR)
		check_info(w, v, a);
	if (g->call.x[0] != FFA_NOTIFICATION_GET || !ok)
		return;
	if (a->x[4] << 32 >> 32 != a->x[4] || (!(g->call.x[2] & FFA_NOTIFICATION_OF_SPS) && (a->x[2] || a->x[3])))
		fail(w, "P5", "life %" PRIu64 " gets notifications of nobody", v->life);
	got = a->x[5] << 32 | a->x[4];
	if (got & ~(n->at[own].may | n->at[SIM_VCPU_MAX].may))
		fail(w, "P5", "life %" PRIu64 ".%zu gets notifications %" PRIx64 ", of which only %" PRIx64 " may be pending", v->life, own,
			got, n->at[own].may | n->at[SIM_VCPU_MAX].may);
	take(n, g, own, got);
	take(n, g, SIM_VCPU_MAX, got);
}

void notify_delivered(struct fake_vcpu *g)
{
	memset(g->got, 0, sizeof(g->got));
}

/* What it was to get and did not is pending still: that it is taken its VMM would have been told behind the answer. */
void notify_lost(struct fake_vmm *v, struct fake_vcpu *g)
{
	for (size_t slot = 0; slot <= SIM_VCPU_MAX; slot++) {
		v->notes.at[slot].must |= g->got[slot];
		*(slot == SIM_VCPU_MAX ? &v->notes.is.pending : &v->notes.is.vcpu[slot]) |= g->got[slot];
	}
	notify_delivered(g);
}

/* Whatever was pending may be again. */
void notify_cut(struct fake_vmm *v)
{
	for (size_t slot = 0; slot <= SIM_VCPU_MAX; slot++)
		v->notes.at[slot].may |= v->notes.at[slot].ever;
}

/* ---- what its VMM keeps ---- */

void notify_told(struct world *w, struct fake_vmm *v, const struct guest_notice *n)
{
	struct vmm_notification_state *is = &v->notes.is;

	if (!v->connected || !v->welcome) {
		v->notes.missed = true;
		return;
	}
	for (unsigned bit = 0; n->what == VMM_NOTIFY_BOUND && bit < 64; bit++)
		if (n->bitmap >> bit & 1) {
			is->sender[bit] = n->sender;
			is->per_vcpu = n->per_vcpu ? is->per_vcpu | 1ull << bit : is->per_vcpu & ~(1ull << bit);
		}
	if (n->what == VMM_NOTIFY_SECURE && n->vcpu == VMM_NOTIFY_GLOBAL)
		is->secure_global = n->bitmap;
	else if (n->what == VMM_NOTIFY_SECURE)
		is->secure = (is->secure & ~(1ull << n->vcpu)) | n->bitmap << n->vcpu;
	if (n->what == VMM_NOTIFY_PENDING)
		*(n->vcpu == VMM_NOTIFY_GLOBAL ? &is->pending : &is->vcpu[n->vcpu]) = n->bitmap;
}

void notify_tells(struct world *w, struct fake_vmm *v)
{
	struct input in = { .kind = IN_VMM_NOTIFICATIONS, .life = v->life, .notifications = v->notes.is };
	const struct life *life = world_life(w, v->life);

	v->notes.missed = false;
	if (life && life->notifications && v->at == VMM_RUNS)
		vmm_tell(w, v, &in);
}

/* The daemon is dead: what it had not told this VMM is lost with it. */
void notify_crash(struct fake_vmm *v)
{
	for (size_t slot = 0; v->notes.missed && slot <= SIM_VCPU_MAX; slot++)
		v->notes.at[slot].must = 0;
	if (v->notes.missed)
		memset(v->notes.bound, 0, sizeof(v->notes.bound));
	v->notes.missed = false;
}

static void check_got(struct world *w, const struct fake_vmm *v, size_t slot)
{
	uint64_t must = v->notes.at[slot].must, has = slot == SIM_VCPU_MAX ? v->notes.is.pending : v->notes.is.vcpu[slot];

	if (must & has)
		fail(w, "P6", "life %" PRIu64 ".%zu waits, and is not run for notifications %" PRIx64, v->life, slot, must);
	else if (must)
		fail(w, "P5", "notifications %" PRIx64 " of life %" PRIu64 " are lost", must, v->life);
}

void oracle_notifications(struct world *w)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		const struct fake_vmm *v = w->vmm[i];

		if (v->at != VMM_RUNS || !v->connected || !v->welcome || v->hangs || v->stands || !v->talks)
			continue;
		for (size_t slot = 0; slot <= SIM_VCPU_MAX; slot++)
			check_got(w, v, slot);
		oracle_notified(w, v);
	}
}
