/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications of VMs, as the SPMC keeps them (FF-A v1.2 s.16). The hypervisor makes a bitmap for a VM and takes it back;
 * what is pending keeps it from being taken back.
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

static bool is_pending(const struct vm_bitmap *b)
{
	uint64_t any = b->pending;

	for (uint16_t i = 0; i < b->vcpus; i++)
		any |= b->pending_at[i];
	return any;
}

bool call_bitmap_destroy(struct world *w, uint64_t *x)
{
	int32_t vm = vm_of(x[1]);
	struct vm_bitmap *b;

	if (vm < 0)
		return call_error(x, FFA_INVALID_PARAMETERS);
	b = world_bitmap(w->book, (uint16_t)vm);
	if (b ? is_pending(b) : !spmc_of_world(w)->bitmap_forgives)
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
	}
	return call_success(x, (uint32_t)taken, taken >> 32);
}
