/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The devices that the VM was given, as one set that migrates. The main thread's alone: it begins a goal when no vCPU can
 * touch a device, drives it in its turns, and never waits for one.
 */

#include "device/migration_drive.h"
#include "device/migration_fake.h"
#include "proto/definition.h"
#include "proto/vmm-link.h"

struct assigned {
	struct migration_set set;
	struct migration_fake fake[VM_ASSIGNED_MAX];
	struct migration_handle handle[VM_ASSIGNED_MAX];
	uint8_t type[VM_ASSIGNED_MAX];
	bool ending; /* the life is over: the abort began */
};

/* 0, or -EINVAL: a script that cannot be read. */
int assigned_init(struct assigned *a, const struct vm_definition *d);

/* PAUSE and RESUME of a guest whose vCPUs are out. 0, or a refusal that migration_set_refusal_text() tells. */
int assigned_begin(struct assigned *a, enum migration_goal goal, uint64_t now);

/* Whether a device that works is not RUNNING: then no vCPU may go on. */
bool assigned_stand(const struct assigned *a);

/* What is due: orders out, answers in. */
void assigned_run(struct assigned *a, uint64_t now);

/* 0: no device has anything to do by itself. */
uint64_t assigned_deadline(const struct assigned *a);

/* The life is over and its vCPUs are out: stops all devices. True once they are, or are dead. */
bool assigned_stopped(struct assigned *a, uint64_t now);

/* How device `index` is, for who looks. */
struct vmm_device_state assigned_state(const struct assigned *a, unsigned index);
