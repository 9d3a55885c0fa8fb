/* SPDX-License-Identifier: Apache-2.0 */

/* What lives owe SPs, debt by debt. */

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "fields.h"

#define PEER_ROW "(tqqsssuutttsa{sv})"

struct lifecycle_peer_list {
	sd_bus_message *reply;
	struct lifecycle_peer *row;
	size_t count;
	uint32_t left_out;
};

UTIL_UNREFP(lifecycle_peer_list)

#define AT(member) offsetof(struct lifecycle_peer, member)
static const struct field peer_more[] = {
	{ "Stuck", "b", AT(stuck), read_bool },
	{ "Place", "s", AT(place), read_string },
	{ "Old", "b", AT(old), read_bool },
	{ "Ticket", "u", AT(ticket), read_u32 },
};
#undef AT

static int read_peer(sd_bus_message *m, void *element)
{
	struct lifecycle_peer *p = element;
	int r;

	*p = (struct lifecycle_peer){ .size = sizeof(*p), .place = "-" };
	r = sd_bus_message_read(m, "tqq", &p->life, &p->endpoint, &p->sp);
	if (r >= 0)
		r = read_debt(m, &p->debt);
	if (r >= 0)
		r = read_how(m, &p->how);
	if (r >= 0)
		r = sd_bus_message_read(m, "suu", &p->reply, &p->tries, &p->sent);
	if (r >= 0)
		r = read_time(m, &p->since);
	if (r >= 0)
		r = read_time(m, &p->next);
	if (r >= 0)
		r = read_time(m, &p->until);
	if (r >= 0)
		r = read_string(m, &p->vm);
	return r < 0 ? r : fields_read(m, peer_more, sizeof(peer_more) / sizeof(*peer_more), p);
}

static int read_peers(struct lifecycle_peer_list *list)
{
	int r = array_read(list->reply, PEER_ROW, sizeof(*list->row), read_peer, (void **)&list->row, &list->count);

	return r < 0 ? r : read_u32(list->reply, &list->left_out);
}

int lifecycle_peers(struct lifecycle *l, const char *name, struct lifecycle_peer_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "ListPeers" };
	_cleanup_(lifecycle_peer_list_unrefp) struct lifecycle_peer_list *list = calloc(1, sizeof(*list));
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, "ListPeers");
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "s", name ? name : "");
	if (r < 0)
		return connection_bad_name(l, r, "ListPeers");
	r = connection_call(l, util_take(&request), &list->reply);
	if (r < 0)
		return r;
	r = read_peers(list);
	if (r < 0)
		return connection_bad_reply(l, r, "ListPeers");
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_peer_list *lifecycle_peer_list_unref(struct lifecycle_peer_list *list)
{
	if (!list)
		return NULL;
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

size_t lifecycle_peer_list_count(const struct lifecycle_peer_list *list)
{
	return list->count;
}

const struct lifecycle_peer *lifecycle_peer_list_at(const struct lifecycle_peer_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}

uint32_t lifecycle_peer_list_left_out(const struct lifecycle_peer_list *list)
{
	return list->left_out;
}
