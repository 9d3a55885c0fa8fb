/* SPDX-License-Identifier: Apache-2.0 */

/* The socket where VMMs connect. Who has said nothing yet is one of few: a stranger keeps no VMM out for longer than that. */

#include "fleet/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"

#define ACCEPTS_PER_TURN 16
#define FRESH_MAX 64
#define ACCEPT_AGAIN_NS 100000000ull

/* Level-triggered: what cannot be accepted now would wake the loop for ever. */
static void pause_accepting(struct fleet *f)
{
	f->accept_again = loop_monotonic() + ACCEPT_AGAIN_NS;
	(void)loop_watch_change(f->listen_watch, 0);
	fleet_wake_by(f, f->accept_again);
}

static void listener_ready(void *arg, int fd, unsigned events)
{
	struct fleet *f = arg;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int peer = f->fresh_count < FRESH_MAX ? accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -2;

		if (peer >= 0) {
			if (link_new(f, peer) < 0)
				close_fdp(&peer);
		} else if (peer == -1 && errno == EAGAIN) {
			return;
		} else if (peer == -2 || (errno != ECONNABORTED && errno != EINTR)) {
			pause_accepting(f);
			return;
		}
	}
}

uint64_t listener_house(struct fleet *f, uint64_t now)
{
	if (!f->accept_again)
		return LOOP_NEVER;
	if (f->accept_again > now)
		return f->accept_again;
	f->accept_again = 0;
	if (loop_watch_change(f->listen_watch, LOOP_READ) == 0)
		return LOOP_NEVER;
	return f->accept_again = now + ACCEPT_AGAIN_NS;
}

/*
 * Bound for our own user alone first: the file is never open to others by accident, not for a moment. A user of the VMMs has it
 * for its own; who opens it is believed nothing by that (link.c).
 */
static int bind_listener(int fd, const char *path, uid_t user, gid_t group)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if ((user != (uid_t)-1 || group != (gid_t)-1) &&
		(lchown(path, user, group) < 0 || chmod(path, group == (gid_t)-1 ? 0600 : 0660) < 0))
		return -errno;
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

int listener_open(struct fleet *f)
{
	_cleanup_(close_fdp) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : bind_listener(fd, f->socket_path, f->vmm_user, f->vmm_group);

	if (r == 0)
		r = loop_watch(f->loop, fd, 0, listener_ready, f, &f->listen_watch);
	if (r < 0) {
		log_error("cannot listen at %s for VMMs: %s", f->socket_path, strerror(-r));
		return r;
	}
	f->listener = take_fd(&fd);
	return 0;
}
