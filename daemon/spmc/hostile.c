/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP that takes each message as a strict one does, and then lies. What it says next follows from the seed alone. Of
 * the mixture a part is honest: a liar who is never right is found out at once.
 */

#include <string.h>

#include "spmc/personality.h"

static uint64_t draw(struct sp *sp)
{
	return world_random(&sp->random);
}

/* Any status but 0: those that mean something, and some that do not. */
static void never_0(struct sp *sp, uint64_t *x)
{
	static const int32_t statuses[] = { FFA_RETRY, FFA_INTERRUPTED, FFA_DENIED, FFA_INVALID_PARAMETERS, FFA_BUSY,
		FFA_ABORTED, FFA_NO_DATA, -11, INT32_MIN, 1, INT32_MAX };

	x[FFA_AVAIL_STATUS] = (uint32_t)statuses[draw(sp) % (sizeof(statuses) / sizeof(statuses[0]))];
}

static void wrong_type(struct sp *sp, uint64_t *x)
{
	uint32_t wrong = (uint32_t)draw(sp) & 0xFF;

	if (wrong == (uint8_t)x[FFA_AVAIL_TYPE])
		wrong ^= 2;
	x[FFA_AVAIL_TYPE] = (x[FFA_AVAIL_TYPE] & ~UINT64_C(0xFF)) | wrong;
}

/* As if it were for another receiver. */
static void wrong_ids(struct sp *sp, uint64_t *x)
{
	x[FFA_AVAIL_IDS] ^= 1 + draw(sp) % 0xFFFF;
}

/* As if it were from another SP. */
static void wrong_sender(struct sp *sp, uint64_t *x)
{
	x[FFA_AVAIL_IDS] ^= (1 + draw(sp) % 0x7FFF) << 16;
}

static void goes_on(struct sp *sp, uint32_t how, uint64_t *x)
{
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = how;
	x[1] = FFA_TARGET(sp->id, 0);
}

static void interrupt(struct sp *sp, uint64_t *x)
{
	goes_on(sp, FFA_INTERRUPT, x);
}

static void yield(struct sp *sp, uint64_t *x)
{
	goes_on(sp, FFA_YIELD, x);
}

/* In half of the cases the function at least is one that exists. */
static void random_registers(struct sp *sp, uint64_t *x)
{
	bool plausible = draw(sp) & 1;

	for (int i = 0; i < FFA_REGISTERS; i++)
		x[i] = draw(sp);
	if (plausible)
		x[0] = FFA_ERROR + draw(sp) % 0x31;
}

static void (*const tricks[HOSTILE_TRICK_COUNT])(struct sp *, uint64_t *) = {
	[HOSTILE_NEVER_0] = never_0,
	[HOSTILE_WRONG_TYPE] = wrong_type,
	[HOSTILE_WRONG_IDS] = wrong_ids,
	[HOSTILE_WRONG_SENDER] = wrong_sender,
	[HOSTILE_INTERRUPT] = interrupt,
	[HOSTILE_YIELD] = yield,
	[HOSTILE_RANDOM] = random_registers,
};

static bool hostile_forge(const struct sp_config *c, struct sp *sp, uint64_t *x)
{
	uint32_t trick = c->trick;

	if (trick == HOSTILE_MIXTURE)
		trick = (uint32_t)(draw(sp) % HOSTILE_TRICK_COUNT);
	if (!tricks[trick])
		return false;
	tricks[trick](sp, x);
	return true;
}

const struct personality personality_hostile = {
	.name = "hostile",
	/* e83f51d0-2c6b-4b97-8ad4-10f7b52c9e63, of our own */
	.uuid = { 0xe8, 0x3f, 0x51, 0xd0, 0x2c, 0x6b, 0x4b, 0x97, 0x8a, 0xd4, 0x10, 0xf7, 0xb5, 0x2c, 0x9e, 0x63 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_AARCH64,
	.contexts = 1,
	.spmc = WORLD_SPMC_OWN,
	.created = strict_created,
	.destroyed = strict_destroyed,
	.unknown_type = { SP_ERROR, FFA_INVALID_PARAMETERS },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
	.forge = hostile_forge,
};
