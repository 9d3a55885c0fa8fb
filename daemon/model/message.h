/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * FFA_MSG_SEND2 (DEN0077A v1.2 s.7.3, s.15.5): a message out of the sender's TX buffer into the receiver's RX buffer. The
 * receiver's VMM knows whether that is free, and puts it there or says why not; until then the sender is BLOCKED. Whose
 * answer is lost, with a link or a daemon, is told ABORTED: the message may have arrived.
 */

#include "model/mediator.h"
#include "model/model.h"

/* What comes with a call is the vCPU's from here on, until that is answered. */
void message_take(struct guest_vcpu *v, struct guest_call *call);

void message_send(struct step *s, struct guest_vcpu *v, const struct guest_call *call);

/* What the receiver's VMM says of the message of that number; one that nobody waits for any more is none. */
void message_put(struct step *s, struct life *l, uint64_t number, enum ffa_status status);

void message_lost(struct step *s, struct life *l); /* what its VMM says will not be heard */
void message_end(struct step *s, struct life *l);  /* as receiver and as sender */
void message_free(struct life *l);

/* What is to be put; NULL: nobody waits for it any more. */
const struct guest_message *message_of(const struct model *m, uint64_t life, uint16_t vcpu, uint64_t number);
