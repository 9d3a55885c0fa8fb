/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of an SP, and what is shown of a debt while it is driven home. */
#include "story.h"

#include <stdlib.h>

#include "engine/rows.h"

static const struct sp_counts *counts(struct story *s, uint16_t sp)
{
	return &model_sp(&s->m, sp)->counts;
}

static struct debt *debt(struct story *s, uint16_t sp)
{
	return &current(s, "web")->debt[model_sp(&s->m, sp)->index];
}

/* Valid until the next one. */
static struct vm_row row_of(struct story *s, const char *name)
{
	static struct debt_row debt[MODEL_SP_MAX];
	struct vm_row v = { .debt = debt, .debt_room = MODEL_SP_MAX };

	debts_write(&v, &s->m, model_vm_named(&s->m, name));
	assert_int_equal(v.debts_left_out, 0);
	return v;
}

static struct vm_row row(struct story *s)
{
	return row_of(s, "web");
}

/* Of the first SP, as readers see it. */
static uint64_t stuck_since(struct story *s)
{
	struct rows *rows = rows_new();
	uint64_t since;

	rows_refresh(rows, &s->m, s->m.seq);
	since = rows_sp_at(rows, 0)->stuck_since;
	rows_free(rows);
	return since;
}

/* Also of a debt that was not sent itself, but has to wait for the SP to rest. */
static void a_debt_of_an_sp_that_rests_says_when_it_is_sent(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, TRUSTY, VERDICT_BUSY, CALL_NONE);
	assert_int_equal(debt(s, TRUSTY)->queue, QUEUE_READY);
	assert_in_range(row(s).debt[0].next, s->now + 160000, s->now + 240000);
	assert_int_equal(row(s).debt[0].next, model_sp(&s->m, TRUSTY)->rest.node.at);
	tick_after(s, 240000);
	assert_int_equal(row(s).debt[0].place, PLACE_SENT);
	assert_int_equal(row(s).debt[0].next, 0);
}

static void buckets_are_powers_of_two(void **state)
{
	struct histogram h = { 0 };

	for (uint64_t value = 0; value < 9; value++)
		histogram_add(&h, value);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.bucket[0], 1); /* 0 */
	assert_int_equal(h.bucket[1], 1); /* 1 */
	assert_int_equal(h.bucket[2], 2); /* 2, 3 */
	assert_int_equal(h.bucket[3], 4); /* 4..7 */
	assert_int_equal(h.bucket[4], 1); /* 8 */
	assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 1);
}

/* RETRY, then 0 after 3 ms: two messages, one retry, one latency from 2048 to 4095 us. */
static void a_step_is_counted_when_it_ends(void **state)
{
	struct story *s = *state;
	const struct step_counts *c;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	c = &counts(s, TRUSTY)->created;
	answer(s, TRUSTY, VERDICT_RETRY, CALL_CREATED);
	assert_int_equal(debt(s, TRUSTY)->reply, 1 + VERDICT_RETRY);
	assert_int_equal(counts(s, TRUSTY)->queued[QUEUE_BACKOFF], 1);
	tick_after(s, 3 * MS);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	assert_int_equal(counts(s, TRUSTY)->queued[QUEUE_BACKOFF], 0);
	assert_int_equal(c->retries.bucket[1], 0);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(c->retries.bucket[1], 1);
	assert_int_equal(c->latency.bucket[12], 1);
	assert_int_equal(counts(s, TRUSTY)->sent, 2);
	assert_int_equal(counts(s, TRUSTY)->verdict[VERDICT_RETRY], 1);
	assert_int_equal(counts(s, TRUSTY)->verdict[VERDICT_ACK], 1);
	assert_int_equal(counts(s, OPTEE)->verdict[VERDICT_RETRY], 0);
	assert_int_equal(debt(s, TRUSTY)->sent, 2);
}

static void ways_of_settling_are_counted(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	step(s, (struct input){ .kind = IN_VMM_ENDED, .life = life, .end = { .cause = CAUSE_GUEST_POWEROFF } });
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	answer(s, OPTEE, VERDICT_INVALID, CALL_DESTROYED);
	assert_int_equal(counts(s, TRUSTY)->how[HOW_ANSWERED], 1);
	assert_int_equal(counts(s, OPTEE)->how[HOW_ANSWERED], 0);
	assert_int_equal(counts(s, OPTEE)->how[HOW_SP_UNKNOWN], 1);
	assert_int_equal(counts(s, OPTEE)->destroyed.retries.bucket[0], 1);
	assert_int_equal(debt(s, TRUSTY)->sent, 2); /* VM_CREATED and VM_DESTROYED */
	assert_int_equal(debt(s, TRUSTY)->tries, 1);
}

static void the_row_says_where_each_message_is(void **state)
{
	struct story *s = *state;
	struct vm_row v;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	v = row(s);
	assert_int_equal(v.debt_count, 2);
	assert_int_equal(v.debt[0].place, PLACE_SENT);
	assert_int_equal(v.debt[0].reply, 0);
	assert_int_equal(v.debt[0].until, s->now + 5000 * MS);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_CREATED);
	v = row(s);
	assert_int_equal(v.debt[0].place, PLACE_BACKOFF);
	assert_true(v.debt[0].next > s->now);
	answer(s, OPTEE, VERDICT_PREEMPTED, CALL_NONE);
	v = row(s);
	assert_int_equal(v.debt[1].place, PLACE_SENT); /* FFA_RUN, at once */
	assert_int_equal(v.debt[1].sent, 1);
	answer(s, OPTEE, VERDICT_YIELDED, CALL_NONE);
	v = row(s);
	assert_int_equal(v.debt[1].place, PLACE_OPEN);
	assert_true(v.debt[1].next > s->now);
	assert_int_equal(v.debt[1].reply, 1 + VERDICT_YIELDED);
}

/* BUSY to each repeat, for longer than any call may take. */
static void busy_until_it_is_run(struct story *s)
{
	const struct output *o;

	while (!(o = find_output(s, OUT_SECURE_CALL, TRUSTY)) || !o->call.run) {
		if (model_sp(&s->m, TRUSTY)->out) {
			answer(s, TRUSTY, VERDICT_BUSY, CALL_NONE);
		} else {
			assert_true(model_next_deadline(&s->m) < 60000 * MS);
			s->now = model_next_deadline(&s->m);
			step(s, (struct input){ .kind = IN_TICK });
		}
	}
}

/* After a lost answer BUSY that lasts says that the call is open: it is run for a debt that stands in the queue. */
static void a_call_that_is_run_for_a_queued_debt_is_shown(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, TRUSTY, VERDICT_PREEMPTED, CALL_NONE); /* FFA_RUN, at once */
	life_says(s, IN_SECURE_DOWN, 0);
	meet_secure_side(s, 1, 1);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	assert_int_equal(row(s).debt[0].place, PLACE_SENT);
	busy_until_it_is_run(s);
	assert_int_equal(debt(s, TRUSTY)->queue, QUEUE_READY);
	assert_int_equal(row(s).debt[0].place, PLACE_SENT);
	answer(s, TRUSTY, VERDICT_YIELDED, CALL_NONE);
	assert_int_equal(row(s).debt[0].place, PLACE_OPEN);
	assert_true(row(s).debt[0].next > s->now);
}

/* The second in line for the slot; when the end comes, until when it is tried, and that it is stuck then. */
static void the_row_says_until_when(void **state)
{
	struct story *s = *state;
	struct wait_reason waits;
	uint64_t life;
	struct vm_row v;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	step(s, (struct input){ .kind = IN_VMM_ENDED, .life = life, .end = { .cause = CAUSE_GUEST_POWEROFF } });
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	v = row(s);
	assert_int_equal(v.debt[0].until, s->now + 5000 * MS);
	model_why(&s->m, model_vm_named(&s->m, "web"), &waits);
	assert_int_equal(waits.on, WAIT_SP);
	assert_int_equal(waits.until, s->now + 5000 * MS);
	tick_after(s, 5000 * MS);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	v = row(s);
	assert_true(v.debt[0].stuck);
	assert_int_equal(v.debt[0].until, 0);
	assert_int_equal(v.debt[0].place, PLACE_PROBE);
	model_why(&s->m, model_vm_named(&s->m, "web"), &waits);
	assert_int_equal(waits.until, 0);
}

/* web has the slot, db and mail stand behind it; the ticket says in which order. */
static void who_stands_in_line_has_a_ticket(void **state)
{
	struct story *s = *state;
	uint32_t db, mail;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	start(s, "db");
	assert_int_equal(row_of(s, "db").debt[0].since, s->now);
	start(s, "mail");
	assert_int_equal(row(s).debt[0].ticket, 0);
	db = row_of(s, "db").debt[0].ticket;
	mail = row_of(s, "mail").debt[0].ticket;
	assert_true(db > 0 && db < mail);
	assert_int_equal(row_of(s, "mail").debt[0].place, PLACE_LINE);
	assert_int_equal(row_of(s, "mail").debt[1].ticket, 0); /* OP-TEE has no line */
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(row_of(s, "db").debt[0].ticket, 0);
	assert_int_equal(row_of(s, "mail").debt[0].ticket, mail);
}

static void an_sp_is_stuck_since_its_first_stuck_debt(void **state)
{
	struct story *s = *state;
	uint64_t life, since;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	assert_int_equal(stuck_since(s), 0);
	step(s, (struct input){ .kind = IN_VMM_ENDED, .life = life, .end = { .cause = CAUSE_GUEST_POWEROFF } });
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	assert_int_equal(stuck_since(s), 0);
	tick_after(s, 5000 * MS);
	since = s->now;
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	tick_after(s, 900 * MS);
	assert_int_equal(stuck_since(s), since);
	tick_after(s, 400 * MS);
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	assert_int_equal(stuck_since(s), 0);
}

static uint64_t samples(const struct story *s, enum vm_substate phase)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += s->m.counts.phase[phase].bucket[i];
	return n;
}

static void forget(struct story *s)
{
	model_clear(&s->m);
	step_out_free(&s->o);
	free(s);
}

/* Another boot has another clock, also where that is ahead of what the log says. */
static void a_phase_that_began_before_a_boot_is_not_counted(void **state)
{
	struct story *s = *state, *again;

	meet_secure_side(s, 1, 1);
	(void)run(s, "web");
	again = next_daemon(s, s->now + 3600 * 1000 * MS, false);
	assert_int_equal(current(again, "web")->now.cause, CAUSE_HOST_REBOOT);
	assert_int_equal(samples(again, VM_SUB_RUNNING), 0);
	forget(again);
	again = next_daemon(s, s->now + 3600 * 1000 * MS, true); /* it runs on, and that is what it took */
	end_as(again, current(again, "web")->number, CAUSE_GUEST_POWEROFF);
	assert_int_equal(samples(again, VM_SUB_RUNNING), 1);
	assert_int_equal(again->m.counts.phase[VM_SUB_RUNNING].sum, 3600 * 1000 * 1000ull);
	forget(again);
}

/* Of a phase that goes on it is stored when it began by the new clock: the daemon after that has the same boot. */
static void a_phase_that_goes_on_after_a_boot_counts_from_there(void **state)
{
	struct story *s = *state, *booted, *again;
	struct change *stored = NULL;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	end_as(s, life, CAUSE_GUEST_POWEROFF);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_RETIRING);
	booted = next_daemon(s, s->now + 3600 * 1000 * MS, false);
	for (size_t i = 0; i < booted->o.changes; i++)
		if (booted->o.change[i].kind == CHANGE_STATE)
			stored = &booted->o.change[i];
	assert_non_null(stored);
	assert_int_equal(stored->state.since, booted->now);
	assert_int_equal(stored->state.deadline, booted->now + 5000 * MS);
	again = next_daemon(booted, booted->now + 50 * MS, true);
	meet_secure_side(again, 2, 2); /* none of its debts is known to the other world */
	assert_int_equal(current(again, "web")->now.substate, VM_SUB_RECLAIMING);
	assert_int_equal(samples(again, VM_SUB_RETIRING), 1);
	assert_int_equal(again->m.counts.phase[VM_SUB_RETIRING].sum, 50 * 1000);
	forget(again);
	forget(booted);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_powers_of_two),
		TEST(a_debt_of_an_sp_that_rests_says_when_it_is_sent),
		TEST(a_step_is_counted_when_it_ends),
		TEST(ways_of_settling_are_counted),
		TEST(the_row_says_where_each_message_is),
		TEST(a_call_that_is_run_for_a_queued_debt_is_shown),
		TEST(the_row_says_until_when),
		TEST(who_stands_in_line_has_a_ticket),
		TEST(an_sp_is_stuck_since_its_first_stuck_debt),
		TEST(a_phase_that_began_before_a_boot_is_not_counted),
		TEST(a_phase_that_goes_on_after_a_boot_counts_from_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
