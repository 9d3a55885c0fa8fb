/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The guest's notifications from other VMs, and that there are some from SPs, as the daemon tells them: kept for the next
 * daemon, and an interrupt for what is pending. The main thread alone writes here.
 */

#include <stdatomic.h>

#include "proto/vmm-link.h"
#include "vmm/devices/line.h"

struct ffa_notifications {
	struct vmm_notification_state is;
	_Atomic uint64_t pending;          /* vCPUs that have something; a global one counts for vCPU 0 */
	struct irq_line line[VM_VCPU_MAX]; /* the notification pending interrupt of each (NPI), where there is one */
};

/* NULL, or what is wrong with it. */
const char *ffa_notifications_take(struct ffa_notifications *n, const struct vmm_notify *frame, unsigned vcpu_count);
