/* SPDX-License-Identifier: Apache-2.0 */

/* list: one line a VM. */

#include <inttypes.h>
#include <string.h>

#include "list.h"
#include "names.h"
#include "output.h"

/* A name that is no pattern must be there. */
static int complain_of_missing(const struct lifecycle_vm_list *list, int argc, char **argv)
{
	int code = 0;

	for (int i = 0; i < argc; i++) {
		if (name_is_pattern(argv[i]) || lifecycle_vm_list_find(list, argv[i]))
			continue;
		(void)cli_say_error("list: no VM is called '%s'; 'lifecyclectl list' shows all", argv[i]);
		code = lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_NO_SUCH_VM);
	}
	return code;
}

void format_sps(char *to, size_t size, const struct lifecycle_sp_ids *sps)
{
	int n = 0;

	*to = '\0';
	for (size_t i = 0; i < sps->count && (size_t)n < size; i++)
		n += snprintf(to + n, size - (size_t)n, "%s0x%04x", i ? ", " : "", sps->id[i]);
}

static struct json_object *sps_to_json(const struct lifecycle_sp_ids *sps)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < sps->count; i++)
		(void)json_object_array_add(array, json_object_new_int(sps->id[i]));
	return array;
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
	json_add_number(o, "since_monotonic_us", vm->since / 1000);
	json_add_number(o, "sequence", vm->changed_at);
	json_add_bool(o, "secure_stuck", vm->secure_stuck);
	json_add_string(o, "pending", vm->pending);
	json_add_bool(o, "unreachable", vm->unreachable);
	json_add_bool(o, "stale", vm->stale);
	json_add_number(o, "old_lives", vm->old_lives);
	(void)json_object_object_add(o, "stuck_sps", sps_to_json(&vm->stuck_at));
	return o;
}

static void add_words(char *note, size_t size, const char *words)
{
	size_t length = strlen(note);

	(void)snprintf(note + length, size - length, "%s%s", length ? ", " : "", words);
}

static void add_note(struct table *t, const struct lifecycle_vm *vm)
{
	bool is_stuck = vm->secure_stuck || vm->stuck_at.count;
	char note[CELL_MAX] = "", words[CELL_MAX] = "secure side stuck", sps[100];

	if (vm->cause > LIFECYCLE_CAUSE_NONE)
		add_words(note, sizeof(note), lifecycle_cause_name(vm->cause));
	format_sps(sps, sizeof(sps), &vm->stuck_at);
	if (vm->stuck_at.count)
		(void)snprintf(words, sizeof(words), "stuck at %s", sps);
	if (is_stuck)
		add_words(note, sizeof(note), words);
	(void)snprintf(words, sizeof(words), "%" PRIu32 " old %s", vm->old_lives, vm->old_lives == 1 ? "life settles" : "lives settle");
	if (vm->old_lives)
		add_words(note, sizeof(note), words);
	if (strcmp(vm->pending, "-") != 0) {
		(void)snprintf(words, sizeof(words), "%s pending", vm->pending);
		add_words(note, sizeof(note), words);
	}
	if (vm->unreachable)
		add_words(note, sizeof(note), "VMM unreachable");
	if (vm->stale)
		add_words(note, sizeof(note), "VMM stale");
	table_add(t, is_stuck || vm->unreachable || vm->stale ? COLOUR_BAD : COLOUR_NONE, "%s", *note ? note : "-");
}

static void add_row(struct table *t, const struct lifecycle_vm *vm)
{
	char text[64];

	table_add(t, COLOUR_NONE, "%s", vm->name);
	format_state(text, sizeof(text), vm->state, vm->substate);
	table_add(t, state_colour(vm), "%s", text);
	format_span(text, sizeof(text), monotonic_elapsed(vm->since));
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

		if (!name_is_wanted(vm->name, argc, argv) || (c->states && !has_state(c->states, vm->state, vm->substate)))
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
	if (c->terminal && !array && !c->quiet && !argc && !lifecycle_vm_list_count(list))
		(void)puts("no VM is defined; 'lifecyclectl define FILE' defines one, lifecycle.vm(5) says how");
	return complain_of_missing(list, argc, argv);
}
