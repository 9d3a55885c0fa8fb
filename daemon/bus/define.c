/* SPDX-License-Identifier: Apache-2.0 */

/* Definitions: Manager.Define, Undefine, Validate, Reload, GetDefinition; VM.PendingChanges. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "bus/internal.h"

#define TEXT_MAX   65536
#define SOURCE_MAX 255
#define PROBLEM_TYPE "(uuss)"
#define CHANGE_TYPE "(sssb)"
#define RELOADED_TYPE "(ssssa" CHANGE_TYPE ")"

static void out_of_memory(struct call *c)
{
	bus_call_refuse(c, REFUSED_NO_MEMORY, "lifecycled is out of memory; nothing was changed, try again");
}

/* ---- Define, Validate ---- */

static int read_text(struct call *c, sd_bus_message *m, sd_bus_error *error)
{
	int r = sd_bus_message_read(m, "ss", &c->text, &c->source);

	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (strlen(c->text) > TEXT_MAX)
		return bus_refuse(error, REFUSED_INVALID_DEFINITION, "the text has %zu bytes, %d are allowed",
			strlen(c->text), TEXT_MAX);
	if (strlen(c->source) > SOURCE_MAX)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "source has %zu bytes, %d are allowed",
			strlen(c->source), SOURCE_MAX);
	c->request.verb = REQUEST_DEFINE;
	return 0;
}

/* Read before the caller is known: polkit is told which VM it would be, and Validate reads a text for anyone, too. */
static int parse_text(struct call *c, sd_bus_error *error)
{
	const struct bus_config *config = &c->bus->config;
	struct bus_problem problem = { 0 };
	size_t count;
	int r = config->definitions->parse(
		config->definitions_arg, c->text, c->source, &c->request.definition, &problem, 1, &count);

	if (r == -ENOMEM)
		return bus_refuse(error, REFUSED_NO_MEMORY, "lifecycled is out of memory; nothing was changed, try again");
	if (r < 0)
		return bus_refuse(error, REFUSED_INVALID_DEFINITION, "%s", problem.placed[0] ? problem.placed : strerror(-r));
	c->request.definition->from_file = 0;
	strcpy(c->request.name, c->request.definition->name);
	return 0;
}

int bus_define_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = read_text(c, m, error);
	if (r >= 0)
		r = parse_text(c, error);
	if (r < 0)
		return r;
	c->run = bus_call_post;
	return bus_call_submit(take_ptr(&c), error);
}

static int append_problem(sd_bus_message *reply, const struct bus_problem *problem)
{
	char text[sizeof(problem->text)];

	strcpy(text, problem->text);
	text_make_utf8(text, sizeof(text));
	return sd_bus_message_append(reply, PROBLEM_TYPE, problem->line, problem->column, problem->error, text);
}

/* Ends the call. */
static void reply_problems(struct call *c, const char *name, const struct bus_problem *problem, size_t count)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(c->message, &reply);

	if (r >= 0)
		r = sd_bus_message_append(reply, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', PROBLEM_TYPE);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = append_problem(reply, &problem[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	if (r < 0)
		out_of_memory(c);
	else
		(void)bus_call_free(c);
}

#define ERROR_PREFIX (sizeof(BUS_NAME ".Error.") - 1)

/* What the text says by itself first; only if that is fine, how it goes with what else is defined. */
static void validate_run(struct call *c)
{
	const struct bus_config *config = &c->bus->config;
	struct bus_problem problem[BUS_PROBLEMS_MAX] = { 0 };
	const struct vm_row *row;
	size_t count;
	int r = config->definitions->parse(config->definitions_arg, c->text, c->source, &c->request.definition, problem,
		BUS_PROBLEMS_MAX, &count);

	for (size_t i = 0; i < count; i++)
		problem[i].error = bus_refusal_error(REFUSED_INVALID_DEFINITION) + ERROR_PREFIX;
	if (r == -EBADMSG && count) {
		reply_problems(c, "", problem, count);
		return;
	}
	if (r < 0) {
		out_of_memory(c);
		return;
	}
	strcpy(c->request.name, c->request.definition->name);
	row = rows_vm(bus_rows(c->bus), c->request.name);
	c->request.definition->from_file = row ? row->definition->from_file : 0; /* it may be for either */
	bus_call_post(c);
}

int bus_validate_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = read_text(c, m, error);
	if (r < 0)
		return r;
	c->request.rehearsal = true;
	c->run = validate_run;
	return bus_call_submit(take_ptr(&c), error);
}

void bus_validate_answer(struct call *c, const struct answer *a)
{
	struct bus_problem problem = { .error = bus_refusal_error(a->refusal) + ERROR_PREFIX };

	strcpy(problem.text, a->text);
	reply_problems(c, c->request.name, &problem, a->refusal == REFUSED_NOT ? 0 : 1);
}

/* ---- Undefine ---- */

int bus_undefine_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *name;
	int r = bus_call_new(b, m, &c, error);

	if (r < 0)
		return r;
	r = sd_bus_message_read(m, "st", &name, &c->request.life);
	if (r >= 0)
		r = bus_read_option(m, "pending", &c->request.pending, error);
	if (r < 0)
		return r;
	if (!bus_vm_name_is_valid(name))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "'%.64s' is no VM name", name);
	c->request.verb = REQUEST_UNDEFINE;
	strcpy(c->request.name, name);
	c->run = bus_call_post;
	return bus_call_submit(take_ptr(&c), error);
}

/* ---- GetDefinition, PendingChanges ---- */

static int no_such(const struct vm_row *row, const char *name, sd_bus_error *error)
{
	if (!row)
		return bus_refuse(error, REFUSED_NO_SUCH_VM, "there is no VM '%.64s'", name);
	if (row->waits_for_end == PENDING_REMOVAL)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"%s has no next life: its definition was removed, and it goes at the end of this one", name);
	return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "no change of %s is pending: its next life is as its definition says", name);
}

int bus_get_definition(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	const struct bus_definitions *ops = b->config.definitions;
	_cleanup_(freep) char *text = NULL;
	const struct vm_definition *d;
	const struct vm_row *row;
	char source[256] = "";
	bool pending = false;
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r >= 0)
		r = bus_read_option(m, "pending", &pending, error);
	if (r < 0)
		return r;
	row = rows_vm(bus_rows(b), name);
	d = row ? (pending ? row->pending : row->definition) : NULL;
	if (!d)
		return no_such(row, name, error);
	r = ops->print(b->config.definitions_arg, d, &text, source, sizeof(source));
	return r < 0 ? r : sd_bus_reply_method_return(m, "ss", text, source);
}

static int append_change(void *ctx, const struct definition_change *change)
{
	int r = sd_bus_message_open_container(ctx, 'r', "sss");

	if (r >= 0)
		r = sd_bus_message_append(ctx, "s", change->key);
	if (r >= 0)
		r = bus_append_text(ctx, change->old);
	if (r >= 0)
		r = bus_append_text(ctx, change->new);
	if (r >= 0)
		r = sd_bus_message_close_container(ctx);
	return r < 0 ? r : 0;
}

int bus_get_pending_changes(sd_bus *sd, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd));
	const struct vm_row *row = userdata;
	int r = sd_bus_message_open_container(reply, 'a', "(sss)");

	if (r >= 0 && row->pending)
		r = b->config.definitions->differ(row->definition, row->pending, append_change, reply);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* ---- Reload ---- */

static void reload_run(struct call *c)
{
	const struct bus_config *config = &c->bus->config;
	int r;

	bus_call_remember(c);
	r = config->definitions->reload(config->definitions_arg, c->request.rehearsal, c->request.token);
	if (r < 0)
		bus_call_refuse(c, REFUSED_INTERNAL, "the definitions cannot be read: %s", strerror(-r));
}

int bus_reload_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	bool dry = false;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = bus_read_option(m, "dry-run", &dry, error);
	if (r < 0)
		return r;
	c->request.rehearsal = dry;
	c->run = reload_run;
	return bus_call_submit(take_ptr(&c), error);
}

static int append_reloaded(sd_bus_message *reply, const struct bus_reloaded *row)
{
	int r = sd_bus_message_open_container(reply, 'r', "ssssa" CHANGE_TYPE);

	if (r >= 0)
		r = sd_bus_message_append(reply, "ss", row->name, row->what);
	if (r >= 0)
		r = bus_append_text(reply, row->path);
	if (r >= 0)
		r = bus_append_text(reply, row->text);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', CHANGE_TYPE);
	for (size_t i = 0; r >= 0 && i < row->change_count; i++)
		r = sd_bus_message_append(reply, CHANGE_TYPE, row->change[i].key, row->change[i].old, row->change[i].new,
			(int)row->change[i].at_once);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

void bus_reload_done(struct bus *b, uint64_t token, int error, const struct bus_reloaded *row, size_t count)
{
	struct call *c = bus_call_of(b, token);
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r;

	if (!c)
		return; /* its connection is gone */
	if (error) {
		bus_call_refuse(c, error == -ENOMEM ? REFUSED_NO_MEMORY : REFUSED_INTERNAL, "the definitions cannot be read: %s",
			strerror(-error));
		return;
	}
	r = sd_bus_message_new_method_return(c->message, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', RELOADED_TYPE);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = append_reloaded(reply, &row[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	if (r < 0)
		out_of_memory(c);
	else
		(void)bus_call_free(c);
}
