/* SPDX-License-Identifier: Apache-2.0 */

/* Following: a snapshot, then fixed records from a socket (proto/event-stream.h). */

#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "fields.h"
#include "list.h"

struct lifecycle_stream {
	unsigned refs;
	int fd;
	int ended; /* 0, or what lifecycle_stream_next says from now on */
	bool replayed;
	uint64_t seq;
	uint64_t replayed_to;
	char *epoch;
	struct lifecycle_vm_list *snapshot;
};

int stream_new(int fd, uint64_t seq, struct lifecycle_stream **ret)
{
	_cleanup_(util_closep) int owned = fd;
	struct lifecycle_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct lifecycle_stream){ .refs = 1, .fd = util_take_fd(&owned), .seq = seq };
	*ret = s;
	return 0;
}

/* A value of another enumeration's future is told as unknown. */
static int known(unsigned value, unsigned count)
{
	return value < count ? (int)value : LIFECYCLE_UNKNOWN;
}

static void decode_states(const struct event_record *r, struct lifecycle_event *e)
{
	unsigned states = r->kind == EVENT_DEBT ? (unsigned)DEBT_STATE_COUNT : (unsigned)VM_STATE_COUNT;
	bool was_operation = r->kind == EVENT_OPERATION || r->kind == EVENT_VM_GONE;

	e->old_state = known(r->old_state, was_operation ? (unsigned)OPERATION_COUNT : states);
	e->new_state = known(r->new_state, states);
	e->old_substate = known(r->old_substate, VM_SUBSTATE_COUNT);
	e->new_substate = known(r->new_substate, VM_SUBSTATE_COUNT);
	e->cause = known(r->cause, CAUSE_COUNT);
	e->how = known(r->how, DEBT_HOW_COUNT);
	e->operation = known(r->operation, OPERATION_COUNT);
	e->outcome = known(r->outcome, OUTCOME_COUNT);
}

/* A newer daemon's record may be longer, an older one's shorter: what both know of it is at the front. */
int stream_decode(const void *bytes, size_t length, struct lifecycle_event *event)
{
	struct lifecycle_event full = LIFECYCLE_EVENT_INIT;
	struct event_record r = { 0 };

	if (event->size < sizeof(event->size))
		return -EINVAL;
	if (length < EVENT_RECORD_LEAST)
		return -EBADMSG;
	memcpy(&r, bytes, length < sizeof(r) ? length : sizeof(r));
	if (r.version != EVENT_STREAM_VERSION || r.size < EVENT_RECORD_LEAST || !memchr(r.name, '\0', sizeof(r.name)))
		return -EBADMSG;
	if (r.kind == EVENT_GAP)
		return -EOVERFLOW;
	full.kind = r.kind;
	full.seq = r.seq;
	full.realtime = r.realtime;
	full.life = r.life;
	full.endpoint = r.endpoint;
	full.sp = r.sp;
	full.tries = r.tries;
	decode_states(&r, &full);
	memcpy(full.name, r.name, sizeof(full.name));
	full.size = event->size < sizeof(full) ? event->size : sizeof(full);
	memcpy(event, &full, full.size);
	return 0;
}

static ssize_t receive(int fd, void *buffer, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, buffer, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -ENODATA;
	return n == 0 ? -ENODATA : n;
}

int lifecycle_stream_next(struct lifecycle_stream *s, struct lifecycle_event *event)
{
	_Alignas(struct event_record) char buffer[2 * sizeof(struct event_record)];
	ssize_t n;
	int r;

	if (s->ended)
		return s->ended;
	n = receive(s->fd, buffer, sizeof(buffer));
	r = n < 0 ? (int)n : stream_decode(buffer, (size_t)n, event);
	if (r == 0)
		s->seq = event->seq;
	else if (r != -EAGAIN && r != -EINVAL)
		s->ended = r;
	return r;
}

int lifecycle_stream_wait(struct lifecycle_stream *s, int milliseconds)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	int r;

	if (s->ended)
		return 0;
	r = poll(&p, 1, milliseconds);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

/* ---- subscribing ---- */

struct subscription {
	bool replayed;
	uint64_t replayed_to;
};

static const struct field more_fields[] = {
	{ "Replayed", "b", offsetof(struct subscription, replayed), read_bool },
	{ "ReplayedTo", "t", offsetof(struct subscription, replayed_to), read_u64 },
};

static int read_subscription(sd_bus_message *reply, struct lifecycle_stream **ret)
{
	_cleanup_(lifecycle_stream_unrefp) struct lifecycle_stream *s = NULL;
	_cleanup_(lifecycle_vm_list_unrefp) struct lifecycle_vm_list *snapshot = NULL;
	struct subscription sub = { false };
	const char *epoch;
	uint64_t seq;
	int fd, r;

	r = vm_list_read(reply, &snapshot);
	if (r >= 0)
		r = sd_bus_message_read(reply, "sth", &epoch, &seq, &fd);
	if (r >= 0)
		r = fields_read(reply, more_fields, sizeof(more_fields) / sizeof(*more_fields), &sub);
	if (r < 0)
		return r;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	r = stream_new(fd, seq, &s);
	if (r < 0)
		return r;
	s->epoch = strdup(epoch);
	if (!s->epoch)
		return -ENOMEM;
	s->replayed = sub.replayed;
	s->replayed_to = sub.replayed_to > seq ? sub.replayed_to : seq;
	s->snapshot = util_take(&snapshot);
	*ret = util_take(&s);
	return 0;
}

int lifecycle_subscribe(struct lifecycle *l, const char *filter, const char *epoch, uint64_t seq,
	struct lifecycle_stream **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Subscribe", .gives_fd = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "ssta{sv}", filter ? filter : "", epoch ? epoch : "", seq, 0);
	if (r < 0)
		return connection_bad_name(l, r, "Subscribe");
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = read_subscription(reply, ret);
	return r < 0 ? connection_bad_reply(l, r, "Subscribe") : 0;
}

struct lifecycle_stream *lifecycle_stream_ref(struct lifecycle_stream *s)
{
	if (s)
		s->refs++;
	return s;
}

struct lifecycle_stream *lifecycle_stream_unref(struct lifecycle_stream *s)
{
	if (!s || --s->refs > 0)
		return NULL;
	lifecycle_vm_list_unref(s->snapshot);
	util_closep(&s->fd);
	free(s->epoch);
	free(s);
	return NULL;
}

int lifecycle_stream_get_fd(const struct lifecycle_stream *s)
{
	return s->fd;
}

const struct lifecycle_vm_list *lifecycle_stream_snapshot(const struct lifecycle_stream *s)
{
	return s->snapshot;
}

bool lifecycle_stream_replayed(const struct lifecycle_stream *s)
{
	return s->replayed;
}

uint64_t lifecycle_stream_replayed_to(const struct lifecycle_stream *s)
{
	return s->replayed_to;
}

const char *lifecycle_stream_epoch(const struct lifecycle_stream *s)
{
	return s->epoch;
}

uint64_t lifecycle_stream_seq(const struct lifecycle_stream *s)
{
	return s->seq;
}
