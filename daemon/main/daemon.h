/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon: the rooms, wired together. */

#include <systemd/sd-bus.h>

#include "bus/bus.h"
#include "engine/engine.h"
#include "fleet/fleet.h"
#include "loop/bus_source.h"
#include "loop/loop.h"
#include "main/options.h"
#include "secure/secure.h"
#include "store/log.h"
#include "store/page.h"

struct watchdog {
	struct loop_timer *timer;
	uint64_t period; /* ns; 0: nobody waits for a sign of life */
	uint64_t seq;    /* the last turn shown when it looked last */
};

struct daemon {
	const struct options *options;
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct fleet *fleet;
	struct secure *secure;
	struct page *page;
	struct bus *bus;
	sd_bus *connection;
	struct bus_source *source;
	struct loop_timer *reconnect; /* to the bus */
	struct loop_timer *wake;      /* the engine's next deadline */
	struct loop_timer *farewell;  /* how long SIGTERM waits for retires */
	struct loop_task turn;
	struct watchdog watchdog;
	uint64_t reconnect_delay;
	uint8_t machine_id[16];
	bool fleet_ready, named, told_ready, leaving;
};

/* 0, or a negative errno after a line in the log that says what, why and what to do. */
int daemon_start(struct daemon *d, const struct options *o);
int daemon_run(struct daemon *d); /* until SIGTERM or SIGINT; 0 or a negative errno */
void daemon_stop(struct daemon *d);

/* definitions.c: vm.d and what D-Bus brings */
void definitions_reload(struct daemon *d);
int definitions_parse(void *daemon, const char *text, const char *source, struct vm_definition **ret, char *error,
	size_t size);

/* connection.c: the bus, and its return when it broke */
int connection_open(struct daemon *d);
void connection_named(void *daemon, int error);
void connection_close(struct daemon *d);

/* watchdog.c */
int watchdog_start(struct daemon *d);

/* daemon.c */
void daemon_tell_ready(struct daemon *d);
