/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The files of the log, and what is done to them: a line is appended, or a snapshot begins the log anew. A job says which.
 * Whoever runs jobs, the loop or the writer's thread, is the only one that touches the files.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "store/buffer.h"

struct log_file {
	int directory, log;  /* fds; log is -1 until store_load */
	bool volatile_place; /* tmpfs: nothing to sync */
	bool ragged;         /* the log may have more bytes than `size`, of a write that failed */
	bool unsynced;       /* a rename may not have reached the disk: nothing counts as stored before it did */
	uint64_t size;       /* of log, all whole lines */
};

struct log_job {
	struct list node;
	bool under_way; /* from when it was handed over until it was told to be over */
	bool snapshot;
	struct buffer text;
	uint64_t last_seq, events;

	/* what came of it */
	int error;
	bool began_anew; /* the log is the snapshot now, also if there is an error */
	uint64_t size;   /* of the log after it */
};

void log_run(struct log_file *f, struct log_job *job);

int log_write_all(int fd, const char *data, size_t length);
int log_sync_directory(const struct log_file *f);
