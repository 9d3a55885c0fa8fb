/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Devices for the plan of a set: what they do when they are told to, and what goes wrong with them, at which order and how. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "device/migration_set.h"

#define S(state)  VFIO_DEVICE_STATE_##state
#define PATIENCE  1000
#define LONG_AGO  UINT32_MAX
#define NEVER     UINT32_MAX

enum wrong {
	FAILS,        /* an error, and nothing happened */
	FAILS_AFTER,  /* an error, though it happened */
	FAILS_BROKEN, /* an error, and the device is in ERROR */
	IS_SILENT,
	LIES, /* GET: no state at all. SET: a data fd where none should come, or none. RESET: says done, did nothing */
	WRONG_COUNT,
};

enum lasting {
	ONCE,
	WHAT_IS_SET, /* from then on, each SET_STATE of that device */
	FOR_EVER,    /* each order of that device */
	LASTING_COUNT,
};

struct mishap {
	uint32_t at; /* the order that goes wrong, counted from 0 */
	enum wrong how;
	enum lasting lasting;
	int device; /* the one that was met */
};

struct world {
	struct migration_set set;
	unsigned count, flags[MIGRATION_SET_MAX], real[MIGRATION_SET_MAX];
	bool configured[MIGRATION_SET_MAX];
	struct mishap mishap[2];
	uint64_t now;
	uint32_t orders, resets;
	uint8_t visited[256]; /* devices, in the order of SET_STATE */
	uint32_t visits;
};

void world_begin(struct world *w, unsigned count, const unsigned *flags, const unsigned *states);
bool world_turn(struct world *w); /* one order and what becomes of it; false: the goal is over */
struct migration_answer world_behave(struct world *w, const struct migration_order *o); /* as it should */
void world_run(struct world *w);  /* until it is over, within its bound */
