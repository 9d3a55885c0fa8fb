/* SPDX-License-Identifier: Apache-2.0 */

/* start --bound: a VM that lives as long as this process does. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bound.h"
#include "interrupt.h"
#include "output.h"
#include "patience.h"

#define AGAIN_EVERY_NS 100000000u
#define AGAIN_NS 5000000000u /* so long a life is kept for whoever it is bound to */

/* 1: it has ended. */
static int try_again(struct cli *c, struct bound *b, uint64_t until)
{
	int r = cli_connect_again(c);

	if (r < 0 || !patience_short(c, until))
		return -ENOTCONN;
	r = lifecycle_bind_again(c->l, b->token, &b->fd);
	return r < 0 && lifecycle_last_error(c->l)->refusal == LIFECYCLE_REFUSED_NOT_BOUND ? 1 : r;
}

/* The daemon hung up: it is gone, and another one may be there; or the VM is. 0: bound again; 1: it has ended. */
static int bind_again(struct cli *c, struct bound *b, uint64_t deadline)
{
	uint64_t until = monotonic_now() + AGAIN_NS;
	int r;

	until = until < deadline ? until : deadline;
	while ((r = try_again(c, b, until)) < 0 && monotonic_now() < until) {
		uint64_t next = monotonic_now() + AGAIN_EVERY_NS;

		if (interrupt_poll(-1, next < until ? next : until) == -EINTR) {
			r = -EINTR;
			break;
		}
	}
	patience_whole(c);
	if (r < 0 && r != -EINTR && monotonic_now() >= deadline)
		return -ETIMEDOUT;
	return r == -ETIMEDOUT ? -ENOTCONN : r; /* that is the time which the caller has */
}

static int say_ended(struct cli *c, const char *name)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	const struct lifecycle_vm_details *d = NULL;

	if (lifecycle_vm_info(c->l, name, &info) == 0)
		d = lifecycle_vm_info_details(info);
	if (!c->quiet && !wants_json(c))
		(void)printf("%s: ended%s%s\n", name, d ? ", " : "", d ? lifecycle_cause_name(d->end_cause) : "");
	return 0;
}

int bound_start(struct cli *c, struct bound *b, const char *name, uint64_t *ret_seq)
{
	b->fd = -1;
	return lifecycle_start_bound(c->l, name, b->token, &b->fd, ret_seq);
}

void bound_end(struct bound *b)
{
	if (b->fd >= 0)
		(void)close(b->fd);
	b->fd = -1;
}

int bound_back(struct cli *c, void *bound, uint64_t deadline)
{
	struct bound *b = bound;
	int r = interrupt_poll(b->fd, 0);

	if (r < 0)
		return r == -ETIMEDOUT ? 0 : r;
	bound_end(b);
	r = bind_again(c, b, deadline);
	return r < 0 ? r : 0;
}

int bound_stay(struct cli *c, struct bound *b, const char *name)
{
	(void)fflush(stdout);
	for (;;) {
		int r = b->fd < 0 ? 0 : interrupt_poll(b->fd, UINT64_MAX);

		if (r == 0) {
			bound_end(b);
			r = bind_again(c, b, UINT64_MAX);
		}
		if (r == 1)
			return say_ended(c, name);
		if (r == 0)
			continue;
		bound_end(b);
		if (r == -EINTR)
			return CLI_INTERRUPTED;
		(void)cli_say_error("start %s: lifecycled went away; the VM ends when it is back", name);
		return CLI_NO_DAEMON;
	}
}
