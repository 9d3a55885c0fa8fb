/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Guests' direct requests to SPs. One call is with an SP at a time, framework messages go first, and the lives that wait
 * take turns: whoever calls without end is in nobody's way for longer than one call. What an SP suspends is run to its end
 * here and not by the guest, which could keep the SP from all others by not doing it.
 *
 * Nothing of it is stored. A call whose answer was lost, with a link or with a daemon, may be open at its SP or be over: it
 * is not sent again. Its vCPU waits a while for an answer that names its VM, then it is told ABORTED.
 */

#include "model/mediator.h"
#include "model/model.h"

/* The calls of one life that wait for one SP. */
struct guest_line {
	struct list link; /* in sp_guest.lines, while there are any */
	struct list vcpus;
	bool gave_up;     /* on a call that may be open there: an answer that names the VM may be to that one */
};

struct guests {
	struct guest_vcpu vcpu[VM_VCPU_MAX];
	struct guest_line line[MODEL_SP_MAX];
};

/* A request to an SP, or FFA_RUN of one; the answer is an output, now or later. */
void guest_sp_request(struct step *s, struct guest_vcpu *v, const struct guest_call *call);
void guest_sp_run(struct step *s, struct guest_vcpu *v, uint16_t id, uint16_t index);

/* The call waits for its turn at this SP, or at the SPMC; that it may, was checked. */
void guest_sp_wait(struct step *s, struct guest_vcpu *v, struct sp *sp, const struct guest_call *call);

/* One that an earlier daemon was told of. False: nobody can know of it any more. */
bool guest_sp_doubt(struct step *s, struct guest_vcpu *v, const struct guest_call *call);

/* The vCPU is over. What it has at an SP is run to its end there, and answered to nobody. */
void guest_sp_end(struct step *s, struct guest_vcpu *v);

/* A call of this life is with an SP, or suspended there: its id must not be given to another. NULL: none is. */
const struct sp *guest_sp_holding(const struct model *m, const struct life *l);

bool guest_sp_has(const struct sp *sp, const struct life *l); /* it is this SP */
void guest_sp_forget(struct sp *sp, const struct life *l); /* fine if it is not: what goes on there is nobody's from here on */

/* Of secure.c: this SP is free for guests. */
void guest_sp_pump(struct step *s, struct sp *sp);
void guest_sp_go_on(struct step *s, struct sp *sp); /* FFA_RUN what is suspended, or what nobody here knows of */

/* Of reply.c and world.c. */
void guest_sp_reply(struct step *s, struct sp *sp, const struct secure_reply *r);
void guest_sp_found(struct step *s, struct sp *sp, const struct secure_reply *r); /* a guest's answer to another's FFA_RUN */
void guest_sp_is_free(struct step *s, struct sp *sp); /* it took a message: what may have been open is over */
void guest_sp_take_back(struct step *s, struct sp *sp); /* the call that is out did not leave */
void guest_sp_lost(struct step *s, struct sp *sp);    /* another instance */
void guest_sp_link_down(struct step *s, struct sp *sp);
void guest_sp_doubted(struct step *s, struct sp *sp); /* maybe another instance */
void guest_sp_doubt_timer(struct step *s, struct sp *sp);
