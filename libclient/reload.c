/* SPDX-License-Identifier: Apache-2.0 */

/* The files of all VMs are read again. */

#include <errno.h>

#include "connection.h"
#include "fields.h"

#define RELOADED_ROW "(ssssa(sssb))"

struct reloaded {
	struct lifecycle_reloaded is;
	const struct lifecycle_key_change **change; /* into changes */
	struct lifecycle_key_change *changes;
};

struct lifecycle_reload_list {
	sd_bus_message *reply;
	struct reloaded *row;
	size_t count;
};

UTIL_UNREFP(lifecycle_reload_list)

static int read_change(sd_bus_message *m, void *element)
{
	struct lifecycle_key_change *c = element;
	int at_once, r = sd_bus_message_read(m, "sssb", &c->key, &c->before, &c->after, &at_once);

	c->size = sizeof(*c);
	c->at_once = r >= 0 && at_once;
	return r;
}

static void free_changes(struct reloaded *row)
{
	free(row->change);
	free(row->changes);
}

static int read_reloaded(sd_bus_message *m, void *element)
{
	struct reloaded *row = element;
	int r;

	row->is = (struct lifecycle_reloaded){ .size = sizeof(row->is) };
	r = sd_bus_message_read(m, "ssss", &row->is.name, &row->is.what, &row->is.path, &row->is.text);
	if (r >= 0)
		r = array_read(m, "(sssb)", sizeof(*row->changes), read_change, (void **)&row->changes, &row->is.change_count);
	if (r >= 0) {
		row->is.change = row->change = calloc(row->is.change_count + 1, sizeof(*row->change));
		r = row->change ? r : -ENOMEM;
	}
	for (size_t i = 0; r >= 0 && i < row->is.change_count; i++)
		row->change[i] = &row->changes[i];
	if (r < 0)
		free_changes(row); /* it does not get into the list */
	return r;
}

int lifecycle_reload(struct lifecycle *l, bool dry_run, struct lifecycle_reload_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Reload", .changes = true };
	_cleanup_(lifecycle_reload_list_unrefp) struct lifecycle_reload_list *list = calloc(1, sizeof(*list));
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, target.method);
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = dry_run ? sd_bus_message_append(request, "a{sv}", 1, "dry-run", "b", 1) : sd_bus_message_append(request, "a{sv}", 0);
	if (r < 0)
		return connection_fail(l, r, target.method);
	r = connection_call(l, util_take(&request), &list->reply);
	if (r < 0)
		return r;
	r = array_read(list->reply, RELOADED_ROW, sizeof(*list->row), read_reloaded, (void **)&list->row, &list->count);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_reload_list *lifecycle_reload_list_unref(struct lifecycle_reload_list *list)
{
	if (!list)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		free_changes(&list->row[i]);
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

size_t lifecycle_reload_list_count(const struct lifecycle_reload_list *list)
{
	return list->count;
}

const struct lifecycle_reloaded *lifecycle_reload_list_at(const struct lifecycle_reload_list *list, size_t i)
{
	return i < list->count ? &list->row[i].is : NULL;
}
