/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of the log: opening (log_open.c), reading (log_read.c), appending and snapshots
 * (log.c). */

#include "store/buffer.h"
#include "store/log.h"
#include "store/log_write.h"
#include "store/log_writer.h"

struct store {
	struct store_options options;
	struct log_file file; /* the writer's, once there is one: see log_writer.h */
	struct log_writer writer;
	bool has_writer;
	bool loaded;
	bool lost;
	int lock;
	uint64_t incarnation;
	uint64_t highest;
	uint8_t boot[16];
	uint8_t epoch[16];
	uint8_t logged_boot[16]; /* the boot that the log's next line would be taken for */

	uint64_t size;          /* of the log, as far as its jobs are over */
	uint64_t snapshot_size; /* of the snapshot it begins with */
	uint64_t events;        /* that followers can still read from it, the snapshot's not counted */
	uint64_t written, snapshots; /* since it was opened */
	uint64_t ask_at;        /* no snapshot before it has that size: the last try failed */

	uint16_t *lost_id; /* of lives that a record told of which was set aside */
	size_t lost_ids;
	bool keeps_lost; /* the file `lost` is there (log_mend.c) */

	struct log_job line, snapshot;
	void (*done)(void *ctx, uint64_t seq, int error);
	void *ctx;
};

#define LINE_HEAD 9 /* eight digits of CRC-32 and a space */

int line_print(struct buffer *b, const struct turn *turn, bool snapshot, const uint8_t boot[16]);
uint64_t turn_events(const struct turn *turn);
