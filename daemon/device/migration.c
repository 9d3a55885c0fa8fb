/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration.h"

#include <stddef.h>

#define S(state) VFIO_DEVICE_STATE_##state

#define STOP_COPY (VFIO_MIGRATION_STOP_COPY)
#define P2P       (STOP_COPY | VFIO_MIGRATION_P2P)
#define PRE_COPY  (STOP_COPY | VFIO_MIGRATION_PRE_COPY)
#define ALL       (PRE_COPY | VFIO_MIGRATION_P2P)

/* What a device must be able to do to have the state, and what its data fd is for there. */
static const struct {
	uint8_t need;
	uint8_t session; /* enum migration_session */
} states[VFIO_DEVICE_STATE_COUNT] = {
	[S(ERROR)]        = { 0,              MIGRATION_SESSION_NONE },
	[S(STOP)]         = { STOP_COPY,      MIGRATION_SESSION_NONE },
	[S(RUNNING)]      = { STOP_COPY,      MIGRATION_SESSION_NONE },
	[S(STOP_COPY)]    = { STOP_COPY,      MIGRATION_SESSION_READ },
	[S(RESUMING)]     = { STOP_COPY,      MIGRATION_SESSION_WRITE },
	[S(RUNNING_P2P)]  = { P2P,            MIGRATION_SESSION_NONE },
	[S(PRE_COPY)]     = { PRE_COPY,       MIGRATION_SESSION_READ },
	[S(PRE_COPY_P2P)] = { ALL,            MIGRATION_SESSION_READ },
};

/*
 * The next hop of a device that has every state; optional ones are skipped by `states` above. A missing cell is ERROR, and
 * ERROR is refused: its own row and column, and the two arcs from STOP_COPY that are blocked.
 */
static const uint8_t hops[VFIO_DEVICE_STATE_COUNT][VFIO_DEVICE_STATE_COUNT] = {
	[S(STOP)] = {
		[S(STOP)]         = S(STOP),
		[S(RUNNING)]      = S(RUNNING_P2P),
		[S(STOP_COPY)]    = S(STOP_COPY),
		[S(RESUMING)]     = S(RESUMING),
		[S(RUNNING_P2P)]  = S(RUNNING_P2P),
		[S(PRE_COPY)]     = S(RUNNING_P2P),
		[S(PRE_COPY_P2P)] = S(RUNNING_P2P),
	},
	[S(RUNNING)] = {
		[S(STOP)]         = S(RUNNING_P2P),
		[S(RUNNING)]      = S(RUNNING),
		[S(STOP_COPY)]    = S(RUNNING_P2P),
		[S(RESUMING)]     = S(RUNNING_P2P),
		[S(RUNNING_P2P)]  = S(RUNNING_P2P),
		[S(PRE_COPY)]     = S(PRE_COPY),
		[S(PRE_COPY_P2P)] = S(RUNNING_P2P),
	},
	[S(STOP_COPY)] = {
		[S(STOP)]         = S(STOP),
		[S(RUNNING)]      = S(STOP),
		[S(STOP_COPY)]    = S(STOP_COPY),
		[S(RESUMING)]     = S(STOP),
		[S(RUNNING_P2P)]  = S(STOP),
	},
	[S(RESUMING)] = {
		[S(STOP)]         = S(STOP),
		[S(RUNNING)]      = S(STOP),
		[S(STOP_COPY)]    = S(STOP),
		[S(RESUMING)]     = S(RESUMING),
		[S(RUNNING_P2P)]  = S(STOP),
		[S(PRE_COPY)]     = S(STOP),
		[S(PRE_COPY_P2P)] = S(STOP),
	},
	[S(RUNNING_P2P)] = {
		[S(STOP)]         = S(STOP),
		[S(RUNNING)]      = S(RUNNING),
		[S(STOP_COPY)]    = S(STOP),
		[S(RESUMING)]     = S(STOP),
		[S(RUNNING_P2P)]  = S(RUNNING_P2P),
		[S(PRE_COPY)]     = S(RUNNING),
		[S(PRE_COPY_P2P)] = S(PRE_COPY_P2P),
	},
	[S(PRE_COPY)] = {
		[S(STOP)]         = S(RUNNING),
		[S(RUNNING)]      = S(RUNNING),
		[S(STOP_COPY)]    = S(PRE_COPY_P2P),
		[S(RESUMING)]     = S(RUNNING),
		[S(RUNNING_P2P)]  = S(RUNNING),
		[S(PRE_COPY)]     = S(PRE_COPY),
		[S(PRE_COPY_P2P)] = S(PRE_COPY_P2P),
	},
	[S(PRE_COPY_P2P)] = {
		[S(STOP)]         = S(RUNNING_P2P),
		[S(RUNNING)]      = S(RUNNING_P2P),
		[S(STOP_COPY)]    = S(STOP_COPY),
		[S(RESUMING)]     = S(RUNNING_P2P),
		[S(RUNNING_P2P)]  = S(RUNNING_P2P),
		[S(PRE_COPY)]     = S(PRE_COPY),
		[S(PRE_COPY_P2P)] = S(PRE_COPY_P2P),
	},
};

static const char *const names[] = { VFIO_DEVICE_STATES(VFIO_STATE_NAME) };

static const char *const refusals[] = {
	[MIGRATION_E_FLAGS] = "the device cannot migrate",
	[MIGRATION_E_NO_STATE] = "there is no such state",
	[MIGRATION_E_FROM_ERROR] = "the device failed, and only a reset helps",
	[MIGRATION_E_TO_ERROR] = "nobody can ask for the state error",
	[MIGRATION_E_OPTIONAL] = "the device does not have this state",
	[MIGRATION_E_BLOCKED] = "stop-copy does not lead back to pre-copy",
};

unsigned migration_flags(uint64_t flags)
{
	unsigned known = (unsigned)flags & ALL;

	return known & STOP_COPY ? known : 0;
}

bool migration_has_state(unsigned state, unsigned flags)
{
	return state < VFIO_DEVICE_STATE_COUNT && (states[state].need & ~flags) == 0;
}

static int refuse(unsigned from, unsigned to, unsigned flags)
{
	if (from >= VFIO_DEVICE_STATE_COUNT || to >= VFIO_DEVICE_STATE_COUNT)
		return MIGRATION_E_NO_STATE;
	if (!flags || migration_flags(flags) != flags)
		return MIGRATION_E_FLAGS;
	if (to == S(ERROR))
		return MIGRATION_E_TO_ERROR;
	if (from == S(ERROR))
		return MIGRATION_E_FROM_ERROR;
	return migration_has_state(from, flags) && migration_has_state(to, flags) ? 0 : MIGRATION_E_OPTIONAL;
}

int migration_next(unsigned from, unsigned to, unsigned flags, enum vfio_device_mig_state *ret)
{
	int r = refuse(from, to, flags);
	unsigned next;

	if (r)
		return r;
	next = hops[from][to];
	/* ERROR has no hop: the look at it is what the kernel's loop lacked (vfio_main.c, before a26b499b757c). */
	while (next != S(ERROR) && !migration_has_state(next, flags))
		next = hops[next][to];
	if (next == S(ERROR))
		return MIGRATION_E_BLOCKED;
	*ret = next;
	return 0;
}

enum migration_session migration_session(enum vfio_device_mig_state state)
{
	return (unsigned)state < VFIO_DEVICE_STATE_COUNT ? states[state].session : MIGRATION_SESSION_NONE;
}

bool migration_opens_session(enum vfio_device_mig_state from, enum vfio_device_mig_state to)
{
	return migration_session(to) != MIGRATION_SESSION_NONE && migration_session(to) != migration_session(from);
}

const char *migration_state_name(unsigned state)
{
	return state < VFIO_DEVICE_STATE_COUNT ? names[state] : "unknown";
}

const char *migration_refusal_text(enum migration_refusal refusal)
{
	return (unsigned)refusal < sizeof(refusals) / sizeof(*refusals) && refusals[refusal] ? refusals[refusal] : "";
}
