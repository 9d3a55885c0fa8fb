/* SPDX-License-Identifier: Apache-2.0 */
/* With libFuzzer: half of its changes are ours, and it gets our seeds in the course of them. */
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	static bool begun;

	if (!begun) {
		fuzz_begin();
		begun = true;
	}
	fuzz_random_begin(0x9E3779B97F4A7C15u * (seed + 1ull));
	if (fuzz_random() % 2)
		return LLVMFuzzerMutate(data, size, room);
	if (fuzz_seed_count() && (size == 0 || fuzz_random() % 64 == 0))
		return fuzz_make(data, room < FUZZ_INPUT_MAX ? room : FUZZ_INPUT_MAX);
	return fuzz_change(data, size, room);
}
