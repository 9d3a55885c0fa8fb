/* SPDX-License-Identifier: Apache-2.0 */

#include "unit/bus/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define AUTHORITY "org.freedesktop.PolicyKit1.Authority"

/* (sa{sv}) with the one key that a system-bus-name has. */
static void read_subject(sd_bus_message *m, FILE *out)
{
	const char *kind, *key, *name;

	assert_true(sd_bus_message_enter_container(m, 'r', "sa{sv}") > 0);
	assert_true(sd_bus_message_read(m, "s", &kind) > 0);
	assert_string_equal(kind, "system-bus-name");
	assert_true(sd_bus_message_read(m, "a{sv}", 1, &key, "s", &name) > 0);
	assert_string_equal(key, "name");
	assert_true(sd_bus_message_exit_container(m) > 0);
	(void)fputs(name, out);
}

static int asked(struct authority *a, sd_bus_message *m)
{
	const char *action, *key, *value, *id;
	_cleanup_(freep) char *details = NULL;
	size_t size, size_of_details;
	uint32_t flags;
	FILE *out, *more;

	assert_true(a->questions < QUESTIONS_MAX);
	out = open_memstream(&a->text[a->questions], &size);
	more = open_memstream(&details, &size_of_details);
	assert_true(out && more);
	read_subject(m, out);
	assert_true(sd_bus_message_read(m, "s", &action) > 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{ss}") > 0);
	while (sd_bus_message_read(m, "{ss}", &key, &value) > 0)
		(void)fprintf(more, " %s=%s", key, value);
	assert_true(sd_bus_message_exit_container(m) > 0);
	assert_true(sd_bus_message_read(m, "us", &flags, &id) > 0);
	assert_int_equal(fclose(more), 0);
	(void)fprintf(out, " %s %u%s", action, flags, details);
	assert_int_equal(fclose(out), 0);
	a->question[a->questions++] = sd_bus_message_ref(m);
	return 1;
}

static int taken_back(struct authority *a, sd_bus_message *m)
{
	const char *id;

	assert_true(a->cancels < QUESTIONS_MAX);
	assert_true(sd_bus_message_read(m, "s", &id) > 0);
	a->cancelled[a->cancels++] = strdup(id);
	return 1;
}

/* No vtable: sd-bus would let it answer nothing else than what polkit does. */
static int called(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	if (sd_bus_message_is_method_call(m, AUTHORITY, "CheckAuthorization"))
		return asked(arg, m);
	return sd_bus_message_is_method_call(m, AUTHORITY, "CancelCheckAuthorization") ? taken_back(arg, m) : 0;
}

static int has_name(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	assert_fine(reply);
	*(bool *)arg = true;
	return 0;
}

struct authority *authority_new(struct world *w)
{
	struct authority *a = calloc(1, sizeof(*a));
	bool done = false;

	assert_non_null(a);
	world_connect(w, &a->on, 0);
	assert_true(sd_bus_add_object(a->on.sd, &a->slot, "/org/freedesktop/PolicyKit1/Authority", called, a) >= 0);
	assert_true(sd_bus_request_name_async(a->on.sd, NULL, "org.freedesktop.PolicyKit1", 0, has_name, &done) >= 0);
	world_until(w, &done);
	return a;
}

struct authority *authority_free(struct authority *a)
{
	for (size_t i = 0; i < a->questions; i++) {
		(void)sd_bus_message_unref(a->question[i]);
		free(a->text[i]);
	}
	for (size_t i = 0; i < a->cancels; i++)
		free(a->cancelled[i]);
	(void)sd_bus_slot_unref(a->slot);
	world_disconnect(&a->on);
	free(a);
	return NULL;
}

static void until_count(struct authority *a, const size_t *count, size_t wanted)
{
	struct world *w = a->on.world;

	loop_timer_set(w->patience, loop_monotonic() + WORLD_PATIENCE_NS);
	while (*count < wanted)
		assert_int_equal(loop_turn(w->loop, true), 0);
	loop_timer_set(w->patience, LOOP_NEVER);
}

void authority_until(struct authority *a, size_t questions)
{
	until_count(a, &a->questions, questions);
}

void authority_until_cancelled(struct authority *a, size_t cancels)
{
	until_count(a, &a->cancels, cancels);
}

void authority_answer(struct authority *a, size_t question, enum verdict_of_polkit verdict)
{
	sd_bus_message *m = a->question[question];

	assert_non_null(m);
	a->question[question] = NULL;
	if (a->garbled)
		assert_true(sd_bus_reply_method_return(m, "s", "perhaps") >= 0);
	else if (verdict == POLKIT_DISMISSED)
		assert_true(sd_bus_reply_method_return(m, "(bba{ss})", 0, 1, 1, "polkit.dismissed", "true") >= 0);
	else
		assert_true(sd_bus_reply_method_return(m, "(bba{ss})", verdict == POLKIT_YES, verdict == POLKIT_WANTS_PASSWORD, 0) >= 0);
	(void)sd_bus_message_unref(m);
}
