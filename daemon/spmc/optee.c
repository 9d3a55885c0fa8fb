/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP that answers as OP-TEE measured as its own SPMC (TF-A 2.15, OP-TEE 4.10): a creation is 0 always, also a
 * second time, which makes a second object; a destruction is 0 always, also of a VM it never knew; id 0 is refused;
 * DENIED when there is no room.
 */

#include "spmc/personality.h"

static struct sp_reply optee_created(const struct sp_config *c, struct sp *sp, uint16_t vm)
{
	if (vm == FFA_ID_HYPERVISOR)
		return (struct sp_reply){ SP_RESP, FFA_INVALID_PARAMETERS };
	if (sp->live >= c->capacity)
		return (struct sp_reply){ SP_RESP, FFA_DENIED };
	sp_set(sp, vm, SP_VM_AVAILABLE, (uint16_t)(sp->vm[vm].objects + 1));
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

/* One object goes; a duplicate stays behind, as in the original. */
static struct sp_reply optee_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm)
{
	uint16_t objects = sp->vm[vm].objects;

	if (objects > 0)
		sp_set(sp, vm, objects > 1 ? SP_VM_AVAILABLE : SP_VM_ABSENT, (uint16_t)(objects - 1));
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

const struct personality personality_optee = {
	.name = "optee",
	/* 486178e0-e7f8-11e3-bc5e-0002a5d5c51b */
	.uuid = { 0x48, 0x61, 0x78, 0xe0, 0xe7, 0xf8, 0x11, 0xe3, 0xbc, 0x5e, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b },
	.properties = 0x103, /* 0x1C3 measured, without the two subscriptions: sends and receives requests, AArch64 */
	.contexts = 1,
	.bitmap_needs_vm = true, /* BITMAP_CREATE before CREATED: INVALID_PARAMETERS */
	.created = optee_created,
	.destroyed = optee_destroyed,
	.unknown_type = { SP_ERROR, FFA_NOT_SUPPORTED },
	.unknown_vm = { SP_RESP, (int32_t)0xFFFF0008 }, /* measured: its answer to a guest it was not told of */
};
