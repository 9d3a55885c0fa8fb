/* SPDX-License-Identifier: Apache-2.0 */

/* leases: who holds the ends of lives, since when, and until when. */

#include "leases.h"

#include <inttypes.h>
#include <string.h>

struct json_object *lease_to_json(const struct lifecycle_lease_info *k)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "vm", k->vm);
	json_add_number(o, "life", k->life);
	json_add_number(o, "lease", k->number);
	json_add_string(o, "state", lifecycle_lease_state_name(k->state));
	json_add_number(o, "uid", k->uid);
	json_add_number(o, "pid", k->pid);
	json_add_text(o, "comm", k->comm, strlen(k->comm));
	json_add_text(o, "why", k->reason, strlen(k->reason));
	json_add_number(o, "since_monotonic_us", k->since / 1000);
	json_add_number(o, "until_monotonic_us", k->until / 1000);
	json_add_number(o, "timeout_ms", k->timeout_ms);
	json_add_bool(o, "unclaimed", k->unclaimed);
	return o;
}

/* So long it may take still; before it is asked, so long it may take from then on. */
static void add_left(struct table *t, const struct lifecycle_lease_info *k)
{
	uint64_t now = monotonic_now();
	char span[64];

	if (k->until)
		format_span(span, sizeof(span), k->until > now ? k->until - now : 0);
	else
		format_span(span, sizeof(span), k->timeout_ms * 1000000ull);
	table_add(t, COLOUR_NONE, "%s%s", span, k->until ? "" : " once asked");
}

void lease_add(struct table *t, const struct lifecycle_lease_info *k)
{
	char span[64];

	table_add(t, COLOUR_NONE, LEASE_TEXT, k->comm, k->pid);
	table_add(t, COLOUR_NONE, "%" PRIu32, k->uid);
	table_add(t, k->state == LIFECYCLE_LEASE_ASKED ? COLOUR_BUSY : COLOUR_NONE, "%s%s", lifecycle_lease_state_name(k->state),
		k->unclaimed ? ", unclaimed" : "");
	format_span(span, sizeof(span), monotonic_elapsed(k->since));
	table_add(t, COLOUR_NONE, "%s", span);
	add_left(t, k);
	table_add(t, COLOUR_NONE, "%s", *k->reason ? k->reason : "-");
}

static int show(struct cli *c, const char *name, struct table *t, struct json_object *array)
{
	_cleanup_(leases_unrefp) struct lifecycle_lease_list *list = NULL;

	if (lifecycle_leases(c->l, name, &list) < 0)
		return cli_fail(c, "leases", name);
	for (size_t i = 0; i < lifecycle_lease_list_count(list); i++) {
		const struct lifecycle_lease_info *k = lifecycle_lease_list_at(list, i);

		if (array) {
			(void)json_object_array_add(array, lease_to_json(k));
			continue;
		}
		table_add(t, COLOUR_NONE, "%s", k->vm);
		table_add(t, COLOUR_NONE, "%" PRIu64, k->life);
		lease_add(t, k);
	}
	return 0;
}

int verb_leases(struct cli *c, int argc, char **argv)
{
	static const char *const header[] = { "VM", "LIFE", LEASE_COLUMNS };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = argc ? 0 : show(c, NULL, &t, array);

	for (int i = 0; i < argc; i++) {
		int r = show(c, argv[i], &t, array);

		code = code ? code : r;
	}
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
	return code;
}
