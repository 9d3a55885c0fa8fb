/* SPDX-License-Identifier: Apache-2.0 */

/* org.lifecycled.Lifecycle1.Manager */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"

/* Sends what `append` puts in the reply. */
static int reply_rows(struct bus *b, sd_bus_message *m, int (*append)(sd_bus_message *, const struct rows *))
{
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = append(reply, bus_rows(b));
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	(void)sd_bus_message_unref(reply);
	return r;
}

static int append_all_vms(sd_bus_message *reply, const struct rows *rows)
{
	return bus_append_vms(reply, rows, NULL, false);
}

static int manager_method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return reply_rows(userdata, m, append_all_vms);
}

static int manager_method_list_partitions(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return reply_rows(userdata, m, bus_append_partitions);
}

static int manager_method_list_peers(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (*name && !rows_vm(bus_rows(userdata), name))
		return bus_refuse(error, REFUSED_NO_SUCH_VM, "there is no VM '%.64s'", name);
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = bus_append_peer_rows(reply, userdata, name);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int manager_method_list_leases(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (*name && !rows_vm(bus_rows(userdata), name))
		return bus_refuse(error, REFUSED_NO_SUCH_VM, "there is no VM '%.64s'", name);
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = bus_append_lease_rows(reply, bus_rows(userdata), name);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int manager_method_trace(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	uint64_t after;
	uint16_t sp;
	int r = sd_bus_message_read(m, "qt", &sp, &after);

	if (r < 0)
		return r;
	if (sp && !bus_partition_row(userdata, sp))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"no Secure Partition has the id 0x%04x; see ListPartitions", sp);
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = bus_append_frames(reply, userdata, sp, after);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int manager_method_get_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = bus_append_metrics(reply, userdata);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int manager_method_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(freep) char *path = NULL;
	const char *name;
	int r;

	r = sd_bus_message_read(m, "s", &name);
	if (r < 0)
		return r;
	if (!rows_vm(bus_rows(userdata), name))
		return bus_refuse(error, REFUSED_NO_SUCH_VM, "there is no VM '%.64s'", name);
	r = bus_vm_path(name, &path);
	return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

static int manager_method_get_partition(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(freep) char *path = NULL;
	const struct vm_row *vm;
	uint16_t id;
	int r;

	r = sd_bus_message_read(m, "q", &id);
	if (r < 0)
		return r;
	vm = id ? rows_endpoint(bus_rows(userdata), id) : NULL;
	if (!vm && !bus_partition_row(userdata, id))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"no partition has the id 0x%04x; see ListPartitions", id);
	r = vm ? bus_vm_path(vm->name, &path) : bus_partition_path(id, &path);
	return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

static int manager_method_define(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_define_submit(userdata, m, error);
}

static int manager_method_undefine(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_undefine_submit(userdata, m, error);
}

static int manager_method_validate(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_validate_submit(userdata, m, error);
}

static int manager_method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_reload_submit(userdata, m, error);
}

static int manager_method_get_definition(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_get_definition(userdata, m, error);
}

static int manager_method_verb(sd_bus_message *m, struct bus *b, enum request_verb verb, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	return r < 0 ? r : bus_verb_submit(b, m, verb, name, error);
}

static int manager_method_start(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_START, error);
}

static int manager_method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_STOP, error);
}

static int manager_method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_PAUSE, error);
}

static int manager_method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_RESUME, error);
}

static int manager_method_abort(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_ABORT, error);
}

static int manager_method_restart(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_RESTART, error);
}

static int manager_method_destroy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_DESTROY, error);
}

static int manager_method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return manager_method_verb(m, userdata, REQUEST_CANCEL, error);
}

static int manager_method_wait_state(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	return r < 0 ? r : bus_wait_submit(userdata, m, name, error);
}

static int manager_method_start_bound(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_bound_start_submit(userdata, m, error);
}

static int manager_method_bind_again(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_bound_again_submit(userdata, m, error);
}

static int manager_method_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_shutdown_submit(userdata, m, error);
}

static int manager_method_forget(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_forget_submit(userdata, m, error);
}

static int manager_method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_subscribe_submit(userdata, m, error);
}

static int manager_method_open_console(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	return r < 0 ? r : bus_console_submit(userdata, m, name, error);
}

static int manager_method_reclaim_lease(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_lease_reclaim_submit(userdata, m, error);
}

static int manager_method_release_lease(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_lease_release_submit(userdata, m, error);
}

static int get_version(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", ((const struct bus *)userdata)->config.version);
}

static int get_sequence(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "t", rows_seq(bus_rows(userdata)));
}

static int get_secure_side(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus *b = userdata;
	const char *side = rows_secure_up(bus_rows(b)) ? "up" : "down";

	return sd_bus_message_append(reply, "s", b->config.has_secure_side ? side : "none");
}

static int get_disk_stuck(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "b", (int)rows_disk_stuck(bus_rows(userdata)));
}

static int get_shutting_down(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "b", (int)rows_shutting_down(bus_rows(userdata)));
}

static int get_vm_count(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "u", (uint32_t)rows_vm_count(bus_rows(userdata)));
}

static int get_monotonic(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "t", loop_monotonic() / 1000);
}

#define FIELD(field) offsetof(struct bus, config.field)
#define CONST        SD_BUS_VTABLE_PROPERTY_CONST
#define VERB(member, handler)                                                                                \
	SD_BUS_METHOD_WITH_ARGS(member, SD_BUS_ARGS("s", name, "t", life, "a{sv}", options),                 \
		SD_BUS_RESULT("t", sequence), handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a" VM_ROW_TYPE, vms),
		manager_method_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListPartitions", SD_BUS_NO_ARGS,
		SD_BUS_RESULT("a" PARTITION_ROW_TYPE, partitions), manager_method_list_partitions,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListPeers", SD_BUS_ARGS("s", filter),
		SD_BUS_RESULT("a" PEER_ROW_TYPE, peers, "u", left_out), manager_method_list_peers,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListLeases", SD_BUS_ARGS("s", filter), SD_BUS_RESULT("a" LEASE_ROW_TYPE, leases),
		manager_method_list_leases, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Trace", SD_BUS_ARGS("q", sp, "t", after),
		SD_BUS_RESULT("a" FRAME_ROW_TYPE, frames), manager_method_trace, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetMetrics", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssssa(sa{ss}d))", families),
		manager_method_get_metrics, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Get", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", path), manager_method_get,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetPartition", SD_BUS_ARGS("q", id), SD_BUS_RESULT("o", path),
		manager_method_get_partition, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Define", SD_BUS_ARGS("s", text, "s", source, "a{sv}", options),
		SD_BUS_RESULT("o", path, "t", sequence), manager_method_define, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Undefine", SD_BUS_ARGS("s", name, "t", life, "a{sv}", options),
		SD_BUS_RESULT("t", sequence), manager_method_undefine, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Validate", SD_BUS_ARGS("s", text, "s", source, "a{sv}", options),
		SD_BUS_RESULT("s", name, "a(uuss)", problems), manager_method_validate, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("a{sv}", options),
		SD_BUS_RESULT("a(ssssa(sssb))", definitions), manager_method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetDefinition", SD_BUS_ARGS("s", name, "a{sv}", options),
		SD_BUS_RESULT("s", text, "s", source), manager_method_get_definition, SD_BUS_VTABLE_UNPRIVILEGED),
	VERB("Start", manager_method_start),
	VERB("Stop", manager_method_stop),
	VERB("Pause", manager_method_pause),
	VERB("Resume", manager_method_resume),
	VERB("Abort", manager_method_abort),
	VERB("Restart", manager_method_restart),
	VERB("Destroy", manager_method_destroy),
	VERB("Cancel", manager_method_cancel),
	SD_BUS_METHOD_WITH_ARGS("WaitState", SD_BUS_ARGS("s", name, "t", life, "as", states, "t", timeout_ms, "a{sv}", options),
		SD_BUS_RESULT("s", result, "t", life_then, "s", state, "s", substate, "s", cause, "t", sequence),
		manager_method_wait_state, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("StartBound", SD_BUS_ARGS("s", name, "a{sv}", options),
		SD_BUS_RESULT("s", token, "h", client, "t", sequence), manager_method_start_bound, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("BindAgain", SD_BUS_ARGS("s", token, "a{sv}", options), SD_BUS_RESULT("h", client),
		manager_method_bind_again, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Shutdown", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("t", sequence),
		manager_method_shutdown, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Forget", SD_BUS_ARGS("s", name, "t", life, "q", sp, "a{sv}", options),
		SD_BUS_RESULT("t", sequence), manager_method_forget, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ReclaimDestroyLease", SD_BUS_ARGS("s", token, "a{sv}", options),
		SD_BUS_RESULT("h", lease, "t", life), manager_method_reclaim_lease, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ReleaseDestroyLease", SD_BUS_ARGS("s", token, "a{sv}", options),
		SD_BUS_RESULT("t", sequence), manager_method_release_lease, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Subscribe",
		SD_BUS_ARGS("s", filter, "s", last_epoch, "t", last_sequence, "a{sv}", options),
		SD_BUS_RESULT("a" VM_ROW_TYPE, vms, "s", epoch, "t", cursor, "h", stream, "a{sv}", more),
		manager_method_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("OpenConsole", SD_BUS_ARGS("s", name, "a{sv}", options),
		SD_BUS_RESULT("h", ring), manager_method_open_console, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, CONST),
	SD_BUS_PROPERTY("Epoch", "s", bus_get_uuid, FIELD(epoch), CONST),
	SD_BUS_PROPERTY("Incarnation", "t", NULL, FIELD(incarnation), CONST),
	SD_BUS_PROPERTY("Sequence", "t", get_sequence, 0, 0),
	SD_BUS_PROPERTY("Monotonic", "t", get_monotonic, 0, 0),
	SD_BUS_PROPERTY("SecureSide", "s", get_secure_side, 0, 0),
	SD_BUS_PROPERTY("DiskStuck", "b", get_disk_stuck, 0, 0),
	SD_BUS_PROPERTY("ShuttingDown", "b", get_shutting_down, 0, 0),
	SD_BUS_PROPERTY("VmCount", "u", get_vm_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("BurnedIds", "a(qqtst)", bus_get_burned_ids, 0, 0),
	SD_BUS_VTABLE_END,
};

int bus_manager_add(struct bus *b)
{
	int r = sd_bus_add_object_vtable(b->sd, bus_slot(b), BUS_PATH, MANAGER_INTERFACE, manager_vtable, b);

	return r < 0 ? r : sd_bus_add_object_manager(b->sd, bus_slot(b), BUS_PATH);
}
