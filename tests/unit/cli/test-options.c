/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of verbs and options: what they say of each other, and what comes of options as they are written. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <getopt.h>
#include <string.h>

#include "options.h"
#include "verbs.h"

static bool is_verb(const char *word, size_t length)
{
	for (size_t i = 0; i < verb_count; i++)
		if (strlen(verbs[i].name) == length && strncmp(verbs[i].name, word, length) == 0)
			return true;
	return false;
}

static void options_name_verbs_that_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_row_count; i++) {
		for (const char *word = option_rows[i].verbs; word; word = strchr(word, ' ') ? strchr(word, ' ') + 1 : NULL)
			if (!is_verb(word, strcspn(word, " ")))
				fail_msg("--%s: no verb is called '%s'", option_rows[i].name, word);
	}
}

static void means_one_thing_to_a_verb(void **state)
{
	(void)state;
	for (size_t v = 0; v < verb_count; v++)
		for (size_t i = 0; i < option_row_count; i++)
			for (size_t k = i + 1; k < option_row_count; k++)
				if (option_is_of(&option_rows[i], verbs[v].name) && option_is_of(&option_rows[k], verbs[v].name)) {
					assert_string_not_equal(option_rows[i].name, option_rows[k].name);
					assert_true(!option_rows[i].letter || option_rows[i].letter != option_rows[k].letter);
				}
}

/* getopt is told once by name: rows of one name agree in what it has to know. */
static void rows_of_one_name_are_written_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_row_count; i++) {
		assert_true(*option_rows[i].help && option_rows[i].take);
		for (size_t k = 0; k < i; k++) {
			const struct option_row *a = &option_rows[i], *b = &option_rows[k];

			if (strcmp(a->name, b->name) == 0)
				assert_true(a->letter == b->letter && !a->argument == !b->argument && a->optional == b->optional);
			else
				assert_true(!a->letter || a->letter != b->letter);
		}
	}
}

static void finds_a_verb_among_words(void **state)
{
	const struct option_row some = { .verbs = "start restart" }, all = { .verbs = NULL };

	(void)state;
	assert_true(option_is_of(&some, "start"));
	assert_true(option_is_of(&some, "restart"));
	assert_false(option_is_of(&some, "star"));
	assert_false(option_is_of(&some, "art"));
	assert_true(option_is_of(&all, "list"));
}

#define WORDS(...) (const char *const[]){ "lifecyclectl", __VA_ARGS__, NULL }

/* Returns the exit code; *ret_first is the first word that is no option. */
static int take(struct cli *c, const char *verb, const char *const *words, const char **ret_first)
{
	struct written_options w;
	char *argv[16];
	int argc = 0, r;

	while (words[argc])
		argc++;
	memcpy(argv, words, ((size_t)argc + 1) * sizeof(*argv));
	optind = 0;
	assert_int_equal(options_read(argc, argv, &w), 0);
	r = options_take(c, &w, verb);
	free(w.at);
	*ret_first = argv[optind];
	return r;
}

static void takes_the_row_of_the_verb(void **state)
{
	struct cli c = { .legend = true, .block = true, .timeout_ms = LIFECYCLE_FOREVER };
	const char *first;

	(void)state;
	assert_int_equal(take(&c, "cat", WORDS("-q", "cat", "--pending", "web", "-ojson"), &first), 0);
	assert_true(c.quiet && c.pending && c.output == OUTPUT_JSON && c.legend && c.block);
	assert_string_equal(first, "cat");
	assert_int_equal(take(&c, "start", WORDS("--pending", "start"), &first), CLI_USAGE);
	assert_int_equal(take(&c, "lease", WORDS("lease", "--timeout", "1.5", "--why=a b"), &first), 0);
	assert_int_equal(c.grace_ms, 1500);
	assert_int_equal(c.timeout_ms, LIFECYCLE_FOREVER);
	assert_int_equal(take(&c, "wait", WORDS("wait", "--timeout", "0.25"), &first), 0);
	assert_int_equal(c.timeout_ms, 250);
	assert_string_equal(c.why, "a b");
	assert_int_equal(take(&c, "list", WORDS("--timeout", "1"), &first), CLI_USAGE);
}

static bool among(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strncmp(at, word, length) == 0 && (at[length] == '|' || !at[length]))
			return true;
	return false;
}

/* Those that completion offers are those that there are. */
static void states_have_the_words_of_the_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_row_count; i++) {
		if (strcmp(option_rows[i].name, "state") != 0)
			continue;
		for (int s = LIFECYCLE_STATE_NULL; strcmp(lifecycle_state_name(s), "unknown") != 0; s++)
			assert_true(among(option_rows[i].words, lifecycle_state_name(s)));
		for (int s = LIFECYCLE_SUB_NONE + 1; strcmp(lifecycle_substate_name(s), "unknown") != 0; s++)
			assert_true(among(option_rows[i].words, lifecycle_substate_name(s)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_name_verbs_that_are),
		cmocka_unit_test(means_one_thing_to_a_verb),
		cmocka_unit_test(rows_of_one_name_are_written_alike),
		cmocka_unit_test(finds_a_verb_among_words),
		cmocka_unit_test(states_have_the_words_of_the_library),
		cmocka_unit_test(takes_the_row_of_the_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
