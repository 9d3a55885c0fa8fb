/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-spmc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t optee[16] = { 0x48, 0x61, 0x78, 0xe0, 0xe7, 0xf8, 0x11, 0xe3, 0xbc, 0x5e, 0, 2, 0xa5, 0xd5, 0xc5,
	0x1b };
static const uint8_t trusty[16] = { 0x40, 0xee, 0x25, 0xf0, 0xa2, 0xbc, 0x30, 0x4c, 0x8c, 0x4c, 0xa1, 0x73, 0xc5, 0x7d,
	0x8a, 0xf1 };

static struct ffa_partition_info sp(uint16_t id, uint32_t properties, const uint8_t uuid[16])
{
	struct ffa_partition_info info = { id, 1, properties, { 0 } };

	if (uuid)
		memcpy(info.uuid, uuid, 16);
	return info;
}

/* Up to where FEATURES has said whether REGS is there. */
static void until_features(struct world *w, bool regs)
{
	struct secure_link_call call;

	world_secure(w);
	spmc_greet(w);
	call = spmc_hear(w);
	assert_int_equal(call.x[0], 0x84000064);
	assert_int_equal(call.x[1], 0xC400008B);
	if (regs)
		spmc_answer(w, call.header.id, (uint64_t[8]){ 0x84000061 });
	else
		spmc_error(w, call.header.id, -1);
}

static struct secure_link_call hear_page(struct world *w, uint16_t start, uint16_t tag)
{
	struct secure_link_call call = spmc_hear(w);

	assert_int_equal(call.x[0], 0xC400008B);
	assert_int_equal(call.x[1], 0);
	assert_int_equal(call.x[2], 0);
	assert_int_equal(call.x[3], (uint64_t)tag << 16 | start);
	return call;
}

static void tells_a_world_of_none(void **state)
{
	static const uint8_t zero[16];
	struct world *w = *state;
	const struct input *in;

	w->config.socket_path = NULL;
	world_secure(w);
	assert_int_equal(world_heard(w, IN_SECURE_UP), 0); /* from the loop only */
	w->engine.fail = 1;
	in = world_wait(w, IN_SECURE_UP);
	assert_int_equal(in->world->count, 0);
	assert_memory_equal(in->world->instance, zero, 16);
	secure_ops.discover(w->secure, (struct committed){ 1 });
	world_wait(w, IN_SECURE_UP);
}

static void reads_pages_of_registers(void **state)
{
	struct world *w = *state;
	struct ffa_partition_info info[7];
	const struct secure_world *world;

	for (int i = 0; i < 7; i++)
		info[i] = sp((uint16_t)(0x8001 + i), 0x1C1, NULL);
	memcpy(info[1].uuid, optee, 16);
	memcpy(info[2].uuid, trusty, 16);
	w->config.profiles = (struct secure_profile[]){ { 0x8003, PROFILE_STRICT }, { 0x8004, PROFILE_TRUSTY } };
	w->config.profile_count = 2;
	w->welcome.sp_count = 1;
	w->welcome.sp[0] = (struct secure_link_sp){ .id = 0x8002, .generation = 9 };
	until_features(w, true);
	assert_int_equal(w->hello.incarnation, 77);
	spmc_page(w, hear_page(w, 0, 0).header.id, 6, 4, 42, 24, info, 5 * 24);
	spmc_page(w, hear_page(w, 5, 42).header.id, 6, 6, 42, 24, &info[5], 2 * 24);
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 7);
	assert_memory_equal(world->instance, w->welcome.instance, 16);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(world->sp[i].id, 0x8001 + i);
		assert_int_equal(world->sp[i].properties, 0x1C1);
		assert_int_equal(world->sp[i].generation, i == 1 ? 9 : 0);
	}
	assert_int_equal(world->sp[0].profile, PROFILE_STRICT);
	assert_int_equal(world->sp[1].profile, PROFILE_OPTEE);
	assert_int_equal(world->sp[2].profile, PROFILE_STRICT); /* configuration overrides the UUID */
	assert_int_equal(world->sp[3].profile, PROFILE_TRUSTY);
}

static void begins_again_when_the_tag_changes(void **state)
{
	struct world *w = *state;
	struct ffa_partition_info info[2] = { sp(0x8001, 0x1C1, NULL), sp(0x8002, 0x1C1, NULL) };
	const struct secure_world *world;

	until_features(w, true);
	spmc_page(w, hear_page(w, 0, 0).header.id, 1, 0, 5, 24, &info[0], 24);
	spmc_error(w, hear_page(w, 1, 5).header.id, -7); /* RETRY */
	spmc_page(w, hear_page(w, 0, 0).header.id, 1, 0, 6, 24, &info[0], 24);
	spmc_page(w, hear_page(w, 1, 6).header.id, 1, 1, 7, 24, &info[1], 24); /* changed without a word */
	spmc_page(w, hear_page(w, 0, 0).header.id, 0, 0, 7, 24, &info[1], 24);
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 1);
	assert_int_equal(world->sp[0].id, 0x8002);
}

static void gives_up_a_list_that_never_holds_still(void **state)
{
	struct world *w = *state;

	until_features(w, true);
	for (int i = 0; i < 17; i++)
		spmc_error(w, hear_page(w, 0, 0).header.id, -7);
	spmc_hang_up(w);
	spmc_accept(w); /* a new link, not a new try for ever */
	assert_int_equal(world_heard(w, IN_SECURE_UP), 0);
}

static void steps_by_the_size_that_is_returned(void **state)
{
	struct world *w = *state;
	uint8_t bytes[96] = { 0 };
	const struct secure_world *world;

	until_features(w, true);
	for (int i = 0; i < 2; i++) {
		struct ffa_partition_info info = sp((uint16_t)(0x8001 + i), 0x1C9, optee);

		memcpy(bytes + 48 * i, &info, sizeof(info));
		memset(bytes + 48 * i + 24, 0xEE, 24);
	}
	spmc_page(w, hear_page(w, 0, 0).header.id, 1, 1, 1, 48, bytes, sizeof(bytes));
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 2);
	assert_int_equal(world->sp[1].id, 0x8002);
	assert_int_equal(world->sp[1].profile, PROFILE_OPTEE);
}

static void believes_only_what_is_an_sp(void **state)
{
	struct world *w = *state;
	const struct ffa_partition_info info[5] = {
		sp(0x0005, 0x1C1, NULL),        /* a VM */
		sp(0x8001, 0x1C1, NULL),        /* twice: one UUID each */
		sp(0x8001, 0x1C1, trusty), sp(0x8002, 0x1C0, NULL), /* subscribed, but takes no requests */
		sp(0x8003, 0x1C1 | 0x30, NULL), /* an auxiliary id */
	};
	const struct secure_world *world;
	const uint8_t(*uuid)[16];

	until_features(w, true);
	spmc_page(w, hear_page(w, 0, 0).header.id, 4, 4, 1, 24, info, sizeof(info));
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 2);
	assert_int_equal(world->sp[0].id, 0x8001);
	assert_int_equal(world->sp[0].profile, PROFILE_TRUSTY);
	assert_int_equal(world->sp[1].properties, 0x100);
	assert_int_equal(secure_frames.uuids(w->secure, 0x8001, &uuid), 2);
	assert_memory_equal(uuid[0], info[1].uuid, 16);
	assert_memory_equal(uuid[1], trusty, 16);
	assert_int_equal(secure_frames.uuids(w->secure, 0x8002, &uuid), 1);
	assert_int_equal(secure_frames.uuids(w->secure, 0x8003, &uuid), 0);
}

static void meets_a_secure_side_without_sps(void **state)
{
	struct world *w = *state;

	until_features(w, true);
	spmc_error(w, hear_page(w, 0, 0).header.id, -2);
	assert_int_equal(world_wait(w, IN_SECURE_UP)->world->count, 0);
}

static void reads_the_rx_buffer(void **state)
{
	struct world *w = *state;
	const struct ffa_partition_info info[2] = { sp(0x8001, 0x1C3, optee), sp(0x8002, 0x1C1, NULL) };
	struct secure_link_call call;
	const struct secure_world *world;

	until_features(w, false);
	spmc_error(w, spmc_hear_call(w, 0x84000068), -4); /* an earlier daemon left it full */
	spmc_answer(w, spmc_hear_call(w, 0x84000065), (uint64_t[8]){ 0x84000061 });
	call = spmc_hear(w);
	assert_int_equal(call.x[0], 0x84000068);
	for (int i = 1; i < 6; i++)
		assert_int_equal(call.x[i], 0);
	assert_true(w->rx >= 0);
	assert_int_equal(ftruncate(w->rx, 0), -1); /* sealed */
	assert_int_equal(pwrite(w->rx, info, sizeof(info), 0), sizeof(info));
	spmc_answer(w, call.header.id, (uint64_t[8]){ 0x84000061, 0, 2, 24 });
	spmc_answer(w, spmc_hear_call(w, 0x84000065), (uint64_t[8]){ 0x84000061 });
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 2);
	assert_int_equal(world->sp[0].profile, PROFILE_OPTEE);
	assert_int_equal(world->sp[1].id, 0x8002);
}

/* v1.0: eight bytes each, their size not returned, and no VM availability. */
static void an_old_spmc_has_no_subscriptions(void **state)
{
	static const uint8_t bytes[16] = { 1, 0x80, 1, 0, 0xC1, 1, 0, 0, 2, 0x80, 1, 0, 0xC1, 1, 0, 0 };
	struct world *w = *state;
	const struct secure_world *world;

	world_secure(w);
	spmc_accept(w);
	spmc_welcome(w);
	spmc_answer(w, spmc_hear_call(w, 0x84000063), (uint64_t[8]){ 0x00010000 });
	spmc_says_bitmaps(w, false);
	spmc_error(w, spmc_hear_call(w, 0x84000064), -1);
	assert_int_equal(pwrite(w->rx, bytes, sizeof(bytes), 0), sizeof(bytes));
	spmc_answer(w, spmc_hear_call(w, 0x84000068), (uint64_t[8]){ 0x84000061, 0, 2, 0 });
	spmc_answer(w, spmc_hear_call(w, 0x84000065), (uint64_t[8]){ 0x84000061 });
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 2);
	assert_int_equal(world->sp[1].properties, 0x101);
}

static struct secure_link_call hear_version(struct world *w, uint32_t version)
{
	struct secure_link_call call = spmc_hear(w);

	assert_int_equal(call.x[0], 0x84000063);
	assert_int_equal(call.x[1], version);
	for (int i = 2; i < 8; i++)
		assert_int_equal(call.x[i], 0);
	return call;
}

/* As Hafnium refuses what is above its own. The status comes zero- and sign-extended. */
static void who_refuses_a_version_is_asked_for_a_lower_one(void **state)
{
	static const uint64_t refusals[] = { 0xFFFFFFFF, UINT64_MAX };
	struct world *w = *state;
	const struct ffa_partition_info info = sp(0x8001, 0x1C1, NULL);

	for (size_t i = 0; i < 2; i++) {
		if (i > 0) {
			w->secure = secure_free(w->secure);
			spmc_hang_up(w);
		}
		world_secure(w);
		spmc_accept(w);
		spmc_welcome(w);
		spmc_answer(w, hear_version(w, 0x10002).header.id, (uint64_t[8]){ refusals[i] });
		spmc_answer(w, hear_version(w, 0x10001).header.id, (uint64_t[8]){ 0x10001 });
		spmc_says_bitmaps(w, false);
		spmc_error(w, spmc_hear_call(w, 0x84000064), -1);
		assert_int_equal(pwrite(w->rx, &info, sizeof(info), 0), sizeof(info));
		spmc_answer(w, spmc_hear_call(w, 0x84000068), (uint64_t[8]){ 0x84000061, 0, 1, 0 }); /* its size unsaid: of v1.1 */
		spmc_answer(w, spmc_hear_call(w, 0x84000065), (uint64_t[8]){ 0x84000061 });
		assert_int_equal(world_wait(w, IN_SECURE_UP)->world->sp[0].properties, 0x1C1);
	}
}

/* And again on the next link: it may be another one by then. */
static void who_refuses_each_version_is_not_met(void **state)
{
	struct world *w = *state;

	world_secure(w);
	for (int i = 0; i < 2; i++) {
		spmc_accept(w);
		spmc_welcome(w);
		spmc_answer(w, hear_version(w, 0x10002).header.id, (uint64_t[8]){ 0xFFFFFFFF });
		spmc_answer(w, hear_version(w, 0x10001).header.id, (uint64_t[8]){ 0xFFFFFFFF });
		spmc_sees_hang_up(w);
		spmc_hang_up(w);
	}
	assert_int_equal(world_heard(w, IN_SECURE_UP), 0);
}

static void an_answer_that_makes_no_sense_ends_the_link(void **state)
{
	static const uint8_t bytes[120];
	static const uint16_t pages[][3] = {
		/* last, current, size */
		{ 0, 0, 0 },
		{ 0, 0, 8 },
		{ 0, 0, 25 },
		{ 0, 1, 24 },
		{ 9, 5, 24 },
		{ 9, 2, 48 },
		{ 0, 0, 0xFFF8 },
		{ 0xFFFF, 0xFFFF, 24 },
	};
	struct world *w = *state;

	until_features(w, true);
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		spmc_page(w, hear_page(w, 0, 0).header.id, pages[i][0], pages[i][1], 1, pages[i][2], bytes,
			sizeof(bytes));
		spmc_sees_hang_up(w);
		spmc_hang_up(w);
		if (i % 4 == 3) {
			/* a fresh room: its back-off must not make the test slow */
			w->secure = secure_free(w->secure);
			world_secure(w);
		}
		spmc_greet(w);
		spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]){ 0x84000061 });
	}
	assert_int_equal(world_heard(w, IN_SECURE_UP), 0);
	assert_int_equal(world_heard(w, IN_SECURE_DOWN), 0); /* it never was up */
}

static void a_count_that_does_not_fit_ends_the_link(void **state)
{
	struct world *w = *state;

	until_features(w, false);
	spmc_answer(w, spmc_hear_call(w, 0x84000068), (uint64_t[8]){ 0x84000061, 0, 0xFFFFFFFF, 24 });
	spmc_sees_hang_up(w);
}

static void discovers_anew_when_asked(void **state)
{
	struct world *w = *state;
	const struct ffa_partition_info info = sp(0x8002, 0x1C1, NULL);
	const struct secure_world *world;

	world_meet(w);
	secure_ops.discover(w->secure, (struct committed){ 1 });
	secure_ops.discover(w->secure, (struct committed){ 1 }); /* while the first is under way: once more after it */
	for (int i = 0; i < 2; i++) {
		spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]){ 0x84000061 }); /* no VERSION again */
		spmc_page(w, hear_page(w, 0, 0).header.id, 0, 0, 4, 24, &info, 24);
		world = world_wait(w, IN_SECURE_UP)->world;
		assert_int_equal(world->count, 1);
		assert_int_equal(world->sp[0].id, 0x8002);
	}
}

static void takes_the_configured_list_where_there_is_no_discovery(void **state)
{
	struct change_sp listed[] = { { .id = 0x8003, .contexts = 1, .properties = 0xC1 },
		{ .id = 0x8001, .contexts = 1, .properties = 0x41 } };
	struct world *w = *state;
	const struct secure_world *world;

	w->config.listed = listed;
	w->config.listed_count = 2;
	w->config.profiles = (struct secure_profile[]) { { 0x8003, PROFILE_TRUSTY } };
	w->config.profile_count = 1;
	until_features(w, false);
	spmc_error(w, spmc_hear_call(w, 0x84000068), -1);
	world = world_wait(w, IN_SECURE_UP)->world;
	assert_int_equal(world->count, 2);
	assert_int_equal(world->sp[0].id, 0x8003);
	assert_int_equal(world->sp[0].properties, 0xC1);
	assert_int_equal(world->sp[0].profile, PROFILE_TRUSTY);
	assert_int_equal(world->sp[1].properties, 0x41);
}

/* It is asked once a link, and is there whoever else is; unless somebody has its id. */
static void an_spmc_with_notification_bitmaps_is_one_more(void **state)
{
	struct world *w = *state;
	struct ffa_partition_info info = sp(0x8001, 0x1C1, NULL);
	const struct secure_world *world;

	w->bitmaps = true;
	until_features(w, true);
	for (int i = 0; i < 3; i++) {
		if (i > 0) {
			secure_ops.discover(w->secure, (struct committed){ 1 });
			spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]){ 0x84000061 });
		}
		info.id = i == 2 ? 0x8000 : 0x8001;
		spmc_page(w, hear_page(w, 0, 0).header.id, 0, 0, (uint16_t)(4 + i), 24, &info, 24);
		world = world_wait(w, IN_SECURE_UP)->world;
		assert_int_equal(world->count, i == 2 ? 1 : 2);
		assert_int_equal(world->sp[0].profile, PROFILE_STRICT);
		if (i == 2)
			break;
		assert_int_equal(world->sp[1].id, 0x8000);
		assert_int_equal(world->sp[1].profile, PROFILE_SPMC);
		assert_int_equal(world->sp[1].properties, FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED);
	}
}

static void without_discovery_and_list_nobody_is_met(void **state)
{
	struct world *w = *state;

	until_features(w, false);
	spmc_error(w, spmc_hear_call(w, 0x84000068), -1);
	spmc_sees_hang_up(w);
	assert_int_equal(world_heard(w, IN_SECURE_UP), 0);
}

/* Of its own accord it looks again and again, and tells what changed alone. */
static void looks_again_without_a_reason(void **state)
{
	struct world *w = *state;
	struct ffa_partition_info_v13 info = { .v11 = sp(0x8002, 0x1C1, NULL), .version = 0x10003 };
	const struct secure_world *world;

	w->config.discover_every_ns = 10000000;
	until_features(w, true);
	for (uint32_t version = 0x10003; version < 0x10005; version++) {
		info.version = version;
		for (int i = 0; i < 2; i++) {
			if (i > 0 || version > 0x10003)
				spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]) { 0x84000061 });
			spmc_page(w, hear_page(w, 0, 0).header.id, 0, 0, 4, 48, &info, 48);
		}
		world = world_wait(w, IN_SECURE_UP)->world;
		assert_int_equal(world->sp[0].version, version);
		assert_int_equal(world_heard(w, IN_SECURE_UP), version - 0x10002);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_a_world_of_none),
		TEST(reads_pages_of_registers),
		TEST(begins_again_when_the_tag_changes),
		TEST(gives_up_a_list_that_never_holds_still),
		TEST(steps_by_the_size_that_is_returned),
		TEST(believes_only_what_is_an_sp),
		TEST(meets_a_secure_side_without_sps),
		TEST(reads_the_rx_buffer),
		TEST(an_old_spmc_has_no_subscriptions),
		TEST(who_refuses_a_version_is_asked_for_a_lower_one),
		TEST(who_refuses_each_version_is_not_met),
		TEST(an_answer_that_makes_no_sense_ends_the_link),
		TEST(a_count_that_does_not_fit_ends_the_link),
		TEST(discovers_anew_when_asked),
		TEST(takes_the_configured_list_where_there_is_no_discovery),
		TEST(an_spmc_with_notification_bitmaps_is_one_more),
		TEST(without_discovery_and_list_nobody_is_met),
		TEST(looks_again_without_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
