/* SPDX-License-Identifier: Apache-2.0 */

/* forget: the operator's last resort. It says what it means, and does nothing without --force. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "forget.h"
#include "output.h"

struct target {
	const char *name; /* "": the life alone */
	uint64_t life;    /* 0: the VM's only one that settles */
	uint16_t sp;      /* 0: whoever is owed */
};

/* A VM's name may be a number, too: it is one where a VM is called so. */
static int parse_target(struct cli *c, int argc, char **argv, struct target *t)
{
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	char *end;

	*t = (struct target){ .name = argv[0], .life = c->if_life };
	if (strspn(argv[0], "0123456789") == strlen(argv[0])) {
		if (lifecycle_list(c->l, &list) < 0)
			return cli_fail(c, "forget", argv[0]);
		if (!lifecycle_vm_list_find(list, argv[0])) {
			errno = 0;
			t->name = "";
			t->life = strtoull(argv[0], &end, 10);
			if (errno || !t->life)
				return cli_usage("forget: there is no life '%s'", argv[0]);
			if (c->if_life && c->if_life != t->life)
				return cli_usage("forget: --if-life says another life than '%s'", argv[0]);
		}
	}
	return argc > 1 ? cli_parse_sp("forget", argv[1], false, &t->sp) : 0;
}

static int explain(const char *what)
{
	(void)cli_usage("forget %s: not without --force", what);
	(void)fputs("What it means: the end of this life is owed to a Secure Partition, which has not taken it. To forget it\n"
		    "gives guest memory and VM back as if it had. If the SP, or a device it drives, still uses that memory,\n"
		    "whoever gets it next is overwritten or read: be sure that it does not. The FF-A id stays burned until\n"
		    "that SP or the secure world restarts. To restart the SP is the better way, if there is one.\n",
		stderr);
	return CLI_USAGE;
}

int verb_forget(struct cli *c, int argc, char **argv)
{
	struct target t;
	uint64_t seq;
	int r;

	if (!c->force)
		return explain(argv[0]);
	r = parse_target(c, argc, argv, &t);
	if (r)
		return r;
	if (lifecycle_forget(c->l, t.name, t.life, t.sp, &seq) < 0)
		return cli_fail(c, "forget", argv[0]);
	if (wants_json(c)) {
		struct json_object *o = json_object_new_object();

		json_add_string(o, "target", argv[0]);
		json_add_string(o, "verb", "forget");
		json_add_number(o, "sequence", seq);
		json_print(c, o);
	} else if (!c->quiet) {
		(void)printf("%s: forgotten; 'lifecyclectl partitions' shows what is burned\n", argv[0]);
	}
	return 0;
}

/* ---- in `partitions` ---- */

static struct json_object *burned_to_json(const struct lifecycle_burned *b)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "id", b->endpoint);
	json_add_string(o, "kind", "burned");
	json_add_string(o, "name", b->name);
	json_add_number(o, "sp", b->sp);
	json_add_number(o, "life", b->life);
	json_add_number(o, "since_realtime_us", b->realtime / 1000);
	return o;
}

static void add_burned(struct table *t, const struct lifecycle_burned *b)
{
	table_add(t, COLOUR_NONE, "0x%04x", b->endpoint);
	table_add(t, COLOUR_BAD, "burned");
	table_add(t, COLOUR_NONE, "%s", b->name);
	if (b->sp)
		table_add(t, COLOUR_NONE, "at 0x%04x, life %" PRIu64, b->sp, b->life);
	else
		table_add(t, COLOUR_NONE, "until SPs are met: the log lost its life");
	for (unsigned i = 4; i < t->columns; i++)
		table_add(t, COLOUR_NONE, "-");
}

/* A daemon that has no such property burns none. */
void list_burned(struct cli *c, struct table *t, struct json_object *array)
{
	struct lifecycle_burned_list *list;

	if (lifecycle_burned(c->l, &list) < 0)
		return;
	for (size_t i = 0; i < lifecycle_burned_list_count(list); i++) {
		if (array)
			(void)json_object_array_add(array, burned_to_json(lifecycle_burned_list_at(list, i)));
		else
			add_burned(t, lifecycle_burned_list_at(list, i));
	}
	lifecycle_burned_list_unref(list);
}
