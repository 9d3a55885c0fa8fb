/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP that answers as OP-TEE 4.10 was measured to: a creation is 0 always, also a second time, which makes a second
 * object; a destruction is 0 always, also of a VM it never knew; id 0 is refused; DENIED when there is no room. Built
 * without virtualization it supports neither. As its own SPMC (A), behind TF-A's EL3 SPMC (B), and behind Hafnium (C).
 */

#include "spmc/personality.h"

static struct sp_reply optee_created(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	if (!c->virtualization)
		return (struct sp_reply){ SP_ERROR, FFA_NOT_SUPPORTED };
	if (vm == FFA_ID_HYPERVISOR)
		return (struct sp_reply){ SP_RESP, FFA_INVALID_PARAMETERS };
	if (sp->live >= c->capacity)
		return (struct sp_reply){ SP_RESP, FFA_DENIED };
	sp_set(sp, vm, SP_VM_AVAILABLE, (uint16_t)(sp->vm[vm].objects + 1));
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

/* One object goes; a duplicate stays behind, as in the original. */
static struct sp_reply optee_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	uint16_t objects = sp->vm[vm].objects;

	if (!c->virtualization)
		return (struct sp_reply){ SP_ERROR, FFA_NOT_SUPPORTED };
	if (objects > 0)
		sp_set(sp, vm, objects > 1 ? SP_VM_AVAILABLE : SP_VM_ABSENT, (uint16_t)(objects - 1));
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

#define IS_OPTEE                                                                                                       \
	/* 486178e0-e7f8-11e3-bc5e-0002a5d5c51b */                                                                     \
	.uuid = { 0x48, 0x61, 0x78, 0xe0, 0xe7, 0xf8, 0x11, 0xe3, 0xbc, 0x5e, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b },    \
	.contexts = 1, .created = optee_created, .destroyed = optee_destroyed,                                         \
	.unknown_type = { SP_ERROR, FFA_NOT_SUPPORTED }, .answers_version = true,                                      \
	/* To a guest that it was not told of. */                                                                      \
	.unknown_vm = { SP_RESP, (int32_t)0xFFFF0008 }

/* Measured as 0x1C3, with the two subscriptions: sends and receives requests, AArch64. */
const struct personality personality_optee = {
	IS_OPTEE,
	.name = "optee-spmc",
	.properties = 0x103,
	.spmc = WORLD_SPMC_OPTEE,
	.idle_run = SP_IDLE_RUN_REFUSED,
};

/* Its properties were not measured. */
const struct personality personality_optee_el3 = {
	IS_OPTEE,
	.name = "optee-el3",
	.properties = 0x101,
	.spmc = WORLD_SPMC_EL3,
	.idle_run = SP_IDLE_RUN_PANICS,
};

/* Measured as 0x1C9: receives requests and notifications, AArch64. */
const struct personality personality_optee_hafnium = {
	IS_OPTEE,
	.name = "optee-hafnium",
	.properties = 0x109,
	.spmc = WORLD_SPMC_HAFNIUM,
	.idle_run = SP_IDLE_RUN_PANICS,
};
