/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_WORDS_H
#define LIFECYCLE_WORDS_H

/* The words: enumerations, their names, and the errors. Part of lifecycle.h: include that. */

#ifdef __cplusplus
extern "C" {
#endif

#define LIFECYCLE_NAME_MAX 63
#define LIFECYCLE_UNKNOWN (-1)
#define LIFECYCLE_FOREVER (-1) /* as a time-out in milliseconds */

enum lifecycle_state {
	LIFECYCLE_STATE_NULL = 0, /* it has no life */
	LIFECYCLE_STATE_CREATED = 1, /* built, or being built: no vCPU has entered */
	LIFECYCLE_STATE_RUNNING = 2, /* its first vCPU has entered */
	LIFECYCLE_STATE_ABORTING = 3, /* it ends: vCPUs stop, SPs are told, memory goes back */
	LIFECYCLE_STATE_HALTED = 4, /* its vCPUs have stopped for good, and its life is kept */
};

enum lifecycle_substate {
	LIFECYCLE_SUB_NONE = 0,
	LIFECYCLE_SUB_ALLOCATING = 1, /* CREATED: its VMM is started, and builds it */
	LIFECYCLE_SUB_ANNOUNCING = 2, /* each subscribed SP is told that it was created */
	LIFECYCLE_SUB_READY = 3, /* its vCPUs may enter */
	LIFECYCLE_SUB_BOOTING = 4, /* RUNNING */
	LIFECYCLE_SUB_RUNNING = 5,
	LIFECYCLE_SUB_PAUSING = 6,
	LIFECYCLE_SUB_PAUSED = 7,
	LIFECYCLE_SUB_QUIESCING = 8, /* ABORTING: until no vCPU can run */
	LIFECYCLE_SUB_LEASES = 9, /* until clients that hold its end let go */
	LIFECYCLE_SUB_RETIRING = 10, /* until each SP that knows it took its end */
	LIFECYCLE_SUB_RECLAIMING = 11, /* until its VMM is dead and its memory given back */
	LIFECYCLE_SUB_PRESERVED = 12, /* kept for a post-mortem */
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
	LIFECYCLE_CAUSE_GUEST_POWEROFF = 1, /* the guest switched itself off */
	LIFECYCLE_CAUSE_GUEST_REBOOT = 2, /* the guest reset itself */
	LIFECYCLE_CAUSE_GUEST_PANIC = 3, /* the guest said so */
	LIFECYCLE_CAUSE_GUEST_WATCHDOG = 4, /* the guest no longer set its watchdog back */
	LIFECYCLE_CAUSE_VCPU_STALL = 5, /* a vCPU took no interrupt for too long */
	LIFECYCLE_CAUSE_VCPU_ERROR = 6, /* a vCPU cannot go on: KVM says so, or the guest did what cannot be answered */
	LIFECYCLE_CAUSE_MEMORY_FAULT = 7, /* its memory cannot be had, or is broken */
	LIFECYCLE_CAUSE_VMM_EXIT = 8, /* its VMM exited, and did not say why */
	LIFECYCLE_CAUSE_VMM_SIGNAL = 9, /* a signal ended its VMM */
	LIFECYCLE_CAUSE_VMM_PROTOCOL = 10, /* its VMM broke the rules, and was killed */
	LIFECYCLE_CAUSE_VMM_GONE = 11, /* its VMM is dead, and nobody saw why */
	LIFECYCLE_CAUSE_OOM = 12, /* the kernel had no memory left for its VMM */
	LIFECYCLE_CAUSE_USER_STOP = 13, /* somebody asked for it, from here on */
	LIFECYCLE_CAUSE_USER_ABORT = 14,
	LIFECYCLE_CAUSE_USER_RESTART = 15,
	LIFECYCLE_CAUSE_USER_DESTROY = 16,
	LIFECYCLE_CAUSE_CLIENT_GONE = 17, /* the client that it was bound to went away */
	LIFECYCLE_CAUSE_DEPENDENCY = 18, /* a VM that it needs ended */
	LIFECYCLE_CAUSE_HOST_SHUTDOWN = 19, /* the host goes down */
	LIFECYCLE_CAUSE_START_FAILED = 20, /* its VMM could not be started, or could not build it */
	LIFECYCLE_CAUSE_SECURE_REJECTED = 21, /* an SP refused it */
	LIFECYCLE_CAUSE_SECURE_TIMEOUT = 22, /* an SP did not take it in time */
	LIFECYCLE_CAUSE_HOST_REBOOT = 23, /* the host was started anew: it is of before */
};

/* What a life owes a Secure Partition, and how it came to that. */
enum lifecycle_debt {
	LIFECYCLE_DEBT_NONE = 0, /* the SP was told nothing */
	LIFECYCLE_DEBT_CREATING = 1, /* it is being told that the VM was created */
	LIFECYCLE_DEBT_KNOWN = 2, /* it knows the VM, and is owed its end */
	LIFECYCLE_DEBT_DESTROYING = 3, /* it is being told that the VM was destroyed */
	LIFECYCLE_DEBT_SETTLED = 4, /* nothing is owed any more */
};

enum lifecycle_how {
	LIFECYCLE_HOW_NONE = 0,
	LIFECYCLE_HOW_ANSWERED = 1, /* the SP answered 0 */
	LIFECYCLE_HOW_UNTOLD = 2, /* KNOWN without a message: it wants to hear of the end alone */
	LIFECYCLE_HOW_SP_UNKNOWN = 3, /* it says that it does not know the VM */
	LIFECYCLE_HOW_SP_GONE = 4, /* it was restarted, died or vanished */
	LIFECYCLE_HOW_WORLD_GONE = 5, /* the secure world is another instance */
	LIFECYCLE_HOW_NOT_SUBSCRIBED = 6, /* it does not want to hear of ends */
	LIFECYCLE_HOW_FORGOT = 7, /* the operator gave it up */
	LIFECYCLE_HOW_REJECTED = 8, /* it refused the VM */
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
	LIFECYCLE_OUTCOME_DEVICE_REFUSED = 3, /* pause: a device would not stop, and all go on */
	LIFECYCLE_OUTCOME_DEVICE_STOPPED = 4, /* resume: a device does not start again, and all stand */
};

/* On what an unfinished operation waits. */
enum lifecycle_wait {
	LIFECYCLE_WAIT_NOTHING = 0,
	LIFECYCLE_WAIT_VMM = 1, /* the VMM: to come, to build, to stop its vCPUs, to exit */
	LIFECYCLE_WAIT_SP = 2, /* an SP, which is named */
	LIFECYCLE_WAIT_SECURE_LINK = 3, /* the secure side, which cannot be reached */
	LIFECYCLE_WAIT_VM = 4, /* a VM, which is named: order, or its turn at an SP */
	LIFECYCLE_WAIT_MEMORY = 5, /* the removal of guest memory */
	LIFECYCLE_WAIT_TIMER = 6, /* the delay of a restart */
	LIFECYCLE_WAIT_DISK = 7, /* the disk, which does not take the log */
	LIFECYCLE_WAIT_OLD_LIFE = 8, /* an older life of the same VM */
	LIFECYCLE_WAIT_GUEST = 9, /* its power key was pressed */
	LIFECYCLE_WAIT_OPERATOR = 10, /* a life is kept for him to look at */
	LIFECYCLE_WAIT_LEASE = 11, /* its holder was asked to let go */
};

/* A client's hold on the end of a life, and how it ended. */
enum lifecycle_lease_state {
	LIFECYCLE_LEASE_HELD = 0,
	LIFECYCLE_LEASE_ASKED = 1,     /* its holder was asked to let go */
	LIFECYCLE_LEASE_RELEASED = 2,  /* over, from here on: the holder let go */
	LIFECYCLE_LEASE_HUNG_UP = 3,   /* or closed its end, or died */
	LIFECYCLE_LEASE_REVOKED = 4,   /* it did not let go in time */
	LIFECYCLE_LEASE_UNCLAIMED = 5, /* nobody claimed it again from a new daemon */
};

/* Why a call failed. 1..17 come from the daemon; each has an errno and an exit code of its own. */
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
	LIFECYCLE_REFUSED_OTHER_SOURCE = 16,
	LIFECYCLE_REFUSED_NOT_BOUND = 17,
	LIFECYCLE_REFUSED_NO_SUCH_LEASE = 18,
	LIFECYCLE_UNREACHABLE = 1000, /* -ENOTCONN: no daemon, or no bus */
	LIFECYCLE_NO_ANSWER = 1001,   /* -ETIMEDOUT: it did not answer in time */
	LIFECYCLE_LOCAL = 1002,       /* anything that failed on this side */
};

/* What a number that a function of this library returned says, negative or not. Where there is a connection,
 * lifecycle_last_error() knows more. */
const char *lifecycle_error_text(int error);

/* The word for a number, "unknown" for one that has none; and back, -EINVAL for what is no word. */
const char *lifecycle_state_name(int state);
const char *lifecycle_substate_name(int substate);
const char *lifecycle_vcpu_state_name(int vcpu_state);
const char *lifecycle_cause_name(int cause);
const char *lifecycle_debt_name(int debt);
const char *lifecycle_how_name(int how);
const char *lifecycle_operation_name(int operation);
const char *lifecycle_outcome_name(int outcome);
const char *lifecycle_wait_name(int wait);
const char *lifecycle_lease_state_name(int lease_state);
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
int lifecycle_lease_state_from_name(const char *name);
int lifecycle_refusal_from_name(const char *name);

/* The errno (positive) and the exit code of lifecyclectl(1) that belong to a refusal. */
int lifecycle_refusal_errno(int refusal);
int lifecycle_refusal_exit_code(int refusal);

#ifdef __cplusplus
}
#endif

#endif
