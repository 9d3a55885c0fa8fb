/* SPDX-License-Identifier: Apache-2.0 */

/* log-level: what lifecycled logs while it runs, as systemctl(1) does it for a service. */

#include "output.h"

static int set(struct cli *c, const char *word)
{
	int level = lifecycle_log_level_from_name(word);

	if (level < 0)
		return cli_usage("log-level is emerg, alert, crit, err, warning, notice, info or debug, not '%s'", word);
	return lifecycle_set_log_level(c->l, level) < 0 ? cli_fail(c, "log-level", NULL) : 0;
}

int verb_log_level(struct cli *c, int argc, char **argv)
{
	struct json_object *o;
	int level;

	if (argc)
		return set(c, argv[0]);
	if (lifecycle_log_level(c->l, &level) < 0)
		return cli_fail(c, "log-level", NULL);
	if (!wants_json(c)) {
		(void)puts(lifecycle_log_level_name(level));
		return 0;
	}
	o = json_object_new_object();
	json_add_string(o, "level", lifecycle_log_level_name(level));
	json_print(c, o);
	return 0;
}
