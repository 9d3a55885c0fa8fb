/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Links the shared object alone and names each of its symbols: one that is not exported does not link, one that is
 * exported and not named here, or not declared in the header, is found by counting.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <glob.h>
#include <lifecycle.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAMED(f) { #f, (void (*)(void))f }
static const struct {
	const char *name;
	void (*address)(void);
} symbols[] = {
	NAMED(lifecycle_act),
	NAMED(lifecycle_bind_again),
	NAMED(lifecycle_burned),
	NAMED(lifecycle_burned_list_at),
	NAMED(lifecycle_burned_list_count),
	NAMED(lifecycle_burned_list_unref),
	NAMED(lifecycle_cause_from_name),
	NAMED(lifecycle_cause_name),
	NAMED(lifecycle_console_open),
	NAMED(lifecycle_console_position),
	NAMED(lifecycle_console_read),
	NAMED(lifecycle_console_ref),
	NAMED(lifecycle_console_unref),
	NAMED(lifecycle_console_wait),
	NAMED(lifecycle_daemon_info),
	NAMED(lifecycle_debt_from_name),
	NAMED(lifecycle_debt_name),
	NAMED(lifecycle_define),
	NAMED(lifecycle_definition),
	NAMED(lifecycle_dispatch),
	NAMED(lifecycle_forget),
	NAMED(lifecycle_frame_list_at),
	NAMED(lifecycle_frame_list_count),
	NAMED(lifecycle_frame_list_unref),
	NAMED(lifecycle_get_events),
	NAMED(lifecycle_get_fd),
	NAMED(lifecycle_get_timeout),
	NAMED(lifecycle_how_from_name),
	NAMED(lifecycle_how_name),
	NAMED(lifecycle_last_error),
	NAMED(lifecycle_lease_cause),
	NAMED(lifecycle_lease_deadline),
	NAMED(lifecycle_lease_get_fd),
	NAMED(lifecycle_lease_life),
	NAMED(lifecycle_lease_list_at),
	NAMED(lifecycle_lease_list_count),
	NAMED(lifecycle_lease_list_unref),
	NAMED(lifecycle_lease_reclaim),
	NAMED(lifecycle_lease_ref),
	NAMED(lifecycle_lease_release),
	NAMED(lifecycle_lease_state),
	NAMED(lifecycle_lease_state_from_name),
	NAMED(lifecycle_lease_state_name),
	NAMED(lifecycle_lease_take),
	NAMED(lifecycle_lease_token),
	NAMED(lifecycle_lease_unref),
	NAMED(lifecycle_lease_wait),
	NAMED(lifecycle_leases),
	NAMED(lifecycle_list),
	NAMED(lifecycle_new),
	NAMED(lifecycle_operation_from_name),
	NAMED(lifecycle_operation_name),
	NAMED(lifecycle_outcome_from_name),
	NAMED(lifecycle_outcome_name),
	NAMED(lifecycle_page_alive),
	NAMED(lifecycle_page_incarnation),
	NAMED(lifecycle_page_info),
	NAMED(lifecycle_page_open),
	NAMED(lifecycle_page_ref),
	NAMED(lifecycle_page_seq),
	NAMED(lifecycle_page_state),
	NAMED(lifecycle_page_unref),
	NAMED(lifecycle_page_wait),
	NAMED(lifecycle_partition_list_at),
	NAMED(lifecycle_partition_list_count),
	NAMED(lifecycle_partition_list_unref),
	NAMED(lifecycle_partitions),
	NAMED(lifecycle_peer_list_at),
	NAMED(lifecycle_peer_list_count),
	NAMED(lifecycle_peer_list_left_out),
	NAMED(lifecycle_peer_list_unref),
	NAMED(lifecycle_peers),
	NAMED(lifecycle_problem_list_at),
	NAMED(lifecycle_problem_list_count),
	NAMED(lifecycle_problem_list_name),
	NAMED(lifecycle_problem_list_unref),
	NAMED(lifecycle_ref),
	NAMED(lifecycle_refusal_errno),
	NAMED(lifecycle_refusal_exit_code),
	NAMED(lifecycle_refusal_from_name),
	NAMED(lifecycle_refusal_name),
	NAMED(lifecycle_reload),
	NAMED(lifecycle_reload_list_at),
	NAMED(lifecycle_reload_list_count),
	NAMED(lifecycle_reload_list_unref),
	NAMED(lifecycle_set_interactive),
	NAMED(lifecycle_set_timeout),
	NAMED(lifecycle_shutdown),
	NAMED(lifecycle_start_bound),
	NAMED(lifecycle_state_from_name),
	NAMED(lifecycle_state_name),
	NAMED(lifecycle_stream_epoch),
	NAMED(lifecycle_stream_get_fd),
	NAMED(lifecycle_stream_next),
	NAMED(lifecycle_stream_ref),
	NAMED(lifecycle_stream_replayed),
	NAMED(lifecycle_stream_seq),
	NAMED(lifecycle_stream_snapshot),
	NAMED(lifecycle_stream_unref),
	NAMED(lifecycle_stream_wait),
	NAMED(lifecycle_subscribe),
	NAMED(lifecycle_substate_from_name),
	NAMED(lifecycle_substate_name),
	NAMED(lifecycle_trace),
	NAMED(lifecycle_undefine),
	NAMED(lifecycle_unref),
	NAMED(lifecycle_validate),
	NAMED(lifecycle_vcpu_state_from_name),
	NAMED(lifecycle_vcpu_state_name),
	NAMED(lifecycle_vm_info),
	NAMED(lifecycle_vm_info_details),
	NAMED(lifecycle_vm_info_unref),
	NAMED(lifecycle_vm_list_at),
	NAMED(lifecycle_vm_list_count),
	NAMED(lifecycle_vm_list_find),
	NAMED(lifecycle_vm_list_unref),
	NAMED(lifecycle_wait_from_name),
	NAMED(lifecycle_wait_name),
};
#define SYMBOL_COUNT (sizeof(symbols) / sizeof(*symbols))

static bool is_named(const char *name, size_t length)
{
	for (size_t i = 0; i < SYMBOL_COUNT; i++)
		if (strlen(symbols[i].name) == length && strncmp(symbols[i].name, name, length) == 0)
			return symbols[i].address != NULL;
	return false;
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* Words that begin with lifecycle_ and end before `end`. */
static size_t count_words(const char *path, char end)
{
	static char text[256 << 10];
	FILE *f = fopen(path, "re");
	size_t count = 0, size;

	assert_non_null(f);
	size = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[size] = '\0';
	for (const char *s = strstr(text, "lifecycle_"); s; s = strstr(s + 1, "lifecycle_")) {
		size_t length = word_length(s);

		if (s[length] != end || s[-1] == '(' || isalnum((unsigned char)s[-1]) || s[-1] == '_')
			continue;
		if (!is_named(s, length))
			fail_msg("%.*s in %s is not named by this test", (int)length, s, path);
		count++;
	}
	return count;
}

static void every_exported_symbol_is_named(void **state)
{
	assert_int_equal(count_words(SYM_FILE, ';'), SYMBOL_COUNT);
}

static void every_declared_function_is_exported(void **state)
{
	size_t count = 0;
	glob_t found;

	assert_int_equal(glob(HEADERS, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		count += count_words(found.gl_pathv[i], '(');
	globfree(&found);
	assert_true(count >= SYMBOL_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_exported_symbol_is_named),
		cmocka_unit_test(every_declared_function_is_exported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
