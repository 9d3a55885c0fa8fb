/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The real SPMC as the secure side of a world. The daemon's own codec, classifier and discovery speak to it, so what is
 * tested here is the whole way of a message but its socket.
 */

#include "secure/internal.h"
#include "tests/simulation/side.h"
#include "tests/simulation/sim.h"

struct real_sp {
	struct side_sp seen;
	uint32_t opened_in; /* the instance that had an open call last */
	uint32_t base; /* of instances: generations begin anew with each secure world */
	/* The last message that the SP itself got: all that it learns, it learns from that one. */
	uint64_t life;
	uint16_t endpoint;
	uint8_t kind;
};

struct real {
	struct world *world;
	struct side *side;
	struct secure secure; /* its discovery, and what that needs */
	uint64_t session;     /* 1 + the link epoch that was greeted; 0: none */
	uint64_t wakes_at;
	bool resetting;
	struct real_sp sp[SIM_SP_MAX];
};

/* meet.c */
void meet_begin(struct real *r); /* WELCOME, then discovery */
void meet_end(struct real *r);
void meet_rings(struct real *r, uint16_t sp, uint32_t generation);
void meet_discover(struct real *r, bool unasked);

/* real.c */
void real_touched(struct world *w, struct fake_sp *caller); /* the side did something: look at it, bring what it says */
uint32_t real_instance(const struct world *w, size_t index, uint32_t generation);
