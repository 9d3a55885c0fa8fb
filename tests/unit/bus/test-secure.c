/* SPDX-License-Identifier: Apache-2.0 */

/* What is shown of the secure side: debts one by one, frames, counts. */

#include <string.h>

#include "unit/bus/world.h"

#define E(name)  BUS_NAME ".Error." name
#define VM_A     BUS_PATH "/vm/a"
#define SP_8001  BUS_PATH "/partition/8001"

static const struct secure_frame frames[] = {
	{ .number = 7, .at = 9000000, .id = 3, .x = { 0x8400006F, 0x8001, 0x80000004 }, .life = 7, .endpoint = 3,
		.sent = true, .name = "a" },
	{ .number = 8, .at = 9500000, .took = 500000, .id = 3, .x = { 0x84000070, 0x80010000, 0x80000005, 0xFFFFFFF9 },
		.life = 7, .endpoint = 3, .verdict = 1 + VERDICT_RETRY, .name = "a" },
};
static const struct frame_counts frame_counts = { .submitted = 4, .completed = 3, .lost = 1,
	.latency = { .bucket = { [9] = 3 } } };

static void each_frame(const void *secure, uint16_t sp, secure_frame_fn *each, void *arg)
{
	for (size_t i = 0; sp == 0x8001 && i < sizeof(frames) / sizeof(frames[0]); i++)
		each(arg, &frames[i]);
}

static const struct frame_counts *counts(const void *secure, uint16_t sp)
{
	return sp == 0x8001 ? &frame_counts : NULL;
}

/* The first is that of the row. */
static size_t uuids(const void *secure, uint16_t sp, const uint8_t (**ret)[16])
{
	static const uint8_t listed[2][16] = { { 1 }, { 2 } };

	*ret = listed;
	return sp == 0x8001 ? 2 : 0;
}

static const struct frame_ops ops = { .each = each_frame, .counts = counts, .uuids = uuids };

static void with_frames(struct bus_config *config)
{
	config->frames = &ops;
}

/* VM a: its life 7 is stuck at 8001, life 5, which it left behind, at 8002 and 8001. */
static void a_stuck_vm(struct world *w)
{
	struct vm_row *a = fake_vm(&w->engine, "a", 1);
	struct sp_row *sp = fake_sp(&w->engine, 0x8001);

	(void)fake_sp(&w->engine, 0x8002);
	(void)fake_vm(&w->engine, "b", 2);
	sp->probe_at = 77000;
	a->life = 7;
	a->debt_count = 1;
	a->old_debt_count = 2;
	a->debts_left_out = 3;
	a->debt[0] = (struct debt_row) { .sp = 0x8001, .endpoint = 3, .life = 7, .state = DEBT_DESTROYING, .tries = 4,
		.sent = 6, .reply = 1 + VERDICT_RETRY, .place = PLACE_PROBE, .stuck = true, .since = 5000 };
	a->debt[1] = (struct debt_row) { .sp = 0x8002, .endpoint = 2, .life = 5, .state = DEBT_DESTROYING, .stuck = true,
		.place = PLACE_BACKOFF, .next = 66000, .until = 99000 };
	a->debt[2] = (struct debt_row) { .sp = 0x8001, .endpoint = 2, .life = 5, .state = DEBT_CREATING, .stuck = true,
		.place = PLACE_LINE, .ticket = 12 };
}

/* As "life id sp debt how reply tries sent since next until name" and what is more. */
static void read_peer(sd_bus_message *m, char *ret, size_t size)
{
	const char *debt, *how, *reply, *name, *key;
	uint64_t life, since, next, until;
	uint32_t tries, sent;
	uint16_t id, sp;

	assert_true(sd_bus_message_enter_container(m, 'r', "tqqsssuutttsa{sv}") > 0);
	assert_true(sd_bus_message_read(m, "tqqsssuuttts", &life, &id, &sp, &debt, &how, &reply, &tries, &sent, &since,
			    &next, &until, &name) > 0);
	(void)snprintf(ret, size, "%d %d %x %s %s %s %u %u %d %d %d %s", (int)life, id, sp, debt, how, reply, tries, sent,
		(int)since, (int)next, (int)until, name);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key) > 0);
		(void)snprintf(ret + strlen(ret), size - strlen(ret), " %s", key);
		assert_true(sd_bus_message_skip(m, "v") > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
	assert_true(sd_bus_message_exit_container(m) > 0);
	assert_true(sd_bus_message_exit_container(m) > 0);
}

static void lists_debts_of_this_life_and_of_old_ones(void **state)
{
	static const char *const expected[] = {
		"7 3 8001 destroying - retry 4 6 5 77 0 a Stuck Place",
		"5 2 8002 destroying - - 0 0 0 66 99 a Stuck Place Old",
		"5 2 8001 creating - - 0 0 0 0 0 a Stuck Place Old Ticket",
	};
	struct world *w = *state;
	uint32_t left_out;
	sd_bus_message *m;
	char text[256];

	a_stuck_vm(w);
	for (int all = 0; all < 2; all++) {
		m = call_manager(&w->root, "ListPeers", "s", all ? "" : "a");
		assert_fine(m);
		assert_true(sd_bus_message_enter_container(m, 'a', "(tqqsssuutttsa{sv})") > 0);
		for (size_t i = 0; i < 3; i++) {
			read_peer(m, text, sizeof(text));
			assert_string_equal(text, expected[i]);
		}
		assert_true(sd_bus_message_exit_container(m) > 0);
		assert_true(sd_bus_message_read(m, "u", &left_out) > 0);
		assert_int_equal(left_out, 3);
		(void)sd_bus_message_unref(m);
	}
	m = call_manager(&w->root, "ListPeers", "s", "b");
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "(tqqsssuutttsa{sv})") > 0);
	assert_true(sd_bus_message_at_end(m, false) > 0);
	(void)sd_bus_message_unref(m);
	assert_int_equal(w->engine.rows.orphan_count, 0);
	w->engine.rows.orphan_count = 1;
	w->engine.rows.orphan[0] = (struct orphan_row){
		.debt = { .sp = 0x8001, .state = DEBT_DESTROYING, .life = 3, .endpoint = 1 }, .name = "c" };
	m = call_manager(&w->root, "ListPeers", "s", "");
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "(tqqsssuutttsa{sv})") > 0);
	for (size_t i = 0; i < 4; i++)
		read_peer(m, text, sizeof(text));
	assert_string_equal(text, "3 1 8001 destroying - - 0 0 0 0 0 c Old");
	(void)sd_bus_message_unref(m);
	assert_error(call_manager(&w->root, "ListPeers", "s", "c"), E("NoSuchVM"), "'c'");
}

/* Leaves the reply at the property's value. */
static sd_bus_message *property(struct world *w, const char *path, const char *interface, const char *name, const char *type)
{
	sd_bus_message *m = call(&w->root, path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, name);

	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'v', type) > 0);
	return m;
}

static void names_each_stuck_partition_once(void **state)
{
	struct world *w = *state;
	const uint16_t *stuck;
	sd_bus_message *m;
	size_t size;

	a_stuck_vm(w);
	m = property(w, VM_A, VM_INTERFACE, "StuckPartitions", "aq");
	assert_true(sd_bus_message_read_array(m, 'q', (const void **)&stuck, &size) > 0);
	assert_int_equal(size, 2 * sizeof(*stuck));
	assert_int_equal(stuck[0], 0x8001);
	assert_int_equal(stuck[1], 0x8002);
	(void)sd_bus_message_unref(m);
}

/* In the row of a list as well: key, type and value. */
static void a_row_names_them_too(void **state)
{
	struct world *w = *state;
	const uint16_t *stuck = NULL;
	const char *key;
	sd_bus_message *m;
	size_t size = 0;

	a_stuck_vm(w);
	m = call_manager(&w->root, "List", NULL);
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "(ssotqsssstta{sv})") > 0);
	assert_true(sd_bus_message_enter_container(m, 'r', "ssotqsssstta{sv}") > 0);
	assert_true(sd_bus_message_skip(m, "ssotqsssstt") > 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (!stuck && sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key) > 0);
		if (strcmp(key, "StuckPartitions") == 0) {
			assert_true(sd_bus_message_enter_container(m, 'v', "aq") > 0);
			assert_true(sd_bus_message_read_array(m, 'q', (const void **)&stuck, &size) > 0);
			break;
		}
		assert_true(sd_bus_message_skip(m, "v") > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
	assert_int_equal(size, 2 * sizeof(*stuck));
	assert_int_equal(stuck[1], 0x8002);
	(void)sd_bus_message_unref(m);
}

static void tells_since_when_and_until_when(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
	} times[] = { { "StuckSince", 44 }, { "RestsUntil", 55 }, { "NextProbe", 77 } };
	struct world *w = *state;
	sd_bus_message *m;
	uint32_t version;
	uint64_t t;

	a_stuck_vm(w);
	w->engine.rows.sp[0].stuck_since = 44000;
	w->engine.rows.sp[0].rest_at = 55000;
	w->engine.rows.sp[0].sp.version = 0x10003;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		m = property(w, SP_8001, PARTITION_INTERFACE, times[i].name, "t");
		assert_true(sd_bus_message_read(m, "t", &t) > 0);
		assert_int_equal(t, times[i].value);
		(void)sd_bus_message_unref(m);
	}
	m = property(w, SP_8001, PARTITION_INTERFACE, "Version", "u");
	assert_true(sd_bus_message_read(m, "u", &version) > 0);
	assert_int_equal(version, 0x10003);
	(void)sd_bus_message_unref(m);
}

static void lists_all_uuids_once(void **state)
{
	struct world *w = *state;
	const char *first, *second;
	sd_bus_message *m;

	a_stuck_vm(w);
	w->engine.rows.sp[0].sp.uuid[0] = 1;
	world_rebuild(w, with_frames);
	m = property(w, SP_8001, PARTITION_INTERFACE, "UUIDs", "as");
	assert_true(sd_bus_message_read(m, "as", 2, &first, &second) > 0);
	assert_string_equal(first, "01000000-0000-0000-0000-000000000000");
	assert_string_equal(second, "02000000-0000-0000-0000-000000000000");
	(void)sd_bus_message_unref(m);
	m = property(w, BUS_PATH "/partition/8002", PARTITION_INTERFACE, "UUIDs", "as"); /* not met yet */
	assert_true(sd_bus_message_read(m, "as", 1, &first) > 0);
	assert_string_equal(first, "00000000-0000-0000-0000-000000000000");
	(void)sd_bus_message_unref(m);
}

static void shows_the_last_frames(void **state)
{
	struct world *w = *state;
	const char *name, *reply;
	uint64_t number, at, took, life;
	const uint64_t *x;
	sd_bus_message *m;
	uint16_t id;
	size_t size;
	int answer;

	a_stuck_vm(w);
	world_rebuild(w, with_frames);
	m = call_manager(&w->root, "Trace", "qt", 0x8001, (uint64_t)7);
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "(ttbtqtssat)") > 0);
	assert_true(sd_bus_message_enter_container(m, 'r', "ttbtqtssat") > 0);
	assert_true(sd_bus_message_read(m, "ttbtqtss", &number, &at, &answer, &took, &id, &life, &name, &reply) > 0);
	assert_int_equal(number, 8);
	assert_int_equal(at, 9500);
	assert_int_equal(answer, 1);
	assert_int_equal(took, 500);
	assert_int_equal(id, 3);
	assert_int_equal(life, 7);
	assert_string_equal(name, "a");
	assert_string_equal(reply, "retry");
	assert_true(sd_bus_message_read_array(m, 't', (const void **)&x, &size) > 0);
	assert_int_equal(size, 8 * sizeof(*x));
	assert_int_equal(x[3], 0xFFFFFFF9);
	assert_true(sd_bus_message_exit_container(m) > 0);
	assert_int_equal(sd_bus_message_at_end(m, false), 1); /* the one before had number 7 */
	(void)sd_bus_message_unref(m);
	m = call_manager(&w->root, "Trace", "qt", 0, (uint64_t)0);
	assert_fine(m);
	(void)sd_bus_message_unref(m);
	assert_error(call_manager(&w->root, "Trace", "qt", 0x8009, (uint64_t)0), E("InvalidArgument"), "0x8009");
}

static void histograms_end_with_what_they_count(void **state)
{
	struct world *w = *state;
	const uint64_t *bucket;
	sd_bus_message *m;
	size_t size;

	a_stuck_vm(w);
	world_rebuild(w, with_frames);
	w->engine.rows.sp[0].counts.created.retries.bucket[2] = 5;
	m = property(w, SP_8001, PARTITION_INTERFACE, "CreatedRetries", "at");
	assert_true(sd_bus_message_read_array(m, 't', (const void **)&bucket, &size) > 0);
	assert_int_equal(size, 3 * sizeof(*bucket));
	assert_int_equal(bucket[2], 5);
	(void)sd_bus_message_unref(m);
	m = property(w, SP_8001, PARTITION_INTERFACE, "DestroyedLatency", "at");
	assert_true(sd_bus_message_read_array(m, 't', (const void **)&bucket, &size) > 0);
	assert_int_equal(size, 0);
	(void)sd_bus_message_unref(m);
	m = property(w, SP_8001, PARTITION_INTERFACE, "FrameLatency", "at");
	assert_true(sd_bus_message_read_array(m, 't', (const void **)&bucket, &size) > 0);
	assert_int_equal(size, 10 * sizeof(*bucket));
	assert_int_equal(bucket[9], 3);
	(void)sd_bus_message_unref(m);
}

static void counts_have_words(void **state)
{
	struct world *w = *state;
	struct sp_counts *c;
	uint64_t retry, gone, submitted, completed, lost;
	uint32_t line, ready, backoff, stuck;
	const char *word, *how;
	sd_bus_message *m;

	a_stuck_vm(w);
	world_rebuild(w, with_frames);
	c = &w->engine.rows.sp[0].counts;
	c->verdict[VERDICT_RETRY] = 8;
	c->how[HOW_SP_GONE] = 2;
	c->queued[QUEUE_WAITING] = 1;
	c->queued[QUEUE_STUCK] = 4;
	m = property(w, SP_8001, PARTITION_INTERFACE, "Verdicts", "a{st}");
	assert_true(sd_bus_message_read(m, "a{st}", 1, &word, &retry) > 0);
	assert_string_equal(word, "retry");
	assert_int_equal(retry, 8);
	(void)sd_bus_message_unref(m);
	m = property(w, SP_8001, PARTITION_INTERFACE, "Settled", "a{st}");
	assert_true(sd_bus_message_read(m, "a{st}", 1, &how, &gone) > 0);
	assert_string_equal(how, "sp-instance-gone");
	assert_int_equal(gone, 2);
	(void)sd_bus_message_unref(m);
	m = property(w, SP_8001, PARTITION_INTERFACE, "Queues", "(uuuu)");
	assert_true(sd_bus_message_read(m, "(uuuu)", &line, &ready, &backoff, &stuck) > 0);
	assert_int_equal(line, 1);
	assert_int_equal(ready + backoff, 0);
	assert_int_equal(stuck, 4);
	(void)sd_bus_message_unref(m);
	m = property(w, SP_8001, PARTITION_INTERFACE, "Frames", "(ttt)");
	assert_true(sd_bus_message_read(m, "(ttt)", &submitted, &completed, &lost) > 0);
	assert_int_equal(submitted, 4);
	assert_int_equal(completed, 3);
	assert_int_equal(lost, 1);
	(void)sd_bus_message_unref(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_debts_of_this_life_and_of_old_ones),
		TEST(names_each_stuck_partition_once),
		TEST(a_row_names_them_too),
		TEST(tells_since_when_and_until_when),
		TEST(lists_all_uuids_once),
		TEST(shows_the_last_frames),
		TEST(histograms_end_with_what_they_count),
		TEST(counts_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
