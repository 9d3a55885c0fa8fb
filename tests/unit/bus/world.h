/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The bus room on a bus of its own, with a client beside it: a dbus-daemon, a loop, a fake engine. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bus/bus.h"
#include "bus/internal.h"
#include "loop/bus_source.h"
#include "loop/loop.h"
#include "unit/bus/fake.h"

#define NOBODY      65534
#define SIGNALS_MAX 64
#define WORLD_PATIENCE_NS 20000000000ull

struct client {
	struct world *world;
	sd_bus *sd;
	struct bus_source *source;
};

struct world {
	char dir[64];
	char address[128];
	pid_t daemon;
	struct loop *loop;
	struct loop_timer *patience;
	struct engine engine;
	struct bus_config config;
	struct bus *bus;
	sd_bus *sd;
	struct bus_source *source;
	bool named;
	struct client root, nobody;
	char *signal[SIGNALS_MAX]; /* as text, in the order they came */
	size_t signals;
	int console_flags; /* what open_console opens with; -1: there is none */
	uint64_t console_life;
	bool reloads, reload_dry;
	uint64_t reload_token;
};

int world_setup(void **state);
int world_teardown(void **state);
void world_until(struct world *w, const bool *done);
void world_connect(struct world *w, struct client *c, uid_t uid);
void world_disconnect(struct client *c);

/* Builds the room anew with another configuration. */
void world_rebuild(struct world *w, void (*change)(struct bus_config *config));
void world_attach(struct world *w);

/* An answer that comes later. */
struct pending {
	sd_bus_message *reply;
	bool done;
};
void ask(struct client *c, struct pending *p, const char *path, const char *interface, const char *member,
	const char *types, ...);
/* A person may be asked for a password. */
void ask_interactively(struct client *c, struct pending *p, const char *path, const char *interface, const char *member,
	const char *types, ...);
/* One that is waited for. NULL types: none. */
sd_bus_message *call(struct client *c, const char *path, const char *interface, const char *member,
	const char *types, ...);
#define call_manager(c, member, ...)   call((c), BUS_PATH, MANAGER_INTERFACE, (member), __VA_ARGS__)
#define ask_manager(c, p, member, ...) ask((c), (p), BUS_PATH, MANAGER_INTERFACE, (member), __VA_ARGS__)
void assert_error(sd_bus_message *reply, const char *name, const char *text_part); /* frees the reply */
void assert_fine(sd_bus_message *reply);

/* The engine's side of things. */
void wait_posted(struct world *w, size_t count);
void answer(struct world *w, size_t posted, enum refusal refusal, uint64_t seq, const char *text);
void publish(struct world *w, const struct event_record *event, size_t count);

/* Signals, as "Member /path words...". */
void listen_signals(struct world *w);
void assert_signals(
	struct world *w, const char *const *expected, size_t count); /* these, no others, in order */
