/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/log.h"
#include "changes.h"
#include "place.h"
#include "store/log_aside.h"

/* Records that are whole and cannot be loaded all the same: one by one they are set aside, and the rest loads. */

static struct book book;

static struct store *load(struct place *p)
{
	struct store *s = NULL;
	uint64_t refused = book.refused, deadly = book.deadly, deadly_too = book.deadly_too;

	memset(&book, 0, sizeof(book));
	book.refused = refused;
	book.deadly = deadly;
	book.deadly_too = deadly_too;
	assert_int_equal(store_open_with(place_path(p, "state"), &quick, &s), 0);
	assert_int_equal(store_load(s, book_line, &book), 0);
	return s;
}

static void fill(struct place *p, uint64_t turns)
{
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	memset(&book, 0, sizeof(book));
	for (uint64_t seq = 1; seq <= turns; seq++)
		assert_int_equal(commit(s, seq), 0);
	store_close(s);
}

static void append_line(struct place *p, const char *json)
{
	FILE *log = fopen(place_path(p, "state/log"), "ae");

	assert_non_null(log);
	fprintf(log, "%08lx %s\n", crc32(0, (const Bytef *)json, (uInt)strlen(json)), json);
	assert_int_equal(fclose(log), 0);
}

static void assert_aside(struct place *p, const char *const words[])
{
	size_t length;
	char *text = place_read(p, "state/log.damaged-1", &length);

	assert_non_null(text);
	for (unsigned i = 0; words[i]; i++)
		if (!strstr(text, words[i])) {
			fprintf(stderr, "no '%s' in: %s\n", words[i], text);
			fail();
		}
	free(text);
}
#define ASIDE(p, ...) assert_aside(p, (const char *const[]) { __VA_ARGS__, NULL })

/* What the daemon before had lost is not forgotten before a turn is stored. */
static void assert_forgotten_with_a_turn(struct place *p)
{
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	assert_true(store_lost(s, NULL));
	assert_int_equal(commit(s, 1000), 0);
	store_close(s);
	assert_false(place_has(p, "state/lost"));
	s = open_store(place_path(p, "state"), &quick, NULL);
	assert_false(store_lost(s, NULL));
	store_close(s);
}

/* Loads it as it is now, and once more: then nothing may be left to set aside. */
static void assert_mended(struct place *p, size_t changes)
{
	struct store *s;
	size_t loaded = 0;

	book.refused = book.deadly = book.deadly_too = 0;
	s = load(p);
	store_close(s);
	assert_forgotten_with_a_turn(p);
	for (size_t i = 0; i < book.count; i++)
		loaded += book.turn[i].loaded;
	assert_int_equal(loaded, changes);
	assert_false(place_has(p, "state/log.damaged-2"));
	assert_false(place_has(p, "state/loading"));
}

static void collect(void *arg, uint16_t id)
{
	*(uint32_t *)arg = *(uint32_t *)arg << 16 | id;
}

static void leaves_out_a_change_of_another_version(void **state)
{
	struct place *p = *state;
	uint32_t ids = 0;
	struct store *s;

	fill(p, 3);
	append_line(p,
		"{\"first\":4,\"last\":6,\"t\":1,\"changes\":["
		"{\"kind\":\"end\",\"seq\":4,\"vm\":1,\"life\":2,\"cause\":\"oom\"},"
		"{\"kind\":\"life\",\"seq\":5,\"vm\":7,\"life\":5,\"endpoint\":77,\"vcpus\":1,\"colour\":\"red\"},"
		"{\"kind\":\"end\",\"seq\":6,\"vm\":2,\"life\":3,\"cause\":\"oom\"}]}");
	append_line(p, "{\"first\":7,\"last\":7,\"t\":1,\"changes\":[{\"kind\":\"dream\",\"seq\":7,\"endpoint\":78}]}");
	s = load(p);
	assert_int_equal(book.count, 5);
	assert_int_equal(book.turn[3].loaded, 2);
	assert_int_equal(book.turn[3].last, 6);
	assert_int_equal(book.turn[4].loaded, 0);
	assert_true(store_lost(s, NULL));
	store_each_lost_id(s, collect, &ids);
	assert_int_equal(ids, 77 << 16 | 78);
	store_close(s);
	ASIDE(p, "log, byte", "another version", "\"colour\":\"red\"", "dream");
	assert_mended(p, 5);
}

static void leaves_out_a_line_of_another_version(void **state)
{
	struct place *p = *state;

	fill(p, 2);
	append_line(p, "{\"format\":2,\"first\":3,\"last\":3,\"t\":1,\"changes\":[]}");
	append_line(p, "{\"first\":4,\"last\":4,\"t\":1,\"changes\":[{\"kind\":\"end\",\"seq\":4,\"cause\":\"oom\"}]}");
	store_close(load(p));
	assert_int_equal(book.count, 3);
	ASIDE(p, "another version", "\"format\":2");
	assert_mended(p, 3);
}

static void leaves_out_what_does_not_fit(void **state)
{
	struct place *p = *state;
	struct store *s;

	fill(p, 5);
	book.refused = 3;
	s = load(p);
	assert_true(store_lost(s, NULL));
	store_close(s);
	ASIDE(p, "does not fit", "\"seq\":3");
	assert_mended(p, 4);
}

static void leaves_out_numbers_that_fall(void **state)
{
	struct place *p = *state;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	memset(&book, 0, sizeof(book));
	assert_int_equal(commit(s, 5), 0);
	assert_int_equal(commit(s, 5), 0);
	assert_int_equal(commit(s, 6), 0);
	store_close(s);
	store_close(load(p));
	ASIDE(p, "come after 5");
	assert_mended(p, 2);
}

static void dies(struct place *p)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		store_close(load(p));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void leaves_out_what_three_daemons_died_of(void **state)
{
	struct place *p = *state;
	struct store *s;

	fill(p, 5);
	book.deadly = 3;
	for (unsigned i = 0; i < ASIDE_DEATHS; i++) {
		dies(p);
		assert_false(place_has(p, "state/log.damaged-1"));
	}
	s = load(p); /* deadly still, but it is not loaded */
	assert_true(store_lost(s, NULL));
	store_close(s);
	ASIDE(p, "each daemon that loads it ends", "\"seq\":3");
	assert_mended(p, 4);
}

static void leaves_out_each_of_two_that_daemons_die_of(void **state)
{
	struct place *p = *state;

	fill(p, 5);
	book.deadly = 3;
	book.deadly_too = 5;
	for (unsigned i = 0; i < 2 * ASIDE_DEATHS; i++)
		dies(p);
	store_close(load(p));
	ASIDE(p, "\"seq\":3", "\"seq\":5");
	assert_mended(p, 3);
}

/* The ids, and the highest number, are known as often as it takes. */
static void what_is_lost_outlives_daemons_that_store_nothing(void **state)
{
	struct place *p = *state;
	uint64_t highest = 0, again = 0;
	struct store *s;

	fill(p, 2);
	append_line(p, "{\"first\":3,\"last\":3,\"t\":1,\"changes\":[{\"kind\":\"dream\",\"seq\":3,\"endpoint\":78}]}");
	append_line(p, "no line of ours, in which \"endpoint\":79 stands, and which is long enough for many numbers");
	s = load(p);
	assert_true(store_lost(s, &highest));
	store_close(s);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t ids = 0;

		s = load(p);
		assert_true(store_lost(s, &again));
		assert_true(again >= highest);
		store_each_lost_id(s, collect, &ids);
		assert_int_equal(ids, 78 << 16 | 79);
		store_close(s);
	}
	assert_forgotten_with_a_turn(p);
}

/* A kill at a bad moment is no reason to lose anything; nor are three, each at a record of its own. */
static void loses_nothing_to_deaths_that_are_not_its_fault(void **state)
{
	static const uint64_t at[] = { 3, 3, 4, 3, 3, 5 };
	struct place *p = *state;
	struct store *s;

	fill(p, 5);
	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		book.deadly = at[i];
		dies(p);
	}
	book.deadly = 0;
	s = load(p);
	assert_false(store_lost(s, NULL));
	store_close(s);
	assert_int_equal(book.count, 5);
	assert_false(place_has(p, "state/log.damaged-1"));
	assert_false(place_has(p, "state/loading"));
}

/* Of a daemon that came up in between nothing is held against the record. */
static void forgets_deaths_when_all_was_loaded(void **state)
{
	struct place *p = *state;

	fill(p, 5);
	for (unsigned i = 0; i < 2 * ASIDE_DEATHS; i++) {
		book.deadly = 3;
		dies(p);
		if (i % 2) {
			book.deadly = 0;
			store_close(load(p));
			assert_int_equal(book.count, 5);
		}
	}
	assert_false(place_has(p, "state/log.damaged-1"));
}

/* What is in log.1 is in the snapshot, too: its events go, and nothing else. */
static void needs_no_log_1_that_does_not_load(void **state)
{
	struct place *p = *state;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);

	memset(&book, 0, sizeof(book));
	assert_int_equal(commit(s, 1), 0);
	assert_int_equal(commit(s, 2), 0);
	assert_int_equal(snapshot(s, 2), 0);
	assert_int_equal(commit(s, 3), 0);
	store_close(s);
	book.refused = 1;
	s = load(p);
	assert_false(store_lost(s, NULL));
	store_close(s);
	assert_true(book.turn[book.count - 2].snapshot);
	assert_int_equal(book.turn[book.count - 1].last, 3);
	assert_true(place_has(p, "state/log.damaged-1"));
	assert_false(place_has(p, "state/log.1"));
	book.refused = 0;
	store_close(load(p));
	assert_int_equal(book.count, 2);
	assert_true(book.turn[0].snapshot);
}

/* A snapshot that cannot be read is made up for by the log before it, and stays so until the next. */
static void takes_log_1_for_a_snapshot_that_is_damaged(void **state)
{
	struct place *p = *state;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);
	size_t length;
	char *data;

	assert_int_equal(commit(s, 1), 0);
	assert_int_equal(commit(s, 2), 0);
	assert_int_equal(snapshot(s, 2), 0);
	assert_int_equal(commit(s, 3), 0);
	store_close(s);
	data = place_read(p, "state/log", &length);
	data[20] ^= 1;
	place_write(p, "state/log", data, length);
	free(data);
	memset(&book, 0, sizeof(book));
	for (unsigned i = 0; i < 2; i++) {
		s = load(p);
		assert_true(store_lost(s, NULL)); /* no turn was stored in between */
		store_close(s);
		assert_int_equal(book.turn[0].last, 1);
		assert_int_equal(book.turn[1].last, 2);
		assert_int_equal(book.turn[book.count - 1].last, 3);
		assert_int_equal(book.turn[book.count - 1].boot, first_boot[0]);
	}
	assert_forgotten_with_a_turn(p);
}

/* The line that is gone had told that a new boot began: what follows is not taken for the boot before. */
static void takes_what_follows_a_gap_for_this_boot(void **state)
{
	struct store_options other = quick;
	struct place *p = *state;
	size_t length;
	char *data, *at;
	struct store *s;

	fill(p, 2);
	other.boot = second_boot;
	s = open_store(place_path(p, "state"), &other, NULL);
	assert_int_equal(commit(s, 3), 0);
	assert_int_equal(commit(s, 4), 0);
	store_close(s);
	data = place_read(p, "state/log", &length);
	at = strstr(data, "\"first\":3,");
	assert_non_null(at);
	at[1] ^= 1;
	place_write(p, "state/log", data, length);
	free(data);
	for (unsigned i = 0; i < 2; i++) {
		s = open_store(place_path(p, "state"), &other, &book);
		store_close(s);
		assert_int_equal(book.turn[0].boot, first_boot[0]);
		assert_int_equal(book.turn[book.count - 1].last, 4);
		assert_int_equal(book.turn[book.count - 1].boot, second_boot[0]);
	}
}

/* A turn of many changes, as a snapshot is. */
static const char *big_line(void)
{
	static char line[1 << 20];
	size_t n = (size_t)snprintf(line, sizeof(line), "{\"first\":301,\"last\":4300,\"t\":1,\"changes\":[");

	for (unsigned seq = 301; seq <= 4300; seq++)
		n += (size_t)snprintf(line + n, sizeof(line) - n,
			"%s{\"kind\":\"end\",\"seq\":%u,\"vm\":1,\"life\":2,\"cause\":\"oom\",\"text\":\"it was so large\"}",
			seq == 301 ? "" : ",", seq);
	(void)snprintf(line + n, sizeof(line) - n, "]}");
	return line;
}

static int load_with(struct place *p, size_t more)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct store *s = NULL;
	FILE *statm = fopen("/proc/self/statm", "re");
	unsigned long pages;
	int e;

	if (!statm || fscanf(statm, "%lu", &pages) != 1 || store_open_with(place_path(p, "state"), &quick, &s) < 0)
		return 1;
	fclose(statm);
	limit.rlim_cur = pages * 4096 + more;
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return 1;
	e = store_load(s, book_line, &book);
	if (e == 0)
		return store_lost(s, NULL) ? 2 : 0;
	return e == -ENOMEM ? 3 : 4;
}

/* A parser that runs out of it finds errors everywhere, or gives half an object. */
static void gives_nothing_up_for_want_of_memory(void **state)
{
	struct place *p = *state;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);
	unsigned whole = 0, refused = 0;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	store_close(s);
	skip(); /* its own memory is without bounds */
#endif
	for (uint64_t seq = 1; seq <= 300; seq++)
		assert_int_equal(commit(s, seq), 0);
	store_close(s);
	append_line(p, big_line());
	memset(&book, 0, sizeof(book));
	for (size_t more = 0; more < (size_t)40 << 20; more += more < (1u << 20) ? 32768 : 1u << 20) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0)
			_exit(load_with(p, more));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
		whole += WEXITSTATUS(status) == 0;
		refused += WEXITSTATUS(status) == 3;
		assert_false(place_has(p, "state/log.damaged-1"));
	}
	assert_true(whole > 0 && refused > 5);
}

static void refuses_a_log_of_another_owner(void **state)
{
	struct place *p = *state;
	struct store *s = NULL;

	fill(p, 2);
	assert_int_equal(chmod(place_path(p, "state/log"), 0622), 0);
	assert_int_equal(store_open_with(place_path(p, "state"), &quick, &s), 0);
	assert_int_equal(store_load(s, book_line, &book), -EPERM);
	store_close(s);
	assert_int_equal(chmod(place_path(p, "state/log"), 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(place_path(p, "state/log"), 1, 1), 0);
		assert_int_equal(store_open_with(place_path(p, "state"), &quick, &s), 0);
		assert_int_equal(store_load(s, book_line, &book), -EPERM);
		store_close(s);
		assert_int_equal(chown(place_path(p, "state/log"), 0, 0), 0);
	}
	memset(&book, 0, sizeof(book));
	store_close(load(p)); /* it was not touched */
	assert_int_equal(book.count, 2);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		STORE_TEST(leaves_out_a_change_of_another_version),
		STORE_TEST(leaves_out_a_line_of_another_version),
		STORE_TEST(leaves_out_what_does_not_fit),
		STORE_TEST(leaves_out_numbers_that_fall),
		STORE_TEST(leaves_out_what_three_daemons_died_of),
		STORE_TEST(leaves_out_each_of_two_that_daemons_die_of),
		STORE_TEST(what_is_lost_outlives_daemons_that_store_nothing),
		STORE_TEST(loses_nothing_to_deaths_that_are_not_its_fault),
		STORE_TEST(forgets_deaths_when_all_was_loaded),
		STORE_TEST(needs_no_log_1_that_does_not_load),
		STORE_TEST(takes_log_1_for_a_snapshot_that_is_damaged),
		STORE_TEST(takes_what_follows_a_gap_for_this_boot),
		STORE_TEST(gives_nothing_up_for_want_of_memory),
		STORE_TEST(refuses_a_log_of_another_owner),
	};

	log_open("test", LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
