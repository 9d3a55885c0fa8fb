/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/personality.h"

#include <errno.h>
#include <string.h>

static const struct personality *const personalities[PERSONALITY_COUNT] = {
	[PERSONALITY_TRUSTY] = &personality_trusty,
	[PERSONALITY_OPTEE] = &personality_optee,
	[PERSONALITY_STRICT] = &personality_strict,
};

const struct personality *personality_get(uint8_t index)
{
	return index < PERSONALITY_COUNT ? personalities[index] : NULL;
}

int personality_find(const char *name)
{
	for (int i = 0; i < PERSONALITY_COUNT; i++)
		if (strcmp(personalities[i]->name, name) == 0)
			return i;
	return -ENOENT;
}
