/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define LINE_MAX_BYTES 2048

static struct {
	const char *identifier;
	int max_level;
	int journal; /* connected datagram socket, or -1 */
	unsigned long dropped;
} sink = { .identifier = "?", .max_level = LOG_INFO, .journal = -1 };

/* $JOURNAL_STREAM names the device and inode of our stderr if systemd connected it to the journal (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
		st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *identifier, int max_level)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd;

	sink.identifier = identifier;
	sink.max_level = max_level;
	if (sink.journal >= 0 || !stderr_is_journal())
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	sink.journal = fd;
}

static bool send_journal(int level, const char *fields, const char *text)
{
	char message[LINE_MAX_BYTES + 512];
	int n = snprintf(message, sizeof(message), "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n%sMESSAGE=%s\n", level,
		sink.identifier, fields ? fields : "", text);

	if (n < 0 || (size_t)n >= sizeof(message))
		n = (int)strlen(message);
	return send(sink.journal, message, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

/* A pipe or terminal that polls writable takes PIPE_BUF bytes without blocking. */
static bool send_stderr(const char *text)
{
	char line[LINE_MAX_BYTES + 64];
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	int n = snprintf(line, sizeof(line), "%s: %s\n", sink.identifier, text);

	if (n < 0 || poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return false;
	return write(STDERR_FILENO, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1) >= 0;
}

static bool send_line(int level, const char *fields, const char *text)
{
	return sink.journal >= 0 ? send_journal(level, fields, text) : send_stderr(text);
}

void log_write(int level, const char *fields, const char *format, ...)
{
	int saved_errno = errno;
	char text[LINE_MAX_BYTES];
	va_list ap;

	if (level > sink.max_level)
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
