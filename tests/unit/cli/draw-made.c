/* SPDX-License-Identifier: Apache-2.0 */

/* Draws events that are made up: a line each on standard input, for test-plot.py. */

#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "plot.h"

/* "state SEC NAME LIFE OLD/SUB NEW/SUB CAUSE", "debt SEC NAME LIFE SP OLD NEW HOW TRIES"; a name may be any text without blanks. */
static bool read_event(const char *line, struct lifecycle_event *e)
{
	char name[LIFECYCLE_NAME_MAX + 1], old[32], old_sub[32], new[32], new_sub[32], cause[32];
	unsigned sp, tries;
	double at;

	*e = (struct lifecycle_event)LIFECYCLE_EVENT_INIT;
	if (sscanf(line, "state %lf %63s %" SCNu64 " %31[^/]/%31s %31[^/]/%31s %31s", &at, name, &e->life, old, old_sub, new, new_sub,
		    cause) == 8) {
		e->kind = LIFECYCLE_EVENT_STATE;
		e->endpoint = (uint16_t)(0x1000 + e->life);
		e->old_state = lifecycle_state_from_name(old);
		e->old_substate = lifecycle_substate_from_name(old_sub);
		e->new_state = lifecycle_state_from_name(new);
		e->new_substate = lifecycle_substate_from_name(new_sub);
		e->cause = lifecycle_cause_from_name(cause);
	} else if (sscanf(line, "debt %lf %63s %" SCNu64 " %x %31s %31s %31s %u", &at, name, &e->life, &sp, old, new, cause, &tries) == 8) {
		e->kind = LIFECYCLE_EVENT_DEBT;
		e->sp = (uint16_t)sp;
		e->old_state = lifecycle_debt_from_name(old);
		e->new_state = lifecycle_debt_from_name(new);
		e->how = lifecycle_how_from_name(cause);
		e->tries = tries;
	} else {
		return false;
	}
	e->realtime = 1000000000000000000u + (uint64_t)(at * 1e9);
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
	return true;
}

int main(void)
{
	struct plot p = { .rows = 0 };
	char line[512];

	while (fgets(line, sizeof(line), stdin)) {
		struct lifecycle_event e;

		if (!read_event(line, &e)) {
			(void)fprintf(stderr, "not understood: %s", line);
			return 1;
		}
		plot_take(&p, &e);
	}
	plot_draw(&p, stdout);
	plot_clear(&p);
	return 0;
}
