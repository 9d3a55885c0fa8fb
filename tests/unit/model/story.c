/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include <stdio.h>
#include <malloc.h>
#include <stdlib.h>

void step_too(struct story *s, struct input in)
{
	in.now = s->now;
	assert_int_equal(step_reserve(&s->o, &s->m, &in), 0);
	model_step(&s->m, &in, 1, &s->o);
}

void step(struct story *s, struct input in)
{
	step_out_clear(&s->o);
	step_too(s, in);
}

int story_begin(void **state)
{
	struct story *s;

	/* A test may have thousands of stories, each half a megabyte: the heap keeps them, or most of the time is page faults. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 24);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 26);
	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->now = 1000 * MS;
	assert_int_equal(model_init(&s->m, 7), 0);
	s->m.has_secure_side = true;
	*state = s;
	return 0;
}

int story_end(void **state)
{
	struct story *s = *state;

	model_clear(&s->m);
	step_out_free(&s->o);
	free(s);
	return 0;
}

static struct vm_definition *definition(const char *name)
{
	struct vm_definition *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf((char *)d->uuid, sizeof(d->uuid), "%s", name);
	d->vcpu_count = 1;
	d->memory_bytes = 2 << 20;
	d->limits.build_timeout_ms = 10000;
	d->limits.announce_timeout_ms = 5000;
	d->limits.stop_timeout_ms = 60000;
	return d;
}

void ask(struct story *s, enum request_verb verb, const char *name, uint64_t life)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = verb, .life = life, .token = 1 } };

	snprintf(in.request.name, sizeof(in.request.name), "%s", name);
	if (verb == REQUEST_DEFINE)
		in.request.definition = definition(name);
	step(s, in);
}

void meet_secure_side(struct story *s, uint8_t instance, uint32_t generation)
{
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };

	in.world->instance[0] = instance;
	in.world->count = 2;
	in.world->sp[0] = (struct change_sp){ .id = TRUSTY, .contexts = 1, .properties = 0xC1, .generation = generation,
		.profile = PROFILE_TRUSTY };
	in.world->sp[1] = (struct change_sp){ .id = OPTEE, .contexts = 1, .properties = 0xC1, .generation = generation,
		.profile = PROFILE_OPTEE };
	step(s, in);
}

void answer(struct story *s, uint16_t sp, enum verdict v, enum call_kind kind)
{
	struct input in = { .kind = IN_SECURE_REPLY, .reply = { .sp = sp, .verdict = v, .kind = kind } };

	step(s, in);
}

void life_says(struct story *s, enum input_kind kind, uint64_t life)
{
	struct input in = { .kind = kind, .life = life };

	step(s, in);
}

const struct output *find_output(const struct story *s, enum output_kind kind, uint16_t sp)
{
	for (size_t i = 0; i < s->o.outputs; i++)
		if (s->o.output[i].kind == kind && (!sp || s->o.output[i].call.sp == sp))
			return &s->o.output[i];
	return NULL;
}

bool sends(const struct story *s, uint16_t sp, enum call_kind kind)
{
	const struct output *o = find_output(s, OUT_SECURE_CALL, sp);

	return o && !o->call.run && o->call.kind == kind;
}

struct life *current(struct story *s, const char *name)
{
	return model_vm_named(&s->m, name)->life;
}

/* Up to ANNOUNCING: both SPs were sent VM_CREATED. */
uint64_t start(struct story *s, const char *name)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .newborn = { .connection = 9, .pid = 4711, .features = VMM_LINK_FEATURES } };
	uint64_t life;

	ask(s, REQUEST_DEFINE, name, 0);
	ask(s, REQUEST_START, name, 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	life = in.life = current(s, name)->number;
	snprintf(in.newborn.name, sizeof(in.newborn.name), "%s", name);
	step(s, in);
	assert_non_null(find_output(s, OUT_VMM_BIRTH, 0));
	life_says(s, IN_VMM_BUILT, life);
	return life;
}

uint64_t run(struct story *s, const char *name)
{
	uint64_t life = start(s, name);

	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_non_null(find_output(s, OUT_VMM_COMMAND, 0));
	life_says(s, IN_VMM_ENTERED, life);
	assert_int_equal(current(s, name)->now.state, VM_RUNNING);
	return life;
}

int story_copy(void *arg, const struct change *c)
{
	struct change copy = *c;

	if (change_has_definition(c)) {
		copy.definition = malloc(sizeof(*copy.definition));
		assert_non_null(copy.definition);
		*copy.definition = *c->definition;
	}
	assert_int_equal(model_reserve(arg), 0);
	return model_apply(arg, &copy);
}

const struct change_operation *operation(struct story *s)
{
	return &model_vm_named(&s->m, "web")->operation;
}

struct wait_reason waits(struct story *s)
{
	struct wait_reason r;

	model_why(&s->m, model_vm_named(&s->m, "web"), &r);
	return r;
}

void tick_after(struct story *s, uint64_t time)
{
	s->now += time;
	step(s, (struct input){ .kind = IN_TICK });
}

void end_as(struct story *s, uint64_t life, enum vm_cause cause)
{
	step(s, (struct input){ .kind = IN_VMM_ENDED, .life = life, .end = { .cause = cause } });
}

void settle(struct story *s, uint64_t life)
{
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_VMM_GONE, life);
	life_says(s, IN_RECLAIMED, life);
}

struct story *next_daemon_by(struct story *s, int (*copy)(void *model, const struct change *c), uint64_t now, bool same_boot)
{
	struct story *again = calloc(1, sizeof(*again));

	assert_non_null(again);
	again->now = now;
	assert_int_equal(model_init(&again->m, 7), 0);
	again->m.has_secure_side = true;
	assert_int_equal(model_snapshot(&s->m, copy, &again->m), 0);
	assert_int_equal(step_reserve_resume(&again->o, &again->m), 0);
	model_resume(&again->m, again->now, 1, same_boot, &again->o);
	return again;
}

struct story *next_daemon(struct story *s, uint64_t now, bool same_boot)
{
	return next_daemon_by(s, story_copy, now, same_boot);
}

struct story *reborn(struct story *s)
{
	return next_daemon(s, s->now + 1000 * MS, true);
}
