/* SPDX-License-Identifier: Apache-2.0 */

/* Who waits for whom: a line a VM or SP, each deeper than who waits for it. */

#include <inttypes.h>
#include <string.h>

#include "list.h"
#include "peers.h"
#include "why.h"

#define LINKS_MAX 64 /* in all; more is no chain that a person follows */
#define LINE_MAX_SIZE 512

struct chain {
	struct cli *c;
	struct json_object *array; /* NULL: it is printed */
	bool begun;
	size_t count;
	char name[LINKS_MAX][LIFECYCLE_NAME_MAX + 1]; /* of VMs that were seen */
};

static bool is_known(const struct chain *ch, const char *name)
{
	for (size_t i = 0; i < ch->count; i++)
		if (strcmp(ch->name[i], name) == 0)
			return true;
	return false;
}

static void print(struct chain *ch, int depth, const char *line)
{
	if (!ch->begun)
		(void)puts("Who waits for whom:");
	ch->begun = true;
	(void)printf("    %*s", 2 * depth, "");
	put_text(stdout, line, strlen(line));
	(void)putchar('\n');
}

/* ---- an SP at its end ---- */

static const struct lifecycle_partition *find_partition(const struct lifecycle_partition_list *list, uint16_t id)
{
	for (size_t i = 0; i < lifecycle_partition_list_count(list); i++)
		if (lifecycle_partition_list_at(list, i)->id == id && lifecycle_partition_list_at(list, i)->secure)
			return lifecycle_partition_list_at(list, i);
	return NULL;
}

static void put_partition(struct words *w, const struct lifecycle_partition *p)
{
	uint64_t now = monotonic_now();

	words_add(w, "secure partition 0x%04x (%s) is %s", p->id, p->profile, p->status);
	words_add(w, ", %" PRIu32 " %s it something", p->owed, p->owed == 1 ? "life owes" : "lives owe");
	if (p->stuck)
		words_add(w, ", %" PRIu32 " of them %s stuck there", p->stuck, p->stuck == 1 ? "is" : "are");
	if (p->stuck_since)
		words_add_span(w, ", for ", monotonic_elapsed(p->stuck_since), "");
	if (p->in_flight)
		words_add(w, ", a call is with it");
	if (p->rests_until > now)
		words_add_span(w, ", it takes nothing and is left alone for ", p->rests_until - now, "");
}

static void link_partition(struct chain *ch, uint16_t id, int depth)
{
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;
	const struct lifecycle_partition *p;
	char line[LINE_MAX_SIZE];
	struct words w;

	if (lifecycle_partitions(ch->c->l, &list) < 0 || !(p = find_partition(list, id)))
		return;
	if (ch->array) {
		struct json_object *o = json_object_new_object();

		json_add_number(o, "depth", (uint64_t)depth);
		json_add_number(o, "sp", id);
		json_add_string(o, "status", p->status);
		json_add_number(o, "owed", p->owed);
		json_add_number(o, "stuck", p->stuck);
		json_add_bool(o, "in_flight", p->in_flight);
		(void)json_object_array_add(ch->array, o);
		return;
	}
	words_begin(&w, line, sizeof(line));
	put_partition(&w, p);
	print(ch, depth, line);
}

/* ---- a VM ---- */

static void put_vm(struct words *w, const struct lifecycle_vm_details *d, const struct lifecycle_peer *p)
{
	char state[64];

	format_state(state, sizeof(state), d->vm->state, d->vm->substate);
	words_add(w, "%s is %s", d->vm->name, state);
	if (d->vm->operation != LIFECYCLE_OP_NONE)
		words_add(w, ", %s is under way", lifecycle_operation_name(d->vm->operation));
	if (d->waits.on != LIFECYCLE_WAIT_NOTHING) {
		words_add(w, ";");
		why_add_party(w, "it", &d->waits);
	} else if (!d->call_count) {
		words_add(w, ", and waits for nothing");
	}
	if (p)
		words_add(w, "; %s was sent %" PRIu32 " time%s%s%s", peer_message(p), p->tries, p->tries == 1 ? "" : "s",
			strcmp(p->reply, "-") == 0 ? "" : ", the last reply was ", strcmp(p->reply, "-") == 0 ? "" : p->reply);
	for (size_t i = 0; i < d->call_count; i++) {
		char callee[CALLEE_MAX];

		format_callee(callee, sizeof(callee), d->call[i]);
		words_add(w, "; its vCPU %" PRIu32 " is blocked in a call to %s", d->call[i]->vcpu, callee);
	}
}

static void put_link(struct chain *ch, const struct lifecycle_vm_details *d, int depth)
{
	_cleanup_(peers_unrefp) struct lifecycle_peer_list *peers = NULL;
	const struct lifecycle_peer *p = NULL;
	char line[LINE_MAX_SIZE];
	struct words w;

	if (ch->array) {
		struct json_object *o = json_object_new_object();

		json_add_number(o, "depth", (uint64_t)depth);
		json_add_string(o, "name", d->vm->name);
		json_add_string(o, "state", lifecycle_state_name(d->vm->state));
		json_add_string(o, "substate", lifecycle_substate_name(d->vm->substate));
		json_add_string(o, "operation", lifecycle_operation_name(d->vm->operation));
		(void)json_object_object_add(o, "waits", waits_to_json(&d->waits));
		(void)json_object_object_add(o, "vcpu_calls", calls_to_json(d));
		(void)json_object_array_add(ch->array, o);
		return;
	}
	if (d->waits.on == LIFECYCLE_WAIT_SP && lifecycle_peers(ch->c->l, d->vm->name, &peers) == 0)
		p = why_find_peer(peers, &d->waits);
	words_begin(&w, line, sizeof(line));
	put_vm(&w, d, p);
	print(ch, depth, line);
}

static void follow_links(struct chain *ch, const struct lifecycle_vm_details *d, int depth);

/* A circle ends at who is in it already; a VM that went meanwhile, at who waited for it. */
static void link_vm(struct chain *ch, const char *name, int depth)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	char line[LIFECYCLE_NAME_MAX + 64];

	if (is_known(ch, name) && !ch->array) {
		(void)snprintf(line, sizeof(line), "%s is named above already", name);
		print(ch, depth, line);
	}
	if (is_known(ch, name) || ch->count == LINKS_MAX || lifecycle_vm_info(ch->c->l, name, &info) < 0)
		return;
	put_link(ch, lifecycle_vm_info_details(info), depth);
	follow_links(ch, lifecycle_vm_info_details(info), depth);
}

static void follow_links(struct chain *ch, const struct lifecycle_vm_details *d, int depth)
{
	(void)snprintf(ch->name[ch->count++], sizeof(*ch->name), "%s", d->vm->name);
	if (d->waits.on == LIFECYCLE_WAIT_VM)
		link_vm(ch, d->waits.name, depth + 1);
	if (d->waits.on == LIFECYCLE_WAIT_SP)
		link_partition(ch, d->waits.sp, depth + 1);
	for (size_t i = 0; i < d->call_count; i++) {
		if (d->call[i]->callee & 0x8000)
			link_partition(ch, d->call[i]->callee, depth + 1);
		else if (*d->call[i]->name)
			link_vm(ch, d->call[i]->name, depth + 1);
	}
}

static bool waits_for_a_vm(const struct lifecycle_vm_details *d)
{
	for (size_t i = 0; i < d->call_count; i++)
		if (*d->call[i]->name)
			return true;
	return d->waits.on == LIFECYCLE_WAIT_VM;
}

void why_chain(struct cli *c, const struct lifecycle_vm_details *d, struct json_object *array)
{
	struct chain ch = { .c = c, .array = array };

	if (!array && !waits_for_a_vm(d))
		return;
	put_link(&ch, d, 0);
	follow_links(&ch, d, 0);
}
