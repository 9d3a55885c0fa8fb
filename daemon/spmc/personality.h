/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A personality is how one kind of SP answers. Pure: it sees its configuration and its book, and answers. `work` is one
 * step of whatever the SP does by itself between calls; it tells whether a call that got RETRY would do better now.
 */

#include "spmc/world.h"

enum personality_index {
	PERSONALITY_TRUSTY,
	PERSONALITY_OPTEE,
	PERSONALITY_STRICT,
	PERSONALITY_COUNT,
};

struct personality {
	const char *name;
	uint8_t uuid[16]; /* RFC 4122 order */
	uint32_t properties;
	uint16_t contexts;
	bool doorbell; /* unless the command line says otherwise */
	bool bitmap_needs_vm;
	struct sp_reply (*created)(const struct sp_config *c, struct sp *sp, uint16_t vm);
	struct sp_reply (*destroyed)(const struct sp_config *c, struct sp *sp, uint16_t vm);
	struct sp_reply unknown_type;
	struct sp_reply unknown_vm; /* to a partition message; SP_RESP: the status is put in w3 */
	bool (*has_work)(const struct sp_config *c, const struct sp *sp);
	bool (*work)(const struct sp_config *c, struct sp *sp);
};

extern const struct personality personality_trusty, personality_optee, personality_strict;

const struct personality *personality_get(uint8_t index);
int personality_find(const char *name); /* index or -ENOENT */
