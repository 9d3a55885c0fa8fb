/* SPDX-License-Identifier: Apache-2.0 */

/* A lease that a program holds, told record by record by a daemon that is a socket. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "include/lifecycle.h"
#include "lease.h"
#include "proto/lease.h"

struct daemon {
	int fd;
	struct lifecycle_lease *lease;
};

static int setup(void **state)
{
	static struct daemon d;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(lease_new(pair[1], "token", 7, &d.lease), 0);
	close(pair[1]); /* it has its own */
	d.fd = pair[0];
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct daemon *d = *state;

	lifecycle_lease_unref(d->lease);
	if (d->fd >= 0)
		close(d->fd);
	return 0;
}

static void tell(struct daemon *d, uint16_t kind, uint8_t state)
{
	struct lease_record r = { .version = LEASE_VERSION, .kind = kind, .size = sizeof(r), .lease = 8, .life = 7, .state = state,
		.cause = CAUSE_OOM, .deadline = kind == LEASE_RECORD_ASK ? 99 : 0 };

	assert_int_equal(send(d->fd, &r, sizeof(r), 0), sizeof(r));
}

static void hang_up(struct daemon *d)
{
	close(d->fd);
	d->fd = -1;
}

static void is_held_then_asked_then_over(void **state)
{
	struct daemon *d = *state;

	assert_string_equal(lifecycle_lease_token(d->lease), "token");
	assert_int_equal(lifecycle_lease_life(d->lease), 7);
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_HELD);
	assert_int_equal(lifecycle_lease_wait(d->lease, 0), -ETIMEDOUT);
	tell(d, LEASE_RECORD_ASK, LEASE_ASKED);
	assert_int_equal(lifecycle_lease_wait(d->lease, -1), 0);
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_ASKED);
	assert_int_equal(lifecycle_lease_deadline(d->lease), 99);
	assert_int_equal(lifecycle_lease_cause(d->lease), LIFECYCLE_CAUSE_OOM);
	tell(d, LEASE_RECORD_OVER, LEASE_REVOKED);
	hang_up(d);
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_REVOKED);
	assert_int_equal(lifecycle_lease_wait(d->lease, -1), 0);
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_REVOKED);
}

static void a_hang_up_alone_is_a_daemon_that_went_away(void **state)
{
	struct daemon *d = *state;

	tell(d, LEASE_RECORD_ASK, LEASE_ASKED);
	hang_up(d);
	assert_int_equal(lifecycle_lease_state(d->lease), -ENOTCONN);
	assert_int_equal(lifecycle_lease_state(d->lease), -ENOTCONN);
	assert_int_equal(lifecycle_lease_deadline(d->lease), 99);
	assert_int_equal(lifecycle_lease_release(d->lease, 1000), -ENOTCONN);
}

static void a_release_waits_until_it_is_stored_and_passes_over_an_ask_that_crossed_it(void **state)
{
	struct daemon *d = *state;
	struct lease_record r;

	assert_int_equal(lifecycle_lease_release(d->lease, 0), -ETIMEDOUT);
	assert_int_equal(recv(d->fd, &r, sizeof(r), MSG_DONTWAIT), sizeof(r));
	assert_int_equal(r.version, LEASE_VERSION);
	assert_int_equal(r.kind, LEASE_RECORD_RELEASE);
	assert_int_equal(r.size, sizeof(r));
	tell(d, LEASE_RECORD_ASK, LEASE_ASKED);
	assert_int_equal(lifecycle_lease_release(d->lease, 1), -ETIMEDOUT);
	assert_int_equal(recv(d->fd, &r, sizeof(r), MSG_DONTWAIT), -1); /* it is said once */
	tell(d, LEASE_RECORD_OVER, LEASE_RELEASED);
	assert_int_equal(lifecycle_lease_release(d->lease, -1), LIFECYCLE_LEASE_RELEASED);
}

static void what_was_over_before_is_said_as_it_was(void **state)
{
	struct daemon *d = *state;

	tell(d, LEASE_RECORD_OVER, LEASE_UNCLAIMED);
	hang_up(d);
	assert_int_equal(lifecycle_lease_release(d->lease, -1), LIFECYCLE_LEASE_UNCLAIMED);
}

static void a_newer_daemon_is_understood_as_far_as_it_goes(void **state)
{
	struct daemon *d = *state;
	struct {
		struct lease_record r;
		char more[24];
	} longer = { .r = { .version = LEASE_VERSION, .kind = LEASE_RECORD_ASK, .size = sizeof(longer), .life = 7, .deadline = 5,
			     .cause = 250 } };

	tell(d, 77, LEASE_ASKED); /* a kind that is not known */
	assert_int_equal(send(d->fd, "x", 1, 0), 1);
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_HELD);
	assert_int_equal(send(d->fd, &longer, sizeof(longer), 0), sizeof(longer));
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_ASKED);
	assert_int_equal(lifecycle_lease_deadline(d->lease), 5);
	assert_int_equal(lifecycle_lease_cause(d->lease), LIFECYCLE_UNKNOWN);
	tell(d, LEASE_RECORD_OVER, 200); /* over in a way that has no word yet */
	assert_int_equal(lifecycle_lease_state(d->lease), LIFECYCLE_LEASE_REVOKED);
}

static void the_last_reference_hangs_up(void **state)
{
	struct daemon *d = *state;
	char byte;

	assert_ptr_equal(lifecycle_lease_ref(d->lease), d->lease);
	assert_null(lifecycle_lease_unref(d->lease));
	assert_int_equal(recv(d->fd, &byte, 1, MSG_DONTWAIT), -1);
	d->lease = lifecycle_lease_unref(d->lease);
	assert_int_equal(recv(d->fd, &byte, 1, MSG_DONTWAIT), 0);
	assert_null(lifecycle_lease_ref(NULL));
}

#define WITH_DAEMON(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DAEMON(is_held_then_asked_then_over),
		WITH_DAEMON(a_hang_up_alone_is_a_daemon_that_went_away),
		WITH_DAEMON(a_release_waits_until_it_is_stored_and_passes_over_an_ask_that_crossed_it),
		WITH_DAEMON(what_was_over_before_is_said_as_it_was),
		WITH_DAEMON(a_newer_daemon_is_understood_as_far_as_it_goes),
		WITH_DAEMON(the_last_reference_hangs_up),
	};

	return cmocka_run_group_tests_name("libclient lease", tests, NULL, NULL);
}
