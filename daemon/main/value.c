/* SPDX-License-Identifier: Apache-2.0 */
#include "main/value.h"

#include <errno.h>
#include <stdio.h>

static const struct value_origin nowhere = { .name = "a value" };
static const struct value_origin *from = &nowhere;

void value_from(const struct value_origin *origin)
{
	from = origin ? origin : &nowhere;
}

int value_refuse(const char *value, const char *remedy)
{
	if (from->file)
		fprintf(stderr, "lifecycled: %s:%u:%u: %s=%s: %s\n", from->file, from->line, from->column, from->name, value, remedy);
	else
		fprintf(stderr, "lifecycled: %s %s: %s\n", from->name, value, remedy);
	return -EINVAL;
}
