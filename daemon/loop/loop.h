/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon's one loop, so that no other room needs to know libevent. One thread runs it turn by turn: the hooks,
 * the wait, what became ready, what was deferred; then what was freed is reaped. All functions are for that thread alone.
 *
 * A handle may be freed inside its own callback or that of another: no callback comes for it afterwards, its memory goes
 * at the end of the turn.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_hook;

int loop_new(struct loop **ret);
/* Waits for the work that was offloaded, calls its `done`, frees all handles that are left. Returns NULL. */
struct loop *loop_free(struct loop *l);
int loop_run(struct loop *l);               /* until loop_exit; its code, or a negative errno */
void loop_exit(struct loop *l, int code);   /* after this turn */
int loop_turn(struct loop *l, bool wait);   /* one turn, for who drives it by hand; 0 or a negative errno */

/* ---- fds. `ready` is level-triggered; a hang-up counts as readable ---- */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_ready_fn(void *arg, int fd, unsigned events);

int loop_watch(struct loop *l, int fd, unsigned events, loop_ready_fn *ready, void *arg, struct loop_watch **ret);
int loop_watch_change(struct loop_watch *w, unsigned events); /* 0: nothing, for now */
struct loop_watch *loop_unwatch(struct loop_watch *w);        /* before the fd is closed; NULL is fine; returns NULL */

/* ---- time: absolute, CLOCK_MONOTONIC in ns: since the boot, without what the host has slept ---- */

typedef void loop_call_fn(void *arg);
#define LOOP_NEVER UINT64_MAX

uint64_t loop_monotonic(void);
uint64_t loop_realtime(void); /* CLOCK_REALTIME in ns, for people */

int loop_timer_new(struct loop *l, loop_call_fn *due, void *arg, struct loop_timer **ret);
void loop_timer_set(struct loop_timer *t, uint64_t at); /* once; LOOP_NEVER stops it. Cannot fail */
struct loop_timer *loop_timer_free(struct loop_timer *t);

/* ---- later in this turn ---- */

/* Lives inside its owner, so that asking for it cannot fail. Asked for twice it runs once. */
struct loop_task {
	struct list node;
	loop_call_fn *call;
	void *arg;
};
void loop_task_init(struct loop_task *t, loop_call_fn *call, void *arg);
void loop_soon(struct loop *l, struct loop_task *t); /* at the end of this turn; from a task: at that of the next */
void loop_task_cancel(struct loop_task *t);

int loop_defer(struct loop *l, loop_call_fn *call, void *arg); /* the same without an owner; 0 or -ENOMEM */

/*
 * First member of a thing that may be freed inside its own callback: free() is called on it at the end of the turn. It
 * must not be waited for by anything of the loop any more.
 */
struct loop_corpse {
	struct list node;
};
void loop_bury(struct loop *l, struct loop_corpse *c);

/* Called once a turn, as the last thing before the loop waits: whatever was done since is seen. */
int loop_hook_new(struct loop *l, loop_call_fn *call, void *arg, struct loop_hook **ret);
struct loop_hook *loop_hook_free(struct loop_hook *h);

/* ---- signals ---- */

/* Blocks the signal in this thread and those it starts: call it before any. Stays until loop_free. */
typedef void loop_signal_fn(void *arg, int signo);
int loop_signal(struct loop *l, int signo, loop_signal_fn *caught, void *arg);

/* ---- work that may take long ---- */

/*
 * Runs `work` in the helper thread, one at a time in order, then `done` in the loop: exactly once, at the latest in
 * loop_free. A negative errno: neither runs.
 */
int loop_offload(struct loop *l, loop_call_fn *work, loop_call_fn *done, void *arg);
