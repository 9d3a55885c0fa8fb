/* SPDX-License-Identifier: Apache-2.0 */

/*
 * wait: until each VM has been in a state, or its life is over. One event stream tells of all; what is passed through is seen,
 * however short it was.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "follow.h"
#include "interrupt.h"
#include "output.h"
#include "patience.h"

struct awaited {
	const char *name;
	uint64_t life;   /* now; 0: none */
	uint64_t newest; /* what an older life does is not the VM's: that settles by itself */
	uint64_t target; /* when we began: the life whose end is waited for */
	int state, substate;
	bool reached, gone;
	/* on another host */
	bool over; /* there is no life, and none is to come */
	bool said; /* why it was refused */
	int error; /* of its own; a negative errno */
	int code;  /* refused: an exit code */
};

struct waiting {
	struct awaited *vm;
	size_t count, left;
	const char *states; /* words, with commas between; NULL: the end of the life */
};

static bool is_reached(const struct waiting *w, const struct awaited *vm)
{
	if (!w->states)
		return vm->gone || !vm->life || vm->life != vm->target;
	if (vm->gone)
		return false;
	return has_state(w->states, vm->state, vm->substate);
}

static void say_reached(const struct cli *c, const struct awaited *vm)
{
	char state[64];

	if (c->quiet || wants_json(c))
		return;
	format_state(state, sizeof(state), vm->state, vm->substate);
	if (vm->gone)
		(void)printf("%s: gone\n", vm->name);
	else if (vm->life)
		(void)printf("%s: %s, life %" PRIu64 "\n", vm->name, state, vm->life);
	else
		(void)printf("%s: has no life\n", vm->name);
	(void)fflush(stdout);
}

/* A VM that is gone comes to no state any more. */
static void judge(const struct cli *c, struct waiting *w, struct awaited *vm)
{
	if (vm->reached)
		return;
	vm->reached = is_reached(w, vm);
	if (vm->reached)
		say_reached(c, vm);
	else if (!vm->gone)
		return;
	w->left--;
}

static void take_row(struct awaited *vm, const struct lifecycle_vm *row, uint64_t cursor)
{
	vm->gone = !row;
	vm->life = row ? row->life : 0;
	vm->newest = vm->life ? vm->life : cursor;
	vm->state = row ? row->state : LIFECYCLE_STATE_NULL;
	vm->substate = row ? row->substate : LIFECYCLE_SUB_NONE;
}

static void take_snapshot(const struct cli *c, struct waiting *w, const struct lifecycle_vm_list *list, uint64_t cursor)
{
	for (size_t i = 0; i < w->count; i++) {
		struct awaited *vm = &w->vm[i];

		if (vm->reached || vm->gone)
			continue;
		take_row(vm, lifecycle_vm_list_find(list, vm->name), cursor);
		judge(c, w, vm);
	}
}

/* In a restart the life goes, and the VM goes on with the next one, unless an operation is told of before: that one has to wait. */
static void take_state(struct awaited *vm, const struct lifecycle_event *e)
{
	vm->newest = e->life;
	vm->life = e->new_state == LIFECYCLE_STATE_NULL ? 0 : e->life;
	if (e->new_state != LIFECYCLE_STATE_NULL || e->operation != LIFECYCLE_OP_RESTART)
		vm->state = e->new_state;
	vm->substate = e->new_substate;
}

/* Old lives that settle are not meant. */
static void take_event(const struct cli *c, struct waiting *w, struct awaited *vm, const struct lifecycle_event *e)
{
	if (e->kind == LIFECYCLE_EVENT_VM_GONE)
		take_row(vm, NULL, e->seq);
	else if (e->kind == LIFECYCLE_EVENT_OPERATION && !vm->life)
		vm->state = LIFECYCLE_STATE_NULL;
	else if (e->kind == LIFECYCLE_EVENT_STATE && e->life >= vm->newest)
		take_state(vm, e);
	else
		return;
	judge(c, w, vm);
}

static void take(const struct cli *c, struct waiting *w, const struct lifecycle_event *e)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->vm[i].reached && !w->vm[i].gone && strcmp(w->vm[i].name, e->name) == 0)
			take_event(c, w, &w->vm[i], e);
}

/* 0: none is left; or a negative errno. */
static int wait_for_all(struct cli *c, struct waiting *w, const char *filter, struct lifecycle_stream **stream, uint64_t deadline)
{
	while (w->left) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(*stream, &e);

		if (r == 0)
			take(c, w, &e);
		else if (r == -EAGAIN)
			r = interrupt_poll(lifecycle_stream_get_fd(*stream), deadline);
		else {
			r = follow_again(c, filter, stream, deadline);
			if (r == 0 && !lifecycle_stream_replayed(*stream))
				take_snapshot(c, w, lifecycle_stream_snapshot(*stream), lifecycle_stream_seq(*stream));
			else if (r < 0 && r != -EINTR && r != -ETIMEDOUT)
				r = -ENOTCONN;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- how it ended ---- */

static const struct result {
	int error;
	const char *result, *why;
	int code;
} results[] = {
	{ 0, "reached", NULL, 0 },
	{ -ETIMEDOUT, "timed-out", "not in time", CLI_FAILED },
	{ -EINTR, "interrupted", "interrupted", CLI_INTERRUPTED },
	{ -EBADE, "refused", "refused", CLI_FAILED }, /* with a code of its own */
	{ -ENOTCONN, "lost", "lifecycled went away, and did not come back", CLI_NO_DAEMON },
};

static const struct result *result_of(int error)
{
	size_t last = sizeof(results) / sizeof(*results) - 1;

	for (size_t i = 0; i < last; i++)
		if (results[i].error == error)
			return &results[i];
	return &results[last];
}

static int code_of(const struct awaited *vm, const struct result *r)
{
	if (vm->reached || vm->code)
		return vm->reached ? 0 : vm->code;
	return vm->gone ? lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_NO_SUCH_VM) : r->code;
}

static void say_missed(const struct waiting *w, const struct awaited *vm, const struct result *r)
{
	char state[64];

	format_state(state, sizeof(state), vm->state, vm->substate);
	if (vm->gone)
		(void)cli_say_error("wait %s: it is gone, and comes to no state any more", vm->name);
	else if (vm->over)
		(void)cli_say_error("wait %s: it has no life, and none is to come; start it", vm->name);
	else if (w->states)
		(void)cli_say_error("wait %s: %s; it is %s, and not %s", vm->name, r->why, state, w->states);
	else
		(void)cli_say_error("wait %s: %s; life %" PRIu64 " goes on, it is %s", vm->name, r->why, vm->life, state);
}

static struct json_object *awaited_to_json(const struct awaited *vm, const struct result *r)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "name", vm->name);
	json_add_string(o, "verb", "wait");
	json_add_string(o, "result", vm->reached ? "reached" : vm->gone ? "gone" : vm->over ? "over" : r->result);
	json_add_number(o, "exit_code", (uint64_t)code_of(vm, r));
	json_add_number(o, "life", vm->life);
	json_add_string(o, "state", lifecycle_state_name(vm->state));
	json_add_string(o, "substate", lifecycle_substate_name(vm->substate));
	return o;
}

static int finish(const struct cli *c, const struct waiting *w, int error)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct awaited *vm = &w->vm[i];
		const struct result *r = result_of(vm->error ? vm->error : error);

		code = code ? code : code_of(vm, r);
		if (array)
			(void)json_object_array_add(array, awaited_to_json(vm, r));
		if (!vm->reached && !vm->said)
			say_missed(w, vm, r);
	}
	if (array)
		json_print(c, array);
	return code;
}

/* ---- how it begins ---- */

/* A VM that is not there has a reason to be waited for only if somebody knows its name rightly. */
static int begin(struct cli *c, struct waiting *w, const struct lifecycle_vm_list *list, uint64_t cursor, char **names)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_find(list, names[i]);

		if (!vm) {
			(void)cli_say_error("wait: no VM is called '%s'; 'lifecyclectl list' shows all", names[i]);
			return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_NO_SUCH_VM);
		}
		w->vm[i] = (struct awaited){ .name = names[i], .target = vm->life };
	}
	w->left = w->count;
	take_snapshot(c, w, list, cursor);
	return 0;
}

/* ---- on another host ---- */

/* The words, in `copy`; there is room for as many as there are characters. */
static void split_states(char *copy, const char **words)
{
	char *rest = copy;

	while ((*words = strtok_r(rest, ",", &rest)))
		words++;
}

/* One that is refused is not the others' affair; a daemon that is not there is. 0, or -ENOTCONN. */
static int take_failure(struct cli *c, const struct waiting *w, struct awaited *vm)
{
	int refusal = lifecycle_last_error(c->l)->refusal;
	bool lost = refusal == LIFECYCLE_UNREACHABLE || refusal == LIFECYCLE_NO_ANSWER;

	if (refusal == LIFECYCLE_REFUSED_NO_SUCH_VM) { /* it was there when we began */
		take_row(vm, NULL, 0);
		vm->reached = is_reached(w, vm);
		return 0;
	}
	vm->code = cli_fail(c, "wait", vm->name);
	vm->said = true;
	vm->error = lost ? -ENOTCONN : -EBADE;
	return lost ? -ENOTCONN : 0;
}

/* 0, or -ENOTCONN. */
static int await(struct cli *c, const struct waiting *w, struct awaited *vm, const char *const *states, uint64_t deadline)
{
	struct lifecycle_awaited a = LIFECYCLE_AWAITED_INIT;
	uint64_t now = monotonic_now(), left = deadline > now ? (deadline - now) / 1000000u : 0;
	int ms = deadline == UINT64_MAX ? LIFECYCLE_FOREVER : left > INT_MAX ? INT_MAX : (int)left;

	if (lifecycle_await(c->l, vm->name, states ? 0 : vm->target, states, ms, &a) < 0)
		return take_failure(c, w, vm);
	vm->life = a.life;
	vm->state = a.state;
	vm->substate = a.substate;
	vm->gone = a.result == LIFECYCLE_AWAIT_GONE;
	vm->reached = a.result == LIFECYCLE_AWAIT_REACHED || (!states && a.result != LIFECYCLE_AWAIT_TIMED_OUT);
	vm->over = a.result == LIFECYCLE_AWAIT_OVER;
	if (vm->reached && !states) /* the number is that of the life that is over */
		vm->life = 0;
	return 0;
}

static int await_each(struct cli *c, struct waiting *w, const char *const *states, uint64_t deadline)
{
	for (size_t i = 0; i < w->count; i++) {
		struct awaited *vm = &w->vm[i];

		if (vm->reached)
			continue;
		if (await(c, w, vm, states, deadline) < 0)
			return -ENOTCONN;
		if (vm->reached)
			say_reached(c, vm);
	}
	return -ETIMEDOUT;
}

/* Events need a descriptor, and that comes from no other host: there it is the daemon that waits, for one VM after the other. */
static int wait_there(struct cli *c, struct waiting *w, char **names, uint64_t deadline)
{
	size_t length = c->states ? strlen(c->states) : 0;
	_cleanup_(free_p) char *copy = c->states ? strdup(c->states) : NULL;
	_cleanup_(free_p) const char **states = calloc(length + 1, sizeof(*states));
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	int r;

	if (!states || (c->states && !copy))
		return cli_say_error("out of memory");
	if (copy)
		split_states(copy, states);
	if (lifecycle_list(c->l, &list) < 0)
		return cli_fail(c, "wait", NULL);
	r = begin(c, w, list, 0, names);
	return r ? r : finish(c, w, await_each(c, w, copy ? states : NULL, deadline));
}

int verb_wait(struct cli *c, int argc, char **argv)
{
	_cleanup_(free_p) struct awaited *vm = calloc((size_t)argc, sizeof(*vm));
	_cleanup_(stream_unrefp) struct lifecycle_stream *stream = NULL;
	struct waiting w = { .vm = vm, .count = (size_t)argc, .states = c->states };
	uint64_t deadline = patience_deadline(c);
	const char *filter = argc == 1 ? argv[0] : "";
	int r;

	if (!vm)
		return cli_say_error("out of memory");
	if (c->remote)
		return wait_there(c, &w, argv, deadline);
	if (lifecycle_subscribe(c->l, filter, NULL, 0, &stream) < 0)
		return cli_fail(c, "wait", *filter ? filter : NULL);
	interrupt_catch(); /* not before: a daemon that hangs in that call is left by ^C at once */
	r = begin(c, &w, lifecycle_stream_snapshot(stream), lifecycle_stream_seq(stream), argv);
	if (r)
		return r;
	return finish(c, &w, wait_for_all(c, &w, filter, &stream, deadline));
}
