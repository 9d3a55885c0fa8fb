/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The secure world: what the SPMC and its SPs remember. The book is one fixed block without pointers, so that it can be
 * a file mapped shared and outlive this process as a real secure world outlives the host's programs. No file descriptor
 * and no clock in here: time comes in as an argument.
 *
 * The process may be killed between any two stores. What the answers rest on is one byte a VM (its state) or one
 * counter; the rest is derived and computed again by world_recover.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ffa.h"
#include "proto/secure-link.h"
#include "spmc/notifier.h"

#define WORLD_MAGIC 0x444C5753u /* "SWLD" */
#define WORLD_VERSION 7
#define WORLD_BITMAPS 1024 /* VMs that can have a notification bitmap at a time */
#define WORLD_VCPUS 64
#define WORLD_SPS SECURE_LINK_SP_MAX
#define WORLD_VMS 65536 /* w5[15:0]: a receiver takes what the register can say */
#define WORLD_LOG 1024
#define WORLD_NEVER UINT64_MAX

struct sp_vm {
	uint8_t state; /* enum sp_vm_state */
	uint8_t plain; /* notifiers that take a tick each, and no more: those that still have to run */
	uint16_t objects;
	uint16_t next; /* in the queue of those whose notifiers run */
	uint16_t reserved;
};

/* The form of an answer, beside its status. */
enum sp_form {
	SP_RESP,           /* FFA_MSG_SEND_DIRECT_RESP, type + 1 */
	SP_RESP_UNCHANGED, /* the same with w2 as it came: Trusty's answer to an unknown type (s.2 g) */
	SP_ERROR,          /* FFA_ERROR */
	SP_INTERRUPT,      /* FFA_INTERRUPT, the call stays open */
	SP_YIELD,          /* FFA_YIELD, the same */
	SP_FORGED,         /* registers that no honest SP answers with */
	SP_FORM_COUNT,
};
#define SP_STATUS_COUNT (1 - FFA_NOT_READY) /* counted by -status */

/* VM states of an SP (s.5.1 of the lifecycle additions; the words are Hafnium's). */
enum sp_state {
	SP_NULL,
	SP_CREATED,
	SP_RUNNING,
	SP_ABORTING,
	SP_HALTED,
	SP_STATE_COUNT,
};

/* What becomes of an SP that aborts; the first four are the manifest's abort-action, 0 to 3. */
enum sp_abort_action {
	SP_ABORT_STOP,
	SP_ABORT_DESTROY,
	SP_ABORT_RESTART,
	SP_ABORT_PROPAGATE, /* the whole secure world goes with it */
	SP_ABORT_LEGACY,    /* left aborted: FFA_ERROR ABORTED to all who call */
	SP_ABORT_COUNT,
};

/* Live activation: where it is. */
enum sp_activation {
	SP_ACTIVATION_RESET,
	SP_ACTIVATION_START,
	SP_ACTIVATION_FINISH,
};

/* What a live activation changes of what can be seen (sp_config.changes). */
enum sp_change {
	SP_CHANGES_NOTHING,
	SP_CHANGES_IMAGE,   /* image UUID */
	SP_CHANGES_UUID,    /* protocol UUID */
	SP_CHANGES_VERSION, /* FF-A version of the SP */
};

/* What can happen to an SP beside calls: by command, by schedule, or as its own doing. */
enum world_event {
	WORLD_CRASH,    /* a fatal fault, and the SP's abort action */
	WORLD_STOP,     /* aborted, and stays so */
	WORLD_DESTROY,  /* aborted, and gone */
	WORLD_RESTART,  /* a new instance, from any state */
	WORLD_ACTIVATE, /* live activation: START */
	WORLD_FINISH,   /* live activation: FINISH */
	WORLD_PANIC,    /* its CPU is lost: nobody gets an answer */
	WORLD_RING,     /* the doorbell */
	WORLD_RESET,    /* of the whole secure world */
	WORLD_EVENT_COUNT,
};

struct sp_reply {
	enum sp_form form;
	int32_t status;
};

struct sp_log {
	uint64_t realtime; /* ns */
	uint16_t vm;
	uint8_t message; /* enum ffa_framework_type */
	uint8_t form;    /* enum sp_form */
	int16_t status;
	uint16_t generation;
};

/* Ways to misbehave, for tests: each is done for the first N requests, in this order. */
enum sp_fault {
	SP_FAULT_BUSY,        /* FFA_ERROR BUSY, the SP sees nothing */
	SP_FAULT_INTERRUPTED, /* DIRECT_RESP INTERRUPTED, nothing done */
	SP_FAULT_ABORT,       /* FFA_ERROR ABORTED, and the SP's abort action */
	SP_FAULT_PREEMPT,     /* FFA_INTERRUPT; FFA_RUN goes on */
	SP_FAULT_YIELD,       /* FFA_YIELD; FFA_RUN goes on */
	SP_FAULT_MUTE,        /* done, but never answered */
	SP_FAULT_COUNT,
};

struct sp_counts {
	uint64_t created, destroyed, retry, refused;
	uint64_t answers[SP_FORM_COUNT][SP_STATUS_COUNT];
	uint64_t unanswered;
	uint64_t unregistered; /* notifiers that there was no memory for */
	uint64_t events[WORLD_EVENT_COUNT];
};

/* One SP as the book holds it. */
struct sp {
	uint16_t id;
	uint8_t personality; /* enum personality_index */
	uint8_t restarting;  /* set while the book is being forgotten */
	uint8_t state;       /* enum sp_state */
	uint8_t action;      /* enum sp_abort_action: of the abort under way or done */
	uint8_t activation;  /* enum sp_activation */
	uint8_t panicked;
	uint8_t broken; /* its sticky error (sp_config.sticky) */
	uint8_t reserved;
	uint32_t activations; /* live ones, done */
	uint64_t random;      /* of what it does at random */
	uint32_t generation;
	uint32_t aborted_at; /* its generation when it was aborted last */
	uint32_t faults[SP_FAULT_COUNT]; /* done so far */
	uint8_t open;                    /* a call was preempted and waits for FFA_RUN */
	uint8_t pending;                 /* the one slot for a creation; pending_vm says whose */
	uint16_t pending_vm;
	uint8_t pseudo; /* VM 0 is the pseudo-VM, which nobody announced */
	uint64_t open_x[FFA_REGISTERS];
	struct sp_counts counts;
	uint64_t logged; /* entries ever; the last WORLD_LOG are kept */
	struct sp_log log[WORLD_LOG];
	struct notifiers notifiers;
	uint16_t notified_by[64]; /* the VM that each of its notifications is bound to; 0: nobody */
	uint64_t notified;        /* those that are pending */

	/* Derived: see world_recover. */
	uint32_t live; /* objects in all */
	uint32_t end;  /* no VM id from here on is in the book */
	uint32_t queued;
	uint16_t queue_first, queue_last;

	struct sp_vm vm[WORLD_VMS];
};

/* A VM's notifications from SPs: bound to whom, and pending. */
struct vm_bitmap {
	uint16_t vm, vcpus;
	uint16_t sender[64];  /* of each notification, 0: it is bound to nobody */
	uint64_t per_vcpu;    /* bound as such */
	uint64_t pending;     /* global ones */
	uint64_t pending_at[WORLD_VCPUS];
	uint64_t untold;      /* vCPUs that FFA_NOTIFICATION_INFO_GET has not named since */
	uint8_t untold_global;
};

struct world_book {
	uint32_t magic;
	uint32_t version;
	uint64_t size;
	uint32_t sp_count;
	uint32_t whole; /* 0 while a reset is under way: whoever finds that does it again */
	uint8_t boot_id[16];
	uint8_t instance[16];
	uint64_t incarnation; /* the highest that said hello */
	uint64_t resets;
	uint32_t negotiated; /* the version an SPMC that freezes it was asked for; 0: none yet */
	uint32_t frozen;
	uint16_t tag;         /* of discovery; never 0 */
	uint16_t reserved[3];
	uint16_t bitmap_of[0x8000]; /* 1 + the slot of a VM that has a notification bitmap */
	struct vm_bitmap bitmap[WORLD_BITMAPS]; /* one that no VM points to is free */
	struct sp sp[];
};

/* A notifier that the SP's code registers for each VM. */
struct sp_notifier {
	char name[NOTIFIER_NAME];
	struct notifier_callback callback;
};
#define SP_NOTIFIERS 8

/* What the command line says of one SP; may change from one start to the next. */
struct sp_config {
	uint16_t id;
	uint8_t personality;
	bool doorbell;
	bool stuck;
	bool receive;        /* has the property to receive direct requests */
	bool virtualization; /* built with support of it: else there are no VMs for it */
	bool live;           /* can be live-activated */
	bool sticky;         /* a mistake leaves it in an error state for good */
	bool silent;         /* nobody is told of its restarts, as FF-A has no event for it */
	uint32_t abort_action; /* enum sp_abort_action */
	uint32_t boot_us;      /* from CREATED to RUNNING, and what a live activation copies for */
	uint32_t delay_us;     /* of each answer */
	uint32_t changes;      /* enum sp_change */
	uint32_t trick;        /* enum hostile_trick */
	uint32_t subscribed; /* FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED */
	uint32_t tick_us;
	uint32_t notifiers; /* plain ones of each VM */
	struct sp_notifier list[SP_NOTIFIERS]; /* and others */
	uint32_t listed;
	uint32_t contract; /* enum notifier_contract */
	bool host_client;  /* registers one for the host while it knows no VM: this makes the pseudo-VM */
	uint32_t capacity;
	uint32_t faults[SP_FAULT_COUNT];
};

enum world_discovery {
	WORLD_DISCOVERY_SPMC, /* as the SPMC has it */
	WORLD_DISCOVERY_REGS, /* PARTITION_INFO_GET_REGS, and PARTITION_INFO_GET */
	WORLD_DISCOVERY_RX,   /* PARTITION_INFO_GET alone, as before v1.2 */
	WORLD_DISCOVERY_NONE,
};

/* The SPMC that the SPs are behind (spmc.h). */
enum world_spmc {
	WORLD_SPMC_AUTO, /* for each SP the one of its personality; in all the one they share, or our own */
	WORLD_SPMC_OWN,
	WORLD_SPMC_OPTEE,
	WORLD_SPMC_EL3,
	WORLD_SPMC_HAFNIUM,
	WORLD_SPMC_COUNT,
};

struct world_config {
	uint32_t sp_count;
	enum world_discovery discovery;
	enum world_spmc spmc;
	uint32_t version; /* FF-A version of the SPMC; 0: as it has it */
	uint32_t seed;    /* of all that happens at random */
	uint64_t schedule[WORLD_EVENT_COUNT]; /* ns between events of that kind, in the mean; 0: they do not come by themselves */
	struct sp_config sp[WORLD_SPS];
};

/* Where PARTITION_INFO_GET puts its descriptors. 0, or -ENOMEM where there is no buffer or it does not fit. */
struct world_rx {
	int (*put)(void *context, const void *bytes, size_t count);
	void *context;
	bool full; /* written, and not released yet */
};

/* A call whose answer takes its time. At most one an SP: meanwhile the SP is busy. */
struct world_late {
	uint64_t due; /* WORLD_NEVER: there is none */
	uint64_t call;
	uint64_t x[FFA_REGISTERS]; /* the call; once it is done, the answer */
	bool done;
	bool abandoned; /* who asked is gone */
};

struct world {
	struct world_book *book;
	struct world_config config;
	struct world_rx rx;
	uint64_t work_at[WORLD_SPS]; /* CLOCK_MONOTONIC ns of the next work step, or WORLD_NEVER */
	uint64_t event_at[WORLD_SPS]; /* likewise of its next state */
	uint64_t doorbells;          /* SPs, by index, that have something to tell */
	bool rings;                  /* so has the SPMC: FFA_NOTIFICATION_INFO_GET says what */
	uint64_t monotonic, realtime; /* the time of the last call or work */
	uint64_t call;               /* set before world_call: names the call to world_answer */
	struct world_late late[WORLD_SPS];
	bool reset_wanted; /* an abort was propagated, or it was said so: nobody gets an answer before world_reset */
};

struct world_time {
	uint64_t monotonic; /* ns */
	uint64_t realtime;
};

static inline size_t world_size(uint32_t sp_count)
{
	return sizeof(struct world_book) + sp_count * sizeof(struct sp);
}

/* world.c */
int world_check(const struct world_book *book, size_t size, const struct world_config *config, const char **ret_why);
void world_reset(struct world *w, const uint8_t instance[16]);
void world_rebooted(struct world *w); /* before world_recover: what is said in times since boot says nothing */
void world_recover(struct world *w);
void world_restart_sp(struct world *w, uint32_t index);
bool world_answer(struct world *w, uint64_t *ret_call, uint64_t x[FFA_REGISTERS]); /* one that was late, if there is */
void world_abandon(struct world *w); /* nobody waits for late answers any more */
uint64_t world_next(const struct world *w);
void world_work(struct world *w, uint64_t monotonic);
void world_plan(struct world *w, uint32_t index, uint64_t monotonic);
int world_find(const struct world *w, uint16_t id);

/* What the SP's own code does and is told; NOTIFIER_BAD_STATE also where it does not run, or has no notifiers. */
enum notifier_answer world_register(struct world *w, uint32_t index, const struct notifier *n, uint64_t monotonic);
enum notifier_answer world_unregister(
	struct world *w, uint32_t index, uint16_t vm, const char *name, uint64_t monotonic);
void world_notified(struct world *w, uint32_t index, struct notifier_result result, uint64_t monotonic);
uint64_t world_random(uint64_t *state);

/* partition.c: an SP through its states. Commands answer with an FF-A status. */
int32_t world_event(struct world *w, enum world_event event, uint32_t index, uint64_t monotonic);
void partition_abort(struct world *w, uint32_t index, enum sp_abort_action action);
void partition_recover(struct world *w, uint32_t index);
void partition_work(struct world *w, uint32_t index);
int32_t partition_gate(const struct sp *sp); /* what a caller gets by the SP's state; FFA_OK: goes on */

/* sp.c: an SP's book, and how a message goes through it */
void sp_set(struct sp *sp, uint16_t vm, enum sp_vm_state state, uint16_t objects);
void sp_queue(struct sp *sp, uint16_t vm);
void sp_dequeue(struct sp *sp);
void sp_forget(struct sp *sp, uint64_t monotonic);
void sp_recover(struct sp *sp);
void sp_log(struct sp *sp, uint64_t realtime, uint16_t vm, uint8_t message, struct sp_reply reply);

/* call.c: one FF-A call; x is the call on entry and the answer on return. False: no answer is given, or not yet. */
bool world_call(struct world *w, struct world_time now, uint64_t x[FFA_REGISTERS]);

/* notification.c */
bool call_bitmap_create(struct world *w, uint64_t *x);
bool call_bitmap_destroy(struct world *w, uint64_t *x);
bool call_notification_get(struct world *w, uint64_t *x);
bool call_notification_bind(struct world *w, uint64_t *x);
bool call_notification_unbind(struct world *w, uint64_t *x);
bool call_notification_set(struct world *w, uint64_t *x);
bool call_notification_info_get(struct world *w, uint64_t *x);
#define WORLD_NOTIFY_GLOBAL (-1) /* in place of a vCPU */
int32_t world_notify(struct world *w, uint32_t sp, uint16_t vm, int32_t vcpu, uint64_t bitmap); /* an FF-A status */
void world_notified_by(struct world *w, uint32_t sp, uint16_t vm, uint64_t bitmap); /* the SP binds them to that VM */
struct vm_bitmap *world_bitmap(struct world_book *b, uint16_t vm); /* NULL: it has none */

/* discovery.c and direct.c: the calls themselves */
#define CALL_ANSWERED true
#define CALL_UNANSWERED false
bool call_partition_info_get(struct world *w, uint64_t *x);
bool call_partition_info_get_regs(struct world *w, uint64_t *x);
bool call_rx_release(struct world *w, uint64_t *x);
bool call_direct_req(struct world *w, uint64_t *x);
bool call_run(struct world *w, uint64_t *x);
bool call_error(uint64_t *x, int32_t status);
bool call_success(uint64_t *x, uint64_t x2, uint64_t x3);
void direct_execute(struct world *w, uint32_t index);
void world_change_tag(struct world *w);
uint32_t sp_properties(const struct world *w, uint32_t index);
void sp_uuid(const struct sp_config *c, const struct sp *sp, uint8_t ret[16]);
