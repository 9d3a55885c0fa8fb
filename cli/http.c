/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
	int status;
	const char *words;
} statuses[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *words_of(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].words;
	return "?";
}

/* Up to the empty line. A body is not read: no method that is answered has one. */
static int read_head(int fd, char head[HTTP_HEAD_MAX])
{
	size_t size = 0;

	for (;;) {
		ssize_t n = read(fd, head + size, HTTP_HEAD_MAX - 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 400;
		size += (size_t)n;
		head[size] = '\0';
		if (memchr(head, '\0', size))
			return 400;
		if (strstr(head, "\r\n\r\n") || strstr(head, "\n\n"))
			return 0;
		if (size == HTTP_HEAD_MAX - 1)
			return 431;
	}
}

static char *next_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*rest = end + 1;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

/* GET /metrics?x HTTP/1.1; what is behind the question mark is not looked at. */
static int take_request_line(char *line, struct http_request *ret)
{
	char *method = strsep(&line, " "), *path = strsep(&line, " "), *version = line;

	if (!path || !version || strlen(method) >= sizeof(ret->method) || *path != '/')
		return 400;
	if (strncmp(version, "HTTP/1.", 7) != 0)
		return strncmp(version, "HTTP/", 5) == 0 ? 505 : 400;
	path[strcspn(path, "?#")] = '\0';
	if (strlen(path) >= sizeof(ret->path))
		return 404;
	strcpy(ret->method, method);
	strcpy(ret->path, path);
	return 0;
}

/* A header that comes several times is one list. */
static void add_accept(struct http_request *r, const char *value)
{
	size_t used = strlen(r->accept);

	(void)snprintf(r->accept + used, sizeof(r->accept) - used, "%s%s", used ? "," : "", value);
}

int http_read(int fd, struct http_request *ret)
{
	char head[HTTP_HEAD_MAX], *rest = head, *line;
	int status = read_head(fd, head);

	*ret = (struct http_request){ .method = "GET" };
	if (status)
		return status;
	line = next_line(&rest);
	status = take_request_line(line, ret);
	while (!status && (line = next_line(&rest)) && *line)
		if (strncasecmp(line, "Accept:", 7) == 0)
			add_accept(ret, line + 7);
	return status;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

int http_answer(int fd, const struct http_request *request, int status, const char *type, const char *body, size_t size)
{
	char head[512], plain[128];
	int n, r;

	if (!body) {
		type = "text/plain; charset=utf-8";
		size = (size_t)snprintf(plain, sizeof(plain), "%d %s\n", status, words_of(status));
		body = plain;
	}
	n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n",
		status, words_of(status), type, size, status == 405 ? "Allow: GET, HEAD\r\n" : "");
	r = write_all(fd, head, (size_t)n);
	return r < 0 || strcmp(request->method, "HEAD") == 0 ? r : write_all(fd, body, size);
}

/* To close over unread bytes would reset the connection, and take the answer with it. */
void http_finish(int fd)
{
	char rest[4096];

	if (shutdown(fd, SHUT_WR) < 0)
		return;
	for (int i = 0; i < 16; i++)
		if (read(fd, rest, sizeof(rest)) <= 0)
			return;
}
