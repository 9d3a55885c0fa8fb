/* SPDX-License-Identifier: Apache-2.0 */

/* A VM's state from the page, as any program reads it through the library, against one atomic load. */

#include "bench.h"

#include <stdatomic.h>

#define READS 1000000u

static _Atomic uint64_t word;

static uint64_t read_plain(void)
{
	uint64_t begin = bench_now(), sum = 0;

	for (unsigned i = 0; i < READS; i++)
		sum += atomic_load_explicit(&word, memory_order_acquire);
	return sum == UINT64_MAX ? 0 : bench_now() - begin;
}

static int read_page(const struct lifecycle_page *p, const struct lifecycle_event *vm, uint64_t *ret_ns)
{
	uint64_t begin = bench_now();
	enum lifecycle_substate sub;
	enum lifecycle_state state;

	for (unsigned i = 0; i < READS; i++) {
		int r = lifecycle_page_state(p, vm->endpoint, vm->life, &state, &sub);

		if (r < 0)
			return bench_failed("the state page", r);
	}
	*ret_ns = bench_now() - begin;
	return 0;
}

/* In hundredths of a nanosecond: one read is shorter than the clock. */
static uint64_t each(uint64_t ns)
{
	return ns * 100 / READS;
}

static int take_turns(struct bench *b, const struct lifecycle_page *p, const struct lifecycle_event *vm)
{
	struct samples plain, page;
	uint64_t ns = 0;
	int r = samples_init(&plain, b->runs) || samples_init(&page, b->runs);

	for (unsigned i = 0; i < b->runs && !r; i++) {
		samples_add(&plain, each(read_plain()));
		r = read_page(p, vm, &ns);
		samples_add(&page, each(ns));
	}
	samples_print(&plain, "load-hundredths");
	samples_print(&page, "page-hundredths");
	samples_free(&plain);
	samples_free(&page);
	return r;
}

int bench_page(struct bench *b)
{
	struct lifecycle_page *page = NULL;
	struct followed f;
	int r = followed_open(b, &f);

	if (r)
		return r;
	r = lifecycle_page_open(b->runtime_dir, &page);
	if (r < 0)
		r = bench_failed("the state page", r);
	else
		r = followed_start(&f) || take_turns(b, page, &f.last) || followed_end(&f);
	lifecycle_page_unref(page);
	followed_close(&f);
	return r;
}
