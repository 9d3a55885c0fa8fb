/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

/*
 * liblifecycle: see, steer and follow the VMs of a lifecycled(8). Read liblifecycle(3).
 *
 * Handles are opaque and counted: ..._new or ..._open makes one reference, ..._unref drops one, takes NULL and returns
 * NULL. No threads, no callbacks, no globals: a handle belongs to one thread at a time, different handles to any.
 * Functions return 0 or a positive count, or a negative errno. Arguments called ret are written on success only.
 * Pointers that come out of a handle live as long as the handle.
 *
 * Structs that may grow begin with `size`. Those the library makes carry the size it filled in; for those you hand in,
 * set `size` to sizeof before the call (LIFECYCLE_EVENT_INIT, LIFECYCLE_PAGE_INFO_INIT).
 *
 * Times are CLOCK_BOOTTIME in ns, except where called realtime (CLOCK_REALTIME in ns). 0 means there is none.
 * Enumerations travel as int: a newer daemon may say a value that this library does not know, it reads
 * LIFECYCLE_UNKNOWN.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIFECYCLE_NAME_MAX 63
#define LIFECYCLE_UNKNOWN (-1)
#define LIFECYCLE_FOREVER (-1) /* as a time-out in milliseconds */

enum lifecycle_state {
	LIFECYCLE_STATE_NULL = 0,
	LIFECYCLE_STATE_CREATED = 1,
	LIFECYCLE_STATE_RUNNING = 2,
	LIFECYCLE_STATE_ABORTING = 3,
	LIFECYCLE_STATE_HALTED = 4,
};

enum lifecycle_substate {
	LIFECYCLE_SUB_NONE = 0,
	LIFECYCLE_SUB_ALLOCATING = 1,
	LIFECYCLE_SUB_ANNOUNCING = 2,
	LIFECYCLE_SUB_READY = 3,
	LIFECYCLE_SUB_BOOTING = 4,
	LIFECYCLE_SUB_RUNNING = 5,
	LIFECYCLE_SUB_PAUSING = 6,
	LIFECYCLE_SUB_PAUSED = 7,
	LIFECYCLE_SUB_QUIESCING = 8,
	LIFECYCLE_SUB_LEASES = 9,
	LIFECYCLE_SUB_RETIRING = 10,
	LIFECYCLE_SUB_RECLAIMING = 11,
	LIFECYCLE_SUB_PRESERVED = 12,
};

enum lifecycle_vcpu_state {
	LIFECYCLE_VCPU_OFF = 0,
	LIFECYCLE_VCPU_NULL = 1,
	LIFECYCLE_VCPU_CREATED = 2,
	LIFECYCLE_VCPU_STARTING = 3,
	LIFECYCLE_VCPU_RUNNING = 4,
	LIFECYCLE_VCPU_WAITING = 5,
	LIFECYCLE_VCPU_BLOCKED = 6,
	LIFECYCLE_VCPU_BLOCKED_INTERRUPT = 7,
	LIFECYCLE_VCPU_PREEMPTED = 8,
	LIFECYCLE_VCPU_STOPPING = 9,
	LIFECYCLE_VCPU_STOPPED = 10,
	LIFECYCLE_VCPU_ABORTED = 11,
};

enum lifecycle_cause {
	LIFECYCLE_CAUSE_NONE = 0, /* it has not ended */
	LIFECYCLE_CAUSE_GUEST_POWEROFF = 1,
	LIFECYCLE_CAUSE_GUEST_REBOOT = 2,
	LIFECYCLE_CAUSE_GUEST_PANIC = 3,
	LIFECYCLE_CAUSE_GUEST_WATCHDOG = 4,
	LIFECYCLE_CAUSE_VCPU_STALL = 5,
	LIFECYCLE_CAUSE_VCPU_ERROR = 6,
	LIFECYCLE_CAUSE_MEMORY_FAULT = 7,
	LIFECYCLE_CAUSE_VMM_EXIT = 8,
	LIFECYCLE_CAUSE_VMM_SIGNAL = 9,
	LIFECYCLE_CAUSE_VMM_PROTOCOL = 10,
	LIFECYCLE_CAUSE_VMM_GONE = 11,
	LIFECYCLE_CAUSE_OOM = 12,
	LIFECYCLE_CAUSE_USER_STOP = 13,
	LIFECYCLE_CAUSE_USER_ABORT = 14,
	LIFECYCLE_CAUSE_USER_RESTART = 15,
	LIFECYCLE_CAUSE_USER_DESTROY = 16,
	LIFECYCLE_CAUSE_CLIENT_GONE = 17,
	LIFECYCLE_CAUSE_DEPENDENCY = 18,
	LIFECYCLE_CAUSE_HOST_SHUTDOWN = 19,
	LIFECYCLE_CAUSE_START_FAILED = 20,
	LIFECYCLE_CAUSE_SECURE_REJECTED = 21,
	LIFECYCLE_CAUSE_SECURE_TIMEOUT = 22,
	LIFECYCLE_CAUSE_HOST_REBOOT = 23,
};

/* What a life owes a Secure Partition, and how it came to that. */
enum lifecycle_debt {
	LIFECYCLE_DEBT_NONE = 0,
	LIFECYCLE_DEBT_CREATING = 1,
	LIFECYCLE_DEBT_KNOWN = 2,
	LIFECYCLE_DEBT_DESTROYING = 3,
	LIFECYCLE_DEBT_SETTLED = 4,
};

enum lifecycle_how {
	LIFECYCLE_HOW_NONE = 0,
	LIFECYCLE_HOW_ANSWERED = 1,
	LIFECYCLE_HOW_UNTOLD = 2,
	LIFECYCLE_HOW_SP_UNKNOWN = 3,
	LIFECYCLE_HOW_SP_GONE = 4,
	LIFECYCLE_HOW_WORLD_GONE = 5,
	LIFECYCLE_HOW_NOT_SUBSCRIBED = 6,
	LIFECYCLE_HOW_FORGOT = 7,
	LIFECYCLE_HOW_REJECTED = 8,
};

enum lifecycle_operation {
	LIFECYCLE_OP_NONE = 0, LIFECYCLE_OP_START = 1,
	LIFECYCLE_OP_RESTART = 2, LIFECYCLE_OP_STOP = 3,
	LIFECYCLE_OP_ABORT = 4,
	LIFECYCLE_OP_DESTROY = 5, LIFECYCLE_OP_PAUSE = 6,
};

/* How an operation ended that did not do what it was to do, and whose end tells nothing else. */
enum lifecycle_outcome {
	LIFECYCLE_OUTCOME_NONE = 0,
	LIFECYCLE_OUTCOME_UNHEARD = 1,   /* stop: the guest listens to no power key, and goes on */
	LIFECYCLE_OUTCOME_TIMED_OUT = 2, /* pause: its vCPUs did not all come out in time, and go on */
};

/* On what an unfinished operation waits. */
enum lifecycle_wait {
	LIFECYCLE_WAIT_NOTHING = 0,
	LIFECYCLE_WAIT_VMM = 1,
	LIFECYCLE_WAIT_SP = 2,
	LIFECYCLE_WAIT_SECURE_LINK = 3,
	LIFECYCLE_WAIT_VM = 4,
	LIFECYCLE_WAIT_MEMORY = 5,
	LIFECYCLE_WAIT_TIMER = 6,
	LIFECYCLE_WAIT_DISK = 7,
	LIFECYCLE_WAIT_OLD_LIFE = 8,
	LIFECYCLE_WAIT_GUEST = 9, /* its power key was pressed */
};

/* Why a call failed. 1..15 come from the daemon; each has an errno and an exit code of its own. */
enum lifecycle_refusal {
	LIFECYCLE_REFUSED_NOT = 0,
	LIFECYCLE_REFUSED_NO_SUCH_VM = 1,
	LIFECYCLE_REFUSED_EXISTS = 2,
	LIFECYCLE_REFUSED_INVALID_DEFINITION = 3,
	LIFECYCLE_REFUSED_ILLEGAL_TRANSITION = 4,
	LIFECYCLE_REFUSED_WRONG_LIFE = 5,
	LIFECYCLE_REFUSED_NO_FREE_ID = 6,
	LIFECYCLE_REFUSED_NO_MEMORY = 7,
	LIFECYCLE_REFUSED_NO_HUGE_PAGES = 8,
	LIFECYCLE_REFUSED_INVALID_ARGUMENT = 9,
	LIFECYCLE_REFUSED_ACCESS = 10,
	LIFECYCLE_REFUSED_NO_CONSOLE = 11,
	LIFECYCLE_REFUSED_SHUTTING_DOWN = 12,
	LIFECYCLE_REFUSED_CYCLE = 13,
	LIFECYCLE_REFUSED_LIMIT = 14,
	LIFECYCLE_REFUSED_INTERNAL = 15,
	LIFECYCLE_UNREACHABLE = 1000, /* -ENOTCONN: no daemon, or no bus */
	LIFECYCLE_NO_ANSWER = 1001,   /* -ETIMEDOUT: it did not answer in time */
	LIFECYCLE_LOCAL = 1002,       /* anything that failed on this side */
};

/* ---- words: "unknown" and -EINVAL for what is none ---- */

const char *lifecycle_state_name(int state);
const char *lifecycle_substate_name(int substate);
const char *lifecycle_vcpu_state_name(int state);
const char *lifecycle_cause_name(int cause);
const char *lifecycle_debt_name(int debt);
const char *lifecycle_how_name(int how);
const char *lifecycle_operation_name(int operation);
const char *lifecycle_outcome_name(int outcome);
const char *lifecycle_wait_name(int wait);
const char *lifecycle_refusal_name(int refusal);
int lifecycle_state_from_name(const char *name);
int lifecycle_substate_from_name(const char *name);
int lifecycle_vcpu_state_from_name(const char *name);
int lifecycle_cause_from_name(const char *name);
int lifecycle_debt_from_name(const char *name);
int lifecycle_how_from_name(const char *name);
int lifecycle_operation_from_name(const char *name);
int lifecycle_outcome_from_name(const char *name);
int lifecycle_wait_from_name(const char *name);
int lifecycle_refusal_from_name(const char *name);

/* The errno (positive) and the exit code of lifecyclectl(1) that belong to a refusal. */
int lifecycle_refusal_errno(int refusal);
int lifecycle_refusal_exit_code(int refusal);

/* ---- connection ---- */

struct lifecycle;

struct lifecycle_error {
	int refusal;      /* enum lifecycle_refusal */
	const char *text; /* what, which, why, what to do; never NULL */
};

/*
 * Connects to the daemon's bus: `address` if given ("system" is the system bus), else $LIFECYCLED_BUS, else the system
 * bus. Succeeds without a daemon; calls then fail with -ENOTCONN. Calls wait for their answer, at most the time-out.
 */
int lifecycle_new(const char *address, struct lifecycle **ret);
struct lifecycle *lifecycle_ref(struct lifecycle *l);
struct lifecycle *lifecycle_unref(struct lifecycle *l);
void lifecycle_set_timeout(struct lifecycle *l, uint64_t milliseconds);

/* For a loop of your own: poll fd for events until the time-out (CLOCK_MONOTONIC us, UINT64_MAX: none), dispatch. */
int lifecycle_get_fd(struct lifecycle *l);
int lifecycle_get_events(struct lifecycle *l);
int lifecycle_get_timeout(struct lifecycle *l, uint64_t *ret);
int lifecycle_dispatch(struct lifecycle *l); /* -ENOTCONN: the bus hung up */

/* Of the last call that failed. Valid until the next call. */
const struct lifecycle_error *lifecycle_last_error(const struct lifecycle *l);

/* ---- see ---- */

/* What an unfinished operation waits for. */
struct lifecycle_waits_on {
	int on;           /* enum lifecycle_wait */
	uint16_t sp;      /* WAIT_SP */
	uint32_t tries;   /* how often it was tried */
	uint64_t since;
	uint64_t until;   /* 0: without limit */
	const char *name; /* WAIT_VM; "" otherwise */
};

struct lifecycle_sp_ids {
	size_t count;
	const uint16_t *id;
};

/* One VM of a list or a snapshot. */
struct lifecycle_vm {
	size_t size;
	const char *name;
	const char *uuid;
	uint64_t life;       /* 0: none */
	uint16_t endpoint;   /* FF-A id; 0: none */
	int state, substate;
	int operation;
	int waits_on;        /* enum lifecycle_wait */
	int cause;           /* of the end under way */
	uint64_t since;      /* of this sub-state */
	uint64_t changed_at; /* the last sequence number that touched it */
	bool secure_stuck;   /* an SP holds up an end past its active phase */
	bool unreachable;    /* its VMM lives and does not connect */
	uint32_t old_lives;  /* earlier lives that still settle */
	struct lifecycle_sp_ids stuck_at; /* SPs that have not taken the end of a life of this VM, an old one perhaps, in time */
};

struct lifecycle_peer {
	size_t size;
	uint16_t sp;
	int debt; /* enum lifecycle_debt */
	int how;  /* enum lifecycle_how */
	uint32_t tries; /* messages of this step */
	bool stuck;
	/* what follows is told by lifecycle_peers() alone */
	uint64_t life;
	uint16_t endpoint;  /* FF-A id of the life */
	const char *vm;     /* its name */
	const char *reply;  /* the last one: "ack", "retry", ...; "-": none yet. Since the daemon started, as `sent` */
	const char *place;  /* of the next message: "line", "ready", "back-off", "probe", "sent", "suspended" or "-" */
	uint32_t sent;      /* messages for this life in all */
	uint64_t since;     /* of this debt state */
	uint64_t next;      /* when it is sent again; 0: that is no matter of time */
	uint64_t until;     /* when patience with this step ends; 0: never */
	bool old;           /* not the VM's current life */
	uint32_t ticket;    /* in line for the SP's creation slot: whose is lower comes first; 0: not in line */
};

/* A device that the VM was given. */
struct lifecycle_device {
	size_t size;
	const char *type, *state; /* "running", "stop", "stop-copy", ...: VFIO's migration states */
	const char *condition; /* "-", "awaited", "failed", "was-reset", "dead", "unmigratable" */
	const char *text;      /* what it is waited for in, or what went wrong; or "" */
};

/* Everything about one VM. */
struct lifecycle_vm_details {
	size_t size;
	const struct lifecycle_vm *vm;
	uint64_t operation_since;
	struct lifecycle_waits_on waits;
	uint64_t memory_bytes;
	uint32_t vmm_pid; /* 0: none */
	uint32_t restarts; /* automatic ones in the window of restart-limit */
	uint32_t refused;  /* illegal transitions asked for */
	bool from_file;
	uint32_t vcpu_count;
	size_t vcpu_states; /* how many are known: 0 without a life */
	const int *vcpu;    /* enum lifecycle_vcpu_state */
	size_t peer_count;
	const struct lifecycle_peer *const *peer; /* what this life owes each SP */
	int end_cause; /* CAUSE_NONE: it never ended */
	uint64_t end_life;
	uint64_t end_realtime;
	const char *end_text;
	int outcome; /* of the operation that ended last: enum lifecycle_outcome */
	size_t old_peer_count;
	const struct lifecycle_peer *const *old_peer; /* what older lives still owe, the oldest first; whole, as from lifecycle_peers() */
	size_t device_count;
	const struct lifecycle_device *const *device;
	uint64_t next_start; /* a life is to begin by itself, and not before; 0: none is, or at once */
};

/* How often each word came. */
struct lifecycle_counts {
	size_t count;
	const struct lifecycle_count {
		const char *word;
		uint64_t times;
	} *at;
};

/* bucket[0] counts zeros, bucket[n] the values from 2^(n-1) to 2^n - 1, the 32nd bucket all that is above as well. */
struct lifecycle_histogram {
	size_t count; /* buckets up to the last that is not 0 */
	const uint64_t *bucket;
};

struct lifecycle_partition {
	size_t size;
	uint16_t id;
	bool secure;         /* a Secure Partition; the fields after `stuck` are for these */
	const char *name;    /* of the VM */
	const char *uuid;
	const char *status;  /* an SP's "ok", "degraded" or "gone"; a VM's state */
	uint32_t properties; /* FFA_PARTITION_INFO_GET's */
	uint32_t owed;       /* lives that owe this SP something, or SPs that this VM's life owes something */
	uint32_t stuck;      /* of these, past their active phase */
	const char *profile; /* "strict", "trusty" or "optee" */
	bool wants_created, wants_destroyed;
	uint32_t contexts;
	uint32_t generation; /* its instance; 0: the secure side cannot tell */
	uint64_t sent, retried, answered; /* messages since the daemon started */
	uint32_t version;     /* its own FF-A version, major << 16 | minor; 0: not told (partitions tell it from v1.3 on) */
	bool in_flight;       /* a call is with it, or suspended in it */
	uint64_t stuck_since; /* so long something is, without a break; 0: nothing is */
	uint64_t next_probe;  /* when it is asked for all that are stuck; 0: nothing is */
	uint64_t rests_until; /* it took nothing of anybody and is asked nothing before then; 0: it does not rest */
	struct lifecycle_queues {
		uint32_t line, ready, back_off, probe;
	} queues; /* debts in them now; the words are those of lifecycle_peer's `place` */
	/* counted since the daemon started */
	struct lifecycle_frames {
		uint64_t submitted, completed, lost;
	} frames; /* lost: with the link, before their answer came */
	struct lifecycle_counts verdicts; /* its answers, in the words of lifecycle_peer's `reply` */
	struct lifecycle_counts settled;  /* ways in which debts were settled, and "rejected": VM_CREATEDs that were refused */
	/* retries: messages beyond the first until VM_CREATED, or VM_DESTROYED, was done; latency: us that it took from that on */
	struct lifecycle_histogram created_retries, created_latency, destroyed_retries, destroyed_latency;
	struct lifecycle_histogram frame_latency; /* us from a frame to its answer */
	size_t uuid_count;
	const char *const *uuids; /* all that it is listed with; the first is `uuid` */
};

/* The daemon itself. */
struct lifecycle_daemon {
	size_t size;
	const char *version;
	const char *epoch; /* of its log: numbers and lives are of this epoch */
	uint64_t incarnation;
	uint64_t seq; /* the last change shown */
	const char *secure_side; /* "up", "down" or "none" */
	bool disk_stuck;
};

struct lifecycle_vm_list;
struct lifecycle_vm_info;
struct lifecycle_partition_list;

/* By name, in byte order; one call whatever the number of VMs. */
int lifecycle_list(struct lifecycle *l, struct lifecycle_vm_list **ret);
struct lifecycle_vm_list *lifecycle_vm_list_unref(struct lifecycle_vm_list *list);
size_t lifecycle_vm_list_count(const struct lifecycle_vm_list *list);
const struct lifecycle_vm *lifecycle_vm_list_at(const struct lifecycle_vm_list *list, size_t i); /* NULL: past the end */
const struct lifecycle_vm *lifecycle_vm_list_find(const struct lifecycle_vm_list *list, const char *name);

int lifecycle_vm_info(struct lifecycle *l, const char *name, struct lifecycle_vm_info **ret);
struct lifecycle_vm_info *lifecycle_vm_info_unref(struct lifecycle_vm_info *info);
const struct lifecycle_vm_details *lifecycle_vm_info_details(const struct lifecycle_vm_info *info);

int lifecycle_partitions(struct lifecycle *l, struct lifecycle_partition_list **ret);
struct lifecycle_partition_list *lifecycle_partition_list_unref(struct lifecycle_partition_list *list);
size_t lifecycle_partition_list_count(const struct lifecycle_partition_list *list);
const struct lifecycle_partition *lifecycle_partition_list_at(const struct lifecycle_partition_list *list, size_t i);

struct lifecycle_peer_list;
struct lifecycle_frame_list;

/* What the VM's life owes each SP, and what older lives owe still. `name` "" or NULL: of all VMs, in one call. */
int lifecycle_peers(struct lifecycle *l, const char *name, struct lifecycle_peer_list **ret);
struct lifecycle_peer_list *lifecycle_peer_list_unref(struct lifecycle_peer_list *list);
size_t lifecycle_peer_list_count(const struct lifecycle_peer_list *list);
const struct lifecycle_peer *lifecycle_peer_list_at(const struct lifecycle_peer_list *list, size_t i);
uint32_t lifecycle_peer_list_left_out(const struct lifecycle_peer_list *list); /* the daemon had no memory for these */

/* A frame to or from an SP, and what its registers say. Strings are "" where there is nothing to say. */
struct lifecycle_frame {
	size_t size;
	uint64_t number; /* the SP's first frame is 1 */
	uint64_t at;
	uint64_t took;   /* an answer: since its request left */
	uint64_t life;   /* that it is about; 0: none */
	uint64_t x[8];   /* x0 to x7 */
	uint16_t sp;     /* 0: discovery */
	uint16_t endpoint;
	bool answer;
	const char *vm;
	const char *reply;    /* an answer's verdict, as in lifecycle_peer */
	const char *function; /* "FFA_RUN", ...; "" if not known */
	const char *message;  /* "VM_CREATED", "VM_DESTROYED", or of FFA_FEATURES the function asked for */
	const char *status;   /* "SUCCESS", "RETRY", ... */
};

/* The last 64 frames of an SP, or of discovery (0), the oldest first; those with a higher number than `after`. */
int lifecycle_trace(struct lifecycle *l, uint16_t sp, uint64_t after, struct lifecycle_frame_list **ret);
struct lifecycle_frame_list *lifecycle_frame_list_unref(struct lifecycle_frame_list *list);
size_t lifecycle_frame_list_count(const struct lifecycle_frame_list *list);
const struct lifecycle_frame *lifecycle_frame_list_at(const struct lifecycle_frame_list *list, size_t i);

/* *ret lives until the next such call. */
int lifecycle_daemon_info(struct lifecycle *l, const struct lifecycle_daemon **ret);

/* ---- steer: 0 means accepted and stored, not finished; follow the VM to see the end ---- */

enum lifecycle_verb {
	LIFECYCLE_START = 0,
	LIFECYCLE_ABORT = 1,
	LIFECYCLE_RESTART = 2,
	LIFECYCLE_DESTROY = 3,
	LIFECYCLE_STOP = 4, /* presses the power key; the guest has the definition's limits.stop-timeout to obey */
	LIFECYCLE_PAUSE = 5, LIFECYCLE_RESUME = 6, /* every vCPU leaves the guest and stands; they go on */
};

/*
 * Defines the VM that the JSON `text` describes (lifecycle.vm(5)), or defines it anew. `source` names the text in errors
 * (a file name; NULL: "-"). *ret_name, if not NULL, is the VM's name, for the caller to free.
 */
int lifecycle_define(struct lifecycle *l, const char *text, const char *source, char **ret_name, uint64_t *ret_seq);

/*
 * `life` is the life that is meant (0: any): a request that comes too late is refused with -ESTALE. The change took
 * effect at *ret_seq; 0: nothing had to change.
 */
int lifecycle_act(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, uint64_t *ret_seq);

/*
 * The operator's last resort: what that life, which is over and stuck, owes `sp` (0: each SP) is forgotten. `name` may be NULL
 * where `life` is given, `life` may be 0 where one life of the VM settles. Read lifecyclectl(1), forget, before.
 */
int lifecycle_forget(struct lifecycle *l, const char *name, uint64_t life, uint16_t sp, uint64_t *ret_seq);

/* An FF-A id that nobody gets, because an SP may know a life which was forgotten. */
struct lifecycle_burned {
	size_t size;
	uint16_t endpoint, sp;
	uint64_t life;
	const char *name; /* of the life's VM */
	uint64_t realtime;
};

struct lifecycle_burned_list;
int lifecycle_burned(struct lifecycle *l, struct lifecycle_burned_list **ret);
struct lifecycle_burned_list *lifecycle_burned_list_unref(struct lifecycle_burned_list *list);
size_t lifecycle_burned_list_count(const struct lifecycle_burned_list *list);
const struct lifecycle_burned *lifecycle_burned_list_at(const struct lifecycle_burned_list *list, size_t i);

/* ---- follow ---- */

enum lifecycle_event_kind {
	LIFECYCLE_EVENT_VM = 1,
	LIFECYCLE_EVENT_VM_GONE = 2,
	LIFECYCLE_EVENT_STATE = 3,
	LIFECYCLE_EVENT_DEBT = 4,
	LIFECYCLE_EVENT_SP = 5,
	LIFECYCLE_EVENT_OPERATION = 6,
	LIFECYCLE_EVENT_GAP = 7, /* never returned: it is -EOVERFLOW */
	LIFECYCLE_EVENT_WORLD = 8,
};

struct lifecycle_event {
	size_t size;
	int kind; /* enum lifecycle_event_kind; unknown ones are passed on */
	uint64_t seq;
	uint64_t realtime;
	uint64_t life;
	uint16_t endpoint, sp;
	int old_state, new_state; /* enum lifecycle_state (STATE) or lifecycle_debt (DEBT) */
	int old_substate, new_substate;
	int cause, how, operation;
	uint32_t tries;
	char name[LIFECYCLE_NAME_MAX + 1];
	int outcome; /* OPERATION, when it ended: enum lifecycle_outcome */
};
#define LIFECYCLE_EVENT_INIT { .size = sizeof(struct lifecycle_event) }

struct lifecycle_stream;

/*
 * A stream begins with a snapshot (the VMs as they are at the cursor) and goes on with every change after it, none
 * missing. `filter` is a VM's name, or "" or NULL for all. With the epoch and cursor of an earlier stream this one goes on
 * right after it, if the daemon still has every change since: then it is `replayed` and the snapshot is empty. Otherwise,
 * and with NULL and 0, it begins anew.
 */
int lifecycle_subscribe(struct lifecycle *l, const char *filter, const char *epoch, uint64_t seq,
	struct lifecycle_stream **ret);
struct lifecycle_stream *lifecycle_stream_ref(struct lifecycle_stream *s);
struct lifecycle_stream *lifecycle_stream_unref(struct lifecycle_stream *s);
int lifecycle_stream_get_fd(const struct lifecycle_stream *s); /* poll it for POLLIN */
const struct lifecycle_vm_list *lifecycle_stream_snapshot(const struct lifecycle_stream *s);
bool lifecycle_stream_replayed(const struct lifecycle_stream *s);
const char *lifecycle_stream_epoch(const struct lifecycle_stream *s);
uint64_t lifecycle_stream_seq(const struct lifecycle_stream *s); /* the cursor: everything up to it is known */

/*
 * Never waits. 0: an event; -EAGAIN: none yet; -ENODATA: the daemon hung up, subscribe again with the cursor;
 * -EOVERFLOW: changes were lost, what you know is no longer whole, subscribe again for a new snapshot; -EBADMSG: the
 * other side speaks something else.
 */
int lifecycle_stream_next(struct lifecycle_stream *s, struct lifecycle_event *event);
/* Waits until lifecycle_stream_next has something to say: 0, -ETIMEDOUT or -EINTR. */
int lifecycle_stream_wait(struct lifecycle_stream *s, int milliseconds);

/* ---- state page: the state of VMs that live, by FF-A id and life, without asking anybody ---- */

struct lifecycle_page;

struct lifecycle_page_info {
	size_t size;
	int state, substate;
	int cause;
	unsigned vcpu_count;
	uint64_t changed_at;
	uint64_t since;
	uint8_t uuid[16];
};
#define LIFECYCLE_PAGE_INFO_INIT { .size = sizeof(struct lifecycle_page_info) }

/* `directory` is the daemon's runtime directory; NULL: /run/lifecycled. -EPROTO: not a page of a version known here. */
int lifecycle_page_open(const char *directory, struct lifecycle_page **ret);
struct lifecycle_page *lifecycle_page_ref(struct lifecycle_page *p);
struct lifecycle_page *lifecycle_page_unref(struct lifecycle_page *p);

/* The state of exactly that life: one load. -ESTALE: it is over, the id is free or another life's. */
int lifecycle_page_state(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, enum lifecycle_state *ret_state,
	enum lifecycle_substate *ret_substate);

/* The rest of the line. -EAGAIN: the daemon was writing, or died while it was; its successor repairs the line. */
int lifecycle_page_info(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, struct lifecycle_page_info *info);

/*
 * Waits while that life is in that state and sub-state. 0: it left them; -ESTALE: the life is over; -ETIMEDOUT;
 * -EHOSTDOWN: the daemon is gone, nobody will write the page; -EINTR.
 */
int lifecycle_page_wait(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, enum lifecycle_state state,
	enum lifecycle_substate substate, int milliseconds);

/* 1: a daemon keeps the page; 0: stale, it says what was when the daemon died. */
int lifecycle_page_alive(const struct lifecycle_page *p);
uint64_t lifecycle_page_seq(const struct lifecycle_page *p);
uint64_t lifecycle_page_incarnation(const struct lifecycle_page *p);

/* ---- console: what the guest said ---- */

struct lifecycle_console;

/* Of the VM's life, or of its last one. -ENXIO: the VM has no console. */
int lifecycle_console_open(struct lifecycle *l, const char *name, struct lifecycle_console **ret);
struct lifecycle_console *lifecycle_console_ref(struct lifecycle_console *c);
struct lifecycle_console *lifecycle_console_unref(struct lifecycle_console *c);

/*
 * Never waits. The bytes read, 0 if there are none yet; begins at the oldest byte that is kept. *ret_lost, if not NULL,
 * counts the bytes before them that the guest had overwritten already.
 */
ssize_t lifecycle_console_read(struct lifecycle_console *c, void *buffer, size_t size, uint64_t *ret_lost);
/* Waits for more than was read: 0, -ETIMEDOUT or -EINTR. */
int lifecycle_console_wait(struct lifecycle_console *c, int milliseconds);
uint64_t lifecycle_console_position(const struct lifecycle_console *c); /* bytes of the guest's output read or lost */

#ifdef __cplusplus
}
#endif

#endif
