/* SPDX-License-Identifier: Apache-2.0 */
#include "store/definition.h"

#include <stdio.h>

#include "store/definition_read.h"
#include "store/definition_rules.h"
#include "store/uuid.h"

/* Printed by the parser's own tables, in their order; what is empty and optional is left out. */
static void print_object(struct buffer *b, const struct vm_definition *d, const struct rules *rules, bool words);

static unsigned count_of(const struct vm_definition *d, const struct rule *rule)
{
	return ((const uint8_t *)d)[rule->count];
}

static void print_names(struct buffer *b, const struct vm_definition *d, const struct rule *rule)
{
	const char (*name)[VM_NAME_MAX + 1] = (const void *)((const char *)d + rule->offset);

	buffer_char(b, '[');
	for (unsigned i = 0; i < count_of(d, rule) && i < VM_AFTER_MAX; i++) {
		if (i)
			buffer_char(b, ',');
		buffer_json_string(b, name[i], strnlen(name[i], VM_NAME_MAX));
	}
	buffer_char(b, ']');
}

static void print_partitions(struct buffer *b, const struct vm_definition *d)
{
	buffer_char(b, '[');
	for (unsigned i = 0; i < d->partition_count && i < VM_PARTITION_MAX; i++) {
		const struct wanted_partition *p = &d->partition[i];
		char id[8];

		(void)snprintf(id, sizeof(id), "0x%04x", p->id);
		if (i)
			buffer_char(b, ',');
		if (p->id)
			buffer_json_string(b, id, strlen(id));
		else
			buffer_uuid(b, p->uuid);
	}
	buffer_char(b, ']');
}

static void print_devices(struct buffer *b, const struct vm_resources *r)
{
	buffer_char(b, '[');
	for (unsigned i = 0; i < r->device_count; i++) {
		if (i)
			buffer_char(b, ',');
		buffer_json_string(b, r->device[i], strnlen(r->device[i], VM_DEVICE_PATH_MAX));
	}
	buffer_char(b, ']');
}

static bool cpu_in(const struct cpu_mask *mask, unsigned cpu)
{
	return cpu < VM_CPU_MAX && (mask->word[cpu / 64] >> cpu % 64 & 1);
}

static bool mask_is_any(const struct cpu_mask *mask)
{
	for (unsigned i = 0; i < VM_CPU_MAX / 64; i++)
		if (mask->word[i])
			return false;
	return true;
}

static void print_mask(struct buffer *b, const struct cpu_mask *mask)
{
	const char *comma = "";

	buffer_char(b, '"');
	if (mask_is_any(mask))
		buffer_text(b, "any");
	for (unsigned first = 0, last; first < VM_CPU_MAX; first = last + 1) {
		last = first;
		if (!cpu_in(mask, first))
			continue;
		while (cpu_in(mask, last + 1))
			last++;
		buffer_text(b, comma);
		buffer_u64(b, first);
		if (last > first) {
			buffer_char(b, '-');
			buffer_u64(b, last);
		}
		comma = ",";
	}
	buffer_char(b, '"');
}

static unsigned placed_vcpus(const struct vm_definition *d)
{
	unsigned count = d->vcpu_count < VM_VCPU_MAX ? d->vcpu_count : VM_VCPU_MAX;

	while (count && mask_is_any(&d->placement[count - 1]))
		count--;
	return count;
}

static void print_placement(struct buffer *b, const struct vm_definition *d)
{
	unsigned count = placed_vcpus(d);

	buffer_char(b, '[');
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buffer_char(b, ',');
		print_mask(b, &d->placement[i]);
	}
	buffer_char(b, ']');
}

static void print_word(struct buffer *b, const struct rule *rule, uint64_t number)
{
	uint64_t count = 1; /* there is no rule without a word */

	while (rule->words[count])
		count++;
	buffer_char(b, '"');
	buffer_text(b, rule->words[number < count ? number : 0]);
	buffer_char(b, '"');
}

static void print_quoted(struct buffer *b, const char *text)
{
	buffer_char(b, '"');
	buffer_text(b, text);
	buffer_char(b, '"');
}

/* A number as people write it; false: as it is. */
static bool print_measure(struct buffer *b, const struct rule *rule, uint64_t number)
{
	if (rule->type == RULE_BYTES && number >= 1024 && number % 1024 == 0)
		print_quoted(b, bytes_limit(number).text);
	else if (rule->type == RULE_DURATION)
		print_quoted(b, duration_limit(number).text);
	else
		return false;
	return true;
}

static void print_value(struct buffer *b, const struct vm_definition *d, const struct rule *rule, bool words)
{
	const char *at = (const char *)d + rule->offset;

	if (words && print_measure(b, rule, rule_number(rule, d)))
		return;
	switch (rule->type) {
	case RULE_OBJECT:
		print_object(b, d, rule->inner, words);
		break;
	case RULE_UUID:
		buffer_uuid(b, (const uint8_t *)at);
		break;
	case RULE_NUMBER:
	case RULE_BYTES:
		buffer_u64(b, rule_number(rule, d));
		break;
	case RULE_DURATION:
		buffer_char(b, '"');
		buffer_u64(b, rule_number(rule, d));
		buffer_text(b, "ms\"");
		break;
	case RULE_BOOL:
		buffer_bool(b, rule_number(rule, d));
		break;
	case RULE_WORD:
		print_word(b, rule, rule_number(rule, d));
		break;
	case RULE_NAME:
	case RULE_PATH:
	case RULE_TEXT:
		buffer_json_string(b, at, strnlen(at, rule->size));
		break;
	case RULE_NAMES:
		print_names(b, d, rule);
		break;
	case RULE_PARTITIONS:
		print_partitions(b, d);
		break;
	case RULE_DEVICES:
		print_devices(b, &d->resources);
		break;
	case RULE_ASSIGNED:
		print_assigned(b, d);
		break;
	case RULE_CPUS:
		print_placement(b, d);
		break;
	}
}

bool rule_is_left_out(const struct vm_definition *d, const struct rule *rule)
{
	const char *at = (const char *)d + rule->offset;

	switch (rule->type) {
	case RULE_NUMBER:
	case RULE_BYTES:
	case RULE_DURATION:
		return rule->min > 0 && rule_number(rule, d) == 0; /* none was asked for */
	case RULE_PATH:
	case RULE_TEXT:
		return !*at;
	case RULE_NAMES:
	case RULE_PARTITIONS:
		return count_of(d, rule) == 0;
	case RULE_DEVICES:
		return d->resources.device_count == 0;
	case RULE_ASSIGNED:
		return d->assigned_count == 0;
	case RULE_CPUS:
		return placed_vcpus(d) == 0;
	default:
		return false;
	}
}

static void print_object(struct buffer *b, const struct vm_definition *d, const struct rules *rules, bool words)
{
	const char *comma = "";

	buffer_char(b, '{');
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rule[i];

		if (rule_is_left_out(d, rule))
			continue;
		buffer_text(b, comma);
		buffer_char(b, '"');
		buffer_text(b, rule->key);
		buffer_text(b, "\":");
		print_value(b, d, rule, words);
		comma = ",";
	}
	buffer_char(b, '}');
}

void definition_print(const struct vm_definition *d, struct buffer *b)
{
	print_object(b, d, &definition_rules, false);
}

void definition_print_words(const struct vm_definition *d, struct buffer *b)
{
	print_object(b, d, &definition_rules, true);
}

void rule_print(struct buffer *b, const struct vm_definition *d, const struct rule *rule)
{
	print_value(b, d, rule, true);
}
