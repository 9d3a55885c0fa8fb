/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of this room share. */

#include <event2/event.h>
#include <pthread.h>

#include "base/heap.h"
#include "loop/loop.h"

struct timers {
	int fd;
	struct heap heap;
	struct loop_watch *watch;
	size_t count;       /* timers that exist: the heap has room for so many */
	uint64_t armed_for; /* what the kernel was told */
};

struct helper {
	pthread_t thread;
	bool started, leaving;
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct list queue, finished; /* of struct offload, under the lock */
	int fd;                      /* eventfd: something is finished */
	struct loop_watch *watch;
};

struct loop {
	struct event_base *base;
	struct list watches, timers_alive, hooks, signals;
	struct list tasks;
	struct list dead; /* of struct loop_corpse */
	struct timers timers;
	struct helper helper;
	bool exiting;
	int exit_code;
};

int timers_init(struct loop *l);
void timers_arm(struct loop *l); /* before the loop waits */
void timers_fini(struct loop *l);

int helper_init(struct loop *l);
void helper_fini(struct loop *l);
