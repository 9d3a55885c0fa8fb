/* SPDX-License-Identifier: Apache-2.0 */

/* What the Manager offers for a VM by name, and the VM for itself. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"

/* Reads "t life, a{sv} options" from the message. `name` need not outlive the call. */
int bus_verb_submit(
	struct bus *b, sd_bus_message *m, enum request_verb verb, const char *name, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r;

	if (!bus_vm_name_is_valid(name))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"'%.64s' is no VM name: 1 to %d of A-Z a-z 0-9 _ . -, a letter or digit first", name,
			VM_NAME_MAX);
	r = bus_call_new(b, m, &c, error);
	if (r < 0)
		return r;
	r = sd_bus_message_read(m, "t", &c->request.life);
	if (r < 0)
		return r;
	r = verb == REQUEST_ABORT ? bus_read_option(m, "Preserve", &c->request.preserve, error) :
				    bus_read_no_options(m, error);
	if (r < 0)
		return r;
	c->request.verb = verb;
	strcpy(c->request.name, name);
	c->run = bus_call_post;
	return bus_call_submit(take_ptr(&c), error);
}

int bus_shutdown_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = bus_read_option(m, "Host", &c->request.host, error);
	if (r < 0)
		return r;
	c->request.verb = REQUEST_SHUTDOWN;
	c->run = bus_call_post;
	return bus_call_submit(take_ptr(&c), error);
}

static bool is_read_only(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

static void console_run(struct call *c)
{
	const struct bus_config *config = &c->bus->config;
	const struct vm_row *row = rows_vm(bus_rows(c->bus), c->request.name);
	_cleanup_(close_fdp) int fd = -1;
	uint64_t life;
	int r;

	if (!row) {
		bus_call_refuse(c, REFUSED_NO_SUCH_VM, "there is no VM '%s'", c->request.name);
		return;
	}
	life = row->life ? row->life : row->end_life;
	r = life && config->open_console ? config->open_console(config->console_arg, life, &fd) : -ENOENT;
	if (r < 0 && r != -ENOENT) {
		bus_call_refuse(c, bus_refusal_of(r), "the console ring of VM '%s' cannot be opened: %s",
			c->request.name, strerror(-r));
		return;
	}
	if (r < 0) {
		bus_call_refuse(c, REFUSED_NO_CONSOLE, "no console output of VM '%s' is kept: %s",
			c->request.name, strerror(-r));
		return;
	}
	if (!is_read_only(fd)) {
		bus_call_refuse(c, REFUSED_INTERNAL,
			"the console ring of VM '%s' cannot be opened for reading alone", c->request.name);
		return;
	}
	if (sd_bus_reply_method_return(c->message, "h", fd) < 0)
		bus_call_refuse(c, REFUSED_INTERNAL,
			"the console ring of VM '%s' cannot be sent over this bus", c->request.name);
	else
		(void)bus_call_free(c);
}

int bus_console_submit(struct bus *b, sd_bus_message *m, const char *name, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r;

	if (!bus_vm_name_is_valid(name))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "'%.64s' is no VM name", name);
	r = bus_call_new(b, m, &c, error);
	if (r < 0)
		return r;
	r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	strcpy(c->request.name, name);
	c->run = console_run;
	return bus_call_submit(take_ptr(&c), error);
}
