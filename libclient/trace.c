/* SPDX-License-Identifier: Apache-2.0 */

/* The last frames of an SP. */

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "ffa.h"
#include "fields.h"

#define FRAME_ROW "(ttbtqtssat)"

struct lifecycle_frame_list {
	sd_bus_message *reply;
	struct lifecycle_frame *row;
	size_t count;
};

UTIL_UNREFP(lifecycle_frame_list)

static int read_registers(sd_bus_message *m, uint64_t x[8])
{
	const void *bytes;
	size_t size;
	int r = sd_bus_message_read_array(m, 't', &bytes, &size);

	if (r >= 0)
		memcpy(x, bytes, size < 8 * sizeof(*x) ? size : 8 * sizeof(*x));
	return r;
}

static int read_frame(sd_bus_message *m, void *element)
{
	struct lifecycle_frame *f = element;
	int r;

	f->size = sizeof(*f);
	r = read_u64(m, &f->number);
	if (r >= 0)
		r = read_time(m, &f->at);
	if (r >= 0)
		r = read_bool(m, &f->answer);
	if (r >= 0)
		r = read_time(m, &f->took);
	if (r >= 0)
		r = sd_bus_message_read(m, "qtss", &f->endpoint, &f->life, &f->vm, &f->reply);
	if (r >= 0)
		r = read_registers(m, f->x);
	if (r >= 0)
		ffa_decode(f);
	return r;
}

static int read_frames(struct lifecycle_frame_list *list, uint16_t sp)
{
	int r = array_read(list->reply, FRAME_ROW, sizeof(*list->row), read_frame, (void **)&list->row, &list->count);

	for (size_t i = 0; i < list->count; i++)
		list->row[i].sp = sp;
	return r;
}

int lifecycle_trace(struct lifecycle *l, uint16_t sp, uint64_t after, struct lifecycle_frame_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Trace" };
	_cleanup_(lifecycle_frame_list_unrefp) struct lifecycle_frame_list *list = calloc(1, sizeof(*list));
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, "Trace");
	r = connection_prepare(l, &target, &request);
	if (r >= 0)
		r = sd_bus_message_append(request, "qt", sp, after);
	if (r >= 0)
		r = connection_call(l, util_take(&request), &list->reply);
	if (r < 0)
		return r;
	r = read_frames(list, sp);
	if (r < 0)
		return connection_bad_reply(l, r, "Trace");
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_frame_list *lifecycle_frame_list_unref(struct lifecycle_frame_list *list)
{
	if (!list)
		return NULL;
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

size_t lifecycle_frame_list_count(const struct lifecycle_frame_list *list)
{
	return list->count;
}

const struct lifecycle_frame *lifecycle_frame_list_at(const struct lifecycle_frame_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}
