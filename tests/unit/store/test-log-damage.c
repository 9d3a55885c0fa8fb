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
		struct book book;
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

static void sets_aside_a_bad_line_and_all_behind_it(void **state)
{
	struct place *p = *state;
	size_t length, aside;
	struct book book;
	struct store *s;
	uint8_t epoch[16];
	uint64_t highest;
	char *data;

	fill(p);
	s = open_store(place_path(p, "state"), &quick, NULL);
	memcpy(epoch, store_epoch(s), 16);
	store_close(s);
	data = place_read(p, "state/log", &length);
	data[line_begin(data, 2) + 30] ^= 1;
	place_write(p, "state/log", data, length);

	s = open_store(place_path(p, "state"), &quick, &book);
	assert_int_equal(book.count, 2);
	assert_true(store_lost(s, &highest));
	assert_int_equal(highest, TURNS);
	assert_memory_not_equal(epoch, store_epoch(s), 16);
	assert_int_equal(commit(s, 3), 0);
	store_close(s);
	aside = length - line_begin(data, 2);
	free(data);
	data = place_read(p, "state/log.damaged-1", &length);
	assert_int_equal(length, aside);
	free(data);

	s = open_store(place_path(p, "state"), &quick, &book);
	assert_int_equal(book.count, 3);
	assert_false(store_lost(s, NULL));
	store_close(s);
}

static void uses_the_snapshot_when_the_log_before_is_damaged(void **state)
{
	struct place *p = *state;
	struct book book;
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

static void write_line(struct place *p, const char *json)
{
	char line[512];
	int n = snprintf(
		line, sizeof(line), "%08lx %s\n", crc32(0, (const Bytef *)json, (uInt)strlen(json)), json);

	place_write(p, "state/log", line, (size_t)n);
}

static void refuses_a_whole_line_that_it_does_not_understand(void **state)
{
	struct place *p = *state;
	struct book book = { 0 };
	struct store *s = NULL;
	size_t length, after;
	char *data;

	fill(p);
	write_line(p,
		"{\"first\":1,\"last\":1,\"t\":0,\"changes\":[{\"kind\":\"ids\",\"seq\":1,\"colour\":3}]}");
	data = place_read(p, "state/log", &length);
	free(data);
	assert_int_equal(store_open_with(place_path(p, "state"), &quick, &s), 0);
	assert_int_equal(store_load(s, book_line, &book), -EBADMSG);
	assert_int_equal(book.count, 0);
	assert_int_equal(commit(s, 1), -EBADF);
	store_close(s);
	data = place_read(p, "state/log", &after); /* it stays for the program that wrote it */
	free(data);
	assert_int_equal(after, length);
	assert_false(place_has(p, "state/log.damaged-1"));
}

static void refuses_numbers_that_fall(void **state)
{
	struct place *p = *state;
	struct book book = { 0 };
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	assert_int_equal(commit(s, 5), 0);
	assert_int_equal(commit(s, 5), 0);
	store_close(s);
	assert_int_equal(store_open_with(place_path(p, "state"), &quick, &s), 0);
	assert_int_equal(store_load(s, book_line, &book), -EBADMSG);
	store_close(s);
}

/* Whatever a disk does to the files, a daemon comes up with what was before it, or says that it cannot. */
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
		struct book book;

		*at ^= (char)(1 << random_next(&seed) % 8);
		place_write(p, "state/log", data, length);
		place_write(p, "state/log.1", before, before_length);
		*at = kept;
		s = open_store(place_path(p, "state"), &quick, &book);
		for (size_t i = 1; i < book.count; i++)
			assert_int_equal(book.turn[i].first, book.turn[i - 1].last + 1);
		/* A flip in the log before costs old events, nothing else. */
		assert_true(in_log || (book.turn[book.count - 1].last == 20 && !store_lost(s, NULL)));
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
		STORE_TEST(sets_aside_a_bad_line_and_all_behind_it),
		STORE_TEST(uses_the_snapshot_when_the_log_before_is_damaged),
		STORE_TEST(refuses_a_whole_line_that_it_does_not_understand),
		STORE_TEST(refuses_numbers_that_fall),
		STORE_TEST(survives_any_flipped_bit),
	};

	log_open("test", LOG_EMERG); /* it complains a thousand times, rightly */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
