/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Guest memory: the daemon's file, mapped once, shown to the guest in one or two pieces (x86-64 leaves a hole
 * below 4 GiB for devices). What the loaders write goes through memory_range, which checks bounds and makes
 * the pages exist first: a full tmpfs is then an error instead of a SIGBUS.
 */

#include <stdint.h>

#include "vmm/failure.h"

#define MEMORY_PIECES_MAX 2

struct memory_piece {
	uint64_t gpa;
	uint64_t offset; /* in the file and in the mapping */
	uint64_t size;
};

struct guest_memory {
	uint8_t *base;
	uint64_t size;
	unsigned piece_count;
	struct memory_piece piece[MEMORY_PIECES_MAX];
};

/* Maps `size` bytes of fd; `huge` is enum huge_pages. The pieces come from arch_memory_pieces. */
int memory_map(struct guest_memory *m, int fd, uint64_t size, unsigned huge, struct failure *f);

/* The host address of [gpa, gpa + length) if it lies inside one piece, else NULL. Touches nothing. */
void *memory_at(const struct guest_memory *m, uint64_t gpa, uint64_t length);

/* The same with its pages in place, ready to be written: 0, -ERANGE if outside, or why they cannot be had. */
int memory_range(const struct guest_memory *m, uint64_t gpa, uint64_t length, void **ret);

/* Makes the pages of a mapping exist. 0, or negative errno; 0 as well where the kernel cannot do it
 * (before 5.14). */
int memory_populate(void *address, uint64_t length);

/* The first address behind the piece that holds gpa; 0 if none does. */
uint64_t memory_end_of(const struct guest_memory *m, uint64_t gpa);
