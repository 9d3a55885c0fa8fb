/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

/* What each verb would come to, as far as it can be told before; nothing is asked for. The verb is cli.verb. An exit code. */
int dry_run(struct cli *c, int argc, char **argv);
/* What one VM would come to: "would", or with an exit code "refused". */
struct json_object *dry_run_to_json(const struct cli *c, const char *name, const char *text, int code);
