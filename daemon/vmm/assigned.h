/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The devices that the VM was given: those that migrate, as one set, and subchannels, each for itself. The main thread's
 * alone: it begins a goal when no vCPU can touch a device, drives it in its turns, and never waits for one.
 *
 * A subchannel has no state in which it stands. A guest that is paused starts no program, so a pause waits for those that are
 * with the channel, for a bounded time, before the others are stopped.
 */

#include "device/ccw_unit.h"
#include "device/migration_drive.h"
#include "device/migration_fake.h"
#include "proto/definition.h"
#include "proto/vmm-link.h"

struct assigned_device {
	uint8_t type; /* enum assigned_type */
	uint8_t at;   /* in the set, or among the subchannels */
};

struct assigned {
	uint8_t count, unit_count;
	struct assigned_device device[VM_ASSIGNED_MAX]; /* as the definition has them */
	struct migration_set set;
	struct migration_fake fake[VM_ASSIGNED_MAX];
	struct migration_handle handle[VM_ASSIGNED_MAX];
	struct ccw_unit unit[VM_ASSIGNED_MAX];
	bool was_busy[VM_ASSIGNED_MAX]; /* a unit that the last pause waited for in vain */
	bool draining;     /* a pause waits for subchannels */
	uint64_t drain_by; /* ns: until then */
	bool refused;      /* the last pause: by a subchannel, or by the set before it began */
	bool ending;       /* the life is over: the abort began */
};

/* 0, or -EINVAL: a script that cannot be read. `a` must not be moved afterwards. */
int assigned_init(struct assigned *a, const struct vm_definition *d, uint64_t now);

/* PAUSE and RESUME of a guest whose vCPUs are out. Refused: it is said in the log, and nothing is under way. */
void assigned_begin(struct assigned *a, enum migration_goal goal, uint64_t now);

/* A pause that waits for subchannels is not wanted any more: nothing stands yet, so it is over at once. */
void assigned_give_up_draining(struct assigned *a);

/* A goal is under way. */
bool assigned_works(const struct assigned *a);

/* The PAUSE that was begun last is done. */
bool assigned_is_paused(const struct assigned *a);

/* Whether a device that works is not RUNNING: then no vCPU may go on. */
bool assigned_stand(const struct assigned *a);

/* The vCPUs go on. */
void assigned_let_go(struct assigned *a);

/* What is due: orders out, answers in. */
void assigned_run(struct assigned *a, uint64_t now);

/* 0: no device has anything to do by itself. */
uint64_t assigned_deadline(const struct assigned *a);

/* The life is over and its vCPUs are out: stops all devices. True once they are, or are dead. */
bool assigned_stopped(struct assigned *a, uint64_t now);

/* How device `index` is, for who looks. */
struct vmm_device_state assigned_state(const struct assigned *a, unsigned index);
