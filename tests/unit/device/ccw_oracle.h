/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The second statement of the ccw table. */

#include "device/ccw.h"

/* How a device may answer: all its orders alike. */
enum oracle_answer { ANSWER_OK, ANSWER_BUSY, ANSWER_GONE, ANSWER_OTHER, ANSWER_LOST, ORACLE_ANSWER_COUNT };

enum oracle_kind { ORACLE_NONE, ORACLE_DENIED, ORACLE_IGNORED, ORACLE_DROPPED, ORACLE_MOVES };

struct oracle_cell {
	enum oracle_kind kind;
	int error;
	struct {
		bool said;
		enum ccw_state to;
		uint32_t effects; /* enum ccw_effect: exactly these */
	} by[ORACLE_ANSWER_COUNT];
};

const struct oracle_cell *oracle_cell(enum ccw_state state, enum ccw_event event);
