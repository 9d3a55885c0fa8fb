/* SPDX-License-Identifier: Apache-2.0 */

/* Lines with fields, as the journal gets them; and without a journal, as stderr does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/message.h"
#include "fake-journal.h"

static void a_message_has_its_id_its_priority_and_its_fields(void **unused)
{
	const char *m;

	log_message(MESSAGE_LIFE_FAILED, OF_LIFE("web", 17), "web: %s", "it is over");
	m = fake_journal_read();
	assert_true(message_has(m, "PRIORITY=4"));
	assert_true(message_has(m, "SYSLOG_IDENTIFIER=test"));
	assert_true(message_has(m, "VM_NAME=web"));
	assert_true(message_has(m, "VM_LIFE=17"));
	assert_true(message_has(m, "MESSAGE=web: it is over"));
	assert_non_null(strstr(m, "\nMESSAGE_ID="));
}

static void what_a_peer_says_makes_no_field_of_its_own(void **unused)
{
	struct log_fields f = { .length = 0 };
	const char *m;

	log_field(&f, "DEFINITION_FILE", "%s", "a\nPRIORITY=0\x01\x7f");
	log_message(MESSAGE_DEFINITION_REFUSED, &f, "two\nlines");
	m = fake_journal_read();
	assert_true(message_has(m, "DEFINITION_FILE=a PRIORITY=0  "));
	assert_true(message_has(m, "PRIORITY=3"));
	assert_false(message_has(m, "PRIORITY=0"));
	assert_true(message_has(m, "MESSAGE=two lines"));
}

static void a_field_without_room_is_left_out_as_a_whole(void **unused)
{
	struct log_fields f = { .length = 0 };
	char half[LOG_FIELDS_BYTES / 2 + 1];

	memset(half, 'x', sizeof(half) - 1);
	half[sizeof(half) - 1] = '\0';
	log_field(&f, "FIRST", "%s", half);
	log_field(&f, "SECOND", "%s", half);
	log_field(&f, "THIRD", "%d", 3);
	assert_null(strstr(f.text, "SECOND"));
	assert_true(message_has(f.text, "THIRD=3"));
	assert_int_equal(strlen(f.text), f.length);
	for (int i = 0; i < LOG_FIELDS_BYTES; i++)
		log_field(&f, "N", "%d", i % 10);
	assert_true(f.length < sizeof(f.text));
	assert_int_equal(f.text[f.length - 1], '\n');
}

static void the_longest_of_all_arrives(void **unused)
{
	struct log_fields f = { .length = 0 };
	char text[4096];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	while (f.length < LOG_FIELDS_BYTES - 16)
		log_field(&f, "N", "%d", 1);
	log_message(MESSAGE_DAEMON_READY, &f, "%s", text);
	assert_non_null(strstr(fake_journal_read(), "\nMESSAGE=yyyy"));
}

static void what_is_below_the_level_is_not_sent(void **unused)
{
	log_message(MESSAGE_LIFE_MOVED, NULL, "not told");
	assert_string_equal(fake_journal_read(), "");
}

static void fields_of_the_process_are_in_each_line(void **unused)
{
	log_always("VM_NAME=web\n");
	log_warning("plain");
	assert_true(message_has(fake_journal_read(), "VM_NAME=web"));
	log_always("");
}

/* What a process writes to stderr that is there without the journal's socket. */
static void stderr_of(bool systemd_reads_it, char *text, size_t size)
{
	int fd[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char stream[64] = "0:0";
		struct stat st;

		dup2(fd[1], STDERR_FILENO);
		if (systemd_reads_it && fstat(STDERR_FILENO, &st) == 0)
			snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
		setenv("JOURNAL_STREAM", stream, 1);
		if (chdir("/") < 0)
			_exit(1);
		execl("/proc/self/exe", "test-message", "say", NULL);
		_exit(1);
	}
	close(fd[1]);
	n = read(fd[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void without_a_journal_it_is_a_plain_line(void **unused)
{
	char text[256];

	stderr_of(false, text, sizeof(text));
	assert_string_equal(text, "test: web is over\n");
}

static void where_systemd_reads_it_the_priority_is_in_front(void **unused)
{
	char text[256];

	stderr_of(true, text, sizeof(text));
	assert_string_equal(text, "<4>web is over\n");
}

static int say(void)
{
	log_open("test", LOG_INFO);
	log_message(MESSAGE_LIFE_FAILED, OF_LIFE("web", 17), "web is over");
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_has_its_id_its_priority_and_its_fields),
		cmocka_unit_test(what_a_peer_says_makes_no_field_of_its_own),
		cmocka_unit_test(a_field_without_room_is_left_out_as_a_whole),
		cmocka_unit_test(the_longest_of_all_arrives),
		cmocka_unit_test(what_is_below_the_level_is_not_sent),
		cmocka_unit_test(fields_of_the_process_are_in_each_line),
		cmocka_unit_test(without_a_journal_it_is_a_plain_line),
		cmocka_unit_test(where_systemd_reads_it_the_priority_is_in_front),
	};

	if (argc > 1)
		return say();
	fake_journal_begin(LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
