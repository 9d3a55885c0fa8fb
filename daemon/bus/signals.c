/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a stored turn makes known on the bus: InterfacesAdded, StateChanged and InterfacesRemoved in the order
 * of the events, then one PropertiesChanged for each object that differs from what was shown last, with what
 * differs and nothing else. So a VM has an object here from its first signal to its last, whatever came
 * together in one turn.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bus/internal.h"

/* A field of a row and the property that shows it; neighbours may share a property. */
struct told {
	const char *property;
	uint16_t offset, size;
};

#define TOLD(row, property, field)                                                                           \
	{                                                                                                    \
		property, offsetof(struct row, field), sizeof(((struct row *)NULL)->field)                   \
	}

static const struct told told_vm[] = {
	TOLD(vm_row, "UUID", uuid),
	TOLD(vm_row, "FromFile", from_file),
	TOLD(vm_row, "Pending", waits_for_end),
	TOLD(vm_row, "Life", life),
	TOLD(vm_row, "FfaId", endpoint),
	TOLD(vm_row, "State", state),
	TOLD(vm_row, "Substate", substate),
	TOLD(vm_row, "Cause", cause),
	TOLD(vm_row, "Since", since),
	TOLD(vm_row, "Operation", operation),
	TOLD(vm_row, "OperationSince", operation_since),
	TOLD(vm_row, "OperationOutcome", outcome),
	TOLD(vm_row, "NextStart", next_start),
	TOLD(vm_row, "VcpuCount", vcpu_count),
	TOLD(vm_row, "MemoryBytes", memory_bytes),
	TOLD(vm_row, "Leases", leases_at),
	TOLD(vm_row, "LastEnd", end_cause),
	TOLD(vm_row, "LastEnd", end_life),
	TOLD(vm_row, "LastEnd", end_at),
};
#define TOLD_VM       (sizeof(told_vm) / sizeof(told_vm[0]))
#define TOLD_VM_BYTES (8 + 16 + 1 + 1 + 8 + 2 + 3 + 8 + 1 + 8 + 1 + 2 + 8 + 1 + 8 + 8 + 8)

static const struct told told_sp[] = {
	TOLD(sp_row, "UUID", sp.uuid),
	TOLD(sp_row, "Properties", sp.properties),
	TOLD(sp_row, "SubscribesCreated", sp.properties),
	TOLD(sp_row, "SubscribesDestroyed", sp.properties),
	TOLD(sp_row, "ExecutionContexts", sp.contexts),
	TOLD(sp_row, "Profile", sp.profile),
	TOLD(sp_row, "Status", sp.status),
	TOLD(sp_row, "Generation", sp.generation),
	TOLD(sp_row, "Version", sp.version),
};
#define TOLD_SP       (sizeof(told_sp) / sizeof(told_sp[0]))
#define TOLD_SP_BYTES (16 + 4 + 4 + 4 + 2 + 1 + 1 + 4 + 4)
_Static_assert(TOLD_SP_BYTES <= sizeof(((struct shown_sp *)NULL)->bytes), "");

/* What was shown last of a VM. */
struct shown {
	struct map_node node;
	struct list touched;
	char name[VM_NAME_MAX + 1];
	uint8_t bytes[TOLD_VM_BYTES];
};

/* Names the properties that differ and takes over the new bytes. `names` has room for count + 1. */
static size_t told_update(const struct told *told, size_t count, const void *row, uint8_t *bytes, size_t size,
	const char **names)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < count; at += told[i].size, i++) {
		const void *field = (const char *)row + told[i].offset;

		assert(at + told[i].size <= size);
		if (memcmp(bytes + at, field, told[i].size) == 0)
			continue;
		memcpy(bytes + at, field, told[i].size);
		if (n == 0 || strcmp(names[n - 1], told[i].property) != 0)
			names[n++] = told[i].property;
	}
	names[n] = NULL;
	return n;
}

/* A signal that cannot be sent is lost to D-Bus clients alone: streams and the next read have the truth. */
static void sent(struct bus *b, int r)
{
	if (r < 0 && !b->emit_failed)
		log_warning("signals on the bus are being lost: %s", strerror(-r));
	b->emit_failed = r < 0;
}

static void emit_changed(struct bus *b, const char *path, const char *interface, const char **names)
{
	if (b->sd)
		sent(b, sd_bus_emit_properties_changed_strv(b->sd, path, interface, (char **)names));
}

static void emit_vm(struct bus *b, const char *name, int (*emit)(sd_bus *, const char *))
{
	_cleanup_(freep) char *path = NULL;
	int r;

	if (!b->sd)
		return;
	r = bus_vm_path(name, &path);
	sent(b, r < 0 ? r : emit(b->sd, path));
}

static void emit_sp(struct bus *b, uint16_t id, int (*emit)(sd_bus *, const char *))
{
	_cleanup_(freep) char *path = NULL;
	int r;

	if (!b->sd)
		return;
	r = bus_partition_path(id, &path);
	sent(b, r < 0 ? r : emit(b->sd, path));
}

static struct shown *shown_find(const struct bus *b, const char *name)
{
	struct map_node *n = map_get(&b->shown, hash_string(name));

	for (; n; n = map_next(n)) {
		struct shown *s = container_of(n, struct shown, node);

		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static struct shown *shown_new(struct bus *b, const struct vm_row *row)
{
	const char *names[TOLD_VM + 1];
	struct shown *s;

	if (map_reserve(&b->shown, b->shown.count + 1) < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->touched);
	strcpy(s->name, row->name);
	(void)told_update(told_vm, TOLD_VM, row, s->bytes, sizeof(s->bytes), names);
	map_put(&b->shown, &s->node, hash_string(s->name));
	return s;
}

static void shown_free(struct bus *b, struct shown *s)
{
	map_remove(&b->shown, &s->node);
	list_remove(&s->touched);
	free(s);
}

/* The VM's object, made known first if it is not; NULL: there is none to be seen. */
static struct shown *vm_appear(struct bus *b, const struct rows *rows, const char *name)
{
	struct shown *s = shown_find(b, name);
	const struct vm_row *row;

	if (s)
		return s;
	row = rows_vm(rows, name);
	s = row ? shown_new(b, row) : NULL;
	if (s)
		emit_vm(b, s->name, sd_bus_emit_object_added);
	return s;
}

static void vm_vanish(struct bus *b, const char *name)
{
	struct shown *s = shown_find(b, name);

	if (!s)
		return;
	b->leaving = s->name;
	emit_vm(b, s->name, sd_bus_emit_object_removed);
	b->leaving = NULL;
	shown_free(b, s);
}

static void vm_moved(struct bus *b, const struct event_record *e)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	if (e->old_state == e->new_state || !b->sd)
		return;
	r = bus_vm_path(e->name, &path);
	if (r >= 0)
		r = sd_bus_emit_signal(b->sd, path, VM_INTERFACE, "StateChanged", "ttsss", e->seq, e->life,
			bus_word(WORDS_STATE, e->old_state), bus_word(WORDS_STATE, e->new_state),
			bus_word(WORDS_CAUSE, e->cause));
	sent(b, r);
}

static struct shown_sp *sp_find(struct bus *b, uint16_t id)
{
	for (size_t i = 0; i < b->shown_sp_count; i++)
		if (b->shown_sp[i].id == id)
			return &b->shown_sp[i];
	return NULL;
}

static struct shown_sp *sp_new(struct bus *b, const struct sp_row *row)
{
	const char *names[TOLD_SP + 1];
	struct shown_sp *s;

	if (b->shown_sp_count >= MODEL_SP_MAX)
		return NULL;
	s = &b->shown_sp[b->shown_sp_count++];
	memset(s, 0, sizeof(*s));
	s->id = row->sp.id;
	(void)told_update(told_sp, TOLD_SP, row, s->bytes, sizeof(s->bytes), names);
	return s;
}

static void sp_vanish(struct bus *b, struct shown_sp *s)
{
	b->leaving_sp = s->id;
	emit_sp(b, s->id, sd_bus_emit_object_removed);
	b->leaving_sp = 0;
	*s = b->shown_sp[--b->shown_sp_count];
}

static void sp_changed(struct bus *b, uint16_t id)
{
	const struct sp_row *row = bus_partition_row(b, id);
	struct shown_sp *s = sp_find(b, id);
	_cleanup_(freep) char *path = NULL;
	const char *names[TOLD_SP + 1];

	if (!row && s)
		sp_vanish(b, s);
	else if (row && !s && sp_new(b, row))
		emit_sp(b, id, sd_bus_emit_object_added);
	else if (row && s && told_update(told_sp, TOLD_SP, row, s->bytes, sizeof(s->bytes), names) &&
		 bus_partition_path(id, &path) == 0)
		emit_changed(b, path, PARTITION_INTERFACE, names);
}

/* Told of the VM after it, in the same turn; NULL: nothing that says where the VM itself went. */
static const struct event_record *next_of_vm(const struct published *what, size_t at)
{
	for (size_t i = at + 1; i < what->count; i++) {
		const struct event_record *e = &what->event[i];

		if ((e->kind == EVENT_STATE || e->kind == EVENT_OPERATION || e->kind == EVENT_VM_GONE) &&
			strcmp(e->name, what->event[at].name) == 0)
			return e;
	}
	return NULL;
}

bool bus_is_replaced(const struct published *what, size_t at)
{
	const struct event_record *e = &what->event[at], *next;

	if (e->kind != EVENT_STATE || e->new_state != VM_NULL || e->operation != OP_RESTART)
		return false;
	next = next_of_vm(what, at);
	return next && next->kind == EVENT_STATE;
}

static void turn_event(struct bus *b, const struct published *what, size_t at)
{
	const struct event_record *e = &what->event[at];
	struct shown *s;

	if (e->kind == EVENT_SP) {
		sp_changed(b, e->sp);
		return;
	}
	if (e->kind == EVENT_VM_GONE) {
		vm_vanish(b, e->name);
		return;
	}
	s = e->name[0] ? vm_appear(b, what->rows, e->name) : NULL;
	if (!s)
		return;
	if (e->kind == EVENT_STATE && !bus_is_replaced(what, at)) /* else the record of the next life tells the VM's move */
		vm_moved(b, e);
	list_remove(&s->touched);
	list_append(&b->touched, &s->touched);
}

static void vm_told(struct bus *b, const struct rows *rows, struct shown *s)
{
	const struct vm_row *row = rows_vm(rows, s->name);
	_cleanup_(freep) char *path = NULL;
	const char *names[TOLD_VM + 1];

	if (!row || !told_update(told_vm, TOLD_VM, row, s->bytes, sizeof(s->bytes), names))
		return;
	if (bus_vm_path(s->name, &path) >= 0)
		emit_changed(b, path, VM_INTERFACE, names);
}

/* What followers are not told of may be shown by a property all the same: leases. */
static void turn_row(struct bus *b, const struct vm_row *row)
{
	struct shown *s = shown_find(b, row->name);

	if (s && list_is_empty(&s->touched))
		list_append(&b->touched, &s->touched);
}

void bus_signals_turn(struct bus *b, const struct published *what)
{
	const char *count[] = { "VmCount", NULL };
	struct shown *s;

	for (size_t i = 0; i < what->count; i++)
		turn_event(b, what, i);
	for (size_t i = 0; i < what->touched_count; i++)
		turn_row(b, what->touched[i]);
	while ((s = list_first(&b->touched, struct shown, touched))) {
		list_remove(&s->touched);
		vm_told(b, what->rows, s);
	}
	if (b->shown_vm_count == rows_vm_count(what->rows))
		return;
	b->shown_vm_count = (uint32_t)rows_vm_count(what->rows);
	emit_changed(b, BUS_PATH, MANAGER_INTERFACE, count);
}

/* What is there already needs no signal. */
int bus_signals_seed(struct bus *b)
{
	const struct rows *rows = bus_rows(b);

	for (size_t i = 0; i < rows_vm_count(rows); i++)
		if (!shown_new(b, rows_vm_at(rows, i)))
			return -ENOMEM;
	for (size_t i = 0; i < rows_sp_count(rows); i++)
		(void)sp_new(b, rows_sp_at(rows, i));
	b->shown_vm_count = (uint32_t)rows_vm_count(rows);
	return 0;
}

void bus_signals_drop(struct bus *b)
{
	struct map_node *n;

	while ((n = map_any(&b->shown)))
		shown_free(b, container_of(n, struct shown, node));
	map_free(&b->shown);
}
