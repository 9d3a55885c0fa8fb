/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the bus: opened without waiting, and opened again when it broke. Guests do not notice. */
#include <errno.h>
#include <string.h>

#include "base/message.h"
#include "main/daemon.h"

#define RECONNECT_FIRST 100000000ull
#define RECONNECT_LAST 5000000000ull

static int open_address(const char *address, sd_bus **ret)
{
	sd_bus *bus = NULL;
	int r;

	if (strcmp(address, "system") == 0)
		address = "unix:path=/run/dbus/system_bus_socket";
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_negotiate_fds(bus, true);
	if (r >= 0)
		r = sd_bus_negotiate_creds(bus, true, SD_BUS_CREDS_EUID);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

static void try_later(struct daemon *d)
{
	d->reconnect_delay = d->reconnect_delay ? d->reconnect_delay * 2 : RECONNECT_FIRST;
	if (d->reconnect_delay > RECONNECT_LAST)
		d->reconnect_delay = RECONNECT_LAST;
	loop_timer_set(d->reconnect, loop_monotonic() + d->reconnect_delay);
}

void connection_close(struct daemon *d)
{
	d->source = bus_source_free(d->source);
	if (d->bus)
		bus_detach(d->bus);
	if (d->fleet)
		fleet_detach(d->fleet);
	d->connection = sd_bus_close_unref(d->connection);
}

static void lost(void *arg, int error)
{
	struct daemon *d = arg;

	if (error == -ENOBUFS)
		log_message(MESSAGE_BUS_GONE, NULL, "the bus does not take what it is sent, and is left; trying again");
	else
		log_message(MESSAGE_BUS_GONE, NULL, "the bus is gone: %s; trying again", strerror(-error));
	connection_close(d);
	try_later(d);
}

/* Either the connection broke, or it stands and the name is still missing. */
static void again(void *arg)
{
	struct daemon *d = arg;
	bool reconnect = !d->connection;
	int r = reconnect ? connection_open(d) : bus_request_name(d->bus);

	if (r < 0)
		try_later(d);
	else if (reconnect)
		log_message(MESSAGE_BUS_BACK, NULL, "connected to the bus again");
}

static void complain(int error)
{
	if (error == -EEXIST)
		log_error("another daemon owns %s on this bus: stop it, or give this one another bus with --bus", BUS_NAME);
	else
		log_error("%s could not be had on the bus: %s; is the bus policy installed?", BUS_NAME, strerror(-error));
}

/* At the start a name that cannot be had ends the daemon. Later it has guests to look after: it asks again, and again. */
void connection_named(void *arg, int error)
{
	struct daemon *d = arg;

	if (error == 0) {
		d->reconnect_delay = 0;
		d->named = true;
		ready_check(d);
		return;
	}
	if (d->named || !d->told_ready)
		complain(error);
	d->named = false;
	if (d->told_ready)
		try_later(d);
	else
		loop_exit(d->loop, error);
}

int connection_open(struct daemon *d)
{
	int r;

	if (!d->reconnect && loop_timer_new(d->loop, again, d, &d->reconnect) < 0)
		return -ENOMEM;
	r = open_address(d->options->bus, &d->connection);
	if (r < 0)
		return r;
	r = bus_source_new(d->loop, d->connection, lost, d, &d->source);
	if (r >= 0)
		r = bus_attach(d->bus, d->connection);
	if (r >= 0)
		r = bus_request_name(d->bus);
	if (r < 0)
		connection_close(d);
	else
		fleet_attach(d->fleet, d->connection);
	return r < 0 ? r : 0;
}
