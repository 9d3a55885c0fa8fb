/* SPDX-License-Identifier: Apache-2.0 */
#include "store/json_place.h"

#include <stdio.h>
#include <string.h>

struct walk {
	const char *text;
	size_t length, at;
	char path[JSON_PATH_MAX];
	size_t path_length;
	unsigned depth;
	size_t key_at; /* of the value that comes next */

	const char *wanted; /* NULL: look for odd keys instead */
	bool found;
	size_t found_key, found_value;

	enum json_oddity oddity;
	size_t odd_at;
};

/* The keys met so far in one object, as they stand in the text. */
struct keys {
	const char *key[JSON_KEYS_MAX];
	size_t length[JSON_KEYS_MAX];
	unsigned count;
};

static bool walk_value(struct walk *w);

static size_t end_of_string(const char *text, size_t length, size_t at)
{
	for (at++; at < length && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < length ? at + 1 : length;
}

static size_t end_of_comment(const char *text, size_t length, size_t at)
{
	const char *end = text[at + 1] == '/' ? memchr(text + at, '\n', length - at)
					      : memmem(text + at + 2, length - at - 2, "*/", 2);

	if (end)
		return (size_t)(end - text) + (*end == '\n' ? 0 : 2);
	return text[at + 1] == '/' ? length : 0;
}

bool json_blank_comments(char *text, size_t length, size_t *ret_offset)
{
	size_t end;

	for (size_t at = 0; at < length; at = end) {
		end = at + 1;
		if (text[at] == '"') {
			end = end_of_string(text, length, at);
		} else if (text[at] == '/' && end < length && (text[end] == '/' || text[end] == '*')) {
			end = end_of_comment(text, length, at);
			if (!end) {
				*ret_offset = at;
				return false;
			}
			for (size_t i = at; i < end; i++)
				if (text[i] != '\n')
					text[i] = ' ';
		}
	}
	return true;
}

void json_place_at(const char *text, size_t offset, struct json_place *ret)
{
	*ret = (struct json_place) { .line = 1, .column = 1 };
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			ret->line++;
			ret->column = 1;
		} else if (((unsigned char)text[i] & 0xC0) != 0x80) {
			ret->column++;
		}
	}
}

static char peek(struct walk *w)
{
	while (w->at < w->length && memchr(" \t\r\n", w->text[w->at], 4))
		w->at++;
	return (char)(w->at < w->length ? w->text[w->at] : '\0');
}

static bool stop(struct walk *w, enum json_oddity oddity, size_t at)
{
	w->oddity = oddity;
	w->odd_at = at;
	return false;
}

static bool take(struct walk *w, char c)
{
	if (peek(w) != c)
		return stop(w, JSON_MALFORMED, w->at);
	w->at++;
	return true;
}

static void path_push(struct walk *w, const char *dot, const char *key, size_t length)
{
	size_t room = sizeof(w->path) - w->path_length;
	int n = snprintf(
		w->path + w->path_length, room, "%s%.*s", w->path_length ? dot : "", (int)length, key);

	w->path_length += n < 0 ? 0 : (size_t)n >= room ? room - 1 : (size_t)n;
}

static void path_pop(struct walk *w, size_t length)
{
	w->path_length = length;
	w->path[length] = '\0';
}

static bool key_is_fine(struct walk *w, struct keys *seen, const char *key, size_t length, size_t at)
{
	if (w->wanted)
		return true;
	if (memchr(key, '\\', length))
		return stop(w, JSON_ESCAPED_KEY, at);
	for (unsigned i = 0; i < seen->count; i++)
		if (seen->length[i] == length && memcmp(seen->key[i], key, length) == 0)
			return stop(w, JSON_DUPLICATE, at);
	if (seen->count == JSON_KEYS_MAX)
		return stop(w, JSON_TOO_MANY_KEYS, at);
	seen->key[seen->count] = key;
	seen->length[seen->count++] = length;
	return true;
}

static bool walk_member(struct walk *w, struct keys *seen)
{
	size_t outer = w->path_length, begin, end;
	bool fine;

	if (peek(w) != '"')
		return stop(w, JSON_MALFORMED, w->at);
	begin = w->at;
	end = w->at = end_of_string(w->text, w->length, begin);
	if (end < begin + 2)
		return stop(w, JSON_MALFORMED, begin);
	path_push(w, ".", w->text + begin + 1, end - begin - 2);
	w->key_at = begin;
	fine = key_is_fine(w, seen, w->text + begin + 1, end - begin - 2, begin) && take(w, ':') &&
	       walk_value(w);
	if (fine)
		path_pop(w, outer);
	return fine;
}

static bool walk_object(struct walk *w)
{
	struct keys seen = { .count = 0 };

	w->at++;
	if (peek(w) == '}')
		return take(w, '}');
	do
		if (!walk_member(w, &seen))
			return false;
	while (peek(w) == ',' && take(w, ','));
	return take(w, '}');
}

static bool walk_array(struct walk *w)
{
	size_t outer = w->path_length;
	unsigned index = 0;

	w->at++;
	if (peek(w) == ']')
		return take(w, ']');
	do {
		char text[16];

		path_push(w, "", text, (size_t)snprintf(text, sizeof(text), "[%u]", index++));
		(void)peek(w);
		w->key_at = w->at;
		if (!walk_value(w))
			return false;
		path_pop(w, outer);
	} while (peek(w) == ',' && take(w, ','));
	return take(w, ']');
}

static bool walk_scalar(struct walk *w)
{
	size_t begin = w->at;

	while (w->at < w->length && !memchr(",]}: \t\r\n", w->text[w->at], 8))
		w->at++;
	return w->at > begin || stop(w, JSON_MALFORMED, begin);
}

static bool walk_value(struct walk *w)
{
	char c = peek(w);
	bool fine;

	if (w->wanted && strcmp(w->path, w->wanted) == 0) {
		w->found = true;
		w->found_key = w->key_at;
		w->found_value = w->at;
		return false;
	}
	if (w->depth == JSON_DEPTH_MAX)
		return stop(w, JSON_MALFORMED, w->at);
	w->depth++;
	if (c == '"') {
		w->at = end_of_string(w->text, w->length, w->at);
		fine = true;
	} else {
		fine = c == '{' ? walk_object(w) : c == '[' ? walk_array(w) : walk_scalar(w);
	}
	w->depth--;
	return fine;
}

bool json_place_find(const char *text, size_t length, const char *path, bool of_key, size_t *ret_offset)
{
	struct walk w = { .text = text, .length = length, .wanted = path };

	(void)walk_value(&w);
	if (!w.found)
		return false;
	*ret_offset = of_key ? w.found_key : w.found_value;
	return true;
}

enum json_oddity json_place_check(
	const char *text, size_t length, size_t *ret_offset, char path[JSON_PATH_MAX])
{
	struct walk w = { .text = text, .length = length };

	if (walk_value(&w))
		return JSON_FINE;
	*ret_offset = w.odd_at;
	memcpy(path, w.path, sizeof(w.path));
	return w.oddity;
}
