/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The floor of a crowd: as many bare guests (floor.c) as there are runs, all alive at once; nobody records, tells or watches
 * them. Lines: held, from the first spawn until each has run its guest; ended, from the first hang-up until each is
 * reaped.
 */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct bare {
	pid_t pid;
	int in, out; /* it ends when `in` is closed, and said on `out` that it ran */
};

static int spawn(struct bench *b, struct bare *g)
{
	char *arguments[] = { (char *)b->floor, (char *)b->guest, (char *)"hold", NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2], r;

	if (pipe2(in, O_CLOEXEC) < 0)
		return bench_failed("pipe", errno);
	if (pipe2(out, O_CLOEXEC) < 0)
		return bench_failed("pipe", errno);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	r = posix_spawn(&g->pid, b->floor, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	g->in = in[1];
	g->out = out[0];
	return r ? bench_failed(b->floor, r) : 0;
}

static int wait_held(struct bare *g)
{
	char said[5];

	return read(g->out, said, sizeof(said)) == sizeof(said) ? 0 : bench_failed("a bare guest did not run", ECHILD);
}

static int reap(struct bare *g)
{
	int status;

	if (waitpid(g->pid, &status, 0) < 0 || status)
		return bench_failed("a bare guest failed", ECHILD);
	close(g->out);
	return 0;
}

int bench_crowd(struct bench *b)
{
	struct bare *all = calloc(b->runs, sizeof(*all));
	uint64_t begin = bench_now(), held, hung_up;
	unsigned spawned = 0;
	int r = all ? 0 : bench_failed("memory", ENOMEM);

	while (spawned < b->runs && !r) {
		r = spawn(b, &all[spawned]);
		spawned += !r;
	}
	for (unsigned i = 0; i < spawned && !r; i++)
		r = wait_held(&all[i]);
	held = bench_now();
	hung_up = bench_now();
	for (unsigned i = 0; i < spawned; i++)
		close(all[i].in);
	for (unsigned i = 0; i < spawned; i++)
		r = reap(&all[i]) || r;
	if (!r)
		printf("held %llu\nended %llu\n", (unsigned long long)(held - begin), (unsigned long long)(bench_now() - hung_up));
	free(all);
	return r;
}
