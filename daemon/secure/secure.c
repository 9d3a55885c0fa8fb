/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/message.h"

#define FRAME_TIMEOUT_NS 2000000000ull
#define TELL_AGAIN_NS 100000000ull
#define COMPLAIN_EVERY_NS 1000000000ull

/* ---- what the engine is told ---- */

bool tell_down(struct secure *s)
{
	struct input in = { .kind = IN_SECURE_DOWN };

	if (s->owes_down && engine_post(s->engine, &in) == 0)
		s->owes_down = false;
	return !s->owes_down;
}

bool tell_up(struct secure *s, struct secure_world *world)
{
	struct input in = { .kind = IN_SECURE_UP, .world = world };

	/* First what came before. */
	if (!tell_down(s) || engine_post(s->engine, &in) < 0) {
		free(world);
		return false;
	}
	s->told_up = true;
	return true;
}

/* One that breaks the protocol does so again and again: once a second is enough, and the trace has all of it. */
static void complain(struct secure *s, const struct secure_call *call, const uint64_t x[FFA_REGISTERS])
{
	static const char *const words[2][5] = {
		{ "nothing", "VM_CREATED", "VM_DESTROYED", "nothing", "a guest's request" },
		{ "nothing", "BITMAP_CREATE", "BITMAP_DESTROY", "NOTIFICATION_GET", "a call of notifications" },
	};
	uint64_t now = loop_monotonic();

	if (s->complained_at && now < s->complained_at + COMPLAIN_EVERY_NS)
		return;
	s->complained_at = now;
	log_message(MESSAGE_SP_BROKE_RULES, OF_SP(call->sp), "%s 0x%04x answered %s outside the protocol: %llx %llx %llx %llx",
		call->spmc ? "the SPMC" : "secure partition", call->sp,
		call->run ? "FFA_RUN" : words[call->spmc][call->kind],
		(unsigned long long)x[0], (unsigned long long)x[1], (unsigned long long)x[2],
		(unsigned long long)x[3]);
}

void met_answer(struct secure *s, const struct pending *p, const uint64_t x[FFA_REGISTERS])
{
	struct input in = { .kind = IN_SECURE_REPLY, .life = p->call.life };

	classify(&p->call, x, &in.reply);
	if (in.reply.verdict == VERDICT_BROKEN)
		complain(s, &p->call, x);
	if (engine_post(s->engine, &in) < 0)
		link_fail(s, "out of memory"); /* an answer that is lost is an outcome unknown */
}

static void remember(struct secure *s, uint16_t sp, uint32_t generation)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].id == sp) {
			s->known[i].generation = generation;
			return;
		}
	if (s->known_count < SECURE_LINK_SP_MAX)
		s->known[s->known_count++] = (struct secure_link_sp){ .id = sp, .generation = generation };
}

/* Until the world is told nobody waits for a doorbell; its generation is told with the world. */
void met_doorbell(struct secure *s, uint16_t sp, uint32_t generation)
{
	struct input in = { .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = sp, .generation = generation } };

	remember(s, sp, generation);
	for (uint16_t i = 0; s->discovery.world && i < s->discovery.world->count; i++)
		if (s->discovery.world->sp[i].id == sp)
			s->discovery.world->sp[i].generation = generation;
	if (s->told_up && engine_post(s->engine, &in) < 0)
		link_fail(s, "out of memory"); /* an SP that restarted must not go unseen */
}

/* ---- time ---- */

static void timed_out(struct secure *s, uint64_t now)
{
	const struct pending *first = list_first(&s->pending, struct pending, node);

	if (s->state == LINK_GREETING && s->greet_by <= now)
		link_fail(s, "no WELCOME in time");
	else if (first && first->deadline <= now)
		link_fail(s, first->discovery ? "no answer to discovery in time" : "no answer to a message in time");
}

static void say_nobody_is_there(struct secure *s)
{
	struct secure_world *world = calloc(1, sizeof(*world));

	if (!world || !tell_up(s, world))
		loop_timer_set(s->timer, loop_monotonic() + TELL_AGAIN_NS);
}

static void secure_due(void *arg)
{
	struct secure *s = arg;
	uint64_t now = loop_monotonic();

	if (!s->socket_path) {
		say_nobody_is_there(s);
		return;
	}
	(void)tell_down(s);
	timed_out(s, now);
	if (s->state == LINK_DOWN && s->retry_at <= now)
		link_open(s);
	if (s->told_up && s->discover_every && s->discover_at <= now) {
		s->discover_at = now + s->discover_every; /* if an earlier one is under way still */
		discovery_start(s, true);
	}
	secure_arm(s);
}

/* ---- what the engine asks ---- */

static bool is_open(const struct secure *s, uint16_t sp)
{
	const struct pending *p;

	list_for_each(p, &s->pending, node) {
		if (!p->discovery && p->call.sp == sp)
			return true;
	}
	return false;
}

/* While the link is down the engine is told so, or was: it holds the outcome for unknown. */
static void op_call(void *secure, struct committed proof, const struct secure_call *call)
{
	struct secure *s = secure;
	uint64_t x[FFA_REGISTERS];
	int r;

	if (!s->told_up || s->state != LINK_UP)
		return;
	if (is_open(s, call->sp))
		log_error("two calls to secure partition 0x%04x at once", call->sp);
	encode_call(call, x);
	r = link_submit(s, x, call);
	if (r < 0)
		link_fail(s, strerror(-r));
}

static void op_discover(void *secure, struct committed proof)
{
	struct secure *s = secure;

	if (!s->socket_path)
		loop_soon(s->loop, &s->start);
	else if (s->state == LINK_UP)
		discovery_start(s, false);
}

const struct secure_ops secure_ops = { .call = op_call, .discover = op_discover };

/* ---- the room itself ---- */

void secure_set_engine(struct secure *s, struct engine *e)
{
	s->engine = e;
}

void secure_start(struct secure *s)
{
	loop_soon(s->loop, &s->start);
}

struct secure *secure_free(struct secure *s)
{
	if (!s)
		return NULL;
	secure_link_close(s);
	loop_task_cancel(&s->start);
	loop_timer_free(s->timer);
	close_fdp(&s->rx);
	trace_free(s->traces);
	free(s->profiles);
	free(s->socket_path);
	free(s);
	return NULL;
}

static int copy_config(struct secure *s, const struct secure_config *config)
{
	struct sockaddr_un address;

	s->profiles = calloc(config->profile_count + 1, sizeof(*s->profiles));
	if (!s->profiles)
		return -ENOMEM;
	for (size_t i = 0; i < config->profile_count; i++)
		s->profiles[i] = config->profiles[i];
	s->profile_count = config->profile_count;
	for (size_t i = 0; i < config->listed_count && i < MODEL_SP_MAX; i++)
		s->listed[s->listed_count++] = config->listed[i];
	s->discover_every = config->discover_every_ns;
	if (!config->socket_path)
		return 0;
	if (strlen(config->socket_path) >= sizeof(address.sun_path)) {
		log_error("the secure side's socket path is too long: %s has more than %zu bytes", config->socket_path,
			sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	s->socket_path = strdup(config->socket_path);
	return s->socket_path ? 0 : -ENOMEM;
}

int secure_new(const struct secure_config *config, struct secure **ret)
{
	struct secure *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct secure){ .loop = config->loop, .incarnation = config->incarnation, .fd = -1, .rx = -1 };
	s->timeout = config->frame_timeout_ns ? config->frame_timeout_ns : FRAME_TIMEOUT_NS;
	list_init(&s->pending);
	list_init(&s->idle);
	for (unsigned i = 0; i < PENDING_MAX; i++)
		list_append(&s->idle, &s->slot[i].node);
	loop_task_init(&s->start, secure_due, s);
	r = copy_config(s, config);
	if (r == 0)
		r = s->rx = rx_make();
	if (r >= 0)
		r = loop_timer_new(s->loop, secure_due, s, &s->timer);
	if (r < 0) {
		secure_free(s);
		return r;
	}
	*ret = s;
	return 0;
}
