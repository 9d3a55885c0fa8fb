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
	PERSONALITY_OPTEE_EL3,
	PERSONALITY_OPTEE_HAFNIUM,
	PERSONALITY_HAFNIUM,
	PERSONALITY_EL3,
	PERSONALITY_STRICT,
	PERSONALITY_SLOW,
	PERSONALITY_HOSTILE,
	PERSONALITY_COUNT,
};

/* FFA_RUN of an SP that waits for requests. */
enum sp_idle_run {
	SP_IDLE_RUN_REFUSED, /* FFA_ERROR INVALID_PARAMETERS */
	SP_IDLE_RUN_WAITS,   /* it gets cycles, and waits again: FFA_MSG_WAIT */
	SP_IDLE_RUN_PANICS,
};

struct personality {
	const char *name;
	uint8_t uuid[16]; /* RFC 4122 order */
	uint32_t properties;
	uint16_t contexts;
	enum world_spmc spmc; /* that it was measured behind, or ours */
	enum sp_idle_run idle_run;
	bool answers_version;      /* to the framework message that asks for it (type 8) */
	bool doorbell;             /* unless it is said otherwise */
	void (*defaults)(struct sp_config *c); /* where they differ from all others' */
	struct sp_reply (*created)(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now);
	struct sp_reply (*destroyed)(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now);
	struct sp_reply unknown_type;
	struct sp_reply unknown_vm; /* to a partition message; SP_RESP: the status is put in w3 */
	/* NULL: it has none. */
	enum notifier_answer (*register_notifier)(struct sp *sp, const struct notifier *n, uint64_t now);
	uint64_t (*work_at)(const struct sp_config *c, const struct sp *sp, uint64_t now); /* WORLD_NEVER: none to do */
	bool (*work)(const struct sp_config *c, struct sp *sp, uint64_t now);
	bool (*forge)(const struct sp_config *c, struct sp *sp, uint64_t *x); /* spoils the honest answer in x; true: it did */
};

extern const struct personality personality_trusty, personality_optee, personality_optee_el3, personality_optee_hafnium,
	personality_hafnium, personality_el3, personality_strict, personality_slow, personality_hostile;

const struct personality *personality_get(uint8_t index);
int personality_find(const char *name); /* index or -ENOENT */

/* strict.c: each message once, in order; several personalities answer so. */
struct sp_reply strict_created(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now);
struct sp_reply strict_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now);

/* What a hostile one does. */
enum hostile_trick {
	HOSTILE_MIXTURE, /* any of those below, or an honest answer */
	HOSTILE_NEVER_0,
	HOSTILE_WRONG_TYPE,
	HOSTILE_WRONG_IDS,
	HOSTILE_WRONG_SENDER,
	HOSTILE_INTERRUPT,
	HOSTILE_YIELD,
	HOSTILE_RANDOM,
	HOSTILE_TRICK_COUNT,
};
