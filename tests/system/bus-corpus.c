/* SPDX-License-Identifier: Apache-2.0 */

/* The calls to begin with, what answers have said, and calls that are made of both: with wrong values, types, options, objects. */

#include <dirent.h>
#include <errno.h>

#include "tests/fuzz/fuzz.h"
#include "tests/system/bus-caller.h"
#include "tests/system/bus-corpus.h"

#define CALLS_MAX 8192
#define POOL      128

static json_object *call[CALLS_MAX];
static size_t call_count, word_count, number_count;
static char *word[POOL];
static uint64_t number[POOL];

/* @guests@ and @dir@ in a recorded line stand for paths of this run. */
static char *with_paths(const char *line, const char *guests, const char *dir)
{
	static const char *const names[] = { "@guests@", "@dir@" };
	const char *values[] = { guests, dir };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	while (*line) {
		size_t i = 0;

		while (i < 2 && strncmp(line, names[i], strlen(names[i])) != 0)
			i++;
		if (i < 2)
			(void)fputs(values[i], f), line += strlen(names[i]);
		else
			(void)fputc(*line++, f);
	}
	(void)fclose(f);
	return text;
}

static void read_calls(const char *path, const char *guests, const char *dir)
{
	char *line = NULL, *text;
	size_t room = 0;
	FILE *f = fopen(path, "re");

	while (f && call_count < CALLS_MAX && getline(&line, &room, f) > 0) {
		text = with_paths(line, guests, dir);
		call[call_count] = json_tokener_parse(text);
		free(text);
		if (!json_object_is_type(call[call_count], json_type_object))
			caller_die(path, "a line of it is no recorded call");
		call_count++;
	}
	free(line);
	if (f)
		(void)fclose(f);
}

/* A file, or all in a directory. What is not there is empty. */
void corpus_read(const char *path, const char *guests, const char *dir)
{
	struct dirent **entry = NULL;
	int n = scandir(path, &entry, NULL, alphasort);
	char name[4096];

	if (n < 0)
		read_calls(path, guests, dir);
	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.')
			read_calls(name, guests, dir);
		free(entry[i]);
	}
	free(entry);
}

size_t corpus_count(void)
{
	return call_count;
}

json_object *corpus_get(size_t i)
{
	return json_object_get(call[i]);
}

void corpus_add(json_object *c)
{
	if (call_count < CALLS_MAX)
		call[call_count++] = json_object_get(c);
}

void corpus_free(void)
{
	while (call_count)
		json_object_put(call[--call_count]);
	while (word_count)
		free(word[--word_count]);
}

static json_object *another_text(const char *now)
{
	char text[FUZZ_INPUT_MAX + 1];
	size_t size = strnlen(now, FUZZ_INPUT_MAX);

	if (word_count && fuzz_random() & 1)
		return json_object_new_string(word[fuzz_random() % word_count]);
	if (fuzz_random() & 1)
		return json_object_new_string(caller_text());
	memcpy(text, now, size);
	for (uint64_t n = 1 + fuzz_random() % 4; n > 0; n--)
		size = fuzz_change((uint8_t *)text, size, FUZZ_INPUT_MAX);
	for (size_t i = 0; i < size; i++) /* what is no text never leaves the bus library */
		if (!text[i] || text[i] & 0x80)
			text[i] = '?';
	return json_object_new_string_len(text, (int)size);
}

static json_object *another_number(json_object *now)
{
	uint64_t value = json_object_get_uint64(now);

	switch (fuzz_random() % 4) {
	case 0:
		return json_object_new_uint64(value + 1);
	case 1:
		return json_object_new_uint64(value - 1);
	case 2:
		return json_object_new_uint64(number_count ? number[fuzz_random() % number_count] : caller_number());
	default:
		return json_object_new_uint64(caller_number());
	}
}

static void add_options(json_object *options)
{
	static const char *const known[] = { "pending", "dry-run", "Preserve", "Host", "preserve", "" };
	uint64_t n = fuzz_random() % 32 ? 1 : 1 + fuzz_random() % 2000; /* or many at once */

	for (; n > 0 && json_object_is_type(options, json_type_array); n--) {
		json_object *pair = json_object_new_array();

		json_object_array_add(pair, json_object_new_string(fuzz_random() & 1 ? known[fuzz_random() % 6] : caller_text()));
		json_object_array_add(pair, any_variant(0));
		json_object_array_add(options, pair);
	}
}

static void change_value(json_object *c)
{
	static struct leaf leaf[LEAVES_MAX];
	size_t count = call_leaves(c, leaf);
	const struct leaf *l = &leaf[count ? fuzz_random() % count : 0];

	if (!count)
		return;
	if (l->type == 'a')
		add_options(l->value);
	else if (l->type == 'v')
		leaf_put(l, any_variant(0));
	else if (strchr("sog", l->type))
		leaf_put(l, another_text(json_object_is_type(l->value, json_type_string) ? json_object_get_string(l->value) : ""));
	else if (l->type == 'b')
		leaf_put(l, json_object_new_boolean(!json_object_get_boolean(l->value)));
	else
		leaf_put(l, another_number(l->value));
}

/* Another type in the place of one, one less or one more; the values stay, as far as they fit. */
static void change_signature(json_object *c)
{
	static const char *const types[] = { "s", "t", "q", "u", "b", "v", "as", "a{sv}", "h", "o", "y", "d", "(st)" };
	const char *now = call_word(c, "signature"), *type = types[fuzz_random() % (sizeof(types) / sizeof(types[0]))];
	size_t at = 0, length, nth = 0, n = fuzz_random() % 4;
	char next[512];

	while (nth++ < n && now[at])
		at += type_length(now + at);
	length = type_length(now + at);
	if (fuzz_random() % 3 == 0)
		type = "";
	else if (fuzz_random() % 3 == 0)
		length = 0;
	(void)snprintf(next, sizeof(next), "%.*s%s%s", (int)at, now, type, now + at + length);
	json_object_object_add(c, "signature", json_object_new_string(next));
}

/* Its object, interface or member is another call's. */
static void change_target(json_object *c)
{
	static const char *const keys[] = { "path", "path", "interface", "member" };
	const char *key = keys[fuzz_random() % 4];

	if (key[0] == 'p' && word_count && fuzz_random() & 1) {
		const char *path = word[fuzz_random() % word_count];

		if (*path == '/')
			json_object_object_add(c, key, json_object_new_string(path));
		return;
	}
	json_object_object_add(c, key, json_object_new_string(call_word(call[fuzz_random() % call_count], key)));
}

json_object *corpus_changed(void)
{
	json_object *c = NULL;

	if (json_object_deep_copy(call[fuzz_random() % call_count], &c, NULL) < 0)
		caller_die("memory", strerror(errno));
	for (uint64_t n = fuzz_random() % 5; n > 0; n--) {
		uint64_t which = fuzz_random() % 16;

		if (which == 0)
			change_signature(c);
		else if (which == 1)
			change_target(c);
		else
			change_value(c);
	}
	return c;
}

static void learn_text(const char *text)
{
	size_t at = word_count < POOL ? word_count++ : fuzz_random() % POOL;

	if (strlen(text) > 256)
		return;
	free(word[at]);
	word[at] = strdup(text);
}

static void learn_number(uint64_t value)
{
	number[number_count < POOL ? number_count++ : fuzz_random() % POOL] = value;
}

/* Some of what an answer says. */
void corpus_learn(sd_bus_message *m)
{
	const char *inside;
	char type;
	union {
		const char *text;
		uint64_t t;
		uint32_t u;
		uint16_t q;
	} value;
	int r;

	while ((r = sd_bus_message_peek_type(m, &type, &inside)) > 0) {
		if (strchr("so", type) && sd_bus_message_read_basic(m, type, &value) > 0)
			learn_text(value.text);
		else if (type == 't' && sd_bus_message_read_basic(m, type, &value) > 0)
			learn_number(value.t);
		else if (type == 'q' && sd_bus_message_read_basic(m, type, &value) > 0)
			learn_number(value.q);
		else if (strchr("arve", type) && sd_bus_message_enter_container(m, type, inside) > 0) {
			corpus_learn(m);
			(void)sd_bus_message_exit_container(m);
		} else if (!strchr("sotqarve", type) && sd_bus_message_skip(m, NULL) < 0)
			return;
	}
}
