/* SPDX-License-Identifier: Apache-2.0 */

/* partitions: one line an endpoint, or a page about each SP that is named. */

#include <inttypes.h>
#include <string.h>

#include "forget.h"
#include "partitions.h"

static const char *subscriptions(const struct lifecycle_partition *p)
{
	if (p->wants_created)
		return p->wants_destroyed ? "created+destroyed" : "created";
	return p->wants_destroyed ? "destroyed" : "-";
}

/* The SPMC is listed where it makes notification bitmaps: their end is owed there, as a VM's is to an SP. */
static const char *kind_of(const struct lifecycle_partition *p)
{
	if (!p->secure)
		return "vm";
	return strcmp(p->profile, "spmc") ? "sp" : "spmc";
}

static void add_partition(struct table *t, const struct lifecycle_partition *p)
{
	bool is_bad = p->stuck || (p->secure && strcmp(p->status, "ok") != 0);

	table_add(t, COLOUR_NONE, "0x%04x", p->id);
	table_add(t, COLOUR_NONE, "%s", kind_of(p));
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

/* ---- JSON ---- */

static struct json_object *counts_to_json(const struct lifecycle_counts *c)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < c->count; i++)
		json_add_number(o, c->at[i].word, c->at[i].times);
	return o;
}

static struct json_object *histogram_to_json(const struct lifecycle_histogram *h)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < h->count; i++)
		(void)json_object_array_add(array, json_object_new_uint64(h->bucket[i]));
	return array;
}

static void add_uuids(struct json_object *o, const struct lifecycle_partition *p)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < p->uuid_count; i++)
		(void)json_object_array_add(array, json_object_new_string(p->uuids[i]));
	(void)json_object_object_add(o, "uuids", array);
}

static void add_queues(struct json_object *o, const struct lifecycle_partition *p)
{
	struct json_object *queues = json_object_new_object(), *frames = json_object_new_object();

	json_add_number(queues, "line", p->queues.line);
	json_add_number(queues, "ready", p->queues.ready);
	json_add_number(queues, "back_off", p->queues.back_off);
	json_add_number(queues, "probe", p->queues.probe);
	(void)json_object_object_add(o, "queues", queues);
	json_add_number(frames, "submitted", p->frames.submitted);
	json_add_number(frames, "completed", p->frames.completed);
	json_add_number(frames, "lost", p->frames.lost);
	(void)json_object_object_add(o, "frames", frames);
}

static void add_histograms(struct json_object *o, const struct lifecycle_partition *p)
{
	(void)json_object_object_add(o, "created_retries", histogram_to_json(&p->created_retries));
	(void)json_object_object_add(o, "created_latency_us", histogram_to_json(&p->created_latency));
	(void)json_object_object_add(o, "destroyed_retries", histogram_to_json(&p->destroyed_retries));
	(void)json_object_object_add(o, "destroyed_latency_us", histogram_to_json(&p->destroyed_latency));
	(void)json_object_object_add(o, "frame_latency_us", histogram_to_json(&p->frame_latency));
}

struct json_object *partition_to_json(const struct lifecycle_partition *p)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "id", p->id);
	json_add_string(o, "kind", kind_of(p));
	json_add_string(o, "name", p->name);
	json_add_string(o, "uuid", p->uuid);
	json_add_string(o, "state", p->status);
	json_add_number(o, "owed", p->owed);
	json_add_number(o, "stuck", p->stuck);
	if (!p->secure)
		return o;
	add_uuids(o, p);
	json_add_string(o, "profile", p->profile);
	json_add_number(o, "properties", p->properties);
	json_add_number(o, "execution_contexts", p->contexts);
	json_add_bool(o, "subscribes_created", p->wants_created);
	json_add_bool(o, "subscribes_destroyed", p->wants_destroyed);
	json_add_number(o, "generation", p->generation);
	json_add_number(o, "ffa_version", p->version);
	json_add_number(o, "sent", p->sent);
	json_add_number(o, "retried", p->retried);
	json_add_number(o, "answered", p->answered);
	json_add_bool(o, "in_flight", p->in_flight);
	json_add_number(o, "stuck_since_monotonic_us", p->stuck_since / 1000);
	json_add_number(o, "next_probe_monotonic_us", p->next_probe / 1000);
	json_add_number(o, "rests_until_monotonic_us", p->rests_until / 1000);
	add_queues(o, p);
	(void)json_object_object_add(o, "verdicts", counts_to_json(&p->verdicts));
	(void)json_object_object_add(o, "settled", counts_to_json(&p->settled));
	add_histograms(o, p);
	return o;
}

/* ---- the verb ---- */

bool secure_side_is_away(struct cli *c)
{
	const struct lifecycle_daemon *d;

	return lifecycle_daemon_info(c->l, &d) >= 0 && strcmp(d->secure_side, "down") == 0;
}

static int list_partitions(struct cli *c, const struct lifecycle_partition_list *list)
{
	static const char *const header[] = {
		"ID", "KIND", "NAME", "STATE", "PROFILE", "SUBSCRIBED", "OWED", "STUCK", "SENT/RETRIED/ANSWERED", "UUID"
	};
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header) };
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;

	for (size_t i = 0; i < lifecycle_partition_list_count(list); i++) {
		const struct lifecycle_partition *p = lifecycle_partition_list_at(list, i);

		if (array)
			(void)json_object_array_add(array, partition_to_json(p));
		else if (!c->quiet)
			add_partition(&t, p);
		else if (p->secure)
			(void)printf("0x%04x\n", p->id);
	}
	if (array || !c->quiet)
		list_burned(c, &t, array);
	if (array)
		json_print(c, array);
	else
		table_print(&t, c);
	if (!array && !c->quiet && secure_side_is_away(c))
		(void)puts("The secure side cannot be reached: what is owed waits.");
	return 0;
}

static const struct lifecycle_partition *find_sp(const struct lifecycle_partition_list *list, uint16_t id)
{
	for (size_t i = 0; i < lifecycle_partition_list_count(list); i++)
		if (lifecycle_partition_list_at(list, i)->secure && lifecycle_partition_list_at(list, i)->id == id)
			return lifecycle_partition_list_at(list, i);
	return NULL;
}

static int show_one(struct cli *c, const struct lifecycle_partition_list *list, const char *text,
	const struct lifecycle_peer_list *peers, struct json_object *array)
{
	const struct lifecycle_partition *p;
	uint16_t id;
	int r = cli_parse_sp("partitions", text, false, &id);

	if (r)
		return r;
	p = find_sp(list, id);
	if (p)
		return partition_page(c, p, peers, array);
	(void)cli_say_error("partitions: no Secure Partition has the id 0x%04x; 'lifecyclectl partitions' shows all", id);
	return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_INVALID_ARGUMENT);
}

static int show_pages(struct cli *c, const struct lifecycle_partition_list *list, int argc, char **argv)
{
	_cleanup_(peers_unrefp) struct lifecycle_peer_list *peers = NULL;
	struct json_object *array = NULL;
	int code = 0;

	if (lifecycle_peers(c->l, NULL, &peers) < 0)
		return cli_fail(c, "partitions", NULL);
	if (wants_json(c))
		array = json_object_new_array();
	for (int i = 0; i < argc; i++) {
		int r;

		if (i > 0 && !array)
			(void)putchar('\n');
		r = show_one(c, list, argv[i], peers, array);
		code = code ? code : r;
	}
	if (array)
		json_print(c, array);
	return code;
}

int verb_partitions(struct cli *c, int argc, char **argv)
{
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;

	if (c->secure_view && c->remote)
		return cli_usage("partitions: --secure-view reads a socket of this host, and --host is another");
	if (c->secure_view)
		return argc ? cli_usage("partitions: --secure-view shows all SPs, name none") : secure_view(c, c->secure_view);
	if (lifecycle_partitions(c->l, &list) < 0)
		return cli_fail(c, "partitions", NULL);
	return argc ? show_pages(c, list, argc, argv) : list_partitions(c, list);
}
