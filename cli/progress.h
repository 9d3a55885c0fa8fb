/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One line on the terminal while a verb waits: what is under way, on whom it waits, how often that was tried, how long it may
 * last. It is written over again and again, and is gone when something else is said. Standard error: standard output is the
 * result's.
 */

#include "cli.h"

struct progress {
	const struct cli *c; /* NULL: nobody looks */
	int nth, of;         /* the VM that is waited for; of 1: that is not said */
	uint64_t next;       /* when to look again (CLOCK_MONOTONIC ns) */
};

/* Where a terminal is there to be written on, and neither --quiet nor JSON was asked for. */
void progress_begin(struct progress *p, const struct cli *c, int nth, int of);
/* When to call progress_show(); UINT64_MAX: never. */
uint64_t progress_next(const struct progress *p);
void progress_show(struct progress *p, const char *name);
/* With other words in front: "3 of 7 VMs have ended". */
void progress_show_of(struct progress *p, const char *before, const char *name);
/* Before anything else is written to the terminal. */
void progress_clear(void);

/* "web: aborting/retiring for 3.2 s, waits on sp 0x8001, tried 12 times, at most 27 s more", as far as `columns` go. For tests. */
void progress_format(char *to, size_t size, int columns, const struct lifecycle_vm_details *d, const char *before, uint64_t now);
