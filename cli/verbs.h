/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of lifecyclectl, a row each. */

#include "cli.h"

enum {
	VERB_CHANGES = 1 << 0, /* polkit may want a password for it */
	VERB_OFFLINE = 1 << 1, /* it needs no daemon */
	VERB_NAMES = 1 << 2,   /* its arguments are names of VMs, or patterns of them */
	VERB_FIRST = 1 << 3,   /* its first argument is */
	VERB_PAGES = 1 << 4,   /* what it says may be long */
};

struct verb {
	const char *name, *arguments, *help;
	int min, max; /* arguments */
	int is;
	int (*run)(struct cli *c, int argc, char **argv);
};

extern const struct verb verbs[];
extern const size_t verb_count;

const struct verb *verb_find(const char *name);
int verb_no_such(const char *name); /* says so */

/* help.c: of one verb, or of all (NULL) */
int help_print(const struct cli *c, const struct verb *one);
