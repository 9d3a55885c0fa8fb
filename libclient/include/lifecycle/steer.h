/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STEER_H
#define LIFECYCLE_STEER_H

/* What changes a VM. 0 means accepted and stored, not finished: wait for the end, or follow the VM. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lifecycle_verb {
	LIFECYCLE_START = 0,
	LIFECYCLE_ABORT = 1, /* ends its life at once; the guest is not asked */
	LIFECYCLE_RESTART = 2, /* an abort, if it has a life, and the next life: the guest is not asked */
	LIFECYCLE_DESTROY = 3, /* an abort, and the VM itself goes */
	LIFECYCLE_STOP = 4, /* presses the power key; the guest has the definition's limits.stop-timeout to obey */
	LIFECYCLE_PRESERVE = 7, /* an abort that keeps life and memory for a post-mortem; ABORT or RESTART then give it up */
	LIFECYCLE_CANCEL = 8, /* takes back a life that is to begin and has not; -EBUSY: nothing waits, or it has begun */
	LIFECYCLE_PAUSE = 5, LIFECYCLE_RESUME = 6, /* every vCPU leaves the guest and stands; they go on */
};

/*
 * Asks for a verb. `life` is the life that is meant (0: any): a request that comes too late is refused with -ESTALE. The change took
 * effect at *ret_seq; 0: nothing had to change.
 */
int lifecycle_act(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, uint64_t *ret_seq);

/*
 * The same for a program with a loop: it does not wait. *ret_request is the request's number, by which its reply is known; NULL: no
 * reply is wanted. What cannot be sent at once is sent by lifecycle_dispatch().
 */
int lifecycle_act_begin(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, uint64_t *ret_request);

struct lifecycle_reply {
	size_t size;
	uint64_t request; /* whose reply it is */
	int result;       /* what lifecycle_act() would have returned; then lifecycle_last_error() is of this one */
	uint64_t seq;     /* and what it would have said */
};
#define LIFECYCLE_REPLY_INIT { .size = sizeof(struct lifecycle_reply) }

/*
 * Never waits. 0: a reply that lifecycle_dispatch() read; -EAGAIN: none yet. Each request that was numbered gets one, also where the
 * bus hangs up or nobody answers in time.
 */
int lifecycle_pop_reply(struct lifecycle *l, struct lifecycle_reply *reply);

/*
 * Waits until the VM is in that state. `life` is the life that is meant (0: any): -ESTALE where that is over, but for
 * LIFECYCLE_STATE_NULL, which is what that waits for. One that its VM left behind (on-stuck: new-id) is over here, and settles later:
 * for that there is lifecycle_await(). -ENOENT: there is no such VM, or no more; -ETIMEDOUT; -ENOTCONN: the daemon went
 * away, wait again; -EINTR. A state that was passed through counts.
 */
int lifecycle_wait_state(struct lifecycle *l, const char *name, uint64_t life, enum lifecycle_state state, int milliseconds);

/*
 * Waits until nothing is under way with the VM any more: no operation, and no life that ends, unless it is kept for a post-mortem.
 * After lifecycle_act() that is what was asked for, or what took its place; how it ended is told by lifecycle_vm_info().
 * Errors as above; after a destroy -ENOENT is the end.
 */
int lifecycle_wait_done(struct lifecycle *l, const char *name, int milliseconds);

/* What came of lifecycle_await(). */
enum lifecycle_await_result {
	LIFECYCLE_AWAIT_REACHED = 0,
	LIFECYCLE_AWAIT_OVER = 1, /* that comes no more: the life is over, or there is none and nothing is under way */
	LIFECYCLE_AWAIT_GONE = 2, /* the VM went */
	LIFECYCLE_AWAIT_TIMED_OUT = 3,
};

struct lifecycle_awaited {
	size_t size;
	int result;   /* enum lifecycle_await_result */
	int state, substate, cause; /* then */
	uint64_t life;
	uint64_t seq;
};
#define LIFECYCLE_AWAITED_INIT { .size = sizeof(struct lifecycle_awaited) }

/*
 * Waits until the VM is in one of `states`, words of states or sub-states, the last one NULL ("running" is the sub-state: not paused);
 * with NULL until the life is over. `life` 0: any. It is the daemon that waits, so this needs no descriptor, and works over
 * a connection to another host, where lifecycle_subscribe() does not. Nothing interrupts it. 0: see *ret;
 * -ETIMEDOUT: the daemon does not answer, though the time-out of a call is over as well.
 */
int lifecycle_await(struct lifecycle *l, const char *name, uint64_t life, const char *const *states, int milliseconds,
	struct lifecycle_awaited *ret);

/*
 * Starts a VM that has no life, and binds it to the caller: it ends (client-gone) when *ret_fd is closed. That is a socket
 * on which nothing is said; it is readable when the daemon closed its end: the VM has ended, or the daemon is gone. Then, within
 * 5 s of its return, bind_again() takes the token, which has LIFECYCLE_TOKEN_SIZE bytes; it fails with
 * LIFECYCLE_REFUSED_NOT_BOUND where the VM has ended.
 */
#define LIFECYCLE_TOKEN_SIZE 37
int lifecycle_start_bound(struct lifecycle *l, const char *name, char *ret_token, int *ret_fd, uint64_t *ret_seq);
int lifecycle_bind_again(struct lifecycle *l, const char *token, int *ret_fd);

/*
 * Every VM ends, each after those that need it, and none starts before no guest runs any more. `host`: the host goes down,
 * and that is the cause of each end. 0: it is under way; *ret_seq is 0 if it was already.
 */
int lifecycle_shutdown(struct lifecycle *l, bool host, uint64_t *ret_seq);

/*
 * The operator's last resort: what that life, which is over and stuck, owes `sp` (0: each SP) is forgotten. `name` may be NULL
 * where `life` is given, `life` may be 0 where one life of the VM settles. Read lifecyclectl(1), forget, before.
 */
int lifecycle_forget(struct lifecycle *l, const char *name, uint64_t life, uint16_t sp, uint64_t *ret_seq);

/* An FF-A id that nobody gets, because an SP may know a life which was forgotten, or which the log has lost. */
struct lifecycle_burned {
	size_t size;
	uint16_t endpoint;
	uint16_t sp; /* 0: none was met since the log lost it */
	uint64_t life;
	const char *name; /* of the life's VM */
	uint64_t realtime;
};

struct lifecycle_burned_list;
/* All of them, and which life of which VM each is kept for. */
int lifecycle_burned(struct lifecycle *l, struct lifecycle_burned_list **ret);
struct lifecycle_burned_list *lifecycle_burned_list_unref(struct lifecycle_burned_list *list);
size_t lifecycle_burned_list_count(const struct lifecycle_burned_list *list);
const struct lifecycle_burned *lifecycle_burned_list_at(const struct lifecycle_burned_list *list, size_t i);

#ifdef __cplusplus
}
#endif

#endif
