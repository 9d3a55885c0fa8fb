/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a scripted device does, as text (lifecycle.vm(5), vfio-fake). Statements end with ';':
 *
 *     flags N                       what it can do: 1, 3, 5 or 7; 7 if nothing is said, 0: it cannot migrate
 *     delay TIME                    how long it takes over each order, "20ms", "2s"
 *     ORDER [FROM>][TO] EFFECT...   what happens to an order: set, get, reset, configure; FROM and TO of a set
 *
 *     fail ERRNO     it fails                      then STATE    and is in this state after
 *     delay TIME     it takes as long              never         it is not answered
 *     says STATE     get: that is what it says     fd            set: a data fd comes where none should, or none
 *     skip N         not the first N times         times N       N times only
 *
 * The first statement that fits an order, and is not used up, counts.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIGRATION_RULES_MAX 8

struct migration_rule {
	uint8_t kind;     /* enum migration_order_kind */
	uint8_t from, to; /* enum vfio_device_mig_state; ERROR: any */
	uint8_t then;     /* the state after, plus 1; 0: as usual */
	uint8_t says;     /* the state told, plus 1; 0: the true one */
	bool never, wrong_fd, has_delay;
	int32_t error;    /* errno, or 0 */
	uint64_t delay;   /* ns */
	uint32_t skip, times; /* times 0: each time */
};

struct migration_script {
	uint8_t flags, count;
	uint64_t delay; /* ns */
	struct migration_rule rule[MIGRATION_RULES_MAX];
};

/* 0; or -EINVAL, with what is wrong and at which byte of the text. */
int migration_script_parse(const char *text, struct migration_script *ret, const char **ret_what, size_t *ret_at);
