/* SPDX-License-Identifier: Apache-2.0 */

/*
 * start, stop, pause, resume, abort, restart, destroy: ask for all, then wait for each. Each is followed by a stream of its own.
 * Where the daemon gives no more of them, those that were asked for first are waited for first, and make room.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "bound.h"
#include "interrupt.h"
#include "output.h"
#include "patience.h"
#include "words.h"

#define DEVICES_EVERY_NS 20000000u

static const char *const verb_names[] = {
	[LIFECYCLE_START] = "start",
	[LIFECYCLE_ABORT] = "abort",
	[LIFECYCLE_RESTART] = "restart",
	[LIFECYCLE_DESTROY] = "destroy",
	[LIFECYCLE_STOP] = "stop",
	[LIFECYCLE_PAUSE] = "pause",
	[LIFECYCLE_RESUME] = "resume",
	[LIFECYCLE_PRESERVE] = "abort --preserve",
};

struct task {
	struct follow follow; /* no stream with --no-block */
	const char *name;
	struct bound *bound; /* NULL: it is not */
	uint64_t seq;
	int code; /* an exit code */
	const char *result;
};

static int ask(struct cli *c, enum lifecycle_verb verb, struct task *t)
{
	if (c->block) {
		t->code = follow_begin(c, &t->follow, verb, t->name);
		if (t->code)
			return t->code;
	}
	if ((t->bound ? bound_start(c, t->bound, t->name, &t->seq) : lifecycle_act(c->l, verb, t->name, c->if_life, &t->seq)) < 0)
		return cli_fail(c, verb_names[verb], t->name);
	if (c->block)
		follow_accepted(&t->follow, t->seq);
	if (t->bound) {
		t->follow.back = bound_back;
		t->follow.back_arg = t->bound;
	}
	return 0;
}

/* What the last end says, if it is the end of this life. */
static void say_ended(struct cli *c, const struct task *t, enum lifecycle_verb verb)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	const struct lifecycle_vm_details *d = NULL;

	if (lifecycle_vm_info(c->l, t->name, &info) == 0)
		d = lifecycle_vm_info_details(info);
	(void)cli_say_error("%s %s: it ended before it %s: %s%s%s; 'lifecyclectl status %s' says more", verb_names[verb],
		t->name, verb == LIFECYCLE_PAUSE ? "was paused" : verb == LIFECYCLE_RESUME ? "went on" : "ran", lifecycle_cause_name(t->follow.cause), d && *d->end_text ? ": " : "", d ? d->end_text : "", t->name);
}

/* "it is aborting/retiring, waits on sp 0x8001, tried 12 times, and goes on in the background" */
static void say_unfinished(struct cli *c, const struct task *t, enum lifecycle_verb verb, const char *why)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	const struct lifecycle_vm_details *d;
	const char *then = t->bound ? "ends, for it is bound to this" : "goes on in the background";
	char state[64], waits[256];
	struct words w;
	int r;

	(void)patience_short(c, UINT64_MAX); /* the time is over, or somebody interrupts: a daemon that hangs must not hold that up */
	r = lifecycle_vm_info(c->l, t->name, &info);
	patience_whole(c);
	if (r < 0) {
		(void)cli_say_error("%s %s: %s; it %s", verb_names[verb], t->name, why, then);
		return;
	}
	d = lifecycle_vm_info_details(info);
	format_state(state, sizeof(state), d->vm->state, d->vm->substate);
	words_begin(&w, waits, sizeof(waits));
	words_add_waits(&w, ", ", &d->waits);
	(void)cli_say_error("%s %s: %s; it is %s%s%s and %s", verb_names[verb], t->name, why, state, waits, *waits ? "," : "", then);
}

struct verdict_words {
	const char *result;
	int code;
};

static const struct verdict_words words[] = {
	[FOLLOW_PENDING] = { "pending", CLI_FAILED },
	[FOLLOW_REACHED] = { "done", 0 },
	[FOLLOW_ENDED] = { "ended", CLI_FAILED },
	[FOLLOW_GIVEN_UP] = { "given-up", CLI_FAILED },
	[FOLLOW_UNHEARD] = { "unheard", CLI_UNHEARD },
	[FOLLOW_TIMED_OUT] = { "timed-out", CLI_FAILED },
	[FOLLOW_INTERRUPTED] = { "interrupted", CLI_INTERRUPTED },
	[FOLLOW_LOST] = { "lost", CLI_NO_DAEMON },
};

/* A device by its number, and what it says. */
static void say_device(struct cli *c, const struct task *t, enum lifecycle_verb verb)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	const struct lifecycle_vm_details *d = NULL;
	const char *what = verb == LIFECYCLE_PAUSE ? "would not stop" : "does not start again";
	const char *so = verb == LIFECYCLE_PAUSE ? "it runs on" : "it stays paused";

	if (lifecycle_vm_info(c->l, t->name, &info) == 0)
		d = lifecycle_vm_info_details(info);
	for (size_t i = 0; d && i < d->device_count; i++)
		if (*d->device[i]->text) {
			(void)cli_say_error("%s %s: %s: device %zu (%s) %s: %s", verb_names[verb], t->name, so, i, d->device[i]->type,
				what, d->device[i]->text);
			return;
		}
	(void)cli_say_error("%s %s: %s: a device %s", verb_names[verb], t->name, so, what);
}

/* What came instead of it. */
static void say_given_up(struct cli *c, const struct task *t, enum lifecycle_verb verb)
{
	const char *instead = t->follow.operation > LIFECYCLE_OP_NONE ? lifecycle_operation_name(t->follow.operation) : "its end";

	if (t->follow.kept)
		(void)cli_say_error("%s %s: given up: the life is kept for a post-mortem; 'lifecyclectl abort %s' ends it", verb_names[verb],
			t->name, t->name);
	else if (t->follow.device)
		say_device(c, t, verb);
	else if (t->follow.timed_out)
		(void)cli_say_error("%s %s: given up: a vCPU did not come out in time; all of them run on", verb_names[verb], t->name);
	else
		(void)cli_say_error("%s %s: given up: %s came instead", verb_names[verb], t->name,
			verb == LIFECYCLE_PAUSE && t->follow.operation <= LIFECYCLE_OP_NONE ? "resume" : instead);
}

static void say_verdict(struct cli *c, const struct task *t, enum lifecycle_verb verb, enum verdict v)
{
	switch (v) {
	case FOLLOW_ENDED:
		say_ended(c, t, verb);
		break;
	case FOLLOW_GIVEN_UP:
		say_given_up(c, t, verb);
		break;
	case FOLLOW_UNHEARD:
		(void)cli_say_error("%s %s: it listens to no power key and runs on; 'lifecyclectl abort %s' ends it", verb_names[verb],
			t->name, t->name);
		break;
	case FOLLOW_TIMED_OUT:
		say_unfinished(c, t, verb, "not done in time");
		break;
	case FOLLOW_INTERRUPTED:
		say_unfinished(c, t, verb, "interrupted");
		break;
	case FOLLOW_LOST:
		(void)cli_say_error("%s %s: lifecycled went away; it was accepted, and %s when lifecycled is back", verb_names[verb],
			t->name, t->bound ? "ends" : "goes on");
		break;
	default:
		break;
	}
}

static void say_done(const struct cli *c, const struct task *t, enum lifecycle_verb verb)
{
	if (c->quiet || wants_json(c))
		return;
	if (!c->block)
		(void)printf("%s: %s accepted\n", t->name, verb_names[verb]);
	else if (verb == LIFECYCLE_DESTROY)
		(void)printf("%s: gone\n", t->name);
	else if (verb == LIFECYCLE_ABORT || verb == LIFECYCLE_STOP)
		(void)printf("%s: has no life\n", t->name);
	else if (verb == LIFECYCLE_PRESERVE)
		(void)printf("%s: preserved, life %" PRIu64 "; 'lifecyclectl abort %s' gives it up\n", t->name, t->follow.life, t->name);
	else if (verb == LIFECYCLE_PAUSE)
		(void)printf("%s: paused, life %" PRIu64 "\n", t->name, t->follow.life);
	else
		(void)printf("%s: running, life %" PRIu64 ", FF-A id 0x%04x\n", t->name, t->follow.life, t->follow.endpoint);
}

/*
 * Whether a device that can be led, which those of VFIO can, is not where a guest that runs needs it. Devices are read, not
 * followed.
 */
static bool devices_stand(struct cli *c, const char *name, uint64_t deadline)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	const struct lifecycle_vm_details *d;
	int r = patience_short(c, deadline) ? lifecycle_vm_info(c->l, name, &info) : -ETIMEDOUT;

	patience_whole(c);
	if (r < 0)
		return r == -ETIMEDOUT; /* it is looked at again, while there is time */
	d = lifecycle_vm_info_details(info);
	for (size_t i = 0; i < d->device_count; i++)
		if (strncmp(d->device[i]->type, "vfio-", 5) == 0 && strcmp(d->device[i]->state, "running") != 0 &&
			strcmp(d->device[i]->condition, "dead") != 0 && strcmp(d->device[i]->condition, "unmigratable") != 0)
			return true;
	return false;
}

/* It may go on once its devices do: until then it may be paused again, because one does not. */
static enum verdict wait_for_devices(struct cli *c, struct follow *f, uint64_t deadline)
{
	while (f->life && f->life == f->target && f->substate == LIFECYCLE_SUB_RUNNING && devices_stand(c, f->name, deadline)) {
		uint64_t look = monotonic_now() + DEVICES_EVERY_NS;
		int r = interrupt_poll(lifecycle_stream_get_fd(f->stream), look < deadline ? look : deadline);

		if (r == -EINTR)
			return FOLLOW_INTERRUPTED;
		if (r == -ETIMEDOUT && look >= deadline)
			return FOLLOW_TIMED_OUT;
		follow_read(f);
	}
	return follow_judge(f);
}

static void wait_for(struct cli *c, struct task *t, enum lifecycle_verb verb, uint64_t deadline)
{
	enum verdict v = c->block ? follow_wait(c, &t->follow, deadline) : FOLLOW_REACHED;

	if (c->block && v == FOLLOW_REACHED && verb == LIFECYCLE_RESUME && !c->remote)
		v = wait_for_devices(c, &t->follow, deadline);
	t->code = words[v].code;
	t->result = c->block ? words[v].result : "accepted";
	if (v == FOLLOW_REACHED)
		say_done(c, t, verb);
	else
		say_verdict(c, t, verb, v);
}

static struct json_object *task_to_json(const struct cli *c, const struct task *t, enum lifecycle_verb verb)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "name", t->name);
	json_add_string(o, "verb", verb_names[verb]);
	json_add_string(o, "result", t->result ? t->result : t->code == CLI_INTERRUPTED ? "not-asked" : "refused");
	json_add_number(o, "sequence", t->seq);
	json_add_number(o, "exit_code", (uint64_t)t->code);
	if (c->block && t->result) {
		json_add_number(o, "life", t->follow.life);
		json_add_number(o, "ffa_id", t->follow.endpoint);
		json_add_string(o, "state", lifecycle_state_name(t->follow.state));
		json_add_string(o, "cause", lifecycle_cause_name(t->follow.cause));
	}
	return o;
}

static int finish(const struct cli *c, struct task *task, int count, enum lifecycle_verb verb)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = 0;

	for (int i = 0; i < count; i++) {
		code = code ? code : task[i].code;
		if (array)
			(void)json_object_array_add(array, task_to_json(c, &task[i], verb));
		lifecycle_stream_unref(task[i].follow.stream);
	}
	if (array)
		json_print(c, array);
	return code;
}

struct tasks {
	struct task *task;
	int count, asked, waited; /* so many of them, the first first */
	enum lifecycle_verb verb;
	uint64_t deadline;
};

static void wait_for_next(struct cli *c, struct tasks *all)
{
	struct task *t = &all->task[all->waited++];

	interrupt_catch();
	(void)fflush(stdout); /* whoever reads what was said of the others need not wait for this one */
	progress_begin(&t->follow.progress, c, all->waited, all->count);
	if (t->code == 0)
		wait_for(c, t, all->verb, all->deadline);
	t->follow.stream = lifecycle_stream_unref(t->follow.stream);
}

static bool was_interrupted(const struct tasks *all)
{
	return all->waited > 0 && all->task[all->waited - 1].code == CLI_INTERRUPTED;
}

static int not_asked(const struct tasks *all, const struct task *t)
{
	(void)cli_say_error("%s %s: interrupted before it was asked for", verb_names[all->verb], t->name);
	return CLI_INTERRUPTED;
}

static int ask_next(struct cli *c, struct tasks *all)
{
	struct task *t = &all->task[all->asked];
	int code = was_interrupted(all) ? not_asked(all, t) : ask(c, all->verb, t);

	while (code == -EDQUOT && all->waited < all->asked) {
		wait_for_next(c, all);
		code = was_interrupted(all) ? not_asked(all, t) : ask(c, all->verb, t);
	}
	all->asked++;
	return code == -EDQUOT ? cli_fail(c, "follow", t->name) : code;
}

/* Each VM is followed by a stream of its own; lifecycled gives more of them than a shell lets have files open. */
static void take_all_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int act(struct cli *c, enum lifecycle_verb verb, int count, char **names)
{
	_cleanup_(free_p) struct task *task = calloc((size_t)count, sizeof(*task));
	struct tasks all = { .task = task, .count = count, .verb = verb };

	if (!task)
		return cli_say_error("out of memory");
	take_all_descriptors();
	all.deadline = patience_deadline(c);
	for (int i = 0; i < count; i++) {
		task[i].name = names[i];
		task[i].code = ask_next(c, &all);
	}
	while (all.waited < count)
		wait_for_next(c, &all);
	return finish(c, task, count, verb);
}

static int start_bound(struct cli *c, const char *name)
{
	struct bound b = { .fd = -1 };
	struct task t = { .name = name, .bound = &b };
	uint64_t deadline = patience_deadline(c);

	t.code = ask(c, LIFECYCLE_START, &t);
	if (t.code == -EDQUOT)
		t.code = cli_fail(c, "follow", name);
	interrupt_catch();
	progress_begin(&t.follow.progress, c, 1, 1);
	if (t.code == 0)
		wait_for(c, &t, LIFECYCLE_START, deadline);
	if (t.code == 0)
		t.code = bound_stay(c, &b, name);
	bound_end(&b);
	return finish(c, &t, 1, LIFECYCLE_START);
}

int verb_start(struct cli *c, int argc, char **argv)
{
	if (c->bound && (argc > 1 || !c->block || c->if_life))
		return cli_usage("start --bound takes one VM, and neither --no-block nor --if-life");
	if (c->bound)
		return start_bound(c, argv[0]);
	return act(c, LIFECYCLE_START, argc, argv);
}

int verb_stop(struct cli *c, int argc, char **argv)
{
	return act(c, LIFECYCLE_STOP, argc, argv);
}

int verb_pause(struct cli *c, int argc, char **argv)
{
	return act(c, LIFECYCLE_PAUSE, argc, argv);
}

int verb_resume(struct cli *c, int argc, char **argv)
{
	return act(c, LIFECYCLE_RESUME, argc, argv);
}

int verb_abort(struct cli *c, int argc, char **argv)
{
	return act(c, c->preserve ? LIFECYCLE_PRESERVE : LIFECYCLE_ABORT, argc, argv);
}

int verb_restart(struct cli *c, int argc, char **argv)
{
	return act(c, LIFECYCLE_RESTART, argc, argv);
}

int verb_destroy(struct cli *c, int argc, char **argv)
{
	return act(c, LIFECYCLE_DESTROY, argc, argv);
}
