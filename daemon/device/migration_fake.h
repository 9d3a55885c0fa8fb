/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A device that does what its script says, behind the ops of a real one. Without a script it behaves: each order succeeds
 * at once. As a device it knows primitive arcs only, and keeps its state until an order is through.
 */

#include "device/migration_script.h"
#include "device/migration_set.h"
#include "device/ops.h"

struct migration_fake_pending {
	bool is;
	struct migration_order order;
	struct migration_answer answer;
	uint64_t at;   /* UINT64_MAX: never */
	uint8_t then;
};

struct migration_fake {
	struct migration_script script;
	uint32_t met[MIGRATION_RULES_MAX]; /* how often each rule fitted */
	uint8_t state;
	bool configured; /* what the guest had set up is there */
	struct migration_fake_pending pending, late; /* `late`: a SET_STATE that a reset overtook */
	uint32_t orders;
};

extern const struct migration_ops migration_fake_ops;

void migration_fake_init(struct migration_fake *f, const struct migration_script *script);
