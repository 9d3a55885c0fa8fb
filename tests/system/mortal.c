/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The real daemon, object by object, which can be told at which output of its engine it dies. Only the linker puts this in:
 * engine_new() gets ports that count what passes them on its way to the adapters. Without LIFECYCLED_MORTAL in its
 * environment it is the daemon as it is. That names a file (struct mortal, of which tests/system/mortal.py is the other end),
 * which outlives the daemon: the next one counts on.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engine.h"

#define NAMES 2048
#define NAME_SIZE 32
#define UNCOUNTED 0

enum when { NEVER, BEFORE, AFTER };

struct mortal {
	uint32_t when; /* enum when; the one who dies of it puts it back */
	uint32_t at;   /* the first output is 1 */
	uint32_t count;
	uint32_t died; /* at which it did; 0: it did not */
	uint32_t shown; /* not 0: what only shows a turn counts, too */
	char name[NAMES][NAME_SIZE]; /* of each output, the first at 1 */
};

static struct mortal *mortal;
static struct engine_ports real;

static uint32_t begins(const char *what, const char *detail);
static void ends(uint32_t number);
int __real_engine_new(const struct engine_config *config, const struct engine_ports *ports, struct engine **ret);
int __wrap_engine_new(const struct engine_config *config, const struct engine_ports *ports, struct engine **ret);

/* One port that is seen through: the output is counted, dies before it, or after it. */
#define OUTPUT(what, detail, call)                                                                                     \
	do {                                                                                                           \
		uint32_t number_ = begins(what, detail);                                                               \
                                                                                                                       \
		call;                                                                                                  \
		ends(number_);                                                                                         \
	} while (0)

static void die(uint32_t number)
{
	mortal->when = NEVER;
	__atomic_store_n(&mortal->died, number, __ATOMIC_SEQ_CST);
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

static uint32_t begins(const char *what, const char *detail)
{
	uint32_t number = ++mortal->count;

	if (number < NAMES)
		(void)snprintf(mortal->name[number], NAME_SIZE, "%s%s%s", what, *detail ? " " : "", detail);
	if (mortal->when == BEFORE && mortal->at == number)
		die(number);
	return number;
}

static void ends(uint32_t number)
{
	if (mortal->when == AFTER && mortal->at == number)
		die(number);
}

/* ---- store ---- */

static int store_commit(void *arg, const struct turn *turn)
{
	int r;

	OUTPUT("commit", "", r = real.store->commit(arg, turn));
	return r;
}

static bool store_wants_snapshot(void *arg)
{
	return real.store->wants_snapshot(arg);
}

static int store_snapshot(void *arg, const struct turn *whole)
{
	int r;

	OUTPUT("snapshot", "", r = real.store->snapshot(arg, whole));
	return r;
}

static const struct store_ops mortal_store = { store_commit, store_wants_snapshot, store_snapshot };

/* ---- publish, answer ---- */

static void publish(void *arg, const struct published *what)
{
	const size_t i = (size_t)((char *)arg - (char *)&real);
	uint32_t number = mortal->shown ? begins("publish", real.publisher[i].late ? "late" : "early") : UNCOUNTED;

	real.publisher[i].ops->publish(real.publisher[i].arg, what);
	ends(number);
}
static const struct publish_ops mortal_publisher = { publish };

static void answer(void *arg, struct committed proof, const struct answer *a)
{
	OUTPUT("answer", a->refusal ? "refused" : "", real.answer->answer(arg, proof, a));
}
static const struct answer_ops mortal_answer = { answer };

/* ---- the secure side ---- */

static void secure_call(void *arg, struct committed proof, const struct secure_call *c)
{
	static const char *const kinds[] = { [CALL_CREATED] = "created", [CALL_DESTROYED] = "destroyed" };
	const char *kind = c->run ? "run" : c->kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[c->kind] ? kinds[c->kind] : "guest";
	char detail[NAME_SIZE];

	(void)snprintf(detail, sizeof(detail), "%04x %s %" PRIu64, c->sp, c->spmc ? "bitmap" : kind, c->life);
	OUTPUT("call", detail, real.secure->call(arg, proof, c));
}

static void secure_discover(void *arg, struct committed proof)
{
	OUTPUT("discover", "", real.secure->discover(arg, proof));
}

static const struct secure_ops mortal_secure = { secure_call, secure_discover };

/* ---- VMMs ---- */

static void fleet_start(void *arg, struct committed proof, const struct birth_place *place)
{
	OUTPUT("start", "", real.fleet->start(arg, proof, place));
}

static void fleet_birth(void *arg, struct committed proof, uint64_t life, uint64_t connection)
{
	OUTPUT("birth", "", real.fleet->birth(arg, proof, life, connection));
}

static void fleet_welcome(void *arg, struct committed proof, uint64_t life)
{
	OUTPUT("welcome", "", real.fleet->welcome(arg, proof, life));
}

static void fleet_refuse(void *arg, struct committed proof, uint64_t connection, const char *reason)
{
	OUTPUT("refuse", "", real.fleet->refuse(arg, proof, connection, reason));
}

static void fleet_command(void *arg, struct committed proof, uint64_t life, enum vmm_command command)
{
	static const char *const names[] = {
		[COMMAND_ENTER] = "enter",
		[COMMAND_STOP] = "stop",
		[COMMAND_PAUSE] = "pause",
		[COMMAND_RESUME] = "resume",
		[COMMAND_QUIESCE] = "quiesce",
		[COMMAND_EXIT] = "exit",
		[COMMAND_KILL] = "kill",
	};

	OUTPUT("command", names[command], real.fleet->command(arg, proof, life, command));
}

static void fleet_answer(void *arg, struct committed proof, uint64_t life, const struct guest_call *call)
{
	OUTPUT("guest-answer", "", real.fleet->answer(arg, proof, life, call));
}

static void fleet_notify(void *arg, struct committed proof, uint64_t life, const struct guest_notice *notice)
{
	OUTPUT("notify", "", real.fleet->notify(arg, proof, life, notice));
}

static void fleet_message(
	void *arg, struct committed proof, uint64_t life, uint64_t number, const uint8_t *bytes, uint32_t size)
{
	OUTPUT("message", "", real.fleet->message(arg, proof, life, number, bytes, size));
}

static void fleet_reclaim(void *arg, struct committed proof, uint64_t life, bool huge)
{
	OUTPUT("reclaim", "", real.fleet->reclaim(arg, proof, life, huge));
}

static const struct fleet_ops mortal_fleet = {
	.start = fleet_start,
	.birth = fleet_birth,
	.welcome = fleet_welcome,
	.refuse = fleet_refuse,
	.command = fleet_command,
	.answer = fleet_answer,
	.notify = fleet_notify,
	.message = fleet_message,
	.reclaim = fleet_reclaim,
};

/* ---- leases ---- */

static void lease_ask(void *arg, struct committed proof, const struct lease_word *word)
{
	OUTPUT("lease", "ask", real.lease->ask(arg, proof, word));
}

static void lease_over(void *arg, struct committed proof, const struct lease_word *word)
{
	OUTPUT("lease", "over", real.lease->over(arg, proof, word));
}

static const struct lease_ops mortal_lease = { lease_ask, lease_over };

/* ---- in between ---- */

static bool open_mortal(void)
{
	const char *path = getenv("LIFECYCLED_MORTAL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return false;
	at = mmap(NULL, sizeof(*mortal), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return false;
	mortal = at;
	return true;
}

int __wrap_engine_new(const struct engine_config *config, const struct engine_ports *ports, struct engine **ret)
{
	struct engine_ports mine = *ports;

	if (!open_mortal())
		return __real_engine_new(config, ports, ret);
	real = *ports;
	mine.store = &mortal_store;
	mine.answer = &mortal_answer;
	mine.secure = &mortal_secure;
	mine.fleet = &mortal_fleet;
	mine.lease = &mortal_lease;
	for (size_t i = 0; i < mine.publisher_count; i++) {
		mine.publisher[i].ops = &mortal_publisher;
		mine.publisher[i].arg = (char *)&real + i; /* which one: looked up in `real` */
	}
	return __real_engine_new(config, &mine, ret);
}
