/* SPDX-License-Identifier: Apache-2.0 */

/* The operator's last resort, and what it leaves: Manager.Forget, Manager.BurnedIds. */

#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"

#define BURNED_TYPE "(qqtst)"

/* A name, a life or both say which one is meant. */
static int check_target(const struct call *c, const char *name, sd_bus_error *error)
{
	if (*name && !bus_vm_name_is_valid(name))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "'%.64s' is no VM name", name);
	if (!*name && !c->request.life)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "neither a VM nor a life is named: give one of them");
	return 0;
}

int bus_forget_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *name;
	int r = bus_call_new(b, m, &c, error);

	if (r < 0)
		return r;
	r = sd_bus_message_read(m, "stq", &name, &c->request.life, &c->request.sp);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r >= 0)
		r = check_target(c, name, error);
	if (r < 0)
		return r;
	c->request.verb = REQUEST_FORGET;
	strcpy(c->request.name, name);
	c->run = bus_call_post;
	return bus_call_submit(take_ptr(&c), error);
}

int bus_get_burned_ids(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct rows *rows = bus_rows(userdata);
	int r = sd_bus_message_open_container(reply, 'a', BURNED_TYPE);

	for (size_t i = 0; r >= 0 && i < rows_burned_count(rows); i++) {
		const struct burned_row *b = rows_burned_at(rows, i);

		r = sd_bus_message_append(reply, BURNED_TYPE, b->endpoint, b->sp, b->life, b->name, b->at / 1000);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}
