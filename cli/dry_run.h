/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

/* What each verb would come to, as far as it can be told before; nothing is asked for. The verb is cli.verb. An exit code. */
int dry_run(struct cli *c, int argc, char **argv);
