/* SPDX-License-Identifier: Apache-2.0 */

/* Leases that this program holds: a socket to the daemon with fixed records (proto/lease.h), and a token. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "lease.h"
#include "proto/lease.h"

struct lifecycle_lease {
	unsigned refs;
	int fd;
	int state; /* enum lifecycle_lease_state, or -ENOTCONN, from where it does not move on */
	int cause;
	bool released; /* the daemon was told */
	uint64_t life, deadline;
	char token[40];
};

UTIL_UNREFP(lifecycle_lease)

_Static_assert(LIFECYCLE_LEASE_WHY_MAX == LEASE_REASON_MAX, "lifecycle.h says something else than proto/");

int lease_new(int fd, const char *token, uint64_t life, struct lifecycle_lease **ret)
{
	_cleanup_(lifecycle_lease_unrefp) struct lifecycle_lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return -ENOMEM;
	*lease = (struct lifecycle_lease){ .refs = 1, .fd = -1, .life = life };
	lease->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (lease->fd < 0)
		return -errno;
	if (strlen(token) >= sizeof(lease->token))
		return -EBADMSG;
	strcpy(lease->token, token);
	*ret = util_take(&lease);
	return 0;
}

int lifecycle_lease_take(struct lifecycle *l, const char *name, uint64_t life, const char *why, uint64_t timeout_ms,
	struct lifecycle_lease **ret)
{
	_cleanup_(util_freep) char *path = NULL;
	struct call_target target = { NULL, BUS_VM, "TakeDestroyLease", .changes = true, .gives_fd = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	const char *token;
	uint64_t taken, seq;
	int fd, r = sd_bus_path_encode(BUS_VM_PREFIX, name, &path);

	if (r < 0)
		return connection_bad_name(l, r, target.method);
	target.path = path;
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "stta{sv}", why ? why : "", timeout_ms, life, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0 && lifecycle_last_error(l)->refusal == LIFECYCLE_REFUSED_NO_SUCH_VM) /* the bus knows objects, not VMs */
		return connection_refuse(l, LIFECYCLE_REFUSED_NO_SUCH_VM, "there is no VM '%s'", name);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "shtt", &token, &fd, &taken, &seq);
	if (r >= 0)
		r = lease_new(fd, token, taken, ret);
	return r < 0 ? connection_bad_reply(l, r, target.method) : 0;
}

int lifecycle_lease_reclaim(struct lifecycle *l, const char *token, struct lifecycle_lease **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "ReclaimDestroyLease", .gives_fd = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	uint64_t life;
	int fd, r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "sa{sv}", token, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "ht", &fd, &life);
	if (r >= 0)
		r = lease_new(fd, token, life, ret);
	return r < 0 ? connection_bad_reply(l, r, target.method) : 0;
}

struct lifecycle_lease *lifecycle_lease_ref(struct lifecycle_lease *lease)
{
	if (lease)
		lease->refs++;
	return lease;
}

struct lifecycle_lease *lifecycle_lease_unref(struct lifecycle_lease *lease)
{
	if (!lease || --lease->refs > 0)
		return NULL;
	util_closep(&lease->fd);
	free(lease);
	return NULL;
}

const char *lifecycle_lease_token(const struct lifecycle_lease *lease)
{
	return lease->token;
}

uint64_t lifecycle_lease_life(const struct lifecycle_lease *lease)
{
	return lease->life;
}

uint64_t lifecycle_lease_deadline(const struct lifecycle_lease *lease)
{
	return lease->deadline;
}

int lifecycle_lease_cause(const struct lifecycle_lease *lease)
{
	return lease->cause;
}

int lifecycle_lease_get_fd(const struct lifecycle_lease *lease)
{
	return lease->fd;
}

static bool is_over(const struct lifecycle_lease *lease)
{
	return lease->state < 0 || lease->state >= LIFECYCLE_LEASE_RELEASED;
}

/* A newer daemon's record may be longer, and may be of a kind that is not known here. */
static void take_record(struct lifecycle_lease *lease, const struct lease_record *r, size_t size)
{
	if (size < sizeof(*r) || r->version != LEASE_VERSION)
		return;
	if (r->kind == LEASE_RECORD_ASK) {
		lease->state = LIFECYCLE_LEASE_ASKED;
		lease->deadline = r->deadline;
	} else if (r->kind == LEASE_RECORD_OVER) {
		lease->state = r->state > LEASE_ASKED && r->state < LEASE_STATE_COUNT ? r->state : LIFECYCLE_LEASE_REVOKED;
	} else {
		return;
	}
	lease->life = r->life;
	lease->cause = r->cause < CAUSE_COUNT ? r->cause : LIFECYCLE_UNKNOWN;
}

int lifecycle_lease_state(struct lifecycle_lease *lease)
{
	while (!is_over(lease)) {
		struct lease_record record = { 0 };
		ssize_t n = recv(lease->fd, &record, sizeof(record), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			lease->state = -ENOTCONN;
		else
			take_record(lease, &record, (size_t)n);
	}
	return lease->state;
}

int lifecycle_lease_wait(struct lifecycle_lease *lease, int milliseconds)
{
	struct pollfd p = { .fd = lease->fd, .events = POLLIN };
	int r = is_over(lease) ? 1 : poll(&p, 1, milliseconds);

	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int tell(struct lifecycle_lease *lease)
{
	const struct lease_record record = { .version = LEASE_VERSION, .kind = LEASE_RECORD_RELEASE, .size = sizeof(record) };

	if (!lease->released && send(lease->fd, &record, sizeof(record), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EPIPE || errno == ECONNRESET ? 0 : -errno; /* its last words are there to be read */
	lease->released = true;
	return 0;
}

/* An ASK that crossed the release is passed over. */
int lifecycle_lease_release(struct lifecycle_lease *lease, int milliseconds)
{
	uint64_t end = util_deadline(milliseconds);
	int r = 0;

	(void)lifecycle_lease_state(lease);
	if (!is_over(lease))
		r = tell(lease);
	while (r >= 0 && !is_over(lease)) {
		uint64_t now = util_monotonic_ns();

		if (now >= end)
			return -ETIMEDOUT;
		r = lifecycle_lease_wait(lease, end == UINT64_MAX ? -1 : (int)((end - now + 999999) / 1000000));
		(void)lifecycle_lease_state(lease);
	}
	return r < 0 ? r : lease->state;
}
