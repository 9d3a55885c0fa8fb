/* SPDX-License-Identifier: Apache-2.0 */

/* cancel: takes back a life that was to begin. It is done when it is accepted. */

#include "output.h"

static void say_done(const struct cli *c, const char *name, uint64_t seq, struct json_object *array)
{
	struct json_object *o;

	if (!array) {
		if (!c->quiet)
			(void)printf("%s: cancelled\n", name);
		return;
	}
	o = json_object_new_object();
	json_add_string(o, "name", name);
	json_add_string(o, "verb", "cancel");
	json_add_number(o, "sequence", seq);
	(void)json_object_array_add(array, o);
}

int verb_cancel(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = 0;

	for (int i = 0; i < argc; i++) {
		uint64_t seq;

		if (lifecycle_act(c->l, LIFECYCLE_CANCEL, argv[i], c->if_life, &seq) == 0) {
			say_done(c, argv[i], seq, array);
		} else {
			int r = cli_fail(c, "cancel", argv[i]);

			code = code ? code : r;
		}
	}
	if (array)
		json_print(c, array);
	return code;
}
