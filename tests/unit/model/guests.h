/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Guests of a story that call, and what they are answered. */

#include "story.h"

#include "model/guest_sp.h"
#include "model/mediator.h"
#include "proto/vmm-link.h"

#define REQ   FFA_MSG_SEND_DIRECT_REQ
#define RESP  FFA_MSG_SEND_DIRECT_RESP
#define REQ2  FFA_MSG_SEND_DIRECT_REQ2
#define RESP2 FFA_MSG_SEND_DIRECT_RESP2
#define V1_1  FFA_VERSION_WORD(1, 1)
#define V1_2  FFA_VERSION_WORD(1, 2)

struct guest {
	struct story *s;
	uint64_t life;
	uint16_t id;
};

struct guest guest(struct story *s, const char *name); /* it runs; the secure side is met once */
void vcpu_is(struct guest g, uint16_t vcpu, enum vcpu_state state);
void say(struct guest g, struct guest_call call); /* as one that has negotiated 1.2, if it does not say another version */
void call(struct guest g, uint32_t function, uint32_t w1, uint32_t w3);
const struct guest_call *answered(struct guest g); /* by the last input; NULL: it waits */
void assert_status(struct guest g, enum ffa_status status);
