/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P6, a start that waits for SPs: it says for which, and until when, and that time does not move, whoever dies meanwhile.
 * Told from the stored changes and the rows.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"

#define MEETING (2 * S) /* so long a new daemon has to meet an SP, if less is left */

static bool is_in_order(struct world *w, uint16_t id)
{
	const struct rows *rows = engine_rows(w->engine);

	for (size_t i = 0; i < rows_sp_count(rows); i++)
		if (rows_sp_at(rows, i)->sp.id == id)
			return rows_secure_up(rows) && rows_sp_at(rows, i)->sp.status == SP_OK;
	return false;
}

static uint64_t until(const struct world *w, const struct kept_vm *k)
{
	uint64_t meeting = w->incarnation - w->boot_base + MEETING;

	return k->partition_by > meeting ? k->partition_by : meeting;
}

bool oracle_wants_partition(struct world *w, const struct vm_row *row, uint16_t id)
{
	const struct kept_vm *k = oracle_kept(w, row->name);

	for (unsigned i = 0; k && i < k->definition.partition_count; i++)
		if ((!id || k->definition.partition[i].id == id) && !is_in_order(w, k->definition.partition[i].id))
			return true;
	return false;
}

/* The row names an SP on which a start waits. */
void oracle_partition_row(struct world *w, const struct vm_row *row)
{
	const struct kept_vm *k = oracle_kept(w, row->name);

	if (k && k->partition_boot == w->boot && row->waits.until != until(w, k))
		fail(w, "P6", "%s waits for an SP until %" PRIu64 ", and says %" PRIu64, row->name, until(w, k), row->waits.until);
}

/* An operation is stored: `k` is as it was before. */
void oracle_partition_stored(struct world *w, struct kept_vm *k, const struct change_operation *op)
{
	if (k->partition_boot == w->boot && k->partition_by && op->partition_by > k->partition_by)
		fail(w, "P6", "%s was to wait for an SP until %" PRIu64 ", and now until %" PRIu64, k->name, k->partition_by,
			op->partition_by);
	k->partition_by = op->partition_by;
	k->partition_boot = w->boot;
}

/* A start comes to nothing. */
void oracle_partition_missed(struct world *w, const struct kept_vm *k, const struct change_end *end)
{
	if (strstr(end->text, "limits.partition-timeout") && k->partition_boot == w->boot && world_monotonic(w) < until(w, k))
		fail(w, "P6", "%s gives up %" PRIu64 " ns too early: %s", k->name, until(w, k) - world_monotonic(w), end->text);
}
