/* SPDX-License-Identifier: Apache-2.0 */
#include "store/records.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/definition.h"
#include "store/record_fields.h"
#include "store/uuid.h"

#define RECORD_DEPTH 12 /* turn, changes, change, definition, vcpus, placement, and some room */

/* One JSON object being emptied: a key that nobody asked for is one this program does not know. */
struct object {
	struct json_object *json;
	int known;
	bool later; /* a later version wrote it: it may have keys that are not known here */
	char *why;
	size_t why_size;
};

static void put_jsonp(struct json_object **o)
{
	json_object_put(*o);
}

static void free_tokenerp(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static __attribute__((format(printf, 2, 3))) int bad(struct object *o, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(o->why, o->why_size, format, arguments);
	va_end(arguments);
	return -EBADMSG;
}

static struct json_object *take(struct object *o, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(o->json, key, &value))
		o->known++;
	return value;
}

/* The first key beyond those that were taken; for the message alone. */
static int check_all_known(struct object *o, const char *what)
{
	if (o->later || json_object_object_length(o->json) == o->known)
		return 0;
	return bad(o, "%s has %d keys, %d of them known", what, json_object_object_length(o->json), o->known);
}

static const char *string_of(struct json_object *value)
{
	const char *s = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	return s && strlen(s) == (size_t)json_object_get_string_len(value) ? s : NULL;
}

static int read_number(struct object *o, const char *key, uint64_t max, uint64_t *ret)
{
	struct json_object *value = take(o, key);

	*ret = 0;
	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
		json_object_get_uint64(value) > max)
		return bad(o, "%s: not a number up to %llu", key, (unsigned long long)max);
	*ret = json_object_get_uint64(value);
	return 0;
}

static int read_bool(struct object *o, const char *key, bool *ret)
{
	struct json_object *value = take(o, key);

	*ret = false;
	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_boolean))
		return bad(o, "%s: not true or false", key);
	*ret = json_object_get_boolean(value);
	return 0;
}

static int read_uuid(struct object *o, const char *key, uint8_t uuid[16], bool *ret_there)
{
	struct json_object *value = take(o, key);
	const char *text = string_of(value);

	memset(uuid, 0, 16);
	*ret_there = value != NULL;
	if (!value)
		return 0;
	return text && uuid_parse(text, uuid) ? 0 : bad(o, "%s: not a UUID", key);
}

static int read_pid(struct object *o, const char *key, int32_t *ret)
{
	struct json_object *value = take(o, key);
	int64_t pid = value ? json_object_get_int64(value) : 0;

	if (value && (!json_object_is_type(value, json_type_int) || pid < INT32_MIN || pid > INT32_MAX))
		return bad(o, "%s: not a process id", key);
	*ret = (int32_t)pid;
	return 0;
}

static int read_word(struct object *o, const struct field *f, uint8_t *ret)
{
	struct json_object *value = take(o, f->key);
	const char *text = string_of(value);

	*ret = 0;
	if (!value && f->optional)
		return 0;
	for (unsigned i = 0; text && i < f->word_count; i++) {
		if (strcmp(text, f->words[i]) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	*ret = f->otherwise;
	return text && o->later && f->otherwise ? 0 : bad(o, "%s: \"%.40s\" is not known", f->key, text ? text : "");
}

static int read_text(struct object *o, const struct field *f, char *ret)
{
	struct json_object *value = take(o, f->key);
	const char *text = value ? string_of(value) : "";

	if (!text || strlen(text) >= f->size)
		return bad(o, "%s: not a text of at most %u bytes", f->key, f->size - 1u);
	strcpy(ret, text);
	return 0;
}

static int read_sized(struct object *o, const struct field *f, void *at)
{
	uint64_t value;
	int e = read_number(o, f->key, UINT64_MAX >> (64 - 8 * f->size), &value);

	if (f->size == 1)
		*(uint8_t *)at = (uint8_t)value;
	else if (f->size == 2)
		*(uint16_t *)at = (uint16_t)value;
	else if (f->size == 4)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(uint64_t *)at = value;
	return e;
}

static int read_field(struct object *o, const struct field *f, void *at)
{
	bool there;

	switch ((enum field_type)f->type) {
	case FIELD_NUMBER:
		return read_sized(o, f, at);
	case FIELD_PID:
		return read_pid(o, f->key, at);
	case FIELD_BOOL:
		return read_bool(o, f->key, at);
	case FIELD_ENUM:
		return read_word(o, f, at);
	case FIELD_UUID:
		return read_uuid(o, f->key, at, &there);
	case FIELD_TEXT:
		return read_text(o, f, at);
	}
	return -EINVAL;
}

static int read_definition(struct object *o, struct vm_definition **ret)
{
	struct json_object *json;
	struct definition_error err;
	uint64_t from_file;
	int e = read_number(o, "from-file", UINT8_MAX, &from_file);

	if (e < 0)
		return e;
	json = take(o, "definition");
	e = definition_from_json(json, o->later, ret, &err);
	if (e == -EBADMSG)
		return bad(o, "%.150s", err.text);
	if (e == 0)
		(*ret)->from_file = (uint8_t)from_file;
	return e;
}

static int read_kind(struct object *o, uint8_t *ret)
{
	const char *name = string_of(take(o, "kind"));

	for (unsigned i = 0; name && i < RECORD_KIND_COUNT; i++) {
		if (record_kinds[i].name && strcmp(record_kinds[i].name, name) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	return bad(o, "kind: \"%.40s\" is not known", name ? name : "");
}

static int read_change(struct object *o, struct change *c)
{
	const struct kind *kind;
	int e = read_kind(o, &c->kind);

	if (e < 0)
		return e;
	kind = &record_kinds[c->kind];
	e = read_number(o, "seq", UINT64_MAX, &c->seq);
	if (e == 0)
		e = read_number(o, "vm", UINT64_MAX, &c->vm);
	if (e == 0)
		e = read_number(o, "life", UINT64_MAX, &c->life);
	for (size_t i = 0; e == 0 && i < kind->count; i++)
		e = read_field(o, &kind->field[i], (char *)c + kind->field[i].offset);
	if (e == 0 && change_has_definition(c))
		e = read_definition(o, &c->definition);
	return e < 0 ? e : check_all_known(o, kind->name);
}

static int read_one_change(struct object *o, struct json_object *json, struct change *c)
{
	struct object inner = { json, 0, o->later, o->why, o->why_size };
	int e = json_object_is_type(json, json_type_object) ? read_change(&inner, c) : bad(o, "a change is no object");

	if (e < 0 && change_has_definition(c)) {
		free(c->definition);
		c->definition = NULL;
	}
	return e;
}

static int read_changes(struct object *o, const struct turn_rest *rest, struct turn_read *r)
{
	struct json_object *list = take(o, "changes");
	struct turn *turn = &r->turn;
	size_t count;

	if (!json_object_is_type(list, json_type_array))
		return bad(o, "changes: not a list");
	count = json_object_array_length(list);
	if (!count)
		return 0;
	turn->change = calloc(count, sizeof(*turn->change));
	r->nth = calloc(count, sizeof(*r->nth));
	if (!turn->change || !r->nth)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct change *c = &turn->change[turn->count];
		int e = read_one_change(o, json_object_array_get_idx(list, i), c);

		if (e < 0 && (e != -EBADMSG || !rest))
			return e;
		if (e < 0) {
			*c = (struct change){ 0 };
			rest->left_out(rest->arg, i, r->why);
			continue;
		}
		r->nth[turn->count++] = (uint32_t)i;
	}
	return 0;
}

static int read_turn(struct object *o, const struct turn_rest *rest, struct turn_read *r)
{
	struct turn *turn = &r->turn;
	uint64_t version;
	int e = read_number(o, "v", UINT32_MAX, &version);

	o->later = version > RECORDS_VERSION;
	if (e == 0)
		e = read_number(o, "first", UINT64_MAX, &turn->first_seq);
	if (e == 0)
		e = read_number(o, "last", UINT64_MAX, &turn->last_seq);
	if (e == 0)
		e = read_number(o, "t", UINT64_MAX, &turn->realtime);
	if (e == 0)
		e = read_bool(o, "snapshot", &r->snapshot);
	if (e == 0)
		e = read_uuid(o, "boot", turn->boot, &r->has_boot);
	if (e == 0)
		e = read_changes(o, rest, r);
	if (e == 0)
		e = check_all_known(o, "the turn");
	if (e == 0 && turn->first_seq > turn->last_seq)
		e = bad(o, "first: above last");
	return e;
}

/* json-c does not always say that it had no memory: who finds a text bad asks for himself (log_read.c). */
static int parse(const char *json, size_t length, struct object *o)
{
	_cleanup_(free_tokenerp) struct json_tokener *tokener = json_tokener_new_ex(RECORD_DEPTH);
	_cleanup_(put_jsonp) struct json_object *root = NULL;

	if (!tokener)
		return -ENOMEM;
	if (length > INT32_MAX)
		return bad(o, "a line of %zu bytes", length);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	root = json_tokener_parse_ex(tokener, json, (int)length);
	if (!json_object_is_type(root, json_type_object))
		return bad(o, "not JSON: %s", json_tokener_error_desc(json_tokener_get_error(tokener)));
	if (json_tokener_get_parse_end(tokener) != length)
		return bad(o, "something follows the turn");
	o->json = take_ptr(&root);
	return 0;
}

int turn_read_rest(const char *json, size_t length, const struct turn_rest *rest, struct turn_read *ret)
{
	_cleanup_(put_jsonp) struct json_object *root = NULL;
	struct object o = { .why = ret->why, .why_size = sizeof(ret->why) };
	int e;

	*ret = (struct turn_read) { 0 };
	e = parse(json, length, &o);
	root = o.json; /* NOLINT(clang-analyzer-deadcode.DeadStores): its cleanup reads it */
	if (e == 0)
		e = read_turn(&o, rest, ret);
	if (e < 0)
		turn_read_free(ret);
	return e;
}

int turn_read(const char *json, size_t length, struct turn_read *ret)
{
	return turn_read_rest(json, length, NULL, ret);
}

int turn_change_text(const char *json, size_t length, size_t nth, struct buffer *b)
{
	char why[160];
	struct object o = { .why = why, .why_size = sizeof(why) };
	_cleanup_(put_jsonp) struct json_object *root = NULL;
	struct json_object *list = NULL, *change = NULL;
	int e = parse(json, length, &o);

	root = o.json;
	if (e < 0)
		return e;
	if (json_object_object_get_ex(root, "changes", &list) && json_object_is_type(list, json_type_array))
		change = json_object_array_get_idx(list, nth);
	if (!change)
		return -EBADMSG;
	buffer_text(b, json_object_to_json_string_ext(change, JSON_C_TO_STRING_PLAIN));
	return b->error;
}

void turn_read_release(struct turn_read *r)
{
	free(r->turn.change);
	free(r->nth);
	r->turn.change = NULL;
	r->nth = NULL;
	r->turn.count = 0;
}

void turn_read_free(struct turn_read *r)
{
	for (size_t i = 0; i < r->turn.count; i++)
		if (change_has_definition(&r->turn.change[i]))
			free(r->turn.change[i].definition);
	turn_read_release(r);
}
