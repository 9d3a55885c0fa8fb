/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One request over HTTP/1.1, answered on the socket that it came on: what a socket unit with Accept=yes hands to a process.
 * Nothing is kept open, and it ends by itself whatever the other side does.
 */

#include <stddef.h>

#define HTTP_SECONDS 20 /* then the process is ended, by a signal */
#define HTTP_HEAD_MAX 8192

struct http_request {
	char method[16], path[128];
	char accept[1024]; /* "": it does not say */
};

/* Reads one; 0, or the status to answer with. */
int http_read(int fd, struct http_request *ret);

/* `body` may be NULL for a status that says all. HEAD gets everything but the body. */
int http_answer(int fd, const struct http_request *request, int status, const char *type, const char *body, size_t size);

/* Where the request came from has got everything, or does not want it. */
void http_finish(int fd);
