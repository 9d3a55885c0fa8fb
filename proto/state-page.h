/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The state page: a plain file (0644, the daemon's, on tmpfs) that anyone may map read-only. One line of 64 bytes per
 * 16-bit endpoint id; it answers for endpoints that live now.
 *
 * The hot answer is one acquire load of `word`: life number in bits 63:8, sub-state in 7:4, state in 3:0. The reader
 * compares the life: an id is reused. The low 32 bits change with every state, so FUTEX_WAIT on them waits for a change
 * (little endian: the address of the word). The rest of a line is read under `sequence` (odd while it is written) with
 * a bounded number of tries: a daemon may die in the middle, its successor repairs the line.
 *
 * The page alone cannot tell whether the daemon lives. Beside it is a listening socket, `alive`, with backlog 0, on which
 * nobody accepts: a non-blocking connect that succeeds or says EAGAIN means alive, ECONNREFUSED or ENOENT means stale.
 */

#include <stdint.h>
#include "proto/lifecycle.h"

#define STATE_PAGE_MAGIC 0x47504C43u /* "CLPG" */
#define STATE_PAGE_VERSION 1
#define STATE_PAGE_LINES 65536

struct state_line {
	uint64_t word;
	uint32_t sequence;
	uint8_t vcpu_count;
	uint8_t cause; /* enum vm_cause, once ABORTING */
	uint16_t endpoint;
	uint64_t changed_at; /* sequence number of the last change shown here */
	uint64_t since;      /* CLOCK_MONOTONIC, ns */
	uint8_t uuid[16];
	uint8_t reserved[16];
};

/* Line 0 belongs to the hypervisor itself and carries the header instead. */
struct state_page_header {
	uint32_t magic;
	uint32_t version;
	uint64_t incarnation; /* of the daemon that wrote last */
	uint64_t seq;         /* the last turn shown */
	uint8_t reserved[40];
};

struct state_page {
	union {
		struct state_page_header header;
		struct state_line line[STATE_PAGE_LINES];
	};
};

static inline uint64_t page_word(uint64_t life, enum vm_state state, enum vm_substate sub)
{
	return life << 8 | (uint64_t)sub << 4 | (uint64_t)state;
}

static inline uint64_t page_word_life(uint64_t word)
{
	return word >> 8;
}

static inline enum vm_state page_word_state(uint64_t word)
{
	return (enum vm_state)(word & 0xF);
}

static inline enum vm_substate page_word_substate(uint64_t word)
{
	return (enum vm_substate)(word >> 4 & 0xF);
}

_Static_assert(sizeof(struct state_line) == 64, "one cache line");
_Static_assert(sizeof(struct state_page_header) == 64, "");
_Static_assert(sizeof(struct state_page) == 64ul * STATE_PAGE_LINES, "");
