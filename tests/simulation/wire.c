/* SPDX-License-Identifier: Apache-2.0 */

/* What passed at the daemon's outside, in order: the last lines for a person, a hash of all of them for a machine. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulation/sim.h"

void wire_note(struct world *w, const char *format, ...)
{
	struct wire *wire = &w->wire;
	char *line = wire->line[wire->next];
	uint64_t now = world_monotonic(w);
	int n = snprintf(line, WIRE_LINE, "%5" PRIu64 ".%06" PRIu64 " ", now / S, now % S / US);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line + n, WIRE_LINE - (size_t)n, format, args);
	va_end(args);
	for (const char *c = line; *c; c++)
		wire->hash = (wire->hash ^ (uint8_t)*c) * 0x100000001B3ull;
	if (wire->verbose)
		puts(line);
	wire->next = (wire->next + 1) % WIRE_KEPT;
	wire->count++;
}

void wire_print(const struct wire *wire)
{
	for (unsigned i = 0; i < WIRE_KEPT; i++) {
		const char *line = wire->line[(wire->next + i) % WIRE_KEPT];

		if (*line)
			printf("  %s\n", line);
	}
}

/* The first failure counts: what comes after it is its consequence. */
void fail(struct world *w, const char *promise, const char *format, ...)
{
	struct failure *f = &w->failure;
	va_list args;

	if (f->failed)
		return;
	f->failed = true;
	f->promise = promise;
	f->step = w->stats.steps;
	va_start(args, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	wire_note(w, "%s BROKEN: %.110s", promise, f->text);
}
