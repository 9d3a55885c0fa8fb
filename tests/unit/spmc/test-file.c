/* SPDX-License-Identifier: Apache-2.0 */

/* A secure world read from a file, and what is said of a file that is wrong. The installed example is the argument. */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "spmc/file.h"
#include "spmc/schedule.h"

static const char *example;
static char path[] = "/tmp/spmc-file-XXXXXX";
static struct complaint why;

static int read_text(struct world_config *c, const char *text)
{
	/* A new file: some file systems flush one that is written over. */
	FILE *f = unlink(path) == 0 ? fopen(path, "w") : NULL;

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	*c = (struct world_config) { 0 };
	why.text[0] = '\0';
	return file_read(c, path, &why);
}

static void reads_all_of_an_sp_in_any_order(void **unused)
{
	struct world_config c;

	assert_int_equal(
		read_text(&c, "{\"sps\":[{\"tick\":7,\"id\":\"0x8001\",\"doorbell\":false,\"subscribe\":\"created\","
			      "\"personality\":\"trusty\",\"stuck\":true},{\"id\":32770,\"personality\":\"strict\","
			      "\"busy\":\"3\"}],"
			      "\"discovery\":\"rx\"}"),
		0);
	assert_int_equal(c.sp_count, 2);
	assert_int_equal(c.discovery, WORLD_DISCOVERY_RX);
	assert_int_equal(c.sp[0].id, 0x8001);
	assert_int_equal(c.sp[0].personality, PERSONALITY_TRUSTY);
	assert_int_equal(c.sp[0].tick_us, 7);
	assert_int_equal(c.sp[0].subscribed, FFA_PROP_VM_CREATED);
	assert_false(c.sp[0].doorbell);
	assert_true(c.sp[0].stuck);
	assert_int_equal(c.sp[1].id, 0x8002);
	assert_int_equal(c.sp[1].faults[SP_FAULT_BUSY], 3);
}

static void reads_a_schedule(void **unused)
{
	struct world_config c;

	assert_int_equal(read_text(&c, "{\"seed\":7,\"schedule\":{\"crash\":500,\"reset\":\"9000\",\"ring\":0}}"), 0);
	assert_int_equal(c.seed, 7);
	for (int i = 0; i < WORLD_EVENT_COUNT; i++)
		assert_int_equal(c.schedule[i], i == WORLD_CRASH ? 500000000 : i == WORLD_RESET ? 9000000000 : 0);
}

#define TRUSTY(list) "{\"sps\":[{\"id\":32769,\"notifiers\":" list ",\"personality\":\"trusty\"}]}"

static void reads_notifiers_as_a_list_or_a_number(void **unused)
{
	struct world_config c;

	assert_int_equal(read_text(&c, TRUSTY("[{\"hold\":\"2s\"},{\"name\":\"sync\",\"run\":[\"/bin/a\",\"b c\"]},"
					      "{\"fails\":true,\"hold\":\"10ms\"}]")), 0);
	assert_int_equal(c.sp[0].notifiers, 0);
	assert_int_equal(c.sp[0].listed, 3);
	assert_string_equal(c.sp[0].list[0].name, "1");
	assert_int_equal(c.sp[0].list[0].callback.kind, NOTIFIER_HOLD);
	assert_int_equal(c.sp[0].list[0].callback.hold, 2000000000);
	assert_string_equal(c.sp[0].list[1].name, "sync");
	assert_memory_equal(c.sp[0].list[1].callback.command, "/bin/a\0b c\0", 12);
	assert_string_equal(c.sp[0].list[2].name, "3");
	assert_int_equal(c.sp[0].list[2].callback.fails, 1);
	assert_int_equal(read_text(&c, TRUSTY("7")), 0);
	assert_int_equal(c.sp[0].notifiers, 7);
	assert_int_equal(c.sp[0].listed, 0);
	assert_int_equal(read_text(&c, TRUSTY("[]")), 0);
	assert_int_equal(c.sp[0].notifiers, 0);
}

static void says_what_is_wrong_with_a_notifier(void **unused)
{
	static const struct {
		const char *text, *what;
	} bad[] = {
		{ TRUSTY("[2]"), "sps[0].notifiers[0]: an object" },
		{ TRUSTY("[{}]"), "sps[0].notifiers[0]: a notifier needs \"hold\" or \"run\"" },
		{ TRUSTY("[{\"hold\":\"1s\",\"run\":[\"/a\"]}]"), "notifiers[0].run: a notifier has one of" },
		{ TRUSTY("[{\"hold\":2}]"), "notifiers[0].hold: must be a time" },
		{ TRUSTY("[{\"hold\":\"2h\"}]"), "notifiers[0].hold: must be a time" },
		{ TRUSTY("[{\"hold\":\"3601s\"}]"), "notifiers[0].hold: must be a time" },
		{ TRUSTY("[{\"hold\":\"-1s\"}]"), "notifiers[0].hold: must be a time" },
		{ TRUSTY("[{\"run\":\"/a\"}]"), "notifiers[0].run: a list" },
		{ TRUSTY("[{\"run\":[]}]"), "notifiers[0].run: the first word must be" },
		{ TRUSTY("[{\"run\":[\"sh\"]}]"), "notifiers[0].run: the first word must be" },
		{ TRUSTY("[{\"run\":[\"/a\",\"\"]}]"), "notifiers[0].run[1]: an empty word" },
		{ TRUSTY("[{\"run\":[\"/a\"],\"fails\":true}]"), "notifiers[0]: whether a program fails" },
		{ TRUSTY("[{\"hold\":\"1s\",\"fails\":1}]"), "notifiers[0].fails: must be true or false" },
		{ TRUSTY("[{\"hold\":\"1s\",\"name\":\"a b\"}]"), "notifiers[0].name: must be 1 to 23" },
		{ TRUSTY("[{\"hold\":\"1s\",\"wait\":1}]"), "notifiers[0].wait: a notifier has" },
		{ TRUSTY("[{\"hold\":\"1s\",\"name\":\"2\"},{\"hold\":\"1s\"}]"), "two notifiers are called '2'" },
		{ TRUSTY("\"\""), "notifiers=: must be a number" },
		{ "{\"sps\":[{\"id\":32769,\"notifiers\":[],\"personality\":\"optee\"}]}", "optee-spmc has no notifiers" },
	};
	static char nine[512] = "{\"sps\":[{\"notifiers\":[{\"hold\":\"1s\"}";
	struct world_config c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_text(&c, bad[i].text), -EINVAL);
		if (!strstr(why.text, bad[i].what))
			fail_msg("%s\nis answered: %s", bad[i].text, why.text);
	}
	for (int i = 0; i < SP_NOTIFIERS; i++)
		strcat(nine, ",{\"hold\":\"1s\"}");
	assert_int_equal(read_text(&c, nine), -EINVAL);
	assert_non_null(strstr(why.text, "at most 8 of them"));
}

/* One table, two syntaxes: what the command line says, the file says. */
static void means_the_same_as_the_command_line(void **unused)
{
	struct world_config file, line = { 0 };

	assert_int_equal(read_text(&file, "{\"sps\":[{\"personality\":\"optee\",\"id\":\"0x8002\",\"capacity\":9,"
					  "\"preempt\":2,\"mute\":1}]}"),
		0);
	assert_int_equal(options_add_sp(&line, "optee:0x8002:capacity=9,preempt=2,mute=1", &why), 0);
	assert_memory_equal(&file.sp[0], &line.sp[0], sizeof(line.sp[0]));
	assert_int_equal(read_text(&file, "{\"schedule\":{\"stop\":3,\"panic\":3600000}}"), 0);
	assert_int_equal(schedule_parse(&line, "stop=3,panic=3600000", &why), 0);
	assert_memory_equal(file.schedule, line.schedule, sizeof(line.schedule));
}

static void passes_over_comments_and_blanks(void **unused)
{
	struct world_config c;

	assert_int_equal(read_text(&c, "// first\n /* a { \" */ {\n\t\"sps\" /* here */ : [ ] // last\n}\r\n"), 0);
	assert_int_equal(c.sp_count, 0);
	assert_int_equal(read_text(&c, "{}"), 0);
}

static void says_where_and_what_is_wrong(void **unused)
{
	static const struct {
		const char *text, *place, *what;
	} bad[] = {
		{ "", ":1:1: ", "an object" },
		{ "[]", ":1:1: ", "an object" },
		{ "{", ":1:2: ", "a key" },
		{ "{\"sps\"", ":1:7: ", "a colon" },
		{ "{\"sps\": {}}", ":1:9: sps: ", "a list" },
		{ "{\"sps\": [3]}", ":1:10: sps[0]: ", "an object" },
		{ "{\"discovery\": }", ":1:15: discovery: ", "a string, a number" },
		{ "{\"discovery\": \"rx\n\"}", ":1:15: discovery: ", "does not end on its line" },
		{ "{\"discovery\": \"r\\u0078\"}", ":1:17: discovery: ", "of escapes" },
		{ "{\"discovery\": \"maybe\"}", ":1:15: discovery: ", "must be regs, rx or none" },
		{ "{\"discovery\": \"rx\", \"discovery\": \"rx\"}", ":1:21: discovery: ", "there twice" },
		{ "{\"foo\": 1}", ":1:9: foo: ", "no such option" },
		{ "{\"sps\": []", ":1:11: ", "a comma or \"}\"" },
		{ "{\"sps\": []} x", ":1:13: ", "nothing may follow" },
		{ "{\"sps\": [] /* no end }", ":1:23: ", "a comma or \"}\"" },
		{ "{\n\"sps\": [\n{ \"id\": \"0x8001\" }]}", ":3:9: sps[0]: ", "needs a \"personality\"" },
		{ "{\n\"sps\": [\n{ \"personality\": \"optee\" }]}",
			":3:18: sps[0]: ", "needs an id in 0x8001..0xffbf" },
		{ "{\"sps\": [{\"personality\": \"linux\"}]}", ":1:26: sps[0]: ", "personality must be trusty, " },
		{ "{\"sps\": [{\"personality\": \"optee\",\n \"id\": \"0x8000\"}]}",
			":2:8: sps[0]: ", "id=0x8000: must be" },
		{ "{\"sps\": [{\"personality\": \"optee\", \"id\": 32769},\n{\"personality\": \"optee\", \"id\": "
		  "32769}]}",
			":2:32: sps[1]: ", "0x8001 is taken" },
		{ "{\"sps\": [{\"personality\": \"optee\", \"id\": 32769,\n\"notifiers\": 256}]}",
			":2:14: sps[0]: ", "notifiers=256: must be a number in 0..255" },
		{ "{\"sps\": [{\"personality\": \"optee\", \"id\": 32769, \"stuck\": 2}]}",
			":1:57: sps[0]: ", "stuck=2: must be 0 or 1" },
		{ "{\"sps\": [{\"personality\": \"optee\", \"id\": 32769, \"id\": 32770}]}",
			":1:48: sps[0].id: ", "there twice" },
		{ "{\"sps\": [{\"personality\": \"optee\", \"id\": 32769, \"stuk\": 1}]}",
			":1:56: sps[0]: ", "stuk: there is no such option" },
		{ "{\"schedule\": \"crash=5\"}", ":1:14: schedule: ", "an object" },
		{ "{\"schedule\": {\"boom\": 5}}", ":1:15: schedule.boom: ", "\"boom\": the event must be crash, " },
		{ "{\"schedule\": {\"crash\": \"1s\"}}", ":1:24: schedule.crash: ", "crash=1s: must be milliseconds" },
		{ "{\"schedule\": {\"crash\": 3600001}}", ":1:24: schedule.crash: ", "in 0..3600000" },
		{ "{\"schedule\": {\"crash\": 1, \"crash\": 1}}", ":1:27: schedule.crash: ", "there twice" },
		{ "{\"sps\": [{\"id\": {}}]}", ":1:17: sps[0].id: ", "a string, a number" },
	};
	struct world_config c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = strlen(path);

		assert_int_equal(read_text(&c, bad[i].text), -EINVAL);
		if (strncmp(why.text, path, n) != 0 || strncmp(why.text + n, bad[i].place, strlen(bad[i].place)) != 0 ||
			!strstr(why.text, bad[i].what))
			fail_msg("%s\nis answered: %s", bad[i].text, why.text);
	}
}

static void refuses_too_many_sps(void **unused)
{
	static char text[16384] = "{\"sps\":[";
	struct world_config c;

	for (unsigned int i = 0; i < WORLD_SPS + 1; i++)
		snprintf(text + strlen(text), 64, "%s{\"personality\":\"strict\",\"id\":%u}", i ? "," : "", 0x8001 + i);
	strcat(text, "]}");
	assert_int_equal(read_text(&c, text), -EINVAL);
	assert_non_null(strstr(why.text, "at most 64 SPs"));
	assert_int_equal(c.sp_count, WORLD_SPS);
}

static void refuses_what_is_no_file(void **unused)
{
	struct world_config c = { 0 };

	assert_int_equal(file_read(&c, "/tmp", &why), -EINVAL);
	assert_non_null(strstr(why.text, "not a regular file"));
	assert_int_equal(file_read(&c, "/tmp/spmc-file-that-is-not-there", &why), -EINVAL);
	assert_non_null(strstr(why.text, "No such file"));
	assert_int_equal(truncate(path, 2 * 1024 * 1024), 0);
	assert_int_equal(file_read(&c, path, &why), -EINVAL);
	assert_non_null(strstr(why.text, "larger"));
}

/* Every place at which it can be cut is a mistake; what comes of it is a complaint and no more. */
static void survives_a_file_that_is_cut_anywhere(void **unused)
{
	static char whole[16384];
	struct world_config c = { 0 };
	FILE *f = fopen(example, "r");
	size_t n;

	assert_non_null(f);
	n = fread(whole, 1, sizeof(whole) - 1, f);
	fclose(f);
	while (n > 0 && whole[n - 1] != '}')
		n--;
	whole[n] = '\0';
	assert_int_equal(read_text(&c, whole), 0);
	while (n-- > 0) {
		c = (struct world_config){ 0 };
		assert_int_equal(truncate(path, (off_t)n), 0);
		assert_int_equal(file_read(&c, path, &why), -EINVAL);
	}
}

static bool has_personality(const struct world_config *c, uint8_t kind)
{
	for (uint32_t i = 0; i < c->sp_count; i++)
		if (c->sp[i].personality == kind)
			return true;
	return false;
}

static void the_installed_example_is_right(void **unused)
{
	struct world_config c = { 0 };

	if (file_read(&c, example, &why) < 0)
		fail_msg("%s", why.text);
	assert_true(c.schedule[WORLD_RESTART] > 0 && c.seed == 1);
	for (uint8_t kind = 0; kind < PERSONALITY_COUNT; kind++)
		assert_true(has_personality(&c, kind));
}

static int remove_file(void **unused)
{
	return unlink(path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_of_an_sp_in_any_order),
		cmocka_unit_test(reads_a_schedule),
		cmocka_unit_test(reads_notifiers_as_a_list_or_a_number),
		cmocka_unit_test(says_what_is_wrong_with_a_notifier),
		cmocka_unit_test(means_the_same_as_the_command_line),
		cmocka_unit_test(passes_over_comments_and_blanks),
		cmocka_unit_test(says_where_and_what_is_wrong),
		cmocka_unit_test(refuses_too_many_sps),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(survives_a_file_that_is_cut_anywhere),
		cmocka_unit_test(the_installed_example_is_right),
	};
	int fd = mkstemp(path);

	if (argc != 2 || fd < 0)
		return 1;
	close(fd);
	example = argv[1];
	return cmocka_run_group_tests(tests, NULL, remove_file);
}
