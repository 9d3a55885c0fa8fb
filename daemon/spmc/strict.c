/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP that forgives nothing: as Hafnium's test SP does, but an error leaves it as it was. A message that
 * is sent twice shows as INVALID_PARAMETERS.
 */

#include "spmc/personality.h"

static struct sp_reply strict_created(const struct sp_config *c, struct sp *sp, uint16_t vm)
{
	if (vm == FFA_ID_HYPERVISOR || sp->vm[vm].state != SP_VM_ABSENT)
		return (struct sp_reply){ SP_RESP, FFA_INVALID_PARAMETERS };
	if (sp->live >= c->capacity)
		return (struct sp_reply){ SP_RESP, FFA_DENIED };
	sp_set(sp, vm, SP_VM_AVAILABLE, 1);
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

/* Without a subscription to VM_CREATED it cannot know whom it was told of: 0 for all. */
static struct sp_reply strict_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm)
{
	if (sp->vm[vm].state == SP_VM_ABSENT && (c->subscribed & FFA_PROP_VM_CREATED))
		return (struct sp_reply){ SP_RESP, FFA_INVALID_PARAMETERS };
	if (sp->vm[vm].state != SP_VM_ABSENT)
		sp_set(sp, vm, SP_VM_ABSENT, 0);
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

const struct personality personality_strict = {
	.name = "strict",
	/* 6b1d3c52-0f4e-4a7b-9c61-5e2f83d9a047, of our own */
	.uuid = { 0x6b, 0x1d, 0x3c, 0x52, 0x0f, 0x4e, 0x4a, 0x7b, 0x9c, 0x61, 0x5e, 0x2f, 0x83, 0xd9, 0xa0, 0x47 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_AARCH64,
	.contexts = 1,
	.created = strict_created,
	.destroyed = strict_destroyed,
	.unknown_type = { SP_ERROR, FFA_INVALID_PARAMETERS },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
};
