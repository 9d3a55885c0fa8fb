/* SPDX-License-Identifier: Apache-2.0 */

/*
 * With sd-event: holds the end of a VM's life, puts away what it has of it
 * once it is asked to, and lets go. A daemon that is started anew meanwhile
 * keeps the lease for 5 s: it is claimed again by its token.
 *
 *     cc lease-sd-event.c $(pkg-config --cflags --libs liblifecycle libsystemd)
 */

#include <errno.h>
#include <lifecycle.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#define AGAIN_US 200000

struct holder {
	sd_event *event;
	sd_event_source *source; /* of the lease's descriptor, or of the timer that claims it again */
	struct lifecycle_lease *lease;
};

static int watch(struct holder *h);

static int on_again(sd_event_source *source, uint64_t now, void *argument)
{
	struct holder *h = argument;
	struct lifecycle_lease *fresh;
	struct lifecycle *l;
	int r = lifecycle_new(NULL, &l);

	if (r >= 0) {
		r = lifecycle_lease_reclaim(l, lifecycle_lease_token(h->lease), &fresh);
		(void)lifecycle_unref(l);
	}
	if (r == -ENOLCK) {
		printf("%s\n", lifecycle_error_text(r));
		return sd_event_exit(h->event, 1);
	}
	if (r < 0) {
		r = sd_event_source_set_time(source, now + AGAIN_US);
		return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	printf("claimed again\n");
	(void)lifecycle_lease_unref(h->lease);
	h->lease = fresh;
	return watch(h);
}

static int claim_again(struct holder *h)
{
	printf("the daemon went away\n");
	sd_event_source_disable_unref(h->source);
	h->source = NULL;
	return sd_event_add_time_relative(h->event, &h->source, CLOCK_MONOTONIC, AGAIN_US, 0, on_again, h);
}

/* Once asked there is until the deadline to put away what one has. */
static int let_go(struct holder *h)
{
	int r;

	printf("asked, for it ends: %s\n", lifecycle_cause_name(lifecycle_lease_cause(h->lease)));
	r = lifecycle_lease_release(h->lease, 5000);
	printf("%s\n", r < 0 ? lifecycle_error_text(r) : lifecycle_lease_state_name(r));
	return sd_event_exit(h->event, r == LIFECYCLE_LEASE_RELEASED ? 0 : 1);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *argument)
{
	struct holder *h = argument;
	int state = lifecycle_lease_state(h->lease);

	if (state == LIFECYCLE_LEASE_HELD)
		return 0;
	if (state == -ENOTCONN)
		return claim_again(h);
	if (state == LIFECYCLE_LEASE_ASKED)
		return let_go(h);
	printf("%s\n", state < 0 ? lifecycle_error_text(state) : lifecycle_lease_state_name(state));
	return sd_event_exit(h->event, 1);
}

static int watch(struct holder *h)
{
	sd_event_source_disable_unref(h->source);
	h->source = NULL;
	return sd_event_add_io(h->event, &h->source, lifecycle_lease_get_fd(h->lease), EPOLLIN, on_readable, h);
}

static int take(struct holder *h, const char *name)
{
	struct lifecycle *l;
	int r = lifecycle_new(NULL, &l);

	if (r >= 0) {
		r = lifecycle_lease_take(l, name, 0, "an example holds it", 0, &h->lease);
		if (r < 0)
			fprintf(stderr, "%s\n", lifecycle_last_error(l)->text);
		(void)lifecycle_unref(l);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct holder h = { 0 };
	int code = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: %s VM\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (sd_event_default(&h.event) >= 0 && take(&h, argv[1]) >= 0 && watch(&h) >= 0) {
		printf("held\n");
		code = sd_event_loop(h.event);
	}
	sd_event_source_disable_unref(h.source);
	sd_event_unref(h.event);
	(void)lifecycle_lease_unref(h.lease);
	return code < 0 ? 1 : code;
}
