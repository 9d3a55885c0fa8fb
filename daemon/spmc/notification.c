/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications between VMs and SPs, as the SPMC keeps them (FF-A v1.2 s.16). The hypervisor makes a bitmap for a VM and takes
 * it back; what is pending keeps it from being taken back. VMs bind and set through the hypervisor, SPs do so here.
 */
#include <string.h>

#include "spmc/spmc.h"

/* w1: the VM. Its number, or -1 if it can be no guest. */
static int32_t vm_of(uint64_t x1)
{
	uint32_t vm = (uint32_t)x1;

	return vm >= FFA_ID_VM_FIRST && vm <= 0x7FFF ? (int32_t)vm : -1;
}

struct vm_bitmap *world_bitmap(struct world_book *b, uint16_t vm)
{
	uint16_t slot = vm < 0x8000 ? b->bitmap_of[vm] : 0;

	return slot && slot <= WORLD_BITMAPS ? &b->bitmap[slot - 1] : NULL;
}

/* An OP-TEE that is its own SPMC has bitmaps only for guests it was told of (s.9, column A). */
static bool is_allowed(const struct world *w, uint16_t vm)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		if (spmc_of_sp(w, i)->bitmap_needs_vm && (sp_properties(w, i) & FFA_PROP_VM_CREATED) &&
			w->book->sp[i].vm[vm].state == SP_VM_ABSENT)
			return false;
	}
	return true;
}

static uint16_t free_slot(const struct world_book *b)
{
	for (uint16_t i = 0; i < WORLD_BITMAPS; i++)
		if (!b->bitmap[i].vm || b->bitmap_of[b->bitmap[i].vm] != i + 1)
			return (uint16_t)(i + 1);
	return 0;
}

/* The slot is filled first: that the VM points to it is the one store by which it has a bitmap. */
bool call_bitmap_create(struct world *w, uint64_t *x)
{
	int32_t vm = vm_of(x[1]);
	uint32_t vcpus = (uint32_t)x[2];
	uint16_t slot;

	if (vm < 0 || !vcpus || vcpus > WORLD_VCPUS || !is_allowed(w, (uint16_t)vm))
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (world_bitmap(w->book, (uint16_t)vm))
		return call_error(x, FFA_DENIED);
	slot = free_slot(w->book);
	if (!slot)
		return call_error(x, FFA_NO_MEMORY);
	w->book->bitmap[slot - 1] = (struct vm_bitmap){ .vm = (uint16_t)vm, .vcpus = (uint16_t)vcpus };
	__atomic_store_n(&w->book->bitmap_of[vm], slot, __ATOMIC_RELEASE);
	return call_success(x, 0, 0);
}

static uint64_t all_pending(const struct vm_bitmap *b)
{
	uint64_t all = b->pending;

	for (uint16_t i = 0; i < b->vcpus; i++)
		all |= b->pending_at[i];
	return all;
}

bool call_bitmap_destroy(struct world *w, uint64_t *x)
{
	int32_t vm = vm_of(x[1]);
	struct vm_bitmap *b;

	if (vm < 0)
		return call_error(x, FFA_INVALID_PARAMETERS);
	b = world_bitmap(w->book, (uint16_t)vm);
	if (b ? all_pending(b) != 0 : !spmc_of_world(w)->bitmap_forgives)
		return call_error(x, FFA_DENIED);
	w->book->bitmap_of[vm] = 0;
	return call_success(x, 0, 0);
}

/* What is taken out is not pending any more. From the hypervisor those of secure senders alone can be asked for. */
bool call_notification_get(struct world *w, uint64_t *x)
{
	uint32_t flags = (uint32_t)x[2], vcpu = (uint32_t)x[1] >> 16;
	struct vm_bitmap *b = world_bitmap(w->book, (uint16_t)x[1]);
	uint64_t taken = 0;

	if (!b || vcpu >= b->vcpus || !flags || flags & ~(FFA_NOTIFICATION_OF_SPS | FFA_NOTIFICATION_OF_SPMC))
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (flags & FFA_NOTIFICATION_OF_SPS) {
		taken = b->pending | b->pending_at[vcpu];
		b->pending = b->pending_at[vcpu] = 0;
		b->untold &= ~(UINT64_C(1) << vcpu);
		b->untold_global = 0;
	}
	return call_success(x, (uint32_t)taken, taken >> 32);
}

/* ---- bindings ---- */

static uint64_t bitmap_of(const uint64_t *x)
{
	return (uint64_t)(uint32_t)x[4] << 32 | (uint32_t)x[3];
}

static bool are_bound(const uint16_t sender[64], uint64_t bitmap, uint16_t to)
{
	for (unsigned i = 0; i < 64; i++)
		if (bitmap >> i & 1 && sender[i] != to)
			return false;
	return true;
}

static void bind(uint16_t sender[64], uint64_t bitmap, uint16_t to)
{
	for (unsigned i = 0; i < 64; i++)
		if (bitmap >> i & 1)
			sender[i] = to;
}

/* w1: the SP that sends, then the VM that receives. NULL: it is no such call. */
static struct vm_bitmap *binding(struct world *w, const uint64_t *x, uint32_t flags)
{
	struct vm_bitmap *b = world_bitmap(w->book, (uint16_t)x[1]);

	if (world_find(w, (uint16_t)((uint32_t)x[1] >> 16)) < 0 || (uint32_t)x[2] & ~flags || !bitmap_of(x))
		return NULL;
	return b;
}

bool call_notification_bind(struct world *w, uint64_t *x)
{
	struct vm_bitmap *b = binding(w, x, FFA_NOTIFICATION_PER_VCPU);
	uint64_t bitmap = bitmap_of(x);

	if (!b)
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (!are_bound(b->sender, bitmap, 0) || all_pending(b) & bitmap)
		return call_error(x, FFA_DENIED);
	bind(b->sender, bitmap, (uint16_t)((uint32_t)x[1] >> 16));
	b->per_vcpu = x[2] & FFA_NOTIFICATION_PER_VCPU ? b->per_vcpu | bitmap : b->per_vcpu & ~bitmap;
	return call_success(x, 0, 0);
}

bool call_notification_unbind(struct world *w, uint64_t *x)
{
	struct vm_bitmap *b = binding(w, x, 0);
	uint64_t bitmap = bitmap_of(x);

	if (!b)
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (!are_bound(b->sender, bitmap, (uint16_t)((uint32_t)x[1] >> 16)) || all_pending(b) & bitmap)
		return call_error(x, FFA_DENIED);
	bind(b->sender, bitmap, 0);
	return call_success(x, 0, 0);
}

/* ---- a VM notifies an SP ---- */

void world_notified_by(struct world *w, uint32_t sp, uint16_t vm, uint64_t bitmap)
{
	bind(w->book->sp[sp].notified_by, bitmap, vm);
}

/* No SP here has notifications of each of its vCPUs. */
bool call_notification_set(struct world *w, uint64_t *x)
{
	const uint32_t flags = FFA_NOTIFICATION_PER_VCPU | FFA_NOTIFICATION_DELAYED;
	int index = world_find(w, (uint16_t)x[1]);
	int32_t vm = vm_of((uint32_t)x[1] >> 16);
	uint64_t bitmap = bitmap_of(x);
	struct sp *sp;

	if (index < 0 || vm < 0 || !bitmap || (uint32_t)x[2] & 0xFFFF & ~flags)
		return call_error(x, FFA_INVALID_PARAMETERS);
	sp = &w->book->sp[index];
	if (x[2] & FFA_NOTIFICATION_PER_VCPU || !are_bound(sp->notified_by, bitmap, (uint16_t)vm))
		return call_error(x, FFA_DENIED);
	sp->notified |= bitmap;
	return call_success(x, 0, 0);
}

/* ---- an SP notifies a VM, and the hypervisor is told ---- */

int32_t world_notify(struct world *w, uint32_t sp, uint16_t vm, int32_t vcpu, uint64_t bitmap)
{
	struct vm_bitmap *b = world_bitmap(w->book, vm);
	bool global = vcpu == WORLD_NOTIFY_GLOBAL;

	if (!b || !bitmap || vcpu >= b->vcpus)
		return FFA_INVALID_PARAMETERS;
	if (!are_bound(b->sender, bitmap, w->book->sp[sp].id) || (b->per_vcpu & bitmap) != (global ? 0 : bitmap))
		return FFA_DENIED;
	if (global) {
		b->pending |= bitmap;
		b->untold_global = 1;
	} else {
		b->pending_at[vcpu] |= bitmap;
		b->untold |= UINT64_C(1) << vcpu;
	}
	w->rings = true;
	return FFA_OK;
}

struct lists {
	uint64_t x[FFA_REGISTERS];
	unsigned width, ids, count; /* ids in a register: two, or four */
};

static bool has_room(const struct lists *l, unsigned ids)
{
	return l->ids + ids <= FFA_INFO_REGISTERS * l->width;
}

static void put_id(struct lists *l, uint16_t id)
{
	l->x[FFA_INFO_IDS_AT + l->ids / l->width] |= (uint64_t)id << 16 * (l->ids % l->width);
	l->ids++;
}

/* One list, of what fits of it. */
static void put_list(struct lists *l, struct vm_bitmap *b)
{
	unsigned vcpus = 0;

	put_id(l, b->vm);
	while (b->untold && vcpus < FFA_INFO_VCPUS_MAX && has_room(l, 1)) {
		unsigned vcpu = (unsigned)__builtin_ctzll(b->untold);

		put_id(l, (uint16_t)vcpu);
		b->untold &= b->untold - 1;
		vcpus++;
	}
	b->untold_global = 0;
	l->x[2] |= (uint64_t)vcpus << (FFA_INFO_LISTS_AT + 2 * l->count++);
}

bool call_notification_info_get(struct world *w, uint64_t *x)
{
	bool wide = (uint32_t)x[0] & FFA_SMC64, more = false;
	struct lists l = { .x = { wide ? FFA_SUCCESS_64 : FFA_SUCCESS }, .width = wide ? 4 : 2 };

	for (uint32_t vm = FFA_ID_VM_FIRST; vm < 0x8000 && !more; vm++) {
		struct vm_bitmap *b = world_bitmap(w->book, (uint16_t)vm);

		while (b && (b->untold || b->untold_global) && !(more = !has_room(&l, b->untold ? 2 : 1)))
			put_list(&l, b);
	}
	if (!l.count)
		return call_error(x, FFA_NO_DATA);
	memcpy(x, l.x, sizeof(l.x));
	x[2] |= (uint64_t)l.count << FFA_INFO_COUNT_AT | (more ? FFA_INFO_MORE : 0);
	return CALL_ANSWERED;
}
