/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the SPs know and were told, for tests and for people. Nothing here needs escaping: all strings are from our own
 * tables.
 */

#include "spmc/document.h"

#include <inttypes.h>

#include "spmc/personality.h"

static const char *const statuses[] = {
	[-FFA_OK] = "SUCCESS",
	[-FFA_NOT_SUPPORTED] = "NOT_SUPPORTED",
	[-FFA_INVALID_PARAMETERS] = "INVALID_PARAMETERS",
	[-FFA_NO_MEMORY] = "NO_MEMORY",
	[-FFA_BUSY] = "BUSY",
	[-FFA_INTERRUPTED] = "INTERRUPTED",
	[-FFA_DENIED] = "DENIED",
	[-FFA_RETRY] = "RETRY",
	[-FFA_ABORTED] = "ABORTED",
	[-FFA_NO_DATA] = "NO_DATA",
	[-FFA_NOT_READY] = "NOT_READY",
};

/* The form before the status where it was not the SP's own DIRECT_RESP. */
static const char *const forms[] = {
	[SP_RESP] = "",
	[SP_RESP_UNCHANGED] = "",
	[SP_ERROR] = "FFA_ERROR ",
	[SP_INTERRUPT] = "FFA_INTERRUPT",
	[SP_YIELD] = "FFA_YIELD",
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

static void write_uuid(struct text *t, const char *key, const uint8_t u[16])
{
	text_add(t, "\"%s\":\"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\",", key, u[0], u[1],
		u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static void write_vms(struct text *t, const struct sp *sp)
{
	const char *comma = "";

	text_add(t, "\"vms\":[");
	for (uint32_t vm = 0; vm < sp->end; vm++) {
		if (sp->vm[vm].state == SP_VM_ABSENT)
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

static void write_counts(struct text *t, const struct sp_counts *c)
{
	text_add(t,
		"\"counts\":{\"created\":%" PRIu64 ",\"destroyed\":%" PRIu64 ",\"retry\":%" PRIu64
		",\"refused\":%" PRIu64 "},",
		c->created, c->destroyed, c->retry, c->refused);
}

static void write_entry(struct text *t, const struct sp_log *e)
{
	bool open = e->form == SP_INTERRUPT || e->form == SP_YIELD;

	text_add(t, "{\"t\":%" PRIu64 ",\"vm\":%u,\"message\":\"%s\",\"answer\":\"%s%s\",\"generation\":%u}",
		e->realtime, e->vm, e->message == FFA_VM_CREATED_REQ ? "VM_CREATED" : "VM_DESTROYED", forms[e->form],
		open ? "" : document_status(e->status), e->generation);
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

static void write_sp(struct text *t, const struct sp_config *c, const struct sp *sp)
{
	const struct personality *p = personality_get(c->personality);

	text_add(t, "{\"id\":\"0x%04x\",\"personality\":\"%s\",", sp->id, p->name);
	write_uuid(t, "uuid", p->uuid);
	text_add(t, "\"generation\":%u,\"properties\":%u,\"open\":%s,", sp->generation, sp_properties(c),
		sp->open ? "true" : "false");
	write_vms(t, sp);
	write_counts(t, &sp->counts);
	write_log(t, sp);
	text_add(t, "}");
}

static void write_bitmaps(struct text *t, const struct world_book *b)
{
	const char *comma = "";

	text_add(t, "\"bitmaps\":[");
	for (uint32_t vm = 0; vm < sizeof(b->bitmaps) * 8; vm++) {
		if (!(b->bitmaps[vm / 8] & 1u << vm % 8))
			continue;
		text_add(t, "%s%u", comma, vm);
		comma = ",";
	}
	text_add(t, "]");
}

void document_write(struct text *t, const struct world *w, bool link)
{
	const struct world_book *b = w->book;

	text_add(t, "{");
	write_uuid(t, "instance", b->instance);
	text_add(t, "\"incarnation\":%" PRIu64 ",\"link\":%s,\"sps\":[", b->incarnation, link ? "true" : "false");
	for (uint32_t i = 0; i < b->sp_count; i++) {
		text_add(t, "%s", i ? "," : "");
		write_sp(t, &w->config.sp[i], &b->sp[i]);
	}
	text_add(t, "],");
	write_bitmaps(t, b);
	text_add(t, "}\n");
}
