/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "place.h"
#include "store/definition.h"

static const uint8_t machine[16];

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

struct found {
	char text[2048];
	unsigned unread; /* directories: what is not found there may be there */
};

static int note(void *ctx, const struct definition_file *file, struct vm_definition *d, const struct definition_error *err)
{
	struct found *found = ctx;
	size_t used = strlen(found->text);

	if (d) {
		assert_int_equal(d->from_file, strstr(file->path, "/etc/") ? 3 : 1); /* the place's index, from 1 on */
		assert_string_equal(d->name, file->name);
	}
	(void)snprintf(found->text + used, sizeof(found->text) - used, "%s%s%s\n", d ? d->name : "",
		d ? d->kernel : "", d ? "" : err->text);
	found->unread += !file->name;
	free(d);
	return 0;
}

static void put(struct place *p, const char *file, const char *name, const char *kernel)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
		"{\"name\": \"%s\", \"memory\": {\"size\": \"2M\"}, \"kernel\": \"%s\"}", name, kernel);

	place_write(p, file, text, (size_t)n);
}

static void expect_unread(struct place *p, unsigned unread, const char *text)
{
	const char *directories[] = { place_path(p, "usr"), place_path(p, "none"), place_path(p, "etc") };
	struct found found = { .unread = 0 };

	assert_int_equal(definition_load_dirs(directories, 3, machine, note, &found), 0);
	assert_string_equal(found.text, text);
	assert_int_equal(found.unread, unread);
}

static void expect(struct place *p, const char *text)
{
	expect_unread(p, 0, text);
}

static int make(void **state)
{
	breaks_with = 0;
	if (place_make(state) < 0)
		return -1;
	return mkdir(place_path(*state, "usr"), 0755) | mkdir(place_path(*state, "etc"), 0755);
}

static void takes_the_later_directory_in_order_of_names(void **state)
{
	put(*state, "usr/b.json", "b", "/usr");
	put(*state, "usr/a.json", "a", "/usr");
	put(*state, "etc/b.json", "b", "/etc");
	put(*state, "etc/c.json", "c", "/etc");
	put(*state, "etc/.c.json", "x", "/hidden");
	put(*state, "etc/c.json~", "x", "/copy");
	expect(*state, "a/usr\nb/etc\nc/etc\n");
}

static void goes_on_after_a_bad_one(void **state)
{
	char expected[1024];
	struct place *p = *state;

	put(p, "usr/a.json", "b", "/k");
	place_write(p, "usr/b.json", "{", 1);
	put(p, "usr/c.json", "c", "/k");
	put(p, "usr/d d.json", "d", "/k");
	assert_int_equal(mkfifo(place_path(p, "usr/e.json"), 0600), 0);
	(void)snprintf(expected, sizeof(expected),
		"%s/usr/d d.json: the file is not named after a VM; rename it to NAME.json\n"
		"%s/usr/a.json: name: \"b\" in this file; rename the file or the VM\n"
		"%s/usr/b.json:1:2: the text ends too early; close what is open: } ] \" or a value\n"
		"c/k\n"
		"%s/usr/e.json: not a regular file\n",
		p->path, p->path, p->path, p->path);
	expect(p, expected);
}

#define NOT_TRUSTED "another user owns it, or anybody may write to it; give it to root, mode 0644"

static void trusts_no_file_of_somebody_else(void **state)
{
	struct place *p = *state;
	char expected[256];

	(void)snprintf(expected, sizeof(expected), "%s/usr/a.json: " NOT_TRUSTED "\nb/usr\n", p->path);
	put(p, "usr/a.json", "a", "/usr");
	put(p, "usr/b.json", "b", "/usr");
	assert_int_equal(chmod(place_path(p, "usr/a.json"), 0666), 0);
	expect(p, expected);
	assert_int_equal(chmod(place_path(p, "usr/a.json"), 0644), 0);
	expect(p, "a/usr\nb/usr\n");
	if (geteuid() != 0)
		return; /* nobody else can give it away */
	assert_int_equal(chown(place_path(p, "usr/a.json"), 1, 1), 0);
	expect(p, expected);
}

#define DIR_NOT_TRUSTED "another user owns the directory, or anybody may write there; give it to root, mode 0755"

static void trusts_no_directory_of_somebody_else(void **state)
{
	struct place *p = *state;
	char expected[256];

	(void)snprintf(expected, sizeof(expected), "%s/usr/: " DIR_NOT_TRUSTED "\nc/etc\n", p->path);
	put(p, "usr/a.json", "a", "/usr");
	put(p, "etc/c.json", "c", "/etc");
	assert_int_equal(chmod(place_path(p, "usr"), 0777), 0);
	expect_unread(p, 1, expected);
	assert_int_equal(chmod(place_path(p, "usr"), 0755), 0);
	expect(p, "a/usr\nc/etc\n");
	if (geteuid() != 0)
		return; /* nobody else can give it away */
	assert_int_equal(chown(place_path(p, "usr"), 1, 1), 0);
	expect_unread(p, 1, expected);
}

/* Who takes what is not listed for gone would remove VMs. */
static void a_directory_that_is_not_listed_to_its_end_is_told_as_one_that_cannot_be_read(void **state)
{
	struct place *p = *state;
	char expected[256];

	put(p, "usr/a.json", "a", "/k");
	(void)snprintf(expected, sizeof(expected), "%s/usr/: %s\n%s/etc/: %s\n", p->path, strerror(EIO), p->path, strerror(EIO));
	breaks_with = EIO;
	expect_unread(p, 2, expected);
	breaks_with = 0;
	expect(p, "a/k\n");
}

static void follows_links_and_lets_one_to_null_hide_a_file(void **state)
{
	put(*state, "usr/a.json", "a", "/usr");
	put(*state, "usr/b.json", "b", "/usr");
	put(*state, "elsewhere", "c", "/link");
	assert_int_equal(symlink("/dev/null", place_path(*state, "etc/b.json")), 0);
	assert_int_equal(symlink(place_path(*state, "elsewhere"), place_path(*state, "etc/c.json")), 0);
	expect(*state, "a/usr\nc/link\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			takes_the_later_directory_in_order_of_names, make, place_remove),
		cmocka_unit_test_setup_teardown(goes_on_after_a_bad_one, make, place_remove),
		cmocka_unit_test_setup_teardown(trusts_no_file_of_somebody_else, make, place_remove),
		cmocka_unit_test_setup_teardown(trusts_no_directory_of_somebody_else, make, place_remove),
		cmocka_unit_test_setup_teardown(
			a_directory_that_is_not_listed_to_its_end_is_told_as_one_that_cannot_be_read, make, place_remove),
		cmocka_unit_test_setup_teardown(
			follows_links_and_lets_one_to_null_hide_a_file, make, place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
