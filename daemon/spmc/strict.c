/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SPs that forgive nothing: each message is taken once, what is sent twice shows as INVALID_PARAMETERS. Hafnium's test SP
 * answers so, and stays in error for good after a mistake; here only if it is told to.
 */

#include "spmc/personality.h"

static struct sp_reply mistake(const struct sp_config *c, struct sp *sp)
{
	if (c->sticky)
		sp->broken = 1;
	return (struct sp_reply){ SP_RESP, FFA_INVALID_PARAMETERS };
}

struct sp_reply strict_created(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	if (sp->broken || vm == FFA_ID_HYPERVISOR || sp->vm[vm].state != SP_VM_ABSENT)
		return mistake(c, sp);
	if (sp->live >= c->capacity)
		return (struct sp_reply){ SP_RESP, FFA_DENIED };
	sp_set(sp, vm, SP_VM_AVAILABLE, 1);
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

/* Without a subscription to VM_CREATED it cannot know whom it was told of: 0 for all. */
struct sp_reply strict_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	if (sp->broken || (sp->vm[vm].state == SP_VM_ABSENT && (c->subscribed & FFA_PROP_VM_CREATED)))
		return mistake(c, sp);
	if (sp->vm[vm].state != SP_VM_ABSENT)
		sp_set(sp, vm, SP_VM_ABSENT, 0);
	return (struct sp_reply){ SP_RESP, FFA_OK };
}

#define ANSWERS_STRICTLY .contexts = 1, .created = strict_created, .destroyed = strict_destroyed

const struct personality personality_strict = {
	ANSWERS_STRICTLY,
	.name = "strict",
	/* 6b1d3c52-0f4e-4a7b-9c61-5e2f83d9a047, of our own */
	.uuid = { 0x6b, 0x1d, 0x3c, 0x52, 0x0f, 0x4e, 0x4a, 0x7b, 0x9c, 0x61, 0x5e, 0x2f, 0x83, 0xd9, 0xa0, 0x47 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_DIRECT_REQ2_RECEIVE | FFA_PROP_AARCH64,
	.spmc = WORLD_SPMC_OWN,
	.unknown_type = { SP_ERROR, FFA_INVALID_PARAMETERS },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
};

static void slow_defaults(struct sp_config *c)
{
	c->delay_us = 100000;
}

const struct personality personality_slow = {
	ANSWERS_STRICTLY,
	.name = "slow",
	/* 2f0a94b7-71c3-4d0e-8b5a-c6e81d2f4930, of our own */
	.uuid = { 0x2f, 0x0a, 0x94, 0xb7, 0x71, 0xc3, 0x4d, 0x0e, 0x8b, 0x5a, 0xc6, 0xe8, 0x1d, 0x2f, 0x49, 0x30 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_AARCH64,
	.spmc = WORLD_SPMC_OWN,
	.defaults = slow_defaults,
	.unknown_type = { SP_ERROR, FFA_INVALID_PARAMETERS },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
};

/* A lifecycle SP whose manifest does not say more: it stops when it aborts. */
static void hafnium_defaults(struct sp_config *c)
{
	c->abort_action = SP_ABORT_STOP;
	c->boot_us = 1000;
	c->live = true;
}

const struct personality personality_hafnium = {
	ANSWERS_STRICTLY,
	.name = "hafnium",
	/* 9d5b0c3e-48a1-4f6d-a27e-03c1f89b6d52, of our own */
	.uuid = { 0x9d, 0x5b, 0x0c, 0x3e, 0x48, 0xa1, 0x4f, 0x6d, 0xa2, 0x7e, 0x03, 0xc1, 0xf8, 0x9b, 0x6d, 0x52 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_DIRECT_REQ2_RECEIVE | FFA_PROP_AARCH64,
	.spmc = WORLD_SPMC_HAFNIUM,
	.idle_run = SP_IDLE_RUN_WAITS,
	.defaults = hafnium_defaults,
	.unknown_type = { SP_ERROR, FFA_INVALID_PARAMETERS },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
};

const struct personality personality_el3 = {
	ANSWERS_STRICTLY,
	.name = "el3",
	/* c4170e6b-5d92-4a38-b0f1-7e3a6c95d284, of our own */
	.uuid = { 0xc4, 0x17, 0x0e, 0x6b, 0x5d, 0x92, 0x4a, 0x38, 0xb0, 0xf1, 0x7e, 0x3a, 0x6c, 0x95, 0xd2, 0x84 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_AARCH64,
	.spmc = WORLD_SPMC_EL3,
	.idle_run = SP_IDLE_RUN_WAITS,
	.unknown_type = { SP_ERROR, FFA_NOT_SUPPORTED },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
};
