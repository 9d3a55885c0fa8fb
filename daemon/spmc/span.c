/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/span.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPAN_MAX UINT64_C(3600000000000)

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "us", UINT64_C(1000) },
	{ "ms", UINT64_C(1000000) },
	{ "s", UINT64_C(1000000000) },
	{ "min", UINT64_C(60000000000) },
};

int span_parse(const char *text, uint64_t *ret_ns)
{
	unsigned long long n;
	char *end;

	if (!(*text >= '0' && *text <= '9'))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	for (size_t i = 0; !errno && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0 || n > SPAN_MAX / units[i].ns)
			continue;
		*ret_ns = n * units[i].ns;
		return 0;
	}
	return -EINVAL;
}
