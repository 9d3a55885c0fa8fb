/* SPDX-License-Identifier: Apache-2.0 */

/* When the service manager hears READY=1, and what is said while it does not. */

#include "main/daemon.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/message.h"
#include "base/notify.h"

#define SAY_AFTER 5000000000ull /* ns; more than VMMs have to connect, so that what is said is not how things should be */
#define SAY_AGAIN 30000000000ull
#define TELL_AGAIN 100000000ull

static bool wants_bus(const struct daemon *d)
{
	return strcmp(d->options->bus, "none") != 0;
}

/* A service manager that is behind takes nothing more for now, and would wait for ever for what it was not told. */
static void tell(struct daemon *d)
{
	if (notify_send("READY=1\nSTATUS=Following every life") == -EAGAIN)
		loop_timer_set(d->unready, loop_monotonic() + TELL_AGAIN);
}

void ready_check(struct daemon *d)
{
	if (d->told_ready || !d->fleet_ready || (!d->named && wants_bus(d)))
		return;
	d->told_ready = true;
	loop_timer_set(d->unready, LOOP_NEVER);
	tell(d);
	log_message(MESSAGE_DAEMON_READY, NULL, "ready");
}

static void fleet_is_ready(void *arg)
{
	struct daemon *d = arg;

	d->fleet_ready = true;
	ready_check(d);
}

static void due(void *arg)
{
	struct daemon *d = arg;

	if (d->told_ready) {
		tell(d);
		return;
	}
	if (!d->fleet_ready)
		log_warning("not ready: %u VMMs on record have neither connected nor died", fleet_adopting(d->fleet));
	if (!d->named && wants_bus(d))
		log_warning("not ready: the bus %s has not given the name", d->options->bus);
	loop_timer_set(d->unready, loop_monotonic() + SAY_AGAIN);
}

int ready_start(struct daemon *d)
{
	int r = loop_timer_new(d->loop, due, d, &d->unready);

	if (r < 0)
		return r;
	loop_timer_set(d->unready, loop_monotonic() + SAY_AFTER);
	return fleet_listen(d->fleet, fleet_is_ready, d);
}
