/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The calls of guests to each other: who waits for whom (DEN0077A v1.2 s.7, s.8; Hafnium's answers). A vCPU's call is
 * answered at once, or it stays outside the guest until it is: there is at most one for each vCPU. Nothing of this is
 * stored: after a crash of the daemon the VMMs say which calls are pending, and their outcome is unknown.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "model/guest_call.h"
#include "proto/ffa.h"
#include "proto/lifecycle.h"

struct life;
struct step;

/* What a guest's vCPU is doing, as far as calls go. */
enum guest_stance {
	GUEST_RUNS = 0,  /* it has no call */
	GUEST_WAITS,     /* in FFA_MSG_WAIT, or behind its last response: takes a request */
	GUEST_BLOCKED,   /* its request, or its FFA_RUN, is with another */
	GUEST_YIELDED,   /* it serves, and has said FFA_YIELD: until FFA_RUN */
};

/* What it owes to whom: its runtime model (s.8). */
enum guest_duty {
	DUTY_NONE = 0,
	DUTY_RESPOND, /* a direct request: FFA_MSG_SEND_DIRECT_RESP */
	DUTY_RUN,     /* FFA_RUN: until it waits */
};

/* What it sends by FFA_MSG_SEND2, until that is where it is to be (message.c). */
struct guest_message {
	uint8_t *bytes;
	uint32_t size;
	uint64_t number; /* 0: nothing */
	uint16_t receiver;
};

struct guest_vcpu {
	struct life *life;
	uint16_t index;
	uint8_t stance;   /* enum guest_stance */
	uint8_t duty;     /* enum guest_duty */
	uint32_t request; /* DUTY_RESPOND: the function id of the request */
	uint64_t since;   /* of the last change by a call: CLOCK_MONOTONIC ns */
	uint32_t version; /* of FF-A, as the guest negotiated it; 0: it has not called yet */
	struct guest_vcpu *from; /* with a duty: whom it serves; NULL: that one is gone */
	struct guest_vcpu *to;   /* BLOCKED: who serves it */
	struct list serves;      /* in from->served */
	struct guest_message message;
	struct list sends;       /* BLOCKED by it: in the receiver's life.messages */
	struct list served;      /* who has a duty to this one: those that yielded, and `to` */
	struct list held;        /* in model.held: BLOCKED, and what it sets (notification.c) */
	struct {
		uint32_t ids, flags;
		uint64_t bitmap;
	} sets;
	struct sp *at;           /* BLOCKED: the SP that its request is for (guest_sp.c) */
	struct list wait;        /* there: for its turn, or in doubt */
	uint64_t doubt_by;       /* in doubt: it waits no longer */
	uint64_t x[FFA_REGISTERS]; /* the request to that SP */
};

/* A call; the answer is an output, now or later. */
void mediator_call(struct step *s, struct life *l, struct guest_call *call);

/* The answer to a call of it, to be filled in. */
struct guest_call *mediator_put(struct step *s, struct guest_vcpu *v);

/* The life's vCPUs are out for good, or will be: who waits for it is told ABORTED, whom it asked goes on. */
void mediator_end(struct step *s, struct life *l);

/*
 * What a call to a vCPU in this state is answered by its state alone (spec of Hafnium's direct messages and FFA_RUN);
 * FFA_OK: it depends on what the vCPU waits for.
 */
enum ffa_status mediator_status(enum vcpu_state state, bool run);

/*
 * What a vCPU is doing: by its call, if it has one that waits, else as its VMM says. Calls and the words of the VMM come on
 * different ways; so a call that is heard of counts more than a state that may be older.
 */
enum vcpu_state mediator_vcpu_state(const struct life *l, unsigned index);
uint64_t mediator_vcpu_since(const struct life *l, unsigned index); /* 0: not known */
uint16_t mediator_callee(const struct life *l, unsigned index);      /* the id of whom its call waits for; 0: it has none that does */

/* What there is of the calls of one life, made when it calls for the first time: `vcpu` is what life.guest points to. */
struct guests;
struct guest_vcpu *mediator_new(void); /* NULL: no memory */
void mediator_init(struct guest_vcpu *guest, struct life *l);

/* For message.c: whether a life can be called, by its id and its state. */
enum ffa_status mediator_find(struct step *s, const struct life *from, uint16_t id, struct life **ret);
/* For both and guest_sp.c: answers, and the registers of a message that cross over. */
void mediator_answer(struct step *s, struct guest_vcpu *v, enum ffa_status status);
void mediator_deliver(struct step *s, struct guest_vcpu *v, const struct guest_call *message);
void mediator_copy(const struct guest_call *message, uint64_t x[FFA_REGISTERS]);
