/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/log.h"
#include "changes.h"
#include "place.h"

#define TURNS 5

static void fill(struct place *p)
{
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	for (uint64_t seq = 1; seq <= TURNS; seq++)
		assert_int_equal(commit(s, seq), 0);
	store_close(s);
}

static size_t line_begin(const char *data, unsigned line)
{
	const char *at = data;

	while (line--)
		at = strchr(at, '\n') + 1;
	return (size_t)(at - data);
}

static void loses_only_the_last_turn_to_a_power_cut_at_any_byte(void **state)
{
	struct place *p = *state;
	size_t length, last;
	char *data;

	fill(p);
	data = place_read(p, "state/log", &length);
	last = line_begin(data, TURNS - 1);
	for (size_t cut = last; cut < length; cut++) {
		static struct book book;
		struct store *s;

		place_write(p, "state/log", data, cut);
		s = open_store(place_path(p, "state"), &quick, &book);
		assert_int_equal(book.count, TURNS - 1);
		assert_int_equal(book.turn[TURNS - 2].last, TURNS - 1);
		assert_false(store_lost(s, NULL));
		assert_int_equal(commit(s, TURNS), 0); /* and goes on as if it had never been written */
		store_close(s);
		s = open_store(place_path(p, "state"), &quick, &book);
		assert_int_equal(book.count, TURNS);
		store_close(s);
	}
	assert_false(place_has(p, "state/log.damaged-1"));
	free(data);
}

static void sets_aside_a_bad_line_and_loads_the_rest(void **state)
{
	struct place *p = *state;
	size_t length, begin;
	static struct book book;
	struct store *s;
	uint8_t epoch[16];
	uint64_t highest;
	char *data, *aside, *line;

	fill(p);
	s = open_store(place_path(p, "state"), &quick, NULL);
	memcpy(epoch, store_epoch(s), 16);
	store_close(s);
	data = place_read(p, "state/log", &length);
	begin = line_begin(data, 2);
	data[begin + 30] ^= 1;
	place_write(p, "state/log", data, length);

	s = open_store(place_path(p, "state"), &quick, &book);
	assert_int_equal(book.count, TURNS - 1);
	assert_int_equal(book.turn[1].last, 2);
	assert_int_equal(book.turn[2].last, 4);
	assert_int_equal(book.turn[TURNS - 2].last, TURNS);
	assert_true(store_lost(s, &highest));
	assert_true(highest >= TURNS);
	assert_memory_not_equal(epoch, store_epoch(s), 16);
	assert_int_equal(commit(s, highest + 1), 0);
	store_close(s);
	aside = place_read(p, "state/log.damaged-1", &length);
	line = strndup(data + begin, line_begin(data, 3) - begin);
	assert_non_null(strstr(aside, "its checksum is wrong"));
	assert_non_null(strstr(aside, line));
	free(line);
	free(aside);
	free(data);

	s = open_store(place_path(p, "state"), &quick, &book); /* and it is over: nothing is set aside again */
	assert_int_equal(book.turn[book.count - 1].last, highest + 1);
	assert_false(store_lost(s, NULL));
	store_close(s);
	assert_false(place_has(p, "state/log.damaged-2"));
}

static void uses_the_snapshot_when_the_log_before_is_damaged(void **state)
{
	struct place *p = *state;
	static struct book book;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);
	size_t length;
	char *data;

	assert_int_equal(snapshot(s, 1), 0);
	assert_int_equal(commit(s, 2), 0);
	assert_int_equal(snapshot(s, 2), 0);
	assert_int_equal(commit(s, 3), 0);
	store_close(s);
	data = place_read(p, "state/log.1", &length);
	data[40] ^= 1;
	place_write(p, "state/log.1", data, length);
	free(data);
	s = open_store(place_path(p, "state"), &quick, &book);
	assert_int_equal(book.count, 2);
	assert_true(book.turn[0].snapshot);
	assert_int_equal(book.turn[0].last, 2);
	assert_false(store_lost(s, NULL));
	store_close(s);
}

/* What was committed, once, as far as two lines at most are gone: those that a newline has fallen out of between. */
static void assert_nearly_all(const struct book *book, uint64_t last)
{
	uint64_t turns = 0, before = 0;

	for (size_t i = 0; i < book->count; i++) {
		if (!book->turn[i].loaded || book->turn[i].snapshot)
			continue;
		assert_true(book->turn[i].first > before);
		before = book->turn[i].last;
		turns++;
	}
	assert_true(turns + 2 >= last - 10);
}

/* Whatever a disk does to the files, a daemon comes up with the rest. */
static void survives_any_flipped_bit(void **state)
{
	struct place *p = *state;
	uint64_t seed = 0xD15C;
	size_t length, before_length;
	char *data, *before;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	assert_int_equal(snapshot(s, 1), 0);
	for (uint64_t seq = 2; seq <= 10; seq++)
		assert_int_equal(commit(s, seq), 0);
	assert_int_equal(snapshot(s, 10), 0);
	for (uint64_t seq = 11; seq <= 20; seq++)
		assert_int_equal(commit(s, seq), 0);
	store_close(s);
	data = place_read(p, "state/log", &length);
	before = place_read(p, "state/log.1", &before_length);
	for (unsigned round = 0; round < 400; round++) {
		bool in_log = random_next(&seed) % 4;
		char *at = in_log ? &data[random_next(&seed) % length]
				  : &before[random_next(&seed) % before_length];
		char kept = *at;
		static struct book book, again;
		bool lost;

		*at ^= (char)(1 << random_next(&seed) % 8);
		place_write(p, "state/log", data, length);
		place_write(p, "state/log.1", before, before_length);
		*at = kept;
		s = open_store(place_path(p, "state"), &quick, &book);
		assert_nearly_all(&book, 20);
		/* A flip in the log before costs old events, nothing else. */
		assert_true(in_log || (book.turn[book.count - 1].last == 20 && !store_lost(s, NULL)));
		lost = store_lost(s, NULL);
		store_close(s);
		s = open_store(place_path(p, "state"), &quick, &again); /* no turn was stored in between */
		assert_int_equal(store_lost(s, NULL), lost);
		assert_int_equal(place_has(p, "state/lost"), lost);
		(void)unlink(place_path(p, "state/lost"));
		assert_int_equal(again.turn[again.count - 1].boot, first_boot[0]);
		store_close(s);
		for (unsigned n = 1; n < 20; n++) {
			char name[40];

			(void)snprintf(name, sizeof(name), "state/log.damaged-%u", n);
			(void)unlink(place_path(p, name));
		}
	}
	free(data);
	free(before);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		STORE_TEST(loses_only_the_last_turn_to_a_power_cut_at_any_byte),
		STORE_TEST(sets_aside_a_bad_line_and_loads_the_rest),
		STORE_TEST(uses_the_snapshot_when_the_log_before_is_damaged),
		STORE_TEST(survives_any_flipped_bit),
	};

	log_open("test", LOG_EMERG); /* it complains a thousand times, rightly */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
