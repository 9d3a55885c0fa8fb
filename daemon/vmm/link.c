/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/link.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

int link_address(const char *path, const struct sockaddr_un **ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sockaddr_un *address;

	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	address = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (address == MAP_FAILED)
		return -errno;
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	if (mprotect(address, page, PROT_READ) < 0) {
		munmap(address, page);
		return -errno;
	}
	*ret = address;
	return 0;
}

int link_connect(const struct sockaddr_un *address)
{
	_cleanup_(close_fdp) int fd = socket(AF_UNIX, LINK_SOCKET_TYPE, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	return take_fd(&fd);
}

int link_send(int fd, const void *frame, size_t size)
{
	ssize_t n;

	do
		n = send(fd, frame, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Room for one more than a birth brings, so that too many are seen as such. */
#define FDS_ROOM (VMM_FD_COUNT + 1)

static void take_fds(struct msghdr *message, struct received *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (ret->fd_count < VMM_FD_COUNT) {
				ret->fd[ret->fd_count++] = fd;
			} else {
				close(fd);
				ret->cut = true;
			}
		}
	}
}

int link_receive(int fd, struct received *ret)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	struct iovec part = { .iov_base = &ret->frame, .iov_len = sizeof(ret->frame) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	ret->length = (size_t)n;
	ret->fd_count = 0;
	ret->cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
	take_fds(&message, ret);
	if (n == 0 && !ret->cut && ret->fd_count == 0)
		return 0;
	return 1;
}

void received_close(struct received *r)
{
	for (unsigned i = 0; i < r->fd_count; i++)
		close_fdp(&r->fd[i]);
	r->fd_count = 0;
}
