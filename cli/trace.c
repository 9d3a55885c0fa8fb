/* SPDX-License-Identifier: Apache-2.0 */

/* trace: the last frames to and from SPs, in words of FF-A. */

#include "trace.h"

#include <inttypes.h>
#include <string.h>

struct json_object *frame_to_json(const struct lifecycle_frame *f)
{
	struct json_object *o = json_object_new_object(), *x = json_object_new_array();

	json_add_number(o, "sp", f->sp);
	json_add_number(o, "number", f->number);
	json_add_number(o, "at_monotonic_us", f->at / 1000);
	json_add_bool(o, "answer", f->answer);
	json_add_string(o, "function", f->function);
	json_add_string(o, "message", f->message);
	json_add_string(o, "status", f->status);
	json_add_string(o, "reply", f->reply);
	json_add_number(o, "took_us", f->took / 1000);
	json_add_number(o, "ffa_id", f->endpoint);
	json_add_number(o, "life", f->life);
	json_add_string(o, "vm", f->vm);
	for (size_t i = 0; i < 8; i++)
		(void)json_object_array_add(x, json_object_new_uint64(f->x[i]));
	(void)json_object_object_add(o, "registers", x);
	return o;
}

/* FFA_RUN, FFA_INTERRUPT and FFA_YIELD name a vCPU of an SP in w1 (s.4.2 of FF-A: [31:16] endpoint, [15:0] vCPU). */
static bool has_target(const struct lifecycle_frame *f)
{
	return strcmp(f->function, "FFA_RUN") == 0 || strcmp(f->function, "FFA_INTERRUPT") == 0 ||
		strcmp(f->function, "FFA_YIELD") == 0;
}

static void put_names(char *to, size_t size, const struct lifecycle_frame *f)
{
	int n;

	if (*f->function)
		n = snprintf(to, size, "%s", f->function);
	else if (f->answer && !*f->status)
		n = snprintf(to, size, "version %" PRIu64 ".%" PRIu64, f->x[0] >> 16, f->x[0] & 0xFFFF);
	else
		n = snprintf(to, size, "0x%" PRIx64, f->x[0]);
	if (*f->message)
		n += snprintf(to + n, size - (size_t)n, " %s", f->message);
	if (has_target(f))
		n += snprintf(to + n, size - (size_t)n, " 0x%04x vCPU %u", (unsigned)(f->x[1] >> 16) & 0xFFFF,
			(unsigned)f->x[1] & 0xFFFF);
	if (*f->status)
		(void)snprintf(to + n, size - (size_t)n, " %s", f->status);
}

static void put_registers(char *to, size_t size, const struct lifecycle_frame *f)
{
	int n = 0;

	for (size_t i = 0; i < 8 && n < (int)size; i++)
		n += snprintf(to + n, size - (size_t)n, "%s%" PRIx64, i ? " " : "", f->x[i]);
}

void frame_words(const struct cli *c, char *to, size_t size, const struct lifecycle_frame *f)
{
	int n = snprintf(to, size, "%s ", f->answer ? "<" : ">");

	(c->raw ? put_registers : put_names)(to + n, size - (size_t)n, f);
}

static void add_frame(const struct cli *c, struct table *t, const struct lifecycle_frame *f)
{
	char text[CELL_MAX];

	format_span(text, sizeof(text), monotonic_elapsed(f->at));
	table_add(t, COLOUR_NONE, "%s", text);
	table_add(t, COLOUR_NONE, f->sp ? "0x%04x" : "-", f->sp);
	table_add(t, COLOUR_NONE, "%" PRIu64, f->number);
	frame_words(c, text, sizeof(text), f);
	table_add(t, f->answer ? COLOUR_NONE : COLOUR_DIM, "%s", text);
	table_add(t, COLOUR_NONE, f->answer ? "%" PRIu64 " us" : "-", f->took / 1000);
	table_add(t, COLOUR_NONE, "%s", f->reply);
	table_add(t, COLOUR_NONE, f->endpoint ? "0x%04x" : "-", f->endpoint);
	table_add(t, COLOUR_NONE, f->life ? "%" PRIu64 : "-", f->life);
	table_add(t, COLOUR_NONE, "%s", *f->vm ? f->vm : "-");
}

static int by_time(const void *a, const void *b)
{
	const struct lifecycle_frame *x = *(const struct lifecycle_frame *const *)a;
	const struct lifecycle_frame *y = *(const struct lifecycle_frame *const *)b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->sp != y->sp)
		return x->sp < y->sp ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

int frames_fetch(struct cli *c, struct frames *all, uint16_t sp, uint64_t after)
{
	int r;

	if (all->lists == TRACES_MAX)
		return 0;
	r = lifecycle_trace(c->l, sp, after, &all->list[all->lists]);
	if (r < 0)
		return r;
	all->count += lifecycle_frame_list_count(all->list[all->lists++]);
	return 0;
}

bool frames_sort(struct frames *all)
{
	size_t n = 0;

	all->frame = calloc(all->count + 1, sizeof(*all->frame));
	if (!all->frame)
		return false;
	for (size_t i = 0; i < all->lists; i++)
		for (size_t k = 0; k < lifecycle_frame_list_count(all->list[i]); k++)
			all->frame[n++] = lifecycle_frame_list_at(all->list[i], k);
	if (all->count)
		qsort(all->frame, all->count, sizeof(*all->frame), by_time);
	return true;
}

void frames_clear(struct frames *all)
{
	for (size_t i = 0; i < all->lists; i++)
		lifecycle_frame_list_unref(all->list[i]);
	free(all->frame);
	*all = (struct frames){ 0 };
}

/* Discovery, and every SP that is known. */
static int fetch_all(struct cli *c, struct frames *all)
{
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;
	int r = lifecycle_partitions(c->l, &list);

	if (r >= 0)
		r = frames_fetch(c, all, 0, 0);
	for (size_t i = 0; r >= 0 && i < lifecycle_partition_list_count(list); i++)
		if (lifecycle_partition_list_at(list, i)->secure)
			r = frames_fetch(c, all, lifecycle_partition_list_at(list, i)->id, 0);
	return r;
}

static void print(struct cli *c, const struct frames *all)
{
	static const char *const header[] = { "AGO", "SP", "FRAME", "WORDS", "TOOK", "REPLY", "FF-A ID", "LIFE", "VM" };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;

	for (size_t i = 0; i < all->count; i++) {
		if (array)
			(void)json_object_array_add(array, frame_to_json(all->frame[i]));
		else
			add_frame(c, &t, all->frame[i]);
	}
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
}

static int show(struct cli *c, const uint16_t *sp)
{
	struct frames all = { 0 };
	int r = sp ? frames_fetch(c, &all, *sp, 0) : fetch_all(c, &all), code = 0;

	if (r < 0)
		code = cli_fail(c, "trace", NULL);
	else if (!frames_sort(&all))
		code = cli_say_error("out of memory");
	else
		print(c, &all);
	frames_clear(&all);
	return code;
}

int verb_trace(struct cli *c, int argc, char **argv)
{
	uint16_t sp = 0;
	int r = argc ? cli_parse_sp("trace", argv[0], true, &sp) : 0;

	if (r)
		return r;
	return c->follow ? trace_follow(c, argc ? &sp : NULL) : show(c, argc ? &sp : NULL);
}
