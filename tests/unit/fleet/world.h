/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A fleet, an engine that only listens, and places that go when the test ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fleet/fleet.h"

struct engine {
	struct input heard[256];
	size_t count, read;
	int fail; /* so many posts fail from now on */
	bool behind;
};

struct world {
	struct loop *loop;
	struct fleet *fleet;
	struct engine engine;
	struct fleet_config config;
	char runtime[64], memory[64];
	struct vm_definition definition;
	int ready;
};

extern const char *fake_vmm;

int world_setup(void **state);
int world_teardown(void **state);
void world_fleet(struct world *w); /* a fleet, and its engine; not listening yet */
void world_listen(struct world *w);

/* Turns the loop until an input of that kind comes; what comes before it is passed over. */
const struct input *world_wait(struct world *w, enum input_kind kind);
bool world_heard(const struct world *w, enum input_kind kind, uint64_t life);
void world_wait_ready(struct world *w);

void world_start(struct world *w, uint64_t life, const char *name);
struct newborn world_born(struct world *w, uint64_t life, const char *name); /* start, newborn, birth */
void world_path(const struct world *w, uint64_t life, const char *file, char path[256]);
