/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a turn owes guests that called: answers, and what goes into their buffers. */

#include "engine/ports.h"
#include "model/lifecycle.h"

/* For one answer at a time. */
struct guests_room {
	uint8_t *bytes; /* VMM_BYTES_MAX, once it was needed */
};

/*
 * Nothing but answers to guests: nothing was stored, so there is nothing to show. Such turns come by the thousand, and guests
 * wait for them.
 */
bool guests_are_alone(const struct model *m, const struct step_out *o);

/* To the receiver's VMM, if the sender still waits: then IN_GUEST_PUT, or its VMM comes back. */
void guests_message(const struct engine_ports *ports, const struct model *m, struct committed proof,
	const struct output *o);

void guests_answer(struct guests_room *room, const struct engine_ports *ports, const struct model *m,
	struct committed proof, const struct output *o);
