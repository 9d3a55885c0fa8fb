/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A target takes any bytes and must hold what it promises for all of them. libFuzzer drives it where clang builds; driver.c
 * does so elsewhere, without coverage to guide it. Both begin with the same seeds, and change them in the same ways
 * (mutate.c): a format with a magic number or a checksum is changed where it matters, since the target itself adds those.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_INPUT_MAX 16384

struct fuzz_format {
	size_t row;               /* an input is rows of that size, which follow each other; 0: it is one piece */
	const char *const *words; /* text: what its words and numbers may be changed to; NULL ends them, or there are none */
};

/* Of the target. */
extern const struct fuzz_format fuzz_format;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_begin(void); /* gives its seeds, beside those in tests/fuzz/corpus/NAME */

/* mutate.c */
void fuzz_seed(const void *data, size_t size); /* copied */
int fuzz_seed_files(const char *path);         /* a file, or all in a directory; 0 or a negative errno */
size_t fuzz_seed_count(void);
size_t fuzz_seed_get(size_t i, uint8_t *data, size_t room);
void fuzz_random_begin(uint64_t seed);
uint64_t fuzz_random(void);
size_t fuzz_make(uint8_t *data, size_t room); /* from seeds */
size_t fuzz_change(uint8_t *data, size_t size, size_t room);

#define PROMISE(x)                                                                                                     \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #x);                               \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)
