/* SPDX-License-Identifier: Apache-2.0 */

/* Definitions: made, ended, read, judged. */

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "fields.h"

#define PROBLEM_ROW "(uuss)"

struct lifecycle_problem_list {
	sd_bus_message *reply;
	const char *name;
	struct lifecycle_problem *row;
	size_t count;
};

UTIL_UNREFP(lifecycle_problem_list)

/* sd-bus takes no string that is not UTF-8. */
static int append_text(struct lifecycle *l, sd_bus_message *request, const char *text, const char *source, const char *what)
{
	int r = sd_bus_message_append(request, "ssa{sv}", text, source ? source : "-", 0);

	if (r == -EINVAL)
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_DEFINITION, "%s: not UTF-8 text", source ? source : "-");
	return r < 0 ? connection_fail(l, r, what) : 0;
}

/* ---- define, undefine ---- */

static int read_defined(sd_bus_message *reply, char **ret_name, uint64_t *ret_seq)
{
	_cleanup_(util_freep) char *name = NULL;
	const char *path;
	uint64_t seq;
	int r = sd_bus_message_read(reply, "ot", &path, &seq);

	if (r < 0)
		return r;
	r = sd_bus_path_decode(path, BUS_VM_PREFIX, &name);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	if (ret_name)
		*ret_name = util_take(&name);
	if (ret_seq)
		*ret_seq = seq;
	return 0;
}

int lifecycle_define(struct lifecycle *l, const char *text, const char *source, char **ret_name, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Define", .changes = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r >= 0)
		r = append_text(l, request, text, source, target.method);
	if (r >= 0)
		r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = read_defined(reply, ret_name, ret_seq);
	return r < 0 ? connection_bad_reply(l, r, "Define") : 0;
}

int lifecycle_undefine(struct lifecycle *l, const char *name, uint64_t life, bool pending, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Undefine", .changes = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = pending ? sd_bus_message_append(request, "sta{sv}", name, life, 1, "pending", "b", 1) :
		      sd_bus_message_append(request, "sta{sv}", name, life, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	return connection_change(l, util_take(&request), target.method, ret_seq);
}

/* ---- what it says ---- */

int lifecycle_definition(struct lifecycle *l, const char *name, bool pending, char **ret_text, char **ret_source)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "GetDefinition" };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	_cleanup_(util_freep) char *copy = NULL, *where = NULL;
	const char *text, *source;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = pending ? sd_bus_message_append(request, "sa{sv}", name, 1, "pending", "b", 1) :
		      sd_bus_message_append(request, "sa{sv}", name, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "ss", &text, &source);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	copy = strdup(text);
	where = strdup(source);
	if (!copy || !where)
		return connection_fail(l, -ENOMEM, target.method);
	*ret_text = util_take(&copy);
	if (ret_source)
		*ret_source = util_take(&where);
	return 0;
}

/* ---- what would be wrong ---- */

static int read_problem(sd_bus_message *m, void *element)
{
	struct lifecycle_problem *p = element;
	const char *error;
	int r;

	*p = (struct lifecycle_problem){ .size = sizeof(*p) };
	r = sd_bus_message_read(m, "uuss", &p->line, &p->column, &error, &p->text);
	if (r >= 0)
		p->refusal = lifecycle_refusal_from_name(error);
	return r;
}

int lifecycle_validate(struct lifecycle *l, const char *text, const char *source, struct lifecycle_problem_list **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Validate" };
	_cleanup_(lifecycle_problem_list_unrefp) struct lifecycle_problem_list *list = calloc(1, sizeof(*list));
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r;

	if (!list)
		return connection_fail(l, -ENOMEM, target.method);
	r = connection_prepare(l, &target, &request);
	if (r >= 0)
		r = append_text(l, request, text, source, target.method);
	if (r >= 0)
		r = connection_call(l, util_take(&request), &list->reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(list->reply, "s", &list->name);
	if (r >= 0)
		r = array_read(list->reply, PROBLEM_ROW, sizeof(*list->row), read_problem, (void **)&list->row, &list->count);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	*ret = util_take(&list);
	return 0;
}

struct lifecycle_problem_list *lifecycle_problem_list_unref(struct lifecycle_problem_list *list)
{
	if (!list)
		return NULL;
	sd_bus_message_unref(list->reply);
	free(list->row);
	free(list);
	return NULL;
}

const char *lifecycle_problem_list_name(const struct lifecycle_problem_list *list)
{
	return list->name;
}

size_t lifecycle_problem_list_count(const struct lifecycle_problem_list *list)
{
	return list->count;
}

const struct lifecycle_problem *lifecycle_problem_list_at(const struct lifecycle_problem_list *list, size_t i)
{
	return i < list->count ? &list->row[i] : NULL;
}
