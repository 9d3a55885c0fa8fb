/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Waiting for what a verb is to bring about. Follow first, then act: the stream was begun before the verb, so nothing
 * that the verb does can be missed.
 */

#include "progress.h"

enum verdict {
	FOLLOW_PENDING,
	FOLLOW_REACHED,
	FOLLOW_ENDED,     /* start, restart: the life ended before it ran; pause, resume: before it came to that */
	FOLLOW_GIVEN_UP,  /* start, restart: no life came of it; pause: it runs on; resume: it stands; stop, abort: kept; preserve: not
			     kept */
	FOLLOW_UNHEARD,   /* stop: the guest cannot hear it, and runs on */
	FOLLOW_TIMED_OUT,
	FOLLOW_INTERRUPTED,
	FOLLOW_LOST,      /* the daemon went and did not come back */
};

struct follow {
	const char *name;
	enum lifecycle_verb verb;
	struct lifecycle_stream *stream;
	uint64_t cursor;  /* of the snapshot: a life above it is new */
	uint64_t after;   /* what the verb changed; 0: nothing */
	uint64_t min_life; /* start, restart: this life or a later one is meant */
	uint64_t target;  /* stop, pause, resume, abort, preserve: this life is meant */
	bool accepted;
	/* the VM as the stream tells it */
	bool exists;
	uint64_t life, ended_life;
	uint16_t endpoint;
	int state, substate, cause, operation;
	bool superseded, unheard;
	bool kept; /* abort, stop: it is preserved since, at another's word */
	bool resumed, timed_out; /* pause: somebody let it go on; or it took too long */
	bool device; /* pause, resume: one of its devices would not */
	/* The daemon went and another one is there: what else was held with it. 0 or a negative errno; NULL: nothing was. */
	int (*back)(struct cli *c, void *arg, uint64_t deadline);
	void *back_arg;
	struct progress progress;
};

/* Subscribes and takes the snapshot. An exit code; -EDQUOT: no more event streams are given, and nothing was said. */
int follow_begin(struct cli *c, struct follow *f, enum lifecycle_verb verb, const char *name);
/* The verb was accepted and took effect at `seq`. */
void follow_accepted(struct follow *f, uint64_t seq);
/* Until there is a verdict or `deadline` (CLOCK_MONOTONIC ns; UINT64_MAX: none) passes. */
enum verdict follow_wait(struct cli *c, struct follow *f, uint64_t deadline);
/* Takes what there is to read of the stream; what it cannot read is left to the next drain. */
void follow_read(struct follow *f);
/* The VM as it is; NULL: there is none. */
void follow_take_row(struct follow *f, const struct lifecycle_vm *vm);
/* follow_there.c: the two halves on another host, without a stream */
int follow_begin_there(struct cli *c, struct follow *f);
enum verdict follow_wait_there(struct cli *c, struct follow *f, uint64_t deadline);
/* Pure: for tests, and for drain. */
void follow_take(struct follow *f, const struct lifecycle_event *e);
enum verdict follow_judge(const struct follow *f);

/*
 * A stream again after the daemon hung up: waits for it for some seconds, not beyond the deadline. 0, -EINTR, -ETIMEDOUT: the deadline
 * passed; or what the last try said.
 */
int follow_again(struct cli *c, const char *filter, struct lifecycle_stream **stream, uint64_t deadline);
