/* SPDX-License-Identifier: Apache-2.0 */

/* The library, by its public header, against a fake daemon on a private bus. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "world.h"

static void lists_by_name(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list;
	const struct lifecycle_vm *vm;

	assert_int_equal(lifecycle_list(w->l, &list), 0);
	assert_int_equal(lifecycle_vm_list_count(list), 6);
	assert_string_equal(lifecycle_vm_list_at(list, 0)->name, "broken");
	assert_null(lifecycle_vm_list_at(list, 6));
	vm = lifecycle_vm_list_find(list, "stuck");
	assert_non_null(vm);
	assert_int_equal(vm->size, sizeof(*vm));
	assert_int_equal(vm->life, 17);
	assert_int_equal(vm->endpoint, 2);
	assert_int_equal(vm->state, LIFECYCLE_STATE_ABORTING);
	assert_int_equal(vm->substate, LIFECYCLE_SUB_RETIRING);
	assert_int_equal(vm->cause, LIFECYCLE_CAUSE_USER_ABORT);
	assert_int_equal(vm->operation, LIFECYCLE_OP_ABORT);
	assert_int_equal(vm->waits_on, LIFECYCLE_WAIT_SP);
	assert_int_equal(vm->since, 1000000000);
	assert_true(vm->secure_stuck);
	assert_false(vm->unreachable);
	assert_int_equal(vm->stuck_at.count, 2);
	assert_int_equal(vm->stuck_at.id[1], 0x8003);
	assert_int_equal(lifecycle_vm_list_find(list, "web")->stuck_at.count, 0);
	assert_null(lifecycle_vm_list_find(list, "nobody"));
	lifecycle_vm_list_unref(list);
}

static void tells_everything_about_one(void **state)
{
	struct world *w = *state;
	const struct lifecycle_vm_details *d;
	struct lifecycle_vm_info *info;

	assert_int_equal(lifecycle_vm_info(w->l, "stuck", &info), 0);
	d = lifecycle_vm_info_details(info);
	assert_string_equal(d->vm->name, "stuck");
	assert_int_equal(d->waits.on, LIFECYCLE_WAIT_SP);
	assert_int_equal(d->waits.sp, 0x8001);
	assert_int_equal(d->waits.tries, 12);
	assert_int_equal(d->waits.until, 0);
	assert_int_equal(d->peer_count, 2);
	assert_int_equal(d->peer[0]->debt, LIFECYCLE_DEBT_DESTROYING);
	assert_true(d->peer[0]->stuck);
	assert_int_equal(d->peer[1]->how, LIFECYCLE_HOW_UNTOLD);
	assert_int_equal(d->vcpu_states, 0);
	assert_int_equal(d->device_count, 0);
	assert_int_equal(d->vm->stuck_at.count, 2);
	assert_int_equal(d->old_peer_count, 1);
	assert_int_equal(d->old_peer[0]->life, 9);
	assert_int_equal(d->old_peer[0]->sp, 0x8002);
	assert_int_equal(d->old_peer[0]->since, 1000000000);
	lifecycle_vm_info_unref(info);
	assert_int_equal(lifecycle_vm_info(w->l, "web", &info), 0);
	d = lifecycle_vm_info_details(info);
	assert_int_equal(d->vcpu_states, 3);
	assert_int_equal(d->device_count, 2);
	assert_string_equal(d->device[0]->condition, "-");
	assert_string_equal(d->device[1]->state, "stop");
	assert_string_equal(d->device[1]->text, "abort: reset in stop: Input/output error");
	assert_int_equal(d->old_peer_count, 0);
	assert_int_equal(d->vcpu[2], LIFECYCLE_VCPU_WAITING);
	assert_int_equal(d->vcpu_since[1], 2000000000);
	assert_int_equal(d->vcpu_since[2], 0); /* not told */
	assert_int_equal(d->call_count, 2);
	assert_int_equal(d->call[0]->callee, 0x8001);
	assert_int_equal(d->call[1]->vcpu, 2);
	assert_int_equal(d->call[1]->callee, 7);
	assert_string_equal(d->call[1]->name, "slow");
	assert_int_equal(d->call[1]->since, 2000000000);
	assert_int_equal(d->memory_bytes, 512u << 20);
	assert_int_equal(d->vmm_pid, 4711);
	assert_int_equal(d->vm->vmm_pid, 4711);
	assert_string_equal(d->sandbox_lacks, "landlock");
	assert_int_equal(d->can, 1u << LIFECYCLE_STOP | 1u << LIFECYCLE_CANCEL); /* and what it does not know */
	assert_int_equal(d->end_cause, LIFECYCLE_CAUSE_GUEST_REBOOT);
	assert_int_equal(d->end_life, 41);
	lifecycle_vm_info_unref(info);
}

static void tells_debts_and_frames(void **state)
{
	struct world *w = *state;
	struct lifecycle_frame_list *frames;
	struct lifecycle_peer_list *peers;
	const struct lifecycle_frame *f;
	const struct lifecycle_peer *p;

	assert_int_equal(lifecycle_peers(w->l, "stuck", &peers), 0);
	assert_int_equal(lifecycle_peer_list_count(peers), 2);
	assert_int_equal(lifecycle_peer_list_left_out(peers), 0);
	p = lifecycle_peer_list_at(peers, 0);
	assert_int_equal(p->life, 17);
	assert_int_equal(p->debt, LIFECYCLE_DEBT_DESTROYING);
	assert_string_equal(p->reply, "retry");
	assert_string_equal(p->place, "probe");
	assert_int_equal(p->sent, 15);
	assert_true(p->stuck);
	assert_false(p->old);
	p = lifecycle_peer_list_at(peers, 1);
	assert_true(p->old);
	assert_string_equal(p->place, "-");
	assert_null(lifecycle_peer_list_at(peers, 2));
	lifecycle_peer_list_unref(peers);
	assert_int_equal(lifecycle_peers(w->l, "nobody", &peers), -ENOENT);
	assert_int_equal(lifecycle_trace(w->l, 0x8001, 0, &frames), 0);
	assert_int_equal(lifecycle_frame_list_count(frames), 3);
	f = lifecycle_frame_list_at(frames, 1);
	assert_string_equal(f->function, "FFA_MSG_SEND_DIRECT_RESP");
	assert_string_equal(f->message, "VM_CREATED");
	assert_string_equal(f->status, "RETRY");
	assert_int_equal(f->took, 300000);
	assert_int_equal(f->x[2], 0x80000005);
	assert_string_equal(lifecycle_frame_list_at(frames, 2)->status, "");
	lifecycle_frame_list_unref(frames);
	assert_int_equal(lifecycle_trace(w->l, 0x8002, 0, &frames), -EINVAL);
}

static void assert_histogram(const struct lifecycle_histogram *h, size_t count, uint64_t last)
{
	assert_int_equal(h->count, count);
	if (count)
		assert_int_equal(h->bucket[count - 1], last);
}

static void tells_all_that_is_counted_of_a_partition(void **state)
{
	struct world *w = *state;
	struct lifecycle_partition_list *list;
	const struct lifecycle_partition *p;

	assert_int_equal(lifecycle_partitions(w->l, &list), 0);
	p = lifecycle_partition_list_at(list, 0);
	assert_int_equal(p->version, 0x10003);
	assert_int_equal(p->uuid_count, 2);
	assert_string_equal(p->uuids[0], p->uuid);
	assert_string_equal(p->uuids[1], "11111111-1111-2222-3333-444444444444");
	assert_true(p->in_flight);
	assert_int_equal(p->stuck_since, 1000000000);
	assert_in_range((p->rests_until - p->next_probe) / 1000000000, 3598, 3602); /* an hour, of two looks at the clock */
	assert_int_equal(p->queues.line, 2);
	assert_int_equal(p->queues.ready, 1);
	assert_int_equal(p->queues.back_off, 3);
	assert_int_equal(p->queues.probe, 4);
	assert_int_equal(p->frames.submitted, 9);
	assert_int_equal(p->frames.completed, 7);
	assert_int_equal(p->frames.lost, 1);
	assert_int_equal(p->verdicts.count, 2);
	assert_string_equal(p->verdicts.at[1].word, "retry");
	assert_int_equal(p->verdicts.at[1].times, 9);
	assert_int_equal(p->settled.count, 1);
	assert_string_equal(p->settled.at[0].word, "sp-instance-gone");
	assert_histogram(&p->created_retries, 3, 40);
	assert_histogram(&p->created_latency, 0, 0);
	assert_histogram(&p->destroyed_latency, 0, 0); /* this daemon has no such property */
	assert_histogram(&p->frame_latency, 12, 1);
	assert_int_equal(lifecycle_partition_list_at(list, 1)->verdicts.count, 0);
	lifecycle_partition_list_unref(list);
}

static void tells_partitions_and_the_daemon(void **state)
{
	struct world *w = *state;
	struct lifecycle_partition_list *list;
	const struct lifecycle_daemon *d;

	assert_int_equal(lifecycle_partitions(w->l, &list), 0);
	assert_int_equal(lifecycle_partition_list_count(list), 2);
	assert_true(lifecycle_partition_list_at(list, 0)->secure);
	assert_string_equal(lifecycle_partition_list_at(list, 0)->profile, "trusty");
	assert_int_equal(lifecycle_partition_list_at(list, 0)->contexts, 8);
	assert_int_equal(lifecycle_partition_list_at(list, 0)->sent, 5);
	assert_false(lifecycle_partition_list_at(list, 1)->secure);
	assert_string_equal(lifecycle_partition_list_at(list, 1)->name, "web");
	lifecycle_partition_list_unref(list);
	assert_int_equal(lifecycle_daemon_info(w->l, &d), 0);
	assert_int_equal(d->incarnation, 99);
	assert_string_equal(d->secure_side, "up");
	assert_false(d->disk_stuck);
	assert_true(d->shutting_down);
	assert_int_equal(d->vm_count, 6);
	assert_int_equal(lifecycle_daemon_info(w->l, &d), 0); /* again: the first is let go */
}

static void errors_are_typed(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_info *info = NULL;
	uint64_t seq = 7;

	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "nobody", 0, &seq), -ENOENT);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_NO_SUCH_VM);
	assert_string_equal(lifecycle_last_error(w->l)->text, "no VM is called 'nobody'; List shows all");
	assert_int_equal(seq, 7);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_ABORT, "web", 41, NULL), -ESTALE);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_ABORT, "refuse-OrderCycle", 0, NULL), -ELOOP);
	assert_int_equal(lifecycle_vm_info(w->l, "nobody", &info), -ENOENT);
	assert_null(info);
	assert_int_equal(lifecycle_define(w->l, "]", "x.json", NULL, NULL), -EBADMSG);
	assert_string_equal(lifecycle_last_error(w->l)->text, "x.json:1:1: expected '{'");
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "\xFF", 0, NULL), -EINVAL);
	assert_int_equal(lifecycle_act(w->l, (enum lifecycle_verb)9, "web", 0, NULL), -EINVAL);
}

static void defines(void **state)
{
	struct world *w = *state;
	char *name = NULL;
	uint64_t seq = 0;

	assert_int_equal(lifecycle_define(w->l, "{}", NULL, &name, &seq), 0);
	assert_string_equal(name, "new");
	assert_true(seq > 100);
	free(name);
}

static int next(struct lifecycle_stream *s, struct lifecycle_event *e)
{
	*e = (struct lifecycle_event)LIFECYCLE_EVENT_INIT;
	assert_int_equal(lifecycle_stream_wait(s, LIFECYCLE_FOREVER), 0);
	return lifecycle_stream_next(s, e);
}

static void follows_what_it_did(void **state)
{
	struct world *w = *state;
	struct lifecycle_stream *s, *later;
	struct lifecycle_event e;
	uint64_t seq, before = 0;
	char *epoch;

	assert_int_equal(lifecycle_subscribe(w->l, "db", NULL, 0, &s), 0);
	assert_int_equal(lifecycle_vm_list_count(lifecycle_stream_snapshot(s)), 1);
	assert_false(lifecycle_stream_replayed(s));
	assert_int_equal(lifecycle_stream_replayed_to(s), lifecycle_stream_seq(s));
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "db", 0, &seq), 0);
	assert_true(seq > lifecycle_stream_seq(s));
	do {
		assert_int_equal(next(s, &e), 0);
		assert_true(e.seq > before);
		assert_string_equal(e.name, "db");
		before = e.seq;
	} while (e.kind != LIFECYCLE_EVENT_STATE || e.new_state != LIFECYCLE_STATE_RUNNING);
	epoch = strdup(lifecycle_stream_epoch(s));
	lifecycle_stream_unref(s);
	assert_int_equal(lifecycle_subscribe(w->l, NULL, epoch, seq, &later), 0);
	assert_true(lifecycle_stream_replayed(later));
	assert_int_equal(lifecycle_stream_replayed_to(later), before + 1); /* the operation's end */
	assert_int_equal(next(later, &e), 0);
	assert_int_equal(e.seq, seq + 1);
	lifecycle_stream_unref(later);
	free(epoch);
}

static void hang_up_of_the_stream_is_told(void **state)
{
	struct world *w = *state;
	struct lifecycle_stream *s;
	struct lifecycle_event e;

	assert_int_equal(lifecycle_subscribe(w->l, NULL, NULL, 0, &s), 0);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "hangup", 0, NULL), 0);
	assert_int_equal(next(s, &e), -ENODATA);
	lifecycle_stream_unref(s);
}

static void reads_a_console(void **state)
{
	struct world *w = *state;
	struct lifecycle_console *c = NULL;
	char text[4096];
	ssize_t n;

	assert_int_equal(lifecycle_console_open(w->l, "web", &c), 0);
	n = lifecycle_console_read(c, text, sizeof(text), NULL);
	assert_true(n > 7);
	assert_memory_equal(text, "booting", 7);
	lifecycle_console_unref(c);
	assert_int_equal(lifecycle_console_open(w->l, "db", &c), -ENXIO);
}

static void silence_is_no_answer(void **state)
{
	struct world *w = *state;

	lifecycle_set_timeout(w->l, 50);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "silent", 0, NULL), -ETIMEDOUT);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_NO_ANSWER);
}

static void a_person_is_asked_if_the_client_says_so(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "password", 0, NULL), -EACCES);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_ACCESS);
	lifecycle_set_interactive(w->l, true);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "password", 0, NULL), -ENOENT);
	lifecycle_set_interactive(w->l, false);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "password", 0, NULL), -EACCES);
}

static void sets_and_reads_the_log_level(void **state)
{
	struct world *w = *state;
	int level = -1;

	assert_int_equal(lifecycle_log_level(w->l, &level), 0);
	assert_int_equal(level, LOG_INFO);
	assert_int_equal(lifecycle_set_log_level(w->l, LOG_DEBUG), 0);
	assert_int_equal(lifecycle_log_level(w->l, &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(lifecycle_set_log_level(w->l, LOG_EMERG), -EACCES);
	assert_int_equal(lifecycle_set_log_level(w->l, LOG_DEBUG + 1), -EINVAL);
	assert_int_equal(lifecycle_set_log_level(w->l, LOG_CRIT), 0);
	assert_int_equal(lifecycle_log_level(w->l, &level), -EBADMSG); /* a word of a later version */
	for (int i = LOG_EMERG; i <= LOG_DEBUG; i++)
		assert_int_equal(lifecycle_log_level_from_name(lifecycle_log_level_name(i)), i);
	assert_int_equal(lifecycle_log_level_from_name("loud"), -EINVAL);
	assert_string_equal(lifecycle_log_level_name(-1), "unknown");
}

static void absence_of_daemon_and_bus_is_told(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list = NULL;
	struct lifecycle *l = NULL;
	struct pollfd p;

	assert_int_equal(kill(w->f.daemon, SIGKILL), 0);
	assert_int_equal(waitpid(w->f.daemon, NULL, 0), w->f.daemon);
	w->f.daemon = -1;
	do /* the bus notices by itself, and says so */
		assert_true(lifecycle_list(w->l, &list) < 0);
	while (lifecycle_last_error(w->l)->refusal != LIFECYCLE_UNREACHABLE);
	assert_int_equal(lifecycle_list(w->l, &list), -ENOTCONN);
	assert_ptr_equal(strstr(lifecycle_last_error(w->l)->text, "lifecycled is not there: "), lifecycle_last_error(w->l)->text);
	assert_int_equal(kill(w->f.bus, SIGKILL), 0);
	assert_int_equal(waitpid(w->f.bus, NULL, 0), w->f.bus);
	w->f.bus = -1;
	p = (struct pollfd){ .fd = lifecycle_get_fd(w->l), .events = (short)lifecycle_get_events(w->l) };
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(lifecycle_dispatch(w->l), -ENOTCONN);
	assert_int_equal(lifecycle_list(w->l, &list), -ENOTCONN);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_UNREACHABLE);
	assert_int_equal(lifecycle_new(w->f.address, &l), -ENOTCONN);
	assert_int_equal(lifecycle_new("unix:path=/nonexistent", &l), -ENOTCONN);
	assert_null(l);
	assert_null(list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_by_name),
		TEST(tells_everything_about_one),
		TEST(tells_debts_and_frames),
		TEST(tells_all_that_is_counted_of_a_partition),
		TEST(tells_partitions_and_the_daemon),
		TEST(errors_are_typed),
		TEST(defines),
		TEST(follows_what_it_did),
		TEST(hang_up_of_the_stream_is_told),
		TEST(reads_a_console),
		TEST(silence_is_no_answer),
		TEST(a_person_is_asked_if_the_client_says_so),
		TEST(sets_and_reads_the_log_level),
		TEST(absence_of_daemon_and_bus_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
