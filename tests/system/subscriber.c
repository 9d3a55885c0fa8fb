/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that takes what it can get and reads nothing: asks for as many event streams as it is told to, keeps those that it is
 * given, says "GIVEN REFUSED" and the reason of the last refusal, and holds them until its input ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lifecycle.h"

/* Its own limit is not what is tried here. */
static void take_all_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

int main(int argc, char **argv)
{
	unsigned long wanted = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, given = 0;
	char why[256] = "-";
	struct lifecycle_stream **stream = calloc(wanted + 1, sizeof(struct lifecycle_stream *));
	struct lifecycle *l;

	take_all_descriptors();
	if (!wanted || !stream || lifecycle_new(argv[1], &l) < 0)
		return 1;
	for (unsigned long i = 0; i < wanted; i++) {
		int r = lifecycle_subscribe(l, NULL, NULL, 0, &stream[given]);

		if (r == 0)
			given++;
		else
			(void)snprintf(why, sizeof(why), "%s", lifecycle_last_error(l)->text);
	}
	printf("%lu %lu %s\n", given, wanted - given, why);
	fflush(stdout);
	(void)getchar();
	while (given)
		(void)lifecycle_stream_unref(stream[--given]);
	(void)lifecycle_unref(l);
	free(stream);
	return 0;
}
