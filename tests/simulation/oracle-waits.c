/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P6, it can always say why: whatever is unfinished names an outside party or a timer, and the fake world agrees that
 * it is this one that holds it. Asked when the daemon has thought everything through.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

LIFECYCLE_NAME_TABLE(wait_names, WAITS);

static bool is_unfinished(const struct world *w, const struct vm_row *row)
{
	if (w->shutdown.active && row->state == VM_RUNNING)
		return true;
	if (row->operation != OP_NONE || row->state == VM_ABORTING || row->state == VM_CREATED || row->old_lives)
		return true;
	for (unsigned i = 0; i < row->debt_count; i++)
		if (row->debt[i].state == DEBT_CREATING || row->debt[i].state == DEBT_DESTROYING)
			return true;
	return false;
}

/* A life of the VM that this SP still has to answer for. */
static bool sp_holds(struct world *w, const struct vm_row *row, uint16_t id)
{
	struct fake_sp *sp = link_sp(w, id);

	for (size_t i = w->life_count; sp && i; i--) {
		const struct pair *p = &w->life[i - 1]->pair[sp - w->sp];

		if (!strcmp(w->life[i - 1]->name, row->name) &&
			(p->shown == DEBT_CREATING || p->shown == DEBT_DESTROYING || p->shown == DEBT_KNOWN))
			return true;
	}
	return sp && guest_left_for(w, sp, row);
}

/* Each SP has one creation slot, each VM an order: the other VM must really be in the way. */
static bool vm_holds(struct world *w, const struct vm_row *row, const char *name)
{
	const struct vm_row *other = rows_vm(engine_rows(w->engine), name);

	if (!other || other->state != VM_RUNNING || other->operation != OP_NONE)
		return true;
	/* It runs, and an SP that restarted is told of it again: it may stand in the same line, before this one. */
	if (row->waits.sp)
		return other->waits.on != WAIT_NOTHING;
	return w->shutdown.active && row->state == VM_RUNNING && oracle_needs(w, name, row->name);
}

static bool old_life_holds(struct world *w, const struct vm_row *row, enum wait_on on)
{
	for (size_t i = 0; i < w->life_count; i++) {
		const struct life *life = w->life[i];

		if (life->number == row->life || strcmp(life->name, row->name) != 0 || life->state != VM_ABORTING)
			continue;
		if (on == WAIT_MEMORY ? life->reclaiming : life->substate != VM_SUB_RETIRING)
			return true;
	}
	return false;
}

static bool vmm_holds(struct world *w, const struct vm_row *row)
{
	struct life *life = world_life(w, row->life);

	if (life && row->substate == VM_SUB_PAUSING) /* and not for ever */
		return row->waits.until && !life->pause_told;
	if (life && life->state == VM_RUNNING && row->operation == OP_STOP)
		return life->cut; /* the guest is asked when its VMM is back */
	if (!life || life->state == VM_RUNNING)
		return old_life_holds(w, row, WAIT_VMM);
	switch (row->substate) {
	case VM_SUB_ALLOCATING:
		return !life->built;
	case VM_SUB_READY: /* to enter, or to be back and be told to */
		return !life->entry_told;
	case VM_SUB_QUIESCING:
		return !life->proven;
	default:
		return true; /* its death, or its answer to a command, was not told: fleet knows, the daemon not yet */
	}
}

/* It was asked, has not said that it cannot hear, and has not ended, as far as the daemon was told; and not for ever. */
static bool guest_holds(struct world *w, const struct vm_row *row)
{
	struct life *life = world_life(w, row->life);

	return life && row->operation == OP_STOP && row->state == VM_RUNNING && row->waits.until && !life->cut &&
	       !life->deaf && !life->proven;
}

static bool world_agrees(struct world *w, const struct vm_row *row)
{
	struct life *life = world_life(w, row->life);

	switch (row->waits.on) {
	case WAIT_VMM:
		return vmm_holds(w, row);
	case WAIT_SP:
		if (!row->life && row->operation == OP_START)
			return oracle_wants_partition(w, row, row->waits.sp);
		return sp_holds(w, row, row->waits.sp);
	case WAIT_SECURE_LINK:
		return !rows_secure_up(engine_rows(w->engine));
	case WAIT_VM:
		return vm_holds(w, row, row->waits.name);
	case WAIT_MEMORY:
		return (life && life->reclaiming && row->substate == VM_SUB_RECLAIMING) ||
		       old_life_holds(w, row, WAIT_MEMORY);
	case WAIT_TIMER:
		return row->waits.until >= world_monotonic(w);
	case WAIT_DISK:
		return rows_disk_stuck(engine_rows(w->engine));
	case WAIT_LEASE:
		return oracle_lease_holds(w, row);
	case WAIT_GUEST:
		return guest_holds(w, row);
	case WAIT_OPERATOR:
		return life && life->stored_substate == VM_SUB_PRESERVED;
	case WAIT_OLD_LIFE:
		return row->old_lives > 0;
	default:
		return false;
	}
}

static void ask(struct world *w, const struct vm_row *row)
{
	const char *what = row->waits.on < WAIT_COUNT ? wait_names[row->waits.on] : "?";

	if (row->waits.on == WAIT_DISK && !rows_disk_stuck(engine_rows(w->engine)))
		fail(w, "P6", "%s says it waits on a disk that works", row->name);
	if (!is_unfinished(w, row) ||
		(w->quitting && !row->life)) /* a daemon that leaves leaves starts to its successor */
		return;
	if (row->waits.on == WAIT_NOTHING)
		fail(w, "P6", "%s (life %" PRIu64 " %u/%u, operation %u) does not say on what it waits", row->name,
			row->life, row->state, row->substate, row->operation);
	else if (!world_agrees(w, row))
		fail(w, "P6", "%s (life %" PRIu64 " %u/%u) says it waits on %s %04x%s, which does not hold it",
			row->name, row->life, row->state, row->substate, what, row->waits.sp, row->waits.name);
	if (row->waits.since > world_monotonic(w))
		fail(w, "P6", "%s waits since a time to come", row->name);
	if (row->waits.until && row->waits.until + 100 * MS < world_monotonic(w))
		fail(w, "P6", "%s waits on %s until a time that is over", row->name, what);
	if (row->waits.on == WAIT_SECURE_LINK && row->substate == VM_SUB_ANNOUNCING && !row->waits.until)
		fail(w, "P6", "%s is announced when the link is back, and has no deadline", row->name);
	if (row->waits.on == WAIT_SP && !row->life && row->operation == OP_START && !row->old_lives)
		oracle_partition_row(w, row);
}

/* When an announce ends at the latest is said once: it does not move, whoever restarts meanwhile. */
static void ask_deadline(struct world *w, const struct vm_row *row, const struct debt_row *debt)
{
	struct life *life = world_life(w, debt->life);
	struct fake_sp *sp = link_sp(w, debt->sp);
	struct pair *p = life && sp ? &life->pair[sp - w->sp] : NULL;

	if (!p || row->state != VM_CREATED)
		return;
	if (debt->state == DEBT_CREATING && !debt->until && row->substate == VM_SUB_ANNOUNCING)
		fail(w, "P6", "%s is announced to %04x without a deadline", row->name, sp->id);
	if (debt->state != DEBT_CREATING || !debt->until)
		return;
	if (p->announce_until && p->announce_until <= world_monotonic(w))
		p->announce_until = debt->until <= world_monotonic(w) + 1 ? debt->until : p->announce_until; /* over: at once */
	if (p->announce_until && debt->until != p->announce_until)
		fail(w, "P6", "%s was to be announced to %04x within %" PRIu64 " ns, and now within %" PRIu64, row->name, sp->id,
			p->announce_until, debt->until);
	p->announce_until = debt->until;
}

/* What was in the daemon's mind alone: that an announce had begun at an SP which is to hear of it anew. */
void oracle_deadlines_crash(struct world *w)
{
	for (size_t i = 0; i < w->life_count; i++)
		for (size_t k = 0; k < w->sp_count; k++)
			if (w->life[i]->pair[k].stored != DEBT_CREATING)
				w->life[i]->pair[k].announce_until = 0;
}

void oracle_waits(struct world *w)
{
	const struct rows *rows = engine_rows(w->engine);

	for (size_t i = 0; i < rows_vm_count(rows); i++) {
		const struct vm_row *row = rows_vm_at(rows, i);

		ask(w, row);
		oracle_next_start(w, row);
		oracle_client(w, row);
		oracle_requires(w, row);
		oracle_devices(w, row);
		for (uint32_t k = 0; k < row->debt_count; k++)
			ask_deadline(w, row, &row->debt[k]);
	}
}

/* A start that waits for a VM which nobody starts is as far as it can come. */
static bool waits_for_order(const struct vm_row *row)
{
	return !row->life && row->operation == OP_START && row->waits.on == WAIT_VM && !row->old_lives;
}

/* So is one that is tried again and again, while what it needs is not to be had: others hold it, or it is burned. */
static bool waits_for_what_is_short(struct world *w, const struct vm_row *row)
{
	bool retries = !row->life && row->operation == OP_START &&
		       (row->waits.on == WAIT_TIMER || row->waits.on == WAIT_SP);

	return retries && row->end_cause == CAUSE_START_FAILED &&
	       (w->memory_limit || oracle_wants_partition(w, row, 0) || oracle_id_is_short(w, row->name));
}

static const struct vm_row *first_unfinished(struct world *w)
{
	const struct rows *rows = engine_rows(w->engine);

	for (size_t i = 0; i < rows_vm_count(rows); i++)
		if (is_unfinished(w, rows_vm_at(rows, i)) && !waits_for_order(rows_vm_at(rows, i)) &&
			!waits_for_what_is_short(w, rows_vm_at(rows, i)))
			return rows_vm_at(rows, i);
	return NULL;
}

/* Nothing is under way any more: what lives runs, nobody owes anybody. */
bool oracle_is_settled(struct world *w)
{
	return world_is_idle(w) && !first_unfinished(w);
}

void oracle_never_settles(struct world *w)
{
	const struct vm_row *row = w->engine ? first_unfinished(w) : NULL;

	if (!row)
		fail(w, "P1", "a quiet world does not come to rest");
	else
		fail(w, "P1",
			"%s (life %" PRIu64 " %u/%u, operation %u, %u old lives) never settles: waits on %s %04x%s",
			row->name, row->life, row->state, row->substate, row->operation, row->old_lives,
			wait_names[row->waits.on], row->waits.sp, row->waits.name);
}

/* Whoever asked something that has no answer yet learns from the VM that it is the disk, also before that is stepped. */
static void ask_who_is_held(struct world *w)
{
	const struct rows *rows = engine_rows(w->engine);

	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
		const struct asked *a = &w->asked[i];
		const struct vm_row *row = a->token ? rows_vm(rows, a->row.name) : NULL;

		if (row && row->waits.on != WAIT_DISK)
			fail(w, "P6", "the disk holds up what %s was asked, and it says that it waits on %s", row->name,
				wait_names[row->waits.on]);
		else if (row && (row->waits.since > world_monotonic(w) || row->waits.since < w->disk.first_given))
			fail(w, "P6", "%s is held by the disk since another time than that", row->name);
	}
}

void oracle_step(struct world *w)
{
	if (!w->engine || w->dead)
		return;
	if (!disk_is_named_rightly(w, rows_disk_stuck(engine_rows(w->engine))))
		fail(w, "P6", "the disk refused a commit or takes its time, and nobody says so; or took it, and they still do");
	if (rows_disk_stuck(engine_rows(w->engine)))
		ask_who_is_held(w);
	if (!world_is_idle(w))
		return;
	for (size_t i = 0; i < w->sp_count; i++) {
		struct fake_sp *sp = &w->sp[i];

		if (sp->known == sp->told)
			continue;
		sp->known_since = w->now;
		sp->known = sp->told;
		oracle_known(w, sp);
	}
	w->known_world = w->told_world;
	fleet_stands(w);
	oracle_waits(w);
	oracle_leases(w);
}
