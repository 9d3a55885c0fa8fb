/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Guests' requests to SPs: what the fakes and the wire tell of them, and what is asked of the daemon. */

#include "tests/simulation/sim.h"

void guest_nudge(struct world *w, const struct fake_sp *sp);
void guest_served(struct world *w, struct fake_sp *sp, uint32_t token);
void guest_refused(struct world *w, const struct secure_call *c, const struct secure_reply *r);
void guest_answers_lost(struct world *w, const struct fake_sp *sp);
bool guest_left_for(const struct world *w, const struct fake_sp *sp, const struct vm_row *row);
bool guest_call_is_lost(const struct fake_sp *sp);
void oracle_guest_call(struct world *w, struct fake_sp *sp, struct life *life, const struct secure_call *c);
bool oracle_has_call(const struct fake_sp *sp, const struct life *life);
