/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions as the bus asks for them: JSON in, JSON out, and what differs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "main/daemon.h"
#include "store/definition.h"

static int parse(void *arg, const char *text, const char *source, struct vm_definition **ret, struct bus_problem *problem,
	size_t room, size_t *ret_count)
{
	const struct daemon *d = arg;
	struct definition_error err[BUS_PROBLEMS_MAX];
	size_t most = room < BUS_PROBLEMS_MAX ? room : BUS_PROBLEMS_MAX;
	int r = definition_parse_all(text, strlen(text), source, d->machine_id, ret, err, most, ret_count);

	for (size_t i = 0; i < *ret_count; i++) {
		problem[i] = (struct bus_problem){ .line = err[i].line, .column = err[i].column };
		snprintf(problem[i].text, sizeof(problem[i].text), "%s", err[i].message);
		snprintf(problem[i].placed, sizeof(problem[i].placed), "%s", err[i].text);
	}
	return r;
}

static void say_source(const struct daemon *d, const struct vm_definition *what, char *source, size_t size)
{
	size_t directory = what->from_file;

	if (!directory || directory > d->options->definition_count)
		snprintf(source, size, "%s", directory ? "vm.d" : "D-Bus");
	else
		snprintf(source, size, "%s/%s.json", d->options->definitions[directory - 1], what->name);
}

static int print(void *arg, const struct vm_definition *what, char **ret_text, char *source, size_t size)
{
	struct buffer b = { 0 };

	definition_print_words(what, &b);
	buffer_char(&b, '\0');
	if (b.error) {
		int r = b.error;

		buffer_free(&b);
		return r;
	}
	say_source(arg, what, source, size);
	*ret_text = b.data;
	return 0;
}

static int reload(void *arg, bool dry, uint64_t token)
{
	return reload_ask(((struct daemon *)arg)->reload, dry, token);
}

const struct bus_definitions definitions_ops = { parse, print, definition_differences, reload };
