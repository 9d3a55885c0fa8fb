/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The step that joins the machines: one input in; changes, outputs and answers out. Pure: no fd, no clock, and no
 * allocation once step_reserve() said yes. A change is applied to the model as it is emitted, so several inputs may be
 * stepped into one turn.
 */

#include "model/inputs.h"
#include "model/model.h"
#include "model/outputs.h"
#include "proto/event-stream.h"

struct step_out {
	struct change *change;
	struct event_record *event;
	struct output *output;
	struct answer *answer;
	size_t changes, events, outputs, answers;
	size_t room; /* of each */
};

void step_out_clear(struct step_out *o);
void step_out_free(struct step_out *o);

/* Room for whatever this input may bring. 0 or -ENOMEM: then do not step it, nothing happened. */
int step_reserve(struct step_out *o, struct model *m, const struct input *in);
int step_reserve_resume(struct step_out *o, struct model *m); /* the same for model_resume() */

/* Steps one input; takes over definition and world. `realtime` is for people's eyes alone. */
void model_step(struct model *m, struct input *in, uint64_t realtime, struct step_out *o);

/* The earliest time at which IN_TICK has something to do; UINT64_MAX: never. */
uint64_t model_next_deadline(const struct model *m);

/* After a load: timers, queues and counters anew, and what was left unfinished is taken up. */
void model_resume(struct model *m, uint64_t now, uint64_t realtime, bool same_boot, struct step_out *o);
