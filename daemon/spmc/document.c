/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the SPs know and were told, for tests and for people. Nothing here needs escaping: all strings are from our own
 * tables, and names of notifiers are plain.
 */

#include "spmc/document.h"

#include <inttypes.h>

#include "spmc/event.h"
#include "spmc/personality.h"
#include "spmc/spmc.h"

static const char *const statuses[] = { FFA_STATUSES(FFA_STATUS_NAME) };

/* The form before the status where it was not the SP's own DIRECT_RESP. */
static const char *const forms[] = {
	[SP_RESP] = "",
	[SP_RESP_UNCHANGED] = "",
	[SP_ERROR] = "FFA_ERROR ",
	[SP_INTERRUPT] = "FFA_INTERRUPT",
	[SP_YIELD] = "FFA_YIELD",
	[SP_FORGED] = "forged",
};

static const char *const sp_states[] = {
	[SP_NULL] = "NULL",
	[SP_CREATED] = "CREATED",
	[SP_RUNNING] = "RUNNING",
	[SP_ABORTING] = "ABORTING",
	[SP_HALTED] = "HALTED",
};

static const char *const abort_actions[] = {
	[SP_ABORT_STOP] = "stop",
	[SP_ABORT_DESTROY] = "destroy",
	[SP_ABORT_RESTART] = "restart",
	[SP_ABORT_PROPAGATE] = "propagate",
	[SP_ABORT_LEGACY] = "legacy",
};

static const char *const activations[] = {
	[SP_ACTIVATION_RESET] = "RESET",
	[SP_ACTIVATION_START] = "START",
	[SP_ACTIVATION_FINISH] = "FINISH",
};

static const char *const vm_states[] = {
	[SP_VM_ABSENT] = "absent",
	[SP_VM_FRESH] = "fresh",
	[SP_VM_AVAILABLE] = "available",
	[SP_VM_DESTROY_NOTIFYING] = "destroy-notifying",
	[SP_VM_DESTROY_NOTIFIED] = "destroy-notified",
};

const char *document_status(int32_t status)
{
	return status <= 0 && status >= FFA_NOT_READY ? statuses[-status] : "UNKNOWN";
}

const char *document_vm_state(uint8_t state)
{
	return state < SP_VM_STATE_COUNT ? vm_states[state] : "?";
}

const char *document_sp_state(uint8_t state)
{
	return state < SP_STATE_COUNT ? sp_states[state] : "?";
}

static void write_uuid(struct text *t, const char *key, const uint8_t u[16])
{
	text_add(t, "\"%s\":\"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\",", key, u[0], u[1],
		u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* The pseudo-VM is none that anybody announced, and has a place of its own. */
static bool is_shown(const struct sp *sp, uint32_t vm)
{
	return sp->vm[vm].state != SP_VM_ABSENT && !(sp->pseudo && vm == FFA_ID_HYPERVISOR);
}

static void write_vms(struct text *t, const struct sp *sp)
{
	const char *comma = "";

	text_add(t, "\"vms\":[");
	for (uint32_t vm = 0; vm < sp->end; vm++) {
		if (!is_shown(sp, vm))
			continue;
		text_add(t, "%s{\"id\":%u,\"state\":\"%s\",\"objects\":%u}", comma, vm, vm_states[sp->vm[vm].state],
			sp->vm[vm].objects);
		comma = ",";
	}
	/* Asked for, not made yet. */
	if (sp->pending)
		text_add(t, "%s{\"id\":%u,\"state\":\"pending\",\"objects\":0}", comma, sp->pending_vm);
	text_add(t, "],");
}

static bool is_plain(uint8_t form)
{
	return form == SP_INTERRUPT || form == SP_YIELD || form == SP_FORGED;
}

/* An answer in words, as it is in the log and in the counts. */
static void write_answer(struct text *t, uint8_t form, int32_t status)
{
	text_add(t, "\"%s%s\"", forms[form], is_plain(form) ? "" : document_status(status));
}

static void write_answers(struct text *t, const struct sp_counts *c)
{
	const char *comma = "";

	text_add(t, "\"answers\":{");
	for (uint32_t form = 0; form < SP_FORM_COUNT; form++) {
		for (int32_t i = 0; i < SP_STATUS_COUNT; i++) {
			/* The two forms of a response read alike. */
			uint64_t n = c->answers[form][i] + (form == SP_RESP ? c->answers[SP_RESP_UNCHANGED][i] : 0);

			if (!n || form == SP_RESP_UNCHANGED)
				continue;
			text_add(t, "%s", comma);
			write_answer(t, form, -i);
			text_add(t, ":%" PRIu64, n);
			comma = ",";
		}
	}
	text_add(t, "},\"unanswered\":%" PRIu64 ",", c->unanswered);
}

static void write_events(struct text *t, const struct sp_counts *c)
{
	const char *comma = "";

	text_add(t, "\"events\":{");
	for (int i = 0; i < WORLD_EVENT_COUNT; i++) {
		if (!c->events[i])
			continue;
		text_add(t, "%s\"%s\":%" PRIu64, comma, event_name((enum world_event)i), c->events[i]);
		comma = ",";
	}
	text_add(t, "}");
}

static void write_counts(struct text *t, const struct sp_counts *c)
{
	text_add(t,
		"\"counts\":{\"created\":%" PRIu64 ",\"destroyed\":%" PRIu64 ",\"retry\":%" PRIu64
		",\"refused\":%" PRIu64 ",",
		c->created, c->destroyed, c->retry, c->refused);
	write_answers(t, c);
	write_events(t, c);
	text_add(t, "},");
}

static void write_entry(struct text *t, const struct sp_log *e)
{
	text_add(t, "{\"t\":%" PRIu64 ",\"vm\":%u,\"message\":\"%s\",\"answer\":", e->realtime, e->vm,
		e->message == FFA_VM_CREATED_REQ ? "VM_CREATED" : "VM_DESTROYED");
	write_answer(t, e->form, e->status);
	text_add(t, ",\"generation\":%u}", e->generation);
}

/* Oldest first. `logged` counts all entries ever: what is missing from the list was overwritten. */
static void write_log(struct text *t, const struct sp *sp)
{
	uint64_t first = sp->logged > WORLD_LOG ? sp->logged - WORLD_LOG : 0;

	text_add(t, "\"logged\":%" PRIu64 ",\"log\":[", sp->logged);
	for (uint64_t i = first; i < sp->logged; i++) {
		text_add(t, "%s", i > first ? "," : "");
		write_entry(t, &sp->log[i % WORLD_LOG]);
	}
	text_add(t, "]");
}

/* What Trusty's availability manager has beside the VMs: the slot, the pseudo-VM, the notifiers. */
static void write_manager(struct text *t, const struct world *w, uint32_t index, uint64_t now)
{
	const struct sp *sp = &w->book->sp[index];

	if (!personality_get(w->config.sp[index].personality)->register_notifier)
		return;
	if (sp->pending)
		text_add(t, "\"pending\":%u,", sp->pending_vm);
	else
		text_add(t, "\"pending\":null,");
	if (sp->pseudo)
		text_add(t, "\"pseudo-vm\":\"%s\",", vm_states[sp->vm[FFA_ID_HYPERVISOR].state]);
	else
		text_add(t, "\"pseudo-vm\":null,");
	document_write_notifiers(t, sp, now);
}

static void write_state(struct text *t, const struct sp_config *c, const struct sp *sp)
{
	text_add(t,
		"\"state\":\"%s\",\"panicked\":%s,\"abort-action\":\"%s\",\"activation\":\"%s\","
		"\"activations\":%u,",
		sp_states[sp->state], sp->panicked ? "true" : "false", abort_actions[c->abort_action],
		activations[sp->activation], sp->activations);
}

static void write_sp(struct text *t, const struct world *w, uint32_t index, uint64_t now)
{
	const struct sp_config *c = &w->config.sp[index];
	const struct sp *sp = &w->book->sp[index];
	uint8_t uuid[16];

	text_add(t, "{\"id\":\"0x%04x\",\"personality\":\"%s\",", sp->id, personality_get(c->personality)->name);
	sp_uuid(c, sp, uuid);
	write_uuid(t, "uuid", uuid);
	write_state(t, c, sp);
	text_add(t, "\"generation\":%u,\"properties\":%u,\"open\":%s,\"late\":%s,", sp->generation,
		sp_properties(w, index), sp->open ? "true" : "false",
		w->late[index].due != WORLD_NEVER ? "true" : "false");
	write_vms(t, sp);
	write_manager(t, w, index, now);
	text_add(t, "\"notifications\":%" PRIu64 ",", sp->notified);
	write_counts(t, &sp->counts);
	write_log(t, sp);
	text_add(t, "}");
}

static void write_schedule(struct text *t, const struct world_config *c)
{
	const char *comma = "";

	text_add(t, "\"seed\":%u,\"schedule\":{", c->seed);
	for (int i = 0; i < WORLD_EVENT_COUNT; i++) {
		if (!c->schedule[i])
			continue;
		text_add(t, "%s\"%s\":%" PRIu64, comma, event_name((enum world_event)i), c->schedule[i] / UINT64_C(1000000));
		comma = ",";
	}
	text_add(t, "},");
}

static void write_bitmaps(struct text *t, const struct world_book *b)
{
	const char *comma = "";

	text_add(t, "\"bitmaps\":[");
	for (uint32_t vm = 0; vm < sizeof(b->bitmap_of) / sizeof(b->bitmap_of[0]); vm++) {
		if (!b->bitmap_of[vm])
			continue;
		text_add(t, "%s%u", comma, vm);
		comma = ",";
	}
	text_add(t, "]");
}

void document_write(struct text *t, const struct world *w, bool link, uint64_t now)
{
	const struct world_book *b = w->book;

	text_add(t, "{");
	write_uuid(t, "instance", b->instance);
	text_add(t, "\"spmc\":\"%s\",\"ffa-version\":\"%u.%u\",\"resets\":%" PRIu64 ",", spmc_of_world(w)->name,
		spmc_version(w) >> 16, spmc_version(w) & 0xFFFF, b->resets);
	write_schedule(t, &w->config);
	text_add(t, "\"incarnation\":%" PRIu64 ",\"link\":%s,\"sps\":[", b->incarnation, link ? "true" : "false");
	for (uint32_t i = 0; i < b->sp_count; i++) {
		text_add(t, "%s", i ? "," : "");
		write_sp(t, w, i, now);
	}
	text_add(t, "],");
	write_bitmaps(t, b);
	text_add(t, "}\n");
}
