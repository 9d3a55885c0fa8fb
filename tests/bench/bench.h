/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is timed, in C: each function is one subcommand of `bench-measure`. The two sides of a ratio take turns within one
 * loop, so that what else the machine does reaches both. Results are lines "NAME P10 P50 P90 P99" in nanoseconds, or what the
 * file says, of which `run` makes tables; nothing is judged here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lifecycle.h"

struct bench {
	struct lifecycle *l;
	const char *bus;
	const char *runtime_dir;
	const char *memory_dir;
	const char *floor; /* the program */
	const char *guest; /* what the floor runs, and the VM as well */
	const char *vm;
	const char *control; /* of the secure side, or NULL */
	unsigned runs;
};

/* Each returns 0, or 1 after it said what does not work. */
int bench_life(struct bench *b);
int bench_one(struct bench *b);
int bench_floor(struct bench *b);
int bench_page(struct bench *b);
int bench_property(struct bench *b);
int bench_list(struct bench *b);
int bench_wake(struct bench *b);
int bench_retire(struct bench *b);
int bench_activated(struct bench *b);
int bench_announce(struct bench *b);
int bench_gap(struct bench *b);
int bench_request(struct bench *b);
int bench_crowd(struct bench *b);

uint64_t bench_now(void); /* CLOCK_MONOTONIC, ns */

struct samples {
	uint64_t *ns;
	unsigned count, room;
};

int samples_init(struct samples *s, unsigned room);
void samples_add(struct samples *s, uint64_t ns);
void samples_print(struct samples *s, const char *name);
void samples_free(struct samples *s);

/* A VM that is followed: one life after the other. */
struct followed {
	struct bench *b;
	struct lifecycle_stream *stream;
	struct lifecycle_event last; /* of the state waited for */
	int memory;                  /* the life's memory file, or -1 */
};

int followed_open(struct bench *b, struct followed *f);
void followed_close(struct followed *f);
int followed_act(struct followed *f, enum lifecycle_verb verb);
/* Waits for the next event of the VM; negative: there is none. */
int followed_next(struct followed *f, struct lifecycle_event *e);
/* Waits until the VM's life moves to that state. */
int followed_until(struct followed *f, enum lifecycle_state state);
/* After followed_until(RUNNING): the guest has done its first instructions when its counter is not zero any more. */
int followed_until_counted(struct followed *f);
int followed_start(struct followed *f);
int followed_end(struct followed *f);

int bench_failed(const char *what, int error); /* says it, returns 1 */

#define GUEST_COUNTER 0x100000 /* offset in the memory file (tests/guests/README.md) */
