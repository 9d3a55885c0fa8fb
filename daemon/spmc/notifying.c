/* SPDX-License-Identifier: Apache-2.0 */

/* An SP's notifiers in words: for the inspection document, and a line in the log for each that ran. */

#include "spmc/notifying.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "spmc/document.h"

#define NS_PER_MS UINT64_C(1000000)

static const char *const kinds[] = {
	[NOTIFIER_NONE] = "none",
	[NOTIFIER_HOLD] = "hold",
	[NOTIFIER_RUN] = "run",
};

static uint64_t ms_since(uint64_t then, uint64_t now)
{
	return now > then ? (now - then) / NS_PER_MS : 0;
}

/* "returned 3". What it returned is of its program, or made up. */
static void say_result(struct notifier_result r, char *text, size_t size)
{
	static const char *const hows[NOTIFIER_HOW_COUNT] = {
		[NOTIFIER_RETURNED] = "returned",
		[NOTIFIER_SIGNALLED] = "killed by signal",
		[NOTIFIER_NOT_STARTED] = "not started:",
		[NOTIFIER_UNSEEN] = "gone, nobody saw how",
		[NOTIFIER_CUT_SHORT] = "cut short",
	};

	if (r.how == NOTIFIER_NOT_STARTED)
		(void)snprintf(text, size, "%s %s", hows[r.how], strerror(r.value));
	else if (r.how == NOTIFIER_RETURNED || r.how == NOTIFIER_SIGNALLED)
		(void)snprintf(text, size, "%s %d", hows[r.how], r.value);
	else
		(void)snprintf(text, size, "%s", r.how < NOTIFIER_HOW_COUNT ? hows[r.how] : "?");
}

/* ---- the document ---- */

static void write_one(struct text *t, const char **comma, uint16_t vm, const char *name, uint8_t kind, const char *state)
{
	text_add(t, "%s{\"vm\":%u,\"name\":\"%s\",\"does\":\"%s\",\"state\":\"%s\"", *comma, vm, name,
		kinds[kind < NOTIFIER_KIND_COUNT ? kind : NOTIFIER_NONE], state);
	*comma = ",";
}

static void write_ended(struct text *t, const char **comma, const struct notifiers *l)
{
	uint64_t first = l->ended > NOTIFIER_ENDS ? l->ended - NOTIFIER_ENDS : 0;

	for (uint64_t i = first; i < l->ended; i++) {
		const struct notifier_end *e = &l->last[i % NOTIFIER_ENDS];
		char how[64];

		say_result(e->result, how, sizeof(how));
		write_one(t, comma, e->vm, e->name, e->kind, notifier_failed(e->result) ? "failed" : "done");
		text_add(t, ",\"took-ms\":%" PRIu64 ",\"how\":\"%s\"}", e->took / NS_PER_MS, how);
	}
}

/* In the order of registration, which need not be that of the pool. */
static void write_registered(struct text *t, const char **comma, const struct notifiers *l, uint64_t now)
{
	uint64_t after = 0;

	for (uint32_t left = l->count; left > 0; left--) {
		const struct notifier *next = NULL;

		for (size_t i = 0; i < NOTIFIERS; i++) {
			const struct notifier *n = &l->object[i];

			if (n->registered && n->order >= after && (!next || n->order < next->order))
				next = n;
		}
		if (!next)
			return;
		after = next->order + 1;
		write_one(t, comma, next->vm, next->name, next->callback.kind, "registered");
		text_add(t, ",\"for-ms\":%" PRIu64 "}", ms_since(next->since, now));
	}
}

/* A count for each VM that has them. */
static void write_plain(struct text *t, const struct sp *sp)
{
	const char *comma = "";

	text_add(t, "\"plain-notifiers\":[");
	for (uint32_t vm = 0; vm < sp->end; vm++) {
		if (!sp->vm[vm].plain)
			continue;
		text_add(t, "%s{\"vm\":%u,\"left\":%u}", comma, vm, sp->vm[vm].plain);
		comma = ",";
	}
	text_add(t, "],");
}

void document_write_notifiers(struct text *t, const struct sp *sp, uint64_t now)
{
	const struct notifiers *l = &sp->notifiers;
	const char *comma = "";

	text_add(t, "\"notifiers\":[");
	write_ended(t, &comma, l);
	if (l->run.active) {
		write_one(t, &comma, l->run.what.vm, l->run.what.name, l->run.what.callback.kind, "running");
		text_add(t, ",\"for-ms\":%" PRIu64 ",\"pid\":%d}", ms_since(l->run.begun, now), l->run.pid);
	}
	write_registered(t, &comma, l, now);
	text_add(t, "],");
	write_plain(t, sp);
	text_add(t, "\"notified\":{\"ended\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"unregistered\":%" PRIu64 "},",
		l->ended, l->failed, sp->counts.unregistered);
}

/* ---- the log ---- */

static void report(const struct sp *sp, const struct notifier_end *e)
{
	bool failed = notifier_failed(e->result);
	char how[64];

	say_result(e->result, how, sizeof(how));
	log_write(failed ? LOG_WARNING : LOG_INFO, NULL, "SP 0x%04x: notifier %s of VM %u %s after %" PRIu64 " ms: %s",
		sp->id, e->name, e->vm, failed ? "failed" : "is done", e->took / NS_PER_MS, how);
}

/* More than are kept cannot be told of one by one. */
void notifying_report(const struct world *w, uint64_t told[WORLD_SPS])
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		const struct sp *sp = &w->book->sp[i];
		const struct notifiers *l = &sp->notifiers;

		if (told[i] > l->ended) /* a reset began the count anew */
			told[i] = 0;
		if (l->ended - told[i] > NOTIFIER_ENDS)
			told[i] = l->ended - NOTIFIER_ENDS;
		while (told[i] < l->ended)
			report(sp, &l->last[told[i]++ % NOTIFIER_ENDS]);
	}
}
