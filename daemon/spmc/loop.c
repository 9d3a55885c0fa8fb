/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/loop.h"

#include <errno.h>
#include <sys/epoll.h>

static int control(int epoll, int op, int fd, uint32_t events, struct watch *w)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(epoll, op, fd, &e) < 0 ? -errno : 0;
}

int loop_add(int epoll, int fd, uint32_t events, struct watch *w)
{
	return control(epoll, EPOLL_CTL_ADD, fd, events, w);
}

int loop_change(int epoll, int fd, uint32_t events, struct watch *w)
{
	return control(epoll, EPOLL_CTL_MOD, fd, events, w);
}
