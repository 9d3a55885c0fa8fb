/* SPDX-License-Identifier: Apache-2.0 */
#include "model/notification.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "model/mediator.h"
#include "model/notification_sp.h"
#include "model/step.h"

#define GLOBAL VMM_NOTIFY_GLOBAL
#define OF_ALL                                                                                                        \
	(FFA_NOTIFICATION_OF_SPS | FFA_NOTIFICATION_OF_VMS | FFA_NOTIFICATION_OF_SPMC | FFA_NOTIFICATION_OF_HYPERVISOR)

/* ---- what is there ---- */

static bool receives(const struct life *l)
{
	return l->begun.notifications;
}

struct notifications *notifications_of(struct step *s, struct life *l)
{
	if (!l->notifications) {
		note_caller(s, l);
		l->notifications = take_ptr(&s->m->spare_notifications);
		s->m->notified++;
	}
	return l->notifications;
}

static struct life *living(const struct step *s, uint16_t id)
{
	struct life *l = id < FFA_ID_VM_COUNT ? s->m->endpoint[id] : NULL;

	return l && !life_is_over(l) ? l : NULL;
}

/* Who has the notification; 0: nobody, or nobody any more. */
static uint64_t sender_of(const struct step *s, const struct notifications *n, unsigned bit)
{
	const struct life *l = n->is.sender[bit] ? model_life(s->m, n->is.sender[bit]) : NULL;

	return l && !life_is_over(l) ? l->number : 0;
}

static bool are_bound(const struct step *s, const struct notifications *n, uint64_t bitmap, uint64_t life)
{
	for (unsigned i = 0; i < 64; i++)
		if (bitmap >> i & 1 && sender_of(s, n, i) != life)
			return false;
	return true;
}

static uint64_t *place_of(struct notifications *n, uint16_t vcpu)
{
	return vcpu == GLOBAL ? &n->is.pending : &n->is.vcpu[vcpu];
}

static bool is_pending(const struct life *l, const struct notifications *n, uint64_t bitmap)
{
	uint64_t any = n->is.pending;

	for (unsigned i = 0; i < l->begun.vcpu_count; i++)
		any |= n->is.vcpu[i];
	return any & bitmap;
}

/* ---- what the receiver's VMM is told ---- */

static void tell_binding(struct step *s, const struct life *l, uint64_t bitmap, uint64_t sender, bool per_vcpu)
{
	put_output(s, OUT_VMM_NOTIFY, l->number)->notice =
		(struct guest_notice) { .what = VMM_NOTIFY_BOUND, .per_vcpu = per_vcpu, .bitmap = bitmap, .sender = sender };
}

static void tell_pending(struct step *s, const struct life *l, uint16_t vcpu)
{
	put_output(s, OUT_VMM_NOTIFY, l->number)->notice = (struct guest_notice) { .what = VMM_NOTIFY_PENDING, .vcpu = vcpu,
		.bitmap = *place_of(l->notifications, vcpu) };
}

static void tell_secure(struct step *s, const struct life *l, uint16_t vcpu, bool set)
{
	put_output(s, OUT_VMM_NOTIFY, l->number)->notice =
		(struct guest_notice) { .what = VMM_NOTIFY_SECURE, .vcpu = vcpu, .bitmap = set };
}

static void bind(struct step *s, const struct life *l, struct notifications *n, uint64_t bitmap, uint64_t sender,
	bool per_vcpu)
{
	for (unsigned i = 0; i < 64; i++)
		if (bitmap >> i & 1)
			n->is.sender[i] = sender;
	n->is.per_vcpu = per_vcpu ? n->is.per_vcpu | bitmap : n->is.per_vcpu & ~bitmap;
	tell_binding(s, l, bitmap, sender, per_vcpu);
}

/* ---- BIND and UNBIND (s.16.5): the receiver's own affair ---- */

static uint64_t bitmap_of(const struct guest_call *call)
{
	return (uint64_t)(uint32_t)call->x[4] << 32 | (uint32_t)call->x[3];
}

struct binding {
	struct life *l, *sender;
	uint64_t bitmap;
	bool per_vcpu, again;
};

static enum ffa_status read_binding(const struct step *s, const struct guest_vcpu *v, const struct guest_call *call,
	uint32_t flags, struct binding *ret)
{
	uint32_t ids = (uint32_t)call->x[1];

	*ret = (struct binding) {
		.l = v->life,
		.sender = living(s, (uint16_t)(ids >> 16)),
		.bitmap = bitmap_of(call),
		.per_vcpu = (uint32_t)call->x[2] & FFA_NOTIFICATION_PER_VCPU,
		.again = call->flags & VMM_CALL_AGAIN,
	};
	if ((uint16_t)ids != v->life->begun.endpoint || !ret->bitmap || (uint32_t)call->x[2] & ~flags)
		return FFA_INVALID_PARAMETERS;
	if (!ret->sender || ret->sender == v->life)
		return FFA_INVALID_PARAMETERS;
	return receives(v->life) ? FFA_OK : FFA_NOT_SUPPORTED;
}

/* A call whose answer was lost is told again, and may have been done: it is asked whether what it wants is so. */
static bool is_done(const struct step *s, const struct notifications *n, const struct binding *b, uint64_t sender)
{
	return b->again && are_bound(s, n, b->bitmap, sender) && (!sender || (n->is.per_vcpu & b->bitmap) == (b->per_vcpu ? b->bitmap : 0));
}

void notification_bind(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct binding b;
	enum ffa_status status = read_binding(s, v, call, FFA_NOTIFICATION_PER_VCPU, &b);
	struct notifications *n = status == FFA_OK ? notifications_of(s, v->life) : NULL;

	if (notification_sp_call(s, v, call))
		return;
	if (n && is_done(s, n, &b, b.sender->number))
		;
	else if (n && (!are_bound(s, n, b.bitmap, 0) || is_pending(b.l, n, b.bitmap)) && !MUTANT(MUTANT_P5_BOUND_TWICE))
		status = FFA_DENIED;
	else if (n)
		bind(s, b.l, n, b.bitmap, b.sender->number, b.per_vcpu);
	mediator_answer(s, v, status);
}

void notification_unbind(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct binding b;
	enum ffa_status status = read_binding(s, v, call, 0, &b);
	struct notifications *n = status == FFA_OK ? notifications_of(s, v->life) : NULL;

	if (notification_sp_call(s, v, call))
		return;
	if (n && is_done(s, n, &b, 0))
		;
	else if (n && (!are_bound(s, n, b.bitmap, b.sender->number) || is_pending(b.l, n, b.bitmap)))
		status = FFA_DENIED;
	else if (n)
		bind(s, b.l, n, b.bitmap, 0, false);
	mediator_answer(s, v, status);
}

/* ---- SET (s.16.6): the sender's ---- */

struct signal {
	struct life *l;
	uint64_t bitmap;
	uint16_t vcpu;
};

static enum ffa_status read_signal(const struct step *s, const struct guest_vcpu *v, const struct guest_call *call,
	struct signal *ret)
{
	uint32_t ids = (uint32_t)call->x[1], flags = (uint32_t)call->x[2];
	uint16_t index = (uint16_t)(flags >> 16);
	bool per_vcpu = flags & FFA_NOTIFICATION_PER_VCPU;

	*ret = (struct signal) { living(s, (uint16_t)ids), bitmap_of(call), per_vcpu ? index : GLOBAL };
	if (ids >> 16 != v->life->begun.endpoint || !ret->l || !ret->bitmap || (flags & 0xFFFF & ~FFA_NOTIFICATION_SET_FLAGS))
		return FFA_INVALID_PARAMETERS;
	if (per_vcpu ? index >= ret->l->begun.vcpu_count : index != 0)
		return FFA_INVALID_PARAMETERS;
	return receives(ret->l) ? FFA_OK : FFA_NOT_SUPPORTED;
}

static enum ffa_status check_bound(const struct step *s, const struct guest_vcpu *v, const struct signal *ret)
{
	bool per_vcpu = ret->vcpu != GLOBAL;

	if (!ret->l->notifications || (!are_bound(s, ret->l->notifications, ret->bitmap, v->life->number) &&
		!MUTANT(MUTANT_P5_SET_UNBOUND)))
		return FFA_DENIED;
	return (ret->l->notifications->is.per_vcpu & ret->bitmap) == (per_vcpu ? ret->bitmap : 0) ? FFA_OK : FFA_DENIED;
}

/* A global one is for whichever vCPU asks first: the first is interrupted. */
static uint16_t who_runs(uint16_t vcpu)
{
	return vcpu == GLOBAL ? 0 : vcpu;
}

static void mark(struct notifications *n, uint16_t vcpu)
{
	n->to_run |= 1ull << who_runs(vcpu);
	if (vcpu == GLOBAL)
		n->tell_global = true;
	else
		n->to_tell |= 1ull << vcpu;
}

static void set(struct step *s, const struct signal *g)
{
	struct life *l = g->l;
	struct notifications *n = l->notifications;

	*place_of(n, g->vcpu) |= g->bitmap;
	mark(n, g->vcpu);
	tell_pending(s, l, g->vcpu);
	if (l->guest)
		notification_wake(s, &l->guest[who_runs(g->vcpu)]);
}

/* A daemon that is new does not know what is bound before the receiver's VMM is back. */
static void hold(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	v->stance = GUEST_BLOCKED;
	v->sets.ids = (uint32_t)call->x[1];
	v->sets.flags = (uint32_t)call->x[2];
	v->sets.bitmap = bitmap_of(call);
	list_append(&s->m->held, &v->held);
}

void notification_release(struct step *s, struct life *l)
{
	struct guest_vcpu *v, *next;

	l->notifications_untold = false;
	list_for_each_safe(v, next, &s->m->held, held) {
		struct guest_call call = { .vcpu = v->index, .x = { FFA_NOTIFICATION_SET, v->sets.ids, v->sets.flags,
						   (uint32_t)v->sets.bitmap, v->sets.bitmap >> 32 } };

		if ((uint16_t)v->sets.ids != l->begun.endpoint)
			continue;
		list_remove(&v->held);
		v->stance = GUEST_RUNS;
		notification_set(s, v, &call);
	}
}

/* The receiver is told before its sender goes on: a daemon that dies between the two is asked again, and sets it again. */
void notification_set(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct signal g;
	enum ffa_status status = read_signal(s, v, call, &g);

	if (notification_sp_call(s, v, call))
		return;
	if (status == FFA_OK && g.l->notifications_untold && !g.l->unreachable && !MUTANT(MUTANT_P5_BOUND_UNKNOWN)) {
		hold(s, v, call);
		return;
	}
	if (status == FFA_OK)
		status = check_bound(s, v, &g);
	if (status == FFA_OK)
		set(s, &g);
	mediator_answer(s, v, status);
}

/* A vCPU that waits is given cycles once for what is pending: its FFA_MSG_WAIT comes back as FFA_RUN does (s.16.3). */
void notification_wake(struct step *s, struct guest_vcpu *v)
{
	struct notifications *n = v->life->notifications;
	struct guest_call *a;

	if (!n || v->stance != GUEST_WAITS || !(n->to_run >> v->index & 1) || MUTANT(MUTANT_P6_UNNOTIFIED))
		return;
	n->to_run &= ~(1ull << v->index);
	v->stance = GUEST_RUNS;
	a = mediator_put(s, v);
	a->x[0] = FFA_RUN;
	a->x[1] = FFA_TARGET(v->life->begun.endpoint, v->index);
}

/* ---- GET (s.16.7): the receiver's ---- */

static void set_secure(struct step *s, struct life *l, uint16_t vcpu, bool set)
{
	struct vmm_notification_state *is = &l->notifications->is;
	uint64_t *place = vcpu == GLOBAL ? &is->secure_global : &is->secure, bit = vcpu == GLOBAL ? 1 : 1ull << vcpu;

	if (!(*place & bit) == !set)
		return;
	*place ^= bit;
	tell_secure(s, l, vcpu, set);
}

static uint64_t take(struct step *s, struct life *l, uint16_t vcpu)
{
	uint64_t *place = place_of(l->notifications, vcpu), taken = *place;

	if (!taken)
		return 0;
	*place = 0;
	tell_pending(s, l, vcpu);
	return taken;
}

static bool has(const struct notifications *n, uint16_t vcpu)
{
	return vcpu == GLOBAL ? n->is.pending || n->is.secure_global : n->is.vcpu[vcpu] || (n->is.secure >> vcpu & 1);
}

/* For what is not pending any more nobody is run. */
static void unmark(struct notifications *n, uint16_t index)
{
	if (!has(n, GLOBAL))
		n->tell_global = false;
	if (!has(n, index))
		n->to_tell &= ~(1ull << index);
	if (!has(n, index) && index)
		n->to_run &= ~(1ull << index);
	if (!has(n, 0) && !has(n, GLOBAL))
		n->to_run &= ~1ull;
}

void notification_not_got(struct notifications *n, uint16_t index)
{
	assert(index != GLOBAL); /* notification_get has looked: it is one of its vCPUs */
	if (has(n, index))
		n->to_run |= 1ull << index;
	if (has(n, GLOBAL))
		n->to_run |= 1;
}

/* The guest has them before its VMM forgets them: whoever dies between the two leaves them pending, and none is lost. */
void notification_put(struct step *s, struct guest_vcpu *v, uint16_t index, uint32_t flags, const uint64_t *secure)
{
	struct notifications *n = v->life->notifications;
	struct guest_call *a = mediator_put(s, v);
	uint64_t taken = n && flags & FFA_NOTIFICATION_OF_VMS ? n->is.pending | n->is.vcpu[index] : 0;

	a->x[0] = FFA_SUCCESS;
	if (secure) {
		a->x[2] = (uint32_t)secure[2];
		a->x[3] = (uint32_t)secure[3];
		a->x[6] = (uint32_t)secure[6];
	}
	a->x[4] = (uint32_t)taken;
	a->x[5] = taken >> 32;
	if (!n || MUTANT(MUTANT_P5_TAKEN_TWICE))
		return;
	if (flags & FFA_NOTIFICATION_OF_VMS) {
		(void)take(s, v->life, GLOBAL);
		(void)take(s, v->life, index);
	}
	if (secure) {
		set_secure(s, v->life, GLOBAL, false);
		set_secure(s, v->life, index, false);
	}
	unmark(n, index);
}

void notification_get(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	uint32_t ids = (uint32_t)call->x[1], flags = (uint32_t)call->x[2];
	uint16_t index = (uint16_t)(ids >> 16);

	if ((uint16_t)ids != v->life->begun.endpoint || index >= v->life->begun.vcpu_count || !flags || flags & ~OF_ALL)
		mediator_answer(s, v, FFA_INVALID_PARAMETERS);
	else if (!receives(v->life))
		mediator_answer(s, v, FFA_NOT_SUPPORTED);
	else if (!notification_sp_get(s, v, call))
		notification_put(s, v, index, flags, NULL);
}

/* ---- what SPs set: the SPMC keeps it, here is that there is some ---- */

void notification_secure(struct step *s, struct life *l, uint16_t vcpu)
{
	struct notifications *n = l->notifications;

	if (!n || life_is_over(l) || l->notifications_untold) /* its VMM will tell, and it is run for it then */
		return;
	set_secure(s, l, vcpu, true);
	mark(n, vcpu);
	if (l->guest)
		notification_wake(s, &l->guest[who_runs(vcpu)]);
}

/* ---- INFO_GET (s.16.8): a guest schedules its own vCPUs ---- */

struct info {
	unsigned width; /* ids in a register: two, or four of FFA_NOTIFICATION_INFO_GET_64 */
	unsigned ids, lists, in_list;
	uint64_t *x;
};

static bool has_room(const struct info *i, unsigned ids)
{
	return i->ids + ids <= FFA_INFO_REGISTERS * i->width;
}

static void put_id(struct info *i, uint16_t id)
{
	i->x[FFA_INFO_IDS_AT + i->ids / i->width] |= (uint64_t)id << 16 * (i->ids % i->width);
	i->ids++;
}

/* A list begins with the endpoint, and names up to three vCPUs. */
static bool put_vcpu(struct info *i, uint16_t endpoint, uint16_t vcpu)
{
	bool begins = !i->lists || i->in_list == FFA_INFO_VCPUS_MAX;

	if (!has_room(i, begins ? 2 : 1))
		return false;
	if (begins) {
		put_id(i, endpoint);
		i->lists++;
		i->in_list = 0;
	}
	put_id(i, vcpu);
	i->in_list++;
	i->x[2] += 1ull << (FFA_INFO_LISTS_AT + 2 * (i->lists - 1));
	return true;
}

void notification_info_get(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct notifications *n = v->life->notifications;
	bool wide = (uint32_t)call->x[0] & FFA_SMC64, more = false;
	struct guest_call *a;
	struct info i = { .width = wide ? 4 : 2 };

	if (!receives(v->life) || !n || (!n->to_tell && !n->tell_global)) {
		mediator_answer(s, v, receives(v->life) ? FFA_NO_DATA : FFA_NOT_SUPPORTED);
		return;
	}
	a = mediator_put(s, v);
	a->x[0] = wide ? FFA_SUCCESS_64 : FFA_SUCCESS;
	i.x = a->x;
	for (uint16_t k = 0; k < v->life->begun.vcpu_count && !more; k++) {
		if (!(n->to_tell >> k & 1))
			continue;
		more = !put_vcpu(&i, v->life->begun.endpoint, k);
		if (!more)
			n->to_tell &= ~(1ull << k);
	}
	if (n->tell_global && !i.lists) { /* a list of a vCPU says that the endpoint is to be run, too */
		put_id(&i, v->life->begun.endpoint);
		i.lists++;
	}
	n->tell_global = false;
	a->x[2] |= (uint64_t)i.lists << FFA_INFO_COUNT_AT | (more ? FFA_INFO_MORE : 0);
}

/* ---- a VMM is back ---- */

/* Whether the SPMC has told an earlier daemon of something, which died before its VMM knew, nobody can say: it is looked for. */
static void merge_secure(struct step *s, struct life *l, const struct vmm_notification_state *is, uint16_t vcpu, bool fresh)
{
	struct vmm_notification_state *ours = &l->notifications->is;
	uint64_t bit = vcpu == GLOBAL ? 1 : 1ull << vcpu;
	bool theirs = (vcpu == GLOBAL ? is->secure_global : is->secure) & bit;
	bool set = theirs || (vcpu == GLOBAL ? ours->secure_global : ours->secure) & bit ||
		(fresh && notification_sp_may_have(s->m, l));

	if (vcpu == GLOBAL)
		ours->secure_global = set;
	else
		ours->secure = set ? ours->secure | bit : ours->secure & ~bit;
	if (set)
		mark(l->notifications, vcpu);
	if (set != theirs)
		tell_secure(s, l, vcpu, set);
}

/*
 * To a new daemon it tells all there is. To one that it had before it may not have heard the last of it: what it has pending,
 * its guest has not got, and what it was not told, it is told again.
 */
static void merge(struct step *s, struct life *l, const struct vmm_notification_state *is, bool fresh)
{
	struct notifications *n = l->notifications;

	for (unsigned i = 0; i < 64; i++) {
		if (fresh)
			n->is.sender[i] = is->sender[i];
		else if (n->is.sender[i] != is->sender[i] || ((n->is.per_vcpu ^ is->per_vcpu) >> i & 1))
			tell_binding(s, l, 1ull << i, n->is.sender[i], n->is.per_vcpu >> i & 1);
	}
	if (fresh)
		n->is.per_vcpu = is->per_vcpu;
	for (unsigned i = 0; i <= l->begun.vcpu_count; i++) {
		uint16_t vcpu = i < l->begun.vcpu_count ? (uint16_t)i : GLOBAL;
		uint64_t theirs = vcpu == GLOBAL ? is->pending : is->vcpu[i], *ours = place_of(n, vcpu);

		if (!MUTANT(MUTANT_P5_NOTIFICATION_LOST))
			*ours |= theirs;
		if (*ours)
			mark(n, vcpu);
		if (*ours != theirs)
			tell_pending(s, l, vcpu);
		merge_secure(s, l, is, vcpu, fresh);
	}
}

void notification_told(struct step *s, struct life *l, const struct vmm_notification_state *is)
{
	bool fresh = !l->notifications;

	if (!receives(l) || life_is_over(l))
		return;
	(void)notifications_of(s, l);
	merge(s, l, is, fresh);
	notification_release(s, l);
	for (unsigned i = 0; l->guest && i < l->begun.vcpu_count; i++)
		notification_wake(s, &l->guest[i]);
	notification_sp_awaited(s);
}
