/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(struct bench *b);
} measures[] = {
	{ "life", bench_life },
	{ "one", bench_one },
	{ "floor", bench_floor },
	{ "page", bench_page },
	{ "property", bench_property },
	{ "list", bench_list },
	{ "wake", bench_wake },
	{ "retire", bench_retire },
	{ "activated", bench_activated },
	{ "announce", bench_announce },
	{ "gap", bench_gap },
	{ "request", bench_request },
	{ "crowd", bench_crowd },
};

static int usage(void)
{
	fputs("bench-measure --bus ADDRESS --run DIR --memory DIR --floor PROGRAM --guest ELF --vm NAME --runs N "
	      "[--control PATH] life|one|floor|page|property|list|wake|retire|activated|announce|gap|request|crowd\n"
	      "Against a daemon that runs; see tests/bench/README.md, and tests/bench/run, which starts one.\n",
		stderr);
	return 2;
}

static int parse(int argc, char **argv, struct bench *b)
{
	static const struct option table[] = { { "bus", 1, NULL, 'b' }, { "run", 1, NULL, 'r' }, { "memory", 1, NULL, 'm' },
		{ "floor", 1, NULL, 'f' }, { "guest", 1, NULL, 'g' }, { "vm", 1, NULL, 'v' },
		{ "control", 1, NULL, 'c' }, { "runs", 1, NULL, 'n' }, { 0 } };
	int c;

	*b = (struct bench){ .vm = "bench", .runs = 100 };
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		const char **const texts[] = { ['b'] = &b->bus, ['r'] = &b->runtime_dir, ['m'] = &b->memory_dir,
			['f'] = &b->floor, ['g'] = &b->guest, ['v'] = &b->vm, ['c'] = &b->control };

		if (c == '?')
			return usage();
		if (c == 'n')
			b->runs = (unsigned)strtoul(optarg, NULL, 10);
		else
			*texts[c] = optarg;
	}
	if (optind != argc - 1 || !b->bus || !b->runtime_dir || !b->memory_dir || !b->floor || !b->guest || !b->runs ||
		b->runs > 1000000)
		return usage();
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b;
	int r = parse(argc, argv, &b);

	if (r)
		return r;
	r = lifecycle_new(b.bus, &b.l);
	if (r < 0)
		return bench_failed("the bus", r);
	r = 2;
	for (size_t i = 0; i < sizeof(measures) / sizeof(*measures); i++)
		if (strcmp(argv[optind], measures[i].name) == 0)
			r = measures[i].run(&b);
	lifecycle_unref(b.l);
	return r == 2 ? usage() : r;
}
