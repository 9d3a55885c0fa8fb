/* SPDX-License-Identifier: Apache-2.0 */

/* The longest time for which a guest that counts did not count, within as many milliseconds as there are runs. */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int memory_of(struct bench *b)
{
	struct lifecycle_vm_info *info;
	char path[512];
	int r = lifecycle_vm_info(b->l, b->vm, &info);

	if (r < 0) {
		(void)bench_failed(lifecycle_last_error(b->l)->text, r);
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/%llu", b->memory_dir,
		(unsigned long long)lifecycle_vm_info_details(info)->vm->life);
	lifecycle_vm_info_unref(info);
	r = open(path, O_RDONLY | O_CLOEXEC);
	if (r < 0)
		(void)bench_failed(path, errno);
	return r;
}

int bench_gap(struct bench *b)
{
	const struct timespec nap = { .tv_nsec = 200000 };
	uint64_t count = 0, before = 0, seen = 0, largest = 0, moved = 0, end;
	int fd = memory_of(b);

	if (fd < 0)
		return 1;
	(void)puts("watching");
	(void)fflush(stdout);
	end = bench_now() + b->runs * UINT64_C(1000000);
	for (uint64_t now = bench_now(); now < end; now = bench_now()) {
		if (pread(fd, &count, sizeof(count), GUEST_COUNTER) != sizeof(count))
			return bench_failed("guest memory", errno);
		if (count != before) {
			if (moved++ && now - seen > largest)
				largest = now - seen;
			seen = now;
			before = count;
		}
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
	close(fd);
	if (moved < 2)
		return bench_failed("the guest's counter", ETIMEDOUT);
	printf("gap %llu\n", (unsigned long long)(end - seen > largest ? end - seen : largest));
	return 0;
}
