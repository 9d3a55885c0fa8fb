/* SPDX-License-Identifier: Apache-2.0 */

/* All that is known about one VM, and about the daemon: property tables. */

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "fields.h"

struct lifecycle_vm_info {
	struct lifecycle_vm_details details;
	struct lifecycle_vm vm;
	sd_bus_message *reply;
	int *vcpu;
	const struct lifecycle_key_change **change; /* into changes */
	struct lifecycle_key_change *changes;
	uint64_t *vcpu_since;
	size_t vcpu_times;
	const struct lifecycle_vcpu_call **call; /* into calls */
	struct lifecycle_vcpu_call *calls;
	const struct lifecycle_peer **peer; /* into peers */
	struct lifecycle_peer *peers;
	const struct lifecycle_device **device; /* into devices */
	struct lifecycle_device *devices;
	struct lifecycle_peer_list *all; /* of older lives as well; NULL: there are none */
	const struct lifecycle_peer **old_peer; /* into all */
};

UTIL_UNREFP(lifecycle_vm_info)

static int read_vcpus(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_info *info = to;
	size_t count = 0;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
		r = array_grow((void **)&info->vcpu, count, sizeof(*info->vcpu));
		if (r >= 0)
			r = read_vcpu_state(m, &info->vcpu[count++]);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r >= 0)
		info->details.vcpu_states = count;
	return r;
}

static int read_vcpu_times(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_info *info = to;
	int r = sd_bus_message_enter_container(m, 'a', "t");

	info->vcpu_times = 0;
	while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
		r = array_grow((void **)&info->vcpu_since, info->vcpu_times, sizeof(*info->vcpu_since));
		if (r >= 0)
			r = read_time(m, &info->vcpu_since[info->vcpu_times++]);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static const char *const verb_words[] = {
	[LIFECYCLE_START] = "start",   [LIFECYCLE_ABORT] = "abort",   [LIFECYCLE_RESTART] = "restart",
	[LIFECYCLE_DESTROY] = "destroy", [LIFECYCLE_STOP] = "stop",   [LIFECYCLE_PAUSE] = "pause",
	[LIFECYCLE_RESUME] = "resume", [LIFECYCLE_PRESERVE] = "preserve", [LIFECYCLE_CANCEL] = "cancel",
};

/* A verb of a later daemon is none that could be asked for here. */
static int read_can(sd_bus_message *m, void *to)
{
	uint32_t *can = to;
	const char *word;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(m, "s", &word)) > 0)
		for (unsigned i = 0; i < sizeof(verb_words) / sizeof(*verb_words); i++)
			if (strcmp(verb_words[i], word) == 0)
				*can |= 1u << i;
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_waits(sd_bus_message *m, void *to)
{
	struct lifecycle_waits_on *w = &((struct lifecycle_vm_info *)to)->details.waits;
	int r = sd_bus_message_enter_container(m, 'r', "sqsttu");

	if (r >= 0)
		r = read_wait(m, &w->on);
	if (r >= 0)
		r = sd_bus_message_read(m, "qs", &w->sp, &w->name);
	if (r >= 0)
		r = read_time(m, &w->since);
	if (r >= 0)
		r = read_time(m, &w->until);
	if (r >= 0)
		r = read_u32(m, &w->tries);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_peer(sd_bus_message *m, struct lifecycle_peer *peer)
{
	int r;

	*peer = (struct lifecycle_peer){ .size = sizeof(*peer) };
	r = read_u16(m, &peer->sp);
	if (r >= 0)
		r = read_debt(m, &peer->debt);
	if (r >= 0)
		r = read_how(m, &peer->how);
	if (r >= 0)
		r = read_u32(m, &peer->tries);
	return r < 0 ? r : read_bool(m, &peer->stuck);
}

static int read_peers(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_info *info = to;
	int r = sd_bus_message_enter_container(m, 'a', "(qssub)");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "qssub")) > 0) {
		r = array_grow((void **)&info->peers, info->details.peer_count, sizeof(*info->peers));
		if (r >= 0)
			r = read_peer(m, &info->peers[info->details.peer_count++]);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_device(sd_bus_message *m, struct lifecycle_device *device)
{
	*device = (struct lifecycle_device){ .size = sizeof(*device) };
	return sd_bus_message_read(m, "ssss", &device->type, &device->state, &device->condition, &device->text);
}

static int read_call(sd_bus_message *m, struct lifecycle_vcpu_call *call)
{
	int r = sd_bus_message_enter_container(m, 'r', "uqst");

	*call = (struct lifecycle_vcpu_call){ .size = sizeof(*call) };
	if (r >= 0)
		r = sd_bus_message_read(m, "uqs", &call->vcpu, &call->callee, &call->name);
	if (r >= 0)
		r = read_time(m, &call->since);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_calls(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_info *info = to;
	int r = sd_bus_message_enter_container(m, 'a', "(uqst)");

	while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
		r = array_grow((void **)&info->calls, info->details.call_count, sizeof(*info->calls));
		if (r >= 0)
			r = read_call(m, &info->calls[info->details.call_count++]);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_devices(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_info *info = to;
	int r = sd_bus_message_enter_container(m, 'a', "(ssss)");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "ssss")) > 0) {
		r = array_grow((void **)&info->devices, info->details.device_count, sizeof(*info->devices));
		if (r >= 0)
			r = read_device(m, &info->devices[info->details.device_count++]);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_end(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_details *d = &((struct lifecycle_vm_info *)to)->details;
	int r = sd_bus_message_enter_container(m, 'r', "stts");

	if (r >= 0)
		r = read_cause(m, &d->end_cause);
	if (r >= 0)
		r = read_u64(m, &d->end_life);
	if (r >= 0)
		r = read_time(m, &d->end_realtime);
	if (r >= 0)
		r = read_string(m, &d->end_text);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_key(sd_bus_message *m, void *element)
{
	struct lifecycle_key_change *c = element;

	c->size = sizeof(*c);
	return sd_bus_message_read(m, "sss", &c->key, &c->before, &c->after);
}

static int read_pending(sd_bus_message *m, void *to)
{
	struct lifecycle_vm_info *info = to;

	return array_read(m, "(sss)", sizeof(*info->changes), read_key, (void **)&info->changes, &info->details.pending_count);
}

#define VM(member) offsetof(struct lifecycle_vm_info, vm.member)
#define DETAIL(member) offsetof(struct lifecycle_vm_info, details.member)
static const struct field vm_properties[] = {
	{ "Name", "s", VM(name), read_string },
	{ "UUID", "s", VM(uuid), read_string },
	{ "Life", "t", VM(life), read_u64 },
	{ "FfaId", "q", VM(endpoint), read_u16 },
	{ "State", "s", VM(state), read_state },
	{ "Substate", "s", VM(substate), read_substate },
	{ "Cause", "s", VM(cause), read_cause },
	{ "Since", "t", VM(since), read_time },
	{ "Operation", "s", VM(operation), read_operation },
	{ "Sequence", "t", VM(changed_at), read_u64 },
	{ "SecureStuck", "b", VM(secure_stuck), read_bool },
	{ "Unreachable", "b", VM(unreachable), read_bool },
	{ "Stale", "b", VM(stale), read_bool },
	{ "OldLives", "u", VM(old_lives), read_u32 },
	{ "StuckPartitions", "aq", VM(stuck_at), read_sp_ids },
	{ "Pending", "s", VM(pending), read_string },
	{ "PendingChanges", "a(sss)", 0, read_pending },
	{ "FromFile", "b", DETAIL(from_file), read_bool },
	{ "Bound", "b", DETAIL(bound), read_bool },
	{ "OperationSince", "t", DETAIL(operation_since), read_time },
	{ "OperationOutcome", "s", DETAIL(outcome), read_outcome },
	{ "NextStart", "t", DETAIL(next_start), read_time },
	{ "Can", "as", DETAIL(can), read_can },
	{ "WaitsOn", "(sqsttu)", 0, read_waits },
	{ "VcpuCount", "u", DETAIL(vcpu_count), read_u32 },
	{ "VcpuStates", "as", 0, read_vcpus },
	{ "VcpuSince", "at", 0, read_vcpu_times },
	{ "VcpuCalls", "a(uqst)", 0, read_calls },
	{ "Devices", "a(ssss)", 0, read_devices },
	{ "MemoryBytes", "t", DETAIL(memory_bytes), read_u64 },
	{ "VmmPid", "u", DETAIL(vmm_pid), read_u32 },
	{ "SandboxLacks", "s", DETAIL(sandbox_lacks), read_string },
	{ "SecurePeers", "a(qssub)", 0, read_peers },
	{ "LastEnd", "(stts)", 0, read_end },
	{ "Restarts", "u", DETAIL(restarts), read_u32 },
	{ "RefusedTransitions", "u", DETAIL(refused), read_u32 },
};

/* Pointers into arrays are made when those have stopped moving. */
static int join(struct lifecycle_vm_info *info)
{
	struct lifecycle_vm_details *d = &info->details;

	/* A daemon without the times, or with fewer: those are not known. */
	for (; info->vcpu_times < d->vcpu_states; info->vcpu_times++) {
		if (array_grow((void **)&info->vcpu_since, info->vcpu_times, sizeof(*info->vcpu_since)) < 0)
			return -ENOMEM;
		info->vcpu_since[info->vcpu_times] = 0;
	}
	info->peer = calloc(d->peer_count + 1, sizeof(*info->peer));
	info->device = calloc(d->device_count + 1, sizeof(*info->device));
	info->call = calloc(d->call_count + 1, sizeof(*info->call));
	for (size_t i = 0; info->call && i < d->call_count; i++)
		info->call[i] = &info->calls[i];
	info->change = calloc(d->pending_count + 1, sizeof(*info->change));
	if (!info->peer || !info->device || !info->call || !info->change)
		return -ENOMEM;
	for (size_t i = 0; i < d->pending_count; i++)
		info->change[i] = &info->changes[i];
	for (size_t i = 0; i < d->device_count; i++)
		info->device[i] = &info->devices[i];
	for (size_t i = 0; i < d->peer_count; i++)
		info->peer[i] = &info->peers[i];
	info->vm.waits_on = d->waits.on;
	info->vm.vmm_pid = d->vmm_pid; /* a list has these, too */
	info->vm.restarts = d->restarts;
	d->vm = &info->vm;
	d->vcpu = info->vcpu;
	d->pending = info->change;
	d->vcpu_since = info->vcpu_since;
	d->peer = info->peer;
	d->device = info->device;
	d->call = info->call;
	return 0;
}

/* A VM that has gone meanwhile left nothing behind that would be its own. */
static int add_old(struct lifecycle *l, const char *name, struct lifecycle_vm_info *info)
{
	struct lifecycle_vm_details *d = &info->details;
	size_t count;
	int r = info->vm.old_lives ? lifecycle_peers(l, name, &info->all) : -ENOENT;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	count = lifecycle_peer_list_count(info->all);
	info->old_peer = calloc(count + 1, sizeof(*info->old_peer));
	if (!info->old_peer)
		return connection_fail(l, -ENOMEM, "ListPeers");
	for (size_t i = 0; i < count; i++)
		if (lifecycle_peer_list_at(info->all, i)->old)
			info->old_peer[d->old_peer_count++] = lifecycle_peer_list_at(info->all, i);
	d->old_peer = info->old_peer;
	return 0;
}

int connection_vm_path(struct lifecycle *l, const char *name, sd_bus_message **ret_reply, const char **ret_path)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Get" };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "s", name);
	if (r < 0)
		return connection_bad_name(l, r, "Get");
	r = connection_call(l, util_take(&request), ret_reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(*ret_reply, "o", ret_path);
	return r < 0 ? connection_bad_reply(l, r, "Get") : 0;
}

int lifecycle_vm_info(struct lifecycle *l, const char *name, struct lifecycle_vm_info **ret)
{
	_cleanup_(lifecycle_vm_info_unrefp) struct lifecycle_vm_info *info = calloc(1, sizeof(*info));
	_cleanup_(message_unrefp) sd_bus_message *got = NULL;
	const char *path;
	int r;

	if (!info)
		return connection_fail(l, -ENOMEM, "GetAll");
	info->vm = (struct lifecycle_vm){ .size = sizeof(info->vm), .name = "", .uuid = "", .pending = "-" };
	info->details = (struct lifecycle_vm_details){ .size = sizeof(info->details), .waits.name = "", .end_text = "" };
	r = connection_vm_path(l, name, &got, &path);
	if (r >= 0)
		r = connection_get_all(l, path, BUS_VM, &info->reply);
	if (r < 0)
		return r;
	r = fields_read(info->reply, vm_properties, sizeof(vm_properties) / sizeof(*vm_properties), info);
	if (r >= 0)
		r = join(info);
	if (r < 0)
		return connection_bad_reply(l, r, "GetAll");
	r = add_old(l, name, info);
	if (r < 0)
		return r;
	*ret = util_take(&info);
	return 0;
}

struct lifecycle_vm_info *lifecycle_vm_info_unref(struct lifecycle_vm_info *info)
{
	if (!info)
		return NULL;
	sd_bus_message_unref(info->reply);
	free(info->vcpu);
	free(info->change);
	free(info->changes);
	free(info->vcpu_since);
	free(info->peer);
	free(info->peers);
	free(info->device);
	free(info->devices);
	free(info->call);
	free(info->calls);
	lifecycle_peer_list_unref(info->all);
	free(info->old_peer);
	free(info);
	return NULL;
}

const struct lifecycle_vm_details *lifecycle_vm_info_details(const struct lifecycle_vm_info *info)
{
	return &info->details;
}

/* ---- the daemon ---- */

#define AT(member) offsetof(struct lifecycle_daemon, member)
static const struct field manager_properties[] = {
	{ "Version", "s", AT(version), read_string },
	{ "Epoch", "s", AT(epoch), read_string },
	{ "Incarnation", "t", AT(incarnation), read_u64 },
	{ "Sequence", "t", AT(seq), read_u64 },
	{ "SecureSide", "s", AT(secure_side), read_string },
	{ "DiskStuck", "b", AT(disk_stuck), read_bool },
	{ "ShuttingDown", "b", AT(shutting_down), read_bool },
	{ "VmCount", "u", AT(vm_count), read_u32 },
};

int lifecycle_daemon_info(struct lifecycle *l, const struct lifecycle_daemon **ret)
{
	struct lifecycle_daemon *d;
	sd_bus_message *reply = NULL;
	int r = connection_get_all(l, BUS_PATH, BUS_MANAGER, &reply);

	if (r < 0)
		return r;
	d = connection_keep_daemon(l, reply);
	r = fields_read(reply, manager_properties, sizeof(manager_properties) / sizeof(*manager_properties), d);
	if (r < 0)
		return connection_bad_reply(l, r, "GetAll");
	*ret = d;
	return 0;
}
