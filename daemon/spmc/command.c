/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spmc/document.h"
#include "spmc/event.h"
#include "spmc/personality.h"
#include "spmc/span.h"

#define WORDS_MAX 64

struct words {
	char copy[COMMAND_TEXT_MAX];
	const char *word[WORDS_MAX]; /* missing ones are "" */
	int count;
};

static void split(struct words *w, const char *text)
{
	char *rest = w->copy, *word;

	(void)snprintf(w->copy, sizeof(w->copy), "%s", text);
	w->count = 0;
	while ((word = strsep(&rest, " ")) != NULL && w->count < WORDS_MAX)
		if (*word)
			w->word[w->count++] = word;
	for (int i = w->count; i < WORDS_MAX; i++)
		w->word[i] = "";
}

static int say(struct command_answer *a, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int say(struct command_answer *a, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(a->text, sizeof(a->text), format, ap);
	va_end(ap);
	return error;
}

/* -1: it is no number up to `most`. */
static long number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	return *text >= '0' && *text <= '9' && !*end && n <= most ? (long)n : -1;
}

static int find_sp(const struct world *w, const char *id)
{
	long n = number(id, UINT16_MAX);

	return n < 0 ? -ENOENT : world_find(w, (uint16_t)n);
}

/* ---- notifier ID VM register NAME hold TIME [fails], notifier ID VM register NAME run PROGRAM [ARGUMENT..] ---- */

static int read_hold(const struct words *w, struct notifier_callback *ret)
{
	bool fails = strcmp(w->word[7], "fails") == 0;

	if (w->count > 8 || (w->count == 8 && !fails) || span_parse(w->word[6], &ret->hold) < 0)
		return -EINVAL;
	ret->kind = NOTIFIER_HOLD;
	ret->fails = fails;
	return 0;
}

static int read_run(const struct words *w, struct notifier_callback *ret)
{
	size_t n = 0;

	if (w->count > 6 && w->word[6][0] != '/')
		return -EINVAL;
	for (int i = 6; i < w->count; i++) {
		size_t length = strlen(w->word[i]) + 1;

		if (n + length + 1 > sizeof(ret->command))
			return -E2BIG;
		memcpy(ret->command + n, w->word[i], length);
		n += length;
	}
	ret->kind = NOTIFIER_RUN;
	return 0;
}

/* No callback is no mistake of grammar: the SP's code finds out what comes of that. */
static int read_callback(const struct words *w, struct notifier_callback *ret)
{
	*ret = (struct notifier_callback){ 0 };
	if (strcmp(w->word[5], "hold") == 0)
		return read_hold(w, ret);
	if (strcmp(w->word[5], "run") == 0)
		return read_run(w, ret);
	return w->count > 5 ? -EINVAL : 0;
}

static enum notifier_answer do_register(
	struct world *w, uint32_t sp, uint16_t vm, const char *name, const struct notifier_callback *c, uint64_t now)
{
	struct notifier n;
	enum notifier_answer answer = notifier_init(&n, vm, name, c);

	return answer == NOTIFIER_OK ? world_register(w, sp, &n, now) : answer;
}

static int say_notifier(
	const struct world *w, uint32_t sp, uint16_t vm, enum notifier_answer answer, struct command_answer *a)
{
	const struct sp *s = &w->book->sp[sp];
	const char *state = document_vm_state(s->vm[vm].state);

	switch (answer) {
	case NOTIFIER_OK:
	case NOTIFIER_WAITS:
		return say(a, 0, "ok");
	case NOTIFIER_INVALID_ARGUMENTS:
		return say(a, -EINVAL, "invalid-arguments: a notifier needs a name of its own of 1 to %d letters, digits, "
			"'.', '_' and '-', and 'hold TIME' or 'run PROGRAM'", NOTIFIER_NAME - 1);
	case NOTIFIER_NOT_FOUND:
		return say(a, -ENOENT, "not-found: SP 0x%04x has no such notifier, or knows no VM %u (it is %s there)",
			s->id, vm, state);
	case NOTIFIER_BAD_STATE:
		return say(a, -EPERM, "bad-state: VM %u is %s at SP 0x%04x, which is %s; it must be available there, "
			"and the SP running", vm, state, s->id, document_sp_state(s->state));
	default:
		return say(a, -ENOMEM, "no-memory: SP 0x%04x has %d notifiers already", s->id, NOTIFIERS);
	}
}

static int do_notifier(struct world *w, uint64_t now, const struct words *c, struct command_answer *a)
{
	bool registers = strcmp(c->word[3], "register") == 0;
	bool unregisters = strcmp(c->word[3], "unregister") == 0 && c->count <= 5;
	long vm = number(c->word[2], UINT16_MAX);
	int sp = find_sp(w, c->word[1]), r = 0;
	struct notifier_callback callback;
	enum notifier_answer answer;

	if (vm < 0 || (!registers && !unregisters))
		return say(a, -EINVAL, "write 'notifier ID VM register NAME hold TIME [fails]', "
			"'notifier ID VM register NAME run PROGRAM [ARGUMENT..]' or 'notifier ID VM unregister NAME'");
	if (sp < 0)
		return say(a, -ENOENT, "no SP has the id '%s'", c->word[1]);
	if (!personality_get(w->config.sp[sp].personality)->register_notifier)
		return say(a, -EPERM, "an SP that is %s has no notifiers; trusty has",
			personality_get(w->config.sp[sp].personality)->name);
	if (registers)
		r = read_callback(c, &callback);
	if (r < 0)
		return say(a, r, "what it does cannot be read: write 'hold TIME [fails]' with %s, or 'run PROGRAM "
			"[ARGUMENT..]' with its path from / on, of at most %d bytes", SPAN_IS, NOTIFIER_COMMAND - 2);
	a->sp = (uint32_t)sp;
	a->order = w->book->sp[sp].notifiers.run.what.order;
	answer = registers ? do_register(w, a->sp, (uint16_t)vm, c->word[4], &callback, now) :
			     world_unregister(w, a->sp, (uint16_t)vm, c->word[4], now);
	a->waits = answer == NOTIFIER_WAITS;
	return say_notifier(w, a->sp, (uint16_t)vm, answer, a);
}

bool command_waits(const struct world *w, const struct command_answer *a)
{
	const struct notifier_run *run = &w->book->sp[a->sp].notifiers.run;

	return a->waits && run->active && run->what.order == a->order;
}

/* ---- notification ID VM set BITMAP [VCPU], notification ID VM bind BITMAP ---- */

static int say_set(struct world *w, uint32_t sp, uint16_t vm, long vcpu, uint64_t bitmap, struct command_answer *a)
{
	switch (world_notify(w, sp, vm, (int32_t)vcpu, bitmap)) {
	case FFA_OK:
		return say(a, 0, "ok");
	case FFA_DENIED:
		return say(a, -EPERM, "denied: VM %u has not bound these to SP 0x%04x, %s", vm, w->book->sp[sp].id,
			vcpu < 0 ? "as global ones" : "for each vCPU");
	default:
		return say(a, -ENOENT, "invalid-parameters: VM %u has no notification bitmap, or not so many vCPUs", vm);
	}
}

static int do_notification(struct world *w, const struct words *c, struct command_answer *a)
{
	bool sets = strcmp(c->word[3], "set") == 0 && c->count <= 6, binds = strcmp(c->word[3], "bind") == 0 && c->count == 5;
	long vm = number(c->word[2], 0x7FFF), vcpu = c->count == 6 ? number(c->word[5], WORLD_VCPUS - 1) : WORLD_NOTIFY_GLOBAL;
	int sp = find_sp(w, c->word[1]);
	char *end;
	uint64_t bitmap = strtoull(c->word[4], &end, 0);

	if (vm <= 0 || (!sets && !binds) || (c->count == 6 && vcpu < 0) || c->word[4][0] < '0' || c->word[4][0] > '9' || *end ||
		!bitmap)
		return say(a, -EINVAL, "write 'notification ID VM set BITMAP [VCPU]' or 'notification ID VM bind BITMAP'");
	if (sp < 0)
		return say(a, -ENOENT, "no SP has the id '%s'", c->word[1]);
	if (sets)
		return say_set(w, (uint32_t)sp, (uint16_t)vm, vcpu, bitmap, a);
	world_notified_by(w, (uint32_t)sp, (uint16_t)vm, bitmap);
	return say(a, 0, "ok");
}

/* ---- events ---- */

static int say_events(const char *name, struct command_answer *a)
{
	(void)say(a, 0, "no event is called '%.32s'; write notifier, notification, or one of:", name);
	for (int i = 0; i < WORLD_EVENT_COUNT; i++) {
		size_t n = strlen(a->text);

		(void)snprintf(a->text + n, sizeof(a->text) - n, " %s", event_name((enum world_event)i));
	}
	return -EINVAL;
}

static int do_event(struct world *w, uint64_t now, const struct words *c, struct command_answer *a)
{
	const char *name = c->word[0], *id = c->word[1];
	int event = event_find(name), sp = 0;
	int32_t status;

	if (event < 0)
		return say_events(name, a);
	if (c->count != (event == WORLD_RESET ? 1 : 2))
		return say(a, -EINVAL, "write '%s%s'", name, event == WORLD_RESET ? "" : " ID");
	if (event != WORLD_RESET && (sp = find_sp(w, id)) < 0)
		return say(a, -ENOENT, "no SP has the id '%s'", id);
	status = world_event(w, (enum world_event)event, (uint32_t)sp, now);
	if (status != FFA_OK)
		return say(a, -EPERM, "%s %s: %s", name, id, document_status(status));
	log_notice("told to %s %s", name, id);
	return say(a, 0, "ok");
}

int command_do(struct world *w, uint64_t monotonic, const char *command, struct command_answer *ret)
{
	struct words c;

	*ret = (struct command_answer){ 0 };
	split(&c, command);
	if (strcmp(c.word[0], "notifier") == 0)
		return do_notifier(w, monotonic, &c, ret);
	if (strcmp(c.word[0], "notification") == 0)
		return do_notification(w, &c, ret);
	return do_event(w, monotonic, &c, ret);
}
