/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of the log: opening (log_open.c), reading (log_read.c), appending and snapshots
 * (log.c). */

#include "store/buffer.h"
#include "store/log.h"

struct store {
	struct store_options options;
	int directory, lock, log; /* fds; log is -1 until store_load */
	bool volatile_place;      /* tmpfs: nothing to sync */
	bool lost;
	bool ragged; /* the log has more bytes than `size`, of a write that failed and could not be undone yet
		      */
	bool unsynced; /* a rename may not have reached the disk: nothing counts as stored before it did */
	uint64_t incarnation;
	uint64_t highest;
	uint8_t boot[16];
	uint8_t epoch[16];
	uint8_t logged_boot[16]; /* the boot that the log's next line would be taken for */

	uint64_t size;          /* of log, all whole lines */
	uint64_t snapshot_size; /* of the snapshot it begins with */
	uint64_t events;        /* that followers can still read from it, the snapshot's not counted */
	uint64_t ask_at;        /* no snapshot before it has that size: the last try failed */

	struct buffer buffer;
	void (*done)(void *ctx, uint64_t seq);
	void *ctx;
};

#define LINE_HEAD 9 /* eight digits of CRC-32 and a space */

int line_print(struct buffer *b, const struct turn *turn, bool snapshot, const uint8_t boot[16]);
uint64_t turn_events(const struct turn *turn);
int store_sync_directory(struct store *s);
int store_write_all(int fd, const char *data, size_t length);
