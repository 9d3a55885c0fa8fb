/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The form of a configuration file, as systemd.syntax(7) has it: [Section], Key=value, comments that begin with # or ;, and
 * lines that go on behind a backslash at their end. A pure reader: it walks a text, and changes it in place.
 */

#include <stddef.h>

struct ini {
	char *at, *end;
	unsigned line;       /* of `at` */
	const char *section; /* the one that we are in, or NULL */
};

struct ini_item {
	const char *section, *key;
	char *value;           /* without blanks at its ends; may be empty */
	unsigned line, column; /* of the value, or of what is wrong; the first is 1 */
};

/* 0, or as ini_next() with -EBADMSG: it is no text. text[size] is written to, too. */
int ini_begin(struct ini *i, char *text, size_t size, struct ini_item *ret, const char **ret_problem);

/* 1: an item; 0: no more; -EBADMSG: *ret_problem says what is wrong at the line and column of *ret. */
int ini_next(struct ini *i, struct ini_item *ret, const char **ret_problem);
