/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/lifecycle.h"

static const struct field *find_field(const struct field *fields, size_t count, const char *key, const char *signature)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].key, key) == 0)
			return strcmp(fields[i].signature, signature) == 0 ? &fields[i] : NULL;
	return NULL;
}

static int read_field(sd_bus_message *m, const struct field *fields, size_t count, void *base)
{
	const struct field *f;
	const char *key, *signature;
	char type;
	int r;

	r = sd_bus_message_read(m, "s", &key);
	if (r < 0)
		return r;
	r = sd_bus_message_peek_type(m, &type, &signature);
	if (r <= 0 || type != SD_BUS_TYPE_VARIANT)
		return r < 0 ? r : -EBADMSG;
	f = find_field(fields, count, key, signature);
	if (!f)
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_enter_container(m, 'v', signature);
	if (r < 0)
		return r;
	r = f->read(m, (char *)base + f->at);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int fields_read(sd_bus_message *m, const struct field *fields, size_t count, void *base)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_field(m, fields, count, base);
		if (r < 0)
			return r;
		r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A reader of one basic type, and of a word. */
#define READER(name, type)                                                                                             \
	int name(sd_bus_message *m, void *to)                                                                          \
	{                                                                                                              \
		return sd_bus_message_read_basic(m, type, to);                                                         \
	}
READER(read_string, 's')
READER(read_u16, 'q')
READER(read_u32, 'u')
READER(read_u64, 't')

static int read_word(sd_bus_message *m, void *to, int (*from_name)(const char *))
{
	const char *word;
	int number, r = sd_bus_message_read_basic(m, 's', &word);

	if (r < 0)
		return r;
	number = from_name(word);
	*(int *)to = number < 0 ? LIFECYCLE_UNKNOWN : number;
	return r;
}

#define WORD_READER(word)                                                                                              \
	int read_##word(sd_bus_message *m, void *to)                                                                   \
	{                                                                                                              \
		return read_word(m, to, lifecycle_##word##_from_name);                                                 \
	}
WORD_READER(state)
WORD_READER(substate)
WORD_READER(vcpu_state)
WORD_READER(cause)
WORD_READER(debt)
WORD_READER(how)
WORD_READER(operation)
WORD_READER(outcome)
WORD_READER(wait)
WORD_READER(lease_state)

int read_u16_wide(sd_bus_message *m, void *to)
{
	uint16_t value;
	int r = sd_bus_message_read_basic(m, 'q', &value);

	if (r >= 0)
		*(uint32_t *)to = value;
	return r;
}

int read_bool(sd_bus_message *m, void *to)
{
	int value, r = sd_bus_message_read_basic(m, 'b', &value);

	if (r >= 0)
		*(bool *)to = value;
	return r;
}

int read_time(sd_bus_message *m, void *to)
{
	uint64_t us;
	int r = sd_bus_message_read_basic(m, 't', &us);

	if (r >= 0)
		*(uint64_t *)to = us > UINT64_MAX / 1000 ? UINT64_MAX : us * 1000;
	return r;
}

/* The elements stay in the message. */
static int read_numbers(sd_bus_message *m, char type, size_t width, size_t *count, const void **ret)
{
	size_t size;
	int r = sd_bus_message_read_array(m, type, ret, &size);

	if (r >= 0)
		*count = size / width;
	return r;
}

int read_sp_ids(sd_bus_message *m, void *to)
{
	struct lifecycle_sp_ids *ids = to;

	return read_numbers(m, 'q', sizeof(*ids->id), &ids->count, (const void **)&ids->id);
}

int read_histogram(sd_bus_message *m, void *to)
{
	struct lifecycle_histogram *h = to;

	return read_numbers(m, 't', sizeof(*h->bucket), &h->count, (const void **)&h->bucket);
}

int read_counts(sd_bus_message *m, void *to)
{
	struct lifecycle_counts *c = to;
	struct lifecycle_count *at = NULL;
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "{st}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "st")) > 0) {
		r = array_grow((void **)&at, count, sizeof(*at));
		if (r >= 0)
			r = sd_bus_message_read(m, "st", &at[count].word, &at[count].times);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r >= 0)
			count++;
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0) {
		free(at);
		return r;
	}
	free((void *)c->at); /* a key that came twice */
	*c = (struct lifecycle_counts){ count, at };
	return 0;
}

int array_grow(void **array, size_t count, size_t element)
{
	void *bigger;

	if (count & (count - 1)) /* full at powers of two only */
		return 0;
	bigger = reallocarray(*array, count ? 2 * count : 1, element);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

int array_read(sd_bus_message *m, const char *row, size_t size, int (*read)(sd_bus_message *m, void *element),
	void **elements, size_t *count)
{
	char inside[64];
	int r = snprintf(inside, sizeof(inside), "%.*s", (int)strlen(row) - 2, row + 1);

	if (r < 0 || (size_t)r >= sizeof(inside))
		return -EINVAL;
	r = sd_bus_message_enter_container(m, 'a', row);
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', inside)) > 0) {
		r = array_grow(elements, *count, size);
		if (r >= 0) {
			void *element = (char *)*elements + *count * size;

			memset(element, 0, size);
			r = read(m, element);
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r >= 0)
			++*count;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}
