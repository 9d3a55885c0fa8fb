/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The SPMCs that SPs can be behind: what they check before an SP sees a request, and how they say things. */

#include "spmc/world.h"

struct spmc {
	const char *name;
	uint32_t version;               /* FF-A, as a word */
	enum world_discovery discovery; /* the richest it has */
	uint32_t mbz;                   /* bits of w2 that it refuses in a framework message */
	bool any_sender;                /* framework messages are taken from a VM's id, too */
	bool any_type;                  /* not VM availability alone reaches the SP */
	bool subscription;              /* it sees to it that the SP subscribed to that kind */
	bool smc64;                     /* takes the 64-bit form */
	bool is_receiver;               /* its own id is that of an SP */
	bool clamps_version;            /* to a higher minor it says its own; else NOT_SUPPORTED */
	bool freezes_version;           /* after the first other call */
	bool bitmaps;
	bool bitmap_needs_vm;           /* made only for a VM that the SP knows */
	bool bitmap_forgives;           /* one that is not there can be destroyed */
	bool sign_extends;              /* a status fills its register */
	uint8_t error_leaves;           /* registers from here on keep the caller's values: of FFA_ERROR, */
	uint8_t version_leaves;         /* and of the answer to FFA_VERSION */
};

const struct spmc *spmc_get(enum world_spmc which);
const struct spmc *spmc_of_world(const struct world *w);
const struct spmc *spmc_of_sp(const struct world *w, uint32_t index);
uint32_t spmc_version(const struct world *w);

int spmc_receiver(const struct world *w, uint16_t id); /* index of the SP that gets what is sent there, or -ENOENT */

/* call.c: the registers that an answer does not use, and the width of a status, as that SPMC has it. */
void call_finish(const struct spmc *s, const uint64_t call[FFA_REGISTERS], uint64_t x[FFA_REGISTERS]);
