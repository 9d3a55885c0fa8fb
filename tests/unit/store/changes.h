/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Changes with random content, always the same for the same seed, and a book of what a load brought back. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/records.h"
#include "store/log.h"

uint64_t random_next(uint64_t *seed);
void random_definition(uint64_t *seed, struct vm_definition *ret);
void random_change(
	uint64_t *seed, uint8_t kind, struct change *ret); /* CHANGE_VM: the definition is on the heap */
void change_free(struct change *c);
void assert_same_change(const struct change *a, const struct change *b);

/* A turn of one CHANGE_STATE; first and last number are `seq`. */
struct small_turn {
	struct turn turn;
	struct change change;
};
struct small_turn small_turn(uint64_t seq);

#define BOOK_MAX 4096
struct book {
	size_t count;
	struct {
		uint64_t first, last;
		bool snapshot;
		uint8_t boot;
		size_t loaded; /* changes that the guard let through, and that were not refused */
	} turn[BOOK_MAX];
	uint64_t refused; /* number of a change that does not fit; 0: all fit */
	uint64_t deadly, deadly_too; /* numbers of those at which this process dies */
};
/* For store_load. */
int book_line(void *ctx, const struct turn *turn, bool snapshot, const struct load_guard *guard);

extern const struct store_options quick; /* no waiting for the lock, snapshots soon, boot id "11..." */
extern const uint8_t first_boot[16], second_boot[16];

extern enum store_writer who_writes; /* in the stores that open_store opens */
int choose_writer(int argc, char **argv); /* by a test's argument: "writer" or "no-writer" */

struct store *open_store(
	const char *path, const struct store_options *options, struct book *book); /* and load */

/* Until it is stored; 0 or the negative errno of why it is not. */
int commit(struct store *s, uint64_t seq);
int commit_untold(struct store *s, uint64_t seq); /* a change of which no follower is told */
/* Until the writer has done with it, if there is one; who then does not say whether it failed. */
int snapshot(struct store *s, uint64_t seq);

/* The same, not waited for. */
int give(struct store *s, uint64_t seq);
int begin_snapshot(struct store *s, uint64_t seq);
void dispatch_when_ready(struct store *s);
unsigned times_told(void); /* since the last give */
