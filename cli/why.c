/* SPDX-License-Identifier: Apache-2.0 */

/* why: what is under way, what it waits for, and what comes of it; a paragraph a VM, and who waits for whom. */

#include <inttypes.h>
#include <string.h>

#include "list.h"
#include "peers.h"
#include "why.h"

#define TEXT_MAX 2048

/* On whom; an SP's creation slot makes a VM wait for another. */
void why_add_party(struct words *t, const char *who, const struct lifecycle_waits_on *w)
{
	static const char *const parties[] = {
		[LIFECYCLE_WAIT_VMM] = "its VMM process",
		[LIFECYCLE_WAIT_SP] = "secure partition",
		[LIFECYCLE_WAIT_SECURE_LINK] = "the secure side, which cannot be reached",
		[LIFECYCLE_WAIT_VM] = "VM",
		[LIFECYCLE_WAIT_MEMORY] = "the removal of its memory",
		[LIFECYCLE_WAIT_TIMER] = "a timer, the delay before a restart",
		[LIFECYCLE_WAIT_DISK] = "the disk, which does not take the log",
		[LIFECYCLE_WAIT_OLD_LIFE] = "an older life of this VM, which still settles",
		[LIFECYCLE_WAIT_GUEST] = "the guest, whose power key was pressed",
		[LIFECYCLE_WAIT_OPERATOR] = "somebody who looks at what is kept, and then ends it: abort, restart or destroy",
		[LIFECYCLE_WAIT_LEASE] = "the holder of a lease, which was asked to let go:",
	};
	bool known = w->on > 0 && w->on < (int)(sizeof(parties) / sizeof(*parties));

	if (w->on == LIFECYCLE_WAIT_SP && w->sp == SPMC_ID)
		words_add(t, " %s waits on the SPMC, whose notification bitmap of it is made or destroyed: endpoint", who);
	else
		words_add(t, " %s waits on %s", who, known ? parties[w->on] : "something this lifecyclectl has no word for");
	if (w->on == LIFECYCLE_WAIT_SP)
		words_add(t, " 0x%04x", w->sp);
	if (w->on == LIFECYCLE_WAIT_DISK && *w->name)
		words_add(t, " in %s", w->name);
	if (w->on == LIFECYCLE_WAIT_LEASE)
		words_add(t, " %s ('lifecyclectl leases' shows all)", w->name);
	if (w->on == LIFECYCLE_WAIT_VM)
		words_add(t, " '%s'%s", w->name, w->sp ? "" : ", which has to run before it");
	if (w->on == LIFECYCLE_WAIT_VM && w->sp)
		words_add(t, ", which is ahead of it at the creation slot of secure partition 0x%04x", w->sp);
	if (w->since)
		words_add_span(t, ", for ", monotonic_elapsed(w->since), "");
}

/* The life's own first, as the daemon does it. */
const struct lifecycle_peer *why_find_peer(const struct lifecycle_peer_list *peers, const struct lifecycle_waits_on *on)
{
	uint16_t sp = on->on == LIFECYCLE_WAIT_SP ? on->sp : 0;

	for (size_t i = 0; sp && i < lifecycle_peer_list_count(peers); i++) {
		const struct lifecycle_peer *p = lifecycle_peer_list_at(peers, i);

		if (p->sp == sp && (p->debt == LIFECYCLE_DEBT_CREATING || p->debt == LIFECYCLE_DEBT_DESTROYING))
			return p;
	}
	return NULL;
}

static void add_tries(struct words *t, const struct lifecycle_peer *p)
{
	uint64_t now = monotonic_now();

	words_add(t, ". %s was sent %" PRIu32 " time%s", peer_message(p), p->tries,
		p->tries == 1 ? "" : "s");
	if (strcmp(p->reply, "-") != 0)
		words_add(t, ", the last reply was %s", p->reply);
	if (strcmp(p->place, "sent") == 0)
		words_add(t, ", an answer is out");
	else if (p->next > now)
		words_add_span(t, ", it is tried again in ", p->next - now, "");
	else if (strcmp(p->place, "ready") == 0 || p->next)
		words_add(t, ", it is tried again as soon as the partition is free");
}

/* What comes when `until` is over. */
static const char *then(const struct lifecycle_vm_details *d)
{
	switch (d->waits.on == LIFECYCLE_WAIT_GUEST ? -1 : d->vm->substate) {
	case -1:
		return "then the guest is ended by force";
	case LIFECYCLE_SUB_ALLOCATING:
		return "then the life ends: start-failed";
	case LIFECYCLE_SUB_ANNOUNCING:
		return "then the life ends: secure-timeout";
	case LIFECYCLE_SUB_QUIESCING:
	case LIFECYCLE_SUB_RECLAIMING:
		return "then the VMM is told more firmly, and killed at last";
	case LIFECYCLE_SUB_PRESERVED:
		return "then it is given up, and its end goes on";
	case LIFECYCLE_SUB_LEASES:
		return "then the lease is revoked, and secure partitions are told of the end";
	case LIFECYCLE_SUB_RETIRING:
		return "then the life counts as stuck, and the partition is asked once a second for ever";
	default:
		return d->waits.on == LIFECYCLE_WAIT_TIMER ? "then the next life begins" : "then it is looked at again";
	}
}

static void add_until(struct words *t, const struct lifecycle_vm_details *d)
{
	uint64_t now = monotonic_now();

	if (!d->waits.until) {
		words_add(t, ". There is no time limit");
		return;
	}
	if (d->waits.until > now)
		words_add_span(t, ". That may take ", d->waits.until - now, "");
	else
		words_add_span(t, ". That is overdue by ", now - d->waits.until, "");
	words_add(t, "%s; %s", d->waits.until > now ? " more" : "", then(d));
}

static void add_stuck(struct words *t, const struct lifecycle_peer_list *peers)
{
	for (size_t i = 0; i < lifecycle_peer_list_count(peers); i++) {
		const struct lifecycle_peer *p = lifecycle_peer_list_at(peers, i);

		if (p->stuck)
			words_add(t, " Stuck: secure partition 0x%04x has not taken the end of life %" PRIu64
			       " in time; 'lifecyclectl trace 0x%04x' shows what it says.", p->sp, p->life, p->sp);
	}
}

static void add_state(struct words *t, const struct lifecycle_vm_details *d)
{
	char state[64];

	format_state(state, sizeof(state), d->vm->state, d->vm->substate);
	words_add(t, "%s is %s", d->vm->name, state);
	if (d->vm->since)
		words_add_span(t, " for ", monotonic_elapsed(d->vm->since), "");
	if (d->vm->cause > LIFECYCLE_CAUSE_NONE)
		words_add(t, ", because of %s", lifecycle_cause_name(d->vm->cause));
	if (d->vm->operation != LIFECYCLE_OP_NONE) {
		words_add(t, "; %s is under way", lifecycle_operation_name(d->vm->operation));
		if (d->operation_since)
			words_add_span(t, " for ", monotonic_elapsed(d->operation_since), "");
	}
	words_add(t, ".");
	if (d->next_start > monotonic_now()) {
		words_add_span(t, " Its next life begins in ", d->next_start - monotonic_now(), "");
		words_add(t, " at the earliest; stop cancels that.");
	}
	if (d->vm->unreachable)
		words_add(t, " Its VMM lives and does not connect; abort ends it.");
	if (d->vm->stale)
		words_add(t, " Its VMM is stale, of a version that this daemon cannot speak with; its guest goes on. Stop and abort end "
		       "it, restart gives it a new one.");
}

static void explain(struct words *t, const struct lifecycle_vm_details *d, const struct lifecycle_peer_list *peers)
{
	const struct lifecycle_peer *p = why_find_peer(peers, &d->waits);

	add_state(t, d);
	if (d->waits.on == LIFECYCLE_WAIT_NOTHING) {
		words_add(t, " It waits for nothing.");
	} else {
		why_add_party(t, "It", &d->waits);
		if (p)
			add_tries(t, p);
		add_until(t, d);
		words_add(t, ".");
	}
	for (size_t i = 0; i < d->call_count; i++) {
		char callee[CALLEE_MAX];

		format_callee(callee, sizeof(callee), d->call[i]);
		words_add(t, " vCPU %" PRIu32 " is blocked in a call to %s", d->call[i]->vcpu, callee);
		words_add_span(t, " for ", monotonic_elapsed(d->call[i]->since), "");
		words_add(t, ".");
	}
	add_stuck(t, peers);
}

static struct json_object *why_to_json(struct cli *c, const struct lifecycle_vm_details *d, const struct lifecycle_peer_list *peers,
	const char *text)
{
	const struct lifecycle_peer *p = why_find_peer(peers, &d->waits);
	struct json_object *o = json_object_new_object(), *stuck = json_object_new_array();
	struct json_object *chain = json_object_new_array();

	json_add_string(o, "name", d->vm->name);
	json_add_string(o, "state", lifecycle_state_name(d->vm->state));
	json_add_string(o, "substate", lifecycle_substate_name(d->vm->substate));
	json_add_string(o, "operation", lifecycle_operation_name(d->vm->operation));
	json_add_number(o, "next_start_monotonic_us", d->next_start / 1000);
	(void)json_object_object_add(o, "waits", waits_to_json(&d->waits));
	json_add_string(o, "then", d->waits.until ? then(d) : "");
	json_add_string(o, "reply", p ? p->reply : "-");
	json_add_number(o, "next_monotonic_us", p ? p->next / 1000 : 0);
	for (size_t i = 0; i < lifecycle_peer_list_count(peers); i++)
		if (lifecycle_peer_list_at(peers, i)->stuck)
			(void)json_object_array_add(stuck, json_object_new_int(lifecycle_peer_list_at(peers, i)->sp));
	(void)json_object_object_add(o, "stuck_sps", stuck);
	(void)json_object_object_add(o, "vcpu_calls", calls_to_json(d));
	json_add_string(o, "text", text);
	why_chain(c, d, chain);
	(void)json_object_object_add(o, "chain", chain);
	return o;
}

static int show(struct cli *c, const char *name, struct json_object *array)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	_cleanup_(peers_unrefp) struct lifecycle_peer_list *peers = NULL;
	const struct lifecycle_vm_details *d;
	char text[TEXT_MAX];
	struct words t;

	if (lifecycle_vm_info(c->l, name, &info) < 0 || lifecycle_peers(c->l, name, &peers) < 0)
		return cli_fail(c, "why", name);
	d = lifecycle_vm_info_details(info);
	words_begin(&t, text, sizeof(text));
	explain(&t, d, peers);
	if (array) {
		(void)json_object_array_add(array, why_to_json(c, d, peers, text));
	} else {
		put_text(stdout, text, strlen(text)); /* who holds a lease calls itself what it likes */
		(void)putchar('\n');
		why_chain(c, d, NULL);
	}
	return 0;
}

int verb_why(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = 0;

	for (int i = 0; i < argc; i++) {
		int r;

		if (i > 0 && !array)
			(void)putchar('\n');
		r = show(c, argv[i], array);
		code = code ? code : r;
	}
	if (array)
		json_print(c, array);
	return code;
}
