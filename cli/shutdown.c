/* SPDX-License-Identifier: Apache-2.0 */

/* shutdown: ask once, then watch all VMs that have a life until none has; a line a VM, in the order in which they end. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "dry_run.h"
#include "follow.h"
#include "interrupt.h"
#include "output.h"
#include "patience.h"
#include "words.h"

struct ending {
	char name[LIFECYCLE_NAME_MAX + 1];
	uint64_t life; /* 0: it has none any more */
	uint64_t last; /* that it had */
	int state, substate, cause;
};

struct party {
	struct ending *vm;
	size_t count, size;
	size_t *order, ended; /* who ended first */
	struct progress progress;
};

static struct ending *find(struct party *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->vm[i].name, name) == 0)
			return &p->vm[i];
	return NULL;
}

static struct ending *add(struct party *p, const char *name)
{
	struct ending *vm = p->vm;
	size_t *order = p->order;

	if (p->count == p->size) {
		p->size = p->size ? 2 * p->size : 64;
		vm = realloc(p->vm, p->size * sizeof(*vm));
		p->vm = vm ? vm : p->vm;
		order = realloc(p->order, p->size * sizeof(*order));
		p->order = order ? order : p->order;
		if (!vm || !order)
			return NULL;
	}
	p->vm[p->count] = (struct ending){ .life = 0 };
	(void)snprintf(p->vm[p->count].name, sizeof(p->vm[p->count].name), "%s", name);
	return &p->vm[p->count++];
}

static void has_ended(const struct cli *c, struct party *p, struct ending *vm)
{
	if (!vm->life)
		return;
	vm->life = 0;
	p->order[p->ended++] = (size_t)(vm - p->vm);
	if (!c->quiet && !wants_json(c)) {
		progress_clear();
		(void)printf("%s: ended, %s\n", vm->name, lifecycle_cause_name(vm->cause));
		(void)fflush(stdout);
	}
}

/* A host that goes down waits for its guests; who is told of their end then is the daemon's affair, which goes last. */
static bool is_over(const struct cli *c, const struct ending *vm)
{
	if (c->host && vm->state == LIFECYCLE_STATE_ABORTING)
		return vm->substate != LIFECYCLE_SUB_QUIESCING && vm->substate != LIFECYCLE_SUB_PRESERVED;
	return vm->state == LIFECYCLE_STATE_NULL;
}

static size_t left(const struct party *p)
{
	return p->count - p->ended;
}

/* One that lives again, or for the first time, before the shutdown took effect. */
static bool lives(struct party *p, struct ending *vm, const char *name, uint64_t life)
{
	if (!vm)
		vm = add(p, name);
	if (!vm)
		return false;
	for (size_t i = 0; i < p->ended; i++) {
		if (p->order[i] != (size_t)(vm - p->vm))
			continue;
		memmove(&p->order[i], &p->order[i + 1], (p->ended - i - 1) * sizeof(*p->order));
		p->ended--;
		break;
	}
	vm->life = vm->last = life;
	return true;
}

static bool take_snapshot(const struct cli *c, struct party *p, const struct lifecycle_vm_list *list)
{
	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);
		struct ending *known = find(p, vm->name);

		if (vm->life && !lives(p, known, vm->name, vm->life))
			return false;
		known = find(p, vm->name);
		if (vm->life) {
			known->state = vm->state;
			known->substate = vm->substate;
			known->cause = vm->cause;
			if (is_over(c, known))
				has_ended(c, p, known);
		}
	}
	for (size_t i = 0; i < p->count; i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_find(list, p->vm[i].name);

		if (!vm || !vm->life)
			has_ended(c, p, &p->vm[i]);
	}
	return true;
}

static bool take(const struct cli *c, struct party *p, const struct lifecycle_event *e)
{
	struct ending *vm = find(p, e->name);

	if (vm && e->kind == LIFECYCLE_EVENT_VM_GONE)
		has_ended(c, p, vm);
	if (e->kind != LIFECYCLE_EVENT_STATE || (vm && e->life < vm->last)) /* an old life that settles */
		return true;
	if (e->new_state == LIFECYCLE_STATE_CREATED && (!vm || e->life > vm->last)) {
		if (!lives(p, vm, e->name, e->life))
			return false;
		vm = find(p, e->name);
	}
	if (!vm || !vm->life)
		return true;
	vm->state = e->new_state;
	vm->substate = e->new_substate;
	if (e->cause > LIFECYCLE_CAUSE_NONE)
		vm->cause = e->cause;
	if (is_over(c, vm))
		has_ended(c, p, vm);
	return true;
}

/* 0, or a negative errno: what there is to read was read, or why not. */
static int drain(struct cli *c, struct party *p, struct lifecycle_stream **stream, uint64_t deadline)
{
	for (;;) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(*stream, &e);

		if (r == -EAGAIN)
			return 0;
		if (r == 0 && !take(c, p, &e))
			return -ENOMEM;
		if (r == 0)
			continue;
		r = follow_again(c, "", stream, deadline);
		if (r < 0)
			return r;
		if (!lifecycle_stream_replayed(*stream) && !take_snapshot(c, p, lifecycle_stream_snapshot(*stream)))
			return -ENOMEM;
	}
}

/* Of those that are left the first: who waits for others says so. */
static void show_progress(struct party *p)
{
	char before[64];
	size_t i = 0;

	while (!p->vm[i].life)
		i++;
	(void)snprintf(before, sizeof(before), "%zu of %zu VMs have ended; ", p->ended, p->count);
	progress_show_of(&p->progress, before, p->vm[i].name);
}

static int wait_for_all(struct cli *c, struct party *p, struct lifecycle_stream **stream, uint64_t deadline)
{
	int r;

	progress_begin(&p->progress, c, 1, 1);
	while ((r = drain(c, p, stream, deadline)) == 0 && left(p)) {
		uint64_t show = progress_next(&p->progress);

		r = interrupt_poll(lifecycle_stream_get_fd(*stream), show < deadline ? show : deadline);
		if (r < 0 && (r != -ETIMEDOUT || monotonic_now() >= deadline))
			break;
		if (monotonic_now() >= show)
			show_progress(p);
	}
	progress_clear();
	return r;
}

/* Who is left, where, and on whom each waits. */
static void say_left(struct cli *c, const struct party *p, const char *why)
{
	uint64_t until = monotonic_now() + PATIENCE_SHORT_NS; /* for all: they are asked for one by one, and the daemon may hang */

	(void)cli_say_error("shutdown: %s; it goes on in the background, %zu VM%s left:", why, left(p), left(p) == 1 ? " is" : "s are");
	for (size_t i = 0; i < p->count; i++) {
		_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
		const struct lifecycle_vm_details *d;
		char state[64], waits[256];
		struct words w;

		if (!p->vm[i].life)
			continue;
		if (!patience_short(c, until) || lifecycle_vm_info(c->l, p->vm[i].name, &info) < 0) {
			(void)cli_say_error("  %s", p->vm[i].name);
			continue;
		}
		d = lifecycle_vm_info_details(info);
		format_state(state, sizeof(state), d->vm->state, d->vm->substate);
		words_begin(&w, waits, sizeof(waits));
		words_add_waits(&w, " and ", &d->waits);
		(void)cli_say_error("  %s is %s%s", p->vm[i].name, state, waits);
	}
}

static const struct {
	int error;
	const char *result, *why;
	int code;
} results[] = {
	{ 0, "done", "", 0 },
	{ -ETIMEDOUT, "timed-out", "not done in time", CLI_FAILED },
	{ -EINTR, "interrupted", "interrupted", CLI_INTERRUPTED },
	{ -ENOMEM, "lost", "out of memory", CLI_FAILED },
	{ -ENOTCONN, "lost", "lifecycled went away", CLI_NO_DAEMON }, /* and whatever else */
};

static void print_json(const struct cli *c, const struct party *p, uint64_t seq, const char *result, int code)
{
	struct json_object *o = json_object_new_object(), *vms = json_object_new_array();

	json_add_string(o, "result", result);
	json_add_number(o, "sequence", seq);
	json_add_number(o, "exit_code", (uint64_t)code);
	for (size_t i = 0; i < p->count; i++) { /* those that ended in their order, then the others */
		const struct ending *vm = i < p->ended ? &p->vm[p->order[i]] : NULL;
		struct json_object *one = json_object_new_object();
		size_t nth = i - p->ended;

		for (size_t k = 0; !vm; k++)
			if (p->vm[k].life && nth-- == 0)
				vm = &p->vm[k];
		json_add_string(one, "name", vm->name);
		json_add_number(one, "life", vm->last);
		json_add_string(one, "result", vm->life ? "pending" : "ended");
		json_add_string(one, "state", lifecycle_state_name(vm->state));
		json_add_string(one, "cause", lifecycle_cause_name(vm->cause));
		(void)json_object_array_add(vms, one);
	}
	(void)json_object_object_add(o, "vms", vms);
	json_print(c, o);
}

static int finish(struct cli *c, const struct party *p, uint64_t seq, int error)
{
	size_t i = 0;

	while (i + 1 < sizeof(results) / sizeof(*results) && results[i].error != error)
		i++;
	if (wants_json(c))
		print_json(c, p, seq, results[i].result, results[i].code);
	else if (!error && !c->quiet)
		(void)puts(c->host ? "no guest runs" : "no VM has a life");
	if (error)
		say_left(c, p, results[i].why);
	return results[i].code;
}

#define END "its life would end"

static int rehearse(struct cli *c)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	bool any = false;

	if (lifecycle_list(c->l, &list) < 0) {
		json_object_put(array);
		return cli_fail(c, "shutdown", NULL);
	}
	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);

		if (vm->life && array)
			(void)json_object_array_add(array, dry_run_to_json(c, vm->name, END, 0));
		else if (vm->life)
			(void)printf("%s: " END "\n", vm->name);
		any |= vm->life != 0;
	}
	if (array)
		json_print(c, array);
	else if (!any && !c->quiet)
		(void)puts("no VM has a life");
	return 0;
}

int verb_shutdown(struct cli *c, int argc, char **argv)
{
	_cleanup_(stream_unrefp) struct lifecycle_stream *stream = NULL;
	uint64_t deadline = patience_deadline(c), seq = 0;
	struct party p = { .count = 0 };
	int r;

	if (c->dry_run)
		return rehearse(c);
	if (c->block && lifecycle_subscribe(c->l, "", NULL, 0, &stream) < 0)
		return cli_fail(c, "follow", NULL);
	if (lifecycle_shutdown(c->l, c->host, &seq) < 0)
		return cli_fail(c, "shutdown", NULL);
	if (!c->block) {
		if (!c->quiet && !wants_json(c))
			(void)puts("shutdown accepted");
		else if (wants_json(c))
			print_json(c, &p, seq, "accepted", 0);
		return 0;
	}
	interrupt_catch();
	r = take_snapshot(c, &p, lifecycle_stream_snapshot(stream)) ? wait_for_all(c, &p, &stream, deadline) : -ENOMEM;
	r = finish(c, &p, seq, r);
	free(p.vm);
	free(p.order);
	return r;
}
