/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the goals of a set of devices are made of; migration_set.c walks it. */

#include "device/migration_set.h"

#define MIGRATION_PHASES_MAX 2

/* In a phase's cell instead of a state. 0: a device that is there stays there. */
#define MIGRATION_STAYS      0
#define MIGRATION_BY_RESET   0x80

struct migration_phase {
	bool backwards; /* from the last device to the first */
	uint8_t to[VFIO_DEVICE_STATE_COUNT]; /* by the state a device is in: where it goes, if it has that state */
};

struct migration_plan {
	const char *name;
	const struct migration_phase *phase[MIGRATION_PHASES_MAX + 1]; /* ends with NULL */
	uint8_t from;            /* states in which it may begin, as bits; 0: any */
	bool vcpus_out;          /* they must be */
	bool replaces;           /* it may begin while another is under way */
	bool whole;              /* all devices must be able to migrate, together */
	bool dead_too, only_dead;
	bool has_way_back;
	uint8_t back_if_in, back_if_out; /* enum migration_goal: the way back, by where the vCPUs are */
};

extern const struct migration_plan migration_plans[MIGRATION_GOAL_COUNT];
