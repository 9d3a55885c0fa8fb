/* SPDX-License-Identifier: Apache-2.0 */
#include "store/records.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/definition.h"
#include "store/record_fields.h"
#include "store/uuid.h"

static uint64_t number_at(const void *at, unsigned size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static void print_number(struct buffer *b, const char *prefix, uint64_t value)
{
	if (!value)
		return;
	buffer_text(b, prefix);
	buffer_u64(b, value);
}

static void print_word(struct buffer *b, const struct field *f, uint8_t value)
{
	assert(value < f->word_count && f->words[value]);
	if (value >= f->word_count) {
		b->error = -EINVAL; /* a line that nobody could read back must not be stored */
		return;
	}
	buffer_text(b, f->prefix);
	buffer_char(b, '"');
	buffer_text(b, f->words[value]);
	buffer_char(b, '"');
}

static void print_text(struct buffer *b, const struct field *f, const char *text)
{
	size_t length = strnlen(text, f->size - 1u);

	if (!length)
		return;
	buffer_text(b, f->prefix);
	buffer_json_string(b, text, length);
}

static void print_field(struct buffer *b, const struct field *f, const void *at)
{
	switch ((enum field_type)f->type) {
	case FIELD_NUMBER:
		print_number(b, f->prefix, number_at(at, f->size));
		break;
	case FIELD_PID:
		if (*(const int32_t *)at) {
			buffer_text(b, f->prefix);
			buffer_i64(b, *(const int32_t *)at);
		}
		break;
	case FIELD_BOOL:
		if (*(const bool *)at) {
			buffer_text(b, f->prefix);
			buffer_text(b, "true");
		}
		break;
	case FIELD_ENUM:
		if (*(const uint8_t *)at || !f->optional)
			print_word(b, f, *(const uint8_t *)at);
		break;
	case FIELD_UUID:
		if (!uuid_is_nil(at)) {
			buffer_text(b, f->prefix);
			buffer_uuid(b, at);
		}
		break;
	case FIELD_TEXT:
		print_text(b, f, at);
		break;
	}
}

static void print_change(struct buffer *b, const struct change *c)
{
	const struct kind *kind = c->kind < RECORD_KIND_COUNT ? &record_kinds[c->kind] : &record_kinds[0];

	assert(kind->name);
	if (!kind->name) {
		b->error = -EINVAL;
		return;
	}
	buffer_text(b, kind->prefix);
	buffer_u64(b, c->seq);
	print_number(b, ",\"vm\":", c->vm);
	print_number(b, ",\"life\":", c->life);
	for (size_t i = 0; i < kind->count; i++)
		print_field(b, &kind->field[i], (const char *)c + kind->field[i].offset);
	if (change_has_definition(c)) {
		print_number(b, ",\"from-file\":", c->definition->from_file);
		buffer_text(b, ",\"definition\":");
		definition_print(c->definition, b);
	}
	buffer_char(b, '}');
}

void turn_print(struct buffer *b, const struct turn *turn, bool snapshot, const uint8_t boot[16])
{
	buffer_text(b, "{\"first\":");
	buffer_u64(b, turn->first_seq);
	buffer_text(b, ",\"last\":");
	buffer_u64(b, turn->last_seq);
	buffer_text(b, ",\"t\":");
	buffer_u64(b, turn->realtime);
	print_number(b, ",\"v\":", RECORDS_VERSION);
	if (snapshot)
		buffer_text(b, ",\"snapshot\":true");
	if (boot) {
		buffer_text(b, ",\"boot\":");
		buffer_uuid(b, boot);
	}
	buffer_text(b, ",\"changes\":[");
	for (size_t i = 0; i < turn->count; i++) {
		if (i)
			buffer_char(b, ',');
		print_change(b, &turn->change[i]);
	}
	buffer_text(b, "]}");
}
