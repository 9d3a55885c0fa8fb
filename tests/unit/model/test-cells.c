/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request in every state, with every operation under way: what is answered, and what becomes of the VM. The table
 * says it a second time, by what each verb promises and by the ranks of operations (destroy over abort over stop over
 * restart over start, and each of them over a pause), without a look at the daemon's own rules.
 */
#include "story.h"

#include <stdio.h>
#include <string.h>

LIFECYCLE_NAME_TABLE(state_names, VM_STATES);
LIFECYCLE_NAME_TABLE(substate_names, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(operation_names, OPERATIONS);

enum column { START, STOP, ABORT, RESTART, DESTROY, PAUSE, RESUME, PRESERVE, CANCEL, COLUMNS }; /* as enum verb */

static const struct {
	enum request_verb verb;
	const char *name;
} columns[COLUMNS] = {
	[START] = { REQUEST_START, "start" },       [STOP] = { REQUEST_STOP, "stop" },
	[ABORT] = { REQUEST_ABORT, "abort" },       [RESTART] = { REQUEST_RESTART, "restart" },
	[DESTROY] = { REQUEST_DESTROY, "destroy" }, [PAUSE] = { REQUEST_PAUSE, "pause" },
	[RESUME] = { REQUEST_RESUME, "resume" },    [PRESERVE] = { REQUEST_ABORT, "abort --preserve" },
	[CANCEL] = { REQUEST_CANCEL, "cancel" },
};
/* The others are define, undefine and forget, which lead a life nowhere, and shutdown: they have tests of their own below; those that bind: test-bound.c; those of leases: test-lease.c. */
_Static_assert(REQUEST_CANCEL + 1 == COLUMNS - 1 + 9, "a verb has no column");

struct row {
	const char *at; /* where a VM is, and its operation */
	void (*lead)(struct story *s, enum operation op);
	enum operation op; /* that it is led there by */
	const char *cell[COLUMNS]; /* where it leads; "no": refused; "same": nothing to do; "gone": the VM is no more */
};

static struct vm *web(const struct story *s)
{
	return model_vm_named(&s->m, "web");
}

static const char *where(const struct story *s)
{
	static char text[64];
	const struct vm *vm = web(s);

	if (!vm)
		return "gone";
	if (vm->life)
		snprintf(text, sizeof(text), "%s/%s %s", state_names[vm->life->now.state], substate_names[vm->life->now.substate],
			operation_names[vm->operation.operation]);
	else
		snprintf(text, sizeof(text), "null %s", operation_names[vm->operation.operation]);
	return text;
}

static void asked(struct story *s, enum column c, uint64_t life)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = columns[c].verb, .name = "web", .life = life, .token = 1,
		.preserve = c == PRESERVE } };

	step(s, in);
}

/* ---- how a VM comes to be there ---- */

static void born(struct story *s)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .life = web(s)->life->number,
		.newborn = { .name = "web", .connection = 10, .pid = 4712, .features = VMM_LINK_FEATURES } };

	step(s, in);
}

/* Every call that is with an SP is answered 0, until none is. */
static void sps_answer(struct story *s)
{
	for (unsigned i = 0; i < 8; i++)
		for (size_t k = 0; k < s->m.sp_count; k++)
			if (s->m.sp[k].out)
				answer(s, s->m.sp[k].info.id, VERDICT_ACK, (enum call_kind)s->m.sp[k].asked);
}

static void over(struct story *s)
{
	uint64_t life = web(s)->life->number;

	life_says(s, IN_VMM_QUIESCED, life);
	if (web(s)->life->now.substate == VM_SUB_LEASES) /* its holder is revoked */
		tick_after(s, 5000 * MS);
	sps_answer(s);
	life_says(s, IN_VMM_GONE, life);
	life_says(s, IN_RECLAIMED, life);
}

static void is_defined(struct story *s, enum operation op)
{
	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "web", 0);
}

static void waits_for_order(struct story *s, enum operation op)
{
	is_defined(s, op);
	ask(s, REQUEST_DEFINE, "db", 0);
	snprintf(web(s)->definition->after[web(s)->definition->after_count++], VM_NAME_MAX + 1, "db");
	ask(s, REQUEST_START, "web", 0);
}

static void waits_for_its_delay(struct story *s, enum operation op)
{
	meet_secure_side(s, 1, 1);
	(void)run(s, "web");
	web(s)->definition->policies = (struct vm_policies) { .on_crash = ON_END_RESTART, .restart_delay_ms = 1000,
		.restart_delay_max_ms = 1000, .restart_factor = 1, .restart_window_ms = 1000 };
	end_as(s, web(s)->life->number, CAUSE_VCPU_ERROR);
	over(s);
}

static void allocates(struct story *s, enum operation op)
{
	is_defined(s, op);
	ask(s, REQUEST_START, "web", 0);
}

static void builds(struct story *s, enum operation op)
{
	allocates(s, op);
	born(s);
}

static void is_announced(struct story *s, enum operation op)
{
	builds(s, op);
	life_says(s, IN_VMM_BUILT, web(s)->life->number);
}

static void is_ready(struct story *s, enum operation op)
{
	is_announced(s, op);
	sps_answer(s);
}

static void runs(struct story *s, enum operation op)
{
	is_ready(s, op);
	life_says(s, IN_VMM_ENTERED, web(s)->life->number);
}

static void stops(struct story *s, enum operation op)
{
	runs(s, op);
	ask(s, REQUEST_STOP, "web", 0);
}

static void pauses(struct story *s, enum operation op)
{
	runs(s, op);
	ask(s, REQUEST_PAUSE, "web", 0);
}

static void is_paused(struct story *s, enum operation op)
{
	pauses(s, op);
	step(s, (struct input) { .kind = IN_VMM_PAUSED, .life = web(s)->life->number, .command = s->m.seq });
}

static void ends(struct story *s, enum operation op)
{
	static const enum request_verb verbs[OPERATION_COUNT] = { [OP_RESTART] = REQUEST_RESTART, [OP_STOP] = REQUEST_STOP,
		[OP_ABORT] = REQUEST_ABORT, [OP_DESTROY] = REQUEST_DESTROY };

	if (op == OP_NONE) /* nobody asked for this end */
		step(s, (struct input) { .kind = IN_VMM_LOST, .life = web(s)->life->number, .end = { .cause = CAUSE_VMM_PROTOCOL } });
	else
		ask(s, verbs[op], "web", 0);
	if (op == OP_STOP) /* not obeyed in time */
		tick_after(s, web(s)->definition->limits.stop_timeout_ms * MS);
}

static void quiesces(struct story *s, enum operation op)
{
	runs(s, op);
	ends(s, op);
}

static enum refusal takes_lease(struct story *s, uint8_t token)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_LEASE, .name = "web", .token = 1,
		.lease = { .token = { token }, .holder = 1 } } };

	step(s, in);
	return s->o.answer[0].refusal;
}

static void is_held(struct story *s, enum operation op)
{
	runs(s, op);
	assert_int_equal(takes_lease(s, 1), REFUSED_NOT);
	ends(s, op);
	life_says(s, IN_VMM_QUIESCED, web(s)->life->number);
}

static void retires(struct story *s, enum operation op)
{
	quiesces(s, op);
	life_says(s, IN_VMM_QUIESCED, web(s)->life->number);
}

static void reclaims(struct story *s, enum operation op)
{
	retires(s, op);
	sps_answer(s);
}

static void quiesces_to_be_kept(struct story *s, enum operation op)
{
	runs(s, op);
	asked(s, PRESERVE, 0);
}

static void is_kept(struct story *s, enum operation op)
{
	quiesces_to_be_kept(s, op);
	life_says(s, IN_VMM_QUIESCED, web(s)->life->number);
}

static void allocates_again(struct story *s, enum operation op)
{
	quiesces(s, op);
	over(s);
}

static void builds_again(struct story *s, enum operation op)
{
	allocates_again(s, op);
	born(s);
}

static void is_announced_again(struct story *s, enum operation op)
{
	builds_again(s, op);
	life_says(s, IN_VMM_BUILT, web(s)->life->number);
}

static void is_ready_again(struct story *s, enum operation op)
{
	is_announced_again(s, op);
	sps_answer(s);
}

/* ---- the table ---- */

#define NO_PAUSES "no", "no"
#define ABORTING(place, lead, keeps)                                                                        \
	{ "aborting/" place " -", lead, OP_NONE,                                                                       \
		{ "no", "aborting/" place " stop", "aborting/" place " abort", "aborting/" place " restart",           \
			"aborting/" place " destroy", NO_PAUSES, keeps, "no" } },                                      \
	{ "aborting/" place " restart", lead, OP_RESTART,                                                              \
		{ "no", "aborting/" place " stop", "aborting/" place " abort", "same", "aborting/" place " destroy",   \
			NO_PAUSES, keeps, "aborting/" place " -" } },                                                  \
	{ "aborting/" place " stop", lead, OP_STOP,                                                                    \
		{ "no", "same", "aborting/" place " abort", "no", "aborting/" place " destroy", NO_PAUSES, keeps, "no" } }, \
	{ "aborting/" place " abort", lead, OP_ABORT,                                                                  \
		{ "no", "same", "same", "no", "aborting/" place " destroy", NO_PAUSES, keeps, "no" } },                \
	{ "aborting/" place " destroy", lead, OP_DESTROY, { "no", "same", "same", "no", "same", NO_PAUSES, "no", "no" } }

/* A life that has come so far ends in that sub-state of ABORTING. */
#define CREATED(place, op, lead, by, end, kept)                                                                        \
	{ "created/" place " " op, lead, by,                                                                           \
		{ "same", "aborting/" end " stop", "aborting/" end " abort", "aborting/" end " restart",               \
			"aborting/" end " destroy", NO_PAUSES, kept, "no" } }

#define RUNNING_ENDS "aborting/quiescing abort", "aborting/quiescing restart", "aborting/quiescing destroy"
#define TO_BE_KEPT "aborting/quiescing abort"
#define KEPT "aborting/preserved -"

static const struct row rows[] = {
	/* start, stop, abort, restart, destroy, pause, resume, abort --preserve, cancel */
	{ "null -", is_defined, OP_NONE,
		{ "created/allocating start", "no", "no", "created/allocating start", "gone", NO_PAUSES, "no", "no" } },
	{ "null start", waits_for_order, OP_START, { "same", "null -", "null -", "same", "gone", NO_PAUSES, "no", "null -" } },
	{ "null start", waits_for_its_delay, OP_START,
		{ "created/allocating start", "null -", "null -", "created/allocating start", "gone", NO_PAUSES, "no", "null -" } },
	/* Nobody was told of it: nothing is owed. Once ENTER is said a vCPU may be in the guest. */
	CREATED("allocating", "start", allocates, OP_START, "reclaiming", KEPT),
	CREATED("allocating", "start", builds, OP_START, "reclaiming", KEPT),
	CREATED("announcing", "start", is_announced, OP_START, "retiring", KEPT),
	CREATED("ready", "start", is_ready, OP_START, "quiescing", TO_BE_KEPT),
	CREATED("allocating", "restart", allocates_again, OP_RESTART, "reclaiming", KEPT),
	CREATED("allocating", "restart", builds_again, OP_RESTART, "reclaiming", KEPT),
	CREATED("announcing", "restart", is_announced_again, OP_RESTART, "retiring", KEPT),
	CREATED("ready", "restart", is_ready_again, OP_RESTART, "quiescing", TO_BE_KEPT),
	{ "running/running -", runs, OP_NONE,
		{ "same", "running/running stop", RUNNING_ENDS, "running/pausing pause", "same", TO_BE_KEPT, "no" } },
	{ "running/running stop", stops, OP_STOP,
		{ "no", "same", "aborting/quiescing abort", "no", "aborting/quiescing destroy", "no", "same", TO_BE_KEPT, "no" } },
	{ "running/pausing pause", pauses, OP_PAUSE,
		{ "same", "running/running stop", RUNNING_ENDS, "same", "running/running -", TO_BE_KEPT, "no" } },
	{ "running/paused -", is_paused, OP_NONE,
		{ "same", "running/running stop", RUNNING_ENDS, "same", "running/running -", TO_BE_KEPT, "no" } },
	ABORTING("quiescing", quiesces, TO_BE_KEPT),
	/* An end that its holders, or an SP, were told of cannot be kept. */
	ABORTING("leases", is_held, "no"),
	ABORTING("retiring", retires, "no"),
	ABORTING("reclaiming", reclaims, "no"),
	{ "aborting/quiescing abort", quiesces_to_be_kept, OP_ABORT,
		{ "no", "no", "aborting/quiescing abort", "no", "aborting/quiescing destroy", NO_PAUSES, "same", "no" } },
	{ KEPT, is_kept, OP_NONE,
		{ "no", "no", "aborting/retiring abort", "aborting/retiring restart", "aborting/retiring destroy", NO_PAUSES,
			"same", "no" } },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- what is checked in a cell ---- */

static struct story *led(const struct row *r)
{
	void *state;

	assert_int_equal(story_begin(&state), 0);
	r->lead(state, r->op);
	assert_string_equal(where(state), r->at);
	return state;
}

static void nothing_happened(struct story *s, const struct row *r, uint64_t seq)
{
	assert_string_equal(where(s), r->at);
	assert_int_equal(s->m.seq, seq);
	assert_int_equal(s->o.changes, 0);
	assert_int_equal(s->o.outputs, 0);
	assert_int_equal(s->o.answer[0].seq, 0);
}

static void is_refused(struct story *s, const struct row *r, uint64_t seq, uint32_t refused)
{
	nothing_happened(s, r, seq);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(web(s)->refused, refused + 1);
	assert_non_null(strstr(s->o.answer[0].text, "web"));
}

/* Whatever comes: a life that ends is followed by what its operation says. */
static void ends_as_its_operation_says(struct story *s)
{
	uint8_t op = web(s)->operation.operation;
	uint64_t life = web(s)->life->number;
	bool kept = web(s)->life->now.preserve;

	if (op == OP_STOP && web(s)->life->now.state == VM_RUNNING)
		end_as(s, life, CAUSE_GUEST_POWEROFF);
	if (web(s)->life->now.state != VM_ABORTING)
		return;
	over(s);
	assert_string_equal(where(s), kept ? KEPT : op == OP_RESTART ? "created/allocating restart" :
		op == OP_DESTROY ? "gone" : "null -");
	assert_true(op != OP_RESTART || web(s)->life->number > life);
}

static char cell[96]; /* that is being looked at */

static void check(const struct row *r, enum column c, bool names_life)
{
	struct story *s = led(r);
	uint64_t seq = s->m.seq, life = names_life && web(s)->life ? web(s)->life->number : 0;
	uint32_t refused = web(s)->refused;
	const char *says = r->cell[c];

	assert_int_equal(model_can(web(s)) >> c & 1, strcmp(says, "no") && strcmp(says, "same"));
	asked(s, c, life);
	assert_int_equal(s->o.answers, 1);
	if (!strcmp(says, "no")) {
		is_refused(s, r, seq, refused);
	} else {
		assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
		assert_string_equal(s->o.answer[0].text, "");
		assert_true(!web(s) || web(s)->refused == refused);
		if (!strcmp(says, "same"))
			nothing_happened(s, r, seq);
		else
			assert_string_equal(where(s), says);
		assert_int_equal(s->o.answer[0].seq, s->m.seq == seq ? 0 : s->m.seq);
	}
	if (web(s) && web(s)->life)
		ends_as_its_operation_says(s);
	story_end((void **)&s);
}

static void each_request_in_each_state_is_answered_as_the_table_says(void **state)
{
	for (size_t i = 0; i < ROWS; i++)
		for (enum column c = 0; c < COLUMNS; c++)
			for (int names_life = 0; names_life < 2; names_life++) {
				snprintf(cell, sizeof(cell), "%s in \"%s\"", columns[c].name, rows[i].at);
				check(&rows[i], c, names_life);
			}
	cell[0] = '\0';
}

static int cell_end(void **state)
{
	if (cell[0])
		print_error("it was %s\n", cell);
	return story_end(state);
}

/* What was asked once may be asked again: the second answer is success, and nothing happens. */
static void each_request_that_was_taken_may_be_repeated(void **state)
{
	for (size_t i = 0; i < ROWS; i++)
		for (enum column c = 0; c < COLUMNS; c++) {
			const char *says = rows[i].cell[c];
			bool cancels = c == CANCEL || !strcmp(says, "null -"), begins = rows[i].op == OP_RESTART && c == RESTART;
			struct story *s;
			uint64_t seq;

			if (!strcmp(says, "no") || !strcmp(says, "gone") || cancels || begins)
				continue;
			s = led(&rows[i]);
			asked(s, c, 0);
			seq = s->m.seq;
			if (c == RESTART && web(s)->life && web(s)->life->now.state == VM_CREATED) {
				story_end((void **)&s); /* the life that it began is one more to restart */
				continue;
			}
			asked(s, c, 0);
			assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
			assert_int_equal(s->m.seq, seq);
			assert_int_equal(s->o.outputs, 0);
			story_end((void **)&s);
		}
}

/* Neither the life before nor one to come is meant. */
static void a_request_for_another_life_does_nothing(void **state)
{
	for (size_t i = 0; i < ROWS; i++)
		for (enum column c = 0; c < COLUMNS; c++) {
			struct story *s = led(&rows[i]);
			uint64_t seq = s->m.seq;

			asked(s, c, seq + 1);
			nothing_happened(s, &rows[i], seq);
			assert_int_equal(s->o.answer[0].refusal, REFUSED_WRONG_LIFE);
			story_end((void **)&s);
		}
}

static void a_daemon_that_leaves_begins_nothing_and_ends_whatever_is_to_end(void **state)
{
	for (size_t i = 0; i < ROWS; i++)
		for (enum column c = 0; c < COLUMNS; c++) {
			struct story *s = led(&rows[i]);
			uint64_t seq = s->m.seq;

			step(s, (struct input) { .kind = IN_SHUTDOWN });
			asked(s, c, 0);
			if (c == START || c == RESTART) {
				nothing_happened(s, &rows[i], seq);
				assert_int_equal(s->o.answer[0].refusal, REFUSED_SHUTTING_DOWN);
			} else if (!strcmp(rows[i].cell[c], "no") || !strcmp(rows[i].cell[c], "same")) {
				nothing_happened(s, &rows[i], seq);
			} else {
				assert_string_equal(where(s), rows[i].cell[c]);
			}
			story_end((void **)&s);
		}
}

/* As by a stop, but that it gives up what is kept, and is never refused. */
static void a_shutdown_leads_each_to_its_end(void **state)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct story *s = led(&rows[i]);
		const char *says = rows[i].cell[STOP];

		if (!strcmp(says, "no"))
			says = !strcmp(rows[i].at, KEPT) ? "aborting/retiring stop" : rows[i].at;
		step(s, (struct input) { .kind = IN_REQUEST, .request = { .verb = REQUEST_SHUTDOWN, .token = 1 } });
		assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
		assert_string_equal(where(s), strcmp(says, "same") ? says : rows[i].at);
		if (web(s)->life) {
			assert_false(web(s)->life->now.preserve);
			ends_as_its_operation_says(s);
			assert_true(!web(s) || !web(s)->life);
		}
		assert_false(s->m.shutdown.active);
		story_end((void **)&s);
	}
}

static void a_vm_may_be_defined_anew_in_each_state_and_stays_where_it_is(void **state)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct story *s = led(&rows[i]);

		web(s)->definition->vcpu_count = 7; /* as it was defined before */
		ask(s, REQUEST_DEFINE, "web", 0);
		assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
		assert_int_equal(s->o.change[0].kind, web(s)->life && rows[i].lead != waits_for_order ? CHANGE_PENDING : CHANGE_VM);
		if (rows[i].lead == waits_for_order) { /* it is said to come after nobody now */
			assert_string_equal(where(s), "created/allocating start");
		} else {
			assert_int_equal(s->o.changes, 1);
			assert_string_equal(where(s), rows[i].at);
		}
		ask(s, REQUEST_DEFINE, "web", 0);
		assert_int_equal(s->o.changes, 0);
		story_end((void **)&s);
	}
}

/* What has a life stays where it is, and a restart is none any more; what has none goes. */
static void a_definition_may_be_taken_back_in_each_state(void **state)
{
	for (size_t i = 0; i < 2 * ROWS; i++) {
		struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_UNDEFINE, .name = "web", .token = 1, .pending = i % 2 } };
		struct story *s = led(&rows[i / 2]);
		bool lives = web(s)->life, restarts = web(s)->operation.operation == OP_RESTART;
		uint64_t seq = s->m.seq;

		step(s, in);
		if (!lives) {
			assert_null(web(s));
		} else if (in.request.pending) {
			assert_true(web(s)->removal);
			if (restarts)
				assert_int_equal(web(s)->operation.operation, OP_NONE);
			else
				assert_string_equal(where(s), rows[i / 2].at);
		} else {
			nothing_happened(s, &rows[i / 2], seq);
			assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
		}
		story_end((void **)&s);
	}
}

/* It is for a life that is stuck at its end: none of these is. */
static void nothing_is_forgotten_in_time(void **state)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct story *s = led(&rows[i]);
		uint64_t seq = s->m.seq;

		ask(s, REQUEST_FORGET, "web", 0);
		nothing_happened(s, &rows[i], seq);
		assert_int_not_equal(s->o.answer[0].refusal, REFUSED_NOT);
		assert_string_not_equal(s->o.answer[0].text, "");
		story_end((void **)&s);
	}
}

static void nobody_is_asked_of_a_vm_that_is_not_there(void **state)
{
	for (enum column c = 0; c < COLUMNS; c++) {
		asked(*state, c, 0);
		assert_int_equal(((struct story *)*state)->o.answer[0].refusal, REFUSED_NO_SUCH_VM);
		assert_int_equal(((struct story *)*state)->o.changes, 0);
	}
}

/* Each place that the model leads to, and each operation in it, has a row: the others have numbers alone. */
static void no_place_is_left_out(void **state)
{
	static const enum vm_substate unused[] = { VM_SUB_BOOTING };
	unsigned seen = 1u << VM_SUB_NONE;

	for (size_t i = 0; i < ROWS; i++)
		for (unsigned k = 0; k < VM_SUBSTATE_COUNT; k++)
			if (strstr(rows[i].at, substate_names[k]) && strchr(rows[i].at, '/'))
				seen |= 1u << k;
	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++)
		seen |= 1u << unused[i];
	assert_int_equal(seen, (1u << VM_SUBSTATE_COUNT) - 1);
}

int main(void)
{
#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, cell_end)
	const struct CMUnitTest tests[] = {
		TOLD(each_request_in_each_state_is_answered_as_the_table_says),
		TOLD(each_request_that_was_taken_may_be_repeated),
		TOLD(a_request_for_another_life_does_nothing),
		TOLD(a_daemon_that_leaves_begins_nothing_and_ends_whatever_is_to_end),
		TOLD(a_shutdown_leads_each_to_its_end),
		TOLD(a_vm_may_be_defined_anew_in_each_state_and_stays_where_it_is),
		TOLD(a_definition_may_be_taken_back_in_each_state),
		TOLD(nothing_is_forgotten_in_time),
		TOLD(nobody_is_asked_of_a_vm_that_is_not_there),
		TOLD(no_place_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
