/* SPDX-License-Identifier: Apache-2.0 */

/* Names of VMs as arguments: patterns stand for all that match (fnmatch(3)). */

#include "names.h"

#include <fnmatch.h>
#include <string.h>

bool name_is_pattern(const char *name)
{
	return strpbrk(name, "*?[\\") != NULL;
}

bool name_is_wanted(const char *name, int argc, char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (fnmatch(argv[i], name, 0) == 0)
			return true;
	return argc == 0;
}

static bool has_pattern(int argc, char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (name_is_pattern(argv[i]))
			return true;
	return false;
}

static bool is_there(const struct names *n, const char *name)
{
	for (int i = 0; i < n->count; i++)
		if (strcmp(n->name[i], name) == 0)
			return true;
	return false;
}

static bool add(struct names *n, const char *name)
{
	char *copy = is_there(n, name) ? NULL : strdup(name);

	if (copy)
		n->name[n->count++] = copy;
	return copy || is_there(n, name);
}

/* In the order of the list. 0, or an exit code. */
static int add_matches(struct names *n, const char *verb, const char *pattern, const struct lifecycle_vm_list *list)
{
	bool any = false;

	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const char *name = lifecycle_vm_list_at(list, i)->name;

		if (fnmatch(pattern, name, 0) != 0)
			continue;
		any = true;
		if (!add(n, name))
			return cli_say_error("out of memory");
	}
	if (any)
		return 0;
	(void)cli_say_error("%s: no VM's name matches '%s'; 'lifecyclectl list' shows all", verb, pattern);
	return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_NO_SUCH_VM);
}

/* What is no pattern stays as it is: the daemon says whether there is such a VM. */
int names_expand(struct cli *c, const char *verb, int argc, char *const *argv, struct names *ret)
{
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	size_t all = 0;

	if (has_pattern(argc, argv)) {
		if (lifecycle_list(c->l, &list) < 0)
			return cli_fail(c, verb, NULL);
		all = lifecycle_vm_list_count(list);
	}
	*ret = (struct names){ .name = calloc(all + (size_t)argc + 1, sizeof(*ret->name)) };
	if (!ret->name)
		return cli_say_error("out of memory");
	for (int i = 0; i < argc; i++) {
		int r = 0;

		if (name_is_pattern(argv[i]))
			r = add_matches(ret, verb, argv[i], list);
		else if (!add(ret, argv[i]))
			r = cli_say_error("out of memory");
		if (r)
			return r;
	}
	return 0;
}

void names_clear(struct names *n)
{
	for (int i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
	*n = (struct names){ 0 };
}
