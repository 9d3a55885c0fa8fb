/* SPDX-License-Identifier: Apache-2.0 */

/* What each exit code means, all of them: the man page has the same, and a test sees to each. */

#include "exit_codes.h"

#include "output.h"

#define OWN(code_, meaning_) { .code = (code_), .meaning = (meaning_) }
#define REFUSAL(refusal_, meaning_) { .refusal = LIFECYCLE_REFUSED_##refusal_, .meaning = (meaning_) }

const struct exit_code exit_codes[] = {
	OWN(0, "done"),
	OWN(CLI_FAILED, "failed in a way without a number of its own, as a time-out"),
	OWN(CLI_USAGE, "wrong usage"),
	OWN(CLI_NO_DAEMON, "the daemon or its bus cannot be reached"),
	REFUSAL(NO_SUCH_VM, "no VM has this name, or none matches"),
	REFUSAL(EXISTS, "another VM has this name, UUID or fixed FF-A id"),
	REFUSAL(INVALID_DEFINITION, "the definition is wrong"),
	REFUSAL(ILLEGAL_TRANSITION, "not in this state"),
	REFUSAL(WRONG_LIFE, "the life that was meant is over"),
	REFUSAL(NO_FREE_ID, "every FF-A id lives or still has debts"),
	REFUSAL(NO_MEMORY, "there is not enough memory"),
	REFUSAL(NO_HUGE_PAGES, "there are not enough huge pages"),
	REFUSAL(INVALID_ARGUMENT, "the daemon does not take this argument"),
	REFUSAL(ACCESS, "polkit does not allow it, or there is no polkit to ask"),
	REFUSAL(NO_CONSOLE, "the VM has no console"),
	REFUSAL(SHUTTING_DOWN, "nothing starts any more"),
	REFUSAL(CYCLE, "'after' leads back to the VM itself"),
	REFUSAL(LIMIT, "too many VMs, subscribers, leases or waiting requests"),
	REFUSAL(INTERNAL, "lifecycled has a bug"),
	OWN(CLI_UNHEARD, "stop: the guest listens to no power key, and runs on"),
	OWN(CLI_DIFFERS, "partitions --secure-view: the two books do not agree"),
	REFUSAL(NO_SUCH_LEASE, "the lease is over, or never was"),
	REFUSAL(NOT_BOUND, "the VM that a client was bound to has ended"),
	REFUSAL(OTHER_SOURCE, "a file in vm.d defines this VM, and D-Bus may not, or the other way round"),
	OWN(CLI_INTERRUPTED, "^C; what had been accepted goes on"),
};
const size_t exit_code_count = sizeof(exit_codes) / sizeof(*exit_codes);

int exit_code_number(const struct exit_code *e)
{
	return e->refusal ? lifecycle_refusal_exit_code(e->refusal) : e->code;
}

static const char *name_of(const struct exit_code *e)
{
	return e->refusal ? lifecycle_refusal_name(e->refusal) : "-";
}

static struct json_object *to_json(const struct exit_code *e)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "exit_code", (uint64_t)exit_code_number(e));
	json_add_string(o, "error", name_of(e));
	json_add_string(o, "meaning", e->meaning);
	return o;
}

void exit_codes_print(const struct cli *c)
{
	static const char *const header[] = { "CODE", "ERROR", "MEANING" };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;

	for (size_t i = 0; i < exit_code_count; i++) {
		const struct exit_code *e = &exit_codes[i];

		if (array) {
			(void)json_object_array_add(array, to_json(e));
			continue;
		}
		table_add(&t, COLOUR_NONE, "%d", exit_code_number(e));
		table_add(&t, COLOUR_NONE, "%s", name_of(e));
		table_add(&t, COLOUR_NONE, "%s", e->meaning);
	}
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
}
