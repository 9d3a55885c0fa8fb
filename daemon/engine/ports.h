/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The engine's ports: what adapters give it (inputs), what it asks of them (one const ops table each), and what they may
 * read (rows and the ring of events, both written in `publish`). store, secure, fleet and bus include this header and
 * nothing else from above them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/records.h"
#include "proto/errors.h"
#include "proto/event-stream.h"
#include "proto/vmm-link.h"

struct engine;

/* The proof that everything up to this number is stored. Only the engine makes one, on the store's completion. */
struct committed {
	uint64_t seq;
};

/* ---- inputs: whatever happens outside becomes one of these ---- */

enum input_kind {
	IN_TICK,          /* a deadline may have passed */
	IN_REQUEST,       /* somebody asks: request */
	IN_VMM_STARTED,   /* the fleet made the life's files and started a VMM: life */
	IN_VMM_FAILED,    /* it could not: life, end */
	IN_VMM_NEWBORN,   /* a VMM came and its name is proven: newborn */
	IN_VMM_BACK,      /* a VMM with a life connected again: life, back */
	IN_VMM_BUILT,     /* life */
	IN_VMM_ENTERED,   /* life */
	IN_VMM_VCPU,      /* life, vcpu */
	IN_VMM_QUIESCED,  /* life */
	IN_VMM_ENDED,     /* life, end; the VMM is quiesced */
	IN_VMM_GONE,      /* the VMM is dead, its link drained, its death judged: life, end */
	IN_VMM_LOST,      /* its link broke or it broke the rules, it still lives: life, end (cause vmm-protocol or none) */
	IN_RECLAIMED,     /* the life's memory is unlinked: life */
	IN_SECURE_UP,     /* the secure side was met and discovered: world */
	IN_SECURE_DOWN,   /* its link is down: outcomes of what was submitted are unknown */
	IN_SECURE_REPLY,  /* reply */
	IN_SECURE_DOORBELL, /* doorbell */
	IN_SHUTDOWN,      /* the daemon is asked to leave: no new starts */
};

enum request_verb {
	REQUEST_DEFINE,
	REQUEST_START,
	REQUEST_ABORT,
	REQUEST_RESTART,
	REQUEST_DESTROY,
};

struct request {
	enum request_verb verb;
	char name[VM_NAME_MAX + 1];
	uint64_t life;                    /* expected life; 0: any */
	struct vm_definition *definition; /* DEFINE: heap, taken over by engine_post */
	uint64_t token;                   /* comes back with the answer; 0: nobody waits */
};

struct newborn {
	char name[VM_NAME_MAX + 1];
	uint64_t connection; /* the fleet's own number for it */
	int32_t pid;
	uint64_t start_time;
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
	uint8_t kind;    /* enum call_kind that the response answers; CALL_NONE where it is no response */
	uint32_t target; /* PREEMPTED, YIELDED */
	uint64_t wait_ns; /* YIELDED: the SP's hint, or 0 */
};

struct secure_world {
	uint8_t instance[16];
	uint16_t count;
	struct change_sp sp[MODEL_SP_MAX]; /* status is ignored */
};

struct doorbell {
	uint16_t sp;
	uint32_t generation;
};

struct input {
	enum input_kind kind;
	uint64_t now; /* CLOCK_BOOTTIME ns; the engine fills it in */
	uint64_t life;
	union {
		struct request request;
		struct newborn newborn;
		struct vmm_back back;
		struct vmm_end end;
		struct {
			uint32_t index, state;
		} vcpu;
		struct secure_world *world; /* heap, taken over by engine_post */
		struct secure_reply reply;
		struct doorbell doorbell;
	};
};

/* Puts an input in the queue; it is stepped in this turn or the next. 0, or -ENOMEM: nothing happened, nothing is taken. */
int engine_post(struct engine *e, const struct input *in);

/* ---- answers ---- */

struct answer {
	uint64_t token;
	enum refusal refusal;
	uint64_t seq;  /* the change took effect at this number (0: nothing changed) */
	uint64_t life; /* the VM's life now, 0: none */
	uint64_t vm;   /* the VM's number */
	char text[256]; /* what, which, why, what to do; "" on success */
};

/* ---- what readers may read ---- */

struct wait_reason {
	uint8_t on; /* enum wait_on */
	uint16_t sp;
	uint32_t tries;
	uint64_t since, until; /* CLOCK_BOOTTIME ns; until 0: without limit */
	char name[VM_NAME_MAX + 1]; /* WAIT_VM */
};

struct debt_row {
	uint16_t sp;
	uint8_t state; /* enum debt_state */
	uint8_t how;   /* enum debt_how */
	bool stuck;    /* past its active phase */
	uint32_t tries;
};

struct vm_row {
	uint64_t vm;   /* number */
	uint64_t life; /* 0: none */
	char name[VM_NAME_MAX + 1];
	uint8_t uuid[16];
	uint16_t endpoint; /* 0: none */
	uint8_t state, substate, cause, operation;
	uint64_t since; /* of the sub-state, CLOCK_BOOTTIME ns */
	uint64_t operation_since;
	uint64_t changed_at; /* the last sequence number that touched it */
	struct wait_reason waits;
	uint16_t vcpu_count;
	uint8_t vcpu[VM_VCPU_MAX]; /* enum vcpu_state */
	uint64_t memory_bytes;
	int32_t vmm_pid;  /* 0: none */
	bool unreachable; /* its VMM holds its lock and does not connect */
	bool secure_stuck;
	bool from_file;
	uint8_t end_cause; /* the last end, enum vm_cause */
	uint64_t end_life, end_at; /* end_at: CLOCK_REALTIME ns */
	char end_text[END_TEXT_MAX + 1];
	uint32_t restarts;
	uint32_t refused;   /* illegal transitions asked for */
	uint32_t old_lives; /* lives of this VM that still settle */
	uint16_t debt_count;
	struct debt_row debt[MODEL_SP_MAX];
};

struct sp_row {
	struct change_sp sp;
	uint32_t owed;    /* lives that still owe it something */
	uint32_t stuck;   /* of these, past their active phase */
	uint64_t sent, retried, answered; /* since the daemon started */
};

struct rows; /* engine/rows.c */
const struct vm_row *rows_vm(const struct rows *r, const char *name); /* NULL: none */
size_t rows_vm_count(const struct rows *r);
const struct vm_row *rows_vm_at(const struct rows *r, size_t i); /* in no order; i < rows_vm_count */
const struct vm_row *rows_endpoint(const struct rows *r, uint16_t endpoint); /* the VM whose current life has that id */
size_t rows_sp_count(const struct rows *r);
const struct sp_row *rows_sp_at(const struct rows *r, size_t i);
bool rows_secure_up(const struct rows *r);
bool rows_disk_stuck(const struct rows *r); /* the last commit failed and is being tried again */
uint64_t rows_seq(const struct rows *r);    /* the last turn shown */

#define EVENT_RING_SIZE 8192
struct ring; /* engine/ring.c: the last events, for those who come later */
/* The first event after `seq`, at or above it; NULL: none yet. Sets *ret_gap if events after `seq` were lost already. */
const struct event_record *ring_after(const struct ring *r, uint64_t seq, bool *ret_gap);
uint64_t ring_last(const struct ring *r);

const struct rows *engine_rows(const struct engine *e);
const struct ring *engine_ring(const struct engine *e);

/* ---- ops tables: what the engine asks of the adapters ---- */

struct store_ops {
	/*
	 * Stores a turn, then calls engine_committed(e, turn->last_seq), at once or later. 0, or a negative errno: not
	 * stored, the engine tries again later. One at a time.
	 */
	int (*commit)(void *store, const struct turn *turn);
	bool (*wants_snapshot)(void *store);
	int (*snapshot)(void *store, const struct turn *whole); /* the log begins anew with it; the one before is kept */
};
void engine_committed(struct engine *e, uint64_t seq);

/* What a stored turn showed. `event` and rows are valid during the call. */
struct published {
	struct committed proof;
	const struct rows *rows;
	const struct event_record *event;
	size_t count;
};

struct publish_ops {
	void (*publish)(void *who, const struct published *what);
};

struct answer_ops {
	void (*answer)(void *who, struct committed proof, const struct answer *answer);
};

struct secure_call {
	uint16_t sp;
	uint8_t kind;  /* enum call_kind, of the message sent or of the open call that is run */
	bool run;      /* FFA_RUN `target` instead of a message */
	uint32_t target;
	uint16_t endpoint; /* the VM's id */
	uint64_t life;
};

struct secure_ops {
	void (*call)(void *secure, struct committed proof, const struct secure_call *call);
	void (*discover)(void *secure, struct committed proof); /* enumerate again, then IN_SECURE_UP */
};

enum vmm_command {
	COMMAND_ENTER,
	COMMAND_QUIESCE,
	COMMAND_EXIT,
	COMMAND_KILL, /* SIGKILL, connected or not */
};

struct birth_place {
	uint64_t life;
	uint64_t memory_bytes;
	bool huge;
	const struct vm_definition *definition; /* valid during the call */
};

struct fleet_ops {
	void (*start)(void *fleet, struct committed proof, const struct birth_place *place);
	void (*birth)(void *fleet, struct committed proof, uint64_t life, uint64_t connection);
	void (*welcome)(void *fleet, struct committed proof, uint64_t life); /* a VMM that came back is adopted */
	void (*refuse)(void *fleet, struct committed proof, uint64_t connection, const char *reason);
	void (*command)(void *fleet, struct committed proof, uint64_t life, enum vmm_command command);
	void (*reclaim)(void *fleet, struct committed proof, uint64_t life, bool huge); /* unlink, then IN_RECLAIMED */
};

struct clock_ops {
	uint64_t (*boottime)(void *clock);
	uint64_t (*realtime)(void *clock);
	void (*wake_at)(void *clock, uint64_t boottime); /* call engine_wake then; UINT64_MAX: never */
	void (*soon)(void *clock); /* call engine_wake from the loop, not from here */
};
void engine_wake(struct engine *e);

#define ENGINE_PUBLISHERS_MAX 4
struct engine_ports {
	const struct store_ops *store;
	const struct answer_ops *answer;
	const struct secure_ops *secure;
	const struct fleet_ops *fleet;
	const struct clock_ops *clock;
	void *store_arg, *answer_arg, *secure_arg, *fleet_arg, *clock_arg;
	struct {
		const struct publish_ops *ops;
		void *arg;
	} publisher[ENGINE_PUBLISHERS_MAX];
	size_t publisher_count;
};
