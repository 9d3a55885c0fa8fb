/* SPDX-License-Identifier: Apache-2.0 */
/*
 * followers BUS SEED COUNT TEMPLATE TEMPLATE: so many clients that follow the VMs each in its own way, at random: reading as events come, or not for a
 * while; gone and back with their cursor, or without; of all VMs, or of one; through deaths of the daemon and gaps. Each keeps a
 * picture made of what it was given, and of nothing else.
 *
 * Each line of input says that nothing changes any more. Then a last thing is done to each VM that somebody follows: it is defined
 * anew (by the templates in turn, each with a %s for the name). Each follower goes on to there, and its picture is held against the
 * daemon's list. Answer: a line, "agree" with what they went through so far, or what differs; then they go on.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lifecycle.h"

#define FOLLOWERS_MAX 32
#define VMS_MAX       256

struct known {
	char name[LIFECYCLE_NAME_MAX + 1];
	uint64_t life;
	uint16_t endpoint;
	int state, substate, cause, operation;
	bool replaced; /* the life is over, and the VM's next one follows, at once unless an operation is told before */
};

struct follower {
	unsigned number;
	struct lifecycle_stream *stream; /* NULL: not subscribed now */
	char filter[LIFECYCLE_NAME_MAX + 1];
	char epoch[64];
	uint64_t seq;
	uint64_t asleep_until; /* does not read before; UINT64_MAX: until it has to */
	struct known vm[VMS_MAX];
	size_t count;
};

static struct follower followers[FOLLOWERS_MAX];
static unsigned follower_count;
static struct lifecycle *daemon_side;
static const char *bus;
static char *const *templates; /* two */
static uint64_t dice_state;
static struct {
	unsigned events, snapshots, replays, gaps, hangups, waits;
} went_through;

static uint64_t dice(uint64_t sides)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return dice_state % sides;
}

static uint64_t milliseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void __attribute__((noreturn, format(printf, 1, 2))) differ(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)putchar('\n');
	exit(1);
}

/* ---- a picture ---- */

static struct known *find(struct follower *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->vm[i].name, name) == 0)
			return &f->vm[i];
	return NULL;
}

static struct known *find_or_add(struct follower *f, const char *name)
{
	struct known *k = find(f, name);

	if (k)
		return k;
	if (f->count == VMS_MAX)
		differ("follower %u: more than %d VMs", f->number, VMS_MAX);
	k = &f->vm[f->count++];
	*k = (struct known){ .state = LIFECYCLE_STATE_NULL };
	strcpy(k->name, name);
	return k;
}

/* What a life that its VM has left behind does is no news of the VM; one that is replaced is not yet its VM's end. */
static void life_moves(struct known *k, const struct lifecycle_event *e)
{
	bool begins = e->new_state == LIFECYCLE_STATE_CREATED && e->old_state != LIFECYCLE_STATE_CREATED;

	if (!begins && k->life != e->life)
		return;
	k->replaced = e->new_state == LIFECYCLE_STATE_NULL && e->operation == LIFECYCLE_OP_RESTART;
	if (k->replaced)
		return;
	k->life = e->new_state == LIFECYCLE_STATE_NULL ? 0 : e->life;
	k->endpoint = k->life ? e->endpoint : 0;
	k->state = e->new_state;
	k->substate = e->new_substate;
	k->cause = k->life ? e->cause : 0;
}

/* The event says itself what was under way, and where the VM is. */
static void operation_moves(struct known *k, const struct lifecycle_event *e)
{
	int state = k->replaced ? LIFECYCLE_STATE_NULL : k->state;

	if (e->old_state != k->operation || e->new_state != state)
		differ("event %llu: %s was under way with %s in %s, known is %s in %s", (unsigned long long)e->seq,
			lifecycle_operation_name(e->old_state), e->name, lifecycle_state_name(e->new_state),
			lifecycle_operation_name(k->operation), lifecycle_state_name(state));
	k->operation = e->operation;
	if (!k->replaced)
		return;
	went_through.waits++;
	k->replaced = false;
	k->life = k->endpoint = 0;
	k->state = LIFECYCLE_STATE_NULL;
	k->substate = LIFECYCLE_SUB_NONE;
	k->cause = LIFECYCLE_CAUSE_NONE;
}

static void learn(struct follower *f, const struct lifecycle_event *e)
{
	struct known *k;

	if (e->seq <= f->seq)
		differ("follower %u: event %llu comes after %llu", f->number, (unsigned long long)e->seq, (unsigned long long)f->seq);
	if (f->filter[0] && strcmp(f->filter, e->name) != 0)
		differ("follower %u of %s is told of %s", f->number, f->filter, e->name);
	f->seq = e->seq;
	went_through.events++;
	if (e->kind == LIFECYCLE_EVENT_VM_GONE) {
		k = find(f, e->name);
		if (!k)
			differ("follower %u: %s goes, which it never saw come", f->number, e->name);
		*k = f->vm[--f->count];
		return;
	}
	if (e->kind == LIFECYCLE_EVENT_VM)
		(void)find_or_add(f, e->name);
	k = find(f, e->name);
	if (k && e->kind == LIFECYCLE_EVENT_STATE)
		life_moves(k, e);
	else if (k && e->kind == LIFECYCLE_EVENT_OPERATION)
		operation_moves(k, e);
}

static void begin_anew(struct follower *f, const struct lifecycle_vm_list *list)
{
	f->count = 0;
	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);
		struct known *k = find_or_add(f, vm->name);

		k->life = vm->life;
		k->endpoint = vm->endpoint;
		k->state = vm->state;
		k->substate = vm->substate;
		k->cause = vm->cause;
		k->operation = vm->operation;
	}
}

/* ---- its ways ---- */

static void leave(struct follower *f)
{
	f->stream = lifecycle_stream_unref(f->stream);
}

/* A connection of its own for each time, as if it were another process. -ENOTCONN: there is no daemon now. */
static int join(struct follower *f)
{
	struct lifecycle *l = NULL;
	int r = lifecycle_new(bus, &l);

	if (r == 0)
		r = lifecycle_subscribe(l, f->filter, f->epoch[0] ? f->epoch : NULL, f->seq, &f->stream);
	if (r == 0 && lifecycle_stream_replayed(f->stream)) {
		went_through.replays++;
		if (lifecycle_stream_seq(f->stream) != f->seq)
			differ("follower %u: a replay from %llu begins at %llu", f->number, (unsigned long long)f->seq,
				(unsigned long long)lifecycle_stream_seq(f->stream));
	} else if (r == 0) {
		went_through.snapshots++;
		begin_anew(f, lifecycle_stream_snapshot(f->stream));
		f->seq = lifecycle_stream_seq(f->stream);
		(void)snprintf(f->epoch, sizeof(f->epoch), "%s", lifecycle_stream_epoch(f->stream));
	}
	lifecycle_unref(l); /* the stream needs no bus */
	return r;
}

/* 0, or -EAGAIN: nothing more now. Without a stream it has to join again. */
static int read_one(struct follower *f)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	int r = lifecycle_stream_next(f->stream, &e);

	if (r == 0) {
		learn(f, &e);
		return 0;
	}
	if (r == -EAGAIN)
		return r;
	if (r != -ENODATA && r != -EOVERFLOW)
		differ("follower %u: %s", f->number, strerror(-r));
	if (r == -EOVERFLOW)
		went_through.gaps++;
	else
		went_through.hangups++;
	leave(f);
	return 0;
}

static void forget(struct follower *f)
{
	f->epoch[0] = '\0';
	f->seq = 0;
}

static void live(struct follower *f, uint64_t now)
{
	if (!f->stream) {
		(void)join(f);
		return;
	}
	if (now < f->asleep_until)
		return;
	for (unsigned i = 0; i < 64 && f->stream && read_one(f) == 0; i++)
		;
	switch (dice(200)) {
	case 0:
		leave(f);
		break;
	case 1:
		leave(f);
		forget(f);
		break;
	case 2:
		f->asleep_until = now + dice(3000);
		break;
	case 3:
		if (dice(4) == 0) /* the next time it is asked for its picture it has a gap, if enough has happened */
			f->asleep_until = UINT64_MAX;
		break;
	}
}

/* ---- quiet ---- */

static const struct lifecycle_vm *find_vm(const struct lifecycle_vm_list *list, const char *name)
{
	return lifecycle_vm_list_find(list, name);
}

static void compare(struct follower *f, const struct lifecycle_vm_list *list)
{
	size_t expected = f->filter[0] ? find_vm(list, f->filter) != NULL : lifecycle_vm_list_count(list);

	for (size_t i = 0; i < f->count; i++) {
		const struct known *k = &f->vm[i];
		const struct lifecycle_vm *vm = find_vm(list, k->name);

		if (!vm)
			differ("follower %u has %s, the daemon does not", f->number, k->name);
		if (k->life != vm->life || k->endpoint != vm->endpoint || k->state != vm->state || k->substate != vm->substate ||
			k->cause != vm->cause || k->operation != vm->operation)
			differ("follower %u at %llu has %s: life %llu id %u state %s/%s cause %s operation %s; the daemon: life %llu id %u "
			       "state %s/%s cause %s operation %s", f->number, (unsigned long long)f->seq, k->name,
				(unsigned long long)k->life, k->endpoint, lifecycle_state_name(k->state),
				lifecycle_substate_name(k->substate), lifecycle_cause_name(k->cause),
				lifecycle_operation_name(k->operation), (unsigned long long)vm->life, vm->endpoint,
				lifecycle_state_name(vm->state), lifecycle_substate_name(vm->substate),
				lifecycle_cause_name(vm->cause), lifecycle_operation_name(vm->operation));
	}
	if (f->count != expected)
		differ("follower %u has %zu VMs, the daemon %zu", f->number, f->count, expected);
}

static void list(struct lifecycle_vm_list **ret)
{
	int r = lifecycle_list(daemon_side, ret);

	if (r < 0)
		differ("the daemon does not answer: %s", lifecycle_last_error(daemon_side)->text);
}

/* The number of a change that it is certainly told of; nothing comes after it. */
static uint64_t last_thing(const char *name, unsigned round)
{
	const char *template = templates[round % 2], *at = strstr(template, "%s");
	uint64_t seq = 0;
	char text[1024];

	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - template), template, name, at + 2);
	if (lifecycle_define(daemon_side, text, "followers", NULL, &seq) < 0 || !seq)
		differ("%s is not defined anew: %s", name, lifecycle_last_error(daemon_side)->text);
	return seq;
}

static void catch_up(struct follower *f, uint64_t seq)
{
	uint64_t until = milliseconds() + 60000;

	f->asleep_until = 0;
	while (f->seq < seq) {
		if (milliseconds() > until)
			differ("follower %u got as far as %llu in a minute, not to %llu", f->number, (unsigned long long)f->seq,
				(unsigned long long)seq);
		if (!f->stream && join(f) < 0)
			differ("follower %u cannot subscribe", f->number);
		if (f->stream && read_one(f) == -EAGAIN)
			(void)lifecycle_stream_wait(f->stream, 1000);
	}
}

static void quiet(unsigned round)
{
	struct lifecycle_vm_list *vms;
	uint64_t seq[FOLLOWERS_MAX], of_all;

	for (unsigned i = 0; i < follower_count; i++)
		seq[i] = followers[i].filter[0] ? last_thing(followers[i].filter, round) : 0;
	of_all = last_thing("marker", round);
	for (unsigned i = 0; i < follower_count; i++)
		catch_up(&followers[i], seq[i] ? seq[i] : of_all);
	list(&vms);
	for (unsigned i = 0; i < follower_count; i++)
		compare(&followers[i], vms);
	lifecycle_vm_list_unref(vms);
	(void)printf("agree events=%u snapshots=%u replays=%u gaps=%u hangups=%u waits=%u\n", went_through.events,
		went_through.snapshots, went_through.replays, went_through.gaps, went_through.hangups, went_through.waits);
}

/* Those that sleep are not looked at: their fds would wake us for nothing. */
static bool wait_for_something(uint64_t now)
{
	struct pollfd p[FOLLOWERS_MAX + 1] = { { .fd = STDIN_FILENO, .events = POLLIN } };

	for (unsigned i = 0; i < follower_count; i++) {
		p[i + 1].fd = followers[i].stream && followers[i].asleep_until <= now ? lifecycle_stream_get_fd(followers[i].stream) : -1;
		p[i + 1].events = POLLIN;
	}
	(void)poll(p, follower_count + 1, 20);
	return p[0].revents;
}

int main(int argc, char **argv)
{
	unsigned round = 0;
	char line[128];
	uint64_t now;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 6 || !strstr(argv[4], "%s") || !strstr(argv[5], "%s"))
		return 2;
	templates = argv + 4;
	bus = argv[1];
	dice_state = strtoull(argv[2], NULL, 10) * 2 + 1;
	follower_count = (unsigned)strtoul(argv[3], NULL, 10);
	if (follower_count > FOLLOWERS_MAX || lifecycle_new(bus, &daemon_side) < 0)
		return 2;
	for (unsigned i = 0; i < follower_count; i++) {
		followers[i].number = i;
		if (i % 4 == 3) /* "vm0" and so on: those that lives are led of */
			(void)snprintf(followers[i].filter, sizeof(followers[i].filter), "vm%u", i / 4);
	}
	followers[0].asleep_until = UINT64_MAX;
	for (;;) {
		now = milliseconds();
		for (unsigned i = 0; i < follower_count; i++)
			live(&followers[i], now);
		if (!wait_for_something(now))
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		quiet(round++);
	}
}
