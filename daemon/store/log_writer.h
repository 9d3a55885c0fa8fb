/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The writer: a thread that runs the jobs of a log on a disk, in order, so that the loop never waits for one. It starts with
 * the first job. What it is given is the caller's, and stays as it is until it comes back.
 */

#include <pthread.h>

#include "store/log_write.h"

struct log_writer {
	struct log_file *file; /* the thread's alone from the first job on */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wanted, ended;
	struct list queue, finished; /* of struct log_job, under the lock */
	bool started;
	bool leaving, gone; /* under the lock */
	int fd;             /* eventfd: something is finished */
};

int log_writer_init(struct log_writer *w, struct log_file *file);
int log_writer_give(struct log_writer *w, struct log_job *job); /* 0, or a negative errno: the job was not taken */
struct log_job *log_writer_take(struct log_writer *w);          /* one that is over, in order; NULL: none */

/*
 * Lets the thread do what it was given, and end. -ETIMEDOUT: it still waits for the disk, and whatever it has must stay. 0:
 * nothing of it is left.
 */
int log_writer_end(struct log_writer *w, unsigned wait_ms);
