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
	uint64_t done;   /* inputs and turns, when it looked last */
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
	struct loop_timer *unready;   /* says what READY waits for, and READY again that was not taken */
	struct loop_task turn;
	struct loop_watch *disk;      /* what the store's writer has done */
	struct reload *reload;
	struct watchdog watchdog;
	uint64_t reconnect_delay;
	int unadopted; /* why it cannot be found out whether a VMM on record lives; 0: of each it is known */
	uint8_t machine_id[16];
	bool fleet_ready, named, told_ready, leaving;
};

/* 0, or a negative errno after a line in the log that says what, why and what to do. */
int daemon_start(struct daemon *d, const struct options *o);
int daemon_run(struct daemon *d); /* until SIGTERM or SIGINT; 0 or a negative errno */
void daemon_stop(struct daemon *d);

/* definitions.c: what the bus asks of them; its argument is a daemon */
extern const struct bus_definitions definitions_ops;

/* reload.c: vm.d is read again */
struct reload *reload_new(struct daemon *d);
int reload_ask(struct reload *r, bool dry, uint64_t token); /* token: of the bus, that is told how it went; 0: nobody is */
int reload_now(struct reload *r);                           /* the daemon comes up, and may wait for a disk */
bool reload_answer(struct reload *r, const struct answer *a); /* false: it is another's */
void reload_close(struct reload *r);
struct reload *reload_free(struct reload *r);

/* connection.c: the bus, and its return when it broke */
int connection_open(struct daemon *d);
void connection_named(void *arg, int error);
void connection_close(struct daemon *d);

/* watchdog.c */
int watchdog_start(struct daemon *d);

/* ready.c: READY=1, once the bus has given its name and each VMM on record has connected, died, or had its time */
int ready_start(struct daemon *d);
void ready_check(struct daemon *d);
