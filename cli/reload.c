/* SPDX-License-Identifier: Apache-2.0 */

/* reload: the files of all VMs are read again, and what came of it is said. */

#include <string.h>

#include "output.h"

static void reload_unrefp(struct lifecycle_reload_list **p)
{
	lifecycle_reload_list_unref(*p);
}

static bool is(const struct lifecycle_reloaded *r, const char *what)
{
	return strcmp(r->what, what) == 0;
}

static bool failed(const struct lifecycle_reloaded *r)
{
	return is(r, "error") || is(r, "refused");
}

static void put(FILE *out, const char *text)
{
	put_text(out, text, strlen(text));
}

static void print_change(const struct lifecycle_key_change *k)
{
	(void)printf("    %s: ", k->key);
	put(stdout, *k->before ? k->before : "(not set)");
	(void)fputs(" -> ", stdout);
	put(stdout, *k->after ? k->after : "(not set)");
	(void)puts(k->at_once ? "" : " (in the next life)");
}

static void print_row(const struct cli *c, const struct lifecycle_reloaded *r)
{
	enum colour colour = failed(r) ? COLOUR_BAD : COLOUR_GOOD;

	if (is(r, "unchanged"))
		return;
	(void)printf("%s: %s%s%s", *r->name ? r->name : r->path, colour_on(c, colour), r->what, colour_off(c, colour));
	if (is(r, "removed"))
		(void)fputs(", with its life if it has one", stdout);
	if (*r->text) {
		(void)fputs(": ", stdout);
		put(stdout, r->text);
	}
	(void)putchar('\n');
	for (size_t i = 0; i < r->change_count && !failed(r); i++)
		print_change(r->change[i]);
}

static struct json_object *row_to_json(const struct lifecycle_reloaded *r)
{
	struct json_object *o = json_object_new_object(), *array = json_object_new_array();

	json_add_string(o, "name", r->name);
	json_add_string(o, "what", r->what);
	json_add_text(o, "path", r->path, strlen(r->path));
	json_add_text(o, "text", r->text, strlen(r->text));
	for (size_t i = 0; i < r->change_count; i++) {
		struct json_object *change = json_object_new_object();

		json_add_string(change, "key", r->change[i]->key);
		json_add_string(change, "before", r->change[i]->before);
		json_add_string(change, "after", r->change[i]->after);
		json_add_bool(change, "at_once", r->change[i]->at_once);
		(void)json_object_array_add(array, change);
	}
	(void)json_object_object_add(o, "changes", array);
	return o;
}

int verb_reload(struct cli *c, int argc, char **argv)
{
	_cleanup_(reload_unrefp) struct lifecycle_reload_list *list = NULL;
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	size_t unchanged = 0;
	bool bad = false;

	if (lifecycle_reload(c->l, c->dry_run, &list) < 0) {
		json_object_put(array);
		return cli_fail(c, "reload", NULL);
	}
	for (size_t i = 0; i < lifecycle_reload_list_count(list); i++) {
		const struct lifecycle_reloaded *r = lifecycle_reload_list_at(list, i);

		unchanged += is(r, "unchanged");
		bad |= failed(r);
		if (array)
			(void)json_object_array_add(array, row_to_json(r));
		else if (!c->quiet || failed(r))
			print_row(c, r);
	}
	if (array)
		json_print(c, array);
	else if (!c->quiet)
		(void)printf("%zu unchanged%s\n", unchanged, c->dry_run ? "; a dry run: nothing was done" : "");
	return bad ? lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_INVALID_DEFINITION) : 0;
}
