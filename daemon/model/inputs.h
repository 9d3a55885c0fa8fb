/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whatever happens outside becomes one of these. Adapters make them (engine_post), the model steps them. */

#include <stdbool.h>
#include <stdint.h>

#include "model/guest_call.h"
#include "model/records.h"
#include "proto/vmm-link.h"

enum input_kind {
	IN_TICK,          /* a deadline may have passed */
	IN_REQUEST,       /* somebody asks: request */
	IN_VMM_STARTED,   /* the fleet made the life's files and started a VMM: life */
	IN_VMM_FAILED,    /* it could not: life, end */
	IN_VMM_NEWBORN,   /* a VMM came and its name is proven: newborn; life: that it is ready to take, 0: none was waiting */
	IN_VMM_LEFT,      /* one without a life is gone: newborn.name, newborn.connection */
	IN_VMM_BACK,      /* a VMM with a life connected again: life, back */
	IN_VMM_STALE,     /* one with a life connected, and is of a build that the fleet cannot speak with: life */
	IN_VMM_BUILT,     /* life */
	IN_VMM_ENTERED,   /* life */
	IN_VMM_VCPU,      /* life, vcpu */
	IN_VMM_STOPPING,  /* life: it was told to stop by another, and has pressed the power key */
	IN_VMM_DEAF,      /* life: told to press the power key, it found nobody who listens */
	IN_VMM_SANDBOX,   /* life, sandbox_lacks: what its VMM's sandbox is without */
	IN_VMM_DEVICE,    /* life, device: how one of its devices is */
	IN_VMM_NOTIFICATIONS, /* life, notifications: all that it has of them; after BACK */
	IN_GUEST_CALL,    /* life, call: a vCPU waits for the answer */
	IN_GUEST_PUT,     /* life, put: what became of a message to it */
	IN_VMM_PAUSED,    /* life, command: every vCPU stands, as it was told by the PAUSE of that number */
	IN_VMM_NOT_PAUSED,  /* life, command: a device would not stop, by the PAUSE of that number */
	IN_VMM_NOT_RESUMED, /* life, command: a device does not start again and all stand, by the RESUME of that number */
	IN_VMM_QUIESCED,  /* life */
	IN_VMM_ENDED,     /* life, end; the VMM is quiesced */
	IN_VMM_GONE,      /* the VMM is dead, its link drained, its death judged: life, end */
	IN_VMM_LOST,      /* its link broke or it broke the rules, it still lives: life, end (cause vmm-protocol or none) */
	IN_RECLAIMED,     /* the life's memory is unlinked: life */
	IN_SECURE_UP,     /* the secure side was met and discovered: world */
	IN_SECURE_DOWN,   /* its link is down: outcomes of what was submitted are unknown */
	IN_SECURE_REPLY,  /* reply */
	IN_SECURE_DOORBELL, /* doorbell */
	IN_AUTOSTART,     /* the host has booted, definitions are read: start who is to be */
	IN_SHUTDOWN,      /* the daemon is asked to leave: no new starts */
};

enum request_verb {
	REQUEST_DEFINE,
	REQUEST_START,
	REQUEST_ABORT,
	REQUEST_RESTART,
	REQUEST_DESTROY,
	REQUEST_STOP,
	REQUEST_PAUSE,
	REQUEST_RESUME,
	REQUEST_UNDEFINE, /* the definition goes, and the VM: with its life, if `pending`, else it is refused while that lasts */
	REQUEST_BIND_AGAIN, /* bind.token, bind.end; no name */
	REQUEST_UNBIND,   /* the client that has bind.end hung up; no name */
	REQUEST_SHUTDOWN, /* every VM ends, in order; no name, no life */
	REQUEST_LEASE,         /* hold the end of the VM's life: lease */
	REQUEST_RECLAIM_LEASE, /* lease.token, lease.holder, and who it is now */
	REQUEST_RELEASE_LEASE, /* lease.token, lease.holder */
	REQUEST_FORGET, /* what a life that is over owes SP `sp`; `name` may be empty where `life` is given */
	REQUEST_CANCEL, /* a life that is to begin, and has not, does not */
};

struct bind_request {
	uint8_t token[16];
	uint64_t end; /* the adapter's own number for it; 0: the VM is not to be bound */
};

struct lease_request {
	uint8_t token[16];
	uint64_t holder;     /* the adapter's own number for the end that holds it; 0, to release: whoever does */
	bool hung_up;        /* to release: nobody said so, the end was closed */
	uint32_t timeout_ms; /* 0: the default */
	int32_t pid;
	char comm[LEASE_COMM_MAX + 1];
	char reason[LEASE_REASON_MAX + 1];
};

struct request {
	enum request_verb verb;
	char name[VM_NAME_MAX + 1];
	uint64_t life;                    /* expected life; 0: any */
	uint16_t sp;                      /* FORGET; 0: whoever is owed */
	bool preserve;                    /* ABORT: keep it for a post-mortem */
	struct bind_request bind;         /* START: it lives with this client */
	bool host;                        /* SHUTDOWN: the host goes down */
	uint32_t uid;                     /* who asks */
	bool by_file;                     /* UNDEFINE: its file is gone; else a user's word, who has no say over files */
	bool pending;                     /* UNDEFINE */
	bool rehearsal;                   /* DEFINE: nothing changes, the answer is what it would be */
	struct vm_definition *definition; /* DEFINE: heap, taken over by engine_post */
	struct lease_request lease;
	uint64_t token;                   /* comes back with the answer; 0: nobody waits */
};

struct newborn {
	char name[VM_NAME_MAX + 1];
	uint64_t connection; /* the fleet's own number for it */
	int32_t pid;
	uint64_t start_time;
	uint64_t features; /* enum vmm_feature */
	uint8_t invocation[16];
};

/* How the secure side answered, classified by secure/ (spec: FF-A v1.2 s.18.3 and the replies of s.7). */
enum verdict {
	VERDICT_ACK,           /* DIRECT_RESP, status 0 */
	VERDICT_RETRY,         /* DIRECT_RESP RETRY: accepted, not finished */
	VERDICT_INTERRUPTED,   /* DIRECT_RESP INTERRUPTED, FFA_ERROR INTERRUPTED or RETRY: again soon */
	VERDICT_DENIED,        /* DIRECT_RESP DENIED: out of resources */
	VERDICT_INVALID,       /* DIRECT_RESP INVALID_PARAMETERS: it sees the VM in another state */
	VERDICT_BUSY,          /* FFA_ERROR BUSY: not waiting for a message; not a refusal */
	VERDICT_PREEMPTED,     /* FFA_INTERRUPT: the call is open, FFA_RUN `target` */
	VERDICT_YIELDED,       /* FFA_YIELD: the call is open, FFA_RUN `target` after a while */
	VERDICT_IDLE,          /* FFA_MSG_WAIT after FFA_RUN: nothing is open, send again */
	VERDICT_ABORTED,       /* FFA_ERROR ABORTED: the SP died, or is dead */
	VERDICT_UNKNOWN_SP,    /* FFA_ERROR INVALID_PARAMETERS: no such SP, or not subscribed */
	VERDICT_UNSUPPORTED,   /* NOT_SUPPORTED in either form: this kind of message is not known there */
	VERDICT_REFUSED,       /* FFA_ERROR DENIED: it cannot receive direct requests */
	VERDICT_BROKEN,        /* anything else: outside the protocol */
	VERDICT_COUNT,
};

struct secure_reply {
	uint16_t sp;
	uint8_t verdict; /* enum verdict */
	bool unsent;     /* it is no answer: the call did not leave, for there is news of its SP */
	uint8_t kind;    /* enum call_kind that the response answers; CALL_NONE where it is no response */
	uint32_t target; /* PREEMPTED, YIELDED */
	int32_t status;   /* of FFA_ERROR; else 0 */
	uint64_t wait_ns; /* YIELDED: the SP's hint, or 0 */
	uint64_t x[FFA_REGISTERS]; /* CALL_GUEST: the response */
};

struct secure_world {
	uint8_t instance[16];
	uint16_t count;
	uint16_t reserved; /* no padding: it is compared as bytes */
	struct change_sp sp[MODEL_SP_MAX]; /* status is ignored */
};

struct doorbell {
	uint16_t sp;
	uint32_t generation;
};

struct input {
	enum input_kind kind;
	uint64_t now; /* CLOCK_MONOTONIC ns; the engine fills it in */
	uint64_t life;
	int32_t pid; /* VMM_GONE: who is dead; 0: whoever has the life */
	union {
		struct request request;
		struct newborn newborn;
		struct vmm_back back;
		struct vmm_end end;
		struct guest_call call;
		struct vmm_notification_state notifications;
		uint64_t command;
		struct {
			uint64_t number;
			int32_t status; /* enum ffa_status */
		} put;
		struct {
			uint32_t index, state;
			uint64_t since;
		} vcpu;
		struct {
			uint32_t index;
			struct vmm_device_state is;
		} device;
		uint32_t sandbox_lacks; /* enum vmm_sandbox_layer */
		struct secure_world *world; /* heap, taken over by engine_post */
		struct secure_reply reply;
		struct doorbell doorbell;
	};
};
