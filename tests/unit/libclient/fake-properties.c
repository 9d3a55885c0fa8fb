/* SPDX-License-Identifier: Apache-2.0 */

/* The properties of the fake daemon's objects. Numbers that no test looks at are all the same. */

#include <string.h>

#include "fake-daemon.h"

LIFECYCLE_NAME_TABLE(state_names, VM_STATES);
LIFECYCLE_NAME_TABLE(substate_names, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(cause_names, CAUSES);
LIFECYCLE_NAME_TABLE(operation_names, OPERATIONS);

int get_manager(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	if (strcmp(property, "Sequence") == 0)
		return sd_bus_message_append(reply, "t", *(const uint64_t *)userdata);
	if (strcmp(property, "Monotonic") == 0)
		return sd_bus_message_append(reply, "t", (uint64_t)4000000);
	if (strcmp(property, "Incarnation") == 0)
		return sd_bus_message_append(reply, "t", (uint64_t)99);
	if (strcmp(property, "BurnedIds") == 0)
		return sd_bus_message_append(reply, "a(qqtst)", 1, 9, 0x8001, (uint64_t)16, "stuck", (uint64_t)1700000000000000);
	if (strcmp(property, "DiskStuck") == 0)
		return sd_bus_message_append(reply, "b", 0);
	if (strcmp(property, "ShuttingDown") == 0)
		return sd_bus_message_append(reply, "b", 1);
	if (strcmp(property, "VmCount") == 0)
		return sd_bus_message_append(reply, "u", 6);
	return sd_bus_message_append(reply, "s", strcmp(property, "Epoch") == 0 ? EPOCH : "up");
}

static int get_partition(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	if (strcmp(property, "Profile") == 0)
		return sd_bus_message_append(reply, "s", "trusty");
	if (strcmp(property, "ExecutionContexts") == 0)
		return sd_bus_message_append(reply, "q", 8);
	if (strcmp(property, "Version") == 0)
		return sd_bus_message_append(reply, "u", 0x10003);
	if (strcmp(property, "UUIDs") == 0)
		return sd_bus_message_append(reply, "as", 2, UUID, "11111111-1111-2222-3333-444444444444");
	if (strcmp(property, "InFlight") == 0)
		return sd_bus_message_append(reply, "b", 1);
	if (strcmp(property, "StuckSince") == 0)
		return sd_bus_message_append(reply, "t", (uint64_t)1000000);
	if (strcmp(property, "NextProbe") == 0)
		return sd_bus_message_append(reply, "t", fake_hour(1));
	if (strcmp(property, "RestsUntil") == 0)
		return sd_bus_message_append(reply, "t", fake_hour(2));
	if (strcmp(property, "Queues") == 0)
		return sd_bus_message_append(reply, "(uuuu)", 2, 1, 3, 4);
	if (strcmp(property, "Frames") == 0)
		return sd_bus_message_append(reply, "(ttt)", (uint64_t)9, (uint64_t)7, (uint64_t)1);
	return sd_bus_message_append(reply, "t", (uint64_t)5);
}

static int get_counts(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	if (strcmp(property, "Verdicts") == 0)
		return sd_bus_message_append(reply, "a{st}", 2, "ack", (uint64_t)5, "retry", (uint64_t)9);
	return sd_bus_message_append(reply, "a{st}", 1, "sp-instance-gone", (uint64_t)2);
}

/* CreatedRetries: four without, none with one, forty with two or three. The others are empty, or have one of 1024 to 2047 us. */
static int get_histogram(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	static const uint64_t retries[] = { 4, 0, 40 }, latency[12] = { [11] = 1 };

	if (strcmp(property, "CreatedRetries") == 0)
		return sd_bus_message_append_array(reply, 't', retries, sizeof(retries));
	return sd_bus_message_append_array(reply, 't', latency, strcmp(property, "FrameLatency") == 0 ? sizeof(latency) : 0);
}

static int get_vm_word(const struct vm *vm, const char *property, sd_bus_message *reply)
{
	const char *word = strcmp(property, "Name") == 0 ? vm->name :
		strcmp(property, "UUID") == 0 ? UUID :
		strcmp(property, "State") == 0 ? state_names[vm->state] :
		strcmp(property, "Substate") == 0 ? substate_names[vm->substate] :
		strcmp(property, "Cause") == 0 ? cause_names[vm->cause] : operation_names[vm->operation];

	return sd_bus_message_append(reply, "s", word);
}

static int get_vm_struct(const struct vm *vm, const char *property, sd_bus_message *reply)
{
	if (strcmp(property, "WaitsOn") == 0 && strcmp(vm->name, "slow") == 0)
		return sd_bus_message_append(reply, "(sqsttu)", "vm", 0x8001, "web", (uint64_t)1000000, (uint64_t)0, 0);
	if (strcmp(property, "WaitsOn") == 0)
		return sd_bus_message_append(reply, "(sqsttu)", vm->stuck ? "sp" : "-", vm->stuck ? 0x8001 : 0, "",
			(uint64_t)1000000, (uint64_t)0, vm->stuck ? 12 : 0);
	if (strcmp(property, "VcpuStates") == 0)
		return vm->state == VM_RUNNING ? sd_bus_message_append(reply, "as", 3, "running", "running", "waiting") :
			sd_bus_message_append(reply, "as", 0);
	if (strcmp(property, "VcpuSince") == 0)
		return vm->state == VM_RUNNING ? sd_bus_message_append(reply, "at", 2, (uint64_t)1000000, (uint64_t)2000000) :
			sd_bus_message_append(reply, "at", 0);
	if (strcmp(property, "VcpuCalls") == 0)
		return vm->state == VM_RUNNING ? sd_bus_message_append(reply, "a(uqst)", 2, 0, 0x8001, "", (uint64_t)1000000, 2, 7, "slow",
			(uint64_t)2000000) : sd_bus_message_append(reply, "a(uqst)", 0);
	if (strcmp(property, "Devices") == 0)
		return vm->state == VM_RUNNING ? sd_bus_message_append(reply, "a(ssss)", 2, "vfio-fake", "running", "-", "", "vfio-fake", "stop",
			"dead", "abort: reset in stop: Input/output error") : sd_bus_message_append(reply, "a(ssss)", 0);
	if (strcmp(property, "SecurePeers") == 0)
		return vm->life ? sd_bus_message_append(reply, "a(qssub)", 2, 0x8001, vm->stuck ? "destroying" : "known",
			"answered-0", 3, vm->stuck, 0x8002, "known", "untold", 0, 0) : sd_bus_message_append(reply, "a(qssub)", 0);
	return sd_bus_message_append(reply, "(stts)", cause_names[vm->end_cause], (uint64_t)(vm->end_cause ? 41 : 0),
		(uint64_t)1700000000000000, vm->end_cause ? "the guest said \033[2Jso" : "");
}

static int get_vm(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	const struct vm *vm = userdata;

	if (strcmp(property, "Can") == 0)
		return sd_bus_message_append(reply, "as", 3, "stop", "fly", "cancel");
	if (strcmp(property, "Life") == 0)
		return sd_bus_message_append(reply, "t", vm->life);
	if (strcmp(property, "FfaId") == 0)
		return sd_bus_message_append(reply, "q", vm->endpoint);
	if (strcmp(property, "SecureStuck") == 0)
		return sd_bus_message_append(reply, "b", vm->stuck);
	if (strcmp(property, "NextStart") == 0)
		return sd_bus_message_append(reply, "t", vm->stuck ? fake_hour(1) : (uint64_t)0);
	if (strcmp(property, "OldLives") == 0)
		return sd_bus_message_append(reply, "u", vm->stuck ? 1 : 0);
	if (strcmp(property, "StuckPartitions") == 0)
		return vm->stuck ? sd_bus_message_append(reply, "aq", 2, 0x8001, 0x8003) : sd_bus_message_append(reply, "aq", 0);
	return strcmp(property, "WaitsOn") == 0 || strcmp(property, "VcpuStates") == 0 || strcmp(property, "Devices") == 0 ||
		strcmp(property, "VcpuSince") == 0 || strcmp(property, "VcpuCalls") == 0 ||
		strcmp(property, "SecurePeers") == 0 ||
		strcmp(property, "LastEnd") == 0 ? get_vm_struct(vm, property, reply) : get_vm_word(vm, property, reply);
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	if (strcmp(property, "SandboxLacks") == 0)
		return sd_bus_message_append(reply, "s", "landlock");
	if (strcmp(property, "VcpuCount") == 0)
		return sd_bus_message_append(reply, "u", 3);
	if (strcmp(property, "VmmPid") == 0)
		return sd_bus_message_append(reply, "u", 4711);
	return sd_bus_message_append(reply, "t", (uint64_t)(strcmp(property, "MemoryBytes") == 0 ? 512u << 20 : 1000000));
}

const sd_bus_vtable vm_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", get_vm, 0, 0),
	SD_BUS_PROPERTY("UUID", "s", get_vm, 0, 0),
	SD_BUS_PROPERTY("State", "s", get_vm, 0, 0),
	SD_BUS_PROPERTY("Substate", "s", get_vm, 0, 0),
	SD_BUS_PROPERTY("Cause", "s", get_vm, 0, 0),
	SD_BUS_PROPERTY("Operation", "s", get_vm, 0, 0),
	SD_BUS_PROPERTY("Life", "t", get_vm, 0, 0),
	SD_BUS_PROPERTY("FfaId", "q", get_vm, 0, 0),
	SD_BUS_PROPERTY("SecureStuck", "b", get_vm, 0, 0),
	SD_BUS_PROPERTY("NextStart", "t", get_vm, 0, 0),
	SD_BUS_PROPERTY("OldLives", "u", get_vm, 0, 0),
	SD_BUS_PROPERTY("StuckPartitions", "aq", get_vm, 0, 0),
	SD_BUS_PROPERTY("Can", "as", get_vm, 0, 0),
	SD_BUS_PROPERTY("WaitsOn", "(sqsttu)", get_vm, 0, 0),
	SD_BUS_PROPERTY("VcpuStates", "as", get_vm, 0, 0),
	SD_BUS_PROPERTY("VcpuSince", "at", get_vm, 0, 0),
	SD_BUS_PROPERTY("VcpuCalls", "a(uqst)", get_vm, 0, 0),
	SD_BUS_PROPERTY("Devices", "a(ssss)", get_vm, 0, 0),
	SD_BUS_PROPERTY("SecurePeers", "a(qssub)", get_vm, 0, 0),
	SD_BUS_PROPERTY("LastEnd", "(stts)", get_vm, 0, 0),
	SD_BUS_PROPERTY("VcpuCount", "u", get_number, 0, 0),
	SD_BUS_PROPERTY("VmmPid", "u", get_number, 0, 0),
	SD_BUS_PROPERTY("SandboxLacks", "s", get_number, 0, 0),
	SD_BUS_PROPERTY("MemoryBytes", "t", get_number, 0, 0),
	SD_BUS_PROPERTY("Since", "t", get_number, 0, 0),
	SD_BUS_PROPERTY("OperationSince", "t", get_number, 0, 0),
	SD_BUS_VTABLE_END
};

const sd_bus_vtable partition_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Profile", "s", get_partition, 0, 0),
	SD_BUS_PROPERTY("ExecutionContexts", "q", get_partition, 0, 0),
	SD_BUS_PROPERTY("Sent", "t", get_partition, 0, 0),
	SD_BUS_PROPERTY("Version", "u", get_partition, 0, 0),
	SD_BUS_PROPERTY("UUIDs", "as", get_partition, 0, 0),
	SD_BUS_PROPERTY("InFlight", "b", get_partition, 0, 0),
	SD_BUS_PROPERTY("StuckSince", "t", get_partition, 0, 0),
	SD_BUS_PROPERTY("NextProbe", "t", get_partition, 0, 0),
	SD_BUS_PROPERTY("RestsUntil", "t", get_partition, 0, 0),
	SD_BUS_PROPERTY("Queues", "(uuuu)", get_partition, 0, 0),
	SD_BUS_PROPERTY("Frames", "(ttt)", get_partition, 0, 0),
	SD_BUS_PROPERTY("Verdicts", "a{st}", get_counts, 0, 0),
	SD_BUS_PROPERTY("Settled", "a{st}", get_counts, 0, 0),
	SD_BUS_PROPERTY("CreatedRetries", "at", get_histogram, 0, 0),
	SD_BUS_PROPERTY("CreatedLatency", "at", get_histogram, 0, 0),
	SD_BUS_PROPERTY("FrameLatency", "at", get_histogram, 0, 0),
	SD_BUS_VTABLE_END
};

static char log_level[16] = "info";

static int get_log_level(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", log_level);
}

/* Nobody may make it silent. */
static int set_log_level(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
	void *userdata, sd_bus_error *error)
{
	const char *word;
	int r = sd_bus_message_read(value, "s", &word);

	if (r < 0)
		return r;
	if (strcmp(word, "emerg") == 0)
		return sd_bus_error_set(error, ERROR "AccessDenied", "uid 0 may not log-level");
	(void)snprintf(log_level, sizeof(log_level), "%s", strcmp(word, "crit") == 0 ? "loud" : word);
	return 0;
}

const sd_bus_vtable log_control_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_log_level, set_log_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};
