/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Definitions are read again: vm.d of all places, in the helper thread, for a disk may be slow. What is found is then asked
 * for file by file, as a user would, and what came of each is told. A dry run asks a model beside the real one. One reload
 * at a time; who asks meanwhile is served by the next.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "main/daemon.h"
#include "main/rehearsal.h"
#include "store/definition.h"

#define TOKEN_OURS (1ull << 63) /* tokens below are the bus's */
#define PASSES 4 /* of two that are in each other's way one may go first */

struct found {
	char name[VM_NAME_MAX + 1]; /* "": a file or directory that is no VM's */
	char *path, *text;
	struct vm_definition *definition; /* NULL: an error, or its file is gone */
	const char *what, *meant; /* it comes to, and would if it is not refused */
	struct definition_change *change; /* its strings are its own */
	size_t change_count;
	bool asked, refused, accepted;
	enum refusal refusal;
};

struct wish {
	struct list link;
	uint64_t token; /* of the bus; 0: SIGHUP, or the daemon's start */
	bool dry;
};

struct reload {
	struct daemon *daemon;
	struct list wishes;
	struct wish *wish; /* that is served now; NULL: none is */
	struct rehearsal *rehearsal; /* of a dry run */
	struct found *found;
	size_t count, room;
	size_t waiting; /* for so many answers */
	unsigned pass;
	bool incomplete; /* a directory could not be read: nothing is taken for gone */
	int error;
	bool closing;
};

/* ---- reading, in another thread ---- */

static struct found *add(struct reload *r, const char *name, const char *path)
{
	struct found *f;

	if (r->count == r->room) {
		size_t room = r->room ? 2 * r->room : 64;

		f = realloc(r->found, room * sizeof(*f));
		if (!f)
			return NULL;
		r->found = f;
		r->room = room;
	}
	f = &r->found[r->count];
	*f = (struct found) { .path = strdup(path) };
	if (!f->path)
		return NULL;
	snprintf(f->name, sizeof(f->name), "%s", name);
	r->count++;
	return f;
}

static int note(void *ctx, const struct definition_file *file, struct vm_definition *definition, const struct definition_error *err)
{
	struct reload *r = ctx;
	struct found *f = add(r, file->name ? file->name : "", file->path);

	if (!f) {
		free(definition);
		return -ENOMEM;
	}
	f->definition = definition;
	if (definition)
		return 0;
	f->what = "error";
	f->text = strdup(err->text);
	r->incomplete |= !file->name;
	return f->text ? 0 : -ENOMEM;
}

static void read_all(void *arg)
{
	struct reload *r = arg;
	const struct options *o = r->daemon->options;

	r->error = definition_load_dirs(o->definitions, o->definition_count, r->daemon->machine_id, note, r);
}

/* ---- what differs ---- */

static int keep_change(void *ctx, const struct definition_change *change)
{
	struct found *f = ctx;
	struct definition_change *more = realloc(f->change, (f->change_count + 1) * sizeof(*more)), *c;

	if (!more)
		return -ENOMEM;
	f->change = more;
	c = &more[f->change_count++];
	*c = (struct definition_change) { strdup(change->key), strdup(change->old), strdup(change->new), change->at_once };
	return c->key && c->old && c->new ? 0 : -ENOMEM;
}

/* Beside what the next life would be without it. */
static int compare(struct reload *r, struct found *f)
{
	const struct vm_row *row = rows_vm(engine_rows(r->daemon->engine), f->name);
	const struct vm_definition *old = row ? (row->pending ? row->pending : row->definition) : NULL;

	f->what = !old ? "added" : "unchanged";
	if (!old || (memcmp(old, f->definition, sizeof(*old)) == 0 && row->waits_for_end != PENDING_REMOVAL))
		return 0;
	f->what = "changed";
	return definition_differences(old, f->definition, keep_change, f);
}

/* ---- asking ---- */

static void take_answer(struct found *f, const struct answer *a)
{
	f->refused = a->refusal != REFUSED_NOT;
	f->refusal = a->refusal;
	free(f->text);
	f->text = f->refused ? strdup(a->text) : NULL;
	f->what = f->refused ? "refused" : f->meant;
}

static int rehearse(struct reload *r, struct found *f, struct input *in)
{
	struct answer a;
	int e;

	if (!r->rehearsal)
		r->rehearsal = rehearsal_new(
			engine_rows(r->daemon->engine), r->daemon->options->first_id, r->daemon->options->last_id);
	if (!r->rehearsal) {
		free(in->request.definition);
		return -ENOMEM;
	}
	e = rehearsal_ask(r->rehearsal, in, &a);
	if (e == 0)
		take_answer(f, &a);
	return e;
}

static int ask(struct reload *r, struct found *f)
{
	struct input in = { .kind = IN_REQUEST };
	int e;

	in.request.token = TOKEN_OURS | (uint64_t)(f - r->found);
	strcpy(in.request.name, f->name);
	in.request.verb = f->definition ? REQUEST_DEFINE : REQUEST_UNDEFINE;
	in.request.by_file = in.request.pending = true;
	if (f->definition) {
		in.request.definition = malloc(sizeof(*in.request.definition));
		if (!in.request.definition)
			return -ENOMEM;
		*in.request.definition = *f->definition;
	}
	if (r->wish->dry)
		return rehearse(r, f, &in);
	e = engine_post(r->daemon->engine, &in);
	if (e < 0)
		free(in.request.definition);
	else
		r->waiting++;
	return e;
}

static bool is_found(const struct reload *r, const char *name)
{
	for (size_t low = 0, high = r->count; low < high;) {
		size_t at = (low + high) / 2;
		int order = strcmp(r->found[at].name, name);

		if (order == 0)
			return true;
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static void sort(struct reload *r)
{
	if (r->count) /* else there is no array */
		qsort(r->found, r->count, sizeof(*r->found), compare_names);
}

/* VMs whose files are gone. They come last, so that `found` stays in order while it is searched. */
static int add_gone(struct reload *r)
{
	const struct rows *rows = engine_rows(r->daemon->engine);
	size_t files = r->count;
	struct reload known = *r;

	for (size_t i = 0; !r->incomplete && i < rows_vm_count(rows); i++) {
		const struct vm_row *row = rows_vm_at(rows, i);
		struct found *f;

		known.found = r->found;
		known.count = files;
		if (!row->definition->from_file || row->waits_for_end == PENDING_REMOVAL || is_found(&known, row->name))
			continue;
		f = add(r, row->name, "");
		if (!f)
			return -ENOMEM;
		f->what = "removed";
	}
	return 0;
}

static bool may_be_free_later(enum refusal refusal)
{
	return refusal == REFUSED_CYCLE || refusal == REFUSED_EXISTS;
}

static int prepare(struct reload *r)
{
	int e = 0;

	sort(r);
	for (size_t i = 0; e == 0 && i < r->count; i++)
		if (r->found[i].definition)
			e = compare(r, &r->found[i]);
	return e < 0 ? e : add_gone(r);
}

/* VMs go before others come: these may want their ids. */
static int ask_all(struct reload *r)
{
	int e = 0;

	for (int coming = 0; coming < 2; coming++) {
		for (size_t i = 0; e == 0 && i < r->count; i++) {
			struct found *f = &r->found[i];

			if ((f->definition != NULL) != coming || f->asked || (!coming && strcmp(f->what, "removed") != 0))
				continue;
			f->asked = true;
			f->refused = false;
			f->meant = f->meant ? f->meant : f->what;
			e = ask(r, f);
		}
	}
	return e;
}

/* ---- telling ---- */

static void log_result(const struct found *f)
{
	struct log_fields fields = { .length = 0 };

	if (!f->what) /* memory was short before it was looked at */
		return;
	if (*f->name)
		log_field(&fields, "VM_NAME", "%s", f->name);
	if (f->path && *f->path)
		log_field(&fields, "DEFINITION_FILE", "%s", f->path);
	if (strcmp(f->what, "error") == 0) /* the text names the file */
		log_message(MESSAGE_DEFINITION_REFUSED, &fields, "%s", f->text ? f->text : f->path);
	else if (strcmp(f->what, "refused") == 0)
		log_message(MESSAGE_DEFINITION_REFUSED, &fields, "%s: %s", *f->path ? f->path : f->name,
			f->text ? f->text : "out of memory");
	else if (f->accepted && strcmp(f->what, "unchanged") != 0)
		log_message(MESSAGE_DEFINITION_READ, &fields, "definition of %s: %s", f->name, f->what);
}

static void forget_found(struct reload *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct found *f = &r->found[i];

		for (size_t k = 0; k < f->change_count; k++) {
			free((void *)f->change[k].key);
			free((void *)f->change[k].old);
			free((void *)f->change[k].new);
		}
		free(f->change);
		free(f->definition);
		free(f->path);
		free(f->text);
	}
	r->rehearsal = rehearsal_free(r->rehearsal);
	free(r->found);
	r->found = NULL;
	r->count = r->room = r->waiting = 0;
	r->pass = 0;
	r->incomplete = false;
	r->error = 0;
}

static void tell_bus(struct reload *r, uint64_t token)
{
	struct bus_reloaded *rows = calloc(r->count + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < r->count; i++) {
		const struct found *f = &r->found[i];

		rows[i] = (struct bus_reloaded) { f->name, f->what, f->path, f->text ? f->text : "", f->change, f->change_count };
	}
	bus_reload_done(r->daemon->bus, token, rows ? r->error : -ENOMEM, rows, r->count);
	free(rows);
}

static void serve(struct reload *r);

static void finish(struct reload *r)
{
	struct wish *w = r->wish;

	if (r->error < 0)
		log_error("definitions could not be read: %s", strerror(-r->error));
	sort(r); /* those whose files are gone came last */
	for (size_t i = 0; i < r->count && !w->dry; i++)
		log_result(&r->found[i]);
	if (w->token)
		tell_bus(r, w->token);
	r->wish = NULL;
	free(w);
	forget_found(r);
	serve(r);
}

/* ---- from one to the next ---- */

/* All have their answers. Who was in the way of another may be out of it now. */
static void answered(struct reload *r)
{
	bool moved = false, waits = false;

	for (size_t i = 0; i < r->count; i++) {
		struct found *f = &r->found[i];

		moved |= f->asked && !f->refused && !f->accepted;
		f->accepted |= f->asked && !f->refused;
		waits |= f->refused && may_be_free_later(f->refusal);
	}
	if (r->error < 0 || !moved || !waits || ++r->pass == PASSES) {
		finish(r);
		return;
	}
	for (size_t i = 0; i < r->count; i++)
		if (r->found[i].refused && may_be_free_later(r->found[i].refusal))
			r->found[i].asked = false;
	r->error = ask_all(r);
	if (!r->waiting)
		answered(r);
}

static void read_done(void *arg)
{
	struct reload *r = arg;

	if (r->closing)
		return;
	if (r->error == 0)
		r->error = prepare(r);
	if (r->error == 0)
		r->error = ask_all(r);
	if (!r->waiting)
		answered(r);
}

bool reload_answer(struct reload *r, const struct answer *a)
{
	if (!(a->token & TOKEN_OURS))
		return false;
	take_answer(&r->found[a->token & ~TOKEN_OURS], a);
	if (--r->waiting == 0)
		answered(r);
	return true;
}

static void serve(struct reload *r)
{
	int e;

	if (r->wish || list_is_empty(&r->wishes))
		return;
	r->wish = list_first(&r->wishes, struct wish, link);
	list_remove(&r->wish->link);
	e = loop_offload(r->daemon->loop, read_all, read_done, r);
	if (e < 0) {
		r->error = e;
		finish(r);
	}
}

int reload_ask(struct reload *r, bool dry, uint64_t token)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->token = token;
	w->dry = dry;
	list_append(&r->wishes, &w->link);
	serve(r);
	return 0;
}

/* The daemon comes up: nobody waits for it yet. */
int reload_now(struct reload *r)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	r->wish = w;
	read_all(r);
	read_done(r);
	return 0;
}

struct reload *reload_new(struct daemon *d)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (r) {
		r->daemon = d;
		list_init(&r->wishes);
	}
	return r;
}

/* The loop is about to end: what its helper has read concerns nobody any more. */
void reload_close(struct reload *r)
{
	if (r)
		r->closing = true;
}

/* Once the helper has ended. */
struct reload *reload_free(struct reload *r)
{
	struct wish *w, *next;

	if (!r)
		return NULL;
	list_for_each_safe(w, next, &r->wishes, link)
		free(w);
	free(r->wish);
	forget_found(r);
	free(r);
	return NULL;
}
