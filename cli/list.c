/* SPDX-License-Identifier: Apache-2.0 */

/* list: one line a VM. partitions: one line an endpoint. */

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "forget.h"
#include "list.h"
#include "output.h"

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (fnmatch(argv[i], name, 0) == 0)
			return true;
	return argc == 0;
}

/* A name that is no pattern must be there. */
static int complain_of_missing(const struct lifecycle_vm_list *list, int argc, char **argv)
{
	int code = 0;

	for (int i = 0; i < argc; i++) {
		if (strpbrk(argv[i], "*?[") || lifecycle_vm_list_find(list, argv[i]))
			continue;
		(void)cli_say_error("list: no VM is called '%s'; 'lifecyclectl list' shows all", argv[i]);
		code = lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_NO_SUCH_VM);
	}
	return code;
}

struct json_object *vm_to_json(const struct lifecycle_vm *vm)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "name", vm->name);
	json_add_string(o, "uuid", vm->uuid);
	json_add_string(o, "state", lifecycle_state_name(vm->state));
	json_add_string(o, "substate", lifecycle_substate_name(vm->substate));
	json_add_number(o, "life", vm->life);
	json_add_number(o, "ffa_id", vm->endpoint);
	json_add_string(o, "cause", lifecycle_cause_name(vm->cause));
	json_add_string(o, "operation", lifecycle_operation_name(vm->operation));
	json_add_string(o, "waits_on", lifecycle_wait_name(vm->waits_on));
	json_add_number(o, "since_boottime_us", vm->since / 1000);
	json_add_number(o, "sequence", vm->changed_at);
	json_add_bool(o, "secure_stuck", vm->secure_stuck);
	json_add_bool(o, "unreachable", vm->unreachable);
	json_add_number(o, "old_lives", vm->old_lives);
	return o;
}

static void add_note(struct table *t, const struct lifecycle_vm *vm)
{
	char note[CELL_MAX] = "";

	if (vm->cause > LIFECYCLE_CAUSE_NONE)
		(void)snprintf(note, sizeof(note), "%s", lifecycle_cause_name(vm->cause));
	if (vm->secure_stuck)
		(void)strncat(note, *note ? ", secure side stuck" : "secure side stuck", sizeof(note) - strlen(note) - 1);
	if (vm->unreachable)
		(void)strncat(note, *note ? ", VMM unreachable" : "VMM unreachable", sizeof(note) - strlen(note) - 1);
	table_add(t, vm->secure_stuck || vm->unreachable ? COLOUR_BAD : COLOUR_NONE, "%s", *note ? note : "-");
}

static void add_row(struct table *t, const struct lifecycle_vm *vm)
{
	char text[64];

	table_add(t, COLOUR_NONE, "%s", vm->name);
	format_state(text, sizeof(text), vm->state, vm->substate);
	table_add(t, state_colour(vm), "%s", text);
	format_span(text, sizeof(text), boottime_elapsed(vm->since));
	table_add(t, COLOUR_NONE, "%s", vm->since ? text : "-");
	if (vm->life)
		table_add(t, COLOUR_NONE, "%" PRIu64, vm->life);
	else
		table_add(t, COLOUR_NONE, "-");
	if (vm->endpoint)
		table_add(t, COLOUR_NONE, "0x%04x", vm->endpoint);
	else
		table_add(t, COLOUR_NONE, "-");
	table_add(t, COLOUR_NONE, "%s", lifecycle_operation_name(vm->operation));
	table_add(t, COLOUR_NONE, "%s", lifecycle_wait_name(vm->waits_on));
	add_note(t, vm);
}

int verb_list(struct cli *c, int argc, char **argv)
{
	static const char *const header[] = { "NAME", "STATE", "FOR", "LIFE", "FF-A ID", "OPERATION", "WAITS ON", "NOTE" };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;

	if (lifecycle_list(c->l, &list) < 0) {
		json_object_put(array);
		return cli_fail(c, "list", NULL);
	}
	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);

		if (!is_wanted(vm->name, argc, argv))
			continue;
		if (array)
			(void)json_object_array_add(array, vm_to_json(vm));
		else if (c->quiet)
			(void)puts(vm->name);
		else
			add_row(&t, vm);
	}
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
	return complain_of_missing(list, argc, argv);
}

/* ---- partitions ---- */

static struct json_object *partition_to_json(const struct lifecycle_partition *p)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "id", p->id);
	json_add_string(o, "kind", p->secure ? "sp" : "vm");
	json_add_string(o, "name", p->name);
	json_add_string(o, "uuid", p->uuid);
	json_add_string(o, "state", p->status);
	json_add_number(o, "owed", p->owed);
	json_add_number(o, "stuck", p->stuck);
	if (!p->secure)
		return o;
	json_add_string(o, "profile", p->profile);
	json_add_number(o, "properties", p->properties);
	json_add_number(o, "execution_contexts", p->contexts);
	json_add_bool(o, "subscribes_created", p->wants_created);
	json_add_bool(o, "subscribes_destroyed", p->wants_destroyed);
	json_add_number(o, "generation", p->generation);
	json_add_number(o, "sent", p->sent);
	json_add_number(o, "retried", p->retried);
	json_add_number(o, "answered", p->answered);
	return o;
}

static const char *subscriptions(const struct lifecycle_partition *p)
{
	if (p->wants_created)
		return p->wants_destroyed ? "created+destroyed" : "created";
	return p->wants_destroyed ? "destroyed" : "-";
}

static void add_partition(struct table *t, const struct lifecycle_partition *p)
{
	bool is_bad = p->stuck || (p->secure && strcmp(p->status, "ok") != 0);

	table_add(t, COLOUR_NONE, "0x%04x", p->id);
	table_add(t, COLOUR_NONE, "%s", p->secure ? "sp" : "vm");
	table_add(t, COLOUR_NONE, "%s", *p->name ? p->name : "-");
	table_add(t, is_bad ? COLOUR_BAD : COLOUR_NONE, "%s", p->status);
	table_add(t, COLOUR_NONE, "%s", p->secure ? p->profile : "-");
	table_add(t, COLOUR_NONE, "%s", p->secure ? subscriptions(p) : "-");
	table_add(t, COLOUR_NONE, "%" PRIu32, p->owed);
	table_add(t, p->stuck ? COLOUR_BAD : COLOUR_NONE, "%" PRIu32, p->stuck);
	if (p->secure)
		table_add(t, COLOUR_NONE, "%" PRIu64 "/%" PRIu64 "/%" PRIu64, p->sent, p->retried, p->answered);
	else
		table_add(t, COLOUR_NONE, "-");
	table_add(t, COLOUR_NONE, "%s", p->uuid);
}

int verb_partitions(struct cli *c, int argc, char **argv)
{
	static const char *const header[] = {
		"ID", "KIND", "NAME", "STATE", "PROFILE", "SUBSCRIBED", "OWED", "STUCK", "SENT/RETRIED/ANSWERED", "UUID"
	};
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;

	if (c->secure_view) {
		json_object_put(array);
		return secure_view(c, c->secure_view);
	}
	if (lifecycle_partitions(c->l, &list) < 0) {
		json_object_put(array);
		return cli_fail(c, "partitions", NULL);
	}
	for (size_t i = 0; i < lifecycle_partition_list_count(list); i++) {
		const struct lifecycle_partition *p = lifecycle_partition_list_at(list, i);

		if (array)
			(void)json_object_array_add(array, partition_to_json(p));
		else
			add_partition(&t, p);
	}
	list_burned(c, &t, array);
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
	return 0;
}
