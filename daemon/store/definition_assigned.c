/* SPDX-License-Identifier: Apache-2.0 */

/* `devices` of a definition: a list of objects, one for each device that the VM is given. */

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "device/ccw_script.h"
#include "device/migration_script.h"
#include "proto/lifecycle.h"
#include "store/definition_read.h"
#include "store/json_place.h"

LIFECYCLE_NAME_TABLE(types, ASSIGNED_TYPES);

static int read_type(struct reading *r, const char *path, struct json_object *value, struct vm_assigned *a)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	for (uint8_t i = 1; text && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(text, types[i]) == 0) {
			a->type = i;
			return 0;
		}
	return fail_at(r, path, "%s is no type of device; write \"vfio-fake\" or \"ccw-fake\"", show(value).text);
}

static int read_script(struct reading *r, const char *path, struct json_object *value, struct vm_assigned *a)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	if (!text || (size_t)json_object_get_string_len(value) != strlen(text))
		return fail_at(r, path, "%s is not a script; write statements in quotes", show(value).text);
	if (strlen(text) > VM_SCRIPT_MAX)
		return fail_at(r, path, "has %zu bytes; write at most %d", strlen(text), VM_SCRIPT_MAX);
	strcpy(a->script, text);
	return 0;
}

static int vfio_script(const char *text, const char **ret_what, size_t *ret_at)
{
	struct migration_script script;

	return migration_script_parse(text, &script, ret_what, ret_at);
}

static int ccw_script(const char *text, const char **ret_what, size_t *ret_at)
{
	struct ccw_script script;

	return ccw_script_parse(text, &script, ret_what, ret_at);
}

static int (*const parse[ASSIGNED_TYPE_COUNT])(const char *text, const char **ret_what, size_t *ret_at) = {
	[ASSIGNED_VFIO_FAKE] = vfio_script,
	[ASSIGNED_CCW_FAKE] = ccw_script,
};

/* What may stand in it goes by the type, which may stand behind it. */
static int check_script(struct reading *r, const char *outer, const struct vm_assigned *a)
{
	char path[JSON_PATH_MAX];
	const char *what;
	size_t at;

	if (parse[a->type](a->script, &what, &at) == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%.60s.script", outer);
	return fail_at(r, path, "after %zu letters of the script: %s", at, what);
}

static const struct {
	const char *key;
	int (*read)(struct reading *r, const char *path, struct json_object *value, struct vm_assigned *a);
} keys[] = {
	{ "type", read_type },
	{ "script", read_script },
};

static int read_key(struct reading *r, const char *outer, const char *key, struct json_object *value, struct vm_assigned *a)
{
	char path[JSON_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.60s.%.60s", outer, key);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i].key) == 0)
			return keys[i].read(r, path, value, a);
	return r->later ? 0 : fail_key(r, path, "there is no such key; known here: type, script");
}

static int read_entry(struct reading *r, const char *path, struct json_object *entry, struct vm_assigned *a)
{
	if (!json_object_is_type(entry, json_type_object))
		return fail_at(r, path, "%s is not an object; write {\"type\": ...}", show(entry).text);
	json_object_object_foreach(entry, key, value)
	{
		int e = read_key(r, path, key, value, a);

		if (e < 0)
			return e;
	}
	return a->type ? check_script(r, path, a) : fail_at(r, path, "\"type\" is missing; add it");
}

int read_assigned(struct reading *r, const char *path, struct json_object *value, struct vm_definition *d)
{
	int e = 0;

	if (!json_object_is_type(value, json_type_array))
		return fail_at(r, path, "%s is not a list; write [{\"type\": ...}]", show(value).text);
	if (json_object_array_length(value) > VM_ASSIGNED_MAX)
		return fail_at(r, path, "has %zu entries; write at most %d", json_object_array_length(value), VM_ASSIGNED_MAX);
	for (unsigned i = 0; e == 0 && i < json_object_array_length(value); i++) {
		char at[JSON_PATH_MAX];

		(void)snprintf(at, sizeof(at), "%s[%u]", path, i);
		e = read_entry(r, at, json_object_array_get_idx(value, i), &d->assigned[i]);
		d->assigned_count++;
	}
	return e;
}

void print_assigned(struct buffer *b, const struct vm_definition *d)
{
	buffer_char(b, '[');
	for (unsigned i = 0; i < d->assigned_count; i++) {
		const struct vm_assigned *a = &d->assigned[i];

		buffer_text(b, i ? ",{\"type\":\"" : "{\"type\":\"");
		buffer_text(b, types[a->type]);
		buffer_text(b, "\"");
		if (*a->script) {
			buffer_text(b, ",\"script\":");
			buffer_json_string(b, a->script, strnlen(a->script, VM_SCRIPT_MAX));
		}
		buffer_char(b, '}');
	}
	buffer_char(b, ']');
}
