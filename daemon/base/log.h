/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Log lines that never stop the caller. Under systemd they go to journald's socket, elsewhere to stderr; where the other
 * side does not take them at once they are dropped and counted, and the next line that gets through tells how many.
 */

#include <stdarg.h>
#include <syslog.h>

void log_open(const char *identifier, int max_level); /* LOG_ERR..LOG_DEBUG; the identifier is kept by pointer */

/* `fields`: "KEY=value\nKEY=value\n" for the journal, or NULL. Keys are upper case. */
void log_write(int level, const char *fields, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, NULL, __VA_ARGS__)
