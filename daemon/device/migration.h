/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The VFIO migration machine of one device: which state comes next on the way to the one that is wanted. As the kernel's
 * vfio_mig_get_next_state(), but it refuses what must not be sent to a kernel, and says why.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/vfio-migration.h"

enum migration_refusal {
	MIGRATION_E_FLAGS = 1,  /* the device cannot migrate: no such set of flags is legal */
	MIGRATION_E_NO_STATE,   /* a number that is no state */
	MIGRATION_E_FROM_ERROR, /* only a reset leads out of ERROR */
	MIGRATION_E_TO_ERROR,   /* nobody can ask for ERROR */
	MIGRATION_E_OPTIONAL,   /* a state that this device does not have */
	MIGRATION_E_BLOCKED,    /* from STOP_COPY to PRE_COPY or PRE_COPY_P2P: kernels before the fix of 2026 never return */
};

/* What of a device's flags is known here, if they are a legal set; else 0: it cannot migrate. */
unsigned migration_flags(uint64_t flags);

/*
 * The one door. 0 and the next state: one primitive arc of the device, or `from` itself when that is wanted (nothing is
 * to be done then). Otherwise a positive enum migration_refusal, and nothing is written.
 */
int migration_next(unsigned from, unsigned to, unsigned flags, enum vfio_device_mig_state *ret);

/* Whether a device with these flags can be in the state; ERROR is always possible. */
bool migration_has_state(unsigned state, unsigned flags);

enum migration_session {
	MIGRATION_SESSION_NONE,
	MIGRATION_SESSION_READ,
	MIGRATION_SESSION_WRITE,
};

/* What the data fd is for in this state. Session and fd live on from state to state while the answer is the same. */
enum migration_session migration_session(enum vfio_device_mig_state state);

/* Whether a new data fd comes with this arc. */
bool migration_opens_session(enum vfio_device_mig_state from, enum vfio_device_mig_state to);

const char *migration_state_name(unsigned state);
const char *migration_refusal_text(enum migration_refusal refusal);
