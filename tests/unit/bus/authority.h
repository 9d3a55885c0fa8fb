/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A polkit that is nothing but what the bus room sees of one: it has the name on the test's bus, keeps each question as text, and
 * answers when the test says so.
 */

#include "unit/bus/world.h"

#define QUESTIONS_MAX 64

enum verdict_of_polkit {
	POLKIT_NO,
	POLKIT_YES,
	POLKIT_WANTS_PASSWORD,
	POLKIT_DISMISSED,
};

struct authority {
	struct client on;
	sd_bus_slot *slot;
	sd_bus_message *question[QUESTIONS_MAX]; /* NULL: answered */
	char *text[QUESTIONS_MAX]; /* "SENDER ACTION FLAGS key=value...", details in their order */
	size_t questions;
	char *cancelled[QUESTIONS_MAX]; /* their ids */
	size_t cancels;
	bool garbled; /* its next answer is none */
};

struct authority *authority_new(struct world *w);
struct authority *authority_free(struct authority *a); /* leaves the bus */
void authority_until(struct authority *a, size_t questions);
void authority_until_cancelled(struct authority *a, size_t cancels);
void authority_answer(struct authority *a, size_t question, enum verdict_of_polkit verdict);
