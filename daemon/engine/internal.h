/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The engine itself, for the files of this room alone. */

#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/guests.h"
#include "engine/input_queue.h"

struct engine {
	struct engine_config config;
	struct engine_ports ports;
	struct model model;
	struct step_out out;
	struct rows *rows;
	struct ring *ring;
	struct input_queue queue;
	struct turn turn;          /* being stored; its arrays are those of `out` */
	struct commit commit;
	bool stepped;              /* a turn is under way */
	bool busy;                 /* inside engine_wake: what adapters post meanwhile waits */
	bool started, loaded;
	uint8_t boot[16];          /* under which the log was written last */
	struct guests_room guests;
	struct engine_measure done; /* the store's part is asked for */
};

/* held.c: who waits behind the disk: all that do now that it is to be named, or one more, since then */
void held_name_all(struct engine *e);
void held_name(struct engine *e, const struct input *in, uint64_t since);

/* The model as an empty log leaves it, as the daemon was configured. -ENOMEM. */
int engine_init_model(struct engine *e);
