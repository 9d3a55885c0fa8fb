/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The VFIO migration protocol, version 2, as <linux/vfio.h> spells it: states of a device, and what it can do. Ours,
 * for headers older than Linux 6.2 end before PRE_COPY. Names of states are ours too: the kernel's in small letters.
 */

#ifdef _UAPIVFIO_H
#error "include proto/vfio-migration.h instead of <linux/vfio.h>: both define the same names"
#endif

#include <stdint.h>

/* enum vfio_device_mig_state: VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, device_state. */
#define VFIO_DEVICE_STATES(X)                                                                                          \
	X(VFIO_DEVICE_STATE_ERROR, 0, "error")             /* failed; a reset is the only way out */                   \
	X(VFIO_DEVICE_STATE_STOP, 1, "stop")               /* no DMA, no interrupt, no change inside */                \
	X(VFIO_DEVICE_STATE_RUNNING, 2, "running")         /* where it begins, and where a reset leads */              \
	X(VFIO_DEVICE_STATE_STOP_COPY, 3, "stop-copy")     /* stopped; its state can be read */                        \
	X(VFIO_DEVICE_STATE_RESUMING, 4, "resuming")       /* stopped; its state is being written */                   \
	X(VFIO_DEVICE_STATE_RUNNING_P2P, 5, "running-p2p") /* begins no DMA to other devices, answers theirs */        \
	X(VFIO_DEVICE_STATE_PRE_COPY, 6, "pre-copy")       /* running, and tracks its own changes */                   \
	X(VFIO_DEVICE_STATE_PRE_COPY_P2P, 7, "pre-copy-p2p")

#define VFIO_STATE_ENTRY(symbol, number, string) symbol = number,
#define VFIO_STATE_NAME(symbol, number, string) [number] = string,

enum vfio_device_mig_state { VFIO_DEVICE_STATES(VFIO_STATE_ENTRY) VFIO_DEVICE_STATE_COUNT };

/* VFIO_DEVICE_FEATURE_MIGRATION, flags. Legal sets: 1, 3, 5, 7. */
#define VFIO_MIGRATION_STOP_COPY (1u << 0)
#define VFIO_MIGRATION_P2P       (1u << 1)
#define VFIO_MIGRATION_PRE_COPY  (1u << 2)
