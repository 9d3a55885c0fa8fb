/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Event streams (proto/event-stream.h). A stream holds no events: it has a place in the engine's ring and
 * takes the next event from there whenever its socket has room. Only when the ring has lost that place does
 * its reader get a GAP.
 *
 * A stream of one VM that has nothing left to send is idle: it is found by the name of the VM when something happens to
 * that, and costs nothing when something happens to another. Its place is where the last pump came to.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "bus/internal.h"

#define STREAM_SNDBUF 65536
#define STREAM_BUDGET 512 /* events a turn of the loop for one stream */

struct stream {
	struct list link;
	struct list of_all;      /* of those without a filter; else in none */
	struct map_node by_name; /* of those with one */
	bool idle;
	struct bus *bus;
	int fd;
	struct loop_watch *watch;
	unsigned watched;
	uint64_t seq; /* everything up to here was sent, or is not for this reader */
	uid_t uid;
	char filter[VM_NAME_MAX + 1]; /* "": everything */
};

static struct stream *stream_free(struct stream *s)
{
	(void)loop_unwatch(s->watch);
	if (s->fd >= 0)
		close(s->fd);
	if (s->filter[0])
		map_remove(&s->bus->streams_by_name, &s->by_name);
	list_remove(&s->of_all);
	list_remove(&s->link);
	s->bus->stream_count--;
	free(s);
	return NULL;
}

/* LOOP_READ always: it is how a hang-up shows. */
static int stream_watch(struct stream *s, unsigned events)
{
	if (s->watched == events)
		return 0;
	s->watched = events;
	return loop_watch_change(s->watch, events);
}

static int stream_send(struct stream *s, const struct event_record *event)
{
	if (send(s->fd, event, sizeof(*event), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int stream_send_gap(struct stream *s)
{
	struct event_record gap = {
		.version = EVENT_STREAM_VERSION,
		.kind = EVENT_GAP,
		.size = sizeof(gap),
		.seq = ring_last(engine_ring(s->bus->config.engine)),
	};
	int r = stream_send(s, &gap);

	return r < 0 ? r : -EPIPE; /* after a gap there is nothing more to say */
}

static bool stream_wants(const struct stream *s, const struct event_record *event)
{
	return !s->filter[0] || strncmp(event->name, s->filter, sizeof(event->name)) == 0;
}

/* 0: nothing left; -EAGAIN: more, later; another negative errno: this stream is over. */
static int stream_drain(struct stream *s)
{
	const struct ring *ring = engine_ring(s->bus->config.engine);
	int r;

	for (unsigned budget = STREAM_BUDGET; budget; budget--) {
		bool gap = false;
		const struct event_record *event = ring_after(ring, s->seq, &gap);

		if (gap)
			return stream_send_gap(s);
		if (!event)
			return 0;
		r = stream_wants(s, event) ? stream_send(s, event) : 0;
		if (r < 0)
			return r;
		s->seq = event->seq;
	}
	return -EAGAIN;
}

static void stream_pump(struct stream *s)
{
	int r;

	if (s->idle && s->seq < s->bus->streams_seq)
		s->seq = s->bus->streams_seq;
	r = stream_drain(s);
	s->idle = r == 0 && s->filter[0];
	if ((r < 0 && r != -EAGAIN) || stream_watch(s, r < 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ) < 0)
		(void)stream_free(s);
}

static bool stream_hung_up(const struct stream *s)
{
	char byte;

	/* End of file, or a reader that writes: it does not know what this is. */
	return recv(s->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void stream_ready(void *arg, int fd, unsigned events)
{
	struct stream *s = arg;

	if ((events & LOOP_READ) && stream_hung_up(s))
		(void)stream_free(s);
	else
		stream_pump(s);
}

static void pump_idle(struct bus *b, const char *name)
{
	struct map_node *n, *next;

	for (n = map_get(&b->streams_by_name, hash_string(name)); n; n = next) {
		struct stream *s = container_of(n, struct stream, by_name);

		next = map_next(n);
		if (s->idle)
			stream_pump(s);
	}
}

/* It goes on when there is: trying at each event would cost a system call for each that does not read. */
static bool waits_for_room(const struct stream *s)
{
	return s->watched & LOOP_WRITE;
}

void bus_streams_pump(struct bus *b)
{
	const struct ring *ring = engine_ring(b->config.engine);
	const struct event_record *event;
	struct stream *s, *next;
	bool gap = false;

	list_for_each_safe(s, next, &b->streams_of_all, of_all)
		if (!waits_for_room(s))
			stream_pump(s);
	for (uint64_t seq = b->streams_seq; b->streams_by_name.count; seq = event->seq) {
		event = ring_after(ring, seq, &gap);
		if (!event || gap)
			break;
		pump_idle(b, event->name);
	}
	if (gap) /* more than the ring holds at once: nobody knows whom it was about */
		list_for_each_safe(s, next, &b->streams, link) stream_pump(s);
	b->streams_seq = ring_last(ring);
}

void bus_streams_drop(struct bus *b)
{
	struct stream *s;

	while ((s = list_first(&b->streams, struct stream, link)))
		(void)stream_free(s);
}

/* Others than those who may change something get three quarters of the places, and each uid its share of
 * these. */
static bool has_place(const struct bus *b, uid_t uid, bool privileged)
{
	const struct bus_config *config = &b->config;
	unsigned own = 0;
	struct stream *s;

	if (privileged)
		return b->stream_count < config->streams_max;
	list_for_each (s, &b->streams, link)
		own += s->uid == uid;
	return b->stream_count < config->streams_max - config->streams_max / 4 &&
	       own < config->streams_max_per_uid;
}

/* Writable at first, so that what is to be replayed goes out by itself. */
static int stream_open(struct stream *s, int *ret_client_fd)
{
	int pair[2], size = STREAM_SNDBUF;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->fd = pair[0];
	*ret_client_fd = pair[1];
	if (setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
		return -errno;
	s->watched = LOOP_READ | LOOP_WRITE;
	return loop_watch(s->bus->config.loop, s->fd, s->watched, stream_ready, s, &s->watch);
}

/* -EDQUOT: too many streams. */
int bus_stream_new(
	struct bus *b, uid_t uid, bool privileged, const char *filter, uint64_t seq, int *ret_client_fd)
{
	_cleanup_(close_fdp) int client = -1;
	struct stream *s;
	int r;

	if (!has_place(b, uid, privileged))
		return -EDQUOT;
	if (map_reserve(&b->streams_by_name, b->stream_count + 1) < 0)
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	list_append(&b->streams, &s->link);
	list_init(&s->of_all);
	b->stream_count++;
	s->bus = b;
	s->fd = -1;
	s->uid = uid;
	s->seq = seq;
	strcpy(s->filter, filter);
	if (filter[0])
		map_put(&b->streams_by_name, &s->by_name, hash_string(filter));
	else
		list_append(&b->streams_of_all, &s->of_all);
	r = stream_open(s, &client);
	if (r < 0) {
		(void)stream_free(s);
		return r;
	}
	*ret_client_fd = take_fd(&client);
	return 0;
}
