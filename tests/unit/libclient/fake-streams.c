/* SPDX-License-Identifier: Apache-2.0 */

/* The fake daemon's log, and Subscribe. Changes up to 50 are forgotten. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fake-daemon.h"

uint64_t fake_seq = 100;
static struct event_record ring[256];
static size_t ring_count;
static struct {
	int fd;
	char filter[VM_NAME_MAX + 1];
	uint64_t sent; /* "late": up to here */
} streams[64];
static size_t stream_count;

static bool passes(const char *filter, const struct event_record *r)
{
	return !*filter || strcmp(filter, r->name) == 0;
}

void fake_emit(struct event_record r, const char *name)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	r.version = EVENT_STREAM_VERSION;
	r.size = sizeof(r);
	r.seq = ++fake_seq;
	r.realtime = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	if (ring_count < sizeof(ring) / sizeof(*ring))
		ring[ring_count++] = r;
	for (size_t i = 0; i < stream_count; i++)
		if (passes(streams[i].filter, &r))
			(void)send(streams[i].fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* All behind `last`, or as many; the number of the last one that was sent. */
static uint64_t replay(int fd, const char *filter, uint64_t last, size_t most)
{
	for (size_t i = 0; i < ring_count && most; i++) {
		if (ring[i].seq <= last || !passes(filter, &ring[i]))
			continue;
		(void)send(fd, &ring[i], sizeof(ring[i]), MSG_DONTWAIT | MSG_NOSIGNAL);
		last = ring[i].seq;
		most--;
	}
	return last;
}

static uint64_t replayed_to(const char *filter, uint64_t last)
{
	for (size_t i = 0; i < ring_count; i++)
		if (ring[i].seq > last && passes(filter, &ring[i]))
			last = ring[i].seq;
	return last;
}

uint64_t fake_send_rest(void)
{
	for (size_t i = 0; i < stream_count; i++)
		if (strcmp(streams[i].filter, "late") == 0)
			streams[i].sent = replay(streams[i].fd, "late", streams[i].sent, SIZE_MAX);
	return fake_seq;
}

void fake_close_streams(void)
{
	for (size_t i = 0; i < stream_count; i++)
		close(streams[i].fd);
	stream_count = 0;
}

int method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *filter, *epoch;
	sd_bus_message *reply = NULL;
	uint64_t last, sent, to;
	bool half;
	int fd[2], replayed, r = sd_bus_message_read(m, "sst", &filter, &epoch, &last);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
	replayed = strcmp(epoch, EPOCH) == 0 && last >= 50;
	half = strcmp(filter, "late") == 0 || strcmp(filter, "cut") == 0;
	if (half && replayed_to(filter, 0) == 0)
		for (int i = 0; i < 4; i++)
			fake_emit((struct event_record){ .kind = EVENT_VM }, filter);
	sent = replayed ? replay(fd[0], filter, last, half ? 2 : SIZE_MAX) : fake_seq;
	to = replayed_to(filter, last);
	if (strcmp(filter, "cut") == 0) { /* it dies half-way */
		close(fd[0]);
	} else {
		streams[stream_count].fd = fd[0];
		streams[stream_count].sent = sent;
		(void)snprintf(streams[stream_count++].filter, sizeof(streams->filter), "%s", filter);
	}
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = fake_append_rows(reply, replayed ? "(none)" : filter);
	if (r >= 0)
		r = sd_bus_message_append(reply, "stha{sv}", EPOCH, replayed ? last : fake_seq, fd[1], 2, "Replayed", "b", replayed,
			"ReplayedTo", "t", replayed ? to : 0);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	close(fd[1]);
	if (replayed && half)
		(void)printf("Half %s\n", filter);
	return r;
}
