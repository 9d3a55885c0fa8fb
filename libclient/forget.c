/* SPDX-License-Identifier: Apache-2.0 */

/* The operator's last resort, and the FF-A ids that it burned. */

#include <errno.h>

#include "connection.h"
#include "fields.h"

#define BURNED_ROW "(qqtst)"

struct lifecycle_burned_list {
	sd_bus_message *reply;
	struct lifecycle_burned *row;
	size_t count;
};

UTIL_UNREFP(lifecycle_burned_list)

int lifecycle_forget(struct lifecycle *l, const char *name, uint64_t life, uint16_t sp, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Forget", .changes = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "stqa{sv}", name ? name : "", life, sp, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	return connection_change(l, util_take(&request), target.method, ret_seq);
}

static int read_burned(sd_bus_message *m, void *element)
{
	struct lifecycle_burned *b = element;
	int r;

	*b = (struct lifecycle_burned){ .size = sizeof(*b) };
	r = sd_bus_message_read(m, "qqts", &b->endpoint, &b->sp, &b->life, &b->name);
	return r < 0 ? r : read_time(m, &b->realtime);
}

static int read_all(struct lifecycle_burned_list *list)
{
	int r = sd_bus_message_enter_container(list->reply, 'v', "a" BURNED_ROW);

	return r < 0 ? r :
		       array_read(list->reply, BURNED_ROW, sizeof(*list->row), read_burned, (void **)&list->row, &list->count);
}

int lifecycle_burned(struct lifecycle *l, struct lifecycle_burned_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_PROPERTIES, "Get" };
	_cleanup_(lifecycle_burned_list_unrefp) struct lifecycle_burned_list *list = calloc(1, sizeof(*list));
	sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, "BurnedIds");
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "ss", BUS_MANAGER, "BurnedIds");
	if (r < 0) {
		sd_bus_message_unref(request);
		return connection_fail(l, r, "BurnedIds");
	}
	r = connection_call(l, request, &list->reply);
	if (r < 0)
		return r;
	r = read_all(list);
	if (r < 0)
		return connection_bad_reply(l, r, "BurnedIds");
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_burned_list *lifecycle_burned_list_unref(struct lifecycle_burned_list *list)
{
	if (!list)
		return NULL;
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

size_t lifecycle_burned_list_count(const struct lifecycle_burned_list *list)
{
	return list->count;
}

const struct lifecycle_burned *lifecycle_burned_list_at(const struct lifecycle_burned_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}
