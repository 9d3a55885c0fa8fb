/* SPDX-License-Identifier: Apache-2.0 */
/* Without libFuzzer: each seed as it is, then ever more changed. The same bytes at each run. */
#include "fuzz.h"

#define RUNS 200000
#define SIZE_MAX_BYTES 4096

static uint64_t state = 1;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void change(uint8_t *bytes, size_t size)
{
	static const uint8_t telling[] = { 0, 1, 4, 5, 6, 7, 0x60, 0x61, 0x62, 0x6C, 0x6D, 0x6F, 0x70, 0x7F, 0x80, 0x84, 0xFF };

	for (uint64_t n = draw() % 8; n > 0; n--)
		bytes[draw() % size] = draw() & 1 ? (uint8_t)draw() : telling[draw() % sizeof(telling)];
}

int main(int argc, char **argv)
{
	uint8_t bytes[SIZE_MAX_BYTES];

	for (size_t i = 0; i < fuzz_seed_count; i++)
		LLVMFuzzerTestOneInput(fuzz_seeds + i * fuzz_seed_size, fuzz_seed_size);
	for (unsigned i = 0; i < RUNS; i++) {
		size_t size = 0;

		/* several seeds in a row: calls that follow each other */
		for (uint64_t n = 1 + draw() % 8; n > 0 && size + fuzz_seed_size <= sizeof(bytes); n--, size += fuzz_seed_size)
			memcpy(bytes + size, fuzz_seeds + draw() % fuzz_seed_count * fuzz_seed_size, fuzz_seed_size);
		change(bytes, size);
		LLVMFuzzerTestOneInput(bytes, size - draw() % 8);
	}
	printf("%s: %u runs\n", argv[0], RUNS);
	return 0;
}
