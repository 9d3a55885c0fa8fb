/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The socket to the secure side. Submit and complete are matched by id; a frame that takes too long, or breaks the
 * rules, ends the link: what was submitted on it has an unknown outcome then.
 */

#include "secure/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/message.h"

#define RX_BYTES 65536
#define FRAMES_PER_TURN 32
#define BACKOFF_FIRST 10000000ull
#define BACKOFF_LAST 1000000000ull

union frame {
	struct secure_link_header header;
	struct secure_link_welcome welcome;
	struct secure_link_call call;
	struct secure_link_doorbell doorbell;
};

/* Sealed: the other side may write, but not shrink it under a reader. */
int rx_make(void)
{
	_cleanup_(close_fdp) int fd = memfd_create("ffa-rx", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, RX_BYTES) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}

/* ---- time ---- */

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void secure_arm(struct secure *s)
{
	const struct pending *first = list_first(&s->pending, struct pending, node);
	uint64_t at = LOOP_NEVER;

	if (s->state == LINK_DOWN && s->socket_path)
		at = s->retry_at;
	if (s->state == LINK_GREETING)
		at = s->greet_by;
	if (first)
		at = earliest(at, first->deadline);
	if (s->told_up && s->discover_every)
		at = earliest(at, s->discover_at);
	if (s->owes_down)
		at = earliest(at, loop_monotonic() + BACKOFF_FIRST);
	loop_timer_set(s->timer, at);
}

/* ---- closing ---- */

void secure_link_close(struct secure *s)
{
	s->watch = loop_unwatch(s->watch);
	close_fdp(&s->fd);
	s->fd = -1;
	s->state = LINK_DOWN;
	s->version = 0;
	discovery_stop(s);
	while (!list_is_empty(&s->pending)) {
		struct pending *p = list_first(&s->pending, struct pending, node);

		trace_lost(s->traces, p->call.sp);
		list_remove(&p->node);
		list_append(&s->idle, &p->node);
	}
}

void link_fail(struct secure *s, const char *why)
{
	bool was_up = s->told_up;

	if (was_up || s->backoff == BACKOFF_FIRST)
		log_message(MESSAGE_SECURE_LINK_DOWN, NULL, "link to the secure side at %s: %s", s->socket_path, why);
	secure_link_close(s);
	s->retry_at = loop_monotonic() + s->backoff;
	s->backoff = s->backoff ? earliest(s->backoff * 2, BACKOFF_LAST) : BACKOFF_FIRST;
	s->told_up = false;
	if (was_up)
		s->owes_down = true;
	(void)tell_down(s);
	secure_arm(s);
}

/* ---- sending ---- */

/* The call of discovery is all zero. */
static void note(struct secure *s, const struct pending *p, const struct secure_link_call *frame, bool sent, uint8_t verdict)
{
	struct secure_frame f = { .at = loop_monotonic(), .id = frame->header.id, .sent = sent, .verdict = verdict,
		.life = p->call.life, .endpoint = p->call.endpoint };

	if (!sent)
		f.took = f.at - p->submitted_at;
	memcpy(f.name, p->call.name, sizeof(f.name));
	memcpy(f.x, frame->x, sizeof(f.x));
	trace_add(s->traces, p->call.sp, &f);
}

int link_submit(struct secure *s, const uint64_t x[FFA_REGISTERS], const struct secure_call *call)
{
	struct pending *p = list_first(&s->idle, struct pending, node);
	struct secure_link_call frame = {
		.header = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_SUBMIT, s->last_id + 1 },
	};

	if (!p)
		return -ENOBUFS;
	memcpy(frame.x, x, sizeof(frame.x));
	if (send(s->fd, &frame, sizeof(frame), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(frame))
		return -errno;
	p->id = ++s->last_id;
	p->submitted_at = loop_monotonic();
	p->deadline = p->submitted_at + s->timeout;
	p->discovery = !call;
	p->call = call ? *call : (struct secure_call){ 0 };
	list_remove(&p->node);
	list_append(&s->pending, &p->node);
	note(s, p, &frame, true, 0);
	secure_arm(s);
	return 0;
}

static int send_hello(struct secure *s, int fd)
{
	struct secure_link_hello hello = {
		.header = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_HELLO, 0 },
		.incarnation = s->incarnation,
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { &hello, sizeof(hello) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &s->rx, sizeof(int));
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(hello) ? 0 : -errno;
}

/* ---- receiving ---- */

static const char *take_welcome(struct secure *s, const struct secure_link_welcome *w, size_t n)
{
	if (s->state != LINK_GREETING)
		return "a second WELCOME";
	if (n < offsetof(struct secure_link_welcome, sp) || w->sp_count > SECURE_LINK_SP_MAX ||
		n != offsetof(struct secure_link_welcome, sp) + w->sp_count * sizeof(w->sp[0]))
		return "a WELCOME of the wrong size";
	memcpy(s->instance, w->instance, sizeof(s->instance));
	s->known_count = w->sp_count;
	memcpy(s->known, w->sp, w->sp_count * sizeof(w->sp[0]));
	s->state = LINK_UP;
	discovery_start(s, false);
	return NULL;
}

static struct pending *pending_find(struct secure *s, uint64_t id)
{
	struct pending *p;

	list_for_each(p, &s->pending, node) {
		if (p->id == id)
			return p;
	}
	return NULL;
}

static uint8_t verdict_of(const struct pending *p, const uint64_t x[FFA_REGISTERS])
{
	struct secure_reply reply;

	if (p->discovery)
		return 0;
	classify(&p->call, x, &reply);
	return 1 + reply.verdict;
}

static const char *take_complete(struct secure *s, const struct secure_link_call *frame, size_t n)
{
	struct pending *p = n == sizeof(*frame) ? pending_find(s, frame->header.id) : NULL, done;

	if (n != sizeof(*frame))
		return "a COMPLETE of the wrong size";
	if (!p)
		return "a COMPLETE of a call that is not open";
	done = *p;
	list_remove(&p->node);
	list_append(&s->idle, &p->node);
	note(s, &done, frame, false, verdict_of(&done, frame->x));
	secure_arm(s);
	if (done.discovery)
		discovery_answer(s, frame->x);
	else
		met_answer(s, &done, frame->x);
	return NULL;
}

static const char *take_doorbell(struct secure *s, const struct secure_link_doorbell *frame, size_t n)
{
	if (n != sizeof(*frame))
		return "a DOORBELL of the wrong size";
	if (!(frame->sp & FFA_ID_SECURE))
		return "a DOORBELL of no secure partition";
	met_doorbell(s, frame->sp, frame->generation);
	return NULL;
}

static const char *take_frame(struct secure *s, const union frame *f, size_t n)
{
	if (n < sizeof(f->header) || n > sizeof(*f))
		return "a frame of the wrong size";
	if (f->header.magic != SECURE_LINK_MAGIC || f->header.version != SECURE_LINK_VERSION)
		return "a frame of another protocol or version";
	if (f->header.kind == SECURE_LINK_WELCOME)
		return take_welcome(s, &f->welcome, n);
	if (s->state != LINK_UP)
		return "a frame before WELCOME";
	if (f->header.kind == SECURE_LINK_COMPLETE)
		return take_complete(s, &f->call, n);
	if (f->header.kind == SECURE_LINK_DOORBELL)
		return take_doorbell(s, &f->doorbell, n);
	return "a frame of a kind that it does not send";
}

static void link_ready(void *arg, int fd, unsigned events)
{
	struct secure *s = arg;

	for (int i = 0; i < FRAMES_PER_TURN && s->fd >= 0; i++) {
		union frame f;
		ssize_t n = recv(s->fd, &f, sizeof(f), MSG_DONTWAIT | MSG_TRUNC);
		const char *wrong = NULL;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			wrong = n == 0 ? "it hung up" : strerror(errno);
		else
			wrong = take_frame(s, &f, (size_t)n);
		if (wrong)
			link_fail(s, wrong);
	}
}

/* ---- opening ---- */

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(close_fdp) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path)); /* its length was checked by secure_new */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

void link_open(struct secure *s)
{
	int fd = dial(s->socket_path);
	int r = fd < 0 ? fd : send_hello(s, fd);

	if (r == 0)
		r = loop_watch(s->loop, fd, LOOP_READ, link_ready, s, &s->watch);
	if (r < 0) {
		close_fdp(&fd);
		link_fail(s, strerror(-r));
		return;
	}
	s->fd = fd;
	s->state = LINK_GREETING;
	s->greet_by = loop_monotonic() + s->timeout;
	secure_arm(s);
}
