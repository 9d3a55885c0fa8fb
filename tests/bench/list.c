/* SPDX-License-Identifier: Apache-2.0 */

/* All VMs in one call, through the library: asked for, sent, read into structures, sorted. */

#include "bench.h"

#include <stdio.h>

int bench_list(struct bench *b)
{
	struct samples s;
	size_t count = 0;
	int r = samples_init(&s, b->runs);

	for (unsigned i = 0; i < b->runs && !r; i++) {
		struct lifecycle_vm_list *list;
		uint64_t begin = bench_now();

		r = lifecycle_list(b->l, &list);
		if (r < 0)
			return bench_failed(lifecycle_last_error(b->l)->text, r);
		samples_add(&s, bench_now() - begin);
		count = lifecycle_vm_list_count(list);
		lifecycle_vm_list_unref(list);
	}
	samples_print(&s, "list");
	printf("vms %zu %zu %zu\n", count, count, count);
	samples_free(&s);
	return r;
}
