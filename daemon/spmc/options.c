/* SPDX-License-Identifier: Apache-2.0 */

/* --sp PERSONALITY:ID[:OPTION,..] */

#include "spmc/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spmc/personality.h"

#define CAPACITY_MAX 65535u /* objects of one VM are counted in sixteen bits */

enum number_kind { KIND_UINT, KIND_BOOL };

static const struct {
	const char *name;
	enum number_kind kind;
	size_t at;
	uint32_t max;
} numbers[] = {
	{ "tick", KIND_UINT, offsetof(struct sp_config, tick_us), 60000000 },
	{ "notifiers", KIND_UINT, offsetof(struct sp_config, notifiers), 255 },
	{ "capacity", KIND_UINT, offsetof(struct sp_config, capacity), CAPACITY_MAX },
	{ "doorbell", KIND_BOOL, offsetof(struct sp_config, doorbell), 1 },
	{ "stuck", KIND_BOOL, offsetof(struct sp_config, stuck), 1 },
	{ "busy", KIND_UINT, offsetof(struct sp_config, faults[SP_FAULT_BUSY]), UINT32_MAX },
	{ "interrupted", KIND_UINT, offsetof(struct sp_config, faults[SP_FAULT_INTERRUPTED]), UINT32_MAX },
	{ "abort", KIND_UINT, offsetof(struct sp_config, faults[SP_FAULT_ABORT]), UINT32_MAX },
	{ "preempt", KIND_UINT, offsetof(struct sp_config, faults[SP_FAULT_PREEMPT]), UINT32_MAX },
	{ "yield", KIND_UINT, offsetof(struct sp_config, faults[SP_FAULT_YIELD]), UINT32_MAX },
	{ "mute", KIND_UINT, offsetof(struct sp_config, faults[SP_FAULT_MUTE]), UINT32_MAX },
};

static const struct {
	const char *name;
	uint32_t bits;
} subscriptions[] = {
	{ "created", FFA_PROP_VM_CREATED },
	{ "destroyed", FFA_PROP_VM_DESTROYED },
	{ "both", FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED },
	{ "none", 0 },
};

static const char *const discoveries[] = {
	[WORLD_DISCOVERY_REGS] = "regs",
	[WORLD_DISCOVERY_RX] = "rx",
	[WORLD_DISCOVERY_NONE] = "none",
};

/* Digits alone: no sign, no blanks. */
static int parse_number(const char *text, int base, uint32_t max, uint32_t *ret)
{
	unsigned long n;
	char *end;

	if (!(*text >= '0' && *text <= '9'))
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, base);
	if (errno || *end || n > max)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int set_number(struct sp_config *c, const char *name, const char *value)
{
	uint32_t n;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].name, name) != 0)
			continue;
		if (parse_number(value, 10, numbers[i].max, &n) < 0)
			return -ERANGE;
		if (numbers[i].kind == KIND_BOOL)
			*(bool *)((char *)c + numbers[i].at) = n;
		else
			*(uint32_t *)((char *)c + numbers[i].at) = n;
		return 0;
	}
	return -ENOENT;
}

static int set_subscription(struct sp_config *c, const char *value)
{
	for (size_t i = 0; i < sizeof(subscriptions) / sizeof(subscriptions[0]); i++) {
		if (strcmp(subscriptions[i].name, value) != 0)
			continue;
		c->subscribed = subscriptions[i].bits;
		return 0;
	}
	return -ERANGE;
}

static int set_option(struct sp_config *c, char *option)
{
	char *value = strchr(option, '=');

	if (!value)
		return -ENOENT;
	*value++ = '\0';
	if (strcmp(option, "subscribe") == 0)
		return set_subscription(c, value);
	return set_number(c, option, value);
}

static void set_defaults(struct sp_config *c, uint8_t personality)
{
	*c = (struct sp_config){
		.personality = personality,
		.doorbell = personality_get(personality)->doorbell,
		.subscribed = FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED,
		.tick_us = 200,
		.notifiers = 2,
		.capacity = CAPACITY_MAX,
	};
}

static int parse_id(const char *text, const struct world_config *config, uint16_t *ret)
{
	uint32_t id;

	if (!text || parse_number(text, 0, 0xFFBF, &id) < 0 || id <= FFA_ID_SPMC)
		return -EINVAL;
	for (uint32_t i = 0; i < config->sp_count; i++)
		if (config->sp[i].id == id)
			return -EEXIST;
	*ret = (uint16_t)id;
	return 0;
}

static int fail(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

int options_add_sp(struct world_config *config, const char *text, const char **ret_why)
{
	_cleanup_(freep) char *copy = strdup(text);
	char *rest = copy, *option, *options;
	struct sp_config c;
	int personality, r;

	if (!copy)
		return -ENOMEM;
	if (config->sp_count >= WORLD_SPS)
		return fail(ret_why, "at most 64 SPs can be hosted");
	personality = personality_find(strsep(&rest, ":"));
	if (personality < 0)
		return fail(ret_why, "the personality must be trusty, optee or strict");
	set_defaults(&c, (uint8_t)personality);
	r = parse_id(strsep(&rest, ":"), config, &c.id);
	if (r < 0)
		return fail(ret_why, r == -EEXIST ? "that id is taken" : "the id must be in 0x8001..0xffbf");
	options = rest;
	while ((option = strsep(&options, ",")) != NULL) {
		r = set_option(&c, option);
		if (r < 0)
			return fail(ret_why,
				r == -ENOENT ? "there is no such option" : "an option's value is out of range");
	}
	config->sp[config->sp_count++] = c;
	return 0;
}

int options_discovery(struct world_config *config, const char *text)
{
	for (unsigned int i = 0; i < sizeof(discoveries) / sizeof(discoveries[0]); i++) {
		if (strcmp(discoveries[i], text) != 0)
			continue;
		config->discovery = (enum world_discovery)i;
		return 0;
	}
	return -EINVAL;
}

void options_default_sps(struct world_config *config)
{
	const char *why;

	(void)options_add_sp(config, "trusty:0x8001", &why);
	(void)options_add_sp(config, "optee:0x8002", &why);
}
