/* SPDX-License-Identifier: Apache-2.0 */

/* org.lifecycled.Lifecycle1.Partition: one object for each Secure Partition, at its id in four hex digits. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"
#include "proto/ffa.h"

static struct sp_row leaving_row;

const struct sp_row *bus_partition_row(const struct bus *b, uint16_t id)
{
	const struct rows *rows = bus_rows(b);

	for (size_t i = 0; i < rows_sp_count(rows); i++)
		if (rows_sp_at(rows, i)->sp.id == id)
			return rows_sp_at(rows, i);
	return NULL;
}

/* One spelling for each id: four digits, lower case. */
static int partition_parse(const char *path, uint16_t *ret_id)
{
	const char *digits = path + strlen(PARTITION_PREFIX);

	if (strncmp(path, PARTITION_PREFIX, strlen(PARTITION_PREFIX)) != 0 || *digits++ != '/')
		return -ENOENT;
	if (strlen(digits) != 4 || strspn(digits, "0123456789abcdef") != 4)
		return -ENOENT;
	*ret_id = (uint16_t)strtoul(digits, NULL, 16);
	return 0;
}

static int partition_find(sd_bus *sd, const char *path, const char *interface, void *userdata,
	void **ret_found, sd_bus_error *error)
{
	struct bus *b = userdata;
	const struct sp_row *row;
	uint16_t id;

	if (partition_parse(path, &id) < 0)
		return 0;
	row = bus_partition_row(b, id);
	if (!row && b->leaving_sp && b->leaving_sp == id)
		row = &leaving_row;
	*ret_found = (void *)row;
	return row != NULL;
}

static int partition_enumerate(
	sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error)
{
	const struct rows *rows = bus_rows(userdata);
	size_t count = rows_sp_count(rows);
	char **paths = calloc(count + 1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (bus_partition_path(rows_sp_at(rows, i)->sp.id, &paths[i]) < 0) {
			while (i > 0)
				free(paths[--i]);
			free(paths);
			return -ENOMEM;
		}
	}
	*ret_nodes = paths;
	return 0;
}

static int append_property_bit(sd_bus_message *reply, const void *field, uint32_t bit)
{
	uint32_t properties = *(const uint32_t *)field;

	/* Bits 6 and 7 mean something only together with bit 0 (FF-A v1.2, table 6.2). */
	return sd_bus_message_append(
		reply, "b", (properties & FFA_PROP_DIRECT_REQ_RECEIVE) && (properties & bit));
}

static int get_subscribes_created(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *field, sd_bus_error *error)
{
	return append_property_bit(reply, field, FFA_PROP_VM_CREATED);
}

static int get_subscribes_destroyed(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *field, sd_bus_error *error)
{
	return append_property_bit(reply, field, FFA_PROP_VM_DESTROYED);
}

#define FIELD(field) offsetof(struct sp_row, field)
#define CONST        SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES      SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE /* only in signals.c's table told_sp */

static const sd_bus_vtable partition_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Id", "q", NULL, FIELD(sp.id), CONST),
	SD_BUS_PROPERTY("UUID", "s", bus_get_uuid, FIELD(sp.uuid), CHANGES),
	SD_BUS_PROPERTY("UUIDs", "as", bus_get_uuids, FIELD(sp), 0),
	SD_BUS_PROPERTY("Properties", "u", NULL, FIELD(sp.properties), CHANGES),
	SD_BUS_PROPERTY("ExecutionContexts", "q", NULL, FIELD(sp.contexts), CHANGES),
	SD_BUS_PROPERTY("SubscribesCreated", "b", get_subscribes_created, FIELD(sp.properties), CHANGES),
	SD_BUS_PROPERTY("SubscribesDestroyed", "b", get_subscribes_destroyed, FIELD(sp.properties), CHANGES),
	SD_BUS_PROPERTY("Profile", "s", bus_get_profile, FIELD(sp.profile), CHANGES),
	SD_BUS_PROPERTY("Status", "s", bus_get_status, FIELD(sp.status), CHANGES),
	SD_BUS_PROPERTY("Generation", "u", NULL, FIELD(sp.generation), CHANGES),
	SD_BUS_PROPERTY("Version", "u", NULL, FIELD(sp.version), CHANGES),
	SD_BUS_PROPERTY("Owed", "u", NULL, FIELD(owed), 0),
	SD_BUS_PROPERTY("Stuck", "u", NULL, FIELD(stuck), 0),
	SD_BUS_PROPERTY("StuckSince", "t", bus_get_usec, FIELD(stuck_since), 0),
	SD_BUS_PROPERTY("Sent", "t", NULL, FIELD(sent), 0),
	SD_BUS_PROPERTY("Retried", "t", NULL, FIELD(retried), 0),
	SD_BUS_PROPERTY("Answered", "t", NULL, FIELD(answered), 0),
	SD_BUS_PROPERTY("InFlight", "b", bus_get_bool, FIELD(in_flight), 0),
	SD_BUS_PROPERTY("NextProbe", "t", bus_get_usec, FIELD(probe_at), 0),
	SD_BUS_PROPERTY("RestsUntil", "t", bus_get_usec, FIELD(rest_at), 0),
	SD_BUS_PROPERTY("Queues", "(uuuu)", bus_get_queues, FIELD(counts.queued), 0),
	SD_BUS_PROPERTY("Verdicts", "a{st}", bus_get_verdicts, FIELD(counts.verdict), 0),
	SD_BUS_PROPERTY("Settled", "a{st}", bus_get_settled, FIELD(counts.how), 0),
	SD_BUS_PROPERTY("CreatedRetries", "at", bus_get_histogram, FIELD(counts.created.retries), 0),
	SD_BUS_PROPERTY("CreatedLatency", "at", bus_get_histogram, FIELD(counts.created.latency), 0),
	SD_BUS_PROPERTY("DestroyedRetries", "at", bus_get_histogram, FIELD(counts.destroyed.retries), 0),
	SD_BUS_PROPERTY("DestroyedLatency", "at", bus_get_histogram, FIELD(counts.destroyed.latency), 0),
	SD_BUS_PROPERTY("Frames", "(ttt)", bus_get_frames, FIELD(sp.id), 0),
	SD_BUS_PROPERTY("FrameLatency", "at", bus_get_frame_latency, FIELD(sp.id), 0),
	SD_BUS_VTABLE_END,
};

int bus_partition_add(struct bus *b)
{
	int r = sd_bus_add_fallback_vtable(b->sd, bus_slot(b), PARTITION_PREFIX, PARTITION_INTERFACE,
		partition_vtable, partition_find, b);

	return r < 0 ? r
		     : sd_bus_add_node_enumerator(
			       b->sd, bus_slot(b), PARTITION_PREFIX, partition_enumerate, b);
}
