/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The link between lifecycled and what answers for the secure side: lifecycled-spmc, or a kernel module that speaks
 * the same frames. SOCK_SEQPACKET, one frame a message, host byte order, each field checked by whoever reads it.
 *
 *   hypervisor -> secure   HELLO     once, first; the peer answers WELCOME or hangs up
 *   secure -> hypervisor   WELCOME
 *   hypervisor -> secure   SUBMIT    one FF-A call; the caller picks an id that it never uses twice on a link
 *   secure -> hypervisor   COMPLETE  the registers it ended with, same id
 *   secure -> hypervisor   DOORBELL  the SP named may now answer differently: what it answered RETRY or BUSY, send again.
 *                                  The SPMC (0x8000): FFA_NOTIFICATION_INFO_GET may have something for VMs; on a new link
 *                                  that is asked without it. One that tells of another instance comes before any COMPLETE
 *                                  of that instance: what was answered before it, the instance before has answered
 *
 * There is one hypervisor. Of two links the one with the newer incarnation stays, the older is closed with what it
 * still holds unread. A link that ends leaves the outcome of every call that was not completed unknown.
 */

#include <stdint.h>
#include "proto/ffa.h"

#define SECURE_LINK_MAGIC 0x4C534346u /* "FCSL" */
#define SECURE_LINK_VERSION 1

enum secure_link_kind {
	SECURE_LINK_HELLO = 1,
	SECURE_LINK_WELCOME = 2,
	SECURE_LINK_SUBMIT = 3,
	SECURE_LINK_COMPLETE = 4,
	SECURE_LINK_DOORBELL = 5,
};

struct secure_link_header {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
	uint64_t id; /* SUBMIT and COMPLETE; 0 elsewhere */
};

/* An fd may come with it (SCM_RIGHTS): one page or more, where the peer writes what FF-A puts in the RX buffer. */
struct secure_link_hello {
	struct secure_link_header header;
	uint64_t incarnation; /* CLOCK_BOOTTIME in ns when the daemon took its lock: rises by itself */
};

#define SECURE_LINK_SP_MAX 64

/*
 * `generation` rises whenever what the SP knew of VMs is gone, where the secure side can tell; 0: it cannot. At a restart,
 * and also when the SP is stopped or destroyed and does not come back.
 */
struct secure_link_sp {
	uint16_t id;
	uint16_t reserved;
	uint32_t generation;
};

struct secure_link_welcome {
	struct secure_link_header header;
	uint8_t instance[16]; /* UUID of this life of the secure world; all zero: it cannot tell */
	uint32_t sp_count;    /* at most SECURE_LINK_SP_MAX; so many entries of sp follow, the rest is not sent */
	uint32_t reserved;
	struct secure_link_sp sp[SECURE_LINK_SP_MAX];
};

struct secure_link_call {
	struct secure_link_header header;
	uint64_t x[FFA_REGISTERS];
};

struct secure_link_doorbell {
	struct secure_link_header header;
	uint16_t sp;
	uint16_t reserved;
	uint32_t generation; /* of that SP, as in secure_link_sp */
};

_Static_assert(sizeof(struct secure_link_header) == 16, "");
_Static_assert(sizeof(struct secure_link_hello) == 24, "");
_Static_assert(sizeof(struct secure_link_call) == 16 + 18 * 8, "");
_Static_assert(sizeof(struct secure_link_doorbell) == 24, "");
_Static_assert(sizeof(struct secure_link_welcome) == 16 + 16 + 8 + 8 * SECURE_LINK_SP_MAX, "");
