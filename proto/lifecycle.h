/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The words of a lifecycle that cross a process boundary: states, sub-states, causes, and the ways a debt ends.
 * Numbers are stored in the state page, in event streams and in last words; they never change meaning.
 * Each list is the one place where number and name meet: use LIFECYCLE_NAME_TABLE to make a table of it.
 *
 * VM states: FF-A v1.3 ALP2 ch. 7 (partition lifecycle), as Hafnium spells them. vCPU states: the same chapter.
 */

#include <stdint.h>

#define VM_STATES(X)                                                                                                   \
	X(VM_NULL, 0, "null")         /* no life */                                                                    \
	X(VM_CREATED, 1, "created")   /* built or being built, no vCPU has entered */                                  \
	X(VM_RUNNING, 2, "running")   /* vCPU 0 has entered */                                                         \
	X(VM_ABORTING, 3, "aborting") /* vCPUs are being stopped, debts paid, memory given back */                     \
	X(VM_HALTED, 4, "halted")     /* vCPUs stopped for good, life kept: saved, or an image exchange */

/* Where inside a state; at most 16, for they share a word with the state (state-page.h). */
#define VM_SUBSTATES(X)                                                                                                \
	X(VM_SUB_NONE, 0, "-")                                                                                         \
	X(VM_SUB_ALLOCATING, 1, "allocating") /* CREATED: the VMM is being started and builds the KVM VM */            \
	X(VM_SUB_ANNOUNCING, 2, "announcing") /* CREATED: VM_CREATED is being driven to 0 at every subscribed SP */    \
	X(VM_SUB_READY, 3, "ready")           /* CREATED: may enter */                                                 \
	X(VM_SUB_BOOTING, 4, "booting")       /* RUNNING */                                                            \
	X(VM_SUB_RUNNING, 5, "running")                                                                                \
	X(VM_SUB_PAUSING, 6, "pausing")                                                                                \
	X(VM_SUB_PAUSED, 7, "paused")                                                                                  \
	X(VM_SUB_QUIESCING, 8, "quiescing")   /* ABORTING: waits until no vCPU can run */                              \
	X(VM_SUB_LEASES, 9, "leases")         /* ABORTING: clients hold the destruction */                             \
	X(VM_SUB_RETIRING, 10, "retiring")    /* ABORTING: VM_DESTROYED is being driven to settled */                  \
	X(VM_SUB_RECLAIMING, 11, "reclaiming") /* ABORTING: waits for the VMM's death and the memory's removal */      \
	X(VM_SUB_PRESERVED, 12, "preserved")  /* ABORTING: kept for a post-mortem */

#define VCPU_STATES(X)                                                                                                 \
	X(VCPU_OFF, 0, "off")                                                                                          \
	X(VCPU_NULL, 1, "null")                                                                                        \
	X(VCPU_CREATED, 2, "created")                                                                                  \
	X(VCPU_STARTING, 3, "starting")                                                                                \
	X(VCPU_RUNNING, 4, "running")                                                                                  \
	X(VCPU_WAITING, 5, "waiting")                                                                                  \
	X(VCPU_BLOCKED, 6, "blocked")                                                                                  \
	X(VCPU_BLOCKED_INTERRUPT, 7, "blocked-interrupt")                                                              \
	X(VCPU_PREEMPTED, 8, "preempted")                                                                              \
	X(VCPU_STOPPING, 9, "stopping")                                                                                \
	X(VCPU_STOPPED, 10, "stopped")                                                                                 \
	X(VCPU_ABORTED, 11, "aborted")

/* Why a life ended. CAUSE_NONE: it has not. */
#define CAUSES(X)                                                                                                      \
	X(CAUSE_NONE, 0, "-")                                                                                          \
	X(CAUSE_GUEST_POWEROFF, 1, "guest-poweroff")                                                                   \
	X(CAUSE_GUEST_REBOOT, 2, "guest-reboot")                                                                       \
	X(CAUSE_GUEST_PANIC, 3, "guest-panic")                                                                         \
	X(CAUSE_GUEST_WATCHDOG, 4, "guest-watchdog")                                                                   \
	X(CAUSE_VCPU_STALL, 5, "vcpu-stall")                                                                           \
	X(CAUSE_VCPU_ERROR, 6, "vcpu-error")                                                                           \
	X(CAUSE_MEMORY_FAULT, 7, "memory-fault")                                                                       \
	X(CAUSE_VMM_EXIT, 8, "vmm-exit")         /* the VMM exited without last words */                               \
	X(CAUSE_VMM_SIGNAL, 9, "vmm-signal")     /* a signal ended the VMM */                                          \
	X(CAUSE_VMM_PROTOCOL, 10, "vmm-protocol") /* the VMM broke the link's rules and was killed */                  \
	X(CAUSE_VMM_GONE, 11, "vmm-gone")        /* the VMM is dead and nobody saw why */                              \
	X(CAUSE_OOM, 12, "oom")                                                                                        \
	X(CAUSE_USER_STOP, 13, "user-stop")                                                                            \
	X(CAUSE_USER_ABORT, 14, "user-abort")                                                                          \
	X(CAUSE_USER_RESTART, 15, "user-restart")                                                                      \
	X(CAUSE_USER_DESTROY, 16, "user-destroy")                                                                      \
	X(CAUSE_CLIENT_GONE, 17, "client-gone")                                                                        \
	X(CAUSE_DEPENDENCY, 18, "dependency")                                                                          \
	X(CAUSE_HOST_SHUTDOWN, 19, "host-shutdown")                                                                    \
	X(CAUSE_START_FAILED, 20, "start-failed")        /* the VMM could not be started or could not build the VM */  \
	X(CAUSE_SECURE_REJECTED, 21, "secure-rejected")  /* an SP refused VM_CREATED */                                \
	X(CAUSE_SECURE_TIMEOUT, 22, "secure-timeout")    /* an SP did not take VM_CREATED before the deadline */       \
	X(CAUSE_HOST_REBOOT, 23, "host-reboot")          /* the life belongs to an earlier boot of this host */

/* What one life owes one SP (FF-A v1.2 s.18.3, VM availability signalling). */
#define DEBT_STATES(X)                                                                                                 \
	X(DEBT_NONE, 0, "none")             /* the SP was told nothing */                                              \
	X(DEBT_CREATING, 1, "creating")     /* VM_CREATED was sent, or may have been: drive it to 0 */                 \
	X(DEBT_KNOWN, 2, "known")           /* the SP knows the VM, its end is owed */                                 \
	X(DEBT_DESTROYING, 3, "destroying") /* VM_DESTROYED was sent, or may have been: drive it to settled */         \
	X(DEBT_SETTLED, 4, "settled")       /* paid; DEBT_HOW says by what */

/* How a debt came to where it is. The six ways to settle are 3..8. */
#define DEBT_HOWS(X)                                                                                                   \
	X(HOW_NONE, 0, "-")                                                                                            \
	X(HOW_ANSWERED, 1, "answered-0")                                                                               \
	X(HOW_UNTOLD, 2, "untold")                     /* KNOWN without a message: subscribed to VM_DESTROYED alone */ \
	X(HOW_SP_UNKNOWN, 3, "sp-unknown")             /* settled: the SP says it does not know the VM */              \
	X(HOW_SP_GONE, 4, "sp-instance-gone")          /* settled: the SP restarted, died or vanished */               \
	X(HOW_WORLD_GONE, 5, "secure-world-gone")      /* settled: the secure world is another instance */             \
	X(HOW_NOT_SUBSCRIBED, 6, "not-subscribed")     /* settled: the SP does not want VM_DESTROYED */                \
	X(HOW_FORGOT, 7, "operator-forgot")            /* settled: the operator said so */                             \
	X(HOW_REJECTED, 8, "rejected")                 /* back to NONE: the SP refused VM_CREATED */

/* A client's hold on the end of a life, and how it ended. */
#define LEASE_STATES(X)                                                                                                \
	X(LEASE_HELD, 0, "held")                                                                                       \
	X(LEASE_ASKED, 1, "asked")         /* its holder was asked to let go */                                         \
	X(LEASE_RELEASED, 2, "released")   /* over: the holder let go */                                                \
	X(LEASE_HUNG_UP, 3, "hung-up")     /* over: the holder closed its end, or died */                               \
	X(LEASE_REVOKED, 4, "revoked")     /* over: the holder did not let go in time */                                \
	X(LEASE_UNCLAIMED, 5, "unclaimed") /* over: nobody claimed it again from a new daemon */

/* The one operation a VM may have under way; a higher number supersedes a lower one, and each of them a pause. */
#define OPERATIONS(X)                                                                                                  \
	X(OP_NONE, 0, "-")                                                                                             \
	X(OP_START, 1, "start")                                                                                        \
	X(OP_RESTART, 2, "restart")                                                                                    \
	X(OP_STOP, 3, "stop")                                                                                          \
	X(OP_ABORT, 4, "abort")                                                                                        \
	X(OP_DESTROY, 5, "destroy")                                                                                    \
	X(OP_PAUSE, 6, "pause")

/* What can be asked of a VM. */
#define VERBS(X)                                                                                                       \
	X(VERB_START, 0, "start")                                                                                      \
	X(VERB_STOP, 1, "stop")                                                                                        \
	X(VERB_ABORT, 2, "abort")                                                                                      \
	X(VERB_RESTART, 3, "restart")                                                                                  \
	X(VERB_DESTROY, 4, "destroy")                                                                                  \
	X(VERB_PAUSE, 5, "pause")                                                                                      \
	X(VERB_RESUME, 6, "resume")                                                                                    \
	X(VERB_PRESERVE, 7, "preserve") /* an abort that keeps what it ends */                                         \
	X(VERB_CANCEL, 8, "cancel")

/* How a device that the VM was given is, beside its state. */
#define DEVICE_CONDITIONS(X)                                                                                           \
	X(DEVICE_WELL, 0, "-")                                                                                         \
	X(DEVICE_AWAITED, 1, "awaited")           /* it has not answered an order yet */                               \
	X(DEVICE_FAILED, 2, "failed")             /* it failed an order, and is where it was */                        \
	X(DEVICE_WAS_RESET, 3, "was-reset")       /* nothing else helped: what the guest had in it is lost */          \
	X(DEVICE_DEAD, 4, "dead")                 /* not even a reset helped: an operator is needed */                 \
	X(DEVICE_UNMIGRATABLE, 5, "unmigratable") /* it has no states to be led through */

/* How an operation ended that did not do what it was to do, and whose end tells nothing else. */
#define OUTCOMES(X)                                                                                                    \
	X(OUTCOME_NONE, 0, "-")                                                                                        \
	X(OUTCOME_UNHEARD, 1, "unheard")    /* stop: the guest listens to no power key, and goes on */                 \
	X(OUTCOME_TIMED_OUT, 2, "timed-out") /* pause: its vCPUs did not all come out in time, and go on */               \
	X(OUTCOME_DEVICE_REFUSED, 3, "device-refused") /* pause: a device would not stop, and all go on */             \
	X(OUTCOME_DEVICE_STOPPED, 4, "device-stopped") /* resume: a device does not start again, and all stand */

/* On what an unfinished thing waits (promise P6). */
#define WAITS(X)                                                                                                       \
	X(WAIT_NOTHING, 0, "-")                                                                                        \
	X(WAIT_VMM, 1, "vmm")                   /* the VMM process: to come, to build, to stop its vCPUs, to exit */    \
	X(WAIT_SP, 2, "sp")                     /* the SP named beside it */                                            \
	X(WAIT_SECURE_LINK, 3, "secure-link")   /* the secure side cannot be reached */                                 \
	X(WAIT_VM, 4, "vm")                     /* the VM named beside it: order, or the SP's single creation slot */   \
	X(WAIT_MEMORY, 5, "memory-removal")     /* the helper that unlinks guest memory */                              \
	X(WAIT_TIMER, 6, "timer")               /* a restart delay */                                                   \
	X(WAIT_DISK, 7, "disk")                 /* it does not take the log, or not in time */                          \
	X(WAIT_OLD_LIFE, 8, "old-life")         /* an older life of this VM is still settling */                       \
	X(WAIT_GUEST, 9, "guest")               /* the guest, whose power key was pressed */                            \
	X(WAIT_OPERATOR, 10, "operator")        /* somebody who looks at a life that is kept, and then ends it */             \
	X(WAIT_LEASE, 11, "lease")              /* the holder of a lease, named beside it, who was asked to let go */

#define LIFECYCLE_ENUM_ENTRY(symbol, number, string) symbol = number,
#define LIFECYCLE_COUNT_ENTRY(symbol, number, string) +1
#define LIFECYCLE_NAME_ENTRY(symbol, number, string) [number] = string,

enum vm_state { VM_STATES(LIFECYCLE_ENUM_ENTRY) };
enum vm_substate { VM_SUBSTATES(LIFECYCLE_ENUM_ENTRY) };
enum vcpu_state { VCPU_STATES(LIFECYCLE_ENUM_ENTRY) };
enum vm_cause { CAUSES(LIFECYCLE_ENUM_ENTRY) };
enum debt_state { DEBT_STATES(LIFECYCLE_ENUM_ENTRY) };
enum debt_how { DEBT_HOWS(LIFECYCLE_ENUM_ENTRY) };
enum lease_state { LEASE_STATES(LIFECYCLE_ENUM_ENTRY) };
enum operation { OPERATIONS(LIFECYCLE_ENUM_ENTRY) };
enum outcome { OUTCOMES(LIFECYCLE_ENUM_ENTRY) };
enum verb { VERBS(LIFECYCLE_ENUM_ENTRY) };
enum device_condition { DEVICE_CONDITIONS(LIFECYCLE_ENUM_ENTRY) };
enum wait_on { WAITS(LIFECYCLE_ENUM_ENTRY) };

enum {
	VM_STATE_COUNT = 0 VM_STATES(LIFECYCLE_COUNT_ENTRY),
	VM_SUBSTATE_COUNT = 0 VM_SUBSTATES(LIFECYCLE_COUNT_ENTRY),
	VCPU_STATE_COUNT = 0 VCPU_STATES(LIFECYCLE_COUNT_ENTRY),
	CAUSE_COUNT = 0 CAUSES(LIFECYCLE_COUNT_ENTRY),
	DEBT_STATE_COUNT = 0 DEBT_STATES(LIFECYCLE_COUNT_ENTRY),
	DEBT_HOW_COUNT = 0 DEBT_HOWS(LIFECYCLE_COUNT_ENTRY),
	LEASE_STATE_COUNT = 0 LEASE_STATES(LIFECYCLE_COUNT_ENTRY),
	OPERATION_COUNT = 0 OPERATIONS(LIFECYCLE_COUNT_ENTRY),
	OUTCOME_COUNT = 0 OUTCOMES(LIFECYCLE_COUNT_ENTRY),
	VERB_COUNT = 0 VERBS(LIFECYCLE_COUNT_ENTRY),
	DEVICE_CONDITION_COUNT = 0 DEVICE_CONDITIONS(LIFECYCLE_COUNT_ENTRY),
	WAIT_COUNT = 0 WAITS(LIFECYCLE_COUNT_ENTRY),
};

/* LIFECYCLE_NAME_TABLE(vm_state_names, VM_STATES) defines a static table indexed by number. */
#define LIFECYCLE_NAME_TABLE(table, LIST) static const char *const table[] = { LIST(LIFECYCLE_NAME_ENTRY) }

_Static_assert(VM_SUBSTATE_COUNT <= 16 && VM_STATE_COUNT <= 16, "state and sub-state share one byte of the page word");
