/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The log: the one truth that outlives the daemon. A file of lines, one a turn, appended to; now and then a
 * snapshot begins it anew and the one before is kept beside it, so that followers who were away still find
 * their events.
 *
 *   lock     held by the daemon that may read and write the rest (an OFD lock; its pid is inside, for people)
 *   log      CRC32 JSON\n ...
 *   log.1    the log before
 *   log.new  a snapshot being written
 *   epoch    a UUID: sequence numbers of two epochs have nothing to do with each other
 *   loading  which record is being loaded, should the daemon die of it (log_aside.h)
 *   log.damaged-N  what could not be loaded, set aside with the reasons
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/ports.h"

struct store;

/* Who writes. A test may have it otherwise than the daemon. */
enum store_writer {
	STORE_WRITER_ON_DISK, /* a thread on a disk, the caller on tmpfs and ramfs, which never wait */
	STORE_WRITER_ALWAYS,  /* each place is taken for a disk */
	STORE_WRITER_NEVER,   /* a disk is waited for */
};

struct store_options {
	enum store_writer writer;
	unsigned lock_wait_ms;
	unsigned close_wait_ms;   /* how long store_close waits for the disk */
	uint64_t snapshot_bytes;  /* no snapshot before the log has that size */
	uint64_t snapshot_events; /* nor before it has that many events of its own, */
	uint64_t snapshot_most;   /* unless it has this size; 0: whatever its size */
	const uint8_t *boot;      /* NULL: ask the kernel */
};
extern const struct store_options store_defaults;

/* 0; -EWOULDBLOCK: another daemon holds the directory (store_holder says who); or another negative errno. */
int store_open(const char *state_dir, struct store **ret);
int store_open_with(const char *state_dir, const struct store_options *options, struct store **ret);
/* What was committed and is not stored is written still; a disk that does not take it is not waited for long. */
struct store *store_close(struct store *s);
pid_t store_holder(const char *state_dir); /* 0: unknown */

/*
 * Reads everything back, in order. `line` owns the definitions in a turn from the call on, whatever it returns; what else is in it
 * is valid during the call. It has to ask the guard before each change, and to tell it what does not fit. A negative errno from it
 * ends the load. What cannot be loaded is set aside, with a reason, and the rest loads: a line whose checksum is wrong, a change
 * that this program does not know or that does not fit, a change at which the daemons before this one died.
 */
int store_load(struct store *s,
	int (*line)(void *ctx, const struct turn *turn, bool snapshot, const struct load_guard *guard), void *ctx);

/* After store_load: the FF-A ids that what was set aside tells of. */
void store_each_lost_id(const struct store *s, void (*each)(void *arg, uint16_t id), void *arg);

/*
 * Whom commit tells that the turn is stored, or of the negative errno why it is not: for every commit that returned 0, once.
 * Before the first commit.
 */
void store_attach(struct store *s, void (*done)(void *ctx, uint64_t seq, int error), void *ctx);

/* Readable when the writer has done something: then dispatch tells of it. Where nobody else writes it never is. */
int store_fd(const struct store *s);
void store_dispatch(struct store *s);

extern const struct store_ops store_ops; /* its first argument is a struct store */

uint64_t store_incarnation(const struct store *s); /* CLOCK_BOOTTIME ns when the lock was got */
const uint8_t *store_epoch(const struct store *s); /* valid after store_load */
const uint8_t *store_boot(const struct store *s);  /* this kernel's boot id */

/*
 * After store_load: there was no log, or a part of it was set aside. Debts may be unknown, so ids should
 * begin at a random place. *ret_highest (may be NULL) is the highest sequence number seen anywhere, set aside
 * or not: lives that a VMM still runs have numbers up to it.
 */
bool store_lost(const struct store *s, uint64_t *ret_highest);
