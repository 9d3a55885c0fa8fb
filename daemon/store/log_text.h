/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A file of the log, read whole, and what is done about its damage: between reading (log_read.c) and mending (log_mend.c). */

#include "store/log_aside.h"
#include "store/log_private.h"

struct log_text {
	const char *name;
	uint32_t file; /* as in struct aside_where */
	char *data;
	size_t length;  /* of all lines that end */
	size_t torn;    /* bytes behind them: a line without its end */
	size_t damaged; /* lines whose checksum is wrong */
	bool there;
};

/* Reads it whole; to be freed even if that fails. Negative errno: it is too large, or cannot be read. */
int log_text_read(int fd, struct log_text *t);
void log_text_free(struct log_text *t);

/* Counts what is damaged and what is torn, and ends the text behind its last whole line. */
void log_text_look_through(struct log_text *t);

/* The length of the line at `at`, newline included; 0: there is none. */
size_t log_line_at(const struct log_text *t, size_t at);
size_t log_last_line(const struct log_text *t);

/* `line` without its newline: its checksum is that of its JSON, which follows LINE_HEAD bytes in. */
bool log_line_is_whole(const char *line, size_t length);

/*
 * What was left out is written to a file of its own, with the reasons; then the epoch ends, for numbers may be used again; then the
 * files are written anew without it. A crash in between does no harm: it is found again. Where there is no room the log is not
 * touched.
 */
int log_mend(struct store *s, const struct aside *a, struct log_text *const text[2]);
/*
 * What was lost so: the ids, and the highest number that was seen. It is kept in a file of its own, `lost`, from before the log is
 * whole again until the first turn after it is stored, which burns the ids: a daemon that dies in between leaves it to the next.
 */
int log_recall_lost(struct store *s);
void log_forget_lost(struct store *s);
/* log.1 is of no use, and not needed. */
int log_put_away(struct store *s, const char *name);
int log_end_epoch(struct store *s);
