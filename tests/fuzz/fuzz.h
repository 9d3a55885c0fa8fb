/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A target takes any bytes and must hold what it promises for all of them. libFuzzer drives it where clang builds; driver.c
 * does so elsewhere, from the same seeds, without coverage to guide it.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const uint8_t *const fuzz_seeds; /* where to begin */
extern const size_t fuzz_seed_size, fuzz_seed_count;

#define PROMISE(x)                                                                                                     \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #x);                               \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)
