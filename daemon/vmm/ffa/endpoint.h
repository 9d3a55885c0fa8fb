/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The guest as an FF-A endpoint (DEN0077A v1.2): what it is answered without anybody else being asked. How a call comes and
 * goes is the architecture's affair (arch_hypercall, or the mailbox on x86-64); here it is eighteen registers.
 *
 * A guest negotiates a version first (s.13.2); until then nothing else is supported, and after its first other call the
 * version stays. Any vCPU may call, side by side: one lock.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/ffa.h"
#include "vmm/memory.h"

#define FFA_BOX_PAGES_MAX 16 /* of 4 KiB, for each of RX and TX: no message is longer */

struct ffa_call {
	uint64_t x[FFA_REGISTERS];
};

struct ffa_endpoint {
	pthread_mutex_t lock;
	const struct guest_memory *memory;
	uint16_t id, spmc;
	uint32_t version; /* negotiated; 0: not yet */
	bool frozen;
	bool receives; /* notifications: the definition asks for them */
	uint32_t npi;  /* the interrupt that says that some are pending (INTID); 0: there is none */
	struct {
		uint64_t tx, rx; /* guest physical */
		uint32_t pages;  /* 0: not mapped */
		bool rx_full;    /* RX belongs to the guest until it says RX_RELEASE (s.7.2.2.4) */
	} box;
};

/* Of the guest's buffers, what goes with a call to the daemon, and where to put what comes with its answer. */
struct ffa_bytes {
	const void *send;
	void *receive;
	uint32_t size, room; /* of these */
};

enum ffa_act {
	FFA_ANSWERED, /* the registers hold the answer */
	FFA_ASK,      /* the daemon has to be asked */
};

/* `spmc` is what FFA_SPM_ID_GET answers. `memory` is the guest's, and may be mapped later. */
void ffa_endpoint_init(struct ffa_endpoint *e, const struct guest_memory *memory, uint16_t id, uint16_t spmc);

enum ffa_act ffa_endpoint_call(struct ffa_endpoint *e, struct ffa_call *call);
uint32_t ffa_endpoint_version(struct ffa_endpoint *e);

/*
 * Of a call that the daemon is asked: FFA_ASK, with the buffers lent; or FFA_ANSWERED, for they cannot be. RX is taken until
 * ffa_endpoint_filled() says whether there is something in it for the guest now.
 */
enum ffa_act ffa_endpoint_lend(struct ffa_endpoint *e, struct ffa_call *call, struct ffa_bytes *ret);
void ffa_endpoint_filled(struct ffa_endpoint *e, bool filled);

/* A message of another guest into RX. By the main thread. */
enum ffa_status ffa_endpoint_put(struct ffa_endpoint *e, const uint8_t *bytes, uint32_t size);

/* Registers 8 to 17 are part of this call and of its answer (SMCCC v1.2); of others they are left as they are. */
bool ffa_is_wide(uint64_t function);

void ffa_error(struct ffa_call *call, enum ffa_status status);
