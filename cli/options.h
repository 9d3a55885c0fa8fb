/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The options of lifecyclectl, a row each: --help, the help of each verb and completion are made of these rows. An option that
 * means something else to another verb has a row for each meaning.
 */

#include "cli.h"

struct option_row {
	const char *name;
	int letter;           /* 0: it has none */
	const char *argument; /* NULL: it takes none */
	bool optional;        /* the argument is */
	const char *verbs;    /* with blanks between; NULL: every verb takes it */
	const char *help;
	const char *words;    /* what the argument may be, with '|' between; NULL: anything */
	size_t field;         /* of struct cli: what take_true and take_false set */
	/* An exit code. */
	int (*take)(struct cli *c, const struct option_row *o, const char *value);
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

/* Options as they were written, before it is known what the verb makes of them. */
struct written_options {
	size_t count;
	struct written_option {
		const struct option_row *row; /* the first of this name */
		const char *value;
	} *at;
};

/* Takes them out of argv, from optind on there is the rest. An exit code; what was taken is for the caller to free. */
int options_read(int argc, char **argv, struct written_options *ret);
/* What `verb` makes of them. An exit code. */
int options_take(struct cli *c, const struct written_options *written, const char *verb);
bool option_is_of(const struct option_row *o, const char *verb);
