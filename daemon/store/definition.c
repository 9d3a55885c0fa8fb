/* SPDX-License-Identifier: Apache-2.0 */
#include "store/definition.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/definition_read.h"
#include "store/json_place.h"
#include "store/uuid.h"

static void put_jsonp(struct json_object **o)
{
	json_object_put(*o);
}

static void free_tokenerp(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static int fail(struct reading *r, bool placed, size_t offset, const char *path, const char *format,
	va_list arguments)
{
	struct json_place place = { 0 };
	struct definition_error *err;
	int n = 0;

	if (r->count == r->room)
		return -EBADMSG;
	err = &r->err[r->count++];
	if (placed)
		json_place_at(r->text, offset, &place);
	err->line = place.line;
	err->column = place.column;
	if (path && *path)
		n = snprintf(err->message, sizeof(err->message), "%s: ", path);
	(void)vsnprintf(err->message + n, sizeof(err->message) - (size_t)n, format, arguments);
	if (placed)
		(void)snprintf(err->text, sizeof(err->text), "%.100s:%u:%u: %s", r->source, err->line,
			err->column, err->message);
	else
		(void)snprintf(err->text, sizeof(err->text), "%.120s: %s", r->source, err->message);
	return -EBADMSG;
}

#define FAIL(r, placed, offset, path, format)                                                                \
	do {                                                                                                 \
		va_list arguments_;                                                                          \
                                                                                                             \
		va_start(arguments_, format);                                                                \
		(void)fail(r, placed, offset, path, format, arguments_);                                     \
		va_end(arguments_);                                                                          \
	} while (0)

int fail_at(struct reading *r, const char *path, const char *format, ...)
{
	size_t offset = 0;
	bool placed = r->text && json_place_find(r->text, r->length, path, false, &offset);

	FAIL(r, placed, offset, path, format);
	return -EBADMSG;
}

int fail_key(struct reading *r, const char *path, const char *format, ...)
{
	size_t offset = 0;
	bool placed = r->text && json_place_find(r->text, r->length, path, true, &offset);

	FAIL(r, placed, offset, path, format);
	return -EBADMSG;
}

int fail_offset(struct reading *r, size_t offset, const char *format, ...)
{
	FAIL(r, true, offset, NULL, format);
	return -EBADMSG;
}

static void join(char path[JSON_PATH_MAX], const char *outer, const char *key)
{
	(void)snprintf(path, JSON_PATH_MAX, "%.60s%s%.60s", outer, *outer ? "." : "", key);
}

static int unknown_key(struct reading *r, const struct rules *rules, const char *path, const char *key)
{
	const struct rule *near = rules_nearest(rules, key);
	char known[160] = "";

	if (near)
		return fail_key(r, path, "there is no such key; did you mean \"%s\"?", near->key);
	for (size_t i = 0; i < rules->count; i++) {
		size_t used = strlen(known);

		(void)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", rules->rule[i].key);
	}
	return fail_key(r, path, "there is no such key; known here: %s", known);
}

static int read_object(struct reading *r, const struct rules *rules, const char *path,
	struct json_object *object, struct vm_definition *d);

static int read_key(struct reading *r, const struct rules *rules, const char *outer, const char *key,
	struct json_object *value, struct vm_definition *d)
{
	const struct rule *rule = rules_find(rules, key);
	char path[JSON_PATH_MAX];

	join(path, outer, key);
	if (!rule && r->later)
		return 0;
	if (!rule)
		return unknown_key(r, rules, path, key);
	if (rule->type == RULE_OBJECT)
		return read_object(r, rule->inner, path, value, d);
	return read_value(r, rule, path, value, d);
}

static int read_object(struct reading *r, const struct rules *rules, const char *path,
	struct json_object *object, struct vm_definition *d)
{
	if (!json_object_is_type(object, json_type_object))
		return fail_at(r, path, "%s is not an object; write {\"%s\": ...}", show(object).text,
			rules->rule[0].key);
	json_object_object_foreach(object, key, value)
	{
		int e = read_key(r, rules, path, key, value, d);

		if (e < 0 && (e != -EBADMSG || r->count == r->room))
			return e;
	}
	for (size_t i = 0; i < rules->count; i++)
		if (rules->rule[i].required && !json_object_object_get_ex(object, rules->rule[i].key, NULL))
			(void)fail_at(r, path, "\"%s\" is missing; add it", rules->rule[i].key);
	return r->count ? -EBADMSG : 0;
}

#define UNSAID UINT8_MAX
#define DELAY_MAX_MS 30000

static void set_defaults(struct vm_definition *d)
{
	d->vcpu_count = 1;
	d->console = CONSOLE_SERIAL;
	d->policies = (struct vm_policies) {
		.on_poweroff = ON_END_STOP,
		.on_reboot = ON_END_RESTART,
		.on_crash = ON_END_STOP,
		.on_panic = UNSAID,
		.on_watchdog = UNSAID,
		.on_start_failure = ON_END_STOP,
		.on_stuck = ON_STUCK_WAIT,
		.restart_delay_ms = 100,
		.restart_factor = 2,
		.restart_delay_max_ms = UINT32_MAX,
		.restart_jitter = 20,
		.restart_healthy_ms = 60000,
		.restart_limit = 5,
		.restart_window_ms = 60000,
	};
	d->limits = (struct vm_limits) {
		.build_timeout_ms = 10000,
		.announce_timeout_ms = 5000,
		.stop_timeout_ms = 60000,
		.partition_timeout_ms = 30000,
		.console_bytes = 65536,
	};
}

/* A crash of a kind whose own key is left out is one like every other. */
static void resolve_policies(struct vm_policies *p)
{
	if (p->on_panic == UNSAID)
		p->on_panic = p->on_crash;
	if (p->on_watchdog == UNSAID)
		p->on_watchdog = p->on_crash;
	if (p->restart_delay_max_ms == UINT32_MAX)
		p->restart_delay_max_ms = p->restart_delay_ms > DELAY_MAX_MS ? p->restart_delay_ms : DELAY_MAX_MS;
}

/* What no single key can tell. */
static int check_whole(struct reading *r, const struct vm_definition *d)
{
	uint64_t unit = d->huge_pages == HUGE_PAGES_RESERVED ? 2ull << 20 : r->page_size;

	if (d->memory_bytes % unit)
		return fail_at(r, "memory.size", "%llu bytes is no multiple of %lluK%s; round it",
			(unsigned long long)d->memory_bytes, (unsigned long long)unit >> 10,
			unit == r->page_size ? "" : ", the reserved huge page");
	if (d->limits.console_bytes & (d->limits.console_bytes - 1))
		return fail_at(r, "console.ring", "%u bytes is no power of two; write one from 4K to 1M",
			d->limits.console_bytes);
	if (r->placed > d->vcpu_count)
		return fail_at(r, "vcpus.placement",
			"has %u entries for %u vCPUs; write at most one for each", r->placed, d->vcpu_count);
	if (d->priority && !d->scheduling)
		return fail_at(r, "vcpus.priority", "goes with scheduling; write \"scheduling\": \"fifo\" or \"rr\" beside it");
	if (d->scheduling && !d->priority)
		return fail_at(r, "vcpus.scheduling", "needs a priority; write \"priority\": 1 to %d beside it", VM_PRIORITY_MAX);
	if (d->policies.restart_delay_max_ms < d->policies.restart_delay_ms)
		return fail_at(r, "policies.restart-delay-max", "%ums is less than restart-delay, %ums; write no less",
			d->policies.restart_delay_max_ms, d->policies.restart_delay_ms);
	for (unsigned i = 0; i < d->after_count; i++)
		if (strcmp(d->after[i], d->name) == 0)
			return fail_at(
				r, "order.after", "\"%s\" cannot wait for itself; leave it out", d->name);
	for (unsigned i = 0; i < d->requires_count; i++)
		if (strcmp(d->requires[i], d->name) == 0)
			return fail_at(r, "order.requires", "\"%s\" cannot require itself; leave it out", d->name);
	return 0;
}

static int read_definition(struct reading *r, struct json_object *json, struct vm_definition **ret)
{
	_cleanup_(freep) struct vm_definition *d = calloc(1, sizeof(*d));
	int e;

	if (!d)
		return -ENOMEM;
	set_defaults(d);
	e = read_object(r, &definition_rules, "", json, d);
	resolve_policies(&d->policies);
	if (e == 0)
		e = check_whole(r, d);
	if (e == 0)
		*ret = take_ptr(&d);
	return e;
}

static int fail_syntax(struct reading *r, struct json_tokener *tokener)
{
	enum json_tokener_error e = json_tokener_get_error(tokener);
	size_t at = json_tokener_get_parse_end(tokener);

	if (e == json_tokener_continue || e == json_tokener_error_parse_eof)
		return fail_offset(
			r, r->length, "the text ends too early; close what is open: } ] \" or a value");
	if (e == json_tokener_error_depth)
		return fail_offset(r, at, "nested deeper than %d; nothing here needs that", JSON_DEPTH_MAX);
	return fail_offset(r, at, "not JSON: %s", json_tokener_error_desc(e));
}

static int check_keys(struct reading *r)
{
	char path[JSON_PATH_MAX];
	size_t at;

	switch (json_place_check(r->text, r->length, &at, path)) {
	case JSON_FINE:
		return 0;
	case JSON_DUPLICATE:
		return fail_offset(r, at, "%s: the key stands here a second time; leave one out", path);
	case JSON_ESCAPED_KEY:
		return fail_offset(r, at, "a key with a backslash; write it in plain letters");
	case JSON_TOO_MANY_KEYS:
		return fail_offset(
			r, at, "more than %d keys in one object; nothing here needs that", JSON_KEYS_MAX);
	case JSON_MALFORMED:
		break;
	}
	return fail_offset(r, at, "not JSON that can be followed here");
}

/* Nothing was made of the text, and no error named: it is `null`, or there was no memory. */
static bool is_null(const char *text, size_t end)
{
	while (end && strchr(" \t\r\n", text[end - 1])) /* the tokener may have looked so far */
		end--;
	return end >= 4 && memcmp(text + end - 4, "null", 4) == 0;
}

static int parse_json(struct reading *r, struct json_object **ret)
{
	_cleanup_(free_tokenerp) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	_cleanup_(put_jsonp) struct json_object *json = NULL;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener,
		JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	json = json_tokener_parse_ex(
		tokener, r->text, (int)r->length + 1); /* the end tells it that a number is over */
	if (!json && json_tokener_get_error(tokener) != json_tokener_success)
		return fail_syntax(r, tokener);
	for (size_t i = json_tokener_get_parse_end(tokener); i < r->length; i++)
		if (!strchr(" \t\r\n", r->text[i]))
			return !json && !is_null(r->text, json_tokener_get_parse_end(tokener))
				? -ENOMEM : fail_offset(r, i, "something follows the definition; remove it");
	*ret = take_ptr(&json);
	return 0;
}

static int read_text(struct reading *r, char *text, size_t length, struct json_object **ret)
{
	const char *nul = memchr(text, '\0', length);
	size_t at;
	int e;

	r->text = text;
	r->length = length;
	if (nul)
		return fail_offset(r, (size_t)(nul - text), "a NUL byte; a definition is text");
	if (!json_blank_comments(text, length, &at))
		return fail_offset(r, at, "the comment does not end; close it with */");
	e = parse_json(r, ret);
	return e < 0 ? e : check_keys(r);
}

static int parse(struct reading *r, const char *text, size_t length, const uint8_t machine_id[16], struct vm_definition **ret)
{
	_cleanup_(put_jsonp) struct json_object *json = NULL;
	_cleanup_(freep) char *copy = NULL;
	int e;

	if (length > DEFINITION_TEXT_MAX)
		return fail_at(r, "", "has %zu bytes; write at most %d", length, DEFINITION_TEXT_MAX);
	copy = malloc(length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	copy[length] = '\0';
	e = read_text(r, copy, length, &json);
	if (e == 0)
		e = read_definition(r, json, ret);
	if (e == 0 && !r->has_uuid)
		uuid_of_name(machine_id, (*ret)->name, (*ret)->uuid);
	return e;
}

int definition_parse_all(const char *text, size_t length, const char *source, const uint8_t machine_id[16],
	struct vm_definition **ret, struct definition_error *errors, size_t room, size_t *ret_count)
{
	struct reading r = { .source = source, .page_size = (uint64_t)sysconf(_SC_PAGESIZE), .err = errors, .room = room };
	int e;

	memset(errors, 0, room * sizeof(*errors));
	e = parse(&r, text, length, machine_id, ret);
	*ret_count = r.count;
	return e;
}

int definition_parse(const char *text, size_t length, const char *source, const uint8_t machine_id[16],
	struct vm_definition **ret, struct definition_error *err)
{
	size_t count;

	return definition_parse_all(text, length, source, machine_id, ret, err, 1, &count);
}

int definition_from_json(struct json_object *json, bool later, struct vm_definition **ret, struct definition_error *err)
{
	struct reading r = { .source = "definition", .page_size = 4096, .later = later, .err = err, .room = 1 };

	_cleanup_(freep) struct vm_definition *d = NULL;
	int e;

	*err = (struct definition_error) { 0 };
	e = read_definition(&r, json, &d);
	if (e == 0 && !r.has_uuid) /* it would be printed as one that is none */
		e = fail_at(&r, "", "\"uuid\" is missing");
	if (e == 0)
		*ret = take_ptr(&d);
	return e;
}
