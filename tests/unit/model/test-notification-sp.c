/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications between a guest and SPs: what leaves for the SPMC and when, what each guest hears, what a broken link leaves. */
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/notification.h"

#define SPMC   FFA_ID_SPMC
#define BIND   FFA_NOTIFICATION_BIND
#define UNBIND FFA_NOTIFICATION_UNBIND
#define SET    FFA_NOTIFICATION_SET
#define GET    FFA_NOTIFICATION_GET
#define OF_SPS FFA_NOTIFICATION_OF_SPS
#define OF_VMS FFA_NOTIFICATION_OF_VMS

static void meet(struct story *s)
{
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };
	struct secure_world *w = in.world;

	w->instance[0] = 1;
	w->count = 2;
	w->sp[0] = (struct change_sp){ .id = TRUSTY, .properties = 0xC1, .generation = 1, .profile = PROFILE_TRUSTY };
	w->sp[1] = (struct change_sp){ .id = SPMC, .properties = 0xC0, .profile = PROFILE_SPMC };
	step(s, in);
}

/* Two vCPUs, and a bitmap, if it may receive. */
static struct guest begin(struct story *s, const char *name, bool receives)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .newborn = { .connection = 9, .pid = 4711 } };
	struct guest g = { .s = s };

	if (!s->m.secure_up)
		meet(s);
	strcpy(in.newborn.name, name);
	ask(s, REQUEST_DEFINE, name, 0);
	model_vm_named(&s->m, name)->definition->notifications = receives;
	model_vm_named(&s->m, name)->definition->vcpu_count = 2;
	ask(s, REQUEST_START, name, 0);
	g.life = in.life = current(s, name)->number;
	step(s, in);
	life_says(s, IN_VMM_BUILT, g.life);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	if (receives)
		answer(s, SPMC, VERDICT_ACK, CALL_CREATED);
	life_says(s, IN_VMM_ENTERED, g.life);
	assert_int_equal(current(s, name)->now.state, VM_RUNNING);
	g.id = current(s, name)->begun.endpoint;
	return g;
}

static void notify(struct guest g, uint32_t function, uint32_t w1, uint32_t flags, uint64_t bitmap)
{
	say(g, (struct guest_call){ .x = { function, w1, flags, (uint32_t)bitmap, bitmap >> 32 } });
}

static const struct secure_call *sent(struct guest g)
{
	const struct output *o = find_output(g.s, OUT_SECURE_CALL, SPMC);

	return o ? &o->call : NULL;
}

static void assert_sent(struct guest g, uint32_t function)
{
	assert_non_null(sent(g));
	assert_true(sent(g)->spmc);
	assert_int_equal(sent(g)->kind, CALL_GUEST);
	assert_int_equal((uint32_t)sent(g)->x[0], function);
}

static void spmc_says(struct story *s, struct secure_reply r)
{
	r.sp = SPMC;
	step(s, (struct input){ .kind = IN_SECURE_REPLY, .reply = r });
}

static void spmc_succeeds(struct story *s, uint64_t x2, uint64_t x3)
{
	spmc_says(s, (struct secure_reply){ .verdict = VERDICT_ACK, .kind = CALL_GUEST, .x = { FFA_SUCCESS_64, 0, x2, x3 } });
}

static void spmc_fails(struct story *s, enum ffa_status status)
{
	spmc_says(s, (struct secure_reply){ .verdict = VERDICT_REFUSED, .status = status });
}

static void rings(struct story *s)
{
	step(s, (struct input){ .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = SPMC } });
}

static void bind(struct guest g, uint64_t bitmap)
{
	notify(g, BIND, (uint32_t)TRUSTY << 16 | g.id, 0, bitmap);
	if (model_sp(&g.s->m, SPMC)->guest.asks) /* it may have rung before there was anybody */
		spmc_fails(g.s, FFA_NO_DATA);
	assert_sent(g, BIND);
	spmc_succeeds(g.s, 0, 0);
	assert_status(g, FFA_OK);
}

/* What the VMM of the guest was told last by the last input; -1: nothing. */
static int told(struct guest g, uint16_t vcpu)
{
	int last = -1;

	for (size_t i = 0; i < g.s->o.outputs; i++) {
		const struct output *o = &g.s->o.output[i];

		if (o->kind == OUT_VMM_NOTIFY && o->life == g.life && o->notice.what == VMM_NOTIFY_SECURE && o->notice.vcpu == vcpu)
			last = (int)o->notice.bitmap;
	}
	return last;
}

static void calls_go_to_the_spmc_and_answers_back(void **state)
{
	struct guest a = begin(*state, "a", true);

	bind(a, 1ull << 40 | 1);
	notify(a, SET, (uint32_t)a.id << 16 | TRUSTY, 0, 2);
	assert_sent(a, SET);
	assert_int_equal(sent(a)->x[3], 2);
	spmc_fails(a.s, FFA_DENIED);
	assert_status(a, FFA_DENIED);
	notify(a, UNBIND, (uint32_t)TRUSTY << 16 | a.id, 0, 1);
	assert_sent(a, UNBIND);
	spmc_says(a.s, (struct secure_reply){ .verdict = VERDICT_BROKEN });
	assert_status(a, FFA_ABORTED);
}

static void wrong_calls_go_nowhere(void **state)
{
	struct guest a = begin(*state, "a", true), deaf = begin(*state, "deaf", false);
	const uint32_t mine = (uint32_t)TRUSTY << 16 | a.id;
	const struct {
		struct guest g;
		uint32_t function, w1, flags;
		uint64_t bitmap;
		enum ffa_status status;
	} rows[] = {
		{ a, BIND, mine, 0, 0, FFA_INVALID_PARAMETERS },
		{ a, BIND, mine, 2, 1, FFA_INVALID_PARAMETERS },
		{ a, BIND, (uint32_t)TRUSTY << 16 | deaf.id, 0, 1, FFA_INVALID_PARAMETERS }, /* for another */
		{ a, BIND, 0x8009u << 16 | a.id, 0, 1, FFA_INVALID_PARAMETERS },
		{ a, BIND, (uint32_t)SPMC << 16 | a.id, 0, 1, FFA_INVALID_PARAMETERS },
		{ a, UNBIND, mine, 1, 1, FFA_INVALID_PARAMETERS },
		{ a, SET, (uint32_t)deaf.id << 16 | TRUSTY, 0, 1, FFA_INVALID_PARAMETERS },
		{ a, SET, (uint32_t)a.id << 16 | TRUSTY, 4, 1, FFA_INVALID_PARAMETERS },
		{ a, SET, (uint32_t)a.id << 16 | TRUSTY, 1u << 16, 1, FFA_INVALID_PARAMETERS },
		{ deaf, BIND, (uint32_t)TRUSTY << 16 | deaf.id, 0, 1, FFA_NOT_SUPPORTED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		notify(rows[i].g, rows[i].function, rows[i].w1, rows[i].flags, rows[i].bitmap);
		assert_null(sent(rows[i].g));
		assert_status(rows[i].g, rows[i].status);
	}
	notify(deaf, SET, (uint32_t)deaf.id << 16 | TRUSTY, 0, 1); /* a sender needs no bitmap */
	assert_sent(deaf, SET);
}

static void both_halves_are_got_at_once(void **state)
{
	struct guest a = begin(*state, "a", true), b = begin(*state, "b", true);

	notify(a, BIND, (uint32_t)b.id << 16 | a.id, 0, 8);
	assert_status(a, FFA_OK);
	notify(b, SET, (uint32_t)b.id << 16 | a.id, 0, 8);
	assert_status(b, FFA_OK);
	bind(a, 1);
	notify(a, GET, a.id, OF_SPS | OF_VMS, 0);
	assert_sent(a, GET);
	assert_int_equal(sent(a)->x[2], OF_SPS); /* of VMs the SPMC knows nothing */
	spmc_succeeds(a.s, 1, 2);
	assert_int_equal(answered(a)->x[0], FFA_SUCCESS);
	assert_int_equal(answered(a)->x[2], 1);
	assert_int_equal(answered(a)->x[3], 2);
	assert_int_equal(answered(a)->x[4], 8);
	notify(a, GET, a.id, OF_SPS | OF_VMS, 0);
	spmc_fails(a.s, FFA_NO_DATA);
	assert_int_equal(answered(a)->x[0], FFA_SUCCESS);
	assert_int_equal(answered(a)->x[2] | answered(a)->x[4], 0);
	notify(a, GET, a.id, OF_VMS, 0);
	assert_null(sent(a));
	assert_int_equal(answered(a)->x[4], 0);
}

static void a_doorbell_raises_the_interrupt_until_it_is_got(void **state)
{
	struct guest a = begin(*state, "a", true);

	rings(a.s);
	assert_null(sent(a)); /* it has bound nothing */
	bind(a, 1);
	rings(a.s);
	assert_sent(a, FFA_NOTIFICATION_INFO_GET | FFA_SMC64);
	spmc_succeeds(a.s, 1u << 7, a.id);
	assert_int_equal(told(a, VMM_NOTIFY_GLOBAL), 1);
	assert_int_equal(told(a, 1), -1);
	notify(a, GET, a.id, OF_SPS, 0);
	spmc_succeeds(a.s, 1, 0);
	assert_int_equal(told(a, VMM_NOTIFY_GLOBAL), 0);
	rings(a.s);
	spmc_succeeds(a.s, 1u << 12 | 1u << 7, 1u << 16 | a.id); /* for vCPU 1 */
	assert_int_equal(told(a, 1), 1);
	notify(a, GET, 1u << 16 | a.id, OF_SPS, 0);
	spmc_succeeds(a.s, 0, 0);
	assert_int_equal(told(a, 1), 0);
}

static void a_vcpu_that_waits_is_run_for_it(void **state)
{
	struct guest a = begin(*state, "a", true);

	bind(a, 1);
	call(a, FFA_MSG_WAIT, 0, 0);
	assert_null(answered(a));
	rings(a.s);
	spmc_succeeds(a.s, 1u << 7, a.id);
	assert_int_equal(answered(a)->x[0], FFA_RUN);
}

static void who_got_nothing_is_run_once_more(void **state)
{
	struct guest a = begin(*state, "a", true), b = begin(*state, "b", true);

	bind(a, 1);
	notify(a, BIND, (uint32_t)b.id << 16 | a.id, 0, 8);
	notify(b, SET, (uint32_t)b.id << 16 | a.id, 0, 8);
	call(a, FFA_MSG_WAIT, 0, 0);
	assert_int_equal(answered(a)->x[0], FFA_RUN);
	notify(a, GET, a.id, OF_SPS | OF_VMS, 0);
	spmc_fails(a.s, FFA_BUSY);
	assert_status(a, FFA_BUSY);
	call(a, FFA_MSG_WAIT, 0, 0);
	assert_int_equal(answered(a)->x[0], FFA_RUN);
	notify(a, GET, a.id, OF_SPS | OF_VMS, 0);
	spmc_fails(a.s, FFA_NO_DATA);
	assert_int_equal(answered(a)->x[4], 8);
	call(a, FFA_MSG_WAIT, 0, 0);
	assert_null(answered(a));
}

static void there_are_more_until_there_are_none(void **state)
{
	struct guest a = begin(*state, "a", true);

	bind(a, 1);
	rings(a.s);
	spmc_succeeds(a.s, 1u << 7 | 1, a.id);
	assert_sent(a, FFA_NOTIFICATION_INFO_GET | FFA_SMC64);
	spmc_fails(a.s, FFA_NO_DATA);
	assert_null(sent(a));
}

/* Ids of nobody, vCPUs that there are not, more lists than there is room for. */
static void lists_that_are_wrong_do_no_harm(void **state)
{
	struct guest a = begin(*state, "a", true);

	bind(a, 1);
	rings(a.s);
	spmc_says(a.s, (struct secure_reply){ .verdict = VERDICT_ACK, .kind = CALL_GUEST,
		.x = { FFA_SUCCESS, 0, ~1ull, ~0ull, 0x7777u, 9ull << 16 | a.id, ~0ull, ~0ull } });
	assert_int_equal(told(a, 0), -1);
	assert_int_equal(told(a, 1), -1);
	spmc_fails(a.s, FFA_NO_DATA);
}

static void an_announce_is_not_behind_guests(void **state)
{
	struct guest a = begin(*state, "a", true), b = begin(*state, "b", true);

	notify(a, SET, (uint32_t)a.id << 16 | TRUSTY, 0, 1);
	assert_sent(a, SET);
	notify(b, SET, (uint32_t)b.id << 16 | TRUSTY, 0, 1);
	assert_null(sent(b)); /* one is out at a time */
	life_says(b.s, IN_VMM_GONE, b.life);
	spmc_succeeds(a.s, 0, 0);
	assert_status(a, FFA_OK);
	assert_true(sends(a.s, SPMC, CALL_DESTROYED));
}

static void what_was_out_when_the_link_broke_is_not_sent_again(void **state)
{
	struct guest a = begin(*state, "a", true);

	bind(a, 1);
	notify(a, SET, (uint32_t)a.id << 16 | TRUSTY, 0, 1);
	step(a.s, (struct input){ .kind = IN_SECURE_DOWN });
	assert_status(a, FFA_ABORTED);
	notify(a, SET, (uint32_t)a.id << 16 | TRUSTY, 0, 1);
	assert_status(a, FFA_BUSY);
	notify(a, GET, a.id, OF_SPS, 0);
	assert_status(a, FFA_BUSY);
	notify(a, GET, a.id, OF_SPS | OF_VMS, 0); /* what VMs have set is to be had */
	assert_int_equal(answered(a)->x[0], FFA_SUCCESS);
	meet(a.s);
	assert_sent(a, FFA_NOTIFICATION_INFO_GET | FFA_SMC64); /* a doorbell may have gone unheard */
	spmc_fails(a.s, FFA_NO_DATA);
	assert_null(sent(a));
}

static void news_that_were_lost_are_looked_for(void **state)
{
	struct guest a = begin(*state, "a", true);

	bind(a, 1);
	rings(a.s);
	step(a.s, (struct input){ .kind = IN_SECURE_DOWN });
	meet(a.s);
	assert_int_equal(told(a, VMM_NOTIFY_GLOBAL), 1);
	assert_int_equal(told(a, 0), 1);
	assert_int_equal(told(a, 1), 1);
}

static void a_new_daemon_asks_again_for_get_alone(void **state)
{
	struct guest a = begin(*state, "a", true);
	void *again;

	notify(a, GET, a.id, OF_SPS, 0);
	again = a.s = reborn(a.s);
	meet(a.s);
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { SET, (uint32_t)a.id << 16 | TRUSTY, 0, 1 } });
	assert_null(sent(a));
	assert_status(a, FFA_ABORTED);
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { GET, a.id, OF_SPS } });
	assert_sent(a, GET);
	story_end(&again);
}

/* What an earlier daemon was told by the SPMC, its VMM may not have heard: the guest looks. */
static void a_vmm_that_is_back_has_its_guest_look(void **state)
{
	struct guest a = begin(*state, "a", true);
	struct input in = { .kind = IN_VMM_NOTIFICATIONS, .life = a.life };
	void *again = a.s = reborn(a.s);

	meet(a.s);
	step(a.s, in);
	assert_int_equal(told(a, VMM_NOTIFY_GLOBAL), 1);
	assert_int_equal(told(a, 1), 1);
	story_end(&again);
}

/* Not every SPMC rings again before it was asked. */
static void what_rang_while_nobody_was_back_is_asked_then(void **state)
{
	struct guest a = begin(*state, "a", true);
	void *again;

	bind(a, 1);
	again = a.s = reborn(a.s);
	meet(a.s);
	assert_null(sent(a));
	rings(a.s);
	assert_null(sent(a));
	step(a.s, (struct input){ .kind = IN_VMM_NOTIFICATIONS, .life = a.life });
	assert_sent(a, FFA_NOTIFICATION_INFO_GET | FFA_SMC64);
	story_end(&again);
}

static void a_life_waits_for_its_call(void **state)
{
	struct guest a = begin(*state, "a", true);

	notify(a, SET, (uint32_t)a.id << 16 | TRUSTY, 0, 1);
	life_says(a.s, IN_VMM_GONE, a.life);
	assert_null(sent(a));
	assert_non_null(guest_sp_holding(&a.s->m, current(a.s, "a")));
	spmc_succeeds(a.s, 0, 0);
	assert_true(sends(a.s, SPMC, CALL_DESTROYED));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

/* Each VM with a bitmap looks, with each of its vCPUs. */
static void a_lost_answer_may_bring_more_words_than_a_step_ever_does(void **state)
{
	struct story *s = *state;
	struct guest g;
	size_t words = 0;

	for (unsigned i = 0; i < 20; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "g%u", i);
		g = begin(s, name, true);
		current(s, name)->begun.vcpu_count = VM_VCPU_MAX;
		bind(g, 1);
	}
	rings(s);
	assert_sent(g, FFA_NOTIFICATION_INFO_GET | FFA_SMC64);
	life_says(s, IN_SECURE_DOWN, 0);
	meet(s);
	for (size_t i = 0; i < s->o.outputs; i++)
		words += s->o.output[i].kind == OUT_VMM_NOTIFY;
	assert_int_equal(words, 20 * (VM_VCPU_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_go_to_the_spmc_and_answers_back),
		TEST(wrong_calls_go_nowhere),
		TEST(both_halves_are_got_at_once),
		TEST(a_doorbell_raises_the_interrupt_until_it_is_got),
		TEST(a_vcpu_that_waits_is_run_for_it),
		TEST(who_got_nothing_is_run_once_more),
		TEST(there_are_more_until_there_are_none),
		TEST(lists_that_are_wrong_do_no_harm),
		TEST(an_announce_is_not_behind_guests),
		TEST(what_was_out_when_the_link_broke_is_not_sent_again),
		TEST(news_that_were_lost_are_looked_for),
		TEST(a_new_daemon_asks_again_for_get_alone),
		TEST(a_vmm_that_is_back_has_its_guest_look),
		TEST(what_rang_while_nobody_was_back_is_asked_then),
		TEST(a_life_waits_for_its_call),
		TEST(a_lost_answer_may_bring_more_words_than_a_step_ever_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
