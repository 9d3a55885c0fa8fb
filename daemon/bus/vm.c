/* SPDX-License-Identifier: Apache-2.0 */

/* org.lifecycled.Lifecycle1.VM: an object is a row, found by its name on each access. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "bus/internal.h"

/* Its row is gone when it leaves the bus; nothing is read of it then. */
static struct vm_row leaving_row;

static int vm_find(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
	sd_bus_error *error)
{
	struct bus *b = userdata;
	_cleanup_(freep) char *name = NULL;
	const struct vm_row *row;
	int r;

	r = sd_bus_path_decode(path, VM_PREFIX, &name);
	if (r <= 0)
		return r;
	row = rows_vm(bus_rows(b), name);
	if (!row && b->leaving && strcmp(b->leaving, name) == 0)
		row = &leaving_row;
	*ret_found = (void *)row;
	return row != NULL;
}

static char **paths_free(char **paths)
{
	for (char **p = paths; p && *p; p++)
		free(*p);
	free(paths);
	return NULL;
}

static int vm_enumerate(
	sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error)
{
	const struct rows *rows = bus_rows(userdata);
	size_t count = rows_vm_count(rows);
	char **paths = calloc(count + 1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int r = bus_vm_path(rows_vm_at(rows, i)->name, &paths[i]);

		if (r < 0) {
			(void)paths_free(paths);
			return r;
		}
	}
	*ret_nodes = paths;
	return 0;
}

static int get_can(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error)
{
	const uint16_t *can = userdata;
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (unsigned i = 0; r >= 0 && i < VERB_COUNT; i++)
		if (*can >> i & 1)
			r = sd_bus_message_append(reply, "s", bus_word(WORDS_VERB, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_waits_on(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd));
	const struct wait_reason *w = &((const struct vm_row *)userdata)->waits;
	const char *name = w->on == WAIT_DISK ? b->config.log_place : w->name;
	int r = sd_bus_message_open_container(reply, 'r', "sqsttu");

	if (r >= 0)
		r = sd_bus_message_append(reply, "sq", bus_word(WORDS_WAIT, w->on), w->sp);
	if (r >= 0)
		r = bus_append_text(reply, name ? name : "");
	if (r >= 0)
		r = sd_bus_message_append(reply, "ttu", w->since / 1000, w->until / 1000, w->tries);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_vcpu_states(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct vm_row *row = userdata;
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (unsigned i = 0; r >= 0 && row->life && i < row->vcpu_count && i < VM_VCPU_MAX; i++)
		r = sd_bus_message_append(reply, "s", bus_word(WORDS_VCPU, row->vcpu[i]));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_vcpu_since(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct vm_row *row = userdata;
	int r = sd_bus_message_open_container(reply, 'a', "t");

	for (unsigned i = 0; r >= 0 && row->life && i < row->vcpu_count && i < VM_VCPU_MAX; i++)
		r = sd_bus_message_append(reply, "t", row->vcpu_since[i] / 1000);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* A VM that is gone by now has no name. The vtable's slot knows whose bus it is, the row does not. */
static const char *name_of(sd_bus *sd, uint16_t endpoint)
{
	const struct bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd));
	const struct vm_row *row = rows_endpoint(bus_rows(b), endpoint);

	return row ? row->name : "";
}

static int get_vcpu_calls(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct vm_row *row = userdata;
	int r = sd_bus_message_open_container(reply, 'a', "(uqst)");

	for (unsigned i = 0; r >= 0 && row->life && i < row->vcpu_count && i < VM_VCPU_MAX; i++)
		if (row->callee[i])
			r = sd_bus_message_append(reply, "(uqst)", i, row->callee[i], name_of(sd, row->callee[i]),
				row->vcpu_since[i] / 1000);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const enum words state_words[ASSIGNED_TYPE_COUNT] = {
	[ASSIGNED_VFIO_FAKE] = WORDS_VFIO_STATE,
	[ASSIGNED_CCW_FAKE] = WORDS_CCW_STATE,
};

static int get_devices(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct vm_row *row = userdata;
	int r = sd_bus_message_open_container(reply, 'a', "(ssss)");

	for (unsigned i = 0; r >= 0 && row->life && i < VM_ASSIGNED_MAX; i++) {
		const struct vmm_device_state *d = &row->device[i];

		if (d->type != ASSIGNED_NONE)
			r = sd_bus_message_append(reply, "(ssss)", bus_word(WORDS_ASSIGNED, d->type),
				bus_word(state_words[d->type], d->state), bus_word(WORDS_CONDITION, d->condition), d->text);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_sandbox_lacks(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	static const char *const words[VMM_SANDBOX_LAYERS + 1] = {
		"-", [VMM_SANDBOX_LANDLOCK] = "landlock", [VMM_SANDBOX_SECCOMP] = "seccomp",
		[VMM_SANDBOX_LAYERS] = "landlock,seccomp",
	};
	const uint8_t *lacks = userdata;

	return sd_bus_message_append(reply, "s", words[*lacks & VMM_SANDBOX_LAYERS]);
}

static int get_secure_peers(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return bus_append_peers(reply, userdata);
}

static int get_last_end(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct vm_row *row = userdata;
	char text[sizeof(row->end_text)];

	strcpy(text, row->end_text); /* its VMM's words, whatever they are */
	text_make_utf8(text, sizeof(text));
	return sd_bus_message_append(reply, "(stts)", bus_word(WORDS_CAUSE, row->end_cause), row->end_life,
		row->end_at / 1000, text);
}

/* The room itself, in a method whose userdata is a row. */
static struct bus *vm_bus(sd_bus_message *m)
{
	return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(m)));
}

static int vm_method_verb(
	sd_bus_message *m, const struct vm_row *row, enum request_verb verb, sd_bus_error *error)
{
	char name[VM_NAME_MAX + 1];

	memcpy(name, row->name, sizeof(name)); /* the row may go while the request is submitted */
	return bus_verb_submit(vm_bus(m), m, verb, name, error);
}

static int vm_method_start(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_START, error);
}

static int vm_method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_STOP, error);
}

static int vm_method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_PAUSE, error);
}

static int vm_method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_RESUME, error);
}

static int vm_method_abort(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_ABORT, error);
}

static int vm_method_restart(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_RESTART, error);
}

static int vm_method_destroy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_DESTROY, error);
}

static int vm_method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return vm_method_verb(m, userdata, REQUEST_CANCEL, error);
}

static int vm_method_wait_state(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_wait_submit(vm_bus(m), m, ((const struct vm_row *)userdata)->name, error);
}

static int vm_method_open_console(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_console_submit(vm_bus(m), m, ((const struct vm_row *)userdata)->name, error);
}

static int vm_method_take_lease(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return bus_lease_take_submit(vm_bus(m), m, ((const struct vm_row *)userdata)->name, error);
}

#define FIELD(field) offsetof(struct vm_row, field)
#define CONST        SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES      SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE /* only in signals.c's table told_vm */
#define VERB(member, handler)                                                                                \
	SD_BUS_METHOD_WITH_ARGS(member, SD_BUS_ARGS("t", life, "a{sv}", options),                            \
		SD_BUS_RESULT("t", sequence), handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vm_vtable[] = {
	SD_BUS_VTABLE_START(0),
	VERB("Start", vm_method_start),
	VERB("Stop", vm_method_stop),
	VERB("Pause", vm_method_pause),
	VERB("Resume", vm_method_resume),
	VERB("Abort", vm_method_abort),
	VERB("Restart", vm_method_restart),
	VERB("Destroy", vm_method_destroy),
	VERB("Cancel", vm_method_cancel),
	SD_BUS_METHOD_WITH_ARGS("WaitState", SD_BUS_ARGS("t", life, "as", states, "t", timeout_ms, "a{sv}", options),
		SD_BUS_RESULT("s", result, "t", life_then, "s", state, "s", substate, "s", cause, "t", sequence),
		vm_method_wait_state, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("OpenConsole", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("h", ring),
		vm_method_open_console, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("TakeDestroyLease", SD_BUS_ARGS("s", why, "t", timeout_ms, "t", expected_life, "a{sv}", options),
		SD_BUS_RESULT("s", token, "h", lease, "t", life, "t", sequence), vm_method_take_lease, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("StateChanged",
		SD_BUS_ARGS("t", sequence, "t", life, "s", old_state, "s", new_state, "s", cause), 0),
	SD_BUS_PROPERTY("Name", "s", bus_get_chars, FIELD(name), CONST),
	SD_BUS_PROPERTY("UUID", "s", bus_get_uuid, FIELD(uuid), CHANGES),
	SD_BUS_PROPERTY("Bound", "b", bus_get_bool, FIELD(bound), 0),
	SD_BUS_PROPERTY("FromFile", "b", bus_get_bool, FIELD(from_file), CHANGES),
	SD_BUS_PROPERTY("Pending", "s", bus_get_pending, FIELD(waits_for_end), CHANGES),
	SD_BUS_PROPERTY("PendingChanges", "a(sss)", bus_get_pending_changes, 0, 0),
	SD_BUS_PROPERTY("Life", "t", NULL, FIELD(life), CHANGES),
	SD_BUS_PROPERTY("FfaId", "q", NULL, FIELD(endpoint), CHANGES),
	SD_BUS_PROPERTY("State", "s", bus_get_state, FIELD(state), CHANGES),
	SD_BUS_PROPERTY("Substate", "s", bus_get_substate, FIELD(substate), CHANGES),
	SD_BUS_PROPERTY("Cause", "s", bus_get_cause, FIELD(cause), CHANGES),
	SD_BUS_PROPERTY("Since", "t", bus_get_usec, FIELD(since), CHANGES),
	SD_BUS_PROPERTY("Operation", "s", bus_get_operation, FIELD(operation), CHANGES),
	SD_BUS_PROPERTY("OperationSince", "t", bus_get_usec, FIELD(operation_since), CHANGES),
	SD_BUS_PROPERTY("OperationOutcome", "s", bus_get_outcome, FIELD(outcome), CHANGES),
	SD_BUS_PROPERTY("NextStart", "t", bus_get_usec, FIELD(next_start), CHANGES),
	SD_BUS_PROPERTY("Can", "as", get_can, FIELD(can), 0),
	SD_BUS_PROPERTY("WaitsOn", "(sqsttu)", get_waits_on, 0, 0),
	SD_BUS_PROPERTY("VcpuCount", "u", bus_get_u16_as_u, FIELD(vcpu_count), CHANGES),
	SD_BUS_PROPERTY("VcpuStates", "as", get_vcpu_states, 0, 0),
	SD_BUS_PROPERTY("VcpuSince", "at", get_vcpu_since, 0, 0),
	SD_BUS_PROPERTY("VcpuCalls", "a(uqst)", get_vcpu_calls, 0, 0),
	SD_BUS_PROPERTY("Devices", "a(ssss)", get_devices, 0, 0),
	SD_BUS_PROPERTY("MemoryBytes", "t", NULL, FIELD(memory_bytes), CHANGES),
	SD_BUS_PROPERTY("VmmPid", "u", NULL, FIELD(vmm_pid), 0),
	SD_BUS_PROPERTY("SandboxLacks", "s", get_sandbox_lacks, FIELD(sandbox_lacks), 0),
	SD_BUS_PROPERTY("Unreachable", "b", bus_get_bool, FIELD(unreachable), 0),
	SD_BUS_PROPERTY("Stale", "b", bus_get_bool, FIELD(stale), 0),
	SD_BUS_PROPERTY("SecureStuck", "b", bus_get_bool, FIELD(secure_stuck), 0),
	SD_BUS_PROPERTY("StuckPartitions", "aq", bus_get_stuck_partitions, 0, 0),
	SD_BUS_PROPERTY("SecurePeers", "a(qssub)", get_secure_peers, 0, 0),
	SD_BUS_PROPERTY("Leases", "a" LEASE_ROW_TYPE, bus_get_leases, 0, CHANGES),
	SD_BUS_PROPERTY("LastEnd", "(stts)", get_last_end, 0, CHANGES),
	SD_BUS_PROPERTY("Restarts", "u", NULL, FIELD(restarts), 0),
	SD_BUS_PROPERTY("RefusedTransitions", "u", NULL, FIELD(refused), 0),
	SD_BUS_PROPERTY("OldLives", "u", NULL, FIELD(old_lives), 0),
	SD_BUS_PROPERTY("Sequence", "t", NULL, FIELD(changed_at), 0),
	SD_BUS_VTABLE_END,
};

int bus_vm_add(struct bus *b)
{
	int r = sd_bus_add_fallback_vtable(
		b->sd, bus_slot(b), VM_PREFIX, VM_INTERFACE, vm_vtable, vm_find, b);

	return r < 0 ? r : sd_bus_add_node_enumerator(b->sd, bus_slot(b), VM_PREFIX, vm_enumerate, b);
}
