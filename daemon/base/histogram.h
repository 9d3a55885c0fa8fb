/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How often which order of magnitude came, in fixed room. Bucket 0 has the zeros, bucket n the values from 2^(n-1) to
 * 2^n - 1, the last one all that is above it as well.
 */

#include <stdint.h>

#define HISTOGRAM_BUCKETS 32

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS];
	uint64_t sum;
};

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	unsigned bits = value ? 64 - (unsigned)__builtin_clzll(value) : 0;

	h->sum += value;
	h->bucket[bits < HISTOGRAM_BUCKETS ? bits : HISTOGRAM_BUCKETS - 1]++;
}
