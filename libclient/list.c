/* SPDX-License-Identifier: Apache-2.0 */

/* Lists: one reply read into an array of rows whose strings live in the reply. */

#include "list.h"

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "fields.h"

#define VM_ROW "(ssotqsssstta{sv})"
#define PARTITION_ROW "qsssosuuua{sv}"

struct lifecycle_vm_list {
	sd_bus_message *reply;
	struct lifecycle_vm *row;
	size_t count;
};

struct lifecycle_partition_list {
	sd_bus_message *reply;
	sd_bus_message **more; /* the properties of each, or NULL */
	struct lifecycle_partition *row;
	const char **path;
	size_t count;
};

UTIL_UNREFP(lifecycle_partition_list)

#define AT(member) offsetof(struct lifecycle_vm, member)
static const struct field vm_more[] = {
	{ "WaitsOn", "s", AT(waits_on), read_wait },
	{ "SecureStuck", "b", AT(secure_stuck), read_bool },
	{ "Unreachable", "b", AT(unreachable), read_bool },
	{ "Stale", "b", AT(stale), read_bool },
	{ "VmmPid", "u", AT(vmm_pid), read_u32 },
	{ "Restarts", "u", AT(restarts), read_u32 },
	{ "OldLives", "u", AT(old_lives), read_u32 },
	{ "Pending", "s", AT(pending), read_string },
	{ "StuckPartitions", "aq", AT(stuck_at), read_sp_ids },
};
#undef AT

static int read_vm(sd_bus_message *m, void *element)
{
	struct lifecycle_vm *vm = element;
	const char *path;
	int r;

	*vm = (struct lifecycle_vm){ .size = sizeof(*vm), .pending = "-" };
	r = sd_bus_message_read(m, "ssotq", &vm->name, &vm->uuid, &path, &vm->life, &vm->endpoint);
	if (r >= 0)
		r = read_state(m, &vm->state);
	if (r >= 0)
		r = read_substate(m, &vm->substate);
	if (r >= 0)
		r = read_cause(m, &vm->cause);
	if (r >= 0)
		r = read_operation(m, &vm->operation);
	if (r >= 0)
		r = read_time(m, &vm->since);
	if (r >= 0)
		r = read_u64(m, &vm->changed_at);
	return r < 0 ? r : fields_read(m, vm_more, sizeof(vm_more) / sizeof(*vm_more), vm);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lifecycle_vm *)a)->name, ((const struct lifecycle_vm *)b)->name);
}

int vm_list_read(sd_bus_message *reply, struct lifecycle_vm_list **ret)
{
	_cleanup_(lifecycle_vm_list_unrefp) struct lifecycle_vm_list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	list->reply = sd_bus_message_ref(reply);
	r = array_read(reply, VM_ROW, sizeof(*list->row), read_vm, (void **)&list->row, &list->count);
	if (r < 0)
		return r;
	if (list->count)
		qsort(list->row, list->count, sizeof(*list->row), by_name);
	*ret = util_take(&list);
	return 0;
}

int lifecycle_list(struct lifecycle *l, struct lifecycle_vm_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "List" };
	_cleanup_(message_unrefp) sd_bus_message *reply = NULL;
	sd_bus_message *request = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r >= 0)
		r = connection_call(l, request, &reply);
	if (r < 0)
		return r;
	r = vm_list_read(reply, ret);
	return r < 0 ? connection_bad_reply(l, r, "List") : 0;
}

struct lifecycle_vm_list *lifecycle_vm_list_unref(struct lifecycle_vm_list *list)
{
	if (!list)
		return NULL;
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

size_t lifecycle_vm_list_count(const struct lifecycle_vm_list *list)
{
	return list->count;
}

const struct lifecycle_vm *lifecycle_vm_list_at(const struct lifecycle_vm_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}

const struct lifecycle_vm *lifecycle_vm_list_find(const struct lifecycle_vm_list *list, const char *name)
{
	struct lifecycle_vm key = { .name = name };

	return list->count ? bsearch(&key, list->row, list->count, sizeof(key), by_name) : NULL;
}

/* ---- partitions ---- */

static int read_uuids(sd_bus_message *m, void *to)
{
	struct lifecycle_partition *p = to;
	const char **uuids = NULL, *text;
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
		r = array_grow((void **)&uuids, count, sizeof(*uuids));
		if (r >= 0)
			uuids[count++] = text;
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0) {
		free(uuids);
		return r;
	}
	free((void *)p->uuids); /* a key that came twice */
	p->uuids = uuids;
	p->uuid_count = count;
	return 0;
}

static int read_queues(sd_bus_message *m, void *to)
{
	struct lifecycle_queues *q = to;

	return sd_bus_message_read(m, "(uuuu)", &q->line, &q->ready, &q->back_off, &q->probe);
}

static int read_frame_counts(sd_bus_message *m, void *to)
{
	struct lifecycle_frames *f = to;

	return sd_bus_message_read(m, "(ttt)", &f->submitted, &f->completed, &f->lost);
}

#define AT(member) offsetof(struct lifecycle_partition, member)
static const struct field sp_properties[] = {
	{ "ExecutionContexts", "q", AT(contexts), read_u16_wide },
	{ "SubscribesCreated", "b", AT(wants_created), read_bool },
	{ "SubscribesDestroyed", "b", AT(wants_destroyed), read_bool },
	{ "Profile", "s", AT(profile), read_string },
	{ "Generation", "u", AT(generation), read_u32 },
	{ "Sent", "t", AT(sent), read_u64 },
	{ "Retried", "t", AT(retried), read_u64 },
	{ "Answered", "t", AT(answered), read_u64 },
	{ "Version", "u", AT(version), read_u32 },
	{ "InFlight", "b", AT(in_flight), read_bool },
	{ "StuckSince", "t", AT(stuck_since), read_time },
	{ "NextProbe", "t", AT(next_probe), read_time },
	{ "RestsUntil", "t", AT(rests_until), read_time },
	{ "Queues", "(uuuu)", AT(queues), read_queues },
	{ "Frames", "(ttt)", AT(frames), read_frame_counts },
	{ "Verdicts", "a{st}", AT(verdicts), read_counts },
	{ "Settled", "a{st}", AT(settled), read_counts },
	{ "CreatedRetries", "at", AT(created_retries), read_histogram },
	{ "CreatedLatency", "at", AT(created_latency), read_histogram },
	{ "DestroyedRetries", "at", AT(destroyed_retries), read_histogram },
	{ "DestroyedLatency", "at", AT(destroyed_latency), read_histogram },
	{ "FrameLatency", "at", AT(frame_latency), read_histogram },
	{ "UUIDs", "as", 0, read_uuids },
};
#undef AT

static int read_partition(sd_bus_message *m, struct lifecycle_partition *p, const char **ret_path)
{
	const char *kind;
	int r;

	*p = (struct lifecycle_partition){ .size = sizeof(*p), .profile = "" };
	r = sd_bus_message_read(m, "qsssosuuu", &p->id, &kind, &p->name, &p->uuid, ret_path, &p->status, &p->properties,
		&p->owed, &p->stuck);
	if (r < 0)
		return r;
	p->secure = strcmp(kind, "sp") == 0;
	return sd_bus_message_skip(m, "a{sv}");
}

static int add_partition(struct lifecycle_partition_list *list)
{
	int r = array_grow((void **)&list->row, list->count, sizeof(*list->row));

	if (r >= 0)
		r = array_grow((void **)&list->path, list->count, sizeof(*list->path));
	if (r >= 0)
		r = array_grow((void **)&list->more, list->count, sizeof(*list->more));
	if (r >= 0)
		r = read_partition(list->reply, &list->row[list->count], &list->path[list->count]);
	if (r >= 0)
		list->more[list->count++] = NULL;
	return r;
}

static int read_partitions(struct lifecycle_partition_list *list)
{
	int r = sd_bus_message_enter_container(list->reply, 'a', "(" PARTITION_ROW ")");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(list->reply, 'r', PARTITION_ROW)) > 0) {
		r = add_partition(list);
		if (r >= 0)
			r = sd_bus_message_exit_container(list->reply);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(list->reply);
}

/* An SP may vanish between the list and the question: its row stays as the list said. */
static int read_sp_properties(struct lifecycle *l, struct lifecycle_partition_list *list, size_t i)
{
	int r = connection_get_all(l, list->path[i], BUS_PARTITION, &list->more[i]);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = fields_read(list->more[i], sp_properties, sizeof(sp_properties) / sizeof(*sp_properties), &list->row[i]);
	return r < 0 ? connection_bad_reply(l, r, "GetAll") : 0;
}

int lifecycle_partitions(struct lifecycle *l, struct lifecycle_partition_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "ListPartitions" };
	_cleanup_(lifecycle_partition_list_unrefp) struct lifecycle_partition_list *list = calloc(1, sizeof(*list));
	sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, "ListPartitions");
	r = connection_prepare(l, &target, &request);
	if (r >= 0)
		r = connection_call(l, request, &list->reply);
	if (r < 0)
		return r;
	r = read_partitions(list);
	if (r < 0)
		return connection_bad_reply(l, r, "ListPartitions");
	for (size_t i = 0; i < list->count; i++) {
		if (list->row[i].secure)
			r = read_sp_properties(l, list, i);
		if (r < 0)
			return r;
	}
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_partition_list *lifecycle_partition_list_unref(struct lifecycle_partition_list *list)
{
	if (!list)
		return NULL;
	for (size_t i = 0; i < list->count; i++) {
		free((void *)list->row[i].verdicts.at);
		free((void *)list->row[i].settled.at);
		free((void *)list->row[i].uuids);
		sd_bus_message_unref(list->more[i]);
	}
	sd_bus_message_unref(list->reply);
	free(list->more);
	free(list->row);
	free(list->path);
	free(list);
	return NULL;
}

size_t lifecycle_partition_list_count(const struct lifecycle_partition_list *list)
{
	return list->count;
}

const struct lifecycle_partition *lifecycle_partition_list_at(const struct lifecycle_partition_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}
