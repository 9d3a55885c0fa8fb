/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-spmc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct committed proof = { 9 };
static const struct secure_call created = { .sp = 0x8001, .kind = CALL_CREATED, .endpoint = 5, .life = 42, .name = "web" };
static const struct secure_call destroyed = { .sp = 0x8002, .kind = CALL_DESTROYED, .endpoint = 5, .life = 42 };

static void sends_and_classifies(void **state)
{
	static const uint64_t golden[FFA_REGISTERS] = { 0x8400006F, 0x00008001, 0x80000004, 0xFFFFFFFF, 0xFFFFFFFF, 5 };
	struct world *w = *state;
	struct secure_link_call first, second;
	const struct input *in;

	world_meet(w);
	secure_ops.call(w->secure, proof, &created);
	secure_ops.call(w->secure, proof, &destroyed);
	first = spmc_hear(w);
	second = spmc_hear(w);
	assert_memory_equal(first.x, golden, sizeof(golden));
	assert_true(second.header.id > first.header.id);
	/* answered in the other order: matched by id */
	spmc_answer(w, second.header.id, (uint64_t[8]){ 0x84000070, 0x80020000, 0x80000007, 0xFFFFFFF9 });
	spmc_answer(w, first.header.id, (uint64_t[8]){ 0x84000062, 0x80010003 });
	in = world_wait(w, IN_SECURE_REPLY);
	assert_int_equal(in->life, 42);
	assert_int_equal(in->reply.sp, 0x8002);
	assert_int_equal(in->reply.verdict, VERDICT_RETRY);
	assert_int_equal(in->reply.kind, CALL_DESTROYED);
	in = world_wait(w, IN_SECURE_REPLY);
	assert_int_equal(in->reply.sp, 0x8001);
	assert_int_equal(in->reply.verdict, VERDICT_PREEMPTED);
	assert_int_equal(in->reply.target, 0x80010003);
}

static void passes_a_doorbell_on(void **state)
{
	struct world *w = *state;
	struct secure_link_doorbell bell = {
		.header = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_DOORBELL, 0 },
		.sp = 0x8001,
		.generation = 3,
	};
	const struct input *in;

	world_meet(w);
	spmc_say(w, &bell, sizeof(bell));
	in = world_wait(w, IN_SECURE_DOORBELL);
	assert_int_equal(in->doorbell.sp, 0x8001);
	assert_int_equal(in->doorbell.generation, 3);
	/* and the next discovery knows it */
	secure_ops.discover(w->secure, proof);
	spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]){ 0x84000061 });
	spmc_page(w, spmc_hear_call(w, 0xC400008B), 0, 0, 3, 24, &(struct ffa_partition_info){ 0x8001, 1, 0xC1, { 0 } }, 24);
	assert_int_equal(world_wait(w, IN_SECURE_UP)->world->sp[0].generation, 3);
}

static void meet_again(struct world *w)
{
	spmc_greet(w);
	spmc_error(w, spmc_hear_call(w, 0x84000064), -1);
	spmc_answer(w, spmc_hear_call(w, 0x84000068), (uint64_t[8]){ 0x84000061, 0, 0, 24 });
	spmc_answer(w, spmc_hear_call(w, 0x84000065), (uint64_t[8]){ 0x84000061 });
	world_wait(w, IN_SECURE_UP);
}

static void a_doorbell_before_the_world_is_told_is_part_of_it(void **state)
{
	struct world *w = *state;
	struct secure_link_doorbell bell = {
		.header = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_DOORBELL, 0 },
		.sp = 0x8001,
		.generation = 8,
	};

	world_secure(w);
	spmc_greet(w);
	spmc_say(w, &bell, sizeof(bell));
	spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]){ 0x84000061 });
	spmc_page(w, spmc_hear_call(w, 0xC400008B), 0, 0, 3, 24, &(struct ffa_partition_info){ 0x8001, 1, 0xC1, { 0 } }, 24);
	assert_int_equal(world_wait(w, IN_SECURE_UP)->world->sp[0].generation, 8);
	assert_int_equal(world_heard(w, IN_SECURE_DOORBELL), 0);
}

static void comes_back_after_a_hang_up(void **state)
{
	struct world *w = *state;

	world_meet(w);
	secure_ops.call(w->secure, proof, &created);
	spmc_hear(w);
	spmc_hang_up(w);
	world_wait(w, IN_SECURE_DOWN);
	assert_int_equal(world_heard(w, IN_SECURE_REPLY), 0);
	secure_ops.call(w->secure, proof, &created); /* too late: goes nowhere, not to the next link either */
	spmc_greet(w);
	secure_ops.call(w->secure, proof, &created); /* met, but not told yet: likewise */
	spmc_error(w, spmc_hear_call(w, 0x84000064), -1);
	spmc_answer(w, spmc_hear_call(w, 0x84000068), (uint64_t[8]){ 0x84000061, 0, 0, 24 });
	spmc_answer(w, spmc_hear_call(w, 0x84000065), (uint64_t[8]){ 0x84000061 });
	world_wait(w, IN_SECURE_UP);
	assert_int_equal(world_heard(w, IN_SECURE_DOWN), 1);
	assert_int_equal(recv(w->link, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
}

static void waits_for_one_that_is_not_there_yet(void **state)
{
	struct world *w = *state;

	close(w->listener);
	unlink(w->path);
	world_secure(w);
	assert_int_equal(loop_turn(w->loop, true), 0); /* the first try */
	assert_int_equal(loop_turn(w->loop, true), 0); /* at once again */
	assert_int_equal(loop_turn(w->loop, true), 0); /* after the first back-off */
	world_listen(w);
	meet_again(w);
	assert_int_equal(world_heard(w, IN_SECURE_DOWN), 0); /* it never was up */
}

static void an_answer_that_does_not_come_ends_the_link(void **state)
{
	struct world *w = *state;

	w->config.frame_timeout_ns = 100000000;
	world_meet(w);
	secure_ops.call(w->secure, proof, &created);
	spmc_hear(w);
	world_wait(w, IN_SECURE_DOWN);
	spmc_hang_up(w);
	meet_again(w);
	assert_int_equal(world_heard(w, IN_SECURE_REPLY), 0);
}

static void one_that_never_greets_is_given_up(void **state)
{
	struct world *w = *state;

	w->config.frame_timeout_ns = 20000000;
	world_secure(w);
	spmc_accept(w);
	spmc_sees_hang_up(w);
	spmc_hang_up(w);
	spmc_accept(w);
	assert_int_equal(world_heard(w, IN_SECURE_DOWN), 0);
}

struct garbage {
	struct secure_link_header header;
	size_t size;
};

static void garbage_ends_the_link(void **state)
{
	static const struct garbage garbage[] = {
		{ { 0, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, 1 }, sizeof(struct secure_link_call) },
		{ { SECURE_LINK_MAGIC, 9, SECURE_LINK_COMPLETE, 1 }, sizeof(struct secure_link_call) },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_SUBMIT, 1 }, sizeof(struct secure_link_call) },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, 99, 1 }, sizeof(struct secure_link_call) },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, 1 }, sizeof(struct secure_link_call) - 1 },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, 999 }, sizeof(struct secure_link_call) },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_DOORBELL, 0 }, sizeof(struct secure_link_doorbell) },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_DOORBELL, 0 }, 16 },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_WELCOME, 0 }, 40 },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, 1 }, 1000 },
		{ { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, 1 }, 3 },
	};
	struct world *w = *state;
	char bytes[1024] = { 0 };

	world_meet(w);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
		memcpy(bytes, &garbage[i].header, sizeof(garbage[i].header));
		spmc_say(w, bytes, garbage[i].size);
		world_wait(w, IN_SECURE_DOWN);
		spmc_hang_up(w);
		meet_again(w);
	}
}

static void a_welcome_of_the_wrong_size_is_none(void **state)
{
	struct world *w = *state;

	world_secure(w);
	for (uint32_t count = 1; count < 4; count++) {
		spmc_accept(w);
		w->welcome.sp_count = count == 3 ? SECURE_LINK_SP_MAX + 1 : count;
		spmc_say(w, &w->welcome, 40 + 8 * (count - 1));
		spmc_sees_hang_up(w);
		spmc_hang_up(w);
	}
}

/* What the engine cannot take is an outcome unknown, and it is told so. */
static void an_answer_that_is_lost_ends_the_link(void **state)
{
	struct world *w = *state;
	struct secure_link_call call;

	world_meet(w);
	secure_ops.call(w->secure, proof, &created);
	call = spmc_hear(w);
	w->engine.fail = 2; /* the answer, and the first word that the link is down */
	spmc_answer(w, call.header.id, (uint64_t[8]){ 0x84000070, 0x80010000, 0x80000005 });
	world_wait(w, IN_SECURE_DOWN);
	assert_int_equal(world_heard(w, IN_SECURE_REPLY), 0);
	spmc_hang_up(w);
	meet_again(w);
}

struct dumped {
	unsigned count, sent;
	struct secure_frame last;
};

static void count_frame(void *arg, const struct secure_frame *frame)
{
	struct dumped *d = arg;

	d->count++;
	d->sent += frame->sent;
	assert_true(frame->id >= d->last.id);
	assert_true(frame->number == d->last.number + 1 || d->count == 1);
	d->last = *frame;
}

static void keeps_the_last_frames_of_each_sp(void **state)
{
	struct world *w = *state;
	struct dumped d = { 0 }, other = { 0 };

	world_meet(w);
	for (int i = 0; i < 40; i++) {
		secure_ops.call(w->secure, proof, &created);
		spmc_error(w, spmc_hear(w).header.id, -4);
		world_wait(w, IN_SECURE_REPLY);
	}
	secure_frames.each(w->secure, 0x8001, count_frame, &d);
	assert_int_equal(d.count, 64);
	assert_int_equal(d.sent, 32);
	assert_int_equal(d.last.number, 80);
	assert_int_equal(d.last.verdict, 1 + VERDICT_BUSY);
	assert_int_equal(d.last.life, 42);
	assert_int_equal(d.last.endpoint, 5);
	assert_string_equal(d.last.name, "web");
	assert_int_equal(d.last.x[0], 0x84000060);
	secure_frames.each(w->secure, 0x8002, count_frame, &other);
	assert_int_equal(other.count, 0);
}

/* Anyone may read the frames, and a guest's words are for its SP. */
static void what_a_guest_and_an_sp_say_to_each_other_is_not_kept(void **state)
{
	static const struct secure_call guest = { .sp = 0x8001, .kind = CALL_GUEST, .endpoint = 5, .life = 42,
		.x = { 0xC400006F, 0x00058001, 0, 0x5EC2E7, 0x5EC2E7, 0x5EC2E7, 0x5EC2E7, 0x5EC2E7 } };
	static const uint64_t answer[8] = { 0xC4000070, 0x80010005, 0, 0x5EC2E7, 0x5EC2E7, 0x5EC2E7, 0x5EC2E7, 0x5EC2E7 };
	struct world *w = *state;
	struct secure_link_call call;
	struct dumped d = { 0 };
	const struct input *in;

	world_meet(w);
	secure_ops.call(w->secure, proof, &guest);
	call = spmc_hear(w);
	assert_memory_equal(call.x, guest.x, sizeof(guest.x));
	secure_frames.each(w->secure, 0x8001, count_frame, &d);
	assert_int_equal(d.last.x[0], 0xC400006F);
	assert_int_equal(d.last.x[1], 0x00058001);
	for (size_t i = 3; i < 8; i++)
		assert_int_equal(d.last.x[i], 0);
	spmc_answer(w, call.header.id, answer);
	in = world_wait(w, IN_SECURE_REPLY);
	assert_memory_equal(in->reply.x, answer, sizeof(answer));
	d = (struct dumped){ 0 };
	secure_frames.each(w->secure, 0x8001, count_frame, &d);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.last.x[0], 0xC4000070);
	assert_int_equal(d.last.x[1], 0x80010005);
	for (size_t i = 3; i < 8; i++)
		assert_int_equal(d.last.x[i], 0);
}

static void counts_frames_and_those_that_are_lost(void **state)
{
	struct world *w = *state;
	const struct frame_counts *c;
	uint64_t in_all = 0;

	world_meet(w);
	assert_null(secure_frames.counts(w->secure, 0x8001));
	secure_ops.call(w->secure, proof, &created);
	spmc_error(w, spmc_hear(w).header.id, -4);
	world_wait(w, IN_SECURE_REPLY);
	secure_ops.call(w->secure, proof, &created);
	(void)spmc_hear(w);
	spmc_hang_up(w);
	world_wait(w, IN_SECURE_DOWN);
	c = secure_frames.counts(w->secure, 0x8001);
	assert_int_equal(c->submitted, 2);
	assert_int_equal(c->completed, 1);
	assert_int_equal(c->lost, 1);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		in_all += c->latency.bucket[i];
	assert_int_equal(in_all, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_and_classifies),
		TEST(passes_a_doorbell_on),
		TEST(a_doorbell_before_the_world_is_told_is_part_of_it),
		TEST(comes_back_after_a_hang_up),
		TEST(waits_for_one_that_is_not_there_yet),
		TEST(an_answer_that_does_not_come_ends_the_link),
		TEST(one_that_never_greets_is_given_up),
		TEST(garbage_ends_the_link),
		TEST(a_welcome_of_the_wrong_size_is_none),
		TEST(an_answer_that_is_lost_ends_the_link),
		TEST(keeps_the_last_frames_of_each_sp),
		TEST(what_a_guest_and_an_sp_say_to_each_other_is_not_kept),
		TEST(counts_frames_and_those_that_are_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
