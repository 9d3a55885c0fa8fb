/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The whole truth in memory: VMs, lives, SPs, and what is owed between them. Everything that must survive is changed by
 * model_apply() alone; the rest (timers, queues, counters) is rebuilt by model_resume() after a load.
 */

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "model/counts.h"
#include "model/ids.h"
#include "model/pace.h"
#include "model/records.h"
#include "proto/ffa.h"

enum deadline_kind {
	DEADLINE_VM,     /* a start that waits: restart delay, or order to be looked at again; a stop not obeyed in time */
	DEADLINE_DEPENDENCY, /* what it requires has ended */
	DEADLINE_BINDING, /* the client has not come back */
	DEADLINE_TURN,   /* of a VM in a shutdown: perhaps it has come */
	DEADLINE_LIFE,   /* of the sub-state: build, announce without a secure side, active phase of retire */
	DEADLINE_VMM,    /* next rung of the ladder: EXIT, SIGKILL */
	DEADLINE_DEBT,   /* send again */
	DEADLINE_PATIENCE, /* VM_CREATED was not taken in time */
	DEADLINE_SP,     /* FFA_RUN after a yield */
	DEADLINE_PROBE,  /* one message to a stuck SP */
	DEADLINE_REST,   /* an SP that took nothing is tried again */
	DEADLINE_LEASE,  /* its holder did not let go, or did not claim it again */
	DEADLINE_DOUBT,  /* guests whose answers were lost do not wait for them any more */
};

struct deadline {
	struct heap_node node; /* must be first */
	uint8_t kind;
};

struct debt {
	struct deadline again, patience;
	struct list link;
	uint64_t since;       /* of its state, or in line */
	uint64_t announce_by; /* VM_CREATED must be taken by then, however often the SP restarts meanwhile; 0: none yet */
	uint32_t tries, sent; /* messages of this step, and of this life */
	uint32_t first_sent;  /* us after `since`; for the counts */
	uint32_t ticket;      /* in line for the creation slot: whose is lower comes first. To be shown only */
	uint8_t reply;        /* 1 + enum verdict of the last answer; 0: none yet. To be shown only */
	uint8_t index; /* of the SP in the model and of the debt in its life */
	uint8_t state, how, queue, backoff;
	bool dirty, unsure, cleanse, stuck;
	uint8_t extra; /* VM_DESTROYED owed beyond the first: a CREATED that OP-TEE may have taken twice */
	uint8_t drain; /* of the SPMC: vCPUs whose notifications are still to be taken out of the bitmap */
	bool drained;  /* that was begun before */
};

struct lease {
	struct deadline timer; /* of the deadline, or of the time to claim it again */
	struct map_node by_token;
	struct list link;     /* life.leases */
	struct life *life;
	struct change_lease is;
	uint64_t holder;      /* the end that holds it; 0: that of a daemon that is gone, nobody has claimed it yet */
	uint64_t claim_by;    /* unasked, and held by nobody: it ends then; 0: it does not */
};

struct life {
	struct map_node by_number;
	struct list all;      /* model.lives */
	struct list of_vm;    /* vm.old, once it is not the current one any more; model.orphans without a VM */
	struct deadline timer, ladder;
	struct vm *vm;        /* NULL: the VM object went, the life still settles */
	uint64_t number;
	struct change_begun begun;
	struct change_state now;
	struct change_vmm vmm;
	bool refused_birth;   /* a VMM was started and no life waits for it any more */
	bool connected, unreachable, enter_sent, killed;
	bool birth_unsure;    /* an earlier daemon had a VMM for it, and may have died before it gave it the life */
	uint64_t features;    /* enum vmm_feature: what its VMM can do, as that says itself */
	bool stale;           /* its VMM is there, and of a build that cannot be spoken with: it is unreachable as well */
	bool stuck;           /* past the active phase of retire */
	bool reclaim_sent;
	uint64_t told_from;   /* the PAUSE or RESUME that was told last has this number, or a higher one; 0: none was */
	uint8_t vcpu[VM_VCPU_MAX];
	uint64_t vcpu_since[VM_VCPU_MAX]; /* of these; 0: not known */
	struct vmm_device_state device[VM_ASSIGNED_MAX]; /* as its VMM tells them; type ASSIGNED_NONE: it has not */
	uint32_t sandbox_lacks; /* enum vmm_sandbox_layer, as its VMM told; 0: it has not, for it has all */
	struct guest_vcpu *guest; /* NULL: none has called another yet */
	struct notifications *notifications; /* NULL: it has bound none */
	bool notifications_untold; /* an earlier daemon knew: its VMM has to say */
	struct list messages;     /* vCPUs that send to it, and wait */
	struct list leases;
	struct debt debt[MODEL_SP_MAX];
};

struct vm {
	struct map_node by_number, by_name;
	struct list all;
	struct list touched; /* rows to be written anew */
	struct list called;  /* only what its vCPUs are doing changed, by calls */
	struct list order;   /* model.waiting_for_order */
	struct list old;     /* lives that are not current and still settle */
	struct list requiring; /* model.requiring, if its definition says `requires` */
	struct deadline timer; /* of the operation: a start that waits, a stop's end of patience */
	struct deadline dependency, turn, binding;
	struct change_bound bound;
	uint64_t bound_end; /* the adapter's own number for the end that its client has; 0: it has to come back. Not stored */
	uint64_t partition_by; /* that of the operation, once it is stored */
	uint64_t number;
	struct vm_definition *definition; /* in force: what the life was built from; without one, what the next will be */
	struct vm_definition *pending;    /* of the next life; NULL: the same */
	bool removal;                     /* its definition is gone: it goes with its life */
	struct life *life;
	struct change_operation operation;
	struct change_end end;
	uint64_t end_life;
	uint64_t waiter;   /* connection of a VMM that somebody else started and that waits for a life; 0: none */
	bool waiter_began; /* the start under way is its wish alone */
	uint32_t refused;
	uint32_t mark; /* order_has_cycle(), order_pull() */
	uint64_t changed_at, leases_at; /* the last change of it, and of its leases */
};

/* The guest's call that is with an SP (guest_sp.c), and those that are for it. Never while one of ours is out or open. */
struct guest_at_sp {
	bool out, running; /* as in struct sp */
	bool suspended;    /* FFA_RUN `target` goes on with it */
	bool unsure;       /* one may be open there that is not known here: an answer was lost, or a daemon died */
	uint16_t endpoint;
	uint32_t target;
	uint64_t since;          /* when it left first */
	uint64_t life;           /* whose it is; 0: unknown, or there is none */
	struct guest_vcpu *vcpu; /* who waits for its answer; NULL: nobody any more */
	struct list lines;       /* lives whose calls wait for their turn */
	struct list doubtful;    /* vCPUs whose calls may be over */
	struct deadline doubt;
	bool info_due, asks, info_lost; /* of the SPMC: FFA_NOTIFICATION_INFO_GET is to leave, is out, was not answered */
};

struct sp {
	struct change_sp info; /* id 0: this slot was never used */
	uint8_t index;
	struct change_open open;
	uint64_t open_life;
	bool out;      /* a call is with the secure side; its debt is that of open_life */
	bool running;  /* that call is an FFA_RUN */
	bool unsure;   /* the answer to open_life's call was lost: it may be open there, or be over */
	bool collect;  /* BUSY to repeats of it for longer than a call takes: it is open, run it */
	uint64_t busy_since; /* the first of these */
	uint32_t busy;       /* how many they are, in a row */
	uint8_t asked; /* enum call_kind of the message that is out */
	bool heard;    /* since its state was last known to be gone it may have taken something */
	uint8_t rested; /* how often the time of its rest was doubled */
	uint64_t run_at; /* FFA_RUN is due then, at the mean rate */
	uint32_t creating; /* debts in CREATING */
	uint64_t creator;  /* the life of the last that came to be so: where there is one slot, who has it, or had */
	uint32_t owed, stuck_count;
	uint32_t crowd; /* debts in back-off */
	uint32_t tickets;     /* given out in its line */
	uint64_t stuck_since; /* when stuck_count rose above 0 */
	struct guest_at_sp guest;
	struct list waiting, ready, backoff, stuck;
	struct deadline resume, probe, rest;
	struct sp_counts counts;
};

/* One id at one SP that may know a life which an operator had forgotten. */
struct burned {
	uint64_t life;
	struct change_burned what;
};

struct burned_ids {
	struct burned *at;
	size_t count, room;
	size_t unmet;     /* of them, at nobody in particular yet: sp is 0 */
	uint32_t changes; /* counted: the rows follow */
};

/* Ids of lives that a record told of which could not be loaded: until they are burned, when the daemon begins. */
struct lost_ids {
	uint16_t *at;
	size_t count;
};

struct model {
	uint64_t seq; /* the last number used */
	struct map vms_by_number, vms_by_name, lives_by_number;
	struct list vms, lives;
	struct list orphans; /* lives whose VM went before they were settled */
	size_t vm_count, life_count;
	struct map leases_by_token;
	size_t lease_count;
	struct life *endpoint[FFA_ID_VM_COUNT];
	struct ids ids;
	struct burned_ids burned;
	struct sp sp[MODEL_SP_MAX];
	size_t sp_count;
	struct change_world world;
	bool world_known; /* a secure world was met, ever */
	struct change_shutdown shutdown;
	struct change_autostart autostart;

	/* not stored */
	struct model_counts counts;
	bool secure_up, shutting_down, has_secure_side;
	uint64_t meets_by; /* a new daemon gives the SPs that are waited for so long to be met */
	bool hold; /* nothing leaves for an SP before it is clear what all of them still know */
	struct heap deadlines;
	struct list touched, called, waiting_for_order, requiring;
	struct list held; /* vCPUs whose FFA_NOTIFICATION_SET waits until its receiver's VMM has told what is bound */
	/* VMs and definitions that went; the rows show them, and the turn points to them, until that is stored and shown */
	struct list graves;
	struct {
		struct vm_definition **at;
		size_t count, room;
	} buried;
	uint64_t memory_held, huge_held, memory_limit, huge_limit;
	struct retry_rule retry;
	struct retry_for retry_for[MODEL_SP_MAX];
	size_t retry_for_count;
	size_t calling; /* vCPUs of lives that call, or have notifications: what one input may bring an answer to */
	size_t notified; /* lives that have notifications */
	uint64_t random;
	uint32_t mark;
	uint64_t messages; /* numbered */
	uint16_t directory; /* moves with whoever can be found: the tag of FFA_PARTITION_INFO_GET_REGS */
	struct lost_ids lost_ids;
	uint16_t begin_at; /* the log was lost: ids are to go on from here */
	/* one of each, kept ready so that a change cannot fail half-way */
	struct vm *spare_vm;
	struct life *spare_life;
	struct guest_vcpu *spare_guest; /* for VM_VCPU_MAX */
	struct notifications *spare_notifications;
	struct lease *spare_lease;
};

int model_init(struct model *m, uint64_t random); /* every FF-A id of a VM is ours: else ids_init() follows */
void model_clear(struct model *m);
void life_free(struct life *l);
void model_bury(struct model *m, struct vm_definition *d); /* there is room: model_reserve() */
void model_empty_graves(struct model *m); /* once the turn is over */

/* Room for whatever the next input may add: one VM, one life, an id burned at each SP. 0 or -ENOMEM. */
int model_reserve(struct model *m);

/*
 * Applies one change; takes over a definition. 0; -EBADMSG: it does not fit what is there (a log that lies); -ENOMEM: a VM
 * or life begins and model_reserve() was not called before.
 */
int model_apply(struct model *m, struct change *c);

struct vm *model_vm(const struct model *m, uint64_t number);
struct vm *model_vm_named(const struct model *m, const char *name);
struct life *model_life(const struct model *m, uint64_t number);
struct sp *model_sp(struct model *m, uint16_t id);

/* Each change that builds the model from nothing; `definition` pointers stay the model's. Stops at a nonzero answer. */
int model_snapshot(const struct model *m, int (*each)(void *arg, const struct change *c), void *arg);

/* What followers are told of a change, looked up before it is applied. False: nothing. */
struct event_record;
bool model_event(const struct model *m, const struct change *c, uint64_t realtime, struct event_record *ret);

/* On whom or what a VM's unfinished business waits (promise P6). */
struct wait_reason;
void model_why(const struct model *m, const struct vm *vm, struct wait_reason *ret);

/* A life is to begin after a restart's delay, and not before this; 0: none is, or at once. */
uint64_t model_next_start(const struct vm *vm);
uint16_t model_can(const struct vm *vm); /* a bit for each enum verb that would change something now */

/* Ids go on from a random place, which is the answer: whose they were last is not known. model_resume() stores it. */
uint16_t model_begin_ids(struct model *m);

/* Whether this life or definition may have the id: `wanted` by its definition, else the one that was free longest. 0: none. */
uint16_t model_pick_id(const struct model *m, uint16_t wanted);

/* lease.c */
struct lease *lease_new(void);
int apply_lease(struct model *m, const struct change *c);
void leases_forget(struct model *m, struct life *l); /* with the life */
const struct lease *lease_that_holds(const struct life *l); /* the longest; NULL: none does */

/* burned.c */
int burned_reserve(struct burned_ids *b, size_t more);
int apply_burned(struct model *m, const struct change *c);
int model_lose_id(struct model *m, uint16_t id); /* after the load: a life may have it that is not known here */
bool model_waits_for_ids(const struct model *m, uint16_t wanted); /* none is to be had, and that may change when SPs are met */
bool model_is_burned(const struct model *m, uint16_t id);
const struct burned *model_burned(const struct model *m, uint64_t life, uint16_t sp); /* NULL: not burned there */
void model_give_back_id(struct model *m, uint16_t id); /* if nobody has it, and it is not burned */

static inline bool life_is_over(const struct life *l)
{
	return l->now.state == VM_ABORTING;
}

/* Its vCPUs are among model.calling. */
static inline bool life_is_calling(const struct life *l)
{
	return l->guest || l->notifications;
}

/* It is kept for a post-mortem, or will be once it is quiesced. */
static inline bool life_is_kept(const struct life *l)
{
	return l && life_is_over(l) && l->now.preserve;
}

/* Why nothing starts now; NULL: it does. */
static inline const char *model_starts_nothing(const struct model *m)
{
	if (m->shutting_down)
		return "the daemon is stopping: it starts nothing more";
	return m->shutdown.active ? "all VMs are being shut down: nothing starts before that is over" : NULL;
}

static inline bool sp_is_there(const struct sp *sp)
{
	return sp->info.id && sp->info.status != SP_GONE;
}

static inline bool sp_wants(const struct sp *sp, uint32_t property)
{
	return sp_is_there(sp) && (sp->info.properties & property);
}

static inline bool sp_is_spmc(const struct sp *sp)
{
	return sp->info.profile == PROFILE_SPMC;
}

/* Is it told of this life: the SPMC makes no bitmap where none is asked for. */
static inline bool sp_wants_of(const struct sp *sp, const struct life *l, uint32_t property)
{
	return sp_wants(sp, property) && (!sp_is_spmc(sp) || l->begun.notifications);
}

/* When the next message of this debt leaves, if that is a matter of time; 0: it is not. CLOCK_MONOTONIC ns. */
uint64_t debt_speaks_at(const struct sp *sp, const struct debt *d);

static inline bool debt_is_done(const struct debt *d)
{
	return d->state == DEBT_NONE || d->state == DEBT_SETTLED;
}

static inline struct life *debt_life(const struct debt *d)
{
	const struct debt *first = d - d->index;

	return container_of((struct debt (*)[MODEL_SP_MAX])first, struct life, debt);
}
