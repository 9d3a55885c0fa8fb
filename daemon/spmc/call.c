/* SPDX-License-Identifier: Apache-2.0 */

/* One FF-A call from the hypervisor: the table of those we know. FFA_FEATURES reads the same table. */

#include <string.h>

#include "spmc/personality.h"
#include "spmc/spmc.h"

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

/* Compatible is what has the same major and no higher minor (s.1.8). */
static int32_t version_answer(struct world *w, uint32_t asked)
{
	const struct spmc *s = spmc_of_world(w);
	struct world_book *b = w->book;
	uint32_t ours = spmc_version(w);

	if ((asked & 0x80000000u) || asked >> 16 != ours >> 16 || (asked > ours && !s->clamps_version))
		return FFA_NOT_SUPPORTED;
	if (s->freezes_version && b->frozen && asked != b->negotiated)
		return FFA_NOT_SUPPORTED;
	b->negotiated = asked;
	return (int32_t)ours;
}

/* The answer is the SPMC's version in w0, no FFA_SUCCESS. */
static bool call_version(struct world *w, uint64_t *x)
{
	uint32_t answer = (uint32_t)version_answer(w, (uint32_t)x[1]);

	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = answer;
	return CALL_ANSWERED;
}

static bool call_id_get(struct world *w, uint64_t *x)
{
	return call_success(x, FFA_ID_HYPERVISOR, 0);
}

static bool call_spm_id_get(struct world *w, uint64_t *x)
{
	return call_success(x, FFA_ID_SPMC, 0);
}

static bool call_features(struct world *w, uint64_t *x);

#define ALWAYS FFA_VERSION_WORD(1, 0)
#define SINCE_1_1 FFA_VERSION_WORD(1, 1)
#define SINCE_1_2 FFA_VERSION_WORD(1, 2)

static const struct {
	uint32_t function;
	enum world_discovery until; /* not there where discovery is poorer than this */
	uint32_t since;             /* nor where the SPMC is older */
	bool bitmaps;               /* nor where it has no notifications */
	bool (*call)(struct world *w, uint64_t *x);
} calls[] = {
	{ FFA_VERSION, WORLD_DISCOVERY_NONE, ALWAYS, false, call_version },
	{ FFA_FEATURES, WORLD_DISCOVERY_NONE, ALWAYS, false, call_features },
	{ FFA_ID_GET, WORLD_DISCOVERY_NONE, ALWAYS, false, call_id_get },
	{ FFA_SPM_ID_GET, WORLD_DISCOVERY_NONE, SINCE_1_1, false, call_spm_id_get },
	{ FFA_PARTITION_INFO_GET, WORLD_DISCOVERY_RX, ALWAYS, false, call_partition_info_get },
	{ FFA_PARTITION_INFO_GET_REGS, WORLD_DISCOVERY_REGS, SINCE_1_2, false, call_partition_info_get_regs },
	{ FFA_RX_RELEASE, WORLD_DISCOVERY_NONE, ALWAYS, false, call_rx_release },
	{ FFA_MSG_SEND_DIRECT_REQ, WORLD_DISCOVERY_NONE, ALWAYS, false, call_direct_req },
	{ FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64, WORLD_DISCOVERY_NONE, ALWAYS, false, call_direct_req },
	{ FFA_MSG_SEND_DIRECT_REQ2, WORLD_DISCOVERY_NONE, SINCE_1_2, false, call_direct_req },
	{ FFA_RUN, WORLD_DISCOVERY_NONE, ALWAYS, false, call_run },
	{ FFA_NOTIFICATION_BITMAP_CREATE, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_bitmap_create },
	{ FFA_NOTIFICATION_BITMAP_DESTROY, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_bitmap_destroy },
	{ FFA_NOTIFICATION_BIND, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_notification_bind },
	{ FFA_NOTIFICATION_UNBIND, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_notification_unbind },
	{ FFA_NOTIFICATION_SET, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_notification_set },
	{ FFA_NOTIFICATION_GET, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_notification_get },
	{ FFA_NOTIFICATION_INFO_GET, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_notification_info_get },
	{ FFA_NOTIFICATION_INFO_GET | FFA_SMC64, WORLD_DISCOVERY_NONE, SINCE_1_1, true, call_notification_info_get },
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

static enum world_discovery discovery_of(const struct world *w)
{
	return w->config.discovery == WORLD_DISCOVERY_SPMC ? spmc_of_world(w)->discovery : w->config.discovery;
}

static bool is_there(const struct world *w, size_t i)
{
	return discovery_of(w) <= calls[i].until && spmc_version(w) >= calls[i].since &&
		(!calls[i].bitmaps || spmc_of_world(w)->bitmaps);
}

static size_t find_call(const struct world *w, uint32_t function)
{
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].function == function)
			return is_there(w, i) ? i : CALLS;
	return CALLS;
}

static bool call_features(struct world *w, uint64_t *x)
{
	if (find_call(w, (uint32_t)x[1]) == CALLS)
		return call_error(x, FFA_NOT_SUPPORTED);
	return call_success(x, 0, 0);
}

void call_finish(const struct spmc *s, const uint64_t call[FFA_REGISTERS], uint64_t x[FFA_REGISTERS])
{
	bool error = x[0] == FFA_ERROR, version = (uint32_t)call[0] == FFA_VERSION;
	uint8_t from = version ? s->version_leaves : error ? s->error_leaves : FFA_REGISTERS;

	for (uint8_t i = from; i < FFA_REGISTERS; i++)
		x[i] = call[i];
	if (s->sign_extends && error)
		x[2] = (uint64_t)(int64_t)(int32_t)x[2];
	if (s->sign_extends && version)
		x[0] = (uint64_t)(int64_t)(int32_t)x[0];
}

/* Who answers in the end: the SPMC of the SP that was called, or that of the world. */
static const struct spmc *answers(const struct world *w, const uint64_t *x)
{
	uint32_t function = (uint32_t)x[0] & ~FFA_SMC64;
	int index = -1;

	if (function == FFA_MSG_SEND_DIRECT_REQ || (uint32_t)x[0] == FFA_MSG_SEND_DIRECT_REQ2)
		index = spmc_receiver(w, (uint16_t)x[1]);
	else if (function == FFA_RUN)
		index = world_find(w, (uint16_t)(x[1] >> 16));
	return index < 0 ? spmc_of_world(w) : spmc_of_sp(w, (uint32_t)index);
}

bool world_call(struct world *w, struct world_time now, uint64_t x[FFA_REGISTERS])
{
	size_t i = find_call(w, (uint32_t)x[0]);
	const struct spmc *s = answers(w, x);
	uint64_t call[FFA_REGISTERS];
	bool answered;

	/* The system went down with its secure world. */
	if (w->reset_wanted)
		return CALL_UNANSWERED;
	w->monotonic = now.monotonic;
	w->realtime = now.realtime;
	memcpy(call, x, sizeof(call));
	if ((uint32_t)x[0] != FFA_VERSION)
		w->book->frozen = 1;
	answered = i == CALLS ? call_error(x, FFA_NOT_SUPPORTED) : calls[i].call(w, x);
	call_finish(s, call, x);
	return answered && !w->reset_wanted;
}
