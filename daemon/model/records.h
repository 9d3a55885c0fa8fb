/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a turn changes, as flat structs. The step emits them, model_apply() applies them in a turn and at load, store turns
 * them into JSON and back. Each change has a sequence number; the number of a CHANGE_LIFE is the life's number, that of
 * the first CHANGE_VM is the VM's.
 *
 * A snapshot is a turn whose changes build the whole model from nothing; there a change carries the number it had
 * (life, VM), and `seq` of all is the snapshot's own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/definition.h"
#include "proto/lease.h"
#include "proto/lifecycle.h"

#define MODEL_SP_MAX 17 /* 16 SPs, and the SPMC where it has notifications */
#define END_TEXT_MAX 127

enum change_kind {
	CHANGE_VM = 1,        /* a VM is defined, or defined anew: vm, definition */
	CHANGE_VM_GONE = 2,   /* vm */
	CHANGE_LIFE = 3,      /* a life begins, in CREATED/allocating: vm, life, begun */
	CHANGE_STATE = 4,     /* a life moves: life, state */
	CHANGE_VMM = 5,       /* a VMM got the life: life, vmm */
	CHANGE_DEBT = 6,      /* what a life owes an SP moves: life, debt */
	CHANGE_OPERATION = 7, /* a VM's operation begins, or ends (OP_NONE): vm, operation */
	CHANGE_SP = 8,        /* an SP is met, changes or vanishes: sp */
	CHANGE_OPEN = 9,      /* the call that may be open at an SP: life, open */
	CHANGE_WORLD = 10,    /* the secure world's instance: world */
	CHANGE_LIFE_GONE = 11, /* id and memory are back with the host: life */
	CHANGE_END = 12,      /* a VM's last end, kept after the life is gone: vm, life, end */
	CHANGE_IDS = 13,      /* in which order free ids are given out (snapshots, and after a lost log): ids */
	CHANGE_BURNED = 14,   /* an id is burned at an SP, or not any more; life: whose end the SP never took: burned */
	CHANGE_PENDING = 15,  /* what waits for the end of a VM's life, or comes into force: vm, pending */
	CHANGE_SHUTDOWN = 16, /* all VMs are to end in order, or have: shutdown */
	CHANGE_BOUND = 17,    /* a VM lives with a client, or does not any more: vm, bound */
	CHANGE_LEASE = 18,    /* a client holds the end of a life, is asked to let go, or did: life, lease */
	CHANGE_AUTOSTART = 19, /* who is to start with the host has been told to, in this boot, or is to be again: autostart */
};

struct change_begun {
	uint16_t endpoint;
	uint16_t vcpu_count;
	bool fixed_id; /* the definition asked for this id */
	bool huge;     /* the memory is on the hugetlbfs place */
	bool old;      /* snapshots only: the VM went on without it, it still settles */
	bool notifications; /* the definition asks for them: the SPMC is owed the end of its bitmap */
	uint64_t memory_bytes;
	uint64_t since; /* CLOCK_MONOTONIC ns, as all times here */
	uint64_t deadline;
	uint64_t entered; /* RUNNING since; 0: it never was. In a snapshot; else the change of state says it */
	char name[VM_NAME_MAX + 1];
};

struct change_state {
	uint8_t old_state, old_substate; /* for those who follow */
	uint8_t state, substate;         /* enum vm_state, vm_substate */
	uint8_t cause;                   /* enum vm_cause: set once, on the way to ABORTING */
	bool quiesced;                   /* no vCPU of this life can run any more */
	bool preserve;                   /* once it is quiesced it is kept for a post-mortem */
	uint64_t since;
	uint64_t deadline; /* of this sub-state; 0: none */
	char text[END_TEXT_MAX + 1];
};

struct change_vmm {
	int32_t pid; /* 0: dead, and known to be */
	uint64_t start_time; /* field 22 of /proc/PID/stat, clock ticks since boot */
	uint64_t features;      /* enum vmm_feature: what it can do */
	uint8_t invocation[16]; /* systemd's invocation id, or zero */
};

struct change_debt {
	uint16_t sp;
	uint8_t old_state, state; /* enum debt_state */
	uint8_t how;              /* enum debt_how */
	uint8_t extra;            /* VM_DESTROYED owed beyond the first: OP-TEE may have taken VM_CREATED more than once */
	uint32_t tries;           /* messages sent for the step that ended */
	uint64_t deadline;        /* of CREATING; 0: none */
};

struct change_operation {
	uint8_t operation; /* enum operation */
	uint8_t outcome;   /* OP_NONE: enum outcome of the operation that ended */
	uint64_t since;
	uint64_t deadline; /* OP_START, OP_RESTART: the next life does not begin before; 0: at once. OP_STOP: patience ends */
	uint64_t partition_by; /* OP_START: an SP is waited for, and this long; 0: none is */
};

enum sp_profile { /* what this SP's answers mean when an outcome is unknown (spec: FF-A leaves it open) */
	PROFILE_STRICT = 0,
	PROFILE_TRUSTY = 1,
	PROFILE_OPTEE = 2,
	PROFILE_SPMC = 3, /* no SP: the SPMC, for the notification bitmap of each VM that has one (model/bitmap.c) */
};

enum sp_status {
	SP_OK = 0,
	SP_DEGRADED = 1, /* answered outside the protocol, or died under a call */
	SP_GONE = 2,     /* not discovered any more */
};

struct change_sp {
	uint16_t id;
	uint16_t contexts;
	uint32_t properties; /* FFA_PROP_* */
	uint32_t generation; /* 0: the secure side cannot tell */
	uint32_t version;    /* its FF-A version, from v1.3 on; 0: not told */
	uint8_t uuid[16];
	uint8_t profile;     /* enum sp_profile */
	uint8_t status;      /* enum sp_status */
	uint8_t reserved[2]; /* no padding: it is compared as bytes */
};

enum call_kind {
	CALL_NONE = 0,
	CALL_CREATED = 1,
	CALL_DESTROYED = 2,
	CALL_DRAINED = 3, /* FFA_NOTIFICATION_GET for a VM that is over; never what is open */
	CALL_GUEST = 4,   /* a guest's own request; never stored */
};

struct change_open {
	uint16_t sp;
	uint8_t kind; /* enum call_kind; CALL_NONE: nothing can be open */
	bool has_target;
	uint32_t target; /* w1 to FFA_RUN */
};

struct change_world {
	uint8_t instance[16]; /* all zero: the link cannot tell */
};

struct change_end {
	uint8_t cause;
	uint32_t restarts; /* automatic ones in the window */
	uint32_t backoff;  /* automatic ones in a row, none of which was healthy: the next delay is that much longer */
	uint64_t window;   /* when the window of restart-limit began; 0: there was none */
	uint64_t at;       /* CLOCK_REALTIME ns */
	char text[END_TEXT_MAX + 1];
};

#define IDS_TEXT_MAX 127

struct change_ids {
	uint16_t next; /* the ring of all ids goes on here: the log was lost; and snapshots of earlier versions */
	char order[IDS_TEXT_MAX + 1]; /* the next of them, as ids_print() has it */
};

struct change_burned {
	uint16_t endpoint;
	uint16_t sp;
	bool released;
	uint64_t at; /* CLOCK_REALTIME ns */
	char name[VM_NAME_MAX + 1];
};

enum pending_kind {
	PENDING_NONE = 0,    /* nothing waits any more */
	PENDING_CHANGE = 1,  /* this definition is for the next life */
	PENDING_REMOVAL = 2, /* the VM goes with its life */
	PENDING_TAKEN = 3,   /* the definition that waited is in force. Of a change only: no VM is left so */
	PENDING_COUNT,
};

struct change_pending {
	struct vm_definition *definition; /* PENDING_CHANGE: owned as that of CHANGE_VM, and at its place; else NULL */
	uint8_t what;                     /* enum pending_kind */
};

struct change_shutdown {
	bool active; /* nothing starts, and whatever lives is to end */
	bool host;   /* since the host goes down */
	uint64_t since;
};

struct change_autostart {
	bool done;
};

struct change_bound {
	bool active;
	uint8_t token[16]; /* by which the client binds it again to another daemon; it is the client's alone */
};

struct change_lease {
	uint64_t number;   /* the sequence number of the change that took it */
	uint8_t token[16]; /* by which its holder claims it from another daemon; it is the holder's alone */
	uint8_t state;     /* enum lease_state; from LEASE_RELEASED on it is over */
	uint32_t uid;      /* of the holder */
	int32_t pid;
	uint32_t timeout_ms;
	uint64_t since;
	uint64_t deadline; /* LEASE_ASKED: it is revoked then */
	char comm[LEASE_COMM_MAX + 1];
	char reason[LEASE_REASON_MAX + 1];
};

struct change {
	uint8_t kind; /* enum change_kind */
	uint64_t seq;
	uint64_t vm;
	uint64_t life;
	union {
		struct vm_definition *definition; /* owned by whoever applies it */
		struct change_pending pending;
		struct change_begun begun;
		struct change_state state;
		struct change_vmm vmm;
		struct change_debt debt;
		struct change_operation operation;
		struct change_sp sp;
		struct change_open open;
		struct change_world world;
		struct change_end end;
		struct change_ids ids;
		struct change_burned burned;
		struct change_shutdown shutdown;
		struct change_autostart autostart;
		struct change_bound bound;
		struct change_lease lease;
	};
};

/* The definition that it brings, as `c->definition`. */
static inline bool change_has_definition(const struct change *c)
{
	return c->kind == CHANGE_VM || (c->kind == CHANGE_PENDING && c->pending.what == PENDING_CHANGE);
}

/* One turn's changes, or a snapshot. */
struct turn {
	uint64_t first_seq, last_seq; /* of its changes; a snapshot's are the last number used before it */
	uint64_t realtime;            /* CLOCK_REALTIME ns */
	uint8_t boot[16];             /* the kernel's boot id under which it was written; filled by the store at load */
	struct change *change;
	size_t count;
};
