/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lifecycles over time, as events tell them: a row a VM, and a row for each message to an SP. A row has spans (a life, or the
 * message that was owed for one), a span has parts (the states of that life) and marks (frames). Times are CLOCK_REALTIME ns.
 */

#include <lifecycle.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_TITLE_MAX 160

struct plot_part { /* until the next one begins, or the span ends */
	uint64_t from;
	const char *class;
	char title[PLOT_TITLE_MAX];
};

struct plot_mark {
	uint64_t at;
	bool answer;
	char title[PLOT_TITLE_MAX];
};

struct plot_span {
	uint64_t life, from, to;
	uint16_t endpoint;
	bool open; /* it goes on */
	char end[64]; /* what ended it */
	struct plot_part *part;
	size_t parts;
	struct plot_mark *mark;
	size_t marks;
};

struct plot_row {
	char name[LIFECYCLE_NAME_MAX + 1];
	uint16_t sp; /* 0: the row of the VM itself */
	bool destroyed; /* the message */
	struct plot_span *span;
	size_t spans;
};

struct plot {
	bool begun;
	uint64_t begin, end;
	struct plot_row *row;
	size_t rows;
};

/* In their order. */
void plot_take(struct plot *p, const struct lifecycle_event *e);
/* One of which no event is told: it lives as long as the picture goes, or since `since`. */
void plot_add_living(struct plot *p, const struct lifecycle_vm *vm, uint64_t since);
void plot_add_frame(struct plot *p, const struct lifecycle_frame *f, uint64_t at);
void plot_clear(struct plot *p);

/* plot_svg.c */
void plot_draw(const struct plot *p, FILE *out);
