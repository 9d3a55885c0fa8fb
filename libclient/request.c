/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "act.h"
#include "connection.h"

struct request {
	struct request *next;
	uint64_t number;
	const char *method;
	sd_bus_slot *slot;
	sd_bus_message *reply; /* NULL: not yet */
	bool hung_up;          /* the reply is sd-bus's own word for that */
};

static void request_free(struct request *r)
{
	sd_bus_slot_unref(r->slot);
	sd_bus_message_unref(r->reply);
	free(r);
}

void request_list_clear(struct request_list *list)
{
	while (list->first) {
		struct request *r = list->first;

		list->first = r->next;
		request_free(r);
	}
	list->last = NULL;
}

static int keep_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct request *r = userdata;

	(void)error;
	r->reply = sd_bus_message_ref(m);
	r->hung_up = sd_bus_is_ready(sd_bus_message_get_bus(m)) <= 0;
	return 1;
}

static int send_awaited(struct lifecycle *l, sd_bus_message *m, const char *method, uint64_t *ret_request)
{
	struct request_list *list = connection_requests(l);
	struct request *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	e = sd_bus_call_async(sd_bus_message_get_bus(m), &r->slot, m, keep_reply, r, connection_patience(l, m));
	if (e < 0) {
		free(r);
		return e;
	}
	r->number = ++list->number;
	r->method = method;
	if (!list->last)
		list->last = &list->first;
	*list->last = r;
	list->last = &r->next;
	*ret_request = r->number;
	return 0;
}

static int send_forgotten(sd_bus_message *m)
{
	int r = sd_bus_message_set_expect_reply(m, 0);

	return r < 0 ? r : sd_bus_send(sd_bus_message_get_bus(m), m, NULL);
}

int lifecycle_act_begin(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, uint64_t *ret_request)
{
	_cleanup_(message_unrefp) sd_bus_message *m = NULL;
	int r = act_prepare(l, verb, name, life, &m);

	if (r < 0)
		return r;
	r = ret_request ? send_awaited(l, m, act_method(verb), ret_request) : send_forgotten(m);
	return r < 0 ? connection_fail(l, r, act_method(verb)) : 0;
}

static struct request *take_answered(struct request_list *list)
{
	for (struct request **at = &list->first; *at; at = &(*at)->next) {
		struct request *r = *at;

		if (!r->reply)
			continue;
		*at = r->next;
		if (list->last == &r->next)
			list->last = at;
		return r;
	}
	return NULL;
}

static int read_reply(struct lifecycle *l, struct request *r, uint64_t *ret_seq)
{
	int e;

	if (r->hung_up)
		return connection_fail(l, -ENOTCONN, r->method);
	if (sd_bus_message_is_method_error(r->reply, NULL))
		return connection_error(l, -sd_bus_message_get_errno(r->reply), sd_bus_message_get_error(r->reply), r->method);
	e = sd_bus_message_read(r->reply, "t", ret_seq);
	return e < 0 ? connection_bad_reply(l, e, r->method) : 0;
}

int lifecycle_pop_reply(struct lifecycle *l, struct lifecycle_reply *reply)
{
	struct lifecycle_reply full = LIFECYCLE_REPLY_INIT;
	struct request *r;

	if (reply->size < sizeof(reply->size))
		return -EINVAL;
	r = take_answered(connection_requests(l));
	if (!r)
		return -EAGAIN;
	full.request = r->number;
	full.result = read_reply(l, r, &full.seq);
	request_free(r);
	full.size = reply->size < sizeof(full) ? reply->size : sizeof(full);
	memcpy(reply, &full, full.size);
	return 0;
}
