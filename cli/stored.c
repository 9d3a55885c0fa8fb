/* SPDX-License-Identifier: Apache-2.0 */
#include "stored.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

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
int stored_subscribe(struct cli *c, const char *filter, struct lifecycle_stream **ret, uint64_t *ret_last, bool *ret_later)
{
	uint64_t since = c->since, from, kept = STORED_EVENTS - SLACK;
	const struct lifecycle_daemon *d;

	if (lifecycle_daemon_info(c->l, &d) < 0)
		return cli_fail(c, c->verb, NULL);
	*ret_last = d->seq;
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
