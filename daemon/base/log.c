/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef JOURNAL_SOCKET /* a test has one of its own */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#endif
#define LINE_MAX_BYTES 2048
#define FIELDS_MAX_BYTES 1280

static struct {
	const char *identifier;
	_Atomic int max_level;
	_Atomic int target;  /* enum log_target */
	_Atomic int journal; /* connected datagram socket, or -1; kept open once it is */
	enum log_target first;
	bool prefixed; /* whoever reads stderr takes a priority in front of a line: sd-daemon(3) */
	char context[128]; /* fields of each line */
	unsigned long dropped;
} sink = { .identifier = "?", .max_level = LOG_INFO, .journal = -1 };

/* $JOURNAL_STREAM names the device and inode of our stderr if systemd connected it to the journal (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

static int open_journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd, r;

	if (sink.journal >= 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	sink.journal = fd;
	return 0;
}

void log_open(const char *identifier, int max_level)
{
	sink.identifier = identifier;
	sink.max_level = max_level;
	sink.prefixed = stderr_is_journal();
	if (sink.prefixed && open_journal() == 0)
		sink.target = LOG_TO_JOURNAL;
	sink.first = (enum log_target)sink.target;
}

const char *log_identifier(void)
{
	return sink.identifier;
}

int log_level(void)
{
	return sink.max_level;
}

void log_set_level(int max_level)
{
	sink.max_level = max_level;
}

static const char *const level_words[] = { [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert", [LOG_CRIT] = "crit", [LOG_ERR] = "err",
	[LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug" };

static const char *const target_words[LOG_TARGET_COUNT] = { [LOG_TO_CONSOLE] = "console", [LOG_TO_JOURNAL] = "journal",
	[LOG_TO_NULL] = "null" };

const char *log_level_word(int level)
{
	return level >= 0 && level <= LOG_DEBUG ? level_words[level] : NULL;
}

static int word_number(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -EINVAL;
}

int log_level_from_word(const char *word)
{
	return word_number(level_words, LOG_DEBUG + 1, word);
}

enum log_target log_target(void)
{
	return (enum log_target)sink.target;
}

int log_set_target(enum log_target target)
{
	int r = target == LOG_TO_JOURNAL ? open_journal() : 0;

	if (r == 0)
		sink.target = target;
	return r;
}

const char *log_target_word(enum log_target target)
{
	return target_words[target];
}

int log_target_from_word(const char *word)
{
	return strcmp(word, "auto") == 0 ? (int)sink.first : word_number(target_words, LOG_TARGET_COUNT, word);
}

void log_always(const char *fields)
{
	snprintf(sink.context, sizeof(sink.context), "%s", fields);
}

static bool send_journal(int level, const char *fields, const char *text)
{
	char message[LINE_MAX_BYTES + FIELDS_MAX_BYTES + 512];
	int n = snprintf(message, sizeof(message), "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n%s%sMESSAGE=%s\n", level,
		sink.identifier, sink.context, fields ? fields : "", text);

	if (n < 0 || (size_t)n >= sizeof(message))
		n = (int)strlen(message);
	return send(sink.journal, message, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

/*
 * A pipe or terminal that polls writable takes PIPE_BUF bytes without blocking. One that nobody reads any more polls so, too:
 * to write to it would be a SIGPIPE.
 */
static bool send_stderr(int level, const char *text)
{
	char line[LINE_MAX_BYTES + 64];
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	int n;

	if (sink.prefixed) /* who speaks is known there */
		n = snprintf(line, sizeof(line), "<%d>%s\n", level & 7, text);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", sink.identifier, text);
	if (n < 0 || poll(&p, 1, 0) != 1 || (p.revents & (POLLOUT | POLLERR | POLLHUP)) != POLLOUT)
		return false;
	return write(STDERR_FILENO, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1) >= 0;
}

static bool send_line(int level, const char *fields, const char *text)
{
	return sink.target == LOG_TO_JOURNAL ? send_journal(level, fields, text) : send_stderr(level, text);
}

void log_write(int level, const char *fields, const char *format, ...)
{
	int saved_errno = errno;
	char text[LINE_MAX_BYTES];
	va_list ap;

	if (level > sink.max_level || sink.target == LOG_TO_NULL)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	if (sink.dropped) {
		char note[64];

		snprintf(note, sizeof(note), "%lu log lines were dropped", sink.dropped);
		if (send_line(LOG_WARNING, NULL, note))
			sink.dropped = 0;
	}
	if (!send_line(level, fields, text))
		sink.dropped++;
	errno = saved_errno;
}
