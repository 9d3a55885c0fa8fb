/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"

#define WORDS_MAX (NOTIFIER_COMMAND / 2 + 1)

/* A process, of a notifier that ran at an SP; `child`: it is ours, and not one that an earlier process left. */
struct program {
	struct watch watch;
	struct list node;
	uint32_t sp;
	uint64_t order;
	pid_t pid;
	int pidfd;
	bool child, killed, over;
	struct notifier_result result;
};

static struct notifier_run *run_of(struct programs *p, uint32_t sp)
{
	struct notifier_run *run = &p->world->book->sp[sp].notifiers.run;

	return run->active && run->what.callback.kind == NOTIFIER_RUN ? run : NULL;
}

static bool is_wanted(struct programs *p, const struct program *g)
{
	const struct notifier_run *run = run_of(p, g->sp);

	return run && run->what.order == g->order;
}

/* ---- its end ---- */

static struct notifier_result read_result(const struct program *g)
{
	siginfo_t info = { 0 };

	if (!g->child || waitid((idtype_t)P_PIDFD, (id_t)g->pidfd, &info, WEXITED | WNOHANG) < 0)
		return (struct notifier_result){ .how = NOTIFIER_UNSEEN };
	return (struct notifier_result){ info.si_code == CLD_EXITED ? NOTIFIER_RETURNED : NOTIFIER_SIGNALLED,
		info.si_status };
}

/* Closed at the end of the turn, not in its own callback. */
static void program_ended(struct watch *watch, uint32_t events)
{
	struct program *g = container_of(watch, struct program, watch);

	g->result = read_result(g);
	g->over = true;
}

static void free_program(struct program *g)
{
	list_remove(&g->node);
	close_fdp(&g->pidfd);
	free(g);
}

/* What it started is killed with it. A child that was not waited for keeps its number, also as that of its group. */
static void kill_program(struct program *g)
{
	if (g->killed)
		return;
	g->killed = true;
	(void)syscall(SYS_pidfd_send_signal, g->pidfd, SIGKILL, NULL, 0);
	if (g->child)
		(void)kill(-g->pid, SIGKILL);
}

/* ---- its beginning ---- */

static int watch_program(struct programs *p, struct program *g)
{
	int r;

	g->pidfd = process_open(g->pid);
	if (g->pidfd < 0)
		return g->pidfd;
	g->watch.ready = program_ended;
	r = loop_add(p->epoll, g->pidfd, EPOLLIN, &g->watch);
	if (r < 0)
		return r;
	list_append(&p->list, &g->node);
	return 0;
}

static void split(char *words, char *argv[WORDS_MAX])
{
	size_t n = 0;

	for (char *word = words; *word && n + 1 < WORDS_MAX; word += strlen(word) + 1)
		argv[n++] = word;
	argv[n] = NULL;
}

static int spawn(const struct programs *p, struct program *g, struct notifier_run *run)
{
	char vm[32], sp[32], name[64], command[NOTIFIER_COMMAND], *argv[WORDS_MAX];
	char *const more[] = { vm, sp, name, NULL };

	(void)snprintf(vm, sizeof(vm), "LIFECYCLED_VM=%u", run->what.vm);
	(void)snprintf(sp, sizeof(sp), "LIFECYCLED_SP=0x%04x", p->world->book->sp[g->sp].id);
	(void)snprintf(name, sizeof(name), "LIFECYCLED_NOTIFIER=%s", run->what.name);
	memcpy(command, run->what.callback.command, sizeof(command));
	command[sizeof(command) - 1] = '\0';
	split(command, argv);
	if (!argv[0])
		return -EINVAL;
	g->child = true;
	return process_spawn(&g->pid, argv, more);
}

/* Without a pidfd nobody would hear of its end: it is not to run then. The wait is for one that was killed just now. */
static int begin(struct programs *p, struct program *g, struct notifier_run *run)
{
	int r = spawn(p, g, run);

	if (r < 0)
		return r;
	r = watch_program(p, g);
	if (r < 0) {
		(void)kill(-g->pid, SIGKILL);
		(void)waitpid(g->pid, NULL, 0);
		return r;
	}
	if (process_start_time(g->pid, &run->pid_started) < 0)
		run->pid_started = 0;
	run->pid = g->pid;
	log_info("SP 0x%04x: notifier %s of VM %u runs %s, pid %d", p->world->book->sp[g->sp].id, run->what.name,
		run->what.vm, run->what.callback.command, (int)g->pid);
	return 0;
}

/* An earlier process of ours started it and died. It is waited for, if it is there; how it ends is not for us to see. */
static int adopt(struct programs *p, struct program *g, const struct notifier_run *run)
{
	uint64_t started;
	int r;

	g->pid = run->pid;
	r = watch_program(p, g);
	if (r < 0)
		return r;
	/* Asked after the pidfd is open: it is of the process that we hold. */
	r = process_start_time(g->pid, &started);
	if (r < 0 || started != run->pid_started)
		return -ESRCH;
	log_info("SP 0x%04x: notifier %s of VM %u is found again, pid %d", p->world->book->sp[g->sp].id, run->what.name,
		run->what.vm, (int)g->pid);
	return 0;
}

static struct program *find(struct programs *p, uint32_t sp, uint64_t order)
{
	struct program *g;

	list_for_each(g, &p->list, node)
		if (g->sp == sp && g->order == order)
			return g;
	return NULL;
}

static void run(struct programs *p, uint32_t sp, struct notifier_run *run)
{
	bool known = run->pid != 0;
	struct program *g = calloc(1, sizeof(*g));
	struct notifier_result result = { known ? NOTIFIER_UNSEEN : NOTIFIER_NOT_STARTED, ENOMEM };
	int r = -ENOMEM;

	if (g) {
		*g = (struct program){ .sp = sp, .order = run->what.order, .pidfd = -1 };
		list_init(&g->node);
		r = known ? adopt(p, g, run) : begin(p, g, run);
	}
	if (r == 0)
		return;
	if (g)
		free_program(g);
	result.value = known ? 0 : -r;
	world_notified(p->world, sp, result, p->monotonic());
}

/* ---- the turn ---- */

static void tend(struct programs *p, struct program *g)
{
	bool wanted = is_wanted(p, g);

	if (!g->over) {
		if (!wanted)
			kill_program(g);
		return;
	}
	if (wanted)
		world_notified(p->world, g->sp, g->result, p->monotonic());
	free_program(g);
}

void programs_turn(struct programs *p)
{
	struct program *g, *next;

	list_for_each_safe(g, next, &p->list, node)
		tend(p, g);
	for (uint32_t sp = 0; sp < p->world->config.sp_count; sp++) {
		struct notifier_run *r = run_of(p, sp);

		if (r && !find(p, sp, r->what.order))
			run(p, sp, r);
	}
}

void programs_start(struct programs *p, struct world *w, uint64_t (*monotonic)(void), int epoll)
{
	*p = (struct programs){ .world = w, .monotonic = monotonic, .epoll = epoll };
	list_init(&p->list);
}

void programs_stop(struct programs *p)
{
	struct program *g, *next;

	list_for_each_safe(g, next, &p->list, node) {
		kill_program(g);
		if (is_wanted(p, g))
			world_notified(
				p->world, g->sp, (struct notifier_result){ .how = NOTIFIER_CUT_SHORT }, p->monotonic());
		free_program(g);
	}
}
