/* SPDX-License-Identifier: Apache-2.0 */
#include "stored.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "interrupt.h"
#include "output.h"

#define SLACK 512

static bool is_other_log(const struct cli *c, const struct lifecycle_daemon *d)
{
	return *c->since_epoch && strcasecmp(c->since_epoch, d->epoch) != 0;
}

void stored_say_later(struct cli *c)
{
	const struct lifecycle_daemon *d;

	if (lifecycle_daemon_info(c->l, &d) == 0 && is_other_log(c, d))
		(void)cli_say_error("%s: this cursor is of another log, %s; this begins where the log does", c->verb, c->since_epoch);
	else
		(void)cli_say_error("%s: the log has not every change since %" PRIu64 " any more; this begins later", c->verb, c->since);
}

/* At least STORED_EVENTS back, by the daemon's promise; what is less is found by halving the way. */
int stored_subscribe(struct cli *c, const char *filter, struct lifecycle_stream **ret, bool *ret_later)
{
	uint64_t since = c->since, from, kept = STORED_EVENTS - SLACK;
	const struct lifecycle_daemon *d;

	if (lifecycle_daemon_info(c->l, &d) < 0)
		return cli_fail(c, c->verb, NULL);
	*ret_later = is_other_log(c, d);
	if (*ret_later)
		since = 0;
	for (from = since;;) {
		*ret = lifecycle_stream_unref(*ret);
		if (lifecycle_subscribe(c->l, filter, d->epoch, from, ret) < 0)
			return cli_fail(c, c->verb, *filter ? filter : NULL);
		if (lifecycle_stream_replayed(*ret) || from >= d->seq)
			return 0;
		*ret_later |= c->has_since;
		from = from == since && d->seq - since > kept ? d->seq - kept : from + (d->seq - from + 1) / 2;
	}
}

int stored_read(struct lifecycle_stream *s, uint64_t patience, void (*take)(void *arg, const struct lifecycle_event *e), void *arg)
{
	while (lifecycle_stream_seq(s) < lifecycle_stream_replayed_to(s)) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(s, &e);

		if (r == 0)
			take(arg, &e);
		else if (r == -EAGAIN)
			r = interrupt_poll(lifecycle_stream_get_fd(s), patience == UINT64_MAX ? patience : monotonic_now() + patience);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct {
	int error;
	const char *what;
} cuts[] = {
	{ -EBADMSG, "the stream cannot be read (is lifecycled of another version?)" },
	{ -EOVERFLOW, "there was too much for this reader before all was read: ask again" },
	{ -ETIMEDOUT, "lifecycled sends nothing any more, and not all was read" },
	{ -ENODATA, "lifecycled hung up before all was read: ask again" }, /* and whatever else */
};

int stored_say_cut_off(const struct cli *c, int why)
{
	size_t i = 0;

	if (why == -EINTR)
		return CLI_INTERRUPTED;
	while (i + 1 < sizeof(cuts) / sizeof(*cuts) && cuts[i].error != why)
		i++;
	return cli_say_error("%s: %s", c->verb, cuts[i].what);
}
