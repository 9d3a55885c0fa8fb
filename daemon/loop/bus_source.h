/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attaches an sd_bus to the loop. */

#include <systemd/sd-bus.h>

#include "loop/loop.h"

struct bus_source;

/*
 * Processes at most a budget of messages a turn, so that a chatty client cannot starve the rest. `gone` (or NULL) is
 * called once, from the loop, when the connection is lost, or (-ENOBUFS) when the peer has taken nothing for so long that it must
 * be given up; the source is idle then and is still to be freed.
 */
typedef void bus_gone_fn(void *arg, int error);
int bus_source_new(struct loop *l, sd_bus *bus, bus_gone_fn *gone, void *arg, struct bus_source **ret);
struct bus_source *bus_source_free(struct bus_source *s); /* before the bus is closed; NULL is fine; returns NULL */
