/* SPDX-License-Identifier: Apache-2.0 */

/* Whole rows in one reply: what List, ListPartitions and Subscribe answer with. */

#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"
#include "proto/ffa.h"

int bus_append_peers(sd_bus_message *reply, const struct vm_row *row)
{
	int r = sd_bus_message_open_container(reply, 'a', "(qssub)");

	for (unsigned i = 0; r >= 0 && i < row->debt_count; i++) {
		const struct debt_row *d = &row->debt[i];

		r = sd_bus_message_append(reply, "(qssub)", d->sp, bus_word(WORDS_DEBT, d->state),
			bus_word(WORDS_HOW, d->how), d->tries, (int)d->stuck);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

struct row_entry {
	const char *key, *type;
	int (*append)(sd_bus_message *reply, const struct vm_row *row);
};
static const struct row_entry peers_entry = { "SecurePeers", "a(qssub)", bus_append_peers };
static const struct row_entry stuck_entry = { "StuckPartitions", "aq", bus_append_stuck_partitions };

static int append_entry(sd_bus_message *reply, const struct row_entry *e, const struct vm_row *row)
{
	int r = sd_bus_message_open_container(reply, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(reply, "s", e->key);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', e->type);
	if (r >= 0)
		r = e->append(reply, row);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static bool is_stuck_anywhere(const struct vm_row *row)
{
	for (uint32_t i = 0; i < row->debt_count + row->old_debt_count; i++)
		if (row->debt[i].stuck)
			return true;
	return false;
}

/* Only what is not false, 0 or "-": most VMs have none of it. */
static int append_more(sd_bus_message *reply, const struct vm_row *row, bool peers)
{
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");

	if (r >= 0 && row->waits.on != WAIT_NOTHING)
		r = sd_bus_message_append(reply, "{sv}", "WaitsOn", "s", bus_word(WORDS_WAIT, row->waits.on));
	if (r >= 0 && row->secure_stuck)
		r = sd_bus_message_append(reply, "{sv}", "SecureStuck", "b", 1);
	if (r >= 0 && row->unreachable)
		r = sd_bus_message_append(reply, "{sv}", "Unreachable", "b", 1);
	if (r >= 0 && row->stale)
		r = sd_bus_message_append(reply, "{sv}", "Stale", "b", 1);
	if (r >= 0 && row->vmm_pid)
		r = sd_bus_message_append(reply, "{sv}", "VmmPid", "u", (uint32_t)row->vmm_pid);
	if (r >= 0 && row->restarts)
		r = sd_bus_message_append(reply, "{sv}", "Restarts", "u", row->restarts);
	if (r >= 0 && row->old_lives)
		r = sd_bus_message_append(reply, "{sv}", "OldLives", "u", row->old_lives);
	if (r >= 0 && row->waits_for_end)
		r = sd_bus_message_append(reply, "{sv}", "Pending", "s", bus_word(WORDS_PENDING, row->waits_for_end));
	if (r >= 0 && is_stuck_anywhere(row))
		r = append_entry(reply, &stuck_entry, row);
	if (r >= 0 && peers && row->debt_count)
		r = append_entry(reply, &peers_entry, row);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_vm(sd_bus_message *reply, const struct vm_row *row, bool peers)
{
	_cleanup_(freep) char *path = NULL;
	char uuid[UUID_TEXT_SIZE];
	int r;

	r = bus_vm_path(row->name, &path);
	if (r < 0)
		return r;
	bus_uuid_text(row->uuid, uuid);
	r = sd_bus_message_open_container(reply, 'r', "ssotqsssstta{sv}");
	if (r < 0)
		return r;
	r = sd_bus_message_append(reply, "ssotqsssstt", row->name, uuid, path, row->life, row->endpoint,
		bus_word(WORDS_STATE, row->state), bus_word(WORDS_SUBSTATE, row->substate),
		bus_word(WORDS_CAUSE, row->cause), bus_word(WORDS_OPERATION, row->operation),
		row->since / 1000, row->changed_at);
	if (r < 0)
		return r;
	r = append_more(reply, row, peers);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_append_vms(sd_bus_message *reply, const struct rows *rows, const char *filter, bool peers)
{
	int r = sd_bus_message_open_container(reply, 'a', VM_ROW_TYPE);

	if (filter) {
		const struct vm_row *row = rows_vm(rows, filter);

		if (r >= 0 && row)
			r = append_vm(reply, row, peers);
	} else {
		for (size_t i = 0; r >= 0 && i < rows_vm_count(rows); i++)
			r = append_vm(reply, rows_vm_at(rows, i), peers);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_sp(sd_bus_message *reply, const struct sp_row *row)
{
	_cleanup_(freep) char *path = NULL;
	char uuid[UUID_TEXT_SIZE];
	int r;

	r = bus_partition_path(row->sp.id, &path);
	if (r < 0)
		return r;
	bus_uuid_text(row->sp.uuid, uuid);
	return sd_bus_message_append(reply, PARTITION_ROW_TYPE, row->sp.id, "sp", "", uuid, path,
		bus_word(WORDS_STATUS, row->sp.status), row->sp.properties, row->owed, row->stuck, 0);
}

static int append_vm_partition(sd_bus_message *reply, const struct vm_row *row)
{
	_cleanup_(freep) char *path = NULL;
	char uuid[UUID_TEXT_SIZE];
	uint32_t owed = 0, stuck = 0;
	int r;

	r = bus_vm_path(row->name, &path);
	if (r < 0)
		return r;
	bus_uuid_text(row->uuid, uuid);
	for (unsigned i = 0; i < row->debt_count; i++) {
		owed += row->debt[i].state != DEBT_NONE && row->debt[i].state != DEBT_SETTLED;
		stuck += row->debt[i].stuck;
	}
	return sd_bus_message_append(reply, PARTITION_ROW_TYPE, row->endpoint, "vm", row->name, uuid, path,
		bus_word(WORDS_STATE, row->state), (uint32_t)0, owed, stuck, 0);
}

static int append_sps_open(sd_bus_message *reply, const struct rows *rows)
{
	int r = sd_bus_message_open_container(reply, 'a', PARTITION_ROW_TYPE);

	for (size_t i = 0; r >= 0 && i < rows_sp_count(rows); i++)
		r = append_sp(reply, rows_sp_at(rows, i));
	return r;
}

int bus_append_sps(sd_bus_message *reply, const struct rows *rows)
{
	int r = append_sps_open(reply, rows);

	return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_append_partitions(sd_bus_message *reply, const struct rows *rows)
{
	int r = append_sps_open(reply, rows);

	for (size_t i = 0; r >= 0 && i < rows_vm_count(rows); i++)
		if (rows_vm_at(rows, i)->endpoint)
			r = append_vm_partition(reply, rows_vm_at(rows, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}
