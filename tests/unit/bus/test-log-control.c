/* SPDX-License-Identifier: Apache-2.0 */

/* What the daemon logs is set while it runs, by who may. */

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/bus/authority.h"
#include "unit/bus/world.h"

#define E(name)    BUS_NAME ".Error." name
#define PROPERTIES "org.freedesktop.DBus.Properties"

static sd_bus_message *set(struct client *c, const char *property, const char *word)
{
	return call(c, LOG_CONTROL_PATH, PROPERTIES, "Set", "ssv", LOG_CONTROL, property, "s", word);
}

static void assert_set(struct client *c, const char *property, const char *word)
{
	sd_bus_message *m = set(c, property, word);

	assert_fine(m);
	assert_true(sd_bus_message_is_empty(m));
	(void)sd_bus_message_unref(m);
}

static void assert_reads(struct client *c, const char *property, const char *expected)
{
	sd_bus_message *m = call(c, LOG_CONTROL_PATH, PROPERTIES, "Get", "ss", LOG_CONTROL, property);
	const char *word;

	assert_fine(m);
	assert_true(sd_bus_message_read(m, "v", "s", &word) > 0);
	assert_string_equal(word, expected);
	(void)sd_bus_message_unref(m);
}

static int setup(void **state)
{
	log_open("test", LOG_ERR);
	return world_setup(state);
}

static void each_level_is_set_and_read_by_its_word(void **state)
{
	static const char *const words[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };
	struct world *w = *state;

	assert_reads(&w->root, "LogLevel", "err");
	for (int i = 0; i < 8; i++) {
		assert_set(&w->root, "LogLevel", words[i]);
		assert_reads(&w->root, "LogLevel", words[i]);
		assert_int_equal(log_level(), i);
		log_set_level(LOG_ERR); /* what it says of it is not for this test's output */
	}
	assert_null(log_level_word(-1));
	assert_null(log_level_word(8));
}

static void what_is_no_level_is_refused_and_says_what_is(void **state)
{
	struct world *w = *state;

	assert_error(set(&w->root, "LogLevel", "loud"), E("InvalidArgument"), "cannot be 'loud': write emerg, alert");
	assert_error(set(&w->root, "LogTarget", "moon"), E("InvalidArgument"), "cannot be 'moon': write auto, journal");
	assert_error(call(&w->root, LOG_CONTROL_PATH, PROPERTIES, "Set", "ssv", LOG_CONTROL, "LogLevel", "u", 7u),
		E("InvalidArgument"), "is a word");
	assert_error(call(&w->root, LOG_CONTROL_PATH, PROPERTIES, "Set", "ss", LOG_CONTROL, "LogLevel"), SD_BUS_ERROR_INVALID_SIGNATURE,
		NULL);
	assert_error(call(&w->root, LOG_CONTROL_PATH, PROPERTIES, "Set", "ssvs", LOG_CONTROL, "LogLevel", "s", "crit", "x"),
		SD_BUS_ERROR_INVALID_SIGNATURE, "ssv");
	assert_error(set(&w->root, "LogColour", "red"), SD_BUS_ERROR_UNKNOWN_PROPERTY, NULL);
	assert_error(set(&w->root, "SyslogIdentifier", "x"), SD_BUS_ERROR_PROPERTY_READ_ONLY, NULL);
	assert_reads(&w->root, "LogLevel", "err");
	assert_reads(&w->root, "SyslogIdentifier", "test");
}

static void lines_go_nowhere_and_back_to_where_they_went(void **state)
{
	struct world *w = *state;

	assert_reads(&w->root, "LogTarget", "console");
	assert_set(&w->root, "LogTarget", "null");
	assert_reads(&w->root, "LogTarget", "null");
	assert_set(&w->root, "LogTarget", "auto");
	assert_reads(&w->root, "LogTarget", "console");
	if (access("/run/systemd/journal/socket", F_OK) != 0) {
		assert_error(set(&w->root, "LogTarget", "journal"), E("InvalidArgument"), "cannot be journal here");
		assert_reads(&w->root, "LogTarget", "console");
	}
}

static void anyone_reads_and_polkit_says_who_sets(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p;

	if (geteuid() != 0)
		skip();
	world_connect(w, &w->nobody, NOBODY);
	assert_reads(&w->nobody, "LogLevel", "err");
	assert_error(set(&w->nobody, "LogLevel", "crit"), E("AccessDenied"), "(org.lifecycled.Lifecycle1.log-control)");
	assert_reads(&w->nobody, "LogLevel", "err");
	a = authority_new(w);
	ask(&w->nobody, &p, LOG_CONTROL_PATH, PROPERTIES, "Set", "ssv", LOG_CONTROL, "LogLevel", "s", "crit");
	authority_until(a, 1);
	assert_non_null(strstr(a->text[0], " org.lifecycled.Lifecycle1.log-control 0 verb=log-level"));
	assert_reads(&w->nobody, "LogLevel", "err"); /* reads do not wait for it */
	authority_answer(a, 0, POLKIT_YES);
	world_until(w, &p.done);
	assert_fine(p.reply);
	(void)sd_bus_message_unref(p.reply);
	assert_reads(&w->nobody, "LogLevel", "crit");
	(void)authority_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_level_is_set_and_read_by_its_word),
		TEST(what_is_no_level_is_refused_and_says_what_is),
		TEST(lines_go_nowhere_and_back_to_where_they_went),
		TEST(anyone_reads_and_polkit_says_who_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
