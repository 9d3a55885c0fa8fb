/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can be set: each setting has a name on the command line and one in lifecycled.conf(5), and one way to take a value. */

#include "main/options.h"
#include "main/value.h"

#define ORIGIN_MAX 1024 /* of a value and where it comes from; longer ones are cut */

struct setting {
	const char *option;        /* --option */
	const char *section, *key; /* [section] key= */
	int (*take)(struct options *o, const char *value); /* 0, or -EINVAL: a message was printed; NULL: a text, at `from` */
	size_t from, size; /* what of struct options it sets; a reset takes that from the defaults */
	bool many;         /* each value is one more */
};

extern const struct setting settings[];
extern const size_t setting_count;

void settings_default(struct options *o);
void setting_reset(const struct setting *s, struct options *o);
int setting_take(const struct setting *s, struct options *o, const char *value);

/* What it was given, and where: for what is wrong with it beside others. value: NULL: it was taken back. */
void setting_came_from(const struct setting *s, struct options *o, const struct value_origin *place, const char *value);
/* "FILE:LINE:COLUMN: Key=value", or "--option value", as far as it goes. */
const char *setting_origin(const char *option, const struct options *o, char *to, size_t size);

/* NULL: there is none. */
const struct setting *setting_find(const char *section, const char *key);
bool setting_section_exists(const char *section);
