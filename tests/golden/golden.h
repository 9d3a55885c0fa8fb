/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rows of tests/golden/ffa.txt, each a test of its name. What a row means is for the side that is tested. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/ffa.h"

#define GOLDEN_BYTES 64

enum golden_side { GOLDEN_DAEMON, GOLDEN_SPMC, GOLDEN_SIDES };

struct golden_row {
	char form[16], name[48];
	unsigned line, count; /* of registers or bytes */
	union {
		uint64_t x[FFA_REGISTERS];
		uint8_t bytes[GOLDEN_BYTES];
	};
	char side[GOLDEN_SIDES][256]; /* as in the file, without blanks around it */
};

struct golden_form {
	const char *name;
	void (*test)(const struct golden_row *row, const char *side);
};

/* Reads the file that is the only argument, and runs what `side` uses of it. What cannot be read ends the program. */
int golden_main(int argc, char **argv, enum golden_side side, const struct golden_form *forms);
