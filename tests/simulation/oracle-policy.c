/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P5, what follows an end: a VM whose policy says restart comes back by itself, once, not before its delay, and not more
 * often than its limit; no other does. Told from the stored changes and from what was asked.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"

static struct kept_vm *kept(struct world *w, uint64_t vm)
{
	for (size_t i = 0; vm && i < sizeof(w->kept) / sizeof(*w->kept); i++)
		if (w->kept[i].vm == vm)
			return &w->kept[i];
	return NULL;
}

static struct kept_vm *kept_of_life(struct world *w, uint64_t life)
{
	for (size_t i = 0; life && i < sizeof(w->kept) / sizeof(*w->kept); i++)
		if (w->kept[i].vm && w->kept[i].life == life)
			return &w->kept[i];
	return NULL;
}

static void defined(struct world *w, const struct change *c)
{
	struct kept_vm *k = kept(w, c->vm);

	for (size_t i = 0; !k && i < sizeof(w->kept) / sizeof(*w->kept); i++) {
		if (w->kept[i].vm)
			continue;
		k = &w->kept[i];
		*k = (struct kept_vm) { .vm = c->vm };
		memcpy(k->name, c->definition->name, sizeof(k->name));
	}
	if (!k)
		return;
	k->says = c->definition->policies;
	k->definition = *c->definition;
	k->defined = c->seq;
}

/* ---- who asked ---- */

#define ASKED(verb) (1u << (verb))
#define STARTS (ASKED(REQUEST_START) | ASKED(REQUEST_RESTART))
#define ENDS (ASKED(REQUEST_STOP) | ASKED(REQUEST_ABORT) | ASKED(REQUEST_DESTROY) | ASKED(REQUEST_CANCEL))

static bool is_asked(const struct world *w, const struct kept_vm *k, unsigned verbs)
{
	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++)
		if (w->asked[i].token && ASKED(w->asked[i].verb) & verbs && !strcmp(w->asked[i].row.name, k->name))
			return true;
	return false;
}

/* Somebody started its unit. */
bool oracle_has_stranger(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (fleet_waits(w, w->vmm[i]) && !strcmp(w->vmm[i]->name, name))
			return true;
	return false;
}

static bool has_stranger(const struct world *w, const struct kept_vm *k)
{
	return oracle_has_stranger(w, k->name);
}

/* And stopped it again: a start that was its wish alone goes with it. */
static bool had_stranger(const struct world *w, const struct kept_vm *k)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->at == VMM_DEAD && fleet_waits(w, w->vmm[i]) && !strcmp(w->vmm[i]->name, k->name))
			return true;
	return false;
}

static bool requires(const struct kept_vm *k, const char *name)
{
	for (unsigned i = 0; i < k->definition.requires_count; i++)
		if (!strcmp(k->definition.requires[i], name))
			return true;
	return false;
}

/*
 * Another one requires it, and somebody starts something: one through the other it may be this one. What a definition said
 * before it changed, behind change `since`, is not kept.
 */
static bool may_be_pulled(const struct world *w, const struct kept_vm *k, uint64_t since)
{
	bool asked = false, wanted = false;

	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++)
		asked |= w->asked[i].token && ASKED(w->asked[i].verb) & STARTS;
	for (size_t i = 0; i < w->vmm_count && !asked; i++)
		asked |= fleet_waits(w, w->vmm[i]) && !w->vmm[i]->spawned_by_daemon;
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++)
		wanted |= w->kept[i].vm && (requires(&w->kept[i], k->name) || w->kept[i].defined > since);
	return asked && wanted;
}

static bool is_wished(const struct world *w, const struct kept_vm *k)
{
	return is_asked(w, k, STARTS) || has_stranger(w, k) || may_be_pulled(w, k, w->disk.last_seq);
}

/* Where several things happen to a VM at once it is not clear from outside which came first. */
static bool is_clear(const struct world *w, const struct kept_vm *k)
{
	return k->defined <= w->disk.last_seq && !is_asked(w, k, ~0u);
}

/* ---- what its definition says ---- */

static uint8_t said(const struct vm_policies *p, uint8_t cause)
{
	switch (cause) {
	case CAUSE_GUEST_POWEROFF:
		return p->on_poweroff;
	case CAUSE_GUEST_REBOOT:
		return p->on_reboot;
	case CAUSE_GUEST_PANIC:
		return p->on_panic;
	case CAUSE_GUEST_WATCHDOG:
	case CAUSE_VCPU_STALL:
		return p->on_watchdog;
	case CAUSE_START_FAILED:
	case CAUSE_SECURE_REJECTED:
	case CAUSE_SECURE_TIMEOUT:
		return p->on_start_failure;
	case CAUSE_USER_STOP:
	case CAUSE_USER_ABORT:
	case CAUSE_USER_RESTART:
	case CAUSE_USER_DESTROY:
	case CAUSE_CLIENT_GONE:
	case CAUSE_DEPENDENCY:
	case CAUSE_HOST_SHUTDOWN:
	case CAUSE_HOST_REBOOT:
		return ON_END_STOP;
	default:
		return p->on_crash;
	}
}

static bool says_restart(const struct vm_policies *p, uint8_t cause)
{
	return said(p, cause) == ON_END_RESTART;
}

static bool is_within_limit(const struct world *w, struct kept_vm *k, uint8_t cause, uint64_t now)
{
	if (cause == CAUSE_GUEST_REBOOT)
		return true;
	if (!k->window || k->window_boot != w->boot || now < k->window || now > k->window + k->says.restart_window_ms * MS) {
		k->window = now;
		k->window_boot = w->boot;
		k->restarts = 0;
	}
	if (k->says.restart_limit && k->restarts >= k->says.restart_limit)
		return false;
	k->restarts++;
	return true;
}

struct range {
	uint64_t least, most;
};

static struct range delay_after(const struct kept_vm *k, uint8_t cause)
{
	bool failed = cause == CAUSE_START_FAILED || cause == CAUSE_SECURE_REJECTED || cause == CAUSE_SECURE_TIMEOUT;
	uint64_t delay = k->says.restart_delay_ms * MS, cap = k->says.restart_delay_max_ms * MS;

	if (cause == CAUSE_GUEST_REBOOT)
		return (struct range) { 0, 0 };
	if (failed && delay < 100 * MS)
		delay = 100 * MS;
	for (uint32_t i = 1; i < k->in_a_row && delay < cap; i++)
		delay = delay * k->says.restart_factor < cap ? delay * k->says.restart_factor : cap;
	return (struct range) { delay / 100 * (100 - k->says.restart_jitter), delay / 100 * (100 + k->says.restart_jitter) };
}

static void count_in_a_row(struct kept_vm *k, uint8_t cause, uint64_t now)
{
	bool healthy = k->life && k->entered && now - k->entered >= k->says.restart_healthy_ms * MS;

	if (cause != CAUSE_GUEST_REBOOT)
		k->in_a_row = healthy ? 1 : k->in_a_row + 1;
}

/* ---- what was decided ---- */

/* The operation after an end: what follows it at once in the turn is its own doing. */
static struct change_operation decided(const struct turn *turn, size_t i, struct kept_vm *k)
{
	struct change_operation op = { .operation = k->operation };

	for (i++; i < turn->count && turn->change[i].vm == k->vm &&
		  (turn->change[i].kind == CHANGE_OPERATION || turn->change[i].kind == CHANGE_END); i++) {
		if (turn->change[i].kind == CHANGE_OPERATION)
			op = turn->change[i].operation;
		k->decided = turn->change[i].seq;
	}
	return op;
}

static void check(struct world *w, struct kept_vm *k, uint8_t cause, uint64_t now, const struct change_operation *op,
	uint8_t restart)
{
	bool again = !k->removal && !w->shutdown.active && says_restart(&k->says, cause) && is_within_limit(w, k, cause, now);
	bool stopped = w->shutdown.active && op->operation == OP_STOP; /* the shutdown came to it in the same turn */
	struct range delay;

	if (op->operation != (again ? restart : OP_NONE) && !stopped)
		fail(w, "P5", "%s ends with cause %u, %u restarts in its window: operation %u follows, %s was due", k->name,
			cause, k->restarts, op->operation, again ? "a restart" : "nothing");
	if (again)
		count_in_a_row(k, cause, now);
	delay = delay_after(k, cause);
	if (again && (delay.most ? op->deadline < now + delay.least || op->deadline > now + delay.most : op->deadline))
		fail(w, "P5", "%s ends, the %u. time in a row, and is to come back after %" PRIu64 " ns: %" PRIu64 " to %" PRIu64
			" were due", k->name, k->in_a_row, op->deadline - now, delay.least, delay.most);
	k->due = again;
	k->boot = w->boot;
	k->not_before = op->deadline;
}

static void take_as_it_is(const struct world *w, struct kept_vm *k, const struct change_operation *op)
{
	k->due = op->operation == OP_RESTART || (op->operation == OP_START && !k->life);
	k->not_before = op->deadline;
	k->boot = w->boot;
}

/*
 * Between proof and SPs stands who wants to look, if the policy says so, as long as nobody asked for anything since. A life
 * that nobody asked about and that has another policy is not kept.
 */
static void keeps(struct world *w, struct kept_vm *k, const struct change *c)
{
	uint64_t ms = k->definition.limits.preserve_timeout_ms;
	bool arrives = c->state.old_substate != VM_SUB_PRESERVED && c->state.substate == VM_SUB_PRESERVED;

	if (c->state.old_state == VM_ABORTING && (is_asked(w, k, ~0u) || w->shutdown.active))
		k->keep = KEEP_UNCLEAR;
	if (k->keep == KEEP_IT && (c->state.substate == VM_SUB_RETIRING || c->state.substate == VM_SUB_RECLAIMING) &&
		c->state.old_substate != VM_SUB_PRESERVED)
		fail(w, "P5", "%s ends with cause %u and is not kept, as its policy says", k->name, c->state.cause);
	if (k->keep == KEEP_IT_NOT && arrives)
		fail(w, "P5", "%s ends with cause %u and is kept, which nobody says", k->name, c->state.cause);
	if (arrives && k->defined <= w->disk.last_seq && c->state.deadline != (ms ? c->state.since + ms * MS : 0))
		fail(w, "P6", "%s is kept until %" PRIu64 ", its definition says %" PRIu64 " ms", k->name, c->state.deadline, ms);
	if (arrives) /* where it goes from there is said by who ends it */
		k->keep = KEEP_UNCLEAR;
}

static void ends(struct world *w, const struct turn *turn, size_t i)
{
	const struct change *c = &turn->change[i];
	struct kept_vm *k = kept_of_life(w, c->life);
	struct change_operation op;
	uint8_t was;

	if (k && c->state.state == VM_RUNNING && c->state.old_state != VM_RUNNING)
		k->entered = c->state.since;
	if (k) {
		k->runs = c->state.state == VM_RUNNING;
		k->quiesced = c->state.state == VM_ABORTING && c->state.quiesced;
	}
	if (k && c->state.old_state == VM_ABORTING)
		keeps(w, k, c);
	if (!k || c->state.state != VM_ABORTING || c->state.old_state == VM_ABORTING)
		return;
	if (c->state.cause == CAUSE_CLIENT_GONE && !k->client_gone)
		fail(w, "P5", "%s ends for a client that is there", k->name);
	was = k->operation;
	op = decided(turn, i, k);
	k->unclear = !is_clear(w, k) || c->state.cause == CAUSE_DEPENDENCY;
	k->due = false;
	k->keep = k->unclear || was >= OP_RESTART ? KEEP_UNCLEAR :
		!w->shutdown.active && said(&k->says, c->state.cause) == ON_END_PRESERVE ? KEEP_IT : KEEP_IT_NOT;
	keeps(w, k, c);
	if (!k->unclear && (was <= OP_START || was == OP_PAUSE || (was == OP_RESTART && c->state.cause != CAUSE_USER_RESTART)))
		check(w, k, c->state.cause, c->state.since, &op, OP_RESTART);
	else if (!k->unclear && op.operation != was)
		fail(w, "P5", "%s: operation %u becomes %u as its life ends", k->name, was, op.operation);
	if (k->unclear)
		take_as_it_is(w, k, &op);
}

/* The window is opened by what is counted in it, and closed by a boot alone. */
static bool counts_anew(struct kept_vm *k, const struct change_end *end)
{
	bool closed = k->stored_window && !end->window;

	k->stored_window = end->window;
	return closed;
}

/* Without a life: a start that came to nothing. */
static void failed(struct world *w, const struct turn *turn, size_t i)
{
	const struct change *c = &turn->change[i];
	struct kept_vm *k = kept(w, c->vm);
	struct change_operation op;

	if (!k || counts_anew(k, &c->end))
		return;
	oracle_partition_missed(w, k, &c->end);
	if (c->seq <= k->decided)
		return;
	if (k->unclear) {
		k->window = c->end.window;
		k->window_boot = w->boot;
		k->restarts = c->end.restarts;
		k->in_a_row = c->end.backoff;
	}
	if (!k->life && c->end.cause == CAUSE_DEPENDENCY)
		k->due = false;
	if (k->life || k->operation != OP_START || c->end.cause != CAUSE_START_FAILED)
		return;
	op = decided(turn, i, k);
	k->unclear = !is_clear(w, k) || is_wished(w, k); /* what follows may be the next start, at somebody's word */
	k->due = false;
	if (!k->unclear && op.operation == OP_START)
		check(w, k, CAUSE_START_FAILED, op.since, &op, OP_START);
	else if (!k->unclear && says_restart(&k->says, CAUSE_START_FAILED))
		k->unclear = true; /* at its limit: when that was tried is told nowhere else */
	else if (k->unclear)
		take_as_it_is(w, k, &op);
}

/* ---- what became of it ---- */

static bool is_early(const struct world *w, const struct kept_vm *k)
{
	return k->due && k->boot == w->boot && world_monotonic(w) < k->not_before;
}

struct kept_vm *oracle_kept(struct world *w, const char *name)
{
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++)
		if (w->kept[i].vm && !strcmp(w->kept[i].name, name))
			return &w->kept[i];
	return NULL;
}

static bool runs(struct world *w, const char *name)
{
	const struct kept_vm *k = oracle_kept(w, name);

	return k && k->life && k->runs;
}

static void check_order(struct world *w, const struct kept_vm *k)
{
	const struct vm_definition *d = &k->definition;

	if (k->defined > w->disk.last_seq)
		return;
	for (unsigned i = 0; i < d->after_count; i++)
		if (!runs(w, d->after[i]))
			fail(w, "P5", "%s begins a life, and %s, which comes first, does not run", k->name, d->after[i]);
	for (unsigned i = 0; i < d->requires_count; i++)
		if (!runs(w, d->requires[i]))
			fail(w, "P5", "%s begins a life, and %s, which it requires, does not run", k->name, d->requires[i]);
}

static void begins(struct world *w, const struct change *c)
{
	struct kept_vm *k = kept(w, c->vm);

	if (!k || c->begun.old)
		return;
	if (is_early(w, k) && !is_asked(w, k, STARTS) && !has_stranger(w, k))
		fail(w, "P5", "%s comes back %" PRIu64 " ns too early", k->name, k->not_before - world_monotonic(w));
	check_order(w, k);
	if (w->shutdown.active)
		fail(w, "P5", "%s begins a life in a shutdown", k->name);
	if (k->for_good && !is_wished(w, k))
		fail(w, "P5", "%s was ended at a user's word, and lives again at nobody's", k->name);
	k->life = c->life;
	k->entered = 0;
	k->runs = k->quiesced = false;
	k->due = k->for_good = k->client_gone = false;
}

static void operates(struct world *w, const struct change *c)
{
	struct kept_vm *k = kept(w, c->vm);

	if (!k)
		return;
	oracle_partition_stored(w, k, &c->operation);
	k->operation = c->operation.operation;
	if (c->operation.outcome == OUTCOME_UNHEARD)
		k->for_good = false;
	if ((c->operation.operation == OP_START || c->operation.operation == OP_RESTART) &&
		is_wished(w, k))
		k->for_good = false;
	if (c->seq <= k->decided)
		return;
	if (w->shutdown.active && c->operation.operation == OP_STOP && c->operation.deadline && !is_asked(w, k, ~0u))
		oracle_turn(w, k);
	if (c->operation.operation == OP_NONE && k->due && !is_asked(w, k, ENDS | ASKED(REQUEST_UNDEFINE)) && !had_stranger(w, k) &&
		!w->shutdown.active && !k->client_gone)
		fail(w, "P5", "%s was to come back, and nobody thinks of it any more", k->name);
	if (c->operation.operation == OP_NONE || c->operation.operation >= OP_STOP)
		k->due = false;
	else if (is_early(w, k) && c->operation.deadline < k->not_before && (is_asked(w, k, STARTS) || has_stranger(w, k)))
		k->due = false; /* it is somebody's wish now */
}

static void gone(struct world *w, const struct change *c)
{
	struct kept_vm *k = c->kind == CHANGE_VM_GONE ? kept(w, c->vm) : kept_of_life(w, c->life);

	if (k && c->kind == CHANGE_VM_GONE)
		k->vm = 0;
	else if (k)
		k->life = 0;
}

/* What a life is built from is looked at elsewhere; what is said here of the others is in force at once. */
static void waits(struct world *w, const struct change *c)
{
	struct kept_vm *k = kept(w, c->vm);

	if (k)
		k->removal = c->pending.what == PENDING_REMOVAL;
}

/* Whose last life still settles when who is to start with the host is started comes back when it has. */
static void starts_with_host(struct world *w)
{
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++) {
		const struct kept_vm *k = &w->kept[i];

		if (!k->vm || !k->life || !k->quiesced || !k->definition.autostart || k->removal || w->shutdown.active ||
			k->operation == OP_RESTART || k->operation == OP_DESTROY || k->client_gone || is_asked(w, k, ~0u))
			continue;
		fail(w, "P4", "%s is to start with the host, and has operation %u while its last life settles", k->name, k->operation);
	}
}

void oracle_policies(struct world *w, const struct turn *turn)
{
	bool autostarts = false, shuts = false; /* a shutdown that came and went in this turn took it all back */

	for (size_t i = 0; i < turn->count; i++)
		if (turn->change[i].kind == CHANGE_VM)
			defined(w, &turn->change[i]);
	for (size_t i = 0; i < turn->count; i++) {
		const struct change *c = &turn->change[i];

		if (c->kind == CHANGE_STATE)
			ends(w, turn, i);
		else if (c->kind == CHANGE_END)
			failed(w, turn, i);
		else if (c->kind == CHANGE_LIFE)
			begins(w, c);
		else if (c->kind == CHANGE_BOUND)
			oracle_client_stored(w, c);
		else if (c->kind == CHANGE_SHUTDOWN)
			w->shutdown = c->shutdown;
		else if (c->kind == CHANGE_OPERATION)
			operates(w, c);
		else if (c->kind == CHANGE_PENDING)
			waits(w, c);
		else if (c->kind == CHANGE_VM_GONE || c->kind == CHANGE_LIFE_GONE)
			gone(w, c);
		autostarts |= c->kind == CHANGE_AUTOSTART && c->autostart.done;
		shuts |= c->kind == CHANGE_SHUTDOWN;
	}
	if (autostarts && !shuts)
		starts_with_host(w);
}

/* ---- what is said of it ---- */

void oracle_asked_to_live(struct world *w, const char *name)
{
	struct kept_vm *k = oracle_kept(w, name);

	if (k)
		k->for_good = false;
}

void oracle_ended_for_good(struct world *w, const struct asked *asked)
{
	struct kept_vm *k = oracle_kept(w, asked->row.name);

	if (!k)
		return;
	if (ASKED(asked->verb) & STARTS)
		k->for_good = false;
	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++)
		if (w->asked[i].token > asked->token && ASKED(w->asked[i].verb) & STARTS &&
			(!strcmp(w->asked[i].row.name, k->name) || may_be_pulled(w, k, asked->stored_seq)))
			return;
	if (asked->verb == REQUEST_CANCEL)
		k->for_good = !has_stranger(w, k);
	else if (ASKED(asked->verb) & ENDS) /* a stop that was not heard is over, and the life goes on */
		k->for_good = !(k->life && k->operation == OP_NONE) && !has_stranger(w, k);
}

/* What is taken back is a life that was to begin, or what somebody's unit waits for. */
void oracle_cancelled(struct world *w, const struct asked *asked)
{
	const struct picture *p = oracle_picture(w, asked->row.name);
	const struct kept_vm *k = oracle_kept(w, asked->row.name);
	uint8_t was = !p ? OP_NONE : p->turn == w->publishes ? p->was_operation : p->operation;

	if (k && was != OP_START && was != OP_RESTART && !asked->has_unit)
		fail(w, "P5", "of %s is taken back operation %u, which is no life to begin", k->name, was);
}

void oracle_next_start(struct world *w, const struct vm_row *row)
{
	struct kept_vm *k = oracle_kept(w, row->name);

	if (!k || k->boot != w->boot)
		return;
	/* Once it is over a VM before it in order may hold it, or memory that is short. */
	if (k->due && k->not_before > world_monotonic(w) && row->next_start != k->not_before)
		fail(w, "P6", "%s comes back at %" PRIu64 ", and says %" PRIu64, row->name, k->not_before, row->next_start);
	if (!k->due && row->next_start > world_monotonic(w))
		fail(w, k->for_good ? "P5" : "P6", "%s is not to come back, and says %" PRIu64, row->name, row->next_start);
}

/* A user's word holds for this boot of the host: the next one may start it by its definition. */
void oracle_rebooted(struct world *w)
{
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++)
		w->kept[i].for_good = false;
}

static bool is_coming(const struct vm_row *row)
{
	return row && ((row->life && row->state != VM_ABORTING) || row->operation == OP_START || row->operation == OP_RESTART);
}

/* What it required when it began is there as long as it lives; what it is to require is on its way while it waits for that. */
void oracle_requires(struct world *w, const struct vm_row *row)
{
	struct kept_vm *k = oracle_kept(w, row->name);

	if (k && row->waits.on == WAIT_VM && !row->life && w->wakes_at > world_monotonic(w) && requires(k, row->waits.name) &&
		!is_coming(rows_vm(engine_rows(w->engine), row->waits.name)))
		fail(w, "P6", "%s waits for %s, which it requires, and nobody starts that", row->name, row->waits.name);
	if (!k || !row->life || row->state == VM_ABORTING || k->defined > row->life)
		return;
	for (unsigned i = 0; i < k->definition.requires_count; i++)
		if (!runs(w, k->definition.requires[i]))
			fail(w, "P5", "%s lives, and %s, which it requires, does not run", row->name, k->definition.requires[i]);
}
