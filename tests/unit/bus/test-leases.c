/* SPDX-License-Identifier: Apache-2.0 */

/* Destroy leases on the bus: what is posted of a holder's words, what he is told, and whose end is whose. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/bus/world.h"

#define VM_A  BUS_PATH "/vm/a"
#define LIFE  70
#define LEASE 71

struct held {
	char token[40];
	uint8_t bytes[16];
	uint64_t holder;
	int fd;
};

static int take_fd_of(sd_bus_message *m, int fd)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	assert_true(own >= 0);
	(void)sd_bus_message_unref(m);
	return own;
}

static void ask_take(struct world *w, struct pending *p)
{
	ask(&w->root, p, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "maps it", (uint64_t)300, (uint64_t)0, 0);
}

/* As the engine would answer. */
static void grant(struct world *w, size_t posted)
{
	struct answer a = { .token = w->engine.posted[posted].token, .seq = LEASE, .life = LIFE };

	bus_answer_ops.answer(w->bus, (struct committed) { LEASE }, &a);
}

static struct held take(struct world *w)
{
	size_t posted = w->engine.posted_count;
	struct held h = { .fd = -1 };
	struct pending p;
	const char *token;
	uint64_t life, seq;
	int fd;

	ask_take(w, &p);
	wait_posted(w, posted + 1);
	grant(w, posted);
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "shtt", &token, &fd, &life, &seq) > 0);
	assert_int_equal(life, LIFE);
	assert_int_equal(seq, LEASE);
	strcpy(h.token, token);
	memcpy(h.bytes, w->engine.posted[posted].lease.token, 16);
	h.holder = w->engine.posted[posted].lease.holder;
	h.fd = take_fd_of(p.reply, fd);
	return h;
}

static struct held claim(struct world *w, const struct held *old)
{
	size_t posted = w->engine.posted_count;
	struct held h = *old;
	struct pending p;
	uint64_t life;
	int fd;

	ask_manager(&w->root, &p, "ReclaimDestroyLease", "sa{sv}", old->token, 0);
	wait_posted(w, posted + 1);
	assert_int_equal(w->engine.posted[posted].verb, REQUEST_RECLAIM_LEASE);
	assert_memory_equal(w->engine.posted[posted].lease.token, old->bytes, 16);
	h.holder = w->engine.posted[posted].lease.holder;
	assert_int_not_equal(h.holder, old->holder);
	grant(w, posted);
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "ht", &fd, &life) > 0);
	assert_int_equal(life, LIFE);
	h.fd = take_fd_of(p.reply, fd);
	return h;
}

static struct lease_word word_of(const struct held *h, enum lease_state state)
{
	struct lease_word word = { .lease = { .number = LEASE, .state = (uint8_t)state, .deadline = 99 }, .life = LIFE, .cause = CAUSE_OOM };

	memcpy(word.lease.token, h->bytes, 16);
	return word;
}

static void tell_ask(struct world *w, const struct held *h)
{
	struct lease_word word = word_of(h, LEASE_ASKED);

	bus_lease_ops.ask(w->bus, (struct committed) { 99 }, &word);
}

static void tell_over(struct world *w, const struct held *h, enum lease_state state)
{
	struct lease_word word = word_of(h, state);

	bus_lease_ops.over(w->bus, (struct committed) { 99 }, &word);
}

static void assert_told(const struct held *h, enum lease_record_kind kind, enum lease_state state)
{
	struct lease_record r;

	assert_int_equal(recv(h->fd, &r, sizeof(r), MSG_DONTWAIT), sizeof(r));
	assert_int_equal(r.kind, kind);
	assert_int_equal(r.state, state);
	assert_int_equal(r.version, LEASE_VERSION);
	assert_int_equal(r.size, sizeof(r));
	assert_int_equal(r.lease, LEASE);
	assert_int_equal(r.life, LIFE);
	assert_int_equal(r.deadline, state == LEASE_ASKED ? 99 : 0);
	assert_int_equal(r.cause, CAUSE_OOM);
}

static void assert_nothing_more(const struct held *h)
{
	char byte;

	assert_int_equal(recv(h->fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void assert_hung_up(const struct held *h)
{
	char byte;

	assert_int_equal(recv(h->fd, &byte, 1, MSG_DONTWAIT), 0);
}

/* The last thing posted: nobody waits for its answer. */
static void assert_lets_go(struct world *w, size_t posted, const struct held *h, bool hung_up)
{
	const struct request *r = &w->engine.posted[posted];

	wait_posted(w, posted + 1);
	assert_int_equal(r->verb, REQUEST_RELEASE_LEASE);
	assert_int_equal(r->token, 0);
	assert_int_equal(r->uid, 0);
	assert_int_equal(r->lease.holder, h->holder);
	assert_int_equal(r->lease.hung_up, hung_up);
	assert_memory_equal(r->lease.token, h->bytes, 16);
}

static void says(const struct held *h, const void *bytes, size_t size)
{
	assert_int_equal(send(h->fd, bytes, size, MSG_NOSIGNAL), size);
}

static const struct lease_record release_record = { .version = LEASE_VERSION, .kind = LEASE_RECORD_RELEASE,
	.size = sizeof(release_record) };

static void who_takes_one_is_known_and_lets_go_by_word(void **state)
{
	struct world *w = *state;
	const struct request *r = &w->engine.posted[0];
	char text[UUID_TEXT_SIZE], comm[16] = "";
	struct held h;

	(void)fake_vm(&w->engine, "a", 1);
	h = take(w);
	assert_int_equal(r->verb, REQUEST_LEASE);
	assert_string_equal(r->name, "a");
	assert_string_equal(r->lease.reason, "maps it");
	assert_int_equal(r->lease.timeout_ms, 300);
	assert_int_equal(r->lease.pid, getpid());
	assert_int_equal(prctl(PR_GET_NAME, comm), 0);
	assert_string_equal(r->lease.comm, comm);
	bus_uuid_text(r->lease.token, text);
	assert_string_equal(text, h.token);
	assert_nothing_more(&h);
	tell_ask(w, &h);
	assert_told(&h, LEASE_RECORD_ASK, LEASE_ASKED);
	says(&h, &release_record, sizeof(release_record));
	assert_lets_go(w, 1, &h, false);
	assert_nothing_more(&h);
	tell_over(w, &h, LEASE_RELEASED);
	assert_told(&h, LEASE_RECORD_OVER, LEASE_RELEASED);
	assert_hung_up(&h);
	close(h.fd);
}

static void who_hangs_up_or_says_nonsense_lets_go(void **state)
{
	struct world *w = *state;
	struct lease_record other = release_record;
	struct held h;

	(void)fake_vm(&w->engine, "a", 1);
	h = take(w);
	close(h.fd);
	assert_lets_go(w, 1, &h, true);
	h = take(w);
	says(&h, "hello", 5);
	assert_lets_go(w, 3, &h, true);
	assert_hung_up(&h);
	close(h.fd);
	h = take(w);
	other.version++;
	says(&h, &other, sizeof(other));
	assert_lets_go(w, 5, &h, true);
	close(h.fd);
}

static void turn(struct world *w)
{
	sd_bus_message *m = call_manager(&w->root, "List", NULL);

	assert_fine(m);
	(void)sd_bus_message_unref(m);
}

static void who_lets_go_is_heard_once_and_in_the_end(void **state)
{
	struct world *w = *state;
	struct held h;

	(void)fake_vm(&w->engine, "a", 1);
	h = take(w);
	w->engine.post_error = -ENOMEM;
	says(&h, &release_record, sizeof(release_record));
	turn(w);
	assert_int_equal(w->engine.posted_count, 1);
	w->engine.post_error = 0;
	assert_lets_go(w, 1, &h, false);
	for (int i = 0; i < 3; i++)
		says(&h, &release_record, sizeof(release_record));
	for (int i = 0; i < 4; i++)
		turn(w);
	assert_int_equal(w->engine.posted_count, 2);
	close(h.fd);
	assert_lets_go(w, 2, &h, true);
}

/* A release that comes with the deadline: its holder hears that it was revoked, and of no daemon that went away. */
static void what_was_not_read_does_not_hide_the_last_record(void **state)
{
	struct world *w = *state;
	struct held h;

	(void)fake_vm(&w->engine, "a", 1);
	h = take(w);
	says(&h, &release_record, sizeof(release_record));
	tell_over(w, &h, LEASE_REVOKED);
	assert_told(&h, LEASE_RECORD_OVER, LEASE_REVOKED);
	assert_hung_up(&h);
	close(h.fd);
}

static void a_token_is_no_other(void **state)
{
	struct world *w = *state;
	struct held a, b;

	(void)fake_vm(&w->engine, "a", 1);
	a = take(w);
	b = take(w);
	assert_memory_not_equal(a.bytes, b.bytes, 16);
	tell_ask(w, &b);
	assert_nothing_more(&a);
	assert_told(&b, LEASE_RECORD_ASK, LEASE_ASKED);
	tell_over(w, &a, LEASE_REVOKED);
	assert_told(&a, LEASE_RECORD_OVER, LEASE_REVOKED);
	assert_hung_up(&a);
	assert_nothing_more(&b);
	close(a.fd);
	close(b.fd);
}

static void who_claims_it_has_it_and_the_end_before_it_is_closed(void **state)
{
	struct world *w = *state;
	struct held old, new;
	size_t posted;

	(void)fake_vm(&w->engine, "a", 1);
	old = take(w);
	new = claim(w, &old);
	assert_hung_up(&old);
	posted = w->engine.posted_count;
	close(old.fd);
	tell_ask(w, &new);
	assert_told(&new, LEASE_RECORD_ASK, LEASE_ASKED);
	assert_nothing_more(&new);
	close(new.fd);
	assert_lets_go(w, posted, &new, true);
}

static void what_happens_before_the_answer_waits_on_its_end(void **state)
{
	struct world *w = *state;
	struct held old, new = { .fd = -1 };
	struct pending p;
	uint64_t life;
	int fd;

	(void)fake_vm(&w->engine, "a", 1);
	old = take(w);
	ask_manager(&w->root, &p, "ReclaimDestroyLease", "sa{sv}", old.token, 0);
	wait_posted(w, 2);
	tell_ask(w, &old);
	tell_over(w, &old, LEASE_REVOKED); /* both ends, the old and the one that is about to be */
	assert_told(&old, LEASE_RECORD_ASK, LEASE_ASKED);
	assert_told(&old, LEASE_RECORD_OVER, LEASE_REVOKED);
	grant(w, 1);
	world_until(w, &p.done);
	assert_true(sd_bus_message_read(p.reply, "ht", &fd, &life) > 0);
	new.fd = take_fd_of(p.reply, fd);
	assert_told(&new, LEASE_RECORD_ASK, LEASE_ASKED);
	assert_told(&new, LEASE_RECORD_OVER, LEASE_REVOKED);
	assert_hung_up(&new);
	close(old.fd);
	close(new.fd);
}

static void one_that_is_refused_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)fake_vm(&w->engine, "a", 1);
	ask_take(w, &p);
	wait_posted(w, 1);
	answer(w, 0, REFUSED_LIMIT, 0, "16 are enough");
	world_until(w, &p.done);
	assert_error(p.reply, BUS_NAME ".Error.LimitReached", "16 are enough");
	assert_int_equal(w->bus->lease_end_count, 0);
	assert_int_equal(w->engine.posted_count, 1);
}

/* The lease is taken, and nobody will ever have it: so it is let go. */
static void a_reply_that_reaches_nobody_is_a_hang_up(void **state)
{
	struct world *w = *state;
	struct held h = { .fd = -1 };
	struct pending p;

	(void)fake_vm(&w->engine, "a", 1);
	ask_take(w, &p);
	wait_posted(w, 1);
	memcpy(h.bytes, w->engine.posted[0].lease.token, 16);
	h.holder = w->engine.posted[0].lease.holder;
	bus_detach(w->bus);
	grant(w, 0);
	assert_lets_go(w, 1, &h, true);
	assert_int_equal(w->bus->lease_end_count, 0);
}

static void they_outlive_the_bus_and_not_the_daemon(void **state)
{
	struct world *w = *state;
	struct held h;

	(void)fake_vm(&w->engine, "a", 1);
	h = take(w);
	bus_detach(w->bus);
	tell_ask(w, &h);
	assert_told(&h, LEASE_RECORD_ASK, LEASE_ASKED);
	bus_leases_drop(w->bus); /* as a daemon that leaves does: its log has the lease */
	assert_hung_up(&h);
	assert_int_equal(w->engine.posted_count, 1);
	close(h.fd);
}

static void what_is_no_lease_is_refused(void **state)
{
	struct world *w = *state;
	char longer[LEASE_REASON_MAX + 2];

	(void)fake_vm(&w->engine, "a", 1);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", longer, (uint64_t)0, (uint64_t)0, 0),
		BUS_NAME ".Error.InvalidArgument", "64 bytes, 63 are allowed");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "a\nb", (uint64_t)0, (uint64_t)0, 0),
		BUS_NAME ".Error.InvalidArgument", "control character");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "", (uint64_t)60001, (uint64_t)0, 0),
		BUS_NAME ".Error.InvalidArgument", "60000");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "", UINT64_MAX, (uint64_t)0, 0),
		BUS_NAME ".Error.InvalidArgument", "60000");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "", (uint64_t)0, (uint64_t)0, 1, "x", "b", 1),
		BUS_NAME ".Error.InvalidArgument", "unknown option");
	for (const char *const *t = (const char *const[]) { "", "x", "00000000-0000-0000-0000-00000000000",
			"00000000-0000-0000-0000-0000000000001", "00000000000000000000000000000000", NULL }; *t; t++) {
		assert_error(call_manager(&w->root, "ReclaimDestroyLease", "sa{sv}", *t, 0), BUS_NAME ".Error.InvalidArgument", "token");
		assert_error(call_manager(&w->root, "ReleaseDestroyLease", "sa{sv}", *t, 0), BUS_NAME ".Error.InvalidArgument", "token");
	}
	assert_error(call_manager(&w->root, "ListLeases", "s", "b"), BUS_NAME ".Error.NoSuchVM", "'b'");
	world_connect(w, &w->nobody, NOBODY);
	assert_error(call(&w->nobody, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "", (uint64_t)0, (uint64_t)0, 0),
		BUS_NAME ".Error.AccessDenied", "65534");
	assert_int_equal(w->engine.posted_count, 0);
	assert_int_equal(w->bus->lease_end_count, 0);
}

static void one_is_released_by_its_token_alone(void **state)
{
	struct world *w = *state;
	struct pending p;
	uint64_t seq;
	struct held h;

	(void)fake_vm(&w->engine, "a", 1);
	h = take(w);
	ask_manager(&w->root, &p, "ReleaseDestroyLease", "sa{sv}", h.token, 0);
	wait_posted(w, 2);
	assert_int_equal(w->engine.posted[1].verb, REQUEST_RELEASE_LEASE);
	assert_memory_equal(w->engine.posted[1].lease.token, h.bytes, 16);
	assert_int_equal(w->engine.posted[1].lease.holder, 0);
	assert_false(w->engine.posted[1].lease.hung_up);
	tell_over(w, &h, LEASE_RELEASED);
	answer(w, 1, REFUSED_NOT, 90, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "t", &seq) > 0);
	assert_int_equal(seq, 90);
	(void)sd_bus_message_unref(p.reply);
	assert_told(&h, LEASE_RECORD_OVER, LEASE_RELEASED);
	assert_hung_up(&h);
	close(h.fd);
}

static void assert_row(sd_bus_message *m, const char *vm, const char *word, bool unclaimed)
{
	const char *name, *state, *comm, *reason;
	uint64_t number, life, since, until;
	uint32_t uid, pid, timeout;

	assert_true(sd_bus_message_enter_container(m, 'r', "ttssuussttua{sv}") > 0);
	assert_true(sd_bus_message_read(m, "ttssuussttu", &number, &life, &name, &state, &uid, &pid, &comm, &reason, &since, &until,
			    &timeout) > 0);
	assert_int_equal(number, LEASE);
	assert_int_equal(life, LIFE);
	assert_string_equal(name, vm);
	assert_string_equal(state, word);
	assert_int_equal(uid, 1000);
	assert_int_equal(pid, 4711);
	assert_string_equal(comm, "agent");
	assert_string_equal(reason, "maps it");
	assert_int_equal(since, 5);
	assert_int_equal(until, 6);
	assert_int_equal(timeout, 300);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	assert_int_equal(sd_bus_message_skip(m, "{sv}") > 0, unclaimed);
	assert_true(sd_bus_message_exit_container(m) > 0);
	assert_true(sd_bus_message_exit_container(m) > 0);
}

static void holds(struct vm_row *row, enum lease_state state, bool claimed)
{
	row->life = LIFE;
	row->lease[row->lease_count++] = (struct lease_row) { .number = LEASE, .since = 5000, .until = 6000, .state = (uint8_t)state,
		.claimed = claimed, .uid = 1000, .pid = 4711, .timeout_ms = 300, .comm = "agent", .reason = "maps it" };
}

static void who_holds_what_is_read_of_one_and_of_all(void **state)
{
	struct world *w = *state;
	sd_bus_message *m;

	holds(fake_vm(&w->engine, "a", 1), LEASE_HELD, true);
	holds(fake_vm(&w->engine, "b", 2), LEASE_ASKED, false);
	m = call_manager(&w->root, "ListLeases", "s", "");
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', LEASE_ROW_TYPE) > 0);
	assert_row(m, "a", "held", false);
	assert_row(m, "b", "asked", true);
	assert_true(sd_bus_message_at_end(m, false) > 0);
	(void)sd_bus_message_unref(m);
	m = call_manager(&w->root, "ListLeases", "s", "b");
	assert_true(sd_bus_message_enter_container(m, 'a', LEASE_ROW_TYPE) > 0);
	assert_row(m, "b", "asked", true);
	assert_true(sd_bus_message_at_end(m, false) > 0);
	(void)sd_bus_message_unref(m);
	m = call(&w->root, VM_A, "org.freedesktop.DBus.Properties", "Get", "ss", VM_INTERFACE, "Leases");
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'v', "a" LEASE_ROW_TYPE) > 0);
	assert_true(sd_bus_message_enter_container(m, 'a', LEASE_ROW_TYPE) > 0);
	assert_row(m, "a", "held", false);
	assert_true(sd_bus_message_at_end(m, false) > 0);
	(void)sd_bus_message_unref(m);
}

#define ON_A_BUS(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_BUS(who_takes_one_is_known_and_lets_go_by_word),
		ON_A_BUS(who_hangs_up_or_says_nonsense_lets_go),
		ON_A_BUS(who_lets_go_is_heard_once_and_in_the_end),
		ON_A_BUS(what_was_not_read_does_not_hide_the_last_record),
		ON_A_BUS(a_token_is_no_other),
		ON_A_BUS(who_claims_it_has_it_and_the_end_before_it_is_closed),
		ON_A_BUS(what_happens_before_the_answer_waits_on_its_end),
		ON_A_BUS(one_that_is_refused_leaves_nothing),
		ON_A_BUS(a_reply_that_reaches_nobody_is_a_hang_up),
		ON_A_BUS(they_outlive_the_bus_and_not_the_daemon),
		ON_A_BUS(what_is_no_lease_is_refused),
		ON_A_BUS(one_is_released_by_its_token_alone),
		ON_A_BUS(who_holds_what_is_read_of_one_and_of_all),
	};

	return cmocka_run_group_tests_name("bus leases", tests, NULL, NULL);
}
