/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a shell may write next: 'lifecyclectl __complete WORD...' with the words after the program's name, the last one as far as
 * it was written. A line each: what the last word may become, a tab, what that means. A line ":files" or ":commands" asks the
 * shell for its own. All of it is from the tables of verbs and options, and from lifecycled; who cannot be reached has no names.
 */

#include <string.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

#define ANSWER_MS 1000 /* somebody has pressed a key, and waits */
#define WORD_MAX 512

struct line {
	const char *word; /* to be completed */
	const char *bus;
	bool remote;
	const struct verb *verb;
	const struct option_row *open; /* an option that waits for its argument */
	bool plain;                    /* behind "--" */
	int count;                     /* arguments of the verb before the word */
	char **argument;
};

static void offer(const struct line *l, const char *before, const char *word, const char *help)
{
	char all[WORD_MAX];

	(void)snprintf(all, sizeof(all), "%s%s", before, word);
	if (strncmp(all, l->word, strlen(l->word)) == 0)
		(void)printf("%s\t%s\n", all, help);
}

/* The row of that name, first of that verb, else of any: for what it takes they are alike. */
static const struct option_row *find_option(const struct line *l, const char *name, size_t length, int letter)
{
	const struct option_row *found = NULL;

	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *o = &option_rows[i];
		bool is = letter ? o->letter == letter : strlen(o->name) == length && strncmp(o->name, name, length) == 0;

		if (is && (!found || (l->verb && option_is_of(o, l->verb->name))))
			found = o;
	}
	return found;
}

static void take_value(struct line *l, const struct option_row *o, const char *value)
{
	if (strcmp(o->name, "bus") == 0)
		l->bus = value;
	l->remote |= strcmp(o->name, "host") == 0 && o->argument;
}

static void take_long(struct line *l, const char *word)
{
	const char *value = strchr(word, '=');
	const struct option_row *o = find_option(l, word + 2, value ? (size_t)(value - word) - 2 : strlen(word) - 2, 0);

	if (o && value)
		take_value(l, o, value + 1);
	else if (o && o->argument && !o->optional)
		l->open = o;
}

static void take_letters(struct line *l, const char *word)
{
	for (const char *at = word + 1; *at; at++) {
		const struct option_row *o = find_option(l, NULL, 0, (unsigned char)*at);

		if (!o || !o->argument || o->optional)
			continue;
		if (at[1])
			take_value(l, o, at + 1);
		else
			l->open = o;
		return;
	}
}

static void take_word(struct line *l, char *word)
{
	if (l->open) {
		take_value(l, l->open, word);
		l->open = NULL;
	} else if (!l->plain && strcmp(word, "--") == 0) {
		l->plain = true;
	} else if (!l->plain && strncmp(word, "--", 2) == 0) {
		take_long(l, word);
	} else if (!l->plain && word[0] == '-' && word[1]) {
		take_letters(l, word);
	} else if (!l->verb) {
		l->verb = verb_find(word);
		l->count = l->verb ? 0 : -1; /* no verb: nothing can be said of what follows */
	} else {
		l->argument[l->count++] = word;
	}
}

/* ---- options ---- */

static struct lifecycle *connect_quickly(const struct line *l)
{
	struct lifecycle *connection = NULL;

	if (l->remote || lifecycle_new(l->bus, &connection) < 0)
		return NULL;
	lifecycle_set_timeout(connection, ANSWER_MS);
	return connection;
}

/* Of the first VM that was named, else of lifecycled. */
static void offer_properties(const struct line *l, const char *prefix)
{
	struct lifecycle_property_list *list = NULL;
	struct lifecycle *connection = connect_quickly(l);

	if (connection && lifecycle_properties(connection, l->count > 0 ? l->argument[0] : NULL, &list) == 0)
		for (size_t i = 0; i < lifecycle_property_list_count(list); i++)
			offer(l, prefix, lifecycle_property_list_at(list, i)->name, "");
	lifecycle_property_list_unref(list);
	lifecycle_unref(connection);
}

/* Of "a,b,c" all but the last stays. */
static void offer_words(const struct line *l, const struct option_row *o, const char *before)
{
	const char *comma = strrchr(l->word, ',');
	char prefix[WORD_MAX], words[WORD_MAX], *rest = words, *word;

	(void)snprintf(prefix, sizeof(prefix), "%.*s", comma ? (int)(comma - l->word) + 1 : (int)strlen(before), comma ? l->word : before);
	if (strcmp(o->name, "property") == 0)
		offer_properties(l, prefix);
	if (!o->words)
		return;
	(void)snprintf(words, sizeof(words), "%s", o->words);
	while ((word = strsep(&rest, "|")))
		offer(l, prefix, word, "");
}

static void offer_options(const struct line *l)
{
	const char *value = strchr(l->word, '=');
	const struct option_row *o;
	char before[WORD_MAX];

	if (value && strncmp(l->word, "--", 2) == 0) {
		o = find_option(l, l->word + 2, (size_t)(value - l->word) - 2, 0);
		(void)snprintf(before, sizeof(before), "%.*s", (int)(value - l->word) + 1, l->word);
		if (o)
			offer_words(l, o, before);
		return;
	}
	for (size_t i = 0; i < option_row_count; i++) {
		const char letter[] = { (char)option_rows[i].letter, '\0' };

		if (!option_is_of(&option_rows[i], l->verb ? l->verb->name : ""))
			continue;
		offer(l, "--", option_rows[i].name, option_rows[i].help);
		if (*letter && strlen(l->word) < 2)
			offer(l, "-", letter, option_rows[i].help);
	}
}

/* ---- arguments ---- */

static bool is_written_already(const struct line *l, const char *name)
{
	for (int i = 0; i < l->count; i++)
		if (strcmp(l->argument[i], name) == 0)
			return true;
	return false;
}

static void offer_vms(const struct line *l)
{
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	struct lifecycle *connection = connect_quickly(l);

	if (connection && lifecycle_list(connection, &list) == 0) {
		for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
			const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);
			char state[64];

			format_state(state, sizeof(state), vm->state, vm->substate);
			if (!is_written_already(l, vm->name))
				offer(l, "", vm->name, state);
		}
	}
	lifecycle_unref(connection);
}

static void offer_sps(const struct line *l)
{
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;
	struct lifecycle *connection = connect_quickly(l);

	if (connection && lifecycle_partitions(connection, &list) == 0) {
		for (size_t i = 0; i < lifecycle_partition_list_count(list); i++) {
			const struct lifecycle_partition *p = lifecycle_partition_list_at(list, i);
			char id[16];

			(void)snprintf(id, sizeof(id), "0x%04x", p->id);
			if (p->secure && !is_written_already(l, id))
				offer(l, "", id, p->profile);
		}
	}
	lifecycle_unref(connection);
}

static void offer_files(const struct line *l)
{
	(void)l;
	(void)puts(":files");
}

static void offer_commands(const struct line *l)
{
	(void)l;
	(void)puts(":commands");
}

static void offer_verbs(const struct line *l)
{
	for (size_t i = 0; i < verb_count; i++)
		offer(l, "", verbs[i].name, verbs[i].help);
}

static void offer_levels(const struct line *l)
{
	for (int level = 0; lifecycle_log_level_from_name(lifecycle_log_level_name(level)) == level; level++)
		offer(l, "", lifecycle_log_level_name(level), "");
}

static void offer_exit_codes(const struct line *l)
{
	offer(l, "", "exit-codes", "What each exit code means");
}

/* What a word in a verb's arguments stands for. */
static const struct {
	const char *word;
	void (*offer)(const struct line *l);
} kinds[] = {
	{ "NAME", offer_vms }, { "SP", offer_sps }, { "FILE", offer_files }, { "COMMAND", offer_commands }, { "VERB", offer_verbs },
	{ "LEVEL", offer_levels }, { "exit-codes", offer_exit_codes },
};

/* Alternatives have '|' between, arguments blanks; the last one may stand for all that follow. */
static void offer_alternatives(const struct line *l, char *alternatives)
{
	char *word;

	while ((word = strsep(&alternatives, "|"))) {
		word[strcspn(word, ".")] = '\0';
		for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (strcmp(kinds[i].word, word) == 0)
				kinds[i].offer(l);
	}
}

static void offer_arguments(const struct line *l)
{
	char arguments[WORD_MAX], *rest = arguments, *word;
	int nth = 0;

	if (l->count >= l->verb->max)
		return;
	(void)snprintf(arguments, sizeof(arguments), "%s", l->verb->arguments);
	for (char *at = arguments; *at; at++) /* what may be left out is offered all the same */
		if (*at == '[' || *at == ']')
			memmove(at, at + 1, strlen(at));
	while ((word = strsep(&rest, " "))) {
		if (strcmp(word, "--") == 0)
			continue;
		if (nth == l->count || (!rest && nth < l->count))
			offer_alternatives(l, word);
		nth++;
	}
}

int complete_print(int argc, char **argv)
{
	_cleanup_(free_p) char **arguments = must(calloc((size_t)argc + 1, sizeof(*arguments)));
	struct line l = { .word = argc ? argv[argc - 1] : "", .argument = arguments };

	for (int i = 0; i + 1 < argc && l.count >= 0; i++)
		take_word(&l, argv[i]);
	if (l.count < 0)
		return 0;
	if (l.open)
		offer_words(&l, l.open, "");
	else if (*l.word == '-' && !l.plain)
		offer_options(&l);
	else if (!l.verb)
		offer_verbs(&l);
	else
		offer_arguments(&l);
	return 0;
}
