/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a subscriber reads from the fd that Manager.Subscribe returns: a SOCK_SEQPACKET socket, one fixed record a message,
 * host byte order, in the order of sequence numbers. Only what is stored is told. A number may be missing (its change is
 * of no interest to followers, or the filter left it out); none comes twice.
 *
 * A reader that is too slow gets one GAP record: what it knows is no longer whole, it must take a new snapshot (subscribe
 * again). After it the daemon hangs up.
 *
 * Daemon and reader may be of different versions. A record grows at its end alone, and 0 there means what was meant before: a
 * reader leaves alone what is behind the part that it knows, and takes what an older daemon does not send as 0. Kinds, and
 * words in a field, may be unknown. EVENT_STREAM_VERSION rises if that is not enough; then readers of before are refused.
 */

#include <stdint.h>
#include "proto/definition.h"
#include "proto/lifecycle.h"

#define EVENT_STREAM_VERSION 1

enum event_kind {
	EVENT_VM = 1,        /* a VM was defined, or defined anew */
	EVENT_VM_GONE = 2,   /* a VM object went, and with it what was under way: old_state */
	/*
	 * A life moved: old/new state and sub-state, cause. A life that is gone moves to VM_NULL; with `operation` OP_RESTART
	 * the VM itself does not: its next life follows at once, and that record says ABORTING -> CREATED. Where that has to
	 * wait, an EVENT_OPERATION of the VM comes before: it is in VM_NULL from there on.
	 */
	EVENT_STATE = 3,
	EVENT_DEBT = 4,      /* what a life owes an SP moved: how, tries */
	EVENT_SP = 5,        /* an SP appeared, changed or vanished */
	EVENT_OPERATION = 6, /* a VM's operation began (or ended: OP_NONE), in place of old_state; the same one: it has another deadline */
	EVENT_GAP = 7,
	EVENT_WORLD = 8,     /* the secure world was met, or is another instance now */
};

struct event_record {
	uint16_t version;
	uint16_t kind;
	uint32_t size;      /* sizeof(struct event_record) of the writer */
	uint64_t seq;
	uint64_t realtime;  /* CLOCK_REALTIME in ns when the turn was made, for people */
	uint64_t life;      /* 0: none */
	uint16_t endpoint;  /* FF-A id of the life */
	uint16_t sp;        /* DEBT, SP */
	uint8_t old_state;  /* enum vm_state (STATE), enum debt_state (DEBT) or enum operation (OPERATION, VM_GONE) */
	uint8_t new_state;  /* as old_state; of OPERATION: enum vm_state, where the VM is */
	uint8_t old_substate;
	uint8_t new_substate;
	uint8_t cause;      /* enum vm_cause */
	uint8_t how;        /* enum debt_how */
	uint8_t operation;  /* enum operation */
	uint8_t outcome;    /* enum outcome (OPERATION, when it ended) */
	uint32_t tries;     /* messages sent so far for this step of the debt */
	char name[VM_NAME_MAX + 1];
};
#define EVENT_RECORD_LEAST 112 /* of the first daemons of this version */
_Static_assert(sizeof(struct event_record) == 8 + 24 + 4 + 8 + 4 + 64, "");
_Static_assert(sizeof(struct event_record) % 8 == 0, "");
