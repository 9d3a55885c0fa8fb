/* SPDX-License-Identifier: Apache-2.0 */

#include "spmc/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spmc/personality.h"

#define CAPACITY_MAX 65535u  /* objects of one VM are counted in sixteen bits */
#define SP_ID_LAST   0xFFBFu /* above: logical partitions at EL3 */

enum option_kind { OPTION_NUMBER, OPTION_ID, OPTION_BOOL, OPTION_WORD };

struct option_word {
	const char *name;
	uint32_t value;
};

/* A WORD and a NUMBER are a uint32_t, an ID is a uint16_t, a BOOL is a bool. */
struct option_row {
	const char *name;
	enum option_kind kind;
	size_t at;
	uint32_t min, max;
	const struct option_word *words;
};

static const struct option_word subscriptions[] = {
	{ "created", FFA_PROP_VM_CREATED },
	{ "destroyed", FFA_PROP_VM_DESTROYED },
	{ "both", FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED },
	{ "none", 0 },
	{ 0 },
};

static const struct option_word abort_actions[] = {
	{ "stop", SP_ABORT_STOP },
	{ "destroy", SP_ABORT_DESTROY },
	{ "restart", SP_ABORT_RESTART },
	{ "propagate", SP_ABORT_PROPAGATE },
	{ "legacy", SP_ABORT_LEGACY },
	{ 0 },
};

static const struct option_word contracts[] = {
	{ "header", NOTIFIER_CONTRACT_HEADER },
	{ "seed", NOTIFIER_CONTRACT_SEED },
	{ 0 },
};

static const struct option_word changes[] = {
	{ "nothing", SP_CHANGES_NOTHING },
	{ "image", SP_CHANGES_IMAGE },
	{ "uuid", SP_CHANGES_UUID },
	{ "version", SP_CHANGES_VERSION },
	{ 0 },
};

static const struct option_word tricks[] = {
	{ "mixture", HOSTILE_MIXTURE },
	{ "never-0", HOSTILE_NEVER_0 },
	{ "wrong-type", HOSTILE_WRONG_TYPE },
	{ "wrong-ids", HOSTILE_WRONG_IDS },
	{ "wrong-sender", HOSTILE_WRONG_SENDER },
	{ "interrupt", HOSTILE_INTERRUPT },
	{ "yield", HOSTILE_YIELD },
	{ "random", HOSTILE_RANDOM },
	{ 0 },
};

static const struct option_word spmcs[] = {
	{ "auto", WORLD_SPMC_AUTO },
	{ "own", WORLD_SPMC_OWN },
	{ "optee", WORLD_SPMC_OPTEE },
	{ "el3", WORLD_SPMC_EL3 },
	{ "hafnium", WORLD_SPMC_HAFNIUM },
	{ 0 },
};

static const struct option_word versions[] = {
	{ "1.0", FFA_VERSION_WORD(1, 0) },
	{ "1.1", FFA_VERSION_WORD(1, 1) },
	{ "1.2", FFA_VERSION_WORD(1, 2) },
	{ "1.3", FFA_VERSION_WORD(1, 3) },
	{ 0 },
};

static const struct option_word discoveries[] = {
	{ "regs", WORLD_DISCOVERY_REGS },
	{ "rx", WORLD_DISCOVERY_RX },
	{ "none", WORLD_DISCOVERY_NONE },
	{ 0 },
};

#define SP(field) offsetof(struct sp_config, field)
#define WORLD(field) offsetof(struct world_config, field)
#define NUMBER(name, field, least, most)                                                                               \
	{                                                                                                              \
		name, OPTION_NUMBER, SP(field), least, most, NULL                                                      \
	}
#define BOOL(name, field)                                                                                              \
	{                                                                                                              \
		name, OPTION_BOOL, SP(field), 0, 1, NULL                                                               \
	}

static const struct option_row sp_rows[] = {
	{ "id", OPTION_ID, SP(id), FFA_ID_SPMC + 1, SP_ID_LAST, NULL },
	{ "subscribe", OPTION_WORD, SP(subscribed), 0, 0, subscriptions },
	NUMBER("tick", tick_us, 0, 60000000),
	NUMBER("notifiers", notifiers, 0, 255),
	{ "notifier-contract", OPTION_WORD, SP(contract), 0, 0, contracts },
	BOOL("host-client", host_client),
	NUMBER("capacity", capacity, 0, CAPACITY_MAX),
	BOOL("doorbell", doorbell),
	BOOL("silent", silent),
	BOOL("receive", receive),
	BOOL("virtualization", virtualization),
	BOOL("sticky", sticky),
	NUMBER("delay", delay_us, 0, 60000000),
	NUMBER("boot", boot_us, 0, 60000000),
	{ "abort-action", OPTION_WORD, SP(abort_action), 0, 0, abort_actions },
	BOOL("live-activation", live),
	{ "changes", OPTION_WORD, SP(changes), 0, 0, changes },
	{ "does", OPTION_WORD, SP(trick), 0, 0, tricks },
	BOOL("stuck", stuck),
	NUMBER("busy", faults[SP_FAULT_BUSY], 0, UINT32_MAX),
	NUMBER("interrupted", faults[SP_FAULT_INTERRUPTED], 0, UINT32_MAX),
	NUMBER("abort", faults[SP_FAULT_ABORT], 0, UINT32_MAX),
	NUMBER("preempt", faults[SP_FAULT_PREEMPT], 0, UINT32_MAX),
	NUMBER("yield", faults[SP_FAULT_YIELD], 0, UINT32_MAX),
	NUMBER("mute", faults[SP_FAULT_MUTE], 0, UINT32_MAX),
	{ 0 },
};

static const struct option_row world_rows[] = {
	{ "discovery", OPTION_WORD, WORLD(discovery), 0, 0, discoveries },
	{ "spmc", OPTION_WORD, WORLD(spmc), 0, 0, spmcs },
	{ "ffa-version", OPTION_WORD, WORLD(version), 0, 0, versions },
	{ "seed", OPTION_NUMBER, WORLD(seed), 0, UINT32_MAX, NULL },
	{ 0 },
};

int complain(struct complaint *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

/* Digits alone: no sign, no blanks. */
static int parse_number(const char *text, const struct option_row *row, uint32_t *ret)
{
	int base = row->kind == OPTION_ID ? 0 : 10;
	unsigned long n;
	char *end;

	if (!(*text >= '0' && *text <= '9'))
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, base);
	if (errno || *end || n < row->min || n > row->max)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int set_number(void *base, const struct option_row *row, const char *value, struct complaint *why)
{
	char *at = (char *)base + row->at;
	uint32_t n;

	if (parse_number(value, row, &n) < 0 && row->kind == OPTION_ID)
		return complain(why, "%s=%s: must be an id in 0x%04x..0x%04x", row->name, value, row->min, row->max);
	if (parse_number(value, row, &n) < 0)
		return complain(why, "%s=%s: must be a number in %u..%u", row->name, value, row->min, row->max);
	if (row->kind == OPTION_ID)
		*(uint16_t *)at = (uint16_t)n;
	else
		*(uint32_t *)at = n;
	return 0;
}

/* The file says true and false, the command line 1 and 0; each may say either. */
static int set_bool(void *base, const struct option_row *row, const char *value, struct complaint *why)
{
	bool yes = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;

	if (!yes && strcmp(value, "0") != 0 && strcmp(value, "false") != 0)
		return complain(why, "%s=%s: must be 0 or 1 (false or true)", row->name, value);
	*(bool *)((char *)base + row->at) = yes;
	return 0;
}

static int complain_of_word(const struct option_row *row, const char *value, struct complaint *why)
{
	char list[128] = "";

	for (const struct option_word *w = row->words; w->name; w++) {
		strncat(list, w == row->words ? "" : (w + 1)->name ? ", " : " or ", sizeof(list) - strlen(list) - 1);
		strncat(list, w->name, sizeof(list) - strlen(list) - 1);
	}
	return complain(why, "%s=%s: must be %s", row->name, value, list);
}

static int set_word(void *base, const struct option_row *row, const char *value, struct complaint *why)
{
	for (const struct option_word *w = row->words; w->name; w++) {
		if (strcmp(w->name, value) != 0)
			continue;
		*(uint32_t *)((char *)base + row->at) = w->value;
		return 0;
	}
	return complain_of_word(row, value, why);
}

static int (*const setters[])(void *, const struct option_row *, const char *, struct complaint *) = {
	[OPTION_NUMBER] = set_number,
	[OPTION_ID] = set_number,
	[OPTION_BOOL] = set_bool,
	[OPTION_WORD] = set_word,
};

static int set(void *base, const struct option_row *rows, const char *name, const char *value, struct complaint *why)
{
	for (const struct option_row *row = rows; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return setters[row->kind](base, row, value, why);
	return complain(why, "%s: there is no such option; see lifecycled-spmc(8)", name);
}

int options_set_world(struct world_config *config, const char *name, const char *value, struct complaint *why)
{
	return set(config, world_rows, name, value, why);
}

int options_set_sp(struct sp_config *c, const char *name, const char *value, struct complaint *why)
{
	return set(c, sp_rows, name, value, why);
}

static int complain_of_personality(const char *name, struct complaint *why)
{
	char list[192] = "";

	for (uint32_t i = 0; i < PERSONALITY_COUNT; i++) {
		strncat(list, i == 0 ? "" : i + 1 < PERSONALITY_COUNT ? ", " : " or ", sizeof(list) - strlen(list) - 1);
		strncat(list, personality_get(i)->name, sizeof(list) - strlen(list) - 1);
	}
	return complain(why, "\"%s\": the personality must be %s", name, list);
}

int options_begin_sp(struct sp_config *c, const char *personality, struct complaint *why)
{
	int index = personality_find(personality);
	const struct personality *p;

	if (index < 0)
		return complain_of_personality(personality, why);
	p = personality_get((uint8_t)index);
	*c = (struct sp_config){
		.personality = (uint8_t)index,
		.doorbell = p->doorbell,
		.receive = true,
		.virtualization = true,
		.abort_action = SP_ABORT_RESTART,
		.subscribed = FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED,
		.tick_us = 200,
		.notifiers = 2,
		.capacity = CAPACITY_MAX,
	};
	if (p->defaults)
		p->defaults(c);
	return 0;
}

int options_end_sp(struct world_config *config, const struct sp_config *c, struct complaint *why)
{
	if (config->sp_count >= WORLD_SPS)
		return complain(why, "at most %u SPs can be hosted", WORLD_SPS);
	if (!c->id)
		return complain(why, "an SP needs an id in 0x%04x..0x%04x", FFA_ID_SPMC + 1, SP_ID_LAST);
	for (uint32_t i = 0; i < config->sp_count; i++)
		if (config->sp[i].id == c->id)
			return complain(why, "the id 0x%04x is taken by another SP; choose another", c->id);
	config->sp[config->sp_count++] = *c;
	return 0;
}

static int add_option(struct sp_config *c, char *option, struct complaint *why)
{
	char *value = strchr(option, '=');

	if (!value)
		return complain(why, "\"%s\": an option is NAME=VALUE", option);
	*value++ = '\0';
	return options_set_sp(c, option, value, why);
}

int options_add_sp(struct world_config *config, const char *text, struct complaint *why)
{
	_cleanup_(freep) char *copy = strdup(text);
	char *rest = copy, *option;
	struct sp_config c;
	int r;

	if (!copy)
		return complain(why, "no memory");
	r = options_begin_sp(&c, strsep(&rest, ":"), why);
	if (r == 0)
		r = options_set_sp(&c, "id", rest ? strsep(&rest, ":") : "", why);
	while (r == 0 && (option = strsep(&rest, ",")) != NULL)
		r = add_option(&c, option, why);
	return r < 0 ? r : options_end_sp(config, &c, why);
}

void options_default_sps(struct world_config *config)
{
	struct complaint why;

	(void)options_add_sp(config, "trusty:0x8001", &why);
	(void)options_add_sp(config, "optee:0x8002", &why);
}
