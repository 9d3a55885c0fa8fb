/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rows are what was measured: OP-TEE 4.10 as its own SPMC, TF-A 2.15's EL3 SPMC and Hafnium, each in front of OP-TEE.
 * Our own is the careful one: it lets nothing through that a receiver should not see. Which registers are left as they
 * were is known of the EL3 SPMC's FFA_VERSION; for the others, that some are.
 */

#include "spmc/spmc.h"

#include <errno.h>

#include "spmc/personality.h"

static const struct spmc spmcs[WORLD_SPMC_COUNT] = {
	[WORLD_SPMC_OWN] = {
		.name = "own",
		.version = FFA_VERSION_WORD(1, 2),
		.discovery = WORLD_DISCOVERY_REGS,
		.mbz = FFA_FRAMEWORK_MBZ,
		.any_type = true,
		.subscription = true,
		.clamps_version = true,
		.bitmaps = true,
		.error_leaves = FFA_REGISTERS,
		.version_leaves = FFA_REGISTERS,
	},
	[WORLD_SPMC_OPTEE] = {
		.name = "optee",
		.version = FFA_VERSION_WORD(1, 2),
		.discovery = WORLD_DISCOVERY_RX,
		.any_sender = true,
		.any_type = true,
		.smc64 = true,
		.is_receiver = true,
		.clamps_version = true,
		.bitmaps = true,
		.bitmap_needs_vm = true,
		.bitmap_forgives = true,
		.error_leaves = 6,
		.version_leaves = 6,
	},
	[WORLD_SPMC_EL3] = {
		.name = "el3",
		.version = FFA_VERSION_WORD(1, 2),
		.discovery = WORLD_DISCOVERY_RX,
		.mbz = FFA_FRAMEWORK_MBZ,
		.any_sender = true,
		.any_type = true,
		.smc64 = true,
		.clamps_version = true,
		.sign_extends = true,
		.error_leaves = 8,
		.version_leaves = 1,
	},
	[WORLD_SPMC_HAFNIUM] = {
		.name = "hafnium",
		.version = FFA_VERSION_WORD(1, 3),
		.discovery = WORLD_DISCOVERY_REGS,
		.any_sender = true,
		.subscription = true,
		.smc64 = true,
		.freezes_version = true,
		.bitmaps = true,
		.error_leaves = 8,
		.version_leaves = 8,
	},
};

const struct spmc *spmc_get(enum world_spmc which)
{
	return which > WORLD_SPMC_AUTO && which < WORLD_SPMC_COUNT ? &spmcs[which] : NULL;
}

static enum world_spmc of_sp(const struct world *w, uint32_t index)
{
	if (w->config.spmc != WORLD_SPMC_AUTO)
		return w->config.spmc;
	return personality_get(w->config.sp[index].personality)->spmc;
}

const struct spmc *spmc_of_sp(const struct world *w, uint32_t index)
{
	return &spmcs[of_sp(w, index)];
}

/* SPs that would be behind several SPMCs are behind our own, as far as the world in all is asked. */
const struct spmc *spmc_of_world(const struct world *w)
{
	uint32_t count = w->config.sp_count;

	if (w->config.spmc != WORLD_SPMC_AUTO)
		return &spmcs[w->config.spmc];
	if (!count)
		return &spmcs[WORLD_SPMC_OWN];
	for (uint32_t i = 1; i < count; i++)
		if (of_sp(w, i) != of_sp(w, 0))
			return &spmcs[WORLD_SPMC_OWN];
	return &spmcs[of_sp(w, 0)];
}

uint32_t spmc_version(const struct world *w)
{
	return w->config.version ? w->config.version : spmc_of_world(w)->version;
}

/* An SPMC that is an SP itself: what is sent to its own id is for the SP that stands for it. */
int spmc_receiver(const struct world *w, uint16_t id)
{
	if (id != FFA_ID_SPMC)
		return world_find(w, id);
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		if (spmc_of_sp(w, i)->is_receiver)
			return (int)i;
	return -ENOENT;
}
