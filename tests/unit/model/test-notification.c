/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications between guests: who may bind, set and take what; what a second statement of the rules says in a long walk. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "model/mediator.h"
#include "model/notification.h"

#define BIND   FFA_NOTIFICATION_BIND
#define UNBIND FFA_NOTIFICATION_UNBIND
#define SET    FFA_NOTIFICATION_SET
#define GET    FFA_NOTIFICATION_GET
#define INFO   FFA_NOTIFICATION_INFO_GET
#define V1_2   FFA_VERSION_WORD(1, 2)

struct guest {
	struct story *s;
	uint64_t life;
	uint32_t id;
};

/* It runs, has two vCPUs, and receives notifications. */
static struct guest guest(struct story *s, const char *name)
{
	struct guest g = { .s = s };

	if (!s->m.secure_up)
		meet_secure_side(s, 1, 1);
	g.life = run(s, name);
	g.id = current(s, name)->begun.endpoint;
	current(s, name)->begun.vcpu_count = 2;
	current(s, name)->begun.notifications = true;
	return g;
}

static const struct guest_call *answered(struct guest g, uint16_t vcpu)
{
	for (size_t i = 0; i < g.s->o.outputs; i++) {
		const struct output *o = &g.s->o.output[i];

		if (o->kind == OUT_GUEST_ANSWER && o->life == g.life && o->guest.vcpu == vcpu)
			return &o->guest;
	}
	return NULL;
}

static void say(struct guest g, uint16_t vcpu, uint16_t flags, const uint64_t x[5])
{
	struct input in = { .kind = IN_GUEST_CALL, .life = g.life, .call = { .vcpu = vcpu, .flags = flags, .version = V1_2 } };

	memcpy(in.call.x, x, 5 * sizeof(*x));
	step(g.s, in);
}

/* The status that the call was answered with. */
static int32_t call(struct guest g, uint32_t function, uint32_t w1, uint32_t w2, uint64_t bitmap)
{
	const struct guest_call *a;

	say(g, 0, 0, (uint64_t[5]){ function, w1, w2, (uint32_t)bitmap, bitmap >> 32 });
	a = answered(g, 0);
	assert_non_null(a);
	return a->x[0] == FFA_ERROR ? (int32_t)a->x[2] : FFA_OK;
}

static uint32_t ids(struct guest from, struct guest to)
{
	return from.id << 16 | to.id;
}

static int32_t bind(struct guest to, struct guest from, uint64_t bitmap)
{
	return call(to, BIND, ids(from, to), 0, bitmap);
}

static int32_t set(struct guest from, struct guest to, uint64_t bitmap)
{
	return call(from, SET, ids(from, to), 0, bitmap);
}

static uint64_t take(struct guest g, uint16_t vcpu)
{
	assert_int_equal(call(g, GET, (uint32_t)vcpu << 16 | g.id, FFA_NOTIFICATION_OF_VMS, 0), FFA_OK);
	return answered(g, 0)->x[5] << 32 | answered(g, 0)->x[4];
}

static void what_is_set_is_got_once(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	const uint64_t bits = 1ull << 63 | 5;

	assert_int_equal(bind(b, a, bits), FFA_OK);
	assert_int_equal(set(a, b, 4), FFA_OK);
	assert_int_equal(set(a, b, 1ull << 63), FFA_OK);
	assert_int_equal(take(b, 1), 1ull << 63 | 4);
	assert_int_equal(take(b, 1), 0);
}

/* Each way in which a call can be wrong, and what it is answered. */
static void wrong_calls_are_refused(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct life *deaf = current(*state, "a");

	assert_int_equal(bind(b, a, 1), FFA_OK);
	assert_int_equal(call(b, BIND, ids(a, b), FFA_NOTIFICATION_PER_VCPU, 2), FFA_OK);
	const struct {
		struct guest g;
		uint32_t function, w1, w2;
		uint64_t bitmap;
		enum ffa_status status;
	} rows[] = {
		{ b, BIND, ids(a, b), 0, 0, FFA_INVALID_PARAMETERS },          /* nothing */
		{ b, BIND, ids(a, b), 2, 4, FFA_INVALID_PARAMETERS },          /* a flag that there is not */
		{ b, BIND, ids(b, b), 0, 4, FFA_INVALID_PARAMETERS },          /* itself */
		{ b, BIND, ids(b, a), 0, 4, FFA_INVALID_PARAMETERS },          /* for another */
		{ b, BIND, 0x7777u << 16 | b.id, 0, 4, FFA_INVALID_PARAMETERS }, /* nobody */
		{ b, BIND, b.id, 0, 4, FFA_INVALID_PARAMETERS },               /* the hypervisor */
		{ b, BIND, ids(a, b), 0, 5, FFA_DENIED },                      /* one of them is bound */
		{ b, UNBIND, ids(a, b), 1, 1, FFA_INVALID_PARAMETERS },        /* it has no flags */
		{ b, UNBIND, ids(a, b), 0, 5, FFA_DENIED },                    /* one of them is not bound */
		{ a, SET, ids(a, b), 0, 0, FFA_INVALID_PARAMETERS },
		{ a, SET, ids(b, a), 0, 1, FFA_INVALID_PARAMETERS },           /* in another's name */
		{ a, SET, a.id << 16 | 0x7777, 0, 1, FFA_INVALID_PARAMETERS },
		{ a, SET, ids(a, b), 4, 1, FFA_INVALID_PARAMETERS },
		{ a, SET, ids(a, b), 1u << 16, 1, FFA_INVALID_PARAMETERS },    /* a global one for a vCPU */
		{ a, SET, ids(a, b), 2u << 16 | 1, 2, FFA_INVALID_PARAMETERS }, /* a vCPU that there is not */
		{ a, SET, ids(a, b), 1, 1, FFA_DENIED },                       /* it is bound as a global one */
		{ a, SET, ids(a, b), 0, 2, FFA_DENIED },                       /* and that one for each vCPU */
		{ a, SET, ids(a, b), 0, 8, FFA_DENIED },                       /* not bound */
		{ a, SET, ids(a, b), FFA_NOTIFICATION_DELAYED, 1, FFA_OK },
		{ b, GET, b.id, 0, 0, FFA_INVALID_PARAMETERS },                /* of nobody */
		{ b, GET, b.id, 0x10, 0, FFA_INVALID_PARAMETERS },
		{ b, GET, a.id, 2, 0, FFA_INVALID_PARAMETERS },                /* another's */
		{ b, GET, 2u << 16 | b.id, 2, 0, FFA_INVALID_PARAMETERS },
		{ b, BIND, ids(a, b), 0, 1, FFA_DENIED },                      /* it is bound, and pending */
		{ b, UNBIND, ids(a, b), 0, 1, FFA_DENIED },                    /* pending */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (call(rows[i].g, rows[i].function, rows[i].w1, rows[i].w2, rows[i].bitmap) != rows[i].status)
			fail_msg("row %zu", i);
	deaf->begun.notifications = false;
	assert_int_equal(bind(a, b, 1), FFA_NOT_SUPPORTED);
	assert_int_equal(set(b, a, 1), FFA_NOT_SUPPORTED);
	assert_int_equal(call(a, GET, a.id, 2, 0), FFA_NOT_SUPPORTED);
	assert_int_equal(call(a, INFO, 0, 0, 0), FFA_NOT_SUPPORTED);
}

/* ---- the walk ---- */

#define BITS 3
struct reference { /* of receiver b: who has each (0: nobody, 1: a, 2: c), how, and what is pending where (2: for all) */
	int owner[BITS];
	bool per_vcpu[BITS];
	bool pending[BITS][3];
};

static bool any_pending(const struct reference *r, int bit)
{
	return r->pending[bit][0] || r->pending[bit][1] || r->pending[bit][2];
}

static int32_t expect_bind(struct reference *r, int who, unsigned bits, bool per_vcpu, bool binds)
{
	for (int i = 0; i < BITS; i++)
		if (bits >> i & 1 && (r->owner[i] != (binds ? 0 : who) || any_pending(r, i)))
			return FFA_DENIED;
	for (int i = 0; i < BITS; i++)
		if (bits >> i & 1) {
			r->owner[i] = binds ? who : 0;
			r->per_vcpu[i] = binds && per_vcpu;
		}
	return FFA_OK;
}

static int32_t expect_set(struct reference *r, int who, unsigned bits, int vcpu)
{
	for (int i = 0; i < BITS; i++)
		if (bits >> i & 1 && (r->owner[i] != who || r->per_vcpu[i] != (vcpu < 2)))
			return FFA_DENIED;
	for (int i = 0; i < BITS; i++)
		if (bits >> i & 1)
			r->pending[i][vcpu] = true;
	return FFA_OK;
}

static unsigned expect_get(struct reference *r, int vcpu)
{
	unsigned got = 0;

	for (int i = 0; i < BITS; i++) {
		got |= (unsigned)(r->pending[i][vcpu] || r->pending[i][2]) << i;
		r->pending[i][vcpu] = r->pending[i][2] = false;
	}
	return got;
}

static void a_long_walk_agrees_with_a_second_statement(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");
	struct reference r = { 0 };
	uint64_t dice = 7;

	for (int i = 0; i < 100000; i++) {
		unsigned what, bits, vcpu;
		struct guest other;
		int who;

		dice = dice * 6364136223846793005u + 1442695040888963407u;
		what = dice >> 60;
		bits = 1 + (dice >> 50) % 7;
		vcpu = dice >> 40 & 1;
		who = 1 + (int)(dice >> 30 & 1);
		other = who == 1 ? a : c;
		if (what < 4)
			assert_int_equal(call(b, BIND, ids(other, b), vcpu, bits), expect_bind(&r, who, bits, vcpu, true));
		else if (what < 7)
			assert_int_equal(call(b, UNBIND, ids(other, b), 0, bits), expect_bind(&r, who, bits, false, false));
		else if (what < 10)
			assert_int_equal(call(other, SET, ids(other, b), vcpu << 16 | 1, bits), expect_set(&r, who, bits, (int)vcpu));
		else if (what < 13)
			assert_int_equal(set(other, b, bits), expect_set(&r, who, bits, 2));
		else
			assert_int_equal(take(b, (uint16_t)vcpu), expect_get(&r, (int)vcpu));
	}
}

/* ---- who waits ---- */

static void wait_for_message(struct guest g, uint16_t vcpu)
{
	say(g, vcpu, 0, (uint64_t[5]){ FFA_MSG_WAIT });
}

static void who_waits_is_run_once(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	assert_int_equal(bind(b, a, 1), FFA_OK);
	assert_int_equal(call(b, BIND, ids(a, b), 1, 2), FFA_OK);
	for (uint16_t vcpu = 0; vcpu < 2; vcpu++) {
		wait_for_message(b, vcpu);
		assert_null(answered(b, vcpu));
	}
	assert_int_equal(call(a, SET, ids(a, b), 1u << 16 | 1, 2), FFA_OK);
	assert_null(answered(b, 0));
	assert_int_equal(answered(b, 1)->x[0], FFA_RUN);
	assert_int_equal(answered(b, 1)->x[1], FFA_TARGET(b.id, 1));
	wait_for_message(b, 1); /* it did not ask, and is not run again and again */
	assert_null(answered(b, 1));
	assert_int_equal(set(a, b, 1), FFA_OK);
	assert_int_equal(answered(b, 0)->x[0], FFA_RUN);
	assert_int_equal(set(a, b, 1), FFA_OK); /* meanwhile it is pending still */
	wait_for_message(b, 0);
	assert_int_equal(answered(b, 0)->x[0], FFA_RUN);
}

/* The receiver's VMM before its sender; the receiver before its VMM. */
static size_t place(struct guest g, enum output_kind kind)
{
	size_t i = 0;

	while (i < g.s->o.outputs && (g.s->o.output[i].kind != kind || g.s->o.output[i].life != g.life))
		i++;
	assert_int_not_equal(i, g.s->o.outputs);
	return i;
}

static void the_order_is_one_in_which_none_is_lost(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	assert_int_equal(bind(b, a, 1), FFA_OK);
	assert_int_equal(set(a, b, 1), FFA_OK);
	assert_true(place(b, OUT_VMM_NOTIFY) < place(a, OUT_GUEST_ANSWER));
	assert_int_equal(take(b, 0), 1);
	assert_true(place(b, OUT_GUEST_ANSWER) < place(b, OUT_VMM_NOTIFY));
}

static void info_get_names_who_is_to_be_run(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	assert_int_equal(call(b, INFO, 0, 0, 0), FFA_NO_DATA);
	assert_int_equal(call(b, BIND, ids(a, b), 1, 2), FFA_OK);
	assert_int_equal(bind(b, a, 1), FFA_OK);
	for (unsigned vcpu = 0; vcpu < 2; vcpu++)
		assert_int_equal(call(a, SET, ids(a, b), vcpu << 16 | 1, 2), FFA_OK);
	assert_int_equal(call(b, INFO, 0, 0, 0), FFA_OK);
	assert_int_equal(answered(b, 0)->x[2], 2u << 12 | 1u << 7);
	assert_int_equal(answered(b, 0)->x[3], b.id); /* and vCPU 0 */
	assert_int_equal(answered(b, 0)->x[4], 1);
	assert_int_equal(call(b, INFO, 0, 0, 0), FFA_NO_DATA); /* said once */
	assert_int_equal(set(a, b, 1), FFA_OK);
	assert_int_equal(call(b, INFO | FFA_SMC64, 0, 0, 0), FFA_OK);
	assert_int_equal(answered(b, 0)->x[0], FFA_SUCCESS_64);
	assert_int_equal(answered(b, 0)->x[2], 1u << 7);
	assert_int_equal(answered(b, 0)->x[3], b.id);
}

static void many_vcpus_fill_several_lists(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	unsigned named = 0, calls = 0;

	current(*state, "b")->begun.vcpu_count = 40;
	assert_int_equal(call(b, BIND, ids(a, b), 1, 1), FFA_OK);
	for (unsigned vcpu = 0; vcpu < 40; vcpu++)
		assert_int_equal(call(a, SET, ids(a, b), vcpu << 16 | 1, 1), FFA_OK);
	for (bool more = true; more; calls++) {
		const struct guest_call *i;
		unsigned lists;

		assert_int_equal(call(b, INFO, 0, 0, 0), FFA_OK);
		i = answered(b, 0);
		lists = i->x[2] >> 7 & 31;
		more = i->x[2] & 1;
		for (unsigned k = 0, at = 0; k < lists; k++) {
			unsigned vcpus = i->x[2] >> (12 + 2 * k) & 3;

			assert_int_equal((uint16_t)(i->x[3 + at / 2] >> 16 * (at % 2)), b.id);
			for (at++; vcpus--; at++, named++)
				assert_int_equal((uint16_t)(i->x[3 + at / 2] >> 16 * (at % 2)), named);
			assert_true(at <= 10);
		}
	}
	assert_int_equal(named, 40);
	assert_int_equal(calls, 6); /* ten ids a time: three lists of one id and up to three vCPUs, the third of one */
}

/* ---- deaths ---- */

static void a_sender_that_ends_has_nothing_bound(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");

	assert_int_equal(bind(b, a, 1), FFA_OK);
	assert_int_equal(set(a, b, 1), FFA_OK);
	life_says(*state, IN_VMM_GONE, a.life);
	assert_int_equal(call(b, UNBIND, ids(a, b), 0, 1), FFA_INVALID_PARAMETERS);
	assert_int_equal(bind(b, c, 1), FFA_DENIED); /* what it had set is pending still */
	assert_int_equal(take(b, 0), 1);
	assert_int_equal(bind(b, c, 1), FFA_OK);
	assert_int_equal(set(c, b, 1), FFA_OK);
}

/* What the VMM keeps, as it was told. */
static void keep(struct story *s, uint64_t life, struct vmm_notification_state *is)
{
	for (size_t i = 0; i < s->o.outputs; i++) {
		const struct guest_notice *n = &s->o.output[i].notice;

		if (s->o.output[i].kind != OUT_VMM_NOTIFY || s->o.output[i].life != life)
			continue;
		for (unsigned bit = 0; n->what == VMM_NOTIFY_BOUND && bit < 64; bit++)
			if (n->bitmap >> bit & 1)
				is->sender[bit] = n->sender;
		if (n->what == VMM_NOTIFY_BOUND)
			is->per_vcpu = n->per_vcpu ? is->per_vcpu | n->bitmap : is->per_vcpu & ~n->bitmap;
		else
			*(n->vcpu == VMM_NOTIFY_GLOBAL ? &is->pending : &is->vcpu[n->vcpu]) = n->bitmap;
	}
}

static void tell(struct story *s, uint64_t life, const struct vmm_notification_state *is)
{
	step(s, (struct input){ .kind = IN_VMM_NOTIFICATIONS, .life = life, .notifications = *is });
}

static void a_new_daemon_is_told_all_of_them(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct vmm_notification_state is = { 0 };
	struct story *again;

	assert_int_equal(bind(b, a, 1), FFA_OK);
	keep(*state, b.life, &is);
	assert_int_equal(call(b, BIND, ids(a, b), 1, 2), FFA_OK);
	keep(*state, b.life, &is);
	assert_int_equal(set(a, b, 1), FFA_OK);
	keep(*state, b.life, &is);
	again = reborn(*state);
	model_life(&again->m, b.life)->begun.notifications = true;
	tell(again, b.life, &is);
	a.s = b.s = again;
	assert_int_equal(call(a, SET, ids(a, b), 1u << 16 | 1, 2), FFA_OK);
	assert_int_equal(take(b, 1), 3);
	assert_int_equal(bind(b, a, 1), FFA_DENIED);
	story_end((void **)&again);
}

/* What is bound there its VMM has to say first. */
static void who_sets_for_one_that_is_not_back_waits_for_it(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	const uint64_t x[5] = { SET, ids(a, b), 0, 1, 0 };
	struct vmm_notification_state is = { 0 };
	struct story *again;

	assert_int_equal(bind(b, a, 1), FFA_OK);
	keep(*state, b.life, &is);
	again = reborn(*state);
	model_life(&again->m, b.life)->begun.notifications = true;
	model_life(&again->m, b.life)->notifications_untold = true;
	a.s = b.s = again;
	say(a, 0, 0, x);
	assert_null(answered(a, 0));
	assert_int_equal(mediator_callee(model_life(&again->m, a.life), 0), b.id);
	tell(again, b.life, &is);
	assert_int_equal(answered(a, 0)->x[0], FFA_SUCCESS);
	assert_int_equal(mediator_callee(model_life(&again->m, a.life), 0), 0);
	assert_int_equal(take(b, 0), 1);
	story_end((void **)&again);
}

/* Its answer was lost with the link: what it was to get it has still, says its VMM, which missed that it was taken. */
static void what_a_broken_link_lost_is_pending_still(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct vmm_notification_state is = { 0 };

	assert_int_equal(bind(b, a, 3), FFA_OK);
	keep(*state, b.life, &is);
	assert_int_equal(set(a, b, 1), FFA_OK);
	keep(*state, b.life, &is);
	assert_int_equal(take(b, 0), 1);
	assert_int_equal(set(a, b, 2), FFA_OK); /* it misses that, too */
	tell(*state, b.life, &is);
	keep(*state, b.life, &is);
	assert_int_equal(is.pending, 3);
	assert_int_equal(take(b, 0), 3);
}

static void a_call_that_is_told_again_may_have_been_done(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	assert_int_equal(bind(b, a, 1), FFA_OK);
	say(b, 0, VMM_CALL_AGAIN, (uint64_t[5]){ BIND, ids(a, b), 0, 1, 0 });
	assert_int_equal(answered(b, 0)->x[0], FFA_SUCCESS);
	say(b, 0, VMM_CALL_AGAIN, (uint64_t[5]){ BIND, ids(a, b), 1, 1, 0 }); /* as what it is not */
	assert_int_equal(answered(b, 0)->x[0], FFA_ERROR);
	assert_int_equal(call(b, UNBIND, ids(a, b), 0, 1), FFA_OK);
	say(b, 0, VMM_CALL_AGAIN, (uint64_t[5]){ UNBIND, ids(a, b), 0, 1, 0 });
	assert_int_equal(answered(b, 0)->x[0], FFA_SUCCESS);
}

/* A VMM may lie: what it names need not be there. */
static void a_vmm_that_lies_harms_itself_alone(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct vmm_notification_state is;

	memset(&is, 0xA5, sizeof(is));
	tell(*state, b.life, &is);
	assert_int_equal(bind(b, a, 2), FFA_OK); /* bound to a life that never was; and not pending */
	(void)take(b, 0);
	(void)take(b, 1);
	assert_int_equal(bind(b, a, 1), FFA_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_set_is_got_once),
		TEST(wrong_calls_are_refused),
		TEST(a_long_walk_agrees_with_a_second_statement),
		TEST(who_waits_is_run_once),
		TEST(the_order_is_one_in_which_none_is_lost),
		TEST(info_get_names_who_is_to_be_run),
		TEST(many_vcpus_fill_several_lists),
		TEST(a_sender_that_ends_has_nothing_bound),
		TEST(a_new_daemon_is_told_all_of_them),
		TEST(who_sets_for_one_that_is_not_back_waits_for_it),
		TEST(what_a_broken_link_lost_is_pending_still),
		TEST(a_call_that_is_told_again_may_have_been_done),
		TEST(a_vmm_that_lies_harms_itself_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
