/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows: what readers read, written in `publish` alone; and the ring of the last events. */

#include "engine/ports.h"
#include "model/model.h"

struct rows *rows_new(void);
struct rows *rows_free(struct rows *r);

/* Room for one more VM, so that the next refresh cannot fail. 0 or -ENOMEM. */
int rows_reserve(struct rows *r, size_t vms);

void rows_forget(struct rows *r, const char *name); /* that VM went */

/* Writes anew the rows of the VMs the model lists as touched, and what is said of the SPs. */
void rows_refresh(struct rows *r, struct model *m, uint64_t seq);
const struct vm_row *const *rows_touched(const struct rows *r, size_t *ret_count); /* those that the last refresh wrote */

/* What calls changed since, which is in no turn: of the VMs that the model lists as called, what the vCPUs are doing. */
void rows_catch_up(struct rows *r, struct model *m);

/*
 * The disk holds up a turn. Whoever waits for it says so in place of what else it waits for, until the disk works: the one thing
 * in a row that is of no turn.
 */
void rows_disk_fails(struct rows *r);
void rows_hold(struct rows *r, const char *name, uint64_t since); /* that VM; once it is held it stays so, since then */
void rows_disk_works(struct rows *r);

struct old_life_row old_life_row(const struct life *l);

/* debts.c: what is owed, into a row; its block of debts grows as needed and is the row's */
void debts_write(struct vm_row *v, const struct model *m, const struct vm *vm);

/* leases.c: who holds the life's end; the block is the row's, as that of the debts */
void leases_write(struct vm_row *v, const struct vm *vm);
void leases_say_over(const struct lease_word *w); /* in the journal, if its holder did not let go */

struct orphan_rows {
	struct orphan_row *at;
	size_t count, room;
};
void orphans_write(struct orphan_rows *o, const struct model *m);

struct ring *ring_new(void);
struct ring *ring_free(struct ring *r);
void ring_put(struct ring *r, const struct event_record *e);
void ring_begin_at(struct ring *r, uint64_t seq); /* nothing up to `seq` is known */
