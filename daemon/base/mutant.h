/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * Mutants: planted bugs that the simulation must find, each by the promise it breaks. A normal build has none: MUTANT(x)
 * is the constant 0. The test build defines LIFECYCLED_MUTANTS and picks one at run time.
 */

#define MUTANTS(X)                                                                                                     \
	X(MUTANT_NONE, "", "no mutant")                                                                                \
	X(MUTANT_P1_SKIP_DEBT, "P1", "an abort forgets the debt at one SP")                                            \
	X(MUTANT_P1_RETRY_IS_DONE, "P1", "RETRY to VM_DESTROYED is taken for 0")                                       \
	X(MUTANT_P1_DESTROYED_TWICE, "P1", "VM_DESTROYED is sent again after it was answered 0")                       \
	X(MUTANT_P1_CREATED_UNPAID, "P1", "an abort while CREATED is at RETRY never pays it")                          \
	X(MUTANT_P1_UNWANTED_OWED, "P1", "an end that an SP does not want to hear of any more is owed for ever")          \
	X(MUTANT_P1_FORGOTTEN_OPEN, "P1", "what a forgotten life may have open at an SP is lost sight of")              \
	X(MUTANT_P1_BOOT_FORGIVES, "P1", "another boot of the host settles what an earlier one owes")                       \
	X(MUTANT_P1_BITMAP_UNPAID, "P1", "what the SPMC was asked before a crash is not asked again")                       \
	X(MUTANT_P1_RUN_IS_OVER, "P1", "a call that FFA_RUN did not get to is taken for one that is over")                  \
	X(MUTANT_P1_RUN_REFUSED, "P1", "FFA_RUN that is denied is taken for the message that is denied")                        \
	X(MUTANT_P2_ID_EARLY, "P2", "the FF-A id is free as soon as the VMM is dead")                                  \
	X(MUTANT_P2_MEMORY_EARLY, "P2", "memory is removed when the vCPUs are out, debts unpaid")                      \
	X(MUTANT_P2_ID_UNKNOWN, "P2", "a link that breaks settles what was in flight")                                 \
	X(MUTANT_P2_ID_WARM, "P2", "the id that was given back last is the next to be given out")                      \
	X(MUTANT_P2_ID_ORDER_LOST, "P2", "a snapshot forgets in which order ids became free")                          \
	X(MUTANT_P2_BURNED_REUSED, "P2", "the id of a forgotten life is given out again")                              \
	X(MUTANT_P2_LOST_ID_REUSED, "P2", "the id of a life whose record is lost is given out")                        \
	X(MUTANT_P2_LOST_ID_UNMET, "P2", "where no SP is on record the id of a life whose record is lost is given out")      \
	X(MUTANT_P2_LOST_ID_MET, "P2", "when SPs are met they are not taken for those that know a life whose record is lost") \
	X(MUTANT_P2_BOOT_FREES_ID, "P2", "another boot of the host gives ids back that are owed something")                \
	X(MUTANT_P2_BURN_LOST, "P2", "a snapshot forgets which ids are burned")                                        \
	X(MUTANT_P3_ENTER_EARLY, "P3", "vCPUs enter once the first SP answered")                                       \
	X(MUTANT_P3_DESTROYED_EARLY, "P3", "VM_DESTROYED leaves before quiesce is proven")                             \
	X(MUTANT_P3_DESTROYED_OVER_CREATED, "P3", "VM_DESTROYED leaves while CREATED is at RETRY")                     \
	X(MUTANT_P3_NO_REANNOUNCE, "P3", "an SP that restarted is not told of live VMs again")                         \
	X(MUTANT_P3_PRESERVED_TOLD, "P3", "SPs are told of the end of a life that is kept")                            \
	X(MUTANT_P3_BITMAP_LATE, "P3", "vCPUs enter before the SPMC made the notification bitmap")                      \
	X(MUTANT_P3_BITMAP_EARLY, "P3", "the notification bitmap is asked for before the SPs know the VM")              \
	X(MUTANT_P3_BITMAP_OUTLIVES, "P3", "VM_DESTROYED leaves before the notification bitmap is gone")                \
	X(MUTANT_P2_ID_UNDER_CALL, "P2", "a life goes while an SP has a call of its guest")                              \
	X(MUTANT_P3_GUEST_RUN_IDLE, "P3", "FFA_RUN is sent for a guest's call whose answer was lost")                     \
	X(MUTANT_P3_GUEST_UNKNOWN, "P3", "a guest calls an SP that restarted and was not told of it again")               \
	X(MUTANT_P5_SP_SENT_TWICE, "P5", "a guest's call to an SP whose answer was lost is sent again")                   \
	X(MUTANT_P5_STRANGER_ANSWERED, "P5", "an SP's late answer goes to whoever waits there")                           \
	X(MUTANT_P3_PAUSED_EARLY, "P3", "a VM is paused before its vCPUs are out of the guest")                        \
	X(MUTANT_P3_PAUSED_BEFORE, "P3", "an answer to a PAUSE before the last counts for the last")                    \
	X(MUTANT_P3_LEASES_IGNORED, "P3", "SPs are told of an end that clients hold")                                  \
	X(MUTANT_P3_LEASE_CUT_SHORT, "P3", "a lease is revoked at half of its time")                                   \
	X(MUTANT_P4_LEASE_LOST, "P4", "a snapshot forgets leases")                                                     \
	X(MUTANT_P4_LEASE_RELEASED_BY_OLD, "P4", "the end of a dead connection releases a lease that was claimed by another") \
	X(MUTANT_P4_RESUME_LOST, "P4", "a VMM that missed its RESUME is not told again")                               \
	X(MUTANT_P4_DEVICE_UNSHOWN, "P4", "how a device is is heard, and not shown")                                   \
	X(MUTANT_P4_STANDS_UNSAID, "P4", "a guest whose device does not start again is shown as running")               \
	X(MUTANT_P4_AUTOSTART_LOST, "P4", "who is to start with the host does not if the first daemon dies early")             \
	X(MUTANT_P4_AUTOSTART_SETTLES, "P4", "who is to start with the host does not if its last life still settles")           \
	X(MUTANT_P4_UNBORN_ENDS, "P4", "a start is lost with a daemon that dies before it gives the life to its VMM")         \
	X(MUTANT_P4_SEQ_TWICE, "P4", "a sequence number is used twice")                                                \
	X(MUTANT_P4_SHOW_BEFORE_STORE, "P4", "a turn is shown before it is stored")                                    \
	X(MUTANT_P4_FAILED_IS_STORED, "P4", "a commit that fails later than at once counts as one that is stored")     \
	X(MUTANT_P4_PENDING_LOST, "P4", "a snapshot forgets what waits for the end of a life")                         \
	X(MUTANT_P4_UNLISTED, "P4", "guests are not told of a VM whose life is ending")                                \
	X(MUTANT_P5_CAN_WRONG, "P5", "a VM that is paused is said to be one that can be paused")                        \
	X(MUTANT_P4_SANDBOX_UNSHOWN, "P4", "what a VMM's sandbox is without is not shown")                              \
	X(MUTANT_P4_END_UNCOUNTED, "P4", "an end that a user asked for is not counted")                                 \
	X(MUTANT_P4_END_UNNAMED, "P4", "it is told that an operation is over, and not which")                            \
	X(MUTANT_P4_RECLAIMING_UNSHOWN, "P4", "a life that was left behind is not shown any more once it owes nothing")    \
	X(MUTANT_P4_EVENT_LOST, "P4", "a change is stored and not shown")                                              \
	X(MUTANT_P5_ILLEGAL_RESTART, "P5", "an abort of a VM without a life is taken")                                 \
	X(MUTANT_P5_SKIP_ABORTING, "P5", "an ended guest goes from RUNNING to NULL in one step")                       \
	X(MUTANT_P5_REFUSED_CHANGES, "P5", "a refused request leaves a trace in the state")                            \
	X(MUTANT_P5_SECOND_REQUEST, "P5", "a guest that serves a request is given another")                             \
	X(MUTANT_P5_RESPONSE_TO_ANY, "P5", "a response goes to whom it names, asked for or not")                        \
	X(MUTANT_P5_MESSAGE_CUT, "P5", "of a 64-bit message the upper halves are lost")                                \
	X(MUTANT_P5_SENT_TWICE, "P5", "a request that was told before a crash is delivered again")                      \
	X(MUTANT_P5_WAITS_UNSEEN, "P5", "a guest that waits for a request counts as one that runs")                     \
	X(MUTANT_P5_BOUND_TWICE, "P5", "a notification that belongs to one sender is given to another")                  \
	X(MUTANT_P5_PAUSE_UNKNOWN, "P5", "a VMM is told to pause that is too old to know what that is")                   \
	X(MUTANT_P5_STALE_ENDED, "P5", "a VMM that is not understood is ended with its guest")                             \
	X(MUTANT_P4_STALE_UNSHOWN, "P4", "a VMM that is not understood is shown as one that is away")                      \
	X(MUTANT_P5_SET_UNBOUND, "P5", "who is not bound may set a notification")                                       \
	X(MUTANT_P5_TAKEN_TWICE, "P5", "what was taken is pending still")                                               \
	X(MUTANT_P5_BOUND_UNKNOWN, "P5", "a new daemon denies what it has not been told of yet")                           \
	X(MUTANT_P5_NOTIFICATION_LOST, "P5", "what was pending when the daemon died is not pending any more")            \
	X(MUTANT_P5_MESSAGE_TWICE, "P5", "a message that was told before a crash leaves again")                        \
	X(MUTANT_P5_STOP_RESTARTS, "P5", "a VM that was stopped is started again")                                     \
	X(MUTANT_P5_PANIC_IS_CRASH, "P5", "a panic goes by on-crash, whatever on-panic says")                           \
	X(MUTANT_P5_NO_RESTART, "P5", "an end whose policy is restart brings none")                                    \
	X(MUTANT_P5_NO_LIMIT, "P5", "restarts go on beyond the limit of their window")                                 \
	X(MUTANT_P5_BOOT_COUNTS_ON, "P5", "restarts of an earlier boot fill the window of this one")                     \
	X(MUTANT_P5_PRESERVE_IGNORED, "P5", "an end whose policy is preserve is not kept")                              \
	X(MUTANT_P5_SHUTDOWN_UNORDERED, "P5", "a shutdown ends a VM before one that needs it")                         \
	X(MUTANT_P5_SHUTDOWN_RESTARTS, "P5", "a VM that ends in a shutdown comes back")                                \
	X(MUTANT_P5_CLIENT_OUTLIVED, "P5", "a VM that is bound outlives its client")                                   \
	X(MUTANT_P5_RESTART_EARLY, "P5", "a restart does not wait for its delay")                                      \
	X(MUTANT_P5_BACKOFF_FLAT, "P5", "restarts in a row wait no longer than the first")                             \
	X(MUTANT_P5_HEALTH_IGNORED, "P5", "a guest that ran well waits as long as one that did not")                   \
	X(MUTANT_P5_STOP_CANCELS_NOT, "P5", "a stop is taken, and the restart that is due comes")                      \
	X(MUTANT_P5_CANCEL_IGNORED, "P5", "a restart is taken back, and comes")                                         \
	X(MUTANT_P5_CANCEL_STOPPING, "P5", "a stop that the guest was told of is taken back")                           \
	X(MUTANT_P5_ORDER_IGNORED, "P5", "a VM starts before those that come first run")                               \
	X(MUTANT_P5_DEPENDENCY_OUTLIVED, "P5", "a VM outlives one that it requires")                                   \
	X(MUTANT_P5_PENDING_EARLY, "P5", "a life that runs is given the definition of the next")                       \
	X(MUTANT_P5_PENDING_KEPT, "P5", "the next life is built from the old definition once more")                    \
	X(MUTANT_P6_PARTITION_UNSAID, "P6", "a start that waits for an SP does not say so")                            \
	X(MUTANT_P6_PARTITION_ANEW, "P6", "a new daemon begins anew to wait for an SP")                  \
	X(MUTANT_P6_IDS_UNSAID, "P6", "a start that waits for SPs to be met, for its id, does not say so")               \
	X(MUTANT_P6_NEXT_UNSAID, "P6", "when a VM comes back is not shown")                                            \
	X(MUTANT_P6_WAITS_IN_VAIN, "P6", "a start waits for a VM that it requires and nobody starts")                  \
	X(MUTANT_P6_ENDED_UNSAID, "P6", "who waits for a VM is not told that it comes no more")                        \
	X(MUTANT_P6_WAITS_UNSAID, "P6", "a VM that retires does not say on whom it waits")                             \
	X(MUTANT_P6_PRESERVED_UNSAID, "P6", "a life that is kept does not say who is waited for")                      \
	X(MUTANT_P6_PRESERVED_FOREVER, "P6", "a life is kept beyond its deadline")                                     \
	X(MUTANT_P6_SHUTDOWN_UNSAID, "P6", "a VM whose turn in a shutdown has not come does not say so")               \
	X(MUTANT_P6_SHUTDOWN_DEAF, "P6", "a guest that listens to no power key is left over by a shutdown")            \
	X(MUTANT_P6_CLIENT_FOREVER, "P6", "a client that does not come back is waited for without a deadline")         \
	X(MUTANT_P6_LEASE_UNSAID, "P6", "a VM whose end is held does not say by whom")                                 \
	X(MUTANT_P6_LEASE_FOREVER, "P6", "a holder that does not let go is waited for beyond the deadline")            \
	X(MUTANT_P6_LEASE_UNASKED, "P6", "a holder that claims a lease again is not asked again")                      \
	X(MUTANT_P6_STOP_UNSAID, "P6", "a VM that is being stopped does not say on whom it waits")                     \
	X(MUTANT_P6_STOP_FOREVER, "P6", "a guest that does not obey is waited for beyond the deadline")                \
	X(MUTANT_P6_DEAF_UNSAID, "P6", "a guest that listens to no power key is waited for")                           \
	X(MUTANT_P6_PAUSE_FOREVER, "P6", "vCPUs that do not come out are waited for without a deadline")               \
	X(MUTANT_P6_REFUSAL_UNHEARD, "P6", "a pause that a device has refused is waited for")                          \
	X(MUTANT_P6_ANNOUNCE_FOREVER, "P6", "each restart of an SP moves the deadline of an announce")                  \
	X(MUTANT_P6_ANNOUNCE_STALE, "P6", "a new daemon gives an SP that restarted the time of an announce that was over")   \
	X(MUTANT_P6_LINK_FOREVER, "P6", "a start that an SP's line holds up has no deadline when the link breaks")           \
	X(MUTANT_P6_SLOT_LOST, "P6", "a life whose debt is lost with a part of the log keeps the slot of its SP")            \
	X(MUTANT_P6_LOST_LIFE_AWAITED, "P6", "what waits for the end of a life that the log has lost waits for ever")        \
	X(MUTANT_P6_CALLER_FORGOTTEN, "P6", "who called a guest that dies waits for ever")                              \
	X(MUTANT_P6_UNNOTIFIED, "P6", "a vCPU that waits is not run for what is pending")                               \
	X(MUTANT_P6_SP_UNNOTIFIED, "P6", "what SPs set for a VM is not asked for when they say so")                        \
	X(MUTANT_P6_DOUBT_FOREVER, "P6", "a guest waits for ever for an answer that was lost")                           \
	X(MUTANT_P6_CALL_UNFORGOTTEN, "P6", "a life that an operator forgot waits for its guest's call at an SP")               \
	X(MUTANT_P6_DISK_UNSAID, "P6", "a disk that takes its time is not named")                                       \
	X(MUTANT_P6_HELD_UNSAID, "P6", "a request behind a turn that the disk holds up does not say so")                \
	X(MUTANT_P6_DISK_BLAMED, "P6", "a VM names the disk when it works again")                                       \
	X(MUTANT_P6_WAITER_FORGOTTEN, "P6", "a VMM that waits for an older life to go is never given one")

#define MUTANT_ENUM_ENTRY(symbol, promise, what) symbol,
enum mutant { MUTANTS(MUTANT_ENUM_ENTRY) MUTANT_COUNT };

#ifdef LIFECYCLED_MUTANTS
extern enum mutant mutant;
/* What a run came by, whichever mutant is alive: one that was not asked for in a world changes nothing there. So a place asks for its
 * mutant last, when the answer matters. */
extern bool mutant_asked[MUTANT_COUNT];
#define MUTANT(which) (mutant_asked[which] = true, mutant == (which))
#else
#define MUTANT(which) 0
#endif
