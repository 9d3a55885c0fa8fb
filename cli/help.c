/* SPDX-License-Identifier: Apache-2.0 */

/*
 * help: what the tables of verbs and options say. With --quiet a line a verb, or a line an option of one verb, with tabs between.
 */

#include <string.h>

#include "exit_codes.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

#define OPTION_WIDTH 22

static void print_verb(const struct verb *v)
{
	(void)printf("  %-10s %-17s %s\n", v->name, v->arguments, v->help);
}

static void print_option(const struct option_row *o)
{
	char letter[8] = "    ", words[64];

	if (o->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	(void)snprintf(words, sizeof(words), "%s--%s%s%s%s%s", letter, o->name, o->optional ? "[" : "", o->argument ? "=" : "",
		o->argument ? o->argument : "", o->optional ? "]" : "");
	if (strlen(words) > OPTION_WIDTH - 2)
		(void)printf("  %s\n  %-*s%s\n", words, OPTION_WIDTH, "", o->help);
	else
		(void)printf("  %-*s%s\n", OPTION_WIDTH, words, o->help);
}

static void print_all(void)
{
	(void)puts("lifecyclectl [OPTION...] [VERB [ARGUMENT...]]\n\nVerbs:");
	for (size_t i = 0; i < verb_count; i++)
		print_verb(&verbs[i]);
	(void)puts("\nOptions of all verbs:");
	for (size_t i = 0; i < option_row_count; i++)
		if (!option_rows[i].verbs)
			print_option(&option_rows[i]);
	(void)puts("\n'lifecyclectl help VERB' shows the options of a verb, 'lifecyclectl help exit-codes' what exit codes mean; "
		   "lifecyclectl(1) explains all of it.");
}

static void print_one(const struct verb *v)
{
	bool any = false;

	(void)printf("lifecyclectl %s [OPTION...]%s%s\n\n%s.\n", v->name, *v->arguments ? " " : "", v->arguments, v->help);
	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *o = &option_rows[i];

		if (!o->verbs || !option_is_of(o, v->name))
			continue;
		if (!any)
			(void)puts("\nOptions:");
		any = true;
		print_option(o);
	}
	(void)puts("\n'lifecyclectl --help' shows what every verb takes; lifecyclectl(1) explains all of it.");
}

/* ---- --quiet ---- */

static void print_quiet(const struct verb *one)
{
	for (size_t i = 0; !one && i < verb_count; i++)
		(void)printf("%s\t%s\t%s\n", verbs[i].name, *verbs[i].arguments ? verbs[i].arguments : "-", verbs[i].help);
	for (size_t i = 0; one && i < option_row_count; i++) {
		const struct option_row *o = &option_rows[i];
		const char letter[] = { '-', (char)o->letter, '\0' };

		if (option_is_of(o, one->name))
			(void)printf("--%s%s\t%s\t%s\t%s\n", o->name, o->argument && !o->optional ? "=" : "", letter,
				!o->argument ? "-" : o->words ? o->words : o->argument, o->help);
	}
}

/* ---- JSON ---- */

static struct json_object *options_to_json(const struct verb *v)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];
		const char letter[] = { (char)row->letter, '\0' };
		struct json_object *o;

		if (!option_is_of(row, v->name))
			continue;
		o = json_object_new_object();
		json_add_string(o, "option", row->name);
		json_add_string(o, "letter", letter);
		json_add_string(o, "argument", row->argument ? row->argument : "");
		json_add_bool(o, "optional", row->optional);
		json_add_string(o, "words", row->words ? row->words : "");
		json_add_string(o, "help", row->help);
		(void)json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *verb_to_json(const struct verb *v)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "verb", v->name);
	json_add_string(o, "arguments", v->arguments);
	json_add_string(o, "help", v->help);
	(void)json_object_object_add(o, "options", options_to_json(v));
	return o;
}

static void print_json(const struct cli *c, const struct verb *one)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < verb_count; i++)
		if (!one || one == &verbs[i])
			(void)json_object_array_add(array, verb_to_json(&verbs[i]));
	json_print(c, array);
}

int help_print(const struct cli *c, const struct verb *one)
{
	if (wants_json(c))
		print_json(c, one);
	else if (c->quiet)
		print_quiet(one);
	else if (one)
		print_one(one);
	else
		print_all();
	return 0;
}

int verb_help(struct cli *c, int argc, char **argv)
{
	const struct verb *one = argc > 0 ? verb_find(argv[0]) : NULL;

	if (argc > 0 && strcmp(argv[0], "exit-codes") == 0) {
		exit_codes_print(c);
		return 0;
	}
	if (argc > 0 && !one)
		return verb_no_such(argv[0]);
	return help_print(c, one);
}
