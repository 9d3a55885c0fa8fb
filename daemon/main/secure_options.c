/* SPDX-License-Identifier: Apache-2.0 */
#include "main/secure_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "main/value.h"
#include "proto/ffa.h"

#define NS_PER_S 1000000000ull
#define TIME_MAX (3600 * NS_PER_S)
#define ITEM_MAX 256

int option_word(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (words[i] && strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

void secure_options_init(struct secure_options *o)
{
	*o = (struct secure_options) {
		.retry = retry_default, .discover_every = 60 * NS_PER_S, .frame_timeout = 2 * NS_PER_S
	};
}

/* ID and a separator; returns what follows, or NULL. */
static const char *parse_id(const char *text, char separator, uint16_t *ret)
{
	char *end;
	unsigned long id;

	errno = 0;
	id = strtoul(text, &end, 0);
	if (end == text || *text == '-' || errno || *end != separator || id <= FFA_ID_SPMC || id > 0xFFFF)
		return NULL;
	*ret = (uint16_t)id;
	return end + 1;
}

/* A number with its unit: us, ms or s. */
static int parse_time(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "us", 1000 }, { "ms", 1000000 }, { "s", NS_PER_S } };
	char *end;
	unsigned long long n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	for (size_t i = 0; !errno && i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(end, units[i].name) == 0 && n <= TIME_MAX / units[i].ns) {
			*ret = n * units[i].ns;
			return 0;
		}
	return -EINVAL;
}

/* ---- who is there ---- */

int secure_options_profile(struct secure_options *o, const char *text)
{
	static const char *const words[] = {
		[PROFILE_STRICT] = "strict", [PROFILE_TRUSTY] = "trusty", [PROFILE_OPTEE] = "optee"
	};
	uint16_t id;
	const char *word = parse_id(text, '=', &id);
	int profile = word ? option_word(word, words, 3) : -1;

	if (profile < 0)
		return value_refuse(text, "write ID=trusty, ID=optee or ID=strict, ID from 0x8001 to 0xffff");
	if (o->profile_count == MODEL_SP_MAX)
		return value_refuse(text, "too many SPs; at most 16 are known");
	o->profile[o->profile_count++] = (struct sp_profile_option) { id, (enum sp_profile)profile };
	return 0;
}

int secure_options_sp(struct secure_options *o, const char *text)
{
	static const char *const words[] = { "none", "created", "destroyed", "both" };
	static const uint32_t wants[] = { 0, FFA_PROP_VM_CREATED, FFA_PROP_VM_DESTROYED,
		FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED };
	uint16_t id;
	const char *word = parse_id(text, '=', &id);
	int which = word ? option_word(word, words, 4) : -1;

	if (which < 0)
		return value_refuse(text, "write ID=created, ID=destroyed, ID=both or ID=none, ID from 0x8001 to 0xffff");
	for (size_t i = 0; i < o->listed_count; i++)
		if (o->listed[i].id == id)
			return value_refuse(text, "that SP was given before; say it once");
	if (o->listed_count == MODEL_SP_MAX)
		return value_refuse(text, "too many SPs; at most 16 are known");
	o->listed[o->listed_count++] = (struct change_sp) {
		.id = id, .contexts = 1, .properties = FFA_PROP_DIRECT_REQ_RECEIVE | wants[which]
	};
	return 0;
}

/* ---- how it is spoken to ---- */

#define RETRY_HELP                                                                                                     \
	"write [ID:]KEY=TIME,... with first, cap, probe (and active, without ID) in us, ms or s; jitter=PERCENT to 90"

static int set_jitter(struct retry_rule *rule, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n > 90)
		return -EINVAL;
	rule->jitter = (uint32_t)n;
	return 0;
}

static int set_key(struct retry_rule *rule, char *item, bool of_one)
{
	const struct {
		const char *key;
		uint64_t *field;
	} times[] = { { "first", &rule->first }, { "cap", &rule->cap }, { "probe", &rule->probe },
		{ "active", of_one ? NULL : &rule->active } };
	char *value = strchr(item, '=');

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (strcmp(item, "jitter") == 0)
		return set_jitter(rule, value);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		if (times[i].field && strcmp(times[i].key, item) == 0)
			return parse_time(value, times[i].field);
	return -EINVAL;
}

static int set_rule(struct retry_rule *rule, const char *text, bool of_one)
{
	char copy[ITEM_MAX], *rest = copy, *item;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	while ((item = strsep(&rest, ",")) != NULL)
		if (set_key(rule, item, of_one) < 0)
			return -EINVAL;
	return 0;
}

/* One SP's own rule, made of that of all as it is by then. */
static struct retry_rule *rule_of(struct secure_options *o, uint16_t sp)
{
	for (size_t i = 0; i < o->retry_for_count; i++)
		if (o->retry_for[i].sp == sp)
			return &o->retry_for[i].rule;
	if (o->retry_for_count == MODEL_SP_MAX)
		return NULL;
	o->retry_for[o->retry_for_count] = (struct retry_for) { sp, o->retry };
	return &o->retry_for[o->retry_for_count++].rule;
}

int secure_options_retry(struct secure_options *o, const char *text)
{
	uint16_t id = 0;
	const char *keys = parse_id(text, ':', &id);
	struct retry_rule *rule = id ? rule_of(o, id) : &o->retry;

	if (!rule)
		return value_refuse(text, "too many SPs; at most 16 are known");
	if (set_rule(rule, keys ? keys : text, id != 0) < 0)
		return value_refuse(text, RETRY_HELP);
	if (rule->first < 1000 || rule->first > rule->cap || rule->cap > rule->probe || rule->active < rule->cap)
		return value_refuse(text, "first (1us or more), cap and probe must not fall in that order, active not be below cap");
	return 0;
}

int secure_options_discover_every(struct secure_options *o, const char *text)
{
	uint64_t every;

	if (strcmp(text, "never") == 0)
		every = 0;
	else if (parse_time(text, &every) < 0 || every < NS_PER_S)
		return value_refuse(text, "write a time from 1s to 3600s, or never");
	o->discover_every = every;
	return 0;
}

int secure_options_frame_timeout(struct secure_options *o, const char *text)
{
	uint64_t timeout;

	if (parse_time(text, &timeout) < 0 || timeout < 1000000)
		return value_refuse(text, "write a time from 1ms to 3600s");
	o->frame_timeout = timeout;
	return 0;
}
