/* SPDX-License-Identifier: Apache-2.0 */

/* Which files count, in which order, and which are not trusted: below a root of the test's own. */

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "main/config_files.h"
#include "main/settings.h"

/* A disk that does not give the rest of a directory: its listing ends here, with this. 0: it is well. */
static int breaks_with;

struct dirent *__real_readdir64(DIR *d);
struct dirent *__wrap_readdir64(DIR *d);

struct dirent *__wrap_readdir64(DIR *d)
{
	if (!breaks_with)
		return __real_readdir64(d);
	errno = breaks_with;
	return NULL;
}

static char root[64];
static struct options options;

static const char *below(const char *path)
{
	static char full[256];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	return full;
}

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	(void)strcpy(full, below(path));
	for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		(void)mkdir(full, 0755);
	}
	f = fopen(full, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(full, 0644), 0);
}

static int setup(void **state)
{
	breaks_with = 0;
	(void)strcpy(root, "/tmp/test-config-XXXXXX");
	settings_default(&options);
	options.files = calloc(1, sizeof(*options.files));
	return options.files && mkdtemp(root) ? 0 : -1;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	options.files = config_files_free(options.files);
	return nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static int load(void)
{
	int r = config_files_read(options.files, root, NULL);

	return r < 0 ? r : config_files_take(options.files, &options);
}

static void no_file_is_no_error(void **state)
{
	assert_int_equal(load(), 0);
	assert_string_equal(options.bus, "system");
}

static void of_the_main_file_one_counts(void **state)
{
	put("/usr/lib/lifecycled/lifecycled.conf", "[Daemon]\nBus=unix:path=/usr\nLogLevel=debug\n");
	put("/etc/lifecycled/lifecycled.conf", "[Daemon]\nBus=unix:path=/etc\n");
	assert_int_equal(load(), 0);
	assert_string_equal(options.bus, "unix:path=/etc");
	assert_int_equal(options.log_level, LOG_INFO);
}

static void drop_ins_come_after_it_by_name(void **state)
{
	put("/etc/lifecycled/lifecycled.conf", "[Daemon]\nBus=a\nStateDirectory=/a\nMemoryDirectory=/a\n");
	put("/etc/lifecycled/lifecycled.conf.d/20-b.conf", "[Daemon]\nStateDirectory=/b\n");
	put("/usr/lib/lifecycled/lifecycled.conf.d/30-c.conf", "[Daemon]\nStateDirectory=/c\nMemoryDirectory=/c\n");
	put("/usr/lib/lifecycled/lifecycled.conf.d/20-b.conf", "[Daemon]\nMemoryDirectory=/hidden\nBus=hidden\n");
	put("/etc/lifecycled/lifecycled.conf.d/notes.txt", "what is this");
	put("/etc/lifecycled/lifecycled.conf.d/.40-d.conf", "what is this");
	assert_int_equal(load(), 0);
	assert_int_equal(options.files->count, 3);
	assert_string_equal(options.bus, "a");
	assert_string_equal(options.state_dir, "/c");
	assert_string_equal(options.memory_dir, "/c");
}

static void a_link_to_null_hides_a_drop_in(void **state)
{
	put("/usr/lib/lifecycled/lifecycled.conf.d/10-a.conf", "[Daemon]\nBus=a\n");
	put("/etc/lifecycled/lifecycled.conf.d/20-b.conf", "");
	assert_int_equal(symlink("/dev/null", below("/etc/lifecycled/lifecycled.conf.d/10-a.conf")), 0);
	assert_int_equal(load(), 0);
	assert_string_equal(options.bus, "system");
}

static void an_empty_value_takes_back_what_was_said(void **state)
{
	put("/usr/lib/lifecycled/lifecycled.conf",
		"[Daemon]\nBus=a\nDefinitions=/a\nDefinitions=/b\n[SecureSide]\nPartition=0x8001=both\nRetry=cap=50ms\nRetry=0x8001:cap=60ms\n");
	put("/etc/lifecycled/lifecycled.conf.d/10.conf",
		"[Daemon]\nBus=\nDefinitions=\nDefinitions=/c\n[SecureSide]\nPartition=\nPartition=0x8001=none\nRetry=\n");
	assert_int_equal(load(), 0);
	assert_string_equal(options.bus, "system");
	assert_int_equal(options.definition_count, 1);
	assert_string_equal(options.definitions[0], "/c");
	assert_int_equal(options.side.listed_count, 1);
	assert_int_equal(options.side.retry.cap, 100000000);
	assert_int_equal(options.side.retry_for_count, 0);
}

static void what_is_not_known_is_passed_over_and_counted(void **state)
{
	put("/etc/lifecycled/lifecycled.conf", "[Daemon]\nbus=a\nColour=red\n[Demon]\nBus=b\n[VMM]\nBus=c\nStarter=spawn\n");
	assert_int_equal(load(), 0);
	assert_int_equal(options.files->warnings, 4);
	assert_string_equal(options.bus, "system");
	assert_int_equal(options.starter, STARTER_SPAWN);
}

static void a_wrong_value_or_form_is_refused(void **state)
{
	static const char *const bad[] = { "[Daemon]\nLogLevel=loud\n", "[Daemon]\nIds=5-1\n", "[SecureSide]\nRetry=cap=1h\n",
		"[VMM]\nStarter=me\n", "[VMM]\nGroup=no-such-group-here\n", "[Daemon]\nLogLevel\n", "LogLevel=info\n", "[Daemon\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put("/etc/lifecycled/lifecycled.conf", bad[i]);
		if (load() != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		(void)config_files_free(options.files);
		options.files = calloc(1, sizeof(*options.files));
	}
}

static void who_may_write_to_it_is_looked_at(void **state)
{
	put("/etc/lifecycled/lifecycled.conf", "[Daemon]\nBus=a\n");
	assert_int_equal(chmod(below("/etc/lifecycled/lifecycled.conf"), 0646), 0);
	assert_int_equal(load(), -EINVAL);
	assert_int_equal(chmod(below("/etc/lifecycled/lifecycled.conf"), 0644), 0);
	assert_int_equal(mkfifo(below("/etc/lifecycled/fifo"), 0644), 0);
	assert_int_equal(config_files_read(options.files, root, below("/etc/lifecycled/fifo")), -EINVAL);
	assert_int_equal(config_files_read(options.files, root, below("/etc/lifecycled/none")), -EINVAL);
	assert_int_equal(load(), 0);
}

/* There others may link a file of root to a name of their own. */
static void who_may_write_to_a_directory_of_drop_ins_is_looked_at(void **state)
{
	put("/run/lifecycled/lifecycled.conf.d/a.conf", "[Daemon]\nBus=b\n");
	assert_int_equal(chmod(below("/run/lifecycled/lifecycled.conf.d"), 0757), 0);
	assert_int_equal(load(), -EINVAL);
	assert_int_equal(chmod(below("/run/lifecycled/lifecycled.conf.d"), 0755), 0);
	assert_int_equal(load(), 0);
	assert_string_equal(options.bus, "b");
}

static void a_directory_that_is_not_listed_to_its_end_is_refused(void **state)
{
	put("/etc/lifecycled/lifecycled.conf.d/a.conf", "[Daemon]\nBus=b\n");
	breaks_with = EIO;
	assert_int_equal(config_files_read(options.files, root, NULL), -EINVAL);
	breaks_with = 0;
	assert_int_equal(load(), 0);
	assert_string_equal(options.bus, "b");
}

static void what_another_user_owns_is_refused(void **state)
{
	static const char *const paths[] = { "/etc/lifecycled/lifecycled.conf", "/etc/lifecycled/lifecycled.conf.d" };

	if (geteuid() != 0)
		skip();
	put("/etc/lifecycled/lifecycled.conf", "[Daemon]\nBus=a\n");
	put("/etc/lifecycled/lifecycled.conf.d/a.txt", "");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		assert_int_equal(chown(below(paths[i]), 65534, 65534), 0);
		assert_int_equal(load(), -EINVAL);
		assert_int_equal(chown(below(paths[i]), 0, 0), 0);
	}
}

static void a_file_too_large_is_refused(void **state)
{
	static char text[CONFIG_TEXT_MAX + 2];

	memset(text, '\n', CONFIG_TEXT_MAX);
	put("/etc/lifecycled/lifecycled.conf", text);
	assert_int_equal(load(), 0);
	text[CONFIG_TEXT_MAX] = '\n';
	put("/etc/lifecycled/lifecycled.conf.d/a.conf", text);
	assert_int_equal(load(), -EINVAL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_file_is_no_error),
		CASE(of_the_main_file_one_counts),
		CASE(drop_ins_come_after_it_by_name),
		CASE(a_link_to_null_hides_a_drop_in),
		CASE(an_empty_value_takes_back_what_was_said),
		CASE(what_is_not_known_is_passed_over_and_counted),
		CASE(a_wrong_value_or_form_is_refused),
		CASE(who_may_write_to_it_is_looked_at),
		CASE(who_may_write_to_a_directory_of_drop_ins_is_looked_at),
		CASE(a_directory_that_is_not_listed_to_its_end_is_refused),
		CASE(what_another_user_owns_is_refused),
		CASE(a_file_too_large_is_refused),
	};

	return cmocka_run_group_tests_name("configuration files", tests, NULL, NULL);
}
