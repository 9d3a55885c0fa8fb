/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a value comes from that somebody wrote, so that what is wrong with it is said with its place. */

struct value_origin {
	const char *file; /* NULL: the command line */
	unsigned line, column;
	const char *section; /* of the file */
	const char *name;    /* --ids, or Ids */
};

/* From now on values come from there; it must last as long. */
void value_from(const struct value_origin *origin);

/* Says on standard error which value, where, and what to write instead; -EINVAL. */
int value_refuse(const char *value, const char *remedy);
