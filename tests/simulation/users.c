/* SPDX-License-Identifier: Apache-2.0 */

/* The users: they ask for anything at any time, lawful or not, and each gets exactly one answer unless the daemon dies.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

static const char *const verb_names[] = { "define", "start", "abort", "restart", "destroy", "stop", "pause", "resume", "undefine", "bind-again", "unbind", "shutdown", "lease",
	"claim lease", "release lease", "forget", "cancel" };

static void name_of(size_t i, char *ret)
{
	snprintf(ret, VM_NAME_MAX + 1, "vm-%zu", i);
}

static uint16_t some_id(struct world *w)
{
	const struct rows *rows = engine_rows(w->engine);
	size_t count = rows_vm_count(rows);
	const struct vm_row *row = count ? rows_vm_at(rows, random_below(&w->random, count)) : NULL;

	/* Often one that somebody has, had, or will have next. */
	if (row && row->endpoint && row->endpoint < FFA_ID_VM_LAST - 4)
		return (uint16_t)(row->endpoint + random_below(&w->random, 4));
	return (uint16_t)random_between(&w->random, FFA_ID_VM_FIRST, 40);
}

static uint8_t on_end(struct random *r, unsigned restart)
{
	if (random_chance(r, restart))
		return ON_END_RESTART;
	return random_chance(r, 120) ? ON_END_PRESERVE : ON_END_STOP;
}

static void add_device(struct vm_definition *d)
{
	d->assigned[d->assigned_count].type = SIM_DEVICE_TYPE(d->assigned_count);
	d->assigned_count++;
}

static struct vm_definition *define(struct world *w, size_t vm)
{
	struct vm_definition *d = calloc(1, sizeof(*d));
	struct random *r = &w->random;

	if (!d)
		abort();
	name_of(vm, d->name);
	d->uuid[0] = (uint8_t)(vm + 1);
	d->uuid[6] = 0x80;
	d->uuid[8] = 0x80;
	d->ffa_id = random_chance(r, 350) ? some_id(w) : 0;
	d->vcpu_count = (uint16_t)random_between(r, 1, 4);
	d->memory_bytes = DEFINITION_MEMORY_MIN * random_between(r, 1, 8);
	d->policies = (struct vm_policies) {
		.on_poweroff = on_end(r, 300),
		.on_reboot = on_end(r, 700),
		.on_crash = on_end(r, 500),
		.on_stuck = random_chance(r, 400),
		.on_panic = on_end(r, 500),
		.on_watchdog = on_end(r, 500),
		.on_start_failure = on_end(r, 300),
		.restart_delay_ms = (uint32_t)random_below(r, 3) * 100,
		.restart_factor = (uint32_t)random_between(r, 1, 3),
		.restart_delay_max_ms = (uint32_t)random_between(r, 200, 3000),
		.restart_jitter = (uint8_t)random_below(r, 60),
		.restart_healthy_ms = (uint32_t)random_below(r, 4000),
		.restart_limit = (uint32_t)random_below(r, 6),
		.restart_window_ms = 10000,
	};
	d->limits = (struct vm_limits) {
		.build_timeout_ms = (uint32_t)random_between(r, 2000, 10000),
		.announce_timeout_ms = (uint32_t)random_between(r, 2000, 5000),
		.console_bytes = 4096,
		.partition_timeout_ms = (uint32_t)random_between(r, 500, 5000),
		.stop_timeout_ms = (uint32_t)random_between(r, 1000, 3000),
		.preserve_timeout_ms = random_chance(r, 500) ? (uint32_t)random_between(r, 1, 3000) : 0,
	};
	snprintf(d->kernel, sizeof(d->kernel), "/kernel");
	for (size_t i = 0; i < 2 && vm && random_chance(r, 150); i++) {
		size_t other = random_below(r, random_chance(r, 50) ? w->vm_count : vm);

		if (other != vm)
			name_of(other, d->after[d->after_count++]);
	}
	if (vm && random_chance(r, 150))
		name_of(random_below(r, vm), d->requires[d->requires_count++]);
	if (random_chance(r, 100))
		d->partition[d->partition_count++].id = (uint16_t)random_between(r, 0x8001, 0x8001 + SIM_SP_MAX);
	while (d->assigned_count < SIM_DEVICE_MAX && random_chance(r, 250))
		add_device(d);
	d->autostart = random_chance(r, 200);
	d->notifications = random_chance(r, 500);
	return d;
}

static struct asked *remember(struct world *w, enum request_verb verb, const char *name)
{
	const struct vm_row *row = rows_vm(engine_rows(w->engine), name);
	struct asked *a = NULL;

	for (size_t i = 0; i < SIM_REQUESTS_MAX && !a; i++)
		if (!w->asked[i].token)
			a = &w->asked[i];
	if (!a)
		return NULL;
	*a = (struct asked) { .token = ++w->next_token,
		.verb = verb,
		.alone = world_is_idle(w),
		.had_row = row != NULL,
		.has_unit = oracle_has_stranger(w, name),
		.stored_seq = w->disk.last_seq };
	if (row)
		a->row = *row;
	for (uint32_t i = 0; row && i < row->debt_count; i++)
		a->debt[i] = row->debt[i];
	if (!row)
		snprintf(a->row.name, sizeof(a->row.name), "%s", name);
	return a;
}

static uint64_t expected_life(struct world *w, const struct vm_row *row)
{
	uint64_t dice = random_below(&w->random, 10);

	if (!row || dice < 6)
		return 0;
	return dice < 9 ? row->life : row->life + random_between(&w->random, 1, 9);
}

/* Often an old life by its number, without its VM, which may be gone; often one SP alone; sometimes nonsense. */
static bool is_given_up(const struct life *life, const struct request *r)
{
	return r->life ? life->number == r->life : !strcmp(life->name, r->name);
}

static void note_what_may_be_forgotten(struct world *w, const struct request *r, uint64_t token)
{
	for (size_t k = 0; k < w->life_count; k++)
		for (size_t i = 0; i < w->sp_count && is_given_up(w->life[k], r); i++)
			if (!r->sp || r->sp == w->sp[i].id)
				w->life[k]->pair[i].forget_asked = token;
}

/* An answer that never comes leaves it open whether it was done. */
static void nothing_was_forgotten(struct world *w, uint64_t token)
{
	for (size_t k = 0; k < w->life_count; k++)
		for (size_t i = 0; i < w->sp_count; i++)
			if (w->life[k]->pair[i].forget_asked == token)
				w->life[k]->pair[i].forget_asked = 0;
}

/* What was given up at every SP waits for none of them any more. By its name it is one life, and an earlier VM had that name, too. */
static void all_is_forgotten(struct world *w, const struct answer *answer)
{
	const char *meant = strstr(answer->text, "had life ");
	uint64_t number = meant ? strtoull(meant + strlen("had life "), NULL, 10) : 0;

	for (size_t k = 0; k < w->life_count; k++) {
		const struct life *life = w->life[k];
		bool everywhere = w->sp_count > 0;

		for (size_t i = 0; i < w->sp_count; i++)
			everywhere &= life->pair[i].forget_asked == answer->token;
		if (everywhere && life->number == number && life->stored_substate == VM_SUB_RETIRING)
			fail(w, "P6", "life %" PRIu64 " was forgotten at every SP, and is retiring", life->number);
	}
}

static void choose_what_to_forget(struct world *w, struct asked *a, struct request *r)
{
	struct life *life = w->life_count ? w->life[w->life_count - 1 - random_below(&w->random, w->life_count) / 4] : NULL;

	if (life && random_chance(&w->random, 500)) {
		r->life = life->number;
		if (random_chance(&w->random, 500))
			a->had_row = false, r->name[0] = a->row.name[0] = '\0';
	}
	if (w->sp_count && random_chance(&w->random, 500))
		r->sp = (uint16_t)(w->sp[random_below(&w->random, w->sp_count)].id + (random_chance(&w->random, 100) ? 1 : 0));
}

static void ask(struct world *w, enum request_verb verb, size_t vm)
{
	struct input in = { .kind = IN_REQUEST, .request.verb = verb };
	const struct vm_row *row;
	struct asked *a;

	name_of(vm, in.request.name);
	row = rows_vm(engine_rows(w->engine), in.request.name);
	a = remember(w, verb, in.request.name);
	if (!a)
		return;
	if (verb == REQUEST_DEFINE)
		in.request.definition = define(w, vm), a->text = definition_hash(in.request.definition);
	else if (!w->quiet)
		in.request.life = expected_life(w, row);
	in.request.pending = verb == REQUEST_UNDEFINE && random_chance(&w->random, 700);
	if (verb == REQUEST_FORGET)
		choose_what_to_forget(w, a, &in.request);
	if (verb == REQUEST_SHUTDOWN) {
		a->had_row = false;
		in.request.name[0] = a->row.name[0] = '\0';
		in.request.life = 0;
		in.request.host = random_chance(&w->random, 500);
	}
	in.request.preserve = verb == REQUEST_ABORT && !w->quiet && random_chance(&w->random, 200);
	if (verb == REQUEST_LEASE)
		holders_take(w, &in.request, a->token);
	if (verb == REQUEST_RECLAIM_LEASE || verb == REQUEST_RELEASE_LEASE)
		holders_forge(w, &in.request);
	in.request.token = a->token;
	if (verb == REQUEST_START && !w->quiet && random_chance(&w->random, 200))
		client_starts(w, &in.request);
	a->preserve = in.request.preserve;
	a->bound = in.request.bind.end;
	if (verb == REQUEST_FORGET)
		note_what_may_be_forgotten(w, &in.request, a->token);
	wire_note(w, "user  %s %s life %" PRIu64 "%s%s", verb_names[verb], in.request.name, in.request.life,
		in.request.preserve ? " preserve" : "", a->alone ? " alone" : "");
	world_post(w, &in);
}

/* Somebody who cannot make up his mind: his next word is there before the last one is stored, or before it is obeyed. */
static void to_and_fro(struct world *w, uint64_t vm, uint64_t times, void *data)
{
	if (w->quiet || !w->engine)
		return;
	ask(w, times % 2 ? REQUEST_RESUME : REQUEST_PAUSE, vm);
	if (times)
		queue_put(&w->queue, w->now + random_below(&w->random, MS), to_and_fro, vm, times - 1, NULL);
}

bool users_bind_again(struct world *w, struct client *c)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_BIND_AGAIN, .bind.end = c->end } };
	struct asked *a = remember(w, REQUEST_BIND_AGAIN, "");

	if (!a)
		return false;
	a->had_row = false;
	in.request.token = c->asked = a->token;
	memcpy(in.request.bind.token, c->token, sizeof(c->token));
	wire_note(w, "user  client %" PRIu64 " is back", c->end);
	world_post(w, &in);
	return true;
}

/* Mostly what makes lives come and go; sometimes anything. */
static enum request_verb choose(struct world *w, const struct rows *rows, const struct vm_row *row, size_t vm)
{
	uint64_t dice = random_below(&w->random, 100);

	if (dice < 15)
		return random_chance(&w->random, 40) ? REQUEST_SHUTDOWN :
			random_chance(&w->random, 100) ? REQUEST_FORGET :
			random_chance(&w->random, 60)  ? REQUEST_CANCEL :
			(enum request_verb)random_below(&w->random, REQUEST_UNDEFINE + 1);
	if (!row)
		return REQUEST_DEFINE;
	if ((row->operation == OP_START || row->operation == OP_RESTART) && random_chance(&w->random, 100))
		return REQUEST_CANCEL;
	if (!row->life)
		return REQUEST_START;
	if (w->holders.any && row->lease_count < 3 && random_chance(&w->random, 120))
		return REQUEST_LEASE;
	if (row->state == VM_RUNNING && row->substate == VM_SUB_RUNNING && dice < 26) {
		if (random_chance(&w->random, 500))
			queue_put(&w->queue, w->now, to_and_fro, vm, random_between(&w->random, 1, 8), NULL);
		return REQUEST_PAUSE;
	}
	if (row->state == VM_RUNNING && row->substate != VM_SUB_RUNNING && dice < 45)
		return REQUEST_RESUME;
	if (dice < 35)
		return REQUEST_STOP;
	if (dice >= 70 && dice < 72)
		return REQUEST_DEFINE;
	if (dice < 70 && (row->secure_stuck || row->old_lives || (row->state == VM_ABORTING && !rows_secure_up(rows))))
		return REQUEST_FORGET;
	return dice < 60 ? REQUEST_ABORT : dice < 92 ? REQUEST_RESTART : REQUEST_DESTROY;
}

/* In a quiet world nobody leaves a guest standing, for others may wait for its word, or keeps what is over. */
static void let_go_on(struct world *w)
{
	char name[VM_NAME_MAX + 1];

	for (size_t i = 0; w->engine && i < w->vm_count; i++) {
		const struct vm_row *row;

		name_of(i, name);
		row = rows_vm(engine_rows(w->engine), name);
		if (row && (row->substate == VM_SUB_PAUSED || row->substate == VM_SUB_PAUSING))
			ask(w, REQUEST_RESUME, i);
		if (row && row->substate == VM_SUB_PRESERVED)
			ask(w, REQUEST_ABORT, i);
	}
}

#define QUIET_ROUNDS 20 /* with a daemon that hears them */

static void somebody(struct world *w, uint64_t a, uint64_t round, void *data)
{
	char name[VM_NAME_MAX + 1];
	size_t vm = random_below(&w->random, w->vm_count);

	if (w->quiet && round < QUIET_ROUNDS) {
		let_go_on(w);
		queue_put(&w->queue, w->now + S, somebody, 1, round + (w->engine != NULL), NULL);
	}
	if (w->quiet)
		return;
	name_of(vm, name);
	clients_act(w);
	if (w->engine && random_chance(&w->random, 60))
		fleet_stranger(w, name);
	else if (random_chance(&w->random, 20)) /* with a daemon or without */
		fleet_stop_unit(w, name);
	else if (w->engine)
		ask(w, choose(w, engine_rows(w->engine), rows_vm(engine_rows(w->engine), name), vm), vm);
	if (w->holders.any && random_chance(&w->random, 100))
		holders_do_something(w);
	if (random_chance(&w->random, 150)) /* another one at the same moment */
		queue_put(&w->queue, w->now, somebody, 0, 0, NULL);
	else
		queue_put(&w->queue, w->now + random_between(&w->random, 0, 200 * MS), somebody, 1, 0, NULL);
}

void users_start(struct world *w)
{
	queue_put(&w->queue, w->now + MS, somebody, 1, 0, NULL);
}

void users_destroy_all(struct world *w)
{
	char name[VM_NAME_MAX + 1];

	for (size_t i = 0; i < w->vm_count; i++) {
		name_of(i, name);
		if (rows_vm(engine_rows(w->engine), name))
			ask(w, REQUEST_DESTROY, i);
	}
}

static void answer(void *who, struct committed proof, const struct answer *answer)
{
	struct world *w = who;

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "reply %" PRIu64 " refusal %d seq %" PRIu64 " %.80s", answer->token, answer->refusal, answer->seq,
		answer->text);
	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
		if (w->asked[i].token != answer->token)
			continue;
		client_is_answered(w, answer);
		oracle_answer(w, &w->asked[i], answer);
		if (w->asked[i].verb == REQUEST_FORGET && answer->refusal != REFUSED_NOT)
			nothing_was_forgotten(w, answer->token);
		else if (w->asked[i].verb == REQUEST_FORGET)
			all_is_forgotten(w, answer);
		w->asked[i].token = 0;
		(void)holders_answered(w, answer);
		return;
	}
	if (holders_answered(w, answer))
		return;
	fail(w, "P5", "an answer to a request that was not made, or a second one");
}

const struct answer_ops users_ops = { answer };
