/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The engine orders the turn: inputs → model step → one commit → publish → act → answer. It owns the model, the rows
 * and the ring of events. It knows no fd, no clock and no library: the other rooms reach it through ports.h.
 */

#include "engine/ports.h"
#include "model/pace.h"

struct engine_config {
	uint64_t incarnation;    /* rises with every daemon */
	uint64_t random;         /* seed of jitter, and of the first FF-A id after the log was lost */
	uint64_t memory_limit;   /* bytes of the memory place; 0: not checked */
	uint64_t huge_limit;     /* bytes of the hugetlbfs place; 0: there is none, `reserved` is refused */
	struct retry_rule retry; /* all zero: retry_default */
	const struct retry_for *retry_for; /* at most MODEL_SP_MAX; copied */
	size_t retry_for_count;
	uint8_t boot[16];        /* this kernel's boot id */
	uint16_t first_id, last_id; /* the FF-A ids that are ours to give; 0, 0: all that are for VMs */
	bool has_secure_side;    /* false: nobody answers for a secure side here, VMs are announced to no one */
};

int engine_new(const struct engine_config *config, const struct engine_ports *ports, struct engine **ret);
struct engine *engine_free(struct engine *e);

/*
 * Load, line by line, before engine_start. A snapshot replaces what was loaded; its events stay in the ring. The definitions in the turn are the
 * engine's, whatever the answer. -EBADMSG: a change does not fit what came before; never with a guard, who is told.
 */
int engine_load(struct engine *e, const struct turn *turn, bool snapshot, const struct load_guard *guard);

/* A record that could not be loaded told of a life with this id: nobody gets it. After the load, before engine_start. */
int engine_lose_id(struct engine *e, uint16_t id);

/*
 * The log, or a part of it, is gone: there may be lives and debts nobody here knows. No sequence number up to `highest` is
 * used again, and ids go on from a random place, which is the answer. After the load, before engine_start.
 */
uint16_t engine_log_lost(struct engine *e, uint64_t highest);

/*
 * What main must adopt after a load: calls back for each life that has a VMM on record, so that the fleet can look
 * whether it lives. Lives of an earlier boot are not among them: their VMMs are gone.
 */
void engine_each_vmm(struct engine *e,
	void (*each)(void *arg, uint64_t life, const struct change_vmm *vmm, const char *name, bool huge), void *arg);

/* Takes up what the log left unfinished: the first turn. Call after the VMMs were handed to the fleet. */
int engine_start(struct engine *e);

/* Who is to start with the host is started, if no daemon has done so in this boot. Call once definitions were posted. */
int engine_autostart(struct engine *e);

/* True when nothing of this daemon's debts is in its active phase: what SIGTERM waits for, at most 5 s. */
bool engine_is_quiet(const struct engine *e);

/* True when no input waits to be stepped, and no turn to be stored. */
bool engine_is_idle(const struct engine *e);
