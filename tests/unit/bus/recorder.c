/* SPDX-License-Identifier: Apache-2.0 */

/* What a client hears, as text in the order it came: "StateChanged /Lifecycle1/vm/a 5 9 null created -". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/bus/world.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_path(FILE *f, const char *path)
{
	(void)fprintf(f, " %s", path + strlen("/org/lifecycled/Lifecycle1"));
}

static void print_changed(FILE *f, sd_bus_message *m)
{
	const char *interface, *key[64];
	size_t count = 0;

	print_path(f, sd_bus_message_get_path(m));
	assert_true(sd_bus_message_read(m, "s", &interface) > 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key[count++]) > 0);
		assert_true(sd_bus_message_skip(m, "v") > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
	qsort(key, count, sizeof(key[0]), by_name);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(f, " %s", key[i]);
}

static void print_interface(FILE *f, sd_bus_message *m)
{
	const char *interface;

	assert_true(sd_bus_message_read(m, "s", &interface) > 0);
	if (strncmp(interface, BUS_NAME ".", strlen(BUS_NAME ".")) == 0)
		(void)fprintf(f, " %s", interface + strlen(BUS_NAME "."));
}

static void print_added(FILE *f, sd_bus_message *m)
{
	const char *path;

	assert_true(sd_bus_message_read(m, "o", &path) > 0);
	print_path(f, path);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sa{sv}}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0) {
		print_interface(f, m);
		assert_true(sd_bus_message_skip(m, "a{sv}") > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
}

static void print_removed(FILE *f, sd_bus_message *m)
{
	const char *path;

	assert_true(sd_bus_message_read(m, "o", &path) > 0);
	print_path(f, path);
	assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
	while (sd_bus_message_at_end(m, false) == 0)
		print_interface(f, m);
}

static void print_state(FILE *f, sd_bus_message *m)
{
	const char *from, *to, *cause;
	uint64_t seq, life;

	print_path(f, sd_bus_message_get_path(m));
	assert_true(sd_bus_message_read(m, "ttsss", &seq, &life, &from, &to, &cause) > 0);
	(void)fprintf(f, " %lu %lu %s %s %s", (unsigned long)seq, (unsigned long)life, from, to, cause);
}

static int heard(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct world *w = arg;
	const char *member = sd_bus_message_get_member(m);
	size_t size;
	FILE *f;

	assert_true(w->signals < SIGNALS_MAX);
	f = open_memstream(&w->signal[w->signals++], &size);
	assert_non_null(f);
	(void)fprintf(f, "%s", member);
	if (strcmp(member, "PropertiesChanged") == 0)
		print_changed(f, m);
	else if (strcmp(member, "InterfacesAdded") == 0)
		print_added(f, m);
	else if (strcmp(member, "InterfacesRemoved") == 0)
		print_removed(f, m);
	else if (strcmp(member, "StateChanged") == 0)
		print_state(f, m);
	assert_int_equal(fclose(f), 0);
	return 0;
}

void listen_signals(struct world *w)
{
	sd_bus_message *reply;

	assert_true(sd_bus_add_match_async(w->root.sd, NULL, "type='signal',path_namespace='" BUS_PATH "'",
			    heard, NULL, w) >= 0);
	/* The bus answers in order: after this the match holds. */
	reply = call_manager(&w->root, "List", NULL);
	assert_fine(reply);
	(void)sd_bus_message_unref(reply);
}

void assert_signals(struct world *w, const char *const *expected, size_t count)
{
	/* A reply comes after the signals that were sent before it. */
	sd_bus_message *reply = call_manager(&w->root, "List", NULL);

	assert_fine(reply);
	(void)sd_bus_message_unref(reply);
	for (size_t i = 0; i < count && i < w->signals; i++)
		assert_string_equal(w->signal[i], expected[i]);
	assert_int_equal(w->signals, count);
	while (w->signals > 0)
		free(w->signal[--w->signals]);
}
