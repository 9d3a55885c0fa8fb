/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call to another guest in every state: of its VM, of its vCPU as that is told, and of what the vCPU has to do with
 * calls; and every call of a guest in each runtime model. What is answered is said a second time here, in the order in which Hafnium looks (FF-A v1.3 ALP2 ch. 7, and its direct
 * messages and FFA_RUN), without a look at the daemon's own rules.
 */
#include "story.h"

#include <stdio.h>
#include <string.h>

#include "proto/vmm-link.h"

LIFECYCLE_NAME_TABLE(vcpu_names, VCPU_STATES);

#define DELIVERED 1 /* beside the status codes: it is, and who calls waits */

enum stance {
	CALLED_NEVER,
	WAITS,           /* for a message */
	SERVES,          /* another */
	SERVES_NOBODY,   /* who asked it is gone */
	RUNS_FOR,        /* another, by FFA_RUN */
	YIELDS_TO_ME,    /* it serves me, and has yielded */
	YIELDS_TO_OTHER,
	ASKS_ME,         /* it waits for me: I serve it */
	ASKS_OTHER,
	STANCES,
};
static const char *const stance_names[STANCES] = { "called never", "waits", "serves", "serves nobody", "runs for another",
	"yields to me", "yields to another", "asks me", "asks another" };

enum place { NOWHERE, ALLOCATING, ANNOUNCING, READY, RUNNING, PAUSING, PAUSED, QUIESCING, PRESERVED, RETIRING, RECLAIMING, PLACES };
static const char *const place_names[PLACES] = { "null", "allocating", "announcing", "ready", "running", "pausing", "paused",
	"quiescing", "preserved", "retiring", "reclaiming" };

static const uint32_t functions[] = { FFA_RUN, FFA_MSG_SEND_DIRECT_REQ, FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64,
	FFA_MSG_SEND_DIRECT_REQ2 };
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

struct cell {
	enum place place;
	enum vcpu_state told;
	enum stance stance;
	uint32_t function;
};

static char cell_text[128]; /* what is being looked at */

/* ---- what has to be answered ---- */

/* By the state of the vCPU, where nothing comes before: FFA_RUN, direct request. */
static const int by_vcpu[][2] = {
	[VCPU_ABORTED] = { FFA_ABORTED, FFA_ABORTED },
	[VCPU_NULL] = { FFA_INVALID_PARAMETERS, FFA_INVALID_PARAMETERS },
	[VCPU_STOPPED] = { FFA_BUSY, FFA_BUSY },
	[VCPU_CREATED] = { FFA_BUSY, FFA_BUSY },
	[VCPU_STOPPING] = { FFA_DENIED, FFA_BUSY },
	[VCPU_OFF] = { FFA_INVALID_PARAMETERS, FFA_BUSY },
	[VCPU_RUNNING] = { FFA_BUSY, FFA_BUSY },
	[VCPU_STARTING] = { FFA_BUSY, FFA_BUSY },
	/* Its own VMM lets it go on, when what it waits for comes: it is not ours to run, nor does it wait for a message. */
	[VCPU_WAITING] = { FFA_BUSY, FFA_BUSY },
	[VCPU_BLOCKED] = { FFA_BUSY, FFA_BUSY },
	[VCPU_BLOCKED_INTERRUPT] = { FFA_BUSY, FFA_BUSY },
	[VCPU_PREEMPTED] = { FFA_BUSY, FFA_BUSY },
};
_Static_assert(sizeof(by_vcpu) / sizeof(by_vcpu[0]) == VCPU_STATE_COUNT, "a vCPU's state has no row");

static int of_a_vm_that_ends(enum vcpu_state told, bool request)
{
	if (told != VCPU_NULL && told != VCPU_STOPPED)
		told = VCPU_ABORTED; /* by force */
	return by_vcpu[told][request];
}

static int expected(const struct cell *c)
{
	bool request = c->function != FFA_RUN;

	if (c->place == NOWHERE)
		return FFA_INVALID_PARAMETERS;
	if (c->place < RUNNING && request) /* a first FFA_RUN is how a VM of the normal world begins */
		return FFA_BUSY;
	if (c->place > PAUSED)
		return of_a_vm_that_ends(c->told, request);
	switch (c->stance) {
	case SERVES:
	case SERVES_NOBODY:
	case RUNS_FOR:
	case YIELDS_TO_OTHER:
		return FFA_BUSY; /* a request is open */
	case YIELDS_TO_ME:
		return request ? FFA_BUSY : DELIVERED;
	case ASKS_ME:
		return FFA_DENIED; /* I would wait for myself */
	case ASKS_OTHER:
		return by_vcpu[VCPU_BLOCKED][request];
	case WAITS:
		return DELIVERED;
	default:
		return by_vcpu[c->told][request];
	}
}

/* ---- how it comes to that ---- */

static uint16_t id_of(struct story *s, const char *name)
{
	return current(s, name)->begun.endpoint;
}

static void says(struct story *s, const char *name, uint32_t function, uint32_t w1)
{
	struct input in = { .kind = IN_GUEST_CALL, .life = current(s, name)->number,
		.call = { .version = FFA_VERSION_WORD(1, 2), .x = { function, w1 } } };

	step(s, in);
}

static void asks(struct story *s, const char *from, const char *to)
{
	says(s, from, FFA_MSG_SEND_DIRECT_REQ, (uint32_t)id_of(s, from) << 16 | id_of(s, to));
}

static const struct guest_call *answered(const struct story *s, uint64_t life)
{
	for (size_t i = 0; i < s->o.outputs; i++)
		if (s->o.output[i].kind == OUT_GUEST_ANSWER && s->o.output[i].life == life)
			return &s->o.output[i].guest;
	return NULL;
}

static void waits_for_message(struct story *s, const char *name)
{
	says(s, name, FFA_MSG_WAIT, 0);
	assert_null(answered(s, current(s, name)->number));
}

static void take_stance(struct story *s, enum stance stance)
{
	const char *asker = stance == YIELDS_TO_ME ? "me" : "other";

	switch (stance) {
	case WAITS:
		waits_for_message(s, "it");
		break;
	case SERVES:
	case SERVES_NOBODY:
	case YIELDS_TO_ME:
	case YIELDS_TO_OTHER:
		waits_for_message(s, "it");
		asks(s, asker, "it");
		if (stance == YIELDS_TO_ME || stance == YIELDS_TO_OTHER)
			says(s, "it", FFA_YIELD, 0);
		if (stance == SERVES_NOBODY)
			end_as(s, current(s, "other")->number, CAUSE_GUEST_POWEROFF);
		break;
	case RUNS_FOR: /* it has served a request before, which is over */
		waits_for_message(s, "it");
		asks(s, "other", "it");
		says(s, "it", FFA_MSG_SEND_DIRECT_RESP, (uint32_t)id_of(s, "it") << 16 | id_of(s, "other"));
		says(s, "other", FFA_RUN, FFA_TARGET(id_of(s, "it"), 0));
		break;
	case ASKS_ME:
	case ASKS_OTHER:
		waits_for_message(s, stance == ASKS_ME ? "me" : "other");
		asks(s, "it", stance == ASKS_ME ? "me" : "other");
		break;
	default:
		break;
	}
}

static void sps_answer(struct story *s)
{
	for (unsigned i = 0; i < 8; i++)
		for (size_t k = 0; k < s->m.sp_count; k++)
			if (s->m.sp[k].out)
				answer(s, s->m.sp[k].info.id, VERDICT_ACK, (enum call_kind)s->m.sp[k].asked);
}

static void begin(struct story *s, enum place place)
{
	struct input newborn = { .kind = IN_VMM_NEWBORN, .newborn = { .name = "it", .connection = 9, .pid = 4711 } };

	ask(s, REQUEST_DEFINE, "it", 0);
	if (place == NOWHERE)
		return;
	ask(s, REQUEST_START, "it", 0);
	newborn.life = current(s, "it")->number;
	step(s, newborn);
	if (place == ALLOCATING)
		return;
	life_says(s, IN_VMM_BUILT, newborn.life);
	if (place == ANNOUNCING)
		return;
	sps_answer(s);
	if (place != READY)
		life_says(s, IN_VMM_ENTERED, newborn.life);
}

static void lead(struct story *s, enum place place)
{
	struct life *l = place == NOWHERE ? NULL : current(s, "it");
	struct input keep = { .kind = IN_REQUEST, .request = { .verb = REQUEST_ABORT, .name = "it", .preserve = true, .token = 1 } };

	if (place == PAUSING || place == PAUSED)
		ask(s, REQUEST_PAUSE, "it", 0);
	if (place == PAUSED)
		step(s, (struct input) { .kind = IN_VMM_PAUSED, .life = l->number, .command = s->m.seq });
	if (place == PRESERVED)
		step(s, keep);
	else if (place >= QUIESCING)
		ask(s, REQUEST_ABORT, "it", 0);
	if (place >= PRESERVED)
		life_says(s, IN_VMM_QUIESCED, l->number);
	if (place == RECLAIMING)
		sps_answer(s);
}

/* ---- a cell ---- */

static void check(const struct cell *c)
{
	uint64_t it = 0, me;
	const struct guest_call *a;
	struct story *s;
	uint32_t w1;
	void *state;
	int says_so = expected(c);

	assert_int_equal(story_begin(&state), 0);
	s = state;
	meet_secure_side(s, 1, 1);
	me = run(s, "me");
	(void)run(s, "other");
	begin(s, c->place);
	take_stance(s, c->stance);
	lead(s, c->place);
	w1 = 0x0077; /* that nobody has */
	if (c->place != NOWHERE) {
		it = current(s, "it")->number;
		current(s, "it")->vcpu[0] = (uint8_t)c->told;
		w1 = id_of(s, "it");
	}
	says(s, "me", c->function, c->function == FFA_RUN ? w1 << 16 : (uint32_t)id_of(s, "me") << 16 | w1);
	a = answered(s, me);
	if (says_so == DELIVERED) {
		assert_null(a);
		assert_non_null(answered(s, it));
		if (c->stance == WAITS)
			assert_int_equal(answered(s, it)->x[0], c->function);
	} else {
		assert_non_null(a);
		assert_int_equal(a->x[0], FFA_ERROR);
		assert_int_equal((int32_t)a->x[2], says_so);
		assert_null(it ? answered(s, it) : NULL);
	}
	story_end(&state);
}

static void look_at(enum place place, enum stance stance)
{
	for (unsigned told = 0; told < VCPU_STATE_COUNT; told++)
		for (size_t i = 0; i < FUNCTIONS; i++) {
			struct cell c = { place, (enum vcpu_state)told, stance, functions[i] };

			snprintf(cell_text, sizeof(cell_text), "%x to a VM that is %s, its vCPU %s, which %s", c.function,
				place_names[place], vcpu_names[told], stance_names[stance]);
			check(&c);
		}
	cell_text[0] = '\0';
}

/* A guest that has not entered calls nobody, and one that ends has no call any more: there is no more to it. */
static void each_call_to_a_vm_that_does_not_run_is_answered_by_its_state(void **state)
{
	for (enum place p = NOWHERE; p < PLACES; p++)
		if (p < RUNNING || p > PAUSED)
			look_at(p, CALLED_NEVER);
}

/* What was under way when a VM ends is over: it is answered as one that never called. */
static void each_call_to_a_vm_that_ends_is_answered_whatever_it_did(void **state)
{
	for (enum place p = QUIESCING; p < PLACES; p++)
		for (enum stance st = WAITS; st < STANCES; st++)
			if (st != YIELDS_TO_ME && st != ASKS_ME) /* then I am answered myself, and that I go on is told elsewhere */
				look_at(p, st);
}

static void each_call_to_a_vm_that_runs_is_answered_by_what_its_vcpu_does(void **state)
{
	for (enum stance st = 0; st < STANCES; st++)
		look_at(RUNNING, st);
}

/* Whether its vCPUs stand makes no difference to who may call it. */
static void a_vm_that_is_paused_is_called_as_one_that_runs(void **state)
{
	for (enum stance st = 0; st < STANCES; st++) {
		look_at(PAUSING, st);
		look_at(PAUSED, st);
	}
}

/* ---- what a guest may do, by what it is to do for whom (the runtime models of ch. 8) ---- */

enum deed { WAIT, YIELD, RESPOND, RESPOND_IN_ANOTHER_FORM, RESPOND_TO_ANOTHER, ASK_A_THIRD, RUN_A_THIRD, ASK_ITS_CALLER,
	RUN_ITS_CALLER, DEEDS };
static const char *const deed_names[DEEDS] = { "waits", "yields", "responds", "responds in another form",
	"responds to another", "asks a third", "runs a third", "asks its caller", "runs its caller" };

#define PENDING 2 /* no answer yet: it waits */

struct runtime_model {
	enum stance stance;
	struct {
		int answer;
		uint32_t told; /* what its caller is, at once; 0: nothing */
	} deed[DEEDS];
};

static const struct runtime_model models[] = {
	/* Nobody lent it the CPU, and it owes nobody. That which is no caller of it is on the CPU. */
	{ CALLED_NEVER, { [WAIT] = { PENDING }, [YIELD] = { FFA_OK }, [RESPOND] = { FFA_DENIED },
		[RESPOND_IN_ANOTHER_FORM] = { FFA_DENIED }, [RESPOND_TO_ANOTHER] = { FFA_DENIED }, [ASK_A_THIRD] = { PENDING },
		[RUN_A_THIRD] = { PENDING }, [ASK_ITS_CALLER] = { FFA_BUSY }, [RUN_ITS_CALLER] = { FFA_BUSY } } },
	{ SERVES, { [WAIT] = { FFA_DENIED }, [YIELD] = { PENDING, FFA_YIELD }, [RESPOND] = { PENDING, FFA_MSG_SEND_DIRECT_RESP },
		[RESPOND_IN_ANOTHER_FORM] = { FFA_DENIED }, [RESPOND_TO_ANOTHER] = { FFA_INVALID_PARAMETERS },
		[ASK_A_THIRD] = { PENDING }, [RUN_A_THIRD] = { PENDING }, [ASK_ITS_CALLER] = { FFA_DENIED },
		[RUN_ITS_CALLER] = { FFA_DENIED } } },
	/* It still has to respond, and that goes to nobody. */
	{ SERVES_NOBODY, { [WAIT] = { FFA_DENIED }, [YIELD] = { FFA_OK }, [RESPOND] = { PENDING },
		[RESPOND_IN_ANOTHER_FORM] = { FFA_DENIED }, [RESPOND_TO_ANOTHER] = { PENDING }, [ASK_A_THIRD] = { PENDING },
		[RUN_A_THIRD] = { PENDING }, [ASK_ITS_CALLER] = { FFA_ABORTED }, [RUN_ITS_CALLER] = { FFA_ABORTED } } },
	{ RUNS_FOR, { [WAIT] = { PENDING, FFA_MSG_WAIT }, [YIELD] = { PENDING, FFA_YIELD }, [RESPOND] = { FFA_DENIED },
		[RESPOND_IN_ANOTHER_FORM] = { FFA_DENIED }, [RESPOND_TO_ANOTHER] = { FFA_DENIED }, [ASK_A_THIRD] = { PENDING },
		[RUN_A_THIRD] = { PENDING }, [ASK_ITS_CALLER] = { FFA_DENIED }, [RUN_ITS_CALLER] = { FFA_DENIED } } },
};

static void does(struct story *s, enum deed deed)
{
	uint16_t it = id_of(s, "it"), other = id_of(s, "other"), third = id_of(s, "me");
	const struct {
		uint32_t function, w1;
	} calls[DEEDS] = {
		[WAIT] = { FFA_MSG_WAIT },
		[YIELD] = { FFA_YIELD },
		[RESPOND] = { FFA_MSG_SEND_DIRECT_RESP, (uint32_t)it << 16 | other },
		[RESPOND_IN_ANOTHER_FORM] = { FFA_MSG_SEND_DIRECT_RESP2, (uint32_t)it << 16 | other },
		[RESPOND_TO_ANOTHER] = { FFA_MSG_SEND_DIRECT_RESP, (uint32_t)it << 16 | third },
		[ASK_A_THIRD] = { FFA_MSG_SEND_DIRECT_REQ, (uint32_t)it << 16 | third },
		[RUN_A_THIRD] = { FFA_RUN, FFA_TARGET(third, 0) },
		[ASK_ITS_CALLER] = { FFA_MSG_SEND_DIRECT_REQ, (uint32_t)it << 16 | other },
		[RUN_ITS_CALLER] = { FFA_RUN, FFA_TARGET(other, 0) },
	};

	says(s, "it", calls[deed].function, calls[deed].w1);
}

static void check_deed(const struct runtime_model *m, enum deed deed)
{
	bool to_third = deed == ASK_A_THIRD || deed == RUN_A_THIRD;
	const struct guest_call *a;
	uint64_t other, it, third;
	struct story *s;
	void *state;

	assert_int_equal(story_begin(&state), 0);
	s = state;
	meet_secure_side(s, 1, 1);
	third = run(s, "me");
	other = run(s, "other");
	it = run(s, "it");
	current(s, "other")->vcpu[0] = VCPU_RUNNING;
	take_stance(s, m->stance);
	waits_for_message(s, "me");
	does(s, deed);
	a = answered(s, it);
	if (m->deed[deed].answer == PENDING) {
		assert_null(a);
	} else {
		assert_non_null(a);
		assert_int_equal(a->x[0], m->deed[deed].answer == FFA_OK ? FFA_SUCCESS : FFA_ERROR);
		assert_int_equal((int32_t)a->x[2], m->deed[deed].answer);
	}
	a = answered(s, other);
	assert_int_equal(a ? a->x[0] : 0, m->deed[deed].told);
	assert_int_equal(answered(s, third) != NULL, to_third);
	story_end(&state);
}

static void a_guest_may_do_what_its_runtime_model_says(void **state)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		for (enum deed d = 0; d < DEEDS; d++) {
			snprintf(cell_text, sizeof(cell_text), "one that %s, and %s", stance_names[models[i].stance], deed_names[d]);
			check_deed(&models[i], d);
		}
	cell_text[0] = '\0';
}

static int calls_end(void **state)
{
	if (cell_text[0])
		print_error("it was %s\n", cell_text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_call_to_a_vm_that_does_not_run_is_answered_by_its_state, calls_end),
		cmocka_unit_test_teardown(each_call_to_a_vm_that_ends_is_answered_whatever_it_did, calls_end),
		cmocka_unit_test_teardown(each_call_to_a_vm_that_runs_is_answered_by_what_its_vcpu_does, calls_end),
		cmocka_unit_test_teardown(a_vm_that_is_paused_is_called_as_one_that_runs, calls_end),
		cmocka_unit_test_teardown(a_guest_may_do_what_its_runtime_model_says, calls_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
