/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int bench_failed(const char *what, int error)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return 1;
}

int samples_init(struct samples *s, unsigned room)
{
	*s = (struct samples){ .ns = calloc(room, sizeof(*s->ns)), .room = room };
	return s->ns ? 0 : bench_failed("memory", ENOMEM);
}

void samples_add(struct samples *s, uint64_t ns)
{
	if (s->count < s->room)
		s->ns[s->count++] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void samples_print(struct samples *s, const char *name)
{
	if (!s->count)
		return;
	qsort(s->ns, s->count, sizeof(*s->ns), compare);
	printf("%s %llu %llu %llu %llu\n", name, (unsigned long long)s->ns[s->count / 10],
		(unsigned long long)s->ns[s->count / 2], (unsigned long long)s->ns[s->count * 9 / 10],
		(unsigned long long)s->ns[s->count * 99 / 100]);
}

void samples_free(struct samples *s)
{
	free(s->ns);
	s->ns = NULL;
}
