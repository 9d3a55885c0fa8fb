/* SPDX-License-Identifier: Apache-2.0 */

/* Commands in words: what they come to, and what is said of those that cannot be. */

#include "fixture.h"

#include "spmc/command.h"

#define SP 0x8001

static struct command_answer said;

static int say(struct world *w, const char *command)
{
	return command_do(w, w->monotonic, command, &said);
}

static void assert_ok(struct world *w, const char *command)
{
	if (say(w, command) != 0 || strcmp(said.text, "ok") != 0)
		fail_msg("%s: %s", command, said.text);
}

static void assert_refused(struct world *w, const char *command, const char *why)
{
	if (say(w, command) >= 0 || !strstr(said.text, why))
		fail_msg("%s is answered: %s", command, said.text);
}

static void make_available(struct world *w, uint16_t vm)
{
	assert_int_equal(created(w, SP, vm), FFA_RETRY);
	tick(w);
	assert_int_equal(created(w, SP, vm), 0);
}

static void each_answer_of_a_notifier_has_its_words(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", "optee:0x8002", NULL);

	make_available(w, 5);
	assert_ok(w, "notifier 0x8001 5 register a hold 1s");
	assert_ok(w, "notifier 32769 5 register b hold 0us fails");
	assert_ok(w, "notifier 0x8001 5 register c run /bin/true x y");
	assert_refused(w, "notifier 0x8001 5 register a hold 1s", "invalid-arguments: ");
	assert_refused(w, "notifier 0x8001 5 register d", "invalid-arguments: ");
	assert_refused(w, "notifier 0x8001 5 register", "invalid-arguments: ");
	assert_refused(w, "notifier 0x8001 5 register d run", "invalid-arguments: ");
	assert_refused(w, "notifier 0x8001 5 unregister", "invalid-arguments: ");
	assert_refused(w, "notifier 0x8001 6 register a hold 1s", "not-found: SP 0x8001");
	assert_refused(w, "notifier 0x8001 5 unregister z", "not-found: SP 0x8001");
	assert_ok(w, "notifier 0x8001 5 unregister b");
	assert_refused(w, "notifier 0x8001 5 unregister b", "not-found: ");
	assert_int_equal(destroyed(w, SP, 5), FFA_RETRY);
	assert_refused(w, "notifier 0x8001 5 register d hold 1s", "bad-state: VM 5 is destroy-notifying");
	world_end(w);
}

static void what_is_no_command_is_named(void **unused)
{
	static const struct {
		const char *command, *why;
	} bad[] = {
		{ "", "no event is called ''" },
		{ "boom 0x8001", "no event is called 'boom'; write notifier, notification, or one of: crash stop" },
		{ "crash", "write 'crash ID'" },
		{ "crash 0x9000", "no SP has the id '0x9000'" },
		{ "reset 0x8001", "write 'reset'" },
		{ "notifier", "write 'notifier ID VM" },
		{ "notifier 0x8001 65536 register a hold 1s", "write 'notifier ID VM" },
		{ "notifier 0x8001 5 enlist a hold 1s", "write 'notifier ID VM" },
		{ "notifier 0x8001 5 unregister a b", "write 'notifier ID VM" },
		{ "notifier 0x9000 5 register a hold 1s", "no SP has the id '0x9000'" },
		{ "notifier 0x8002 5 register a hold 1s", "an SP that is optee-spmc has no notifiers" },
		{ "notifier 0x8001 5 register a hold", "what it does cannot be read" },
		{ "notifier 0x8001 5 register a hold 1", "what it does cannot be read" },
		{ "notifier 0x8001 5 register a hold 61min", "what it does cannot be read" },
		{ "notifier 0x8001 5 register a hold 1s often", "what it does cannot be read" },
		{ "notifier 0x8001 5 register a run sync", "with its path from / on" },
		{ "notifier 0x8001 5 register a jump", "what it does cannot be read" },
	};
	struct world *w = world_with("trusty:0x8001", "optee:0x8002", NULL);
	char huge[COMMAND_TEXT_MAX] = "notifier 0x8001 5 register a run /";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(w, bad[i].command, bad[i].why);
	memset(huge + strlen(huge), 'x', NOTIFIER_COMMAND);
	assert_refused(w, huge, "at most 190 bytes");
	assert_int_equal(w->book->sp[0].pseudo, 0);
	world_end(w);
}

static void an_unregistration_waits_for_what_runs(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);
	struct command_answer waiting;

	make_available(w, 5);
	assert_ok(w, "notifier 0x8001 5 register a hold 1s");
	assert_ok(w, "notifier 0x8001 5 register b hold 1s");
	assert_int_equal(destroyed(w, SP, 5), FFA_RETRY);
	tick(w);
	assert_ok(w, "notifier 0x8001 5 unregister a");
	waiting = said;
	assert_true(waiting.waits);
	assert_true(command_waits(w, &waiting));
	tick(w);
	assert_false(command_waits(w, &waiting));
	/* That the next one runs is not for who waited for the first. */
	tick(w);
	assert_true(w->book->sp[0].notifiers.run.active);
	assert_false(command_waits(w, &waiting));
	world_end(w);
}

static void the_seed_does_not_wait(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0,notifier-contract=seed", NULL);

	make_available(w, 5);
	assert_ok(w, "notifier 0x8001 5 register a hold 1s");
	assert_int_equal(destroyed(w, SP, 5), FFA_RETRY);
	tick(w);
	assert_refused(w, "notifier 0x8001 5 unregister a", "not-found");
	assert_false(said.waits);
	world_end(w);
}

static void who_waits_is_let_go_when_the_sp_dies(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	make_available(w, 5);
	assert_ok(w, "notifier 0x8001 5 register a hold 1min");
	assert_int_equal(destroyed(w, SP, 5), FFA_RETRY);
	tick(w);
	assert_ok(w, "notifier 0x8001 5 unregister a");
	assert_true(command_waits(w, &said));
	world_restart_sp(w, 0);
	assert_false(command_waits(w, &said));
	world_end(w);
}

static void the_code_of_an_sp_that_is_down_asks_for_nothing(void **unused)
{
	struct world *w = world_with("trusty:0x8001", NULL);

	assert_ok(w, "stop 0x8001");
	assert_refused(w, "notifier 0x8001 0 register a hold 1s", "which is ABORTING");
	assert_refused(w, "notifier 0x8001 0 unregister a", "which is ABORTING");
	assert_int_equal(w->book->sp[0].pseudo, 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_of_a_notifier_has_its_words),
		cmocka_unit_test(what_is_no_command_is_named),
		cmocka_unit_test(an_unregistration_waits_for_what_runs),
		cmocka_unit_test(the_seed_does_not_wait),
		cmocka_unit_test(who_waits_is_let_go_when_the_sp_dies),
		cmocka_unit_test(the_code_of_an_sp_that_is_down_asks_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
