/* SPDX-License-Identifier: Apache-2.0 */

/*
 * --dry-run: what a verb would come to in the state that each VM is in now. The daemon decides, and may have got on until it is
 * asked; what is refused here would be refused there for the same reason.
 */

#include "dry_run.h"

#include <string.h>

#include "output.h"

/* Where a VM stands, as far as verbs care. */
enum phase {
	PHASE_NULL,
	PHASE_WAITS,   /* no life, and one is to begin */
	PHASE_CREATED,
	PHASE_RUNS,
	PHASE_PAUSED,
	PHASE_STOPS,   /* its power key was pressed */
	PHASE_ENDS,    /* by itself: what comes then is its policy's */
	PHASE_ENDED,   /* at somebody's word, for good */
	PHASE_AGAIN,   /* it ends, and the next life follows */
	PHASE_GOES,    /* it ends, and the VM goes with it */
	PHASE_KEPT,    /* for a post-mortem */
	PHASE_COUNT,
};

#define NO_LIFE    "!there is no life to end"
#define NOT_PAUSED "!it can be paused while it runs"
#define ONLY_GO_ON "!only a VM that is paused can go on"
#define NOT_LIVED  "!end its life first, or say that it goes with it (--pending)"
#define AT_ONCE    "a life would begin without its delay, after what it needs"
#define IS_GOING   "nothing: its life ends, and the VM goes with it"
#define GOES       "its life would end, and it would be forgotten, with its definition"
#define NO_WAIT    "!nothing waits that could be taken back"

/* What may be beside the phase, and makes a difference to some verbs. */
enum when {
	ALWAYS,
	QUIESCING, /* the vCPUs of a life that ends come out */
	DELAYED,   /* the next life has a time before which it does not begin by itself */
};

/* '!': it would be refused. The first one that fits, and has words for the phase, says it. */
static const struct rehearsal {
	const char *verb;
	bool preserve, pending;
	enum when when;
	const char *comes_of_it[PHASE_COUNT];
} rehearsals[] = {
	{ "start", false, false, DELAYED, {
		[PHASE_WAITS] = AT_ONCE } },
	{ "start", false, false, ALWAYS, {
		[PHASE_NULL] = "a life would begin, after what it needs",
		[PHASE_WAITS] = "nothing: it is to begin",
		[PHASE_CREATED] = "nothing: it is on its way",
		[PHASE_RUNS] = "nothing: it runs",
		[PHASE_PAUSED] = "nothing: it has a life, which is paused",
		[PHASE_STOPS] = "!it is being stopped: wait until it is null, or restart it",
		[PHASE_ENDS] = "!its life ends: wait until it is null, or restart it",
		[PHASE_ENDED] = "!its life ends: wait until it is null",
		[PHASE_AGAIN] = "!its life ends: wait, the next one follows",
		[PHASE_GOES] = "!its life ends, and the VM goes with it: define it again then",
		[PHASE_KEPT] = "!it is kept for a post-mortem: abort gives it up, or restart it" } },
	{ "stop", false, false, ALWAYS, {
		[PHASE_NULL] = NO_LIFE,
		[PHASE_WAITS] = "its start would be taken back",
		[PHASE_CREATED] = "its life would end at once, for its guest does not run yet",
		[PHASE_RUNS] = "the guest's power key would be pressed",
		[PHASE_PAUSED] = "its guest would go on, and its power key be pressed",
		[PHASE_STOPS] = "nothing: it is being stopped",
		[PHASE_ENDS] = "its life ends, and no other would follow",
		[PHASE_ENDED] = "nothing: its life ends",
		[PHASE_AGAIN] = "its life ends, and no other would follow",
		[PHASE_GOES] = IS_GOING,
		[PHASE_KEPT] = "!it is kept for a post-mortem: abort gives it up" } },
	{ "pause", false, false, ALWAYS, {
		[PHASE_NULL] = NOT_PAUSED,
		[PHASE_WAITS] = NOT_PAUSED,
		[PHASE_CREATED] = NOT_PAUSED,
		[PHASE_RUNS] = "its vCPUs would leave the guest",
		[PHASE_PAUSED] = "nothing: it is paused",
		[PHASE_STOPS] = "!it is being stopped: wait until that is over",
		[PHASE_ENDS] = NOT_PAUSED,
		[PHASE_ENDED] = NOT_PAUSED,
		[PHASE_AGAIN] = NOT_PAUSED,
		[PHASE_GOES] = NOT_PAUSED,
		[PHASE_KEPT] = NOT_PAUSED } },
	{ "resume", false, false, ALWAYS, {
		[PHASE_NULL] = ONLY_GO_ON,
		[PHASE_WAITS] = ONLY_GO_ON,
		[PHASE_CREATED] = ONLY_GO_ON,
		[PHASE_RUNS] = "nothing: it runs",
		[PHASE_PAUSED] = "its vCPUs would go on",
		[PHASE_STOPS] = "nothing: it runs",
		[PHASE_ENDS] = ONLY_GO_ON,
		[PHASE_ENDED] = ONLY_GO_ON,
		[PHASE_AGAIN] = ONLY_GO_ON,
		[PHASE_GOES] = ONLY_GO_ON,
		[PHASE_KEPT] = ONLY_GO_ON } },
	{ "abort", true, false, QUIESCING, {
		[PHASE_ENDS] = "its life ends, and would be kept for a post-mortem",
		[PHASE_ENDED] = "its life ends, and would be kept for a post-mortem",
		[PHASE_AGAIN] = "its life ends, and would be kept for a post-mortem; no other would follow",
		[PHASE_GOES] = "!its life ends, and the VM goes with it: nothing supersedes that" } },
	{ "abort", true, false, ALWAYS, {
		[PHASE_NULL] = "!there is no life to keep",
		[PHASE_WAITS] = "!there is no life to keep",
		[PHASE_CREATED] = "its life would end, and be kept for a post-mortem",
		[PHASE_RUNS] = "its life would end, and be kept for a post-mortem",
		[PHASE_PAUSED] = "its life would end, and be kept for a post-mortem",
		[PHASE_STOPS] = "its life would end, and be kept for a post-mortem",
		[PHASE_ENDS] = "!its end is on its way already",
		[PHASE_ENDED] = "!its end is on its way already",
		[PHASE_AGAIN] = "!its end is on its way already",
		[PHASE_GOES] = "!its end is on its way already",
		[PHASE_KEPT] = "nothing: it is kept" } },
	{ "abort", false, false, ALWAYS, {
		[PHASE_NULL] = NO_LIFE,
		[PHASE_WAITS] = "its start would be taken back",
		[PHASE_CREATED] = "its life would end",
		[PHASE_RUNS] = "its life would end, by force",
		[PHASE_PAUSED] = "its life would end, by force",
		[PHASE_STOPS] = "its life would end, by force",
		[PHASE_ENDS] = "its life ends, and no other would follow",
		[PHASE_ENDED] = "nothing: its life ends",
		[PHASE_AGAIN] = "its life ends, and no other would follow",
		[PHASE_GOES] = IS_GOING,
		[PHASE_KEPT] = "what is kept would be given up" } },
	{ "restart", false, false, DELAYED, {
		[PHASE_WAITS] = AT_ONCE,
		[PHASE_AGAIN] = "its life ends, and the next one would follow without its delay" } },
	{ "restart", false, false, ALWAYS, {
		[PHASE_NULL] = "a life would begin, after what it needs",
		[PHASE_WAITS] = "nothing: it is to begin",
		[PHASE_CREATED] = "its life would end, and the next one begin",
		[PHASE_RUNS] = "its life would end, by force, and the next one begin",
		[PHASE_PAUSED] = "its life would end, by force, and the next one begin",
		[PHASE_STOPS] = "!it is being stopped: start it again when it is null",
		[PHASE_ENDS] = "its life ends, and the next one would begin",
		[PHASE_ENDED] = "!its life ends: start it again when it is null",
		[PHASE_AGAIN] = "nothing: its life ends, and the next one follows",
		[PHASE_GOES] = "!its life ends, and the VM goes with it: define and start it again then",
		[PHASE_KEPT] = "what is kept would be given up, and the next life begin" } },
	{ "destroy", false, false, ALWAYS, {
		[PHASE_NULL] = "it would be forgotten, with its definition",
		[PHASE_WAITS] = "its start would be taken back, and it would be forgotten, with its definition",
		[PHASE_CREATED] = GOES, [PHASE_RUNS] = GOES, [PHASE_PAUSED] = GOES, [PHASE_STOPS] = GOES,
		[PHASE_ENDS] = GOES, [PHASE_ENDED] = GOES, [PHASE_AGAIN] = GOES, [PHASE_GOES] = IS_GOING,
		[PHASE_KEPT] = GOES } },
	{ "undefine", false, true, ALWAYS, {
		[PHASE_NULL] = "it would be forgotten, with its definition",
		[PHASE_WAITS] = "its start would be taken back, and it would be forgotten, with its definition",
		[PHASE_CREATED] = "it would go at the end of its life", [PHASE_RUNS] = "it would go at the end of its life",
		[PHASE_PAUSED] = "it would go at the end of its life", [PHASE_STOPS] = "it would go at the end of its life",
		[PHASE_ENDS] = "it would go at the end of its life", [PHASE_ENDED] = "it would go at the end of its life",
		[PHASE_AGAIN] = "it would go at the end of its life", [PHASE_GOES] = IS_GOING,
		[PHASE_KEPT] = "it would go at the end of its life" } },
	{ "undefine", false, false, ALWAYS, {
		[PHASE_NULL] = "it would be forgotten, with its definition",
		[PHASE_WAITS] = "its start would be taken back, and it would be forgotten, with its definition",
		[PHASE_CREATED] = NOT_LIVED, [PHASE_RUNS] = NOT_LIVED, [PHASE_PAUSED] = NOT_LIVED, [PHASE_STOPS] = NOT_LIVED,
		[PHASE_ENDS] = NOT_LIVED, [PHASE_ENDED] = NOT_LIVED, [PHASE_AGAIN] = NOT_LIVED, [PHASE_GOES] = NOT_LIVED,
		[PHASE_KEPT] = NOT_LIVED } },
	{ "cancel", false, false, ALWAYS, {
		[PHASE_NULL] = NO_WAIT,
		[PHASE_WAITS] = "its start would be taken back",
		[PHASE_CREATED] = "!its life has begun: abort ends it",
		[PHASE_RUNS] = NO_WAIT, [PHASE_PAUSED] = NO_WAIT, [PHASE_STOPS] = NO_WAIT, [PHASE_ENDS] = NO_WAIT,
		[PHASE_ENDED] = NO_WAIT, [PHASE_GOES] = NO_WAIT, [PHASE_KEPT] = NO_WAIT,
		[PHASE_AGAIN] = "its life ends, and no other would follow" } },
};

static enum phase phase_of(const struct lifecycle_vm *vm)
{
	if (vm->state == LIFECYCLE_STATE_NULL)
		return vm->operation == LIFECYCLE_OP_START || vm->operation == LIFECYCLE_OP_RESTART ? PHASE_WAITS : PHASE_NULL;
	if (vm->state == LIFECYCLE_STATE_CREATED)
		return PHASE_CREATED;
	if (vm->substate == LIFECYCLE_SUB_PRESERVED)
		return PHASE_KEPT;
	if (vm->state == LIFECYCLE_STATE_RUNNING && vm->operation == LIFECYCLE_OP_STOP)
		return PHASE_STOPS;
	if (vm->state == LIFECYCLE_STATE_RUNNING)
		return vm->substate == LIFECYCLE_SUB_RUNNING ? PHASE_RUNS : PHASE_PAUSED;
	if (vm->operation == LIFECYCLE_OP_RESTART)
		return PHASE_AGAIN;
	if (vm->operation == LIFECYCLE_OP_DESTROY)
		return PHASE_GOES;
	return vm->operation == LIFECYCLE_OP_NONE ? PHASE_ENDS : PHASE_ENDED;
}

static bool is_now(const struct lifecycle_vm_details *d, enum when when)
{
	switch (when) {
	case QUIESCING:
		return d->vm->substate == LIFECYCLE_SUB_QUIESCING;
	case DELAYED:
		return d->next_start != 0;
	default:
		return true;
	}
}

static const char *words_for(const struct cli *c, const struct lifecycle_vm_details *d)
{
	enum phase phase = phase_of(d->vm);

	for (size_t i = 0; i < sizeof(rehearsals) / sizeof(*rehearsals); i++) {
		const struct rehearsal *r = &rehearsals[i];

		if (strcmp(r->verb, c->verb) == 0 && r->preserve == c->preserve && r->pending == c->pending && is_now(d, r->when) &&
			r->comes_of_it[phase])
			return r->comes_of_it[phase];
	}
	return "!this lifecyclectl does not know what comes of it";
}

/* A refusal that does not come of the state; NULL: there is none. */
static const char *other_refusal(const struct cli *c, const struct lifecycle_vm_details *d, bool starts_nothing, int *ret)
{
	bool begins = strcmp(c->verb, "start") == 0 || strcmp(c->verb, "restart") == 0;

	if (c->if_life && d->vm->life != c->if_life) {
		*ret = LIFECYCLE_REFUSED_WRONG_LIFE;
		return "that life is over";
	}
	if (begins && starts_nothing) {
		*ret = LIFECYCLE_REFUSED_SHUTTING_DOWN;
		return "nothing starts any more";
	}
	if (strcmp(c->verb, "restart") == 0 && d->vm->life && strcmp(d->vm->pending, "removal") == 0) {
		*ret = LIFECYCLE_REFUSED_ILLEGAL_TRANSITION;
		return "its definition was removed, and it goes with this life: define it again first";
	}
	if (strcmp(c->verb, "pause") == 0 && d->vm->stale) {
		*ret = LIFECYCLE_REFUSED_ILLEGAL_TRANSITION;
		return "its VMM is stale, lifecycled cannot speak with it: restart gives it a new one";
	}
	if (strcmp(c->verb, "undefine") == 0 && d->from_file) {
		*ret = LIFECYCLE_REFUSED_OTHER_SOURCE;
		return "a file in vm.d defines it: remove that and reload";
	}
	return NULL;
}

struct json_object *dry_run_to_json(const struct cli *c, const char *name, const char *text, int code)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "name", name);
	json_add_string(o, "verb", c->verb);
	json_add_string(o, code ? "refused" : "would", text);
	json_add_number(o, "exit_code", (uint64_t)code);
	return o;
}

static int rehearse(struct cli *c, const char *name, bool starts_nothing, struct json_object *array)
{
	struct lifecycle_vm_info *info;
	const struct lifecycle_vm_details *d;
	int refusal = LIFECYCLE_REFUSED_NOT, code;
	const char *text;

	if (lifecycle_vm_info(c->l, name, &info) < 0)
		return cli_fail(c, c->verb, name);
	d = lifecycle_vm_info_details(info);
	text = other_refusal(c, d, starts_nothing, &refusal);
	if (!text)
		text = words_for(c, d);
	if (*text == '!') {
		text++;
		refusal = LIFECYCLE_REFUSED_ILLEGAL_TRANSITION;
	}
	code = refusal ? lifecycle_refusal_exit_code(refusal) : 0;
	if (array)
		(void)json_object_array_add(array, dry_run_to_json(c, name, text, code));
	else if (!code)
		(void)printf("%s: %s\n", name, text);
	if (code)
		(void)cli_say_error("%s %s would be refused: %s", c->verb, name, text);
	lifecycle_vm_info_unref(info);
	return code;
}

int dry_run(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	const struct lifecycle_daemon *daemon;
	bool starts_nothing;
	int code = 0;

	if (lifecycle_daemon_info(c->l, &daemon) < 0) {
		json_object_put(array);
		return cli_fail(c, c->verb, NULL);
	}
	starts_nothing = daemon->shutting_down;
	for (int i = 0; i < argc; i++) {
		int one = rehearse(c, argv[i], starts_nothing, array);

		code = code ? code : one;
	}
	if (array)
		json_print(c, array);
	return code;
}
