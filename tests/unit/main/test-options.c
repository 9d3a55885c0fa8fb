/* SPDX-License-Identifier: Apache-2.0 */

/* Command line and file together: who has the last word, and what is said of what is wrong. The manual has each setting. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "main/config_files.h"
#include "main/settings.h"

struct told {
	struct options options;
	char path[64], out[4096], err[4096];
	int result;
};

static void catch(int fd, FILE *to, int *saved)
{
	(void)fflush(to);
	*saved = dup(fd);
	assert_int_equal(dup2(fileno(tmpfile()), fd), fd);
}

static void give_back(int fd, FILE *from, int saved, char *text, size_t size)
{
	ssize_t n;

	(void)fflush(from);
	n = pread(fd, text, size - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	assert_int_equal(dup2(saved, fd), fd);
	close(saved);
}

/* A file with this text, and these words behind it; up to NULL. */
static void tell(struct told *t, const char *text, ...)
{
	char *argv[16] = { (char *)"lifecycled", (char *)"--config", t->path };
	int argc = 3, out, err, fd;
	va_list words;

	options_free(&t->options);
	(void)strcpy(t->path, "/tmp/test-options-XXXXXX");
	fd = mkstemp(t->path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	va_start(words, text);
	while ((argv[argc] = va_arg(words, char *)))
		argc++;
	va_end(words);
	optind = 0;
	catch(STDOUT_FILENO, stdout, &out);
	catch(STDERR_FILENO, stderr, &err);
	t->result = options_parse(argc, argv, &t->options);
	give_back(STDOUT_FILENO, stdout, out, t->out, sizeof(t->out));
	give_back(STDERR_FILENO, stderr, err, t->err, sizeof(t->err));
	(void)unlink(t->path);
}

#define SAYS(t, place, text)                                                                                           \
	do {                                                                                                           \
		char line_[512];                                                                                       \
		(void)snprintf(line_, sizeof(line_), "lifecycled: %s:%s: %s\n", (t)->path, place, text);               \
		assert_string_equal((t)->err, line_);                                                                  \
	} while (0)

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct told));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	options_free(&((struct told *)*state)->options);
	free(*state);
	return 0;
}

static void the_command_line_has_the_last_word(void **state)
{
	struct told *t = *state;

	tell(t, "[Daemon]\nBus=a\nLogLevel=debug\nDefinitions=/a\nDefinitions=/b\n[SecureSide]\nDiscoverEvery=never\n", "--bus", "c",
		"--definitions", "/c", "--definitions", "/d", NULL);
	assert_int_equal(t->result, 0);
	assert_string_equal(t->err, "");
	assert_string_equal(t->options.bus, "c");
	assert_int_equal(t->options.log_level, LOG_DEBUG);
	assert_int_equal(t->options.definition_count, 2);
	assert_string_equal(t->options.definitions[0], "/c");
	assert_int_equal(t->options.side.discover_every, 0);
}

static void without_a_word_the_defaults_hold(void **state)
{
	struct told *t = *state;

	tell(t, "", NULL);
	assert_int_equal(t->result, 0);
	assert_string_equal(t->options.secure, "/run/lifecycled/spmc.sock");
	assert_int_equal(t->options.definition_count, 3);
	tell(t, "[SecureSide]\nSocket=none\n", NULL);
	assert_null(t->options.secure);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	struct told *t = *state;

	tell(t, "# mine\n[Daemon]\n  LogLevel = loud\n", NULL);
	assert_int_equal(t->result, -EINVAL);
	SAYS(t, "3:14", "LogLevel=loud: write error, warning, notice, info or debug");
	tell(t, "[Daemon]\nLogLevel\n", NULL);
	assert_int_equal(t->result, -EINVAL);
	SAYS(t, "2:1", "write Key=value, [Section], or a comment that begins with #");
	tell(t, "", "--log-level", "loud", NULL);
	assert_int_equal(t->result, -EINVAL);
	assert_string_equal(t->err, "lifecycled: --log-level loud: write error, warning, notice, info or debug\n");
	tell(t, "[Daemon]\nBus=a\n", "--bus", "", NULL);
	assert_int_equal(t->result, -EINVAL);
	assert_string_equal(t->err, "lifecycled: --bus : write a value\n");
}

/* Wherever each of the two was written. */
static void what_does_not_go_together_is_said_with_both_places(void **state)
{
	struct told *t = *state;
	char says[256];

	tell(t, "[Daemon]\nBus=none\n[VMM]\n  Starter=systemd\n", NULL);
	assert_int_equal(t->result, -EINVAL);
	(void)snprintf(says, sizeof(says), "Starter=systemd: systemd is asked over the bus; it does not go with %s:2:5: Bus=none", t->path);
	SAYS(t, "4:11", says);
	tell(t, "[VMM]\nStarter=systemd\n", "--bus", "none", NULL);
	assert_int_equal(t->result, -EINVAL);
	SAYS(t, "2:9", "Starter=systemd: systemd is asked over the bus; it does not go with --bus none");
	tell(t, "[Daemon]\nBus=a\n", "--starter", "systemd", "--bus", "none", NULL);
	assert_int_equal(t->result, -EINVAL);
	assert_string_equal(t->err, "lifecycled: --starter systemd: systemd is asked over the bus; it does not go with --bus none\n");
	tell(t, "[VMM]\nUser=nobody\n", "--starter", "systemd", NULL);
	assert_int_equal(t->result, -EINVAL);
	SAYS(t, "2:6", "User=nobody: a VMM that is a unit has the user of its unit; use a drop-in with User=; it does not go with --starter systemd");
	tell(t, "[Daemon]\nBus=none\n[VMM]\nStarter=systemd\nStarter=\n", NULL); /* taken back */
	assert_int_equal(t->result, 0);
}

static void a_key_that_is_not_known_is_a_warning(void **state)
{
	struct told *t = *state;

	tell(t, "[Daemon]\nColour=red\n", NULL);
	assert_int_equal(t->result, 0);
	SAYS(t, "2", "[Daemon] has no Colour=; it is not looked at, see lifecycled.conf(5)");
	tell(t, "[Demon]\n\nBus=a\n", NULL);
	assert_int_equal(t->result, 0);
	SAYS(t, "3", "there is no [Demon]; Bus= is not looked at, see lifecycled.conf(5)");
}

static void a_check_starts_nothing(void **state)
{
	struct told *t = *state;

	tell(t, "[Daemon]\nBus=a\n", "--check-config", NULL);
	assert_int_equal(t->result, 1);
	assert_string_equal(t->err, "");
	tell(t, "[Daemon]\nColour=red\n", "--check-config", NULL);
	assert_int_equal(t->result, -EUCLEAN);
	tell(t, "[Daemon]\nIds=1\n", "--check-config", NULL);
	assert_int_equal(t->result, -EINVAL);
}

static void cat_prints_what_is_read_as_it_is(void **state)
{
	struct told *t = *state;
	char expected[256];

	tell(t, "# mine\n[Demon]\nBus=a \\\n b", "--cat-config", NULL);
	assert_int_equal(t->result, 1);
	(void)snprintf(expected, sizeof(expected), "# %s\n# mine\n[Demon]\nBus=a \\\n b\n", t->path);
	assert_string_equal(t->out, expected);
	assert_string_equal(t->err, "");
}

/* ---- the manual ---- */

static const char *read_page(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

/* Each key stands in its section, as a paragraph of its own, with the option that is the same; and no other key does. */
static void the_manual_has_each_setting(void **state)
{
	const char *page = read_page(LIFECYCLED_CONF_PAGE);
	size_t found = 0;

	for (size_t i = 0; i < setting_count; i++) {
		const struct setting *s = &settings[i];
		char section[64], key[64], option[64];
		const char *at, *end, *entry;

		(void)snprintf(section, sizeof(section), "\n## [%s]\n", s->section);
		(void)snprintf(key, sizeof(key), "\n*%s=* ", s->key);
		(void)snprintf(option, sizeof(option), "*--%s*", s->option);
		at = strstr(page, section);
		end = at ? strstr(at + strlen(section), "\n#") : NULL;
		entry = at ? strstr(at, key) : NULL;
		if (!entry || !end || entry > end)
			fail_msg("[%s] does not have %s=", s->section, s->key);
		end = entry ? strstr(entry + strlen(key), "\n*") : NULL;
		at = entry ? strstr(entry, option) : NULL;
		if (!at || (end && at > end))
			fail_msg("%s= does not name --%s", s->key, s->option);
	}
	for (const char *at = page; (at = strstr(at, "=* ")); at++)
		for (const char *start = at; start > page && start[-1] != '\n' && start[-1] != ' '; start--)
			found += start[-1] == '*' && start - page > 1 && start[-2] == '\n';
	assert_int_equal(found, setting_count);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_command_line_has_the_last_word),
		CASE(without_a_word_the_defaults_hold),
		CASE(what_is_wrong_is_said_with_its_place),
		CASE(what_does_not_go_together_is_said_with_both_places),
		CASE(a_key_that_is_not_known_is_a_warning),
		CASE(a_check_starts_nothing),
		CASE(cat_prints_what_is_read_as_it_is),
		CASE(the_manual_has_each_setting),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
