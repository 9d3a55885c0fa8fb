/* SPDX-License-Identifier: Apache-2.0 */

/* One FF-A call from the hypervisor: the table of those we know. FFA_FEATURES reads the same table. */

#include <string.h>

#include "spmc/personality.h"
#include "spmc/world.h"

bool call_error(uint64_t *x, int32_t status)
{
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = FFA_ERROR;
	x[2] = (uint32_t)status; /* zero-extended, as most do */
	return CALL_ANSWERED;
}

bool call_success(uint64_t *x, uint64_t x2, uint64_t x3)
{
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = FFA_SUCCESS;
	x[2] = x2;
	x[3] = x3;
	return CALL_ANSWERED;
}

/*
 * The answer is our version in w0, no FFA_SUCCESS (s.1.8). As Hafnium: not compatible is NOT_SUPPORTED. Not frozen by
 * the first other call: a new incarnation of the daemon asks again.
 */
static bool call_version(struct world *w, struct world_time now, uint64_t *x)
{
	uint32_t asked = (uint32_t)x[1];
	bool ok = !(asked & 0x80000000u) && asked >> 16 == FFA_VERSION_MAJOR && (asked & 0xFFFFu) <= FFA_VERSION_MINOR;

	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = ok ? FFA_VERSION_WORD(FFA_VERSION_MAJOR, FFA_VERSION_MINOR) : (uint32_t)FFA_NOT_SUPPORTED;
	return CALL_ANSWERED;
}

static bool call_id_get(struct world *w, struct world_time now, uint64_t *x)
{
	return call_success(x, FFA_ID_HYPERVISOR, 0);
}

static bool call_spm_id_get(struct world *w, struct world_time now, uint64_t *x)
{
	return call_success(x, FFA_ID_SPMC, 0);
}

/* w1: the VM. Its number, or -1 if it can be no guest. */
static int32_t bitmap_vm(const uint64_t *x)
{
	uint32_t vm = (uint32_t)x[1];

	return vm >= FFA_ID_VM_FIRST && vm <= 0x7FFF ? (int32_t)vm : -1;
}

/* An OP-TEE that is its own SPMC has bitmaps only for guests it was told of (s.9, column A). */
static bool bitmap_allowed(const struct world *w, uint16_t vm)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		const struct sp_config *c = &w->config.sp[i];

		if (personality_get(c->personality)->bitmap_needs_vm && (c->subscribed & FFA_PROP_VM_CREATED) &&
			w->book->sp[i].vm[vm].state == SP_VM_ABSENT)
			return false;
	}
	return true;
}

static bool call_bitmap_create(struct world *w, struct world_time now, uint64_t *x)
{
	int32_t vm = bitmap_vm(x);

	if (vm < 0 || !bitmap_allowed(w, (uint16_t)vm))
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (w->book->bitmaps[vm / 8] & 1u << vm % 8)
		return call_error(x, FFA_DENIED);
	w->book->bitmaps[vm / 8] |= (uint8_t)(1u << vm % 8);
	return call_success(x, 0, 0);
}

static bool call_bitmap_destroy(struct world *w, struct world_time now, uint64_t *x)
{
	int32_t vm = bitmap_vm(x);

	if (vm < 0)
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (!(w->book->bitmaps[vm / 8] & 1u << vm % 8))
		return call_error(x, FFA_DENIED);
	w->book->bitmaps[vm / 8] &= (uint8_t)~(1u << vm % 8);
	return call_success(x, 0, 0);
}

static bool call_features(struct world *w, struct world_time now, uint64_t *x);

static const struct {
	uint32_t function;
	enum world_discovery until; /* not there where discovery is poorer than this */
	bool (*call)(struct world *w, struct world_time now, uint64_t *x);
} calls[] = {
	{ FFA_VERSION, WORLD_DISCOVERY_NONE, call_version },
	{ FFA_FEATURES, WORLD_DISCOVERY_NONE, call_features },
	{ FFA_ID_GET, WORLD_DISCOVERY_NONE, call_id_get },
	{ FFA_SPM_ID_GET, WORLD_DISCOVERY_NONE, call_spm_id_get },
	{ FFA_PARTITION_INFO_GET, WORLD_DISCOVERY_RX, call_partition_info_get },
	{ FFA_PARTITION_INFO_GET_REGS, WORLD_DISCOVERY_REGS, call_partition_info_get_regs },
	{ FFA_RX_RELEASE, WORLD_DISCOVERY_NONE, call_rx_release },
	{ FFA_MSG_SEND_DIRECT_REQ, WORLD_DISCOVERY_NONE, call_direct_req },
	{ FFA_RUN, WORLD_DISCOVERY_NONE, call_run },
	{ FFA_NOTIFICATION_BITMAP_CREATE, WORLD_DISCOVERY_NONE, call_bitmap_create },
	{ FFA_NOTIFICATION_BITMAP_DESTROY, WORLD_DISCOVERY_NONE, call_bitmap_destroy },
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

static size_t find_call(const struct world *w, uint32_t function)
{
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].function == function)
			return w->config.discovery <= calls[i].until ? i : CALLS;
	return CALLS;
}

static bool call_features(struct world *w, struct world_time now, uint64_t *x)
{
	if (find_call(w, (uint32_t)x[1]) == CALLS)
		return call_error(x, FFA_NOT_SUPPORTED);
	return call_success(x, 0, 0);
}

bool world_call(struct world *w, struct world_time now, uint64_t x[FFA_REGISTERS])
{
	size_t i = find_call(w, (uint32_t)x[0]);

	if (i == CALLS)
		return call_error(x, FFA_NOT_SUPPORTED);
	return calls[i].call(w, now, x);
}
