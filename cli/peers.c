/* SPDX-License-Identifier: Apache-2.0 */

/* peers: what a VM's lives owe each SP, and where each message stands. */

#include <inttypes.h>
#include <string.h>

#include "peers.h"

struct json_object *peer_to_json(const struct lifecycle_peer *p)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "vm", p->vm);
	json_add_number(o, "life", p->life);
	json_add_bool(o, "old", p->old);
	json_add_number(o, "ffa_id", p->endpoint);
	json_add_number(o, "sp", p->sp);
	json_add_string(o, "debt", lifecycle_debt_name(p->debt));
	json_add_string(o, "how", lifecycle_how_name(p->how));
	json_add_bool(o, "stuck", p->stuck);
	json_add_string(o, "place", p->place);
	json_add_string(o, "reply", p->reply);
	json_add_number(o, "tries", p->tries);
	json_add_number(o, "sent", p->sent);
	json_add_number(o, "since_monotonic_us", p->since / 1000);
	json_add_number(o, "next_monotonic_us", p->next / 1000);
	json_add_number(o, "until_monotonic_us", p->until / 1000);
	json_add_number(o, "ticket", p->ticket);
	return o;
}

void peer_add_time(struct table *t, uint64_t at)
{
	uint64_t now = monotonic_now();
	char span[64];

	format_span(span, sizeof(span), at > now ? at - now : 0);
	table_add(t, COLOUR_NONE, at > now ? "in %s" : at ? "now" : "-", span);
}

void peer_add_debt(struct table *t, const struct lifecycle_peer *p)
{
	char span[64];

	table_add(t, p->stuck ? COLOUR_BAD : COLOUR_NONE, "%s%s", lifecycle_debt_name(p->debt), p->stuck ? ", stuck" : "");
	table_add(t, COLOUR_NONE, "%s", lifecycle_how_name(p->how));
	format_span(span, sizeof(span), monotonic_elapsed(p->since));
	table_add(t, COLOUR_NONE, "%s", p->since ? span : "-");
	table_add(t, COLOUR_NONE, "%" PRIu32 "/%" PRIu32, p->tries, p->sent);
	table_add(t, COLOUR_NONE, "%s", p->reply);
	table_add(t, COLOUR_NONE, "%s", p->place);
	peer_add_time(t, p->next);
	peer_add_time(t, p->until);
}

static void add_peer(struct table *t, const struct lifecycle_peer *p)
{
	table_add(t, COLOUR_NONE, "%s", p->vm);
	table_add(t, COLOUR_NONE, "%" PRIu64 "%s", p->life, p->old ? " (old)" : "");
	table_add(t, COLOUR_NONE, "0x%04x", p->endpoint);
	table_add(t, COLOUR_NONE, "0x%04x", p->sp);
	peer_add_debt(t, p);
}

static int show(struct cli *c, const char *name, struct table *t, struct json_object *array)
{
	_cleanup_(peers_unrefp) struct lifecycle_peer_list *list = NULL;

	if (lifecycle_peers(c->l, name, &list) < 0)
		return cli_fail(c, "peers", name);
	for (size_t i = 0; i < lifecycle_peer_list_count(list); i++) {
		const struct lifecycle_peer *p = lifecycle_peer_list_at(list, i);

		if (array)
			(void)json_object_array_add(array, peer_to_json(p));
		else
			add_peer(t, p);
	}
	if (lifecycle_peer_list_left_out(list))
		(void)cli_say_error("peers: the daemon had no memory to show %" PRIu32 " more", lifecycle_peer_list_left_out(list));
	return 0;
}

int verb_peers(struct cli *c, int argc, char **argv)
{
	static const char *const header[] = { "VM", "LIFE", "FF-A ID", "SP", PEER_COLUMNS };
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
