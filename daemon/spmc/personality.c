/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/personality.h"

#include <errno.h>
#include <string.h>

static const struct personality *const personalities[PERSONALITY_COUNT] = {
	[PERSONALITY_TRUSTY] = &personality_trusty,
	[PERSONALITY_OPTEE] = &personality_optee,
	[PERSONALITY_OPTEE_EL3] = &personality_optee_el3,
	[PERSONALITY_OPTEE_HAFNIUM] = &personality_optee_hafnium,
	[PERSONALITY_HAFNIUM] = &personality_hafnium,
	[PERSONALITY_EL3] = &personality_el3,
	[PERSONALITY_STRICT] = &personality_strict,
	[PERSONALITY_SLOW] = &personality_slow,
	[PERSONALITY_HOSTILE] = &personality_hostile,
};

static const struct {
	const char *name;
	enum personality_index index;
} aliases[] = {
	{ "optee", PERSONALITY_OPTEE },
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
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].name, name) == 0)
			return (int)aliases[i].index;
	return -ENOENT;
}
