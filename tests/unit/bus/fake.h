/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An engine that is nothing but what the bus room sees of one: it keeps what was posted and shows what a test
 * wrote. */

#include "engine/ports.h"

#define FAKE_VMS    8
#define FAKE_POSTED 64

struct rows {
	struct vm_row vm[FAKE_VMS];
	struct debt_row debt[FAKE_VMS][4];
	struct lease_row lease[FAKE_VMS][4];
	size_t vm_count;
	struct sp_row sp[4];
	size_t sp_count;
	struct orphan_row orphan[4];
	size_t orphan_count;
	struct burned_row burned[4];
	size_t burned_count;
	uint64_t seq;
	struct model_counts counts;
	bool secure_up, disk_stuck;
};

struct ring {
	struct event_record event[EVENT_RING_SIZE];
	uint64_t count; /* ever added */
	uint64_t lost;  /* events up to this number are gone */
};

struct engine {
	struct rows rows;
	struct ring ring;
	struct request posted[FAKE_POSTED];
	size_t posted_count;
	struct engine_measure done;
	int post_error; /* what engine_post answers */
};

void fake_free(struct engine *e); /* what was posted; not `e` itself */
struct vm_row *fake_vm(struct engine *e, const char *name, uint64_t number);
void fake_vm_remove(struct engine *e, const char *name);
struct sp_row *fake_sp(struct engine *e, uint16_t id);
void fake_event(
	struct engine *e, const struct event_record *event); /* into the ring; the last number shown is its */
