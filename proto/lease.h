/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What goes over the fd of a destroy lease (VM.TakeDestroyLease, Manager.ReclaimDestroyLease): a SOCK_SEQPACKET socket, one fixed record a
 * message, host byte order. To close it is to let go. When the life is to end the holder gets ASK, and has until the
 * deadline. It lets go with RELEASE, and is told OVER once that is stored: no ASK follows. A lease that ends otherwise is
 * told OVER, too, then the daemon hangs up. A hang-up without OVER is a daemon that went away: the lease is held on, and
 * is to be claimed again by its token.
 */

#include <stdint.h>
#include "proto/lifecycle.h"

#define LEASE_VERSION 1
#define LEASE_TIMEOUT_DEFAULT_MS 5000
#define LEASE_TIMEOUT_MAX_MS 60000
#define LEASE_REASON_MAX 63
#define LEASE_COMM_MAX 15

enum lease_record_kind {
	LEASE_RECORD_ASK = 1,     /* daemon to holder */
	LEASE_RECORD_OVER = 2,    /* daemon to holder: state */
	LEASE_RECORD_RELEASE = 3, /* holder to daemon; the other fields are 0 */
};

struct lease_record {
	uint16_t version;
	uint16_t kind;     /* enum lease_record_kind */
	uint32_t size;     /* sizeof(struct lease_record) of the writer */
	uint64_t lease;    /* its number */
	uint64_t life;
	uint64_t deadline; /* ASK: CLOCK_MONOTONIC in ns */
	uint8_t state;     /* enum lease_state */
	uint8_t cause;     /* enum vm_cause: why the life ends */
	uint8_t reserved[6];
};
_Static_assert(sizeof(struct lease_record) == 40, "");
