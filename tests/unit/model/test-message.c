/* SPDX-License-Identifier: Apache-2.0 */
/* FFA_MSG_SEND2, told call by call: what leaves for whom, and what its sender is answered. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "model/mediator.h"
#include "model/message.h"
#include "proto/vmm-link.h"

#define V1_1 FFA_VERSION_WORD(1, 1)
#define V1_2 FFA_VERSION_WORD(1, 2)

struct guest {
	struct story *s;
	uint64_t life;
	uint16_t id;
};

static struct guest guest(struct story *s, const char *name)
{
	struct guest g = { .s = s };

	if (!s->m.secure_up)
		meet_secure_side(s, 1, 1);
	g.life = run(s, name);
	g.id = current(s, name)->begun.endpoint;
	return g;
}

struct sent {
	struct ffa_message_v12 header;
	char text[4];
};

static struct sent message(struct guest from, uint16_t to)
{
	return (struct sent){ .header = { .v11 = { .offset = sizeof(struct ffa_message_v12), .ids = (uint32_t)from.id << 16 | to,
		.size = 4 } }, .text = "hey" };
}

static void send(struct guest g, uint32_t w1, uint32_t w2, const void *bytes, uint32_t size, struct guest_call c)
{
	struct input in = { .kind = IN_GUEST_CALL, .life = g.life, .call = c };

	in.call.x[0] = FFA_MSG_SEND2;
	in.call.x[1] = w1;
	in.call.x[2] = w2;
	in.call.version = c.version ? c.version : V1_2;
	in.call.size = size;
	in.call.bytes = size ? memcpy(malloc(size), bytes, size) : NULL;
	in.now = g.s->now;
	step_out_clear(&g.s->o);
	assert_int_equal(step_reserve(&g.s->o, &g.s->m, &in), 0);
	model_step(&g.s->m, &in, 0, &g.s->o);
	free(in.call.bytes); /* what was not taken over */
}

static void send_it(struct guest g, struct sent m)
{
	send(g, 0, 0, &m, sizeof(m), (struct guest_call){ 0 });
}

static const struct output *leaves(struct guest g)
{
	return find_output(g.s, OUT_GUEST_MESSAGE, 0);
}

static void put(struct guest g, uint64_t number, enum ffa_status status)
{
	step(g.s, (struct input){ .kind = IN_GUEST_PUT, .life = g.life, .put = { number, status } });
}

static void assert_status(struct guest g, enum ffa_status status)
{
	for (size_t i = 0; i < g.s->o.outputs; i++) {
		const struct output *o = &g.s->o.output[i];

		if (o->kind != OUT_GUEST_ANSWER || o->life != g.life)
			continue;
		assert_int_equal(o->guest.x[0], status == FFA_OK ? FFA_SUCCESS : FFA_ERROR);
		assert_int_equal((int32_t)o->guest.x[2], status);
		return;
	}
	fail_msg("nobody was answered");
}

static void a_message_goes_to_whom_its_header_names(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");
	const struct guest_message *m;
	const struct output *o;
	uint64_t number;

	send_it(a, message(a, b.id));
	o = leaves(a);
	assert_non_null(o);
	assert_int_equal(o->life, b.life);
	number = o->message.number;
	m = message_of(&a.s->m, o->message.from, o->message.vcpu, number);
	assert_non_null(m);
	assert_int_equal(m->size, sizeof(struct sent));
	assert_string_equal((const char *)m->bytes + 40, "hey");
	assert_null(find_output(a.s, OUT_GUEST_ANSWER, 0));
	assert_int_equal(mediator_vcpu_state(current(*state, "a"), 0), VCPU_BLOCKED);
	assert_int_equal(mediator_callee(current(*state, "a"), 0), b.id);
	put(b, number + 7, FFA_OK); /* another's */
	assert_null(find_output(a.s, OUT_GUEST_ANSWER, 0));
	put(b, number, FFA_OK);
	assert_status(a, FFA_OK);
	assert_int_equal(mediator_callee(current(*state, "a"), 0), 0);
	assert_null(message_of(&a.s->m, a.life, 0, number));
	send_it(a, message(a, b.id));
	send_it(c, message(c, b.id)); /* one at a time: there is one RX */
	assert_null(leaves(c));
	assert_status(c, FFA_BUSY);
	put(b, number + 1, FFA_BUSY);
	assert_status(a, FFA_BUSY);
}

static void a_header_that_lies_is_refused(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct sent good = message(a, b.id), m[8];

	for (unsigned i = 0; i < 8; i++)
		m[i] = good;
	m[0].header.v11.flags = 1;
	m[1].header.v11.reserved = 1;
	m[2].header.reserved = 1;
	m[3].header.v11.offset = 39;
	m[4].header.v11.size = 5;
	m[5].header.v11.offset = UINT32_MAX;
	m[6].header.v11.ids = (uint32_t)b.id << 16 | b.id; /* another's name */
	m[7].header.v11.ids = (uint32_t)a.id << 16 | a.id; /* to itself */
	for (unsigned i = 0; i < 8; i++) {
		send_it(a, m[i]);
		assert_null(leaves(a));
		assert_status(a, FFA_INVALID_PARAMETERS);
	}
	send(a, 0, 0, &good, 39, (struct guest_call){ 0 });
	assert_status(a, FFA_INVALID_PARAMETERS);
	send(a, 0, 0, NULL, 0, (struct guest_call){ 0 });
	assert_status(a, FFA_INVALID_PARAMETERS);
	send(a, (uint32_t)b.id << 16, 0, &good, sizeof(good), (struct guest_call){ 0 });
	assert_status(a, FFA_INVALID_PARAMETERS);
	send(a, 0, 1, &good, sizeof(good), (struct guest_call){ 0 });
	assert_status(a, FFA_INVALID_PARAMETERS);
	send(a, (uint32_t)a.id << 16, FFA_MSG_SEND2_DELAY, &good, sizeof(good), (struct guest_call){ 0 });
	assert_non_null(leaves(a));
}

static void v1_1_has_a_shorter_header(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct {
		struct ffa_message header;
		char text[4];
	} m = { { .offset = 20, .size = 4, .ids = (uint32_t)a.id << 16 | b.id }, "hey" };

	send(a, 0, 0, &m, sizeof(m), (struct guest_call){ .version = V1_1 });
	assert_non_null(leaves(a));
	put(b, leaves(a)->message.number, FFA_OK);
	send(a, 0, 0, &m, sizeof(m), (struct guest_call){ .version = V1_2 });
	assert_status(a, FFA_INVALID_PARAMETERS);
}

static void who_is_not_there_gets_none(void **state)
{
	struct guest a = guest(*state, "a");

	send_it(a, message(a, a.id + 1));
	assert_status(a, FFA_INVALID_PARAMETERS);
	send_it(a, message(a, TRUSTY));
	assert_status(a, FFA_INVALID_PARAMETERS);
}

static void a_sender_is_told_that_nobody_knows(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct vmm_back back = { .phase = VMM_PHASE_ENTERED, .vcpu_count = 1, .vcpu = { VCPU_RUNNING } };

	send_it(a, message(a, b.id)); /* the receiver's VMM comes back: its answer may be lost */
	step(*state, (struct input){ .kind = IN_VMM_BACK, .life = b.life, .back = back });
	assert_status(a, FFA_ABORTED);
	send_it(a, message(a, b.id)); /* it ends */
	step(*state, (struct input){ .kind = IN_VMM_ENDED, .life = b.life, .end = { .cause = CAUSE_GUEST_POWEROFF } });
	assert_status(a, FFA_ABORTED);
}

/* What was under way is lost with its VMM's link; what comes after waits for nobody. */
static void one_that_was_reported_lost_takes_nothing(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	send_it(a, message(a, b.id));
	life_says(*state, IN_VMM_LOST, b.life);
	assert_status(a, FFA_ABORTED);
	send_it(a, message(a, b.id));
	assert_null(leaves(a));
	assert_status(a, FFA_BUSY);
	step(*state, (struct input){ .kind = IN_VMM_BACK, .life = b.life, .back = { .phase = VMM_PHASE_ENTERED, .vcpu_count = 1,
		.vcpu = { VCPU_RUNNING } } });
	send_it(a, message(a, b.id));
	assert_non_null(leaves(a));
}

static void a_sender_that_ends_is_not_answered(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	uint64_t number;

	send_it(a, message(a, b.id));
	number = leaves(a)->message.number;
	step(*state, (struct input){ .kind = IN_VMM_ENDED, .life = a.life, .end = { .cause = CAUSE_GUEST_POWEROFF } });
	assert_null(message_of(&a.s->m, a.life, 0, number));
	put(b, number, FFA_OK);
	assert_null(find_output(a.s, OUT_GUEST_ANSWER, 0));
}

/* Told again to a daemon that knows nothing of it: it may have been put. */
static void a_message_is_not_sent_twice(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct sent m = message(a, b.id);

	send(a, 0, 0, &m, sizeof(m), (struct guest_call){ .flags = VMM_CALL_AGAIN });
	assert_null(leaves(a));
	assert_status(a, FFA_ABORTED);
}

/* The daemon ends while one is on its way; AddressSanitizer sees whether who sent it outlives the receiver unharmed. */
static void all_go_with_a_message_on_its_way(void **state)
{
	struct guest b = guest(*state, "b"), a = guest(*state, "a");

	send_it(a, message(a, b.id));
	assert_non_null(leaves(a));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		STORY(a_message_goes_to_whom_its_header_names),
		STORY(a_header_that_lies_is_refused),
		STORY(v1_1_has_a_shorter_header),
		STORY(who_is_not_there_gets_none),
		STORY(a_sender_is_told_that_nobody_knows),
		STORY(one_that_was_reported_lost_takes_nothing),
		STORY(a_sender_that_ends_is_not_answered),
		STORY(a_message_is_not_sent_twice),
		STORY(all_go_with_a_message_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
