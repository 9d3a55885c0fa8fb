/* SPDX-License-Identifier: Apache-2.0 */

/* Subscribe: a snapshot, and then every event after it, or a gap that says so. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/bus/world.h"

#define EPOCH       "e0000000-0000-0000-0000-00000000000e"
#define OTHER_EPOCH "e0000000-0000-0000-0000-000000000000"

struct subscription {
	char names[256]; /* of the VMs in the snapshot */
	bool peers;      /* one of them came with its debts */
	bool partitions;
	uint64_t cursor;
	int replayed;
	uint64_t replayed_to;
	int fd;
};

static void read_vms(sd_bus_message *m, struct subscription *s)
{
	assert_true(sd_bus_message_enter_container(m, 'a', "(ssotqsssstta{sv})") > 0);
	while (sd_bus_message_enter_container(m, 'r', "ssotqsssstta{sv}") > 0) {
		const char *name;

		assert_true(sd_bus_message_read(m, "s", &name) > 0);
		strcat(s->names, name);
		assert_true(sd_bus_message_skip(m, "sotqsssstt") > 0);
		assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") >= 0);
		while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
			assert_true(sd_bus_message_read(m, "s", &name) > 0);
			s->peers = s->peers || strcmp(name, "SecurePeers") == 0;
			assert_true(sd_bus_message_skip(m, "v") > 0);
			assert_true(sd_bus_message_exit_container(m) > 0);
		}
		assert_true(sd_bus_message_exit_container(m) > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
	assert_true(sd_bus_message_exit_container(m) > 0);
}

static void read_more(sd_bus_message *m, struct subscription *s)
{
	const char *key;

	s->replayed = -1;
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key) > 0);
		s->partitions = s->partitions || strcmp(key, "Partitions") == 0;
		if (strcmp(key, "Replayed") == 0)
			assert_true(sd_bus_message_read(m, "v", "b", &s->replayed) > 0);
		else if (strcmp(key, "ReplayedTo") == 0)
			assert_true(sd_bus_message_read(m, "v", "t", &s->replayed_to) > 0);
		else
			assert_true(sd_bus_message_skip(m, "v") > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
}

static struct subscription subscribe(struct client *c, const char *filter, const char *epoch, uint64_t seq)
{
	sd_bus_message *m = call_manager(c, "Subscribe", "ssta{sv}", filter, epoch, seq, 0);
	struct subscription s = { .fd = -1 };
	const char *ours;
	int fd;

	assert_fine(m);
	read_vms(m, &s);
	assert_true(sd_bus_message_read(m, "sth", &ours, &s.cursor, &fd) > 0);
	assert_string_equal(ours, EPOCH);
	read_more(m, &s);
	s.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	assert_true(s.fd >= 0);
	(void)sd_bus_message_unref(m);
	return s;
}

/* The next event, or its absence: kind 0 at the end of the stream. */
static struct event_record next(struct world *w, const struct subscription *s)
{
	struct event_record event;
	ssize_t n;

	loop_timer_set(w->patience, loop_monotonic() + 20000000000ull);
	while ((n = recv(s->fd, &event, sizeof(event), MSG_DONTWAIT)) < 0) {
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(loop_turn(w->loop, true), 0);
	}
	loop_timer_set(w->patience, LOOP_NEVER);
	if (n == 0)
		return (struct event_record) { 0 };
	assert_int_equal(n, sizeof(event));
	assert_int_equal(event.version, EVENT_STREAM_VERSION);
	assert_int_equal(event.size, sizeof(event));
	return event;
}

static void assert_quiet(struct world *w, const struct subscription *s)
{
	struct event_record event;
	sd_bus_message *m = call_manager(&w->root, "List", NULL);

	assert_fine(m);
	(void)sd_bus_message_unref(m);
	assert_int_equal(recv(s->fd, &event, sizeof(event), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Events first..last in turns of up to 64, of VM "a" and "b" in turn. */
static void publish_many(struct world *w, uint64_t first, uint64_t last)
{
	while (first <= last) {
		struct event_record event[64];
		size_t n;

		memset(event, 0, sizeof(event));
		for (n = 0; n < 64 && first <= last; n++, first++) {
			event[n].kind = EVENT_STATE;
			event[n].seq = first;
			event[n].name[0] = first % 2 ? 'a' : 'b';
		}
		publish(w, event, n);
	}
}

static void a_snapshot_and_what_comes_after_it(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1);
	struct subscription s;

	a->debt_count = 1;
	(void)fake_vm(&w->engine, "b", 2);
	publish_many(w, 1, 5);
	s = subscribe(&w->root, "", "", 0);
	assert_string_equal(s.names, "ab");
	assert_true(s.peers);
	assert_true(s.partitions);
	assert_int_equal(s.cursor, 5);
	assert_int_equal(s.replayed, 0);
	assert_quiet(w, &s);
	publish_many(w, 6, 7);
	assert_int_equal(next(w, &s).seq, 6);
	assert_int_equal(next(w, &s).seq, 7);
	assert_quiet(w, &s);
	close(s.fd);
}

static void a_filter_is_for_rows_and_events(void **state)
{
	struct world *w = *state;
	struct subscription s, later;

	(void)fake_vm(&w->engine, "a", 1);
	(void)fake_vm(&w->engine, "b", 2);
	s = subscribe(&w->root, "b", "", 0);
	later = subscribe(&w->root, "aa", "", 0);
	assert_string_equal(s.names, "b");
	assert_string_equal(later.names, "");
	assert_false(s.partitions);
	publish_many(w, 1, 5);
	assert_int_equal(next(w, &s).seq, 2);
	assert_int_equal(next(w, &s).seq, 4);
	assert_quiet(w, &s);
	assert_quiet(w, &later);
	close(s.fd);
	close(later.fd);
}

static void replays_what_a_reader_missed(void **state)
{
	struct world *w = *state;
	struct subscription s;

	(void)fake_vm(&w->engine, "a", 1);
	publish_many(w, 1, 2000);
	s = subscribe(&w->root, "", EPOCH, 3);
	assert_int_equal(s.replayed, 1);
	assert_string_equal(s.names, "");
	assert_int_equal(s.cursor, 3);
	for (uint64_t seq = 4; seq <= 1000; seq++)
		assert_int_equal(next(w, &s).seq, seq);
	publish_many(w, 2001, 2002);
	for (uint64_t seq = 1001; seq <= 2002; seq++)
		assert_int_equal(next(w, &s).seq, seq);
	assert_quiet(w, &s);
	close(s.fd);
	s = subscribe(&w->root, "", EPOCH, 2002); /* nothing was missed */
	assert_int_equal(s.replayed, 1);
	assert_quiet(w, &s);
	close(s.fd);
}

/* Whose number it is: the last of this VM, or of all, or the reader's own where nothing was missed; without a replay it is not said. */
static void says_where_the_replay_ends(void **state)
{
	static const struct {
		const char *filter;
		uint64_t after, to;
	} cases[] = { { "", 3, 11 }, { "a", 3, 11 }, { "b", 3, 10 }, { "b", 10, 10 }, { "c", 3, 3 }, { "", 11, 11 }, { "", 12, 12 } };
	struct world *w = *state;
	struct subscription s;

	publish_many(w, 1, 11);
	w->engine.rows.seq = 12; /* a turn without an event */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = subscribe(&w->root, cases[i].filter, EPOCH, cases[i].after);
		assert_int_equal(s.replayed, 1);
		assert_int_equal(s.replayed_to, cases[i].to);
		for (uint64_t seq = cases[i].after; seq < cases[i].to;)
			seq = next(w, &s).seq;
		assert_quiet(w, &s);
		close(s.fd);
	}
	s = subscribe(&w->root, "", "", 0);
	assert_int_equal(s.replayed_to, 0);
	close(s.fd);
}

static void gives_a_snapshot_where_it_cannot_replay(void **state)
{
	static const struct {
		const char *epoch;
		uint64_t seq;
	} cases[] = { { OTHER_EPOCH, 9 }, { "", 9 }, { EPOCH, 0 }, { EPOCH, 4 }, { EPOCH, 11 } };
	struct world *w = *state;

	(void)fake_vm(&w->engine, "a", 1);
	publish_many(w, 1, 10);
	w->engine.ring.lost = 5;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct subscription s = subscribe(&w->root, "", cases[i].epoch, cases[i].seq);

		assert_int_equal(s.replayed, 0);
		assert_string_equal(s.names, "a");
		assert_int_equal(s.cursor, 10);
		assert_quiet(w, &s);
		close(s.fd);
	}
}

static void a_slow_reader_gets_all_that_the_ring_has(void **state)
{
	struct world *w = *state;
	struct subscription s = subscribe(&w->root, "", "", 0);

	publish_many(w, 1, EVENT_RING_SIZE);
	for (uint64_t seq = 1; seq <= EVENT_RING_SIZE; seq++)
		assert_int_equal(next(w, &s).seq, seq);
	assert_quiet(w, &s);
	assert_int_equal(w->bus->stream_count, 1);
	close(s.fd);
}

static void a_reader_too_slow_gets_one_gap_and_the_end(void **state)
{
	struct world *w = *state;
	struct subscription s = subscribe(&w->root, "", "", 0);
	struct event_record event;
	uint64_t seq = 0;

	publish_many(w, 1, EVENT_RING_SIZE + 2000);
	for (event = next(w, &s); event.kind != EVENT_GAP; event = next(w, &s)) {
		assert_int_equal(event.seq, ++seq);
		assert_true(seq < EVENT_RING_SIZE);
	}
	assert_true(seq > 0);
	assert_int_equal(event.seq, EVENT_RING_SIZE + 2000);
	assert_int_equal(next(w, &s).kind, 0);
	assert_int_equal(w->bus->stream_count, 0);
	close(s.fd);
}

static void wait_streams(struct world *w, unsigned count)
{
	loop_timer_set(w->patience, loop_monotonic() + 20000000000ull);
	while (w->bus->stream_count != count)
		assert_int_equal(loop_turn(w->loop, true), 0);
	loop_timer_set(w->patience, LOOP_NEVER);
}

/* What happens to others moves it on without its doing. */
static void who_reads_of_one_vm_has_no_gap_for_what_happens_to_others(void **state)
{
	struct world *w = *state;
	struct subscription b = subscribe(&w->root, "b", "", 0), also_b = subscribe(&w->root, "b", "", 0);
	struct subscription a = subscribe(&w->root, "a", "", 0);
	struct event_record event = { .kind = EVENT_STATE, .name = "c" };

	assert_quiet(w, &b); /* the loop has turned: they have nothing to send */
	for (event.seq = 1; event.seq <= EVENT_RING_SIZE + 10; event.seq++)
		publish(w, &event, 1);
	assert_quiet(w, &b);
	publish_many(w, event.seq, event.seq + 3);
	for (uint64_t seq = event.seq; seq <= event.seq + 3; seq++)
		assert_int_equal(next(w, seq % 2 ? &a : &b).seq, seq);
	assert_quiet(w, &b);
	assert_quiet(w, &a);
	assert_int_equal(next(w, &also_b).seq, event.seq + event.seq % 2);
	assert_int_equal(w->bus->stream_count, 3);
	close(a.fd);
	close(b.fd);
	close(also_b.fd);
	wait_streams(w, 0);
}

static void who_reads_of_one_vm_slowly_gets_all_that_the_ring_has(void **state)
{
	struct world *w = *state;
	struct subscription a = subscribe(&w->root, "a", "", 0);
	struct event_record event = { .kind = EVENT_STATE, .name = "a" };

	for (event.seq = 1; event.seq <= EVENT_RING_SIZE; event.seq++)
		publish(w, &event, 1);
	for (uint64_t seq = 1; seq <= EVENT_RING_SIZE; seq++)
		assert_int_equal(next(w, &a).seq, seq);
	publish(w, &event, 1);
	assert_int_equal(next(w, &a).seq, event.seq);
	assert_quiet(w, &a);
	close(a.fd);
}

static void a_hang_up_or_a_writer_ends_the_stream(void **state)
{
	struct world *w = *state;
	struct subscription s = subscribe(&w->root, "", "", 0), t = subscribe(&w->root, "", "", 0);
	struct subscription slow = subscribe(&w->root, "", "", 0);

	assert_int_equal(w->bus->stream_count, 3);
	close(s.fd);
	wait_streams(w, 2);
	assert_int_equal(send(t.fd, "x", 1, MSG_NOSIGNAL), 1);
	wait_streams(w, 1);
	assert_int_equal(next(w, &t).kind, 0);
	close(t.fd);
	publish_many(w, 1, 1000); /* fills it */
	close(slow.fd);
	wait_streams(w, 0);
}

static void few_streams(struct bus_config *config)
{
	config->streams_max = 8;
	config->streams_max_per_uid = 2;
}

static void streams_are_bounded_for_each_user(void **state)
{
	struct world *w = *state;
	struct subscription s[8];

	if (geteuid() != 0)
		skip();
	world_rebuild(w, few_streams);
	world_connect(w, &w->nobody, NOBODY);
	for (unsigned i = 0; i < 2; i++)
		s[i] = subscribe(&w->nobody, "", "", 0);
	assert_error(call_manager(&w->nobody, "Subscribe", "ssta{sv}", "", "", (uint64_t)0, 0),
		BUS_NAME ".Error.LimitReached", NULL);
	for (unsigned i = 2; i < 8; i++)
		s[i] = subscribe(&w->root, "", "", 0);
	assert_error(call_manager(&w->root, "Subscribe", "ssta{sv}", "", "", (uint64_t)0, 0),
		BUS_NAME ".Error.LimitReached", NULL);
	for (unsigned i = 0; i < 8; i++)
		close(s[i].fd);
	wait_streams(w, 0);
}

static void a_stream_outlives_the_bus(void **state)
{
	struct world *w = *state;
	struct subscription s = subscribe(&w->root, "", "", 0);

	bus_detach(w->bus);
	publish_many(w, 1, 1);
	assert_int_equal(next(w, &s).seq, 1);
	close(s.fd);
	wait_streams(w, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_snapshot_and_what_comes_after_it),
		TEST(a_filter_is_for_rows_and_events),
		TEST(replays_what_a_reader_missed),
		TEST(says_where_the_replay_ends),
		TEST(gives_a_snapshot_where_it_cannot_replay),
		TEST(a_slow_reader_gets_all_that_the_ring_has),
		TEST(a_reader_too_slow_gets_one_gap_and_the_end),
		TEST(who_reads_of_one_vm_has_no_gap_for_what_happens_to_others),
		TEST(who_reads_of_one_vm_slowly_gets_all_that_the_ring_has),
		TEST(a_hang_up_or_a_writer_ends_the_stream),
		TEST(streams_are_bounded_for_each_user),
		TEST(a_stream_outlives_the_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
