/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a later version may do to the frames of the VMM link: each is longer by bytes that nobody knows today, and that two of
 * that version expect of each other. The linker puts this in front of the calls that send and receive.
 */

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/vmm-link.h"

#define PARTS_MAX 8
#define FRAME_MAX 4096 /* of a VMM */

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);

static const char more[40] = "what later versions have to say";

/* Bytes follow these three, so they stay as they are. */
static bool grows(const void *data, size_t size)
{
	struct vmm_frame_header h;

	if (size < sizeof(h))
		return false;
	memcpy(&h, data, sizeof(h));
	return h.magic == VMM_LINK_MAGIC && h.kind != VMM_CALL && h.kind != VMM_ANSWER && h.kind != VMM_MESSAGE;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec part[PARTS_MAX + 1];
	struct msghdr longer = *message;
	ssize_t n;

	if (message->msg_iovlen < 1 || message->msg_iovlen > PARTS_MAX ||
		!grows(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len))
		return __real_sendmsg(fd, message, flags);
	memcpy(part, message->msg_iov, message->msg_iovlen * sizeof(part[0]));
	part[message->msg_iovlen] = (struct iovec){ (void *)more, sizeof(more) };
	longer.msg_iov = part;
	longer.msg_iovlen++;
	n = __real_sendmsg(fd, &longer, flags);
	return n > (ssize_t)sizeof(more) ? n - (ssize_t)sizeof(more) : n;
}

/* With the same system call: a VMM's sandbox has no other. */
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	char longer[FRAME_MAX + sizeof(more)];
	ssize_t n;

	if (!grows(data, size) || size > FRAME_MAX)
		return __real_send(fd, data, size, flags);
	memcpy(longer, data, size);
	memcpy(longer + size, more, sizeof(more));
	n = __real_send(fd, longer, size + sizeof(more), flags);
	return n > (ssize_t)sizeof(more) ? n - (ssize_t)sizeof(more) : n;
}

/* Of one of our own version: what is known of its frame here. */
static ssize_t known(const void *data, ssize_t n)
{
	struct vmm_frame_header h;

	if (n < (ssize_t)(sizeof(h) + sizeof(more)) || !grows(data, (size_t)n))
		return n;
	memcpy(&h, data, sizeof(h));
	return h.version == VMM_LINK_VERSION ? n - (ssize_t)sizeof(more) : n;
}

ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
	return known(data, __real_recv(fd, data, size, flags));
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = __real_recvmsg(fd, message, flags);

	return n > 0 && message->msg_iovlen ? known(message->msg_iov[0].iov_base, n) : n;
}
