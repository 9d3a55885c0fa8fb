/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Log lines that never stop the caller. Under systemd they go to journald's socket, elsewhere to stderr; where the other
 * side does not take them at once they are dropped and counted, and the next line that gets through tells how many.
 */

#include <stdarg.h>
#include <syslog.h>

void log_open(const char *identifier, int max_level); /* LOG_ERR..LOG_DEBUG; the identifier is kept by pointer */
const char *log_identifier(void);

/* What is less urgent than that is not said. It may change at any time; the words are those of systemd. */
int log_level(void);
void log_set_level(int max_level);
const char *log_level_word(int level);      /* NULL: there is no such level */
int log_level_from_word(const char *word); /* -EINVAL: there is no such word */

/* Where lines go. "auto" is a word for where they went at first. */
enum log_target {
	LOG_TO_CONSOLE, /* stderr */
	LOG_TO_JOURNAL,
	LOG_TO_NULL,
	LOG_TARGET_COUNT
};
enum log_target log_target(void);
int log_set_target(enum log_target target); /* 0, or a negative errno of journald's socket: all is as it was */
const char *log_target_word(enum log_target target);
int log_target_from_word(const char *word); /* an enum log_target, or -EINVAL */

/* "KEY=value\n" of each line from now on, as of the one VM that this process is there for. */
void log_always(const char *fields);

/* `fields`: "KEY=value\nKEY=value\n" for the journal, or NULL. Keys are upper case. */
void log_write(int level, const char *fields, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, NULL, __VA_ARGS__)
