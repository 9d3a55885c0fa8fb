/* SPDX-License-Identifier: Apache-2.0 */

/* Properties as they come, whatever their type: a later daemon has more of them. */

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "fields.h"
#include "properties.h"

struct property {
	struct lifecycle_property is;
	char *value;
};

struct lifecycle_property_list {
	sd_bus_message *reply;
	struct property *row;
	size_t count;
};

UTIL_UNREFP(lifecycle_property_list)

/* ---- values as JSON ---- */

void properties_write_string(FILE *f, const char *text)
{
	(void)fputc('"', f);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)fprintf(f, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7F)
			(void)fprintf(f, "\\u%04x", *c);
		else
			(void)fputc(*c, f);
	}
	(void)fputc('"', f);
}

static void write_double(FILE *f, double value)
{
	if (isfinite(value))
		(void)fprintf(f, "%.17g", value);
	else
		(void)fputs("null", f);
}

static int write_basic(sd_bus_message *m, char type, FILE *f)
{
	union {
		uint8_t y;
		int b, i;
		int16_t n;
		uint16_t q;
		uint32_t u;
		int64_t x;
		uint64_t t;
		double d;
		const char *s;
	} value = { .t = 0 };
	int r = sd_bus_message_read_basic(m, type, &value);

	if (r < 0)
		return r;
	switch (type) {
	case 's':
	case 'o':
	case 'g':
		properties_write_string(f, value.s);
		return 0;
	case 'b':
		(void)fputs(value.b ? "true" : "false", f);
		return 0;
	case 'y':
		(void)fprintf(f, "%" PRIu8, value.y);
		return 0;
	case 'n':
		(void)fprintf(f, "%" PRId16, value.n);
		return 0;
	case 'q':
		(void)fprintf(f, "%" PRIu16, value.q);
		return 0;
	case 'i':
		(void)fprintf(f, "%d", value.i);
		return 0;
	case 'u':
		(void)fprintf(f, "%" PRIu32, value.u);
		return 0;
	case 'x':
		(void)fprintf(f, "%" PRId64, value.x);
		return 0;
	case 't':
		(void)fprintf(f, "%" PRIu64, value.t);
		return 0;
	case 'd':
		write_double(f, value.d);
		return 0;
	default:
		(void)fputs("null", f); /* a descriptor */
		return 0;
	}
}

/* A key of JSON is a string, whatever it is on D-Bus. */
static int write_key(sd_bus_message *m, FILE *f)
{
	char type;
	int r = sd_bus_message_peek_type(m, &type, NULL);
	bool bare = type != 's' && type != 'o' && type != 'g';

	if (r < 0)
		return r;
	if (bare)
		(void)fputc('"', f);
	r = write_basic(m, type, f);
	(void)fputs(bare ? "\":" : ":", f);
	return r;
}

static int write_pair(sd_bus_message *m, const char *contents, FILE *f)
{
	int r = sd_bus_message_enter_container(m, 'e', contents);

	if (r >= 0)
		r = write_key(m, f);
	if (r >= 0)
		r = properties_write_value(m, f);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* What a dict entry holds: the type of the array without its braces. */
static int write_dictionary(sd_bus_message *m, const char *contents, FILE *f)
{
	_cleanup_(util_freep) char *pair = strndup(contents + 1, strlen(contents) - 2);
	int r = pair ? sd_bus_message_enter_container(m, 'a', contents) : -ENOMEM;
	bool first = true;

	(void)fputc('{', f);
	while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
		(void)fputs(first ? "" : ",", f);
		first = false;
		r = write_pair(m, pair, f);
	}
	(void)fputc('}', f);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int write_sequence(sd_bus_message *m, char type, const char *contents, FILE *f)
{
	int r = sd_bus_message_enter_container(m, type, contents);
	bool first = true;

	(void)fputc('[', f);
	while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
		(void)fputs(first ? "" : ",", f);
		first = false;
		r = properties_write_value(m, f);
	}
	(void)fputc(']', f);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A variant is what is in it. sd-bus takes no message that nests without end. */
int properties_write_value(sd_bus_message *m, FILE *f)
{
	const char *contents;
	char type;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	if (type == 'a' && *contents == '{')
		return write_dictionary(m, contents, f);
	if (type == 'a' || type == 'r')
		return write_sequence(m, type, contents, f);
	if (type != 'v')
		return write_basic(m, type, f);
	r = sd_bus_message_enter_container(m, 'v', contents);
	if (r >= 0)
		r = properties_write_value(m, f);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* ---- the list ---- */

static int read_value(sd_bus_message *m, struct property *p)
{
	size_t size = 0;
	FILE *f = open_memstream(&p->value, &size);
	int r, failed;

	if (!f)
		return -ENOMEM;
	r = properties_write_value(m, f);
	failed = ferror(f);
	if (fclose(f) != 0 || failed)
		return -ENOMEM;
	return r;
}

static int read_property(sd_bus_message *m, struct property *p)
{
	int r = sd_bus_message_enter_container(m, 'e', "sv");

	p->is.size = sizeof(p->is);
	if (r >= 0)
		r = sd_bus_message_read(m, "s", &p->is.name);
	if (r >= 0)
		r = sd_bus_message_peek_type(m, NULL, &p->is.signature);
	if (r >= 0)
		r = read_value(m, p);
	p->is.value = p->value;
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_all(sd_bus_message *m, struct lifecycle_property_list *list)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
		r = array_grow((void **)&list->row, list->count, sizeof(*list->row));
		if (r < 0)
			break;
		list->row[list->count] = (struct property){ 0 };
		r = read_property(m, &list->row[list->count++]);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int lifecycle_properties(struct lifecycle *l, const char *name, struct lifecycle_property_list **ret)
{
	_cleanup_(lifecycle_property_list_unrefp) struct lifecycle_property_list *list = calloc(1, sizeof(*list));
	_cleanup_(message_unrefp) sd_bus_message *got = NULL;
	const char *path = BUS_PATH;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, "GetAll");
	r = name ? connection_vm_path(l, name, &got, &path) : 0;
	if (r >= 0)
		r = connection_get_all(l, path, name ? BUS_VM : BUS_MANAGER, &list->reply);
	if (r < 0)
		return r;
	r = read_all(list->reply, list);
	if (r < 0)
		return connection_bad_reply(l, r, "GetAll");
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_property_list *lifecycle_property_list_unref(struct lifecycle_property_list *list)
{
	if (!list)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		free(list->row[i].value);
	free(list->row);
	sd_bus_message_unref(list->reply);
	free(list);
	return NULL;
}

size_t lifecycle_property_list_count(const struct lifecycle_property_list *list)
{
	return list->count;
}

const struct lifecycle_property *lifecycle_property_list_at(const struct lifecycle_property_list *list, size_t i)
{
	return i < list->count ? &list->row[i].is : NULL;
}
