/* SPDX-License-Identifier: Apache-2.0 */

/* What lives owe SPs, debt by debt, the lives that a VM left behind as well. */

#include "bus/internal.h"

/* Stuck debts share their SP's probe, and those that are ready its rest. */
static uint64_t next_of(const struct bus *b, const struct debt_row *d)
{
	const struct sp_row *sp = bus_partition_row(b, d->sp);

	if (sp && d->place == PLACE_PROBE)
		return sp->probe_at;
	return sp && d->place == PLACE_READY ? sp->rest_at : d->next;
}

static int append_peer(sd_bus_message *reply, const struct bus *b, const char *name, bool old, const struct debt_row *d)
{
	int r = sd_bus_message_open_container(reply, 'r', "tqqsssuutttsa{sv}");

	if (r >= 0)
		r = sd_bus_message_append(reply, "tqqsssuuttts", d->life, d->endpoint, d->sp, bus_word(WORDS_DEBT, d->state),
			bus_word(WORDS_HOW, d->how), bus_word(WORDS_VERDICT, d->reply), d->tries, d->sent, d->since / 1000,
			next_of(b, d) / 1000, d->until / 1000, name);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r >= 0 && d->stuck)
		r = sd_bus_message_append(reply, "{sv}", "Stuck", "b", 1);
	if (r >= 0 && d->place != PLACE_NONE)
		r = sd_bus_message_append(reply, "{sv}", "Place", "s", bus_word(WORDS_PLACE, d->place));
	if (r >= 0 && old)
		r = sd_bus_message_append(reply, "{sv}", "Old", "b", 1);
	if (r >= 0 && d->ticket)
		r = sd_bus_message_append(reply, "{sv}", "Ticket", "u", d->ticket);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_all(sd_bus_message *reply, const struct bus *b, const struct vm_row *row, uint32_t *left_out)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < row->debt_count + row->old_debt_count; i++)
		r = append_peer(reply, b, row->name, row->debt[i].life != row->life, &row->debt[i]);
	*left_out += row->debts_left_out;
	return r;
}

/* name: "" for all VMs; else one that there is. */
int bus_append_peer_rows(sd_bus_message *reply, const struct bus *b, const char *name)
{
	const struct rows *rows = bus_rows(b);
	uint32_t left_out = 0;
	int r = sd_bus_message_open_container(reply, 'a', PEER_ROW_TYPE);

	if (*name && r >= 0)
		r = append_all(reply, b, rows_vm(rows, name), &left_out);
	for (size_t i = 0; !*name && r >= 0 && i < rows_vm_count(rows); i++)
		r = append_all(reply, b, rows_vm_at(rows, i), &left_out);
	for (size_t i = 0; !*name && r >= 0 && i < rows_orphan_count(rows); i++)
		r = append_peer(reply, b, rows_orphan_at(rows, i)->name, true, &rows_orphan_at(rows, i)->debt);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_message_append(reply, "u", left_out);
}

/* Each SP once, in the order of the rows: the current life's first. */
int bus_append_stuck_partitions(sd_bus_message *reply, const struct vm_row *row)
{
	uint32_t all = row->debt_count + row->old_debt_count;
	uint16_t stuck[MODEL_SP_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < all; i++) {
		size_t k = 0;

		while (k < n && stuck[k] != row->debt[i].sp)
			k++;
		if (row->debt[i].stuck && k == n && n < MODEL_SP_MAX)
			stuck[n++] = row->debt[i].sp;
	}
	return sd_bus_message_append_array(reply, 'q', stuck, n * sizeof(stuck[0]));
}

int bus_get_stuck_partitions(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *field, sd_bus_error *error)
{
	return bus_append_stuck_partitions(reply, field);
}
