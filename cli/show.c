/* SPDX-License-Identifier: Apache-2.0 */

/* show: properties as KEY=VALUE, a line each, for scripts. */

#include <string.h>

#include "output.h"

static void properties_unrefp(struct lifecycle_property_list **p)
{
	lifecycle_property_list_unref(*p);
}

/* A line is a line: what would end it, or steer a terminal, is written as in C. */
static void print_text(const char *text)
{
	for (const char *at = text; *at;) {
		size_t plain = strcspn(at, "\n\r\t\\");

		put_text(stdout, at, plain);
		at += plain;
		if (!*at)
			break;
		(void)printf("\\%c", *at == '\n' ? 'n' : *at == '\r' ? 'r' : *at == '\t' ? 't' : '\\');
		at++;
	}
}

static void print_value(struct json_object *o);

static void print_elements(struct json_object *array, const char *between)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *element = json_object_array_get_idx(array, i);
		bool nested = json_object_is_type(element, json_type_array);

		(void)fputs(i ? between : "", stdout);
		(void)fputs(nested ? "{ " : "", stdout);
		if (nested)
			print_elements(element, " ; ");
		else
			print_value(element);
		(void)fputs(nested ? " }" : "", stdout);
	}
}

static void print_pairs(struct json_object *o)
{
	const char *between = "";

	json_object_object_foreach(o, key, value)
	{
		(void)printf("%s%s=", between, key);
		print_value(value);
		between = " ";
	}
}

static void print_value(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_boolean:
		(void)fputs(json_object_get_boolean(o) ? "yes" : "no", stdout);
		break;
	case json_type_array:
		print_elements(o, " ");
		break;
	case json_type_object:
		print_pairs(o);
		break;
	default:
		print_text(o ? json_object_get_string(o) : "");
		break;
	}
}

static bool is_empty(const char *value)
{
	return strcmp(value, "\"\"") == 0 || strcmp(value, "[]") == 0 || strcmp(value, "{}") == 0;
}

static void print_property(const struct cli *c, const struct lifecycle_property *p)
{
	_cleanup_(json_putp) struct json_object *o = json_tokener_parse(p->value);

	if (!c->value)
		(void)printf("%s=", p->name);
	if (*p->signature == '(') {
		(void)fputs("{ ", stdout);
		print_elements(o, " ; ");
		(void)fputs(" }", stdout);
	} else {
		print_value(o);
	}
	(void)putchar('\n');
}

static bool is_wanted(const struct cli *c, const struct lifecycle_property *p)
{
	for (size_t i = 0; i < c->property_count; i++)
		if (has_word(c->property[i], p->name))
			return true;
	return c->property_count == 0 && (c->all || wants_json(c) || !is_empty(p->value));
}

/* A word of --property that is no property's name, however long the list of words is: NULL if there is none. */
static const char *find_stranger(const char *words, const struct lifecycle_property_list *list, char *to, size_t size)
{
	for (const char *at = words; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		bool known = false;

		(void)snprintf(to, size, "%.*s", (int)strcspn(at, ","), at);
		for (size_t i = 0; i < lifecycle_property_list_count(list); i++)
			known |= strcmp(lifecycle_property_list_at(list, i)->name, to) == 0;
		if (!known)
			return to;
	}
	return NULL;
}

static int check_names(const struct cli *c, const struct lifecycle_property_list *list, bool of_vm)
{
	char word[128];

	for (size_t i = 0; i < c->property_count; i++)
		if (find_stranger(c->property[i], list, word, sizeof(word)))
			return cli_usage("show: %s has no property '%s'; 'lifecyclectl show -a%s' shows all", of_vm ? "a VM" : "lifecycled",
				word, of_vm ? " NAME" : "");
	return 0;
}

static struct json_object *list_to_json(const struct cli *c, const struct lifecycle_property_list *list)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < lifecycle_property_list_count(list); i++) {
		const struct lifecycle_property *p = lifecycle_property_list_at(list, i);

		if (is_wanted(c, p))
			(void)json_object_object_add(o, p->name, json_tokener_parse(p->value));
	}
	return o;
}

static int show(struct cli *c, const char *name, bool *any, struct json_object *array)
{
	_cleanup_(properties_unrefp) struct lifecycle_property_list *list = NULL;
	int r;

	if (lifecycle_properties(c->l, name, &list) < 0)
		return cli_fail(c, "show", name);
	r = check_names(c, list, name != NULL);
	if (r)
		return r;
	if (array) {
		(void)json_object_array_add(array, list_to_json(c, list));
		return 0;
	}
	if (wants_json(c)) {
		json_print(c, list_to_json(c, list));
		return 0;
	}
	if (*any)
		(void)putchar('\n');
	*any = true;
	for (size_t i = 0; i < lifecycle_property_list_count(list); i++)
		if (is_wanted(c, lifecycle_property_list_at(list, i)))
			print_property(c, lifecycle_property_list_at(list, i));
	return 0;
}

int verb_show(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) && argc ? json_object_new_array() : NULL;
	bool any = false;
	int code = argc ? 0 : show(c, NULL, &any, NULL);

	for (int i = 0; i < argc; i++) {
		int r = show(c, argv[i], &any, array);

		code = code ? code : r;
	}
	if (array)
		json_print(c, array);
	return code;
}
