/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The socket to the daemon: connect, one frame out, one frame in. Never waits. */

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "vmm/frames.h"

struct received {
	union daemon_frame frame;
	size_t length;
	unsigned fd_count;
	bool cut; /* the frame or its descriptors were truncated */
	int fd[VMM_FD_COUNT];
};

#define LINK_SOCKET_TYPE (SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* The address of that path, in a page of its own that is never to be written again: the sandbox allows no other. */
int link_address(const char *path, const struct sockaddr_un **ret);

/* A connected socket, or negative errno: -ENOENT and -ECONNREFUSED when no daemon is there, -EAGAIN when it
 * is busy. */
int link_connect(const struct sockaddr_un *address);

/* 0, -EAGAIN when the daemon does not read, or another negative errno. */
int link_send(int fd, const void *frame, size_t size);

/* 1: one message, its descriptors owned by the caller. 0: end of file. -EAGAIN: nothing there. */
int link_receive(int fd, struct received *ret);
void received_close(struct received *r);
