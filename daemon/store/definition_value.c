/* SPDX-License-Identifier: Apache-2.0 */
#include "store/definition_read.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ffa.h"
#include "store/json_place.h"
#include "store/uuid.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c, bool first)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (!first && (c == '_' || c == '.' || c == '-'));
}

bool parse_name(const char *text, size_t length)
{
	if (length == 0 || length > VM_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_name_char(text[i], i == 0))
			return false;
	return true;
}

/* Decimal digits; false: none, or more than a number holds. */
static bool take_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	*text = p;
	*ret = value;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static bool parse_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
	uint64_t value;

	if (!take_digits(&text, &value))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, units[i].name) == 0)
			return !__builtin_mul_overflow(value, units[i].factor, ret);
	return false;
}

bool parse_bytes(const char *text, uint64_t *ret)
{
	static const struct unit units[] = { { "", 1 }, { "K", 1ull << 10 }, { "M", 1ull << 20 },
		{ "G", 1ull << 30 } };

	return parse_unit(text, units, sizeof(units) / sizeof(units[0]), ret);
}

bool parse_duration(const char *text, uint64_t *ret_ms)
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 } };

	return parse_unit(text, units, sizeof(units) / sizeof(units[0]), ret_ms);
}

static bool take_range(const char **text, struct cpu_mask *mask)
{
	uint64_t first, last;

	if (!take_digits(text, &first))
		return false;
	last = first;
	if (**text == '-') {
		++*text;
		if (!take_digits(text, &last))
			return false;
	}
	if (first > last || last >= VM_CPU_MAX)
		return false;
	for (uint64_t cpu = first; cpu <= last; cpu++)
		mask->word[cpu / 64] |= 1ull << cpu % 64;
	return true;
}

bool parse_cpus(const char *text, struct cpu_mask *ret)
{
	struct cpu_mask mask = { 0 };

	if (strcmp(text, "any") != 0) {
		for (;; text++) {
			if (!take_range(&text, &mask))
				return false;
			if (*text != ',')
				break;
		}
		if (*text)
			return false;
	}
	*ret = mask;
	return true;
}

/* NULL unless it is a string; one with a NUL inside would be cut short, so it counts as none. */
static const char *string_of(struct json_object *value)
{
	const char *s = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	return s && strlen(s) == (size_t)json_object_get_string_len(value) ? s : NULL;
}

/* A whole number that is not negative. */
static bool number_of(struct json_object *value, uint64_t *ret)
{
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return false;
	*ret = json_object_get_uint64(value);
	return true;
}

struct shown show(struct json_object *value)
{
	const char *s = json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct shown shown;
	size_t i;

	for (i = 0; s && s[i] && i < sizeof(shown.text) - 4; i++)
		shown.text[i] = (char)(s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?');
	strcpy(shown.text + i, s && s[i] ? "..." : "");
	return shown;
}

static int read_number(struct reading *r, const struct rule *rule, const char *path,
	struct json_object *value, struct vm_definition *d)
{
	uint64_t number;

	if (!number_of(value, &number))
		return fail_at(r, path,
			"%s is not a whole number; write %" PRIu64 " to %" PRIu64 ", without quotes",
			show(value).text, rule->min, rule->max);
	if (number < rule->min || number > rule->max)
		return fail_at(r, path, "%s is out of range; write %" PRIu64 " to %" PRIu64, show(value).text,
			rule->min, rule->max);
	rule_set_number(rule, d, number);
	return 0;
}

struct limit bytes_limit(uint64_t bytes)
{
	static const char units[] = { 0, 'K', 'M', 'G' };
	struct limit limit;
	unsigned unit = 0;

	for (; unit < 3 && bytes >= 1024 && bytes % 1024 == 0; bytes /= 1024)
		unit++;
	(void)snprintf(limit.text, sizeof(limit.text), "%" PRIu64 "%.1s", bytes, unit ? &units[unit] : "");
	return limit;
}

static int read_bytes(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d)
{
	const char *text = string_of(value);
	uint64_t bytes;

	if (!(text ? parse_bytes(text, &bytes) : number_of(value, &bytes)))
		return fail_at(
			r, path, "%s is not a size; write bytes or a number with K, M, G", show(value).text);
	if (bytes < rule->min || bytes > rule->max)
		return fail_at(r, path, "%s is out of range; write %s to %s", show(value).text,
			bytes_limit(rule->min).text, bytes_limit(rule->max).text);
	rule_set_number(rule, d, bytes);
	return 0;
}

struct limit duration_limit(uint64_t ms)
{
	struct limit limit;
	bool hours = ms && ms % 3600000 == 0, seconds = ms && ms % 1000 == 0;

	(void)snprintf(limit.text, sizeof(limit.text), "%" PRIu64 "%s",
		hours     ? ms / 3600000
		: seconds ? ms / 1000
			  : ms,
		hours     ? "h"
		: seconds ? "s"
			  : "ms");
	return limit;
}

static int read_duration(struct reading *r, const struct rule *rule, const char *path,
	struct json_object *value, struct vm_definition *d)
{
	const char *text = string_of(value);
	uint64_t ms;

	if (!text || !parse_duration(text, &ms))
		return fail_at(r, path, "%s is not a duration; write a number with ms, s, min or h in quotes",
			show(value).text);
	if (ms < rule->min || ms > rule->max)
		return fail_at(r, path, "%s is out of range; write %s to %s", show(value).text,
			duration_limit(rule->min).text, duration_limit(rule->max).text);
	rule_set_number(rule, d, ms);
	return 0;
}

static int read_bool(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d)
{
	if (!json_object_is_type(value, json_type_boolean))
		return fail_at(r, path, "%s is not a truth value; write true or false, without quotes",
			show(value).text);
	rule_set_number(rule, d, json_object_get_boolean(value));
	return 0;
}

static int read_word(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d)
{
	const char *text = string_of(value);
	char known[96] = "";

	for (unsigned i = 0; rule->words[i]; i++) {
		size_t used = strlen(known);

		if (text && strcmp(text, rule->words[i]) == 0) {
			rule_set_number(rule, d, i);
			return 0;
		}
		(void)snprintf(known + used, sizeof(known) - used, "%s\"%s\"", i ? ", " : "", rule->words[i]);
	}
	return fail_at(r, path, "%s is not known; write one of %s", show(value).text, known);
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int read_text(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d)
{
	const char *text = string_of(value);

	if (!text || has_control(text))
		return fail_at(r, path, "%s is not a text; write one line in quotes", show(value).text);
	if (rule->type == RULE_PATH && text[0] != '/')
		return fail_at(r, path, "%s is not an absolute path; write one that begins with /",
			show(value).text);
	if (strlen(text) >= rule->size)
		return fail_at(r, path, "%s has %zu bytes; write at most %u", show(value).text, strlen(text),
			rule->size - 1u);
	strcpy((char *)d + rule->offset, text);
	return 0;
}

static int read_name(
	struct reading *r, const char *path, struct json_object *value, char name[VM_NAME_MAX + 1])
{
	const char *text = string_of(value);

	if (!text || !parse_name(text, strlen(text)))
		return fail_at(r, path,
			"%s is not a name; write 1 to %d of A-Z a-z 0-9 _ . -, beginning with a letter or "
			"digit",
			show(value).text, VM_NAME_MAX);
	strcpy(name, text);
	return 0;
}

static int read_uuid(struct reading *r, const char *path, struct json_object *value, struct vm_definition *d)
{
	const char *text = string_of(value);
	uint8_t uuid[16];

	if (!text || !uuid_parse(text, uuid) || uuid_is_nil(uuid))
		return fail_at(r, path,
			"%s is not a UUID; write 8-4-4-4-12 hexadecimal digits, or leave the key out",
			show(value).text);
	memcpy(d->uuid, uuid, sizeof(uuid));
	r->has_uuid = true;
	return 0;
}

static int check_list(
	struct reading *r, const char *path, struct json_object *value, size_t max, const char *what)
{
	if (!json_object_is_type(value, json_type_array))
		return fail_at(r, path, "%s is not a list; write [\"...\"] with %s", show(value).text, what);
	if (json_object_array_length(value) > max)
		return fail_at(
			r, path, "has %zu entries; write at most %zu", json_object_array_length(value), max);
	return 0;
}

static int read_names(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d)
{
	char (*name)[VM_NAME_MAX + 1] = (void *)((char *)d + rule->offset);
	uint8_t *count = (uint8_t *)d + rule->count;
	int e = check_list(r, path, value, VM_AFTER_MAX, "names of VMs");

	if (e < 0)
		return e;
	for (unsigned i = 0; i < json_object_array_length(value); i++) {
		char at[JSON_PATH_MAX];

		(void)snprintf(at, sizeof(at), "%s[%u]", path, i);
		e = read_name(r, at, json_object_array_get_idx(value, i), name[i]);
		for (unsigned j = 0; e == 0 && j < i; j++)
			if (strcmp(name[i], name[j]) == 0)
				e = fail_at(r, at, "\"%s\" is named twice; leave one out", name[i]);
		if (e < 0)
			return e;
		++*count;
	}
	return 0;
}

static bool parse_partition(const char *text, struct wanted_partition *ret)
{
	char *end;
	unsigned long id;

	if (uuid_parse(text, ret->uuid))
		return !uuid_is_nil(ret->uuid);
	if (strncmp(text, "0x", 2) != 0 || !isxdigit((unsigned char)text[2]) || strlen(text) > 6)
		return false;
	id = strtoul(text, &end, 16);
	ret->id = (uint16_t)id;
	return !*end && (ret->id & FFA_ID_SECURE);
}

static int read_partitions(struct reading *r, const char *path, struct json_object *value, struct vm_definition *d)
{
	int e = check_list(r, path, value, VM_PARTITION_MAX, "ids or UUIDs of secure partitions");

	if (e < 0)
		return e;
	for (unsigned i = 0; i < json_object_array_length(value); i++) {
		struct json_object *entry = json_object_array_get_idx(value, i);
		struct wanted_partition wanted = { 0 };
		const char *text = string_of(entry);
		char at[JSON_PATH_MAX];

		(void)snprintf(at, sizeof(at), "%s[%u]", path, i);
		if (!text || !parse_partition(text, &wanted))
			return fail_at(r, at, "%s is no secure partition; write its id, \"0x8000\" to \"0xffff\", or its UUID",
				show(entry).text);
		d->partition[d->partition_count++] = wanted;
	}
	return 0;
}

static int read_devices(struct reading *r, const char *path, struct json_object *value, struct vm_definition *d)
{
	int e = check_list(r, path, value, VM_DEVICE_MAX, "device nodes");

	if (e < 0)
		return e;
	for (unsigned i = 0; i < json_object_array_length(value); i++) {
		struct json_object *entry = json_object_array_get_idx(value, i);
		const char *text = string_of(entry);
		char at[JSON_PATH_MAX];

		(void)snprintf(at, sizeof(at), "%s[%u]", path, i);
		if (!text || has_control(text) || strncmp(text, "/dev/", 5) != 0 || strlen(text) > VM_DEVICE_PATH_MAX)
			return fail_at(r, at, "%s is not a device node; write a path below /dev/, at most %d bytes long",
				show(entry).text, VM_DEVICE_PATH_MAX);
		strcpy(d->resources.device[d->resources.device_count++], text);
	}
	return 0;
}

static int read_cpus(struct reading *r, const char *path, struct json_object *value, struct vm_definition *d)
{
	int e = check_list(r, path, value, VM_VCPU_MAX, "one CPU list for each vCPU");

	if (e < 0)
		return e;
	r->placed = (unsigned)json_object_array_length(value);
	for (unsigned i = 0; i < r->placed; i++) {
		struct json_object *entry = json_object_array_get_idx(value, i);
		const char *text = string_of(entry);
		char at[JSON_PATH_MAX];

		(void)snprintf(at, sizeof(at), "%s[%u]", path, i);
		if (!text || !parse_cpus(text, &d->placement[i]))
			return fail_at(r, at,
				"%s is not a CPU list; write \"0-1,4\" of CPUs 0 to %d, or \"any\"",
				show(entry).text, VM_CPU_MAX - 1);
	}
	return 0;
}

int read_value(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d)
{
	switch (rule->type) {
	case RULE_NAME:
		return read_name(r, path, value, (char *)d + rule->offset);
	case RULE_UUID:
		return read_uuid(r, path, value, d);
	case RULE_NUMBER:
		return read_number(r, rule, path, value, d);
	case RULE_BYTES:
		return read_bytes(r, rule, path, value, d);
	case RULE_DURATION:
		return read_duration(r, rule, path, value, d);
	case RULE_BOOL:
		return read_bool(r, rule, path, value, d);
	case RULE_WORD:
		return read_word(r, rule, path, value, d);
	case RULE_PATH:
	case RULE_TEXT:
		return read_text(r, rule, path, value, d);
	case RULE_NAMES:
		return read_names(r, rule, path, value, d);
	case RULE_PARTITIONS:
		return read_partitions(r, path, value, d);
	case RULE_DEVICES:
		return read_devices(r, path, value, d);
	case RULE_ASSIGNED:
		return read_assigned(r, path, value, d);
	case RULE_CPUS:
		return read_cpus(r, path, value, d);
	case RULE_OBJECT:
		break; /* read_object's own */
	}
	return -EINVAL;
}
