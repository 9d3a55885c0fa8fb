/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers and ids as people and D-Bus write them, and the way an argument is refused. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bus/internal.h"

LIFECYCLE_NAME_TABLE(states, VM_STATES);
LIFECYCLE_NAME_TABLE(substates, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(vcpus, VCPU_STATES);
LIFECYCLE_NAME_TABLE(causes, CAUSES);
LIFECYCLE_NAME_TABLE(assigned_types, ASSIGNED_TYPES);
LIFECYCLE_NAME_TABLE(vfio_states, VFIO_DEVICE_STATES);
LIFECYCLE_NAME_TABLE(ccw_states, CCW_STATES);
LIFECYCLE_NAME_TABLE(conditions, DEVICE_CONDITIONS);
LIFECYCLE_NAME_TABLE(debts, DEBT_STATES);
LIFECYCLE_NAME_TABLE(hows, DEBT_HOWS);
LIFECYCLE_NAME_TABLE(operations, OPERATIONS);
LIFECYCLE_NAME_TABLE(verbs, VERBS);
LIFECYCLE_NAME_TABLE(outcomes, OUTCOMES);
LIFECYCLE_NAME_TABLE(waits, WAITS);
LIFECYCLE_NAME_TABLE(leases, LEASE_STATES);

static const char *const profiles[] = {
	[PROFILE_STRICT] = "strict",
	[PROFILE_TRUSTY] = "trusty",
	[PROFILE_OPTEE] = "optee",
	[PROFILE_SPMC] = "spmc",
};

static const char *const statuses[] = {
	[SP_OK] = "ok",
	[SP_DEGRADED] = "degraded",
	[SP_GONE] = "gone",
};

static const char *const verdicts[] = {
	[0] = "-",
	[1 + VERDICT_ACK] = "ack",
	[1 + VERDICT_RETRY] = "retry",
	[1 + VERDICT_INTERRUPTED] = "interrupted",
	[1 + VERDICT_DENIED] = "denied",
	[1 + VERDICT_INVALID] = "invalid",
	[1 + VERDICT_BUSY] = "busy",
	[1 + VERDICT_PREEMPTED] = "preempted",
	[1 + VERDICT_YIELDED] = "yielded",
	[1 + VERDICT_IDLE] = "idle",
	[1 + VERDICT_ABORTED] = "aborted",
	[1 + VERDICT_UNKNOWN_SP] = "unknown-sp",
	[1 + VERDICT_UNSUPPORTED] = "unsupported",
	[1 + VERDICT_REFUSED] = "refused",
	[1 + VERDICT_BROKEN] = "broken",
};
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == 1 + VERDICT_COUNT, "a verdict has no word");

static const char *const places[] = {
	[PLACE_NONE] = "-",
	[PLACE_LINE] = "line",
	[PLACE_READY] = "ready",
	[PLACE_BACKOFF] = "back-off",
	[PLACE_PROBE] = "probe",
	[PLACE_SENT] = "sent",
	[PLACE_OPEN] = "suspended",
};
_Static_assert(sizeof(places) / sizeof(places[0]) == PLACE_COUNT, "a place has no word");

static const char *const pendings[] = {
	[PENDING_NONE] = "-",
	[PENDING_CHANGE] = "change",
	[PENDING_REMOVAL] = "removal",
};

#define TABLE(t)                                                                                             \
	{                                                                                                    \
		(t), sizeof(t) / sizeof((t)[0])                                                              \
	}
static const struct {
	const char *const *word;
	size_t count;
} tables[WORDS_COUNT] = {
	[WORDS_STATE] = TABLE(states),
	[WORDS_SUBSTATE] = TABLE(substates),
	[WORDS_VCPU] = TABLE(vcpus),
	[WORDS_ASSIGNED] = TABLE(assigned_types),
	[WORDS_VFIO_STATE] = TABLE(vfio_states),
	[WORDS_CCW_STATE] = TABLE(ccw_states),
	[WORDS_CONDITION] = TABLE(conditions),
	[WORDS_CAUSE] = TABLE(causes),
	[WORDS_DEBT] = TABLE(debts),
	[WORDS_HOW] = TABLE(hows),
	[WORDS_OPERATION] = TABLE(operations),
	[WORDS_VERB] = TABLE(verbs),
	[WORDS_OUTCOME] = TABLE(outcomes),
	[WORDS_WAIT] = TABLE(waits),
	[WORDS_LEASE] = TABLE(leases),
	[WORDS_PROFILE] = TABLE(profiles),
	[WORDS_STATUS] = TABLE(statuses),
	[WORDS_VERDICT] = TABLE(verdicts),
	[WORDS_PLACE] = TABLE(places),
	[WORDS_PENDING] = TABLE(pendings),
};

const char *bus_word(enum words list, unsigned number)
{
	const char *w = number < tables[list].count ? tables[list].word[number] : NULL;

	return w ? w : "?";
}

#define REFUSAL_ERROR(symbol, name, error, code) [symbol] = BUS_NAME ".Error." name,
const char *bus_refusal_error(enum refusal refusal)
{
	static const char *const errors[] = { REFUSALS(REFUSAL_ERROR) };

	return errors[refusal < REFUSAL_COUNT && refusal != REFUSED_NOT ? refusal : REFUSED_INTERNAL];
}

void bus_uuid_text(const uint8_t uuid[16], char ret[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *p = ret;

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 0xF];
	}
	*p = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int bus_uuid_parse(const char *text, uint8_t ret[16])
{
	uint8_t uuid[16];

	for (unsigned i = 0; i < 16; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		high = digit(text[0]);
		low = high < 0 ? -1 : digit(text[1]);
		if (low < 0)
			return -EINVAL;
		uuid[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return -EINVAL;
	memcpy(ret, uuid, sizeof(uuid));
	return 0;
}

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
bool bus_vm_name_is_valid(const char *name)
{
	size_t length = strnlen(name, VM_NAME_MAX + 1);

	return length >= 1 && length <= VM_NAME_MAX && strchr(ALNUM, name[0]) &&
	       strspn(name, ALNUM "_.-") == length;
}

int bus_vm_path(const char *name, char **ret)
{
	return sd_bus_path_encode(VM_PREFIX, name, ret);
}

int bus_partition_path(uint16_t id, char **ret)
{
	return asprintf(ret, PARTITION_PREFIX "/%04x", id) < 0 ? -ENOMEM : 0;
}

int bus_refuse(sd_bus_error *error, enum refusal refusal, const char *format, ...)
{
	char text[sizeof(((struct answer *)NULL)->text)];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	text_make_utf8(text, sizeof(text));
	return sd_bus_error_set(error, bus_refusal_error(refusal), text);
}

static int read_option(sd_bus_message *m, const char *known, bool *ret, sd_bus_error *error)
{
	const char *key;
	int value, r = sd_bus_message_read(m, "s", &key);

	if (r < 0)
		return r;
	if (!known)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"unknown option '%.64s': this version knows none, leave it out", key);
	if (strcmp(key, known) != 0)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"unknown option '%.64s': this version knows '%s' alone, leave it out", key, known);
	r = sd_bus_message_read(m, "v", "b", &value);
	if (r == -ENXIO)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "option '%s' is a boolean, true or false", known);
	*ret = value;
	return r;
}

int bus_read_option(sd_bus_message *m, const char *known, bool *ret, sd_bus_error *error)
{
	bool value = false;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_option(m, known, &value, error);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r < 0)
		return r;
	if (ret)
		*ret = value;
	return sd_bus_message_exit_container(m);
}

int bus_read_no_options(sd_bus_message *m, sd_bus_error *error)
{
	return bus_read_option(m, NULL, NULL, error);
}
