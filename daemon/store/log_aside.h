/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What of the log cannot be loaded is set aside, with a reason, and the rest loads. Part of reading the log (log_read.c).
 *
 * A record may also end the daemon that loads it, and each one after it. So which one comes next is marked before, in the file
 * `loading`; a daemon that finds a mark knows at what the one before it died. Once may be anybody's doing; a record at which
 * three died in a row is set aside, by each daemon until one has loaded all the rest: there may be several.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/buffer.h"

#define ASIDE_DEATHS 3
#define ASIDE_GIVEN_UP 32
#define ASIDE_LINE   UINT32_MAX /* in place of a change: the line as a whole */

/* One record: a change in a line of a file, or that line. */
struct aside_where {
	uint32_t file; /* 0: log, 1: log.1 */
	uint32_t nth;  /* of the changes in the line, or ASIDE_LINE */
	uint64_t at;   /* of the line, in bytes */
	uint64_t check; /* of the line: another log may have another there */
};

/* The file. A stored word outlives the process that stored it, so nothing is synced. */
struct aside_mark {
	char magic[8];
	uint64_t now; /* not 0: `where` is being loaded */
	struct aside_where where, died;
	uint64_t deaths; /* in a row, at `died` */
	uint64_t given_up_count;
	struct aside_where given_up[ASIDE_GIVEN_UP]; /* at each of them so many died */
};

struct aside_record {
	struct aside_where where;
	char why[160];
};

struct aside {
	int directory;
	struct aside_mark *mark; /* NULL: it cannot be had, and a record that kills is not found out */
	struct aside_record *record;
	size_t count, room;
	bool failed; /* out of memory: what was left out is not all here */
};

void aside_open(struct aside *a, int directory);
/* false: the daemons before this one died of it. */
bool aside_before(struct aside *a, const struct aside_where *where);
void aside_pause(struct aside *a); /* nothing is being loaded for now: who ends here is not counted */
void aside_put(struct aside *a, const struct aside_where *where, const char *why);
/* The records of a line, in order: those at `at` of `file` begin at *ret. How many. */
size_t aside_of_line(const struct aside *a, uint32_t file, uint64_t at, const struct aside_record **ret);
/* Nothing is being loaded any more. `done`: nor need it be known what was. */
void aside_close(struct aside *a, bool done);

/* What a text, whole or not, says of ids: each number after "endpoint". */
void aside_each_endpoint(const char *text, size_t length, void (*each)(void *arg, uint16_t endpoint), void *arg);
