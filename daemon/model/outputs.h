/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a step asks of the outside, beside the changes it makes: acts and answers, carried out once the turn is stored. */

#include <stdbool.h>
#include <stdint.h>

#include "model/guest_call.h"
#include "model/records.h"
#include "proto/errors.h"

struct answer {
	uint64_t token;
	enum refusal refusal;
	uint64_t seq;  /* the change took effect at this number (0: nothing changed) */
	uint64_t life; /* the VM's life now, 0: none */
	uint64_t vm;   /* the VM's number */
	bool forgot;   /* FORGET was done: the text says what, for the journal */
	char text[256]; /* what, which, why, what to do; "" on success */
};

struct wait_reason {
	uint8_t on; /* enum wait_on */
	uint16_t sp;
	uint32_t tries;
	uint64_t since, until; /* CLOCK_MONOTONIC ns; until 0: without limit */
	char name[VM_NAME_MAX + 1]; /* WAIT_VM; WAIT_LEASE: the holder, as "comm[pid]"; of WAIT_DISK the bus knows it */
};

struct secure_call {
	uint16_t sp;
	uint8_t kind;  /* enum call_kind, of the message sent or of the open call that is run */
	bool run;      /* FFA_RUN `target` instead of a message */
	bool spmc;     /* to the SPMC itself, of the VM's notification bitmap */
	uint16_t vcpu; /* then: how many it has; CALL_DRAINED, CALL_GUEST: which one is meant */
	uint32_t target;
	uint16_t endpoint; /* the VM's id */
	uint64_t life;
	char name[VM_NAME_MAX + 1]; /* of the VM, for people */
	uint64_t x[FFA_REGISTERS];  /* of a guest's message */
};

/* To a lease's holder, or of it. */
struct lease_word {
	struct change_lease lease; /* as it is now */
	uint64_t life;
	uint8_t cause;             /* of the life's end, if it ends */
	char name[VM_NAME_MAX + 1]; /* of the VM, for people */
};

enum vmm_command {
	COMMAND_ENTER,
	COMMAND_STOP,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_QUIESCE,
	COMMAND_EXIT,
	COMMAND_KILL, /* SIGKILL, connected or not */
};

enum output_kind {
	OUT_VMM_START,   /* make the life's files and start a VMM: life; or give it to the one that waits: connection */
	OUT_VMM_BIRTH,   /* life, connection */
	OUT_VMM_WELCOME, /* life */
	OUT_VMM_REFUSE,  /* connection, reason */
	OUT_VMM_COMMAND, /* life, command */
	OUT_GUEST_ANSWER, /* life, guest */
	OUT_VMM_NOTIFY,   /* life, notice */
	OUT_GUEST_MESSAGE, /* life, message: put what that vCPU sends into its RX buffer */
	OUT_RECLAIM,     /* life, huge */
	OUT_SECURE_CALL, /* call */
	OUT_DISCOVER,
	OUT_LEASE_ASK,  /* life, lease: let go */
	OUT_LEASE_OVER, /* life, lease: it is over, and how */
};

struct output {
	uint8_t kind; /* enum output_kind */
	uint8_t command; /* enum vmm_command */
	bool huge;
	uint64_t life;
	uint64_t connection;
	const char *reason; /* a string that lives for ever */
	union {
		struct secure_call call;
		struct guest_call guest;
		struct guest_notice notice;
		struct {
			uint64_t from, number;
			uint16_t vcpu;
		} message;
		struct lease_word lease;
	};
};
