/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A story told to the step, input by input, without engine or adapters: two SPs, and what everybody says by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "model/lifecycle.h"

#define MS 1000000ull
#define TRUSTY 0x8001
#define OPTEE 0x8002

struct story {
	struct model m;
	struct step_out o; /* of the last input */
	uint64_t now;
};

int story_begin(void **state);
int story_end(void **state);

void step(struct story *s, struct input in);
void step_too(struct story *s, struct input in); /* in the same turn as the one before */
void ask(struct story *s, enum request_verb verb, const char *name, uint64_t life);
void meet_secure_side(struct story *s, uint8_t instance, uint32_t generation);
void answer(struct story *s, uint16_t sp, enum verdict v, enum call_kind kind);
void life_says(struct story *s, enum input_kind kind, uint64_t life);

const struct output *find_output(const struct story *s, enum output_kind kind, uint16_t sp); /* sp 0: any */
bool sends(const struct story *s, uint16_t sp, enum call_kind kind);
struct life *current(struct story *s, const char *name);

uint64_t start(struct story *s, const char *name); /* up to announcing: both SPs were sent VM_CREATED */
uint64_t run(struct story *s, const char *name);

/* Of the VM "web". */
const struct change_operation *operation(struct story *s);
struct wait_reason waits(struct story *s);

void tick_after(struct story *s, uint64_t time);
void end_as(struct story *s, uint64_t life, enum vm_cause cause);
void settle(struct story *s, uint64_t life); /* from the end of the life on: nothing is left of it */
/* The model as the log has it, at that time of its own boot; a second later, in the same one. */
struct story *next_daemon(struct story *s, uint64_t now, bool same_boot);
struct story *next_daemon_by( /* as `copy`, which may leave out what the log has lost, hands it on to story_copy() */
	struct story *s, int (*copy)(void *model, const struct change *c), uint64_t now, bool same_boot);
struct story *reborn(struct story *s);

int story_copy(void *model, const struct change *c); /* for model_snapshot(): applies it to another model */
