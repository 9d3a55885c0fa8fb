/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames in, frames out. Whoever breaks the contract is hung up on, with one log line, and harms nobody else. An answer
 * the peer does not take is kept, up to a bound; at the bound we stop reading, so that the peer waits for itself.
 */

#include "spmc/link.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"

#define FRAMES_PER_TURN 64
#define RX_MIN 4096

struct frame {
	union {
		struct secure_link_header header;
		struct secure_link_hello hello;
		struct secure_link_call call;
		uint8_t bytes[512];
	};
	size_t size;
	int fd; /* that came along, or -1 */
};

static struct world_time now(void)
{
	struct timespec m, r;

	clock_gettime(CLOCK_MONOTONIC, &m);
	clock_gettime(CLOCK_REALTIME, &r);
	return (struct world_time){
		.monotonic = (uint64_t)m.tv_sec * UINT64_C(1000000000) + (uint64_t)m.tv_nsec,
		.realtime = (uint64_t)r.tv_sec * UINT64_C(1000000000) + (uint64_t)r.tv_nsec,
	};
}

static void close_rx(struct link *l)
{
	close_fdp(&l->rx);
	l->rx = -1;
	l->world->rx = (struct world_rx){ 0 };
}

static void close_peer(struct link_peer *p, int level, const char *why)
{
	struct link *l = p->link;

	if (why)
		log_write(level, NULL, "hypervisor link closed: %s", why);
	close(p->fd);
	p->fd = -1;
	if (l->current != p)
		return;
	l->current = NULL;
	l->queue_count = 0;
	world_abandon(l->world);
	close_rx(l);
}

/* pwrite and not a map: a peer that shrinks its buffer gets an error from us, and we no SIGBUS from it. */
static int put_rx(void *context, const void *bytes, size_t count)
{
	struct link *l = context;

	if ((off_t)count > l->rx_size || pwrite(l->rx, bytes, count, 0) != (ssize_t)count)
		return -ENOMEM;
	return 0;
}

/* Of a buffer that is fit, or -1; 0: there is none, which is fine too. */
static off_t rx_size(int fd)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < RX_MIN)
		return -1;
	return st.st_size;
}

static void take_rx(struct link *l, int *fd, off_t size)
{
	if (*fd < 0)
		return;
	l->rx = take_fd(fd);
	l->rx_size = size;
	l->world->rx = (struct world_rx){ .put = put_rx, .context = l };
}

static int send_frame(struct link *l, const void *frame, size_t size)
{
	ssize_t n = send(l->current->fd, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == (ssize_t)size)
		return 0;
	return n < 0 ? -errno : -EIO;
}

/* 0: it cannot be told, as on a real secure side. */
static uint32_t generation_told(const struct world *w, uint32_t index)
{
	return w->config.sp[index].silent ? 0 : w->book->sp[index].generation;
}

static int send_welcome(struct link *l)
{
	const struct world_book *b = l->world->book;
	struct secure_link_welcome f = {
		.header = { .magic = SECURE_LINK_MAGIC, .version = SECURE_LINK_VERSION, .kind = SECURE_LINK_WELCOME },
		.sp_count = b->sp_count,
	};

	memcpy(f.instance, b->instance, sizeof(f.instance));
	for (uint32_t i = 0; i < b->sp_count; i++)
		f.sp[i] = (struct secure_link_sp){ .id = b->sp[i].id, .generation = generation_told(l->world, i) };
	return send_frame(l, &f, offsetof(struct secure_link_welcome, sp) + b->sp_count * sizeof(f.sp[0]));
}

static int send_doorbell(struct link *l, uint16_t id, uint32_t generation)
{
	struct secure_link_doorbell f = {
		.header = { .magic = SECURE_LINK_MAGIC, .version = SECURE_LINK_VERSION, .kind = SECURE_LINK_DOORBELL },
		.sp = id,
		.generation = generation,
	};

	return send_frame(l, &f, sizeof(f));
}

static int send_waiting(struct link *l)
{
	while (l->queue_count) {
		int r = send_frame(l, &l->queue[l->queue_first], sizeof(l->queue[0]));

		if (r < 0)
			return r;
		l->queue_first = (l->queue_first + 1) % LINK_QUEUE;
		l->queue_count--;
	}
	/* After the answers, so that the RETRY is there before the bell that ends it. */
	while (l->world->doorbells) {
		uint32_t i = (uint32_t)__builtin_ctzll(l->world->doorbells);
		int r = send_doorbell(l, l->world->book->sp[i].id, generation_told(l->world, i));

		if (r < 0)
			return r;
		l->world->doorbells &= l->world->doorbells - 1;
	}
	if (l->world->rings) {
		int r = send_doorbell(l, FFA_ID_SPMC, 0);

		if (r < 0)
			return r;
		l->world->rings = false;
	}
	return 0;
}

/* Answers that took their time join the others, as far as there is room. */
static void take_late(struct link *l)
{
	while (l->queue_count < LINK_QUEUE) {
		struct secure_link_call *f = &l->queue[(l->queue_first + l->queue_count) % LINK_QUEUE];

		*f = (struct secure_link_call){ .header = { .magic = SECURE_LINK_MAGIC, .version = SECURE_LINK_VERSION,
							.kind = SECURE_LINK_COMPLETE } };
		if (!world_answer(l->world, &f->header.id, f->x))
			return;
		l->queue_count++;
	}
}

/* There is room for the answer, and no bell that has to be heard before it. */
static bool may_execute(const struct link *l)
{
	return l->queue_count < LINK_QUEUE && !l->world->doorbells;
}

/* Without a link the bells are forgotten: whoever connects next asks anyway. */
void link_flush(struct link *l)
{
	uint32_t events = EPOLLIN;
	int r;

	if (!l->current) {
		l->world->doorbells = 0;
		l->world->rings = false;
		return;
	}
	take_late(l);
	r = send_waiting(l);
	if (r < 0 && r != -EAGAIN) {
		close_peer(l->current, LOG_WARNING, "it cannot be written to");
		return;
	}
	if (r == -EAGAIN)
		events = EPOLLOUT | (may_execute(l) ? EPOLLIN : 0);
	if (events == l->current->events)
		return;
	l->current->events = events;
	(void)loop_change(l->epoll, l->current->fd, events, &l->current->watch);
}

/* One hypervisor: the newest incarnation wins, and of one incarnation the newest connection. */
static void take_hello(struct link_peer *p, struct frame *f)
{
	struct link *l = p->link;
	struct world_book *b = l->world->book;
	off_t size = rx_size(f->fd);

	if (f->size != sizeof(f->hello) || f->header.id != 0) {
		close_peer(p, LOG_WARNING, "a HELLO that is none");
		return;
	}
	if (f->hello.incarnation < b->incarnation) {
		close_peer(p, LOG_NOTICE, "an older incarnation than the last one");
		return;
	}
	if (size < 0) {
		close_peer(p, LOG_WARNING, "its RX buffer is no file of a page or more");
		return;
	}
	link_drop(l, "a newer one came");
	take_rx(l, &f->fd, size);
	b->incarnation = f->hello.incarnation;
	l->current = p;
	l->queue_count = 0;
	l->world->doorbells = 0;
	l->world->rings = false;
	if (send_welcome(l) < 0)
		close_peer(p, LOG_WARNING, "it did not take the WELCOME");
	else
		log_info("hypervisor link is up, incarnation %llu", (unsigned long long)b->incarnation);
}

static void take_submit(struct link_peer *p, struct frame *f)
{
	struct link *l = p->link;

	if (f->size != sizeof(f->call)) {
		close_peer(p, LOG_WARNING, "a SUBMIT of a wrong size");
		return;
	}
	l->world->call = f->header.id;
	if (!world_call(l->world, now(), f->call.x))
		return;
	f->call.header.kind = SECURE_LINK_COMPLETE;
	l->queue[(l->queue_first + l->queue_count++) % LINK_QUEUE] = f->call;
}

static void take_frame(struct link_peer *p, struct frame *f)
{
	bool is_current = p->link->current == p;

	if (f->size < sizeof(f->header) || f->header.magic != SECURE_LINK_MAGIC)
		close_peer(p, LOG_WARNING, "a frame without a header of this protocol");
	else if (f->header.version != SECURE_LINK_VERSION)
		close_peer(p, LOG_WARNING, "another version of the protocol");
	else if (f->header.kind == SECURE_LINK_HELLO && !is_current)
		take_hello(p, f);
	else if (f->header.kind == SECURE_LINK_SUBMIT && is_current)
		take_submit(p, f);
	else
		close_peer(p, LOG_WARNING, is_current ? "a frame of a wrong kind" : "a frame before its HELLO");
}

/* Keeps the one fd that a HELLO may bring; more are closed. */
static void take_fds(struct msghdr *m, int *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (*ret < 0)
				*ret = fd;
			else
				close(fd);
		}
	}
}

static int receive(int fd, struct frame *f)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec v = { .iov_base = f->bytes, .iov_len = sizeof(f->bytes) };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);

	if (n < 0)
		return -errno;
	take_fds(&m, &f->fd);
	f->size = (size_t)n;
	return 0;
}

/* One frame. False: nothing more to read now. */
static bool read_frame(struct link_peer *p)
{
	struct frame f = { .fd = -1 };
	int r = receive(p->fd, &f);

	if (r == -EAGAIN || r == -EINTR)
		return false;
	if (r < 0 || f.size == 0)
		close_peer(p, LOG_INFO, p->link->current == p ? "the hypervisor hung up" : NULL);
	else
		take_frame(p, &f);
	close_fdp(&f.fd);
	return p->fd >= 0;
}

static void peer_ready(struct watch *w, uint32_t events)
{
	struct link_peer *p = container_of(w, struct link_peer, watch);
	struct link *l = p->link;

	if (p->fd < 0)
		return;
	for (int i = 0; i < FRAMES_PER_TURN; i++) {
		if (l->world->doorbells) /* an SP may be another instance, and what is read now may be the first that this one answers */
			link_flush(l);
		if (p->fd < 0 || (l->current == p && !may_execute(l)) || !read_frame(p))
			break;
	}
	link_flush(l);
}

static bool is_welcome_peer(const struct link *l, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 &&
		(cred.uid == l->hypervisor || cred.uid == geteuid() || cred.uid == 0);
}

/* A free slot, or that of the connection that has been silent for longest. */
static struct link_peer *find_slot(struct link *l)
{
	struct link_peer *oldest = NULL;

	for (int i = 0; i < LINK_PEERS; i++) {
		struct link_peer *p = &l->peer[i];

		if (p->fd < 0)
			return p;
		if (p != l->current && (!oldest || p->order < oldest->order))
			oldest = p;
	}
	close_peer(oldest, LOG_NOTICE, "silent, and others want to connect");
	return oldest;
}

static void listener_ready(struct watch *w, uint32_t events)
{
	struct link *l = container_of(w, struct link, watch);
	_cleanup_(close_fdp) int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct link_peer *p;

	if (fd < 0)
		return;
	if (!is_welcome_peer(l, fd)) {
		log_warning("hypervisor link refused: the peer is another user");
		return;
	}
	p = find_slot(l);
	if (loop_add(l->epoll, fd, EPOLLIN, &p->watch) < 0)
		return;
	p->fd = take_fd(&fd);
	p->order = l->accepted++;
	p->events = EPOLLIN;
}

int link_start(struct link *l, struct world *w, int epoll, int listener, uid_t hypervisor)
{
	*l = (struct link){ .watch.ready = listener_ready, .world = w, .epoll = epoll, .listener = listener, .rx = -1,
		.hypervisor = hypervisor };
	for (int i = 0; i < LINK_PEERS; i++)
		l->peer[i] = (struct link_peer){ .watch.ready = peer_ready, .link = l, .fd = -1 };
	return loop_add(epoll, listener, EPOLLIN, &l->watch);
}

void link_drop(struct link *l, const char *why)
{
	if (l->current)
		close_peer(l->current, LOG_NOTICE, why);
}

void link_stop(struct link *l)
{
	for (int i = 0; i < LINK_PEERS; i++)
		if (l->peer[i].fd >= 0)
			close_peer(&l->peer[i], LOG_INFO, NULL);
}
