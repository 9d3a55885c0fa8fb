/* SPDX-License-Identifier: Apache-2.0 */

/* Who holds the ends of lives. */

#include <errno.h>

#include "connection.h"
#include "fields.h"

#define LEASE_ROW "(ttssuussttua{sv})"

struct lifecycle_lease_list {
	sd_bus_message *reply;
	struct lifecycle_lease_info *row;
	size_t count;
};

UTIL_UNREFP(lifecycle_lease_list)

static const struct field lease_more[] = {
	{ "Unclaimed", "b", offsetof(struct lifecycle_lease_info, unclaimed), read_bool },
};

static int read_lease(sd_bus_message *m, void *element)
{
	struct lifecycle_lease_info *k = element;
	int r;

	*k = (struct lifecycle_lease_info){ .size = sizeof(*k) };
	r = sd_bus_message_read(m, "tts", &k->number, &k->life, &k->vm);
	if (r >= 0)
		r = read_lease_state(m, &k->state);
	if (r >= 0)
		r = sd_bus_message_read(m, "uuss", &k->uid, &k->pid, &k->comm, &k->reason);
	if (r >= 0)
		r = read_time(m, &k->since);
	if (r >= 0)
		r = read_time(m, &k->until);
	if (r >= 0)
		r = read_u32(m, &k->timeout_ms);
	return r < 0 ? r : fields_read(m, lease_more, sizeof(lease_more) / sizeof(*lease_more), k);
}

int lifecycle_leases(struct lifecycle *l, const char *name, struct lifecycle_lease_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "ListLeases" };
	_cleanup_(lifecycle_lease_list_unrefp) struct lifecycle_lease_list *list = calloc(1, sizeof(*list));
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, target.method);
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "s", name ? name : "");
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	r = connection_call(l, util_take(&request), &list->reply);
	if (r < 0)
		return r;
	r = array_read(list->reply, LEASE_ROW, sizeof(*list->row), read_lease, (void **)&list->row, &list->count);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_lease_list *lifecycle_lease_list_unref(struct lifecycle_lease_list *list)
{
	if (!list)
		return NULL;
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

size_t lifecycle_lease_list_count(const struct lifecycle_lease_list *list)
{
	return list->count;
}

const struct lifecycle_lease_info *lifecycle_lease_list_at(const struct lifecycle_lease_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}
