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

#include "model/counts.h"
#include "model/inputs.h"
#include "model/outputs.h"
#include "model/records.h"
#include "proto/errors.h"
#include "proto/event-stream.h"
#include "proto/vmm-link.h"

struct engine;

/* The proof that everything up to this number is stored. Only the engine makes one, on the store's completion. */
struct committed {
	uint64_t seq;
};

/* ---- inputs: model/inputs.h ---- */

/* Puts an input in the queue; it is stepped in this turn or the next. 0, or -ENOMEM: nothing happened, nothing is taken. */
int engine_post(struct engine *e, const struct input *in);

/* So much waits in the queue, behind a disk perhaps, that who can be made to wait elsewhere is not to be listened to. */
bool engine_is_behind(const struct engine *e);

/* ---- what readers may read ---- */

/* Where the next message of a debt is. */
enum debt_place {
	PLACE_NONE,    /* there is none to send */
	PLACE_LINE,    /* in line for the SP's creation slot */
	PLACE_READY,   /* leaves as soon as the SP is free, and has rested */
	PLACE_BACKOFF, /* until `next`, or a doorbell */
	PLACE_PROBE,   /* stuck: the SP's next probe may release it */
	PLACE_SENT,    /* with the secure side */
	PLACE_OPEN,    /* its call is suspended there, FFA_RUN goes on with it */
	PLACE_COUNT,
};

struct debt_row {
	uint16_t sp;
	uint8_t state; /* enum debt_state */
	uint8_t how;   /* enum debt_how */
	bool stuck;    /* past its active phase */
	uint32_t tries; /* messages of this step */
	uint32_t sent;  /* and of the life */
	uint8_t reply;  /* 1 + enum verdict of the last answer; 0: none yet */
	uint8_t place;  /* enum debt_place */
	uint16_t endpoint;
	uint32_t ticket; /* PLACE_LINE: whose is lower comes first */
	uint64_t life;
	uint64_t since; /* of this state */
	uint64_t next;  /* when it is sent again; 0: that is no matter of time. That of PLACE_READY and PLACE_PROBE is the SP's */
	uint64_t until; /* when patience with this step ends; 0: never */
};

/* A client's hold on the end of the VM's life. */
struct lease_row {
	uint64_t number;
	uint64_t since;
	uint64_t until; /* it is over then, unless it is before; 0: nobody has asked for that yet */
	uint8_t state;  /* enum lease_state */
	bool claimed;   /* false: its holder has not found this daemon yet */
	uint32_t uid;
	int32_t pid;
	uint32_t timeout_ms;
	char comm[LEASE_COMM_MAX + 1];
	char reason[LEASE_REASON_MAX + 1];
};

/* Of a life that its VM went on without (on-stuck: new-id), until it has settled. */
struct old_life_row {
	uint64_t life;
	uint64_t since; /* of its sub-state */
	uint16_t endpoint, vcpu_count;
	uint8_t substate, cause; /* it is in VM_ABORTING */
};

struct vm_row {
	uint64_t vm;   /* number */
	uint64_t life; /* 0: none */
	char name[VM_NAME_MAX + 1];
	uint8_t uuid[16];
	uint16_t endpoint; /* 0: none */
	uint8_t state, substate, cause, operation;
	uint8_t outcome; /* of the operation that ended last */
	uint64_t since; /* of the sub-state, CLOCK_MONOTONIC ns */
	uint64_t operation_since;
	uint64_t changed_at; /* the last sequence number that touched it */
	uint64_t next_start; /* a life is to begin, and not before; 0: none is, or at once */
	uint16_t can; /* a bit for each enum verb that would change something */
	struct wait_reason waits;
	uint16_t vcpu_count;
	uint8_t vcpu[VM_VCPU_MAX]; /* enum vcpu_state */
	uint64_t vcpu_since[VM_VCPU_MAX]; /* 0: its VMM has not told yet */
	uint16_t callee[VM_VCPU_MAX]; /* whom a call of it waits for; 0: it has none that does */
	struct vmm_device_state device[VM_ASSIGNED_MAX]; /* type ASSIGNED_NONE: not told, or there is none */
	uint64_t memory_bytes;
	int32_t vmm_pid;  /* 0: none */
	uint8_t sandbox_lacks; /* enum vmm_sandbox_layer: what its VMM's sandbox is without */
	bool unreachable; /* its VMM holds its lock and does not connect */
	bool stale;       /* its VMM is of a build that this daemon cannot speak with */
	bool secure_stuck;
	bool from_file;
	uint8_t waits_for_end; /* enum pending_kind: what comes once its life is over */
	const struct vm_definition *definition; /* in force. As is each pointer here, the engine's, until the next turn is shown */
	const struct vm_definition *pending;    /* of the next life; NULL: the same */
	bool bound;         /* it lives with a client */
	uint64_t bound_end; /* the bus's own number for that one's end; 0: it has to come back */
	uint8_t end_cause; /* the last end, enum vm_cause */
	uint64_t end_life, end_at; /* end_at: CLOCK_REALTIME ns */
	char end_text[END_TEXT_MAX + 1];
	uint32_t restarts;
	uint32_t refused;   /* illegal transitions asked for */
	uint32_t old_lives; /* lives of this VM that still settle */
	uint32_t old_life_count; /* of these, in `old_life`: the others had no memory */
	uint32_t old_life_room;  /* the engine's own */
	struct old_life_row *old_life;
	uint32_t debt_count;     /* of the life: one for each SP */
	uint32_t old_debt_count; /* behind these: what older lives still owe, the oldest life first */
	uint32_t debts_left_out; /* there was no memory for these */
	uint32_t debt_room;      /* of `debt`; the engine's own */
	struct debt_row *debt;
	uint64_t leases_at;   /* the last change of one */
	uint32_t lease_count;
	uint32_t lease_room;  /* of `lease`; the engine's own */
	struct lease_row *lease;
};

/* The VM went on without that life (on-stuck: new-id), which still owes something. */
static inline bool vm_row_left_behind(const struct vm_row *v, uint64_t life)
{
	for (uint32_t i = 0; i < v->old_debt_count; i++)
		if (v->debt[v->debt_count + i].life == life)
			return true;
	return false;
}

/* NULL: it has settled, or never was a life that the VM left behind. */
static inline const struct old_life_row *vm_row_old_life(const struct vm_row *v, uint64_t life)
{
	for (uint32_t i = 0; i < v->old_life_count; i++)
		if (v->old_life[i].life == life)
			return &v->old_life[i];
	return NULL;
}

struct sp_row {
	struct change_sp sp;
	uint32_t owed;    /* lives that still owe it something */
	uint32_t stuck;   /* of these, past their active phase */
	uint64_t stuck_since; /* so long one of them was, without a break; 0: none is */
	uint64_t sent, retried, answered; /* since the daemon started */
	bool in_flight;    /* a call is with it, or suspended there */
	uint64_t probe_at; /* the next message to it while it is stuck; 0: none */
	uint64_t rest_at;  /* it took nothing, and gets nothing before; 0: it does not rest */
	struct sp_counts counts;
};

/* What a life owes whose VM went before it was settled. */
struct orphan_row {
	struct debt_row debt;
	char name[VM_NAME_MAX + 1]; /* its VM's */
	struct old_life_row life;
};

/* An FF-A id that nobody gets: an SP may know a life which an operator had forgotten, or the log; 0: any that is met may. */
struct burned_row {
	uint16_t endpoint, sp;
	uint64_t life;
	uint64_t at; /* CLOCK_REALTIME ns */
	char name[VM_NAME_MAX + 1];
};

/* What the engine and the store did since the daemon started. */
struct engine_measure {
	uint64_t turns, inputs;
	uint64_t commits, commit_failures;
	struct store_measure {
		uint64_t bytes;     /* that the log has now */
		uint64_t written;   /* bytes, with snapshots */
		uint64_t snapshots; /* by which it was begun anew */
	} log;
};

/* One of the last 64 frames to or from an SP, or of discovery (sp 0). */
struct secure_frame {
	uint64_t number; /* the first ever is 1 */
	uint64_t at;     /* CLOCK_MONOTONIC ns */
	uint64_t took;   /* COMPLETE: ns since its SUBMIT */
	uint64_t id;     /* of the link, the same in SUBMIT and COMPLETE */
	uint64_t x[8];
	uint64_t life; /* that the call is about; 0: none */
	uint16_t endpoint;
	bool sent;       /* SUBMIT; else COMPLETE */
	uint8_t verdict; /* COMPLETE of a call: 1 + enum verdict; else 0 */
	char name[VM_NAME_MAX + 1]; /* of the VM; "": none */
};

struct frame_counts {
	uint64_t submitted, completed;
	uint64_t lost; /* the link went before their answer came */
	struct histogram latency; /* us from SUBMIT to COMPLETE */
};

typedef void secure_frame_fn(void *arg, const struct secure_frame *frame);

/* What the secure room remembers of frames, and met, for who shows it. */
struct frame_ops {
	void (*each)(const void *secure, uint16_t sp, secure_frame_fn *each, void *arg); /* the oldest first */
	const struct frame_counts *(*counts)(const void *secure, uint16_t sp); /* NULL: it was never called */
	/* How many UUIDs it was listed with; 0: it was not met since the daemon started. */
	size_t (*uuids)(const void *secure, uint16_t sp, const uint8_t (**ret)[16]);
};

struct rows; /* engine/rows.c */
const struct vm_row *rows_vm(const struct rows *r, const char *name); /* NULL: none */
size_t rows_vm_count(const struct rows *r);
const struct vm_row *rows_vm_at(const struct rows *r, size_t i); /* in no order; i < rows_vm_count */
const struct vm_row *rows_endpoint(const struct rows *r, uint16_t endpoint); /* the VM whose current life has that id */
size_t rows_sp_count(const struct rows *r);
const struct sp_row *rows_sp_at(const struct rows *r, size_t i);
size_t rows_orphan_count(const struct rows *r);
const struct orphan_row *rows_orphan_at(const struct rows *r, size_t i);
size_t rows_burned_count(const struct rows *r);
const struct burned_row *rows_burned_at(const struct rows *r, size_t i);
bool rows_secure_up(const struct rows *r);
bool rows_disk_stuck(const struct rows *r); /* the last commit failed and is being tried again */
bool rows_shutting_down(const struct rows *r); /* all VMs are to end, and no guest starts */
uint64_t rows_seq(const struct rows *r);    /* the last turn shown */
const struct model_counts *rows_counts(const struct rows *r);

#define EVENT_RING_SIZE 8192
struct ring; /* engine/ring.c: the last events, for those who come later */
/* The first event after `seq`, at or above it; NULL: none yet. Sets *ret_gap if events after `seq` were lost already. */
const struct event_record *ring_after(const struct ring *r, uint64_t seq, bool *ret_gap);
uint64_t ring_last(const struct ring *r);
/* The number of the last event of this VM ("": of any) behind `seq`; `seq` itself: there is none. */
uint64_t ring_last_of(const struct ring *r, const char *name, uint64_t seq);

const struct rows *engine_rows(struct engine *e);
void engine_measure(const struct engine *e, struct engine_measure *ret);
const struct ring *engine_ring(const struct engine *e);

/* ---- ops tables: what the engine asks of the adapters ---- */

struct store_ops {
	/*
	 * Stores a turn, then calls engine_committed(e, turn->last_seq) or engine_commit_failed, at once or later. A
	 * negative errno: not stored, neither comes. The engine tries again later. One at a time; the turn is valid
	 * until one of them came.
	 */
	int (*commit)(void *store, const struct turn *turn);
	bool (*wants_snapshot)(void *store);
	/* The log begins anew with it; the one before is kept. At once or later, but before the next turn. */
	int (*snapshot)(void *store, const struct turn *whole);
	void (*measure)(const void *store, struct store_measure *ret); /* NULL: it does not count */
};
void engine_committed(struct engine *e, uint64_t seq);
void engine_commit_failed(struct engine *e, int error); /* a negative errno */

/* What a stored turn showed. `event` and rows are valid during the call. */
struct published {
	struct committed proof;
	const struct rows *rows;
	const struct event_record *event;
	size_t count;
	const struct vm_row *const *touched; /* the rows that were written anew: also of what followers are not told, as a lease */
	size_t touched_count;
};

struct publish_ops {
	void (*publish)(void *who, const struct published *what);
};

struct answer_ops {
	void (*answer)(void *who, struct committed proof, const struct answer *answer);
};

struct secure_ops {
	void (*call)(void *secure, struct committed proof, const struct secure_call *call);
	void (*discover)(void *secure, struct committed proof); /* enumerate again, then IN_SECURE_UP */
};

struct birth_place {
	uint64_t life;
	uint16_t endpoint; /* its FF-A id */
	uint64_t memory_bytes;
	bool huge;
	const struct vm_definition *definition; /* valid during the call */
	uint64_t connection; /* of the VMM that waits for this life; 0: start one */
};

struct fleet_ops {
	void (*start)(void *fleet, struct committed proof, const struct birth_place *place);
	void (*birth)(void *fleet, struct committed proof, uint64_t life, uint64_t connection);
	void (*welcome)(void *fleet, struct committed proof, uint64_t life); /* a VMM that came back is adopted */
	void (*refuse)(void *fleet, struct committed proof, uint64_t connection, const char *reason);
	void (*command)(void *fleet, struct committed proof, uint64_t life, enum vmm_command command);
	void (*answer)(void *fleet, struct committed proof, uint64_t life, const struct guest_call *answer); /* to a guest's call */
	void (*notify)(void *fleet, struct committed proof, uint64_t life, const struct guest_notice *notice);
	/* Into the guest's RX buffer; IN_GUEST_PUT says what became of it. */
	void (*message)(void *fleet, struct committed proof, uint64_t life, uint64_t number, const uint8_t *bytes,
		uint32_t size);
	void (*reclaim)(void *fleet, struct committed proof, uint64_t life, bool huge); /* unlink, then IN_RECLAIMED */
};

/* Who reads the log watches over each change, so that none can keep the daemon from coming up. */
struct load_guard {
	bool (*before)(void *arg, size_t i);  /* change i of the turn comes next; false: it is left out */
	void (*refused)(void *arg, size_t i); /* it does not fit what came before, and was left out */
	bool anew; /* of a snapshot: the events loaded before it are not all there were */
	void *arg;
};

/* Holders of leases. An end that is not there is no matter: the lease is, and its deadline. */
struct lease_ops {
	void (*ask)(void *who, struct committed proof, const struct lease_word *word); /* let go */
	void (*over)(void *who, struct committed proof, const struct lease_word *word);
};

struct clock_ops {
	uint64_t (*monotonic)(void *clock);
	uint64_t (*realtime)(void *clock);
	void (*wake_at)(void *clock, uint64_t monotonic); /* call engine_wake then; UINT64_MAX: never */
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
	const struct lease_ops *lease;
	void *store_arg, *answer_arg, *secure_arg, *fleet_arg, *clock_arg, *lease_arg;
	struct {
		const struct publish_ops *ops;
		void *arg;
		bool late; /* after the acts of the turn: the guest need not wait until everybody has been told */
	} publisher[ENGINE_PUBLISHERS_MAX];
	size_t publisher_count;
};
