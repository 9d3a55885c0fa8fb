/* SPDX-License-Identifier: Apache-2.0 */
#include "store/definition_rules.h"

#include <string.h>

#include "proto/ffa.h"

#define SECOND_MS 1000ull
#define HOUR_MS   (3600 * SECOND_MS)

#define AT(member)                                                                                           \
	.offset = offsetof(struct vm_definition, member), .size = sizeof(((struct vm_definition *)0)->member)
#define RULES(table)                                                                                         \
	{                                                                                                    \
		(table), sizeof(table) / sizeof((table)[0])                                                  \
	}

/* Each in the order of its enum: the index is the number. */
static const char *const huge_pages[] = { "never", "transparent", "reserved", NULL };
static const char *const console_kinds[] = { "none", "serial", NULL };
static const char *const schedulings[] = { "other", "fifo", "rr", NULL };
static const char *const on_end[] = { "stop", "restart", "preserve", NULL };
static const char *const on_stuck[] = { "wait", "new-id", NULL };

static const struct rule vcpus[] = {
	{ "count", RULE_NUMBER, AT(vcpu_count), .min = 1, .max = VM_VCPU_MAX },
	{ "placement", RULE_CPUS, AT(placement) },
	{ "scheduling", RULE_WORD, AT(scheduling), .words = schedulings },
	{ "priority", RULE_NUMBER, AT(priority), .min = 1, .max = VM_PRIORITY_MAX },
};
static const struct rule watch[] = {
	{ "vcpu-stall", RULE_DURATION, AT(vcpu_stall_ms), .min = SECOND_MS, .max = HOUR_MS },
};
static const struct rule memory[] = {
	{ "size", RULE_BYTES, .required = true, AT(memory_bytes), .min = DEFINITION_MEMORY_MIN,
		.max = DEFINITION_MEMORY_MAX },
	{ "huge-pages", RULE_WORD, AT(huge_pages), .words = huge_pages },
	{ "overcommit", RULE_BOOL, AT(limits.overcommit) },
};
static const struct rule console[] = {
	{ "kind", RULE_WORD, AT(console), .words = console_kinds },
	{ "ring", RULE_BYTES, AT(limits.console_bytes), .min = 4096, .max = 1 << 20 },
};
static const struct rule policies[] = {
	{ "on-poweroff", RULE_WORD, AT(policies.on_poweroff), .words = on_end },
	{ "on-reboot", RULE_WORD, AT(policies.on_reboot), .words = on_end },
	{ "on-crash", RULE_WORD, AT(policies.on_crash), .words = on_end },
	{ "on-panic", RULE_WORD, AT(policies.on_panic), .words = on_end },
	{ "on-watchdog", RULE_WORD, AT(policies.on_watchdog), .words = on_end },
	{ "on-start-failure", RULE_WORD, AT(policies.on_start_failure), .words = on_end },
	{ "on-stuck", RULE_WORD, AT(policies.on_stuck), .words = on_stuck },
	{ "restart-delay", RULE_DURATION, AT(policies.restart_delay_ms), .min = 0, .max = HOUR_MS },
	{ "restart-factor", RULE_NUMBER, AT(policies.restart_factor), .min = 1, .max = 16 },
	{ "restart-delay-max", RULE_DURATION, AT(policies.restart_delay_max_ms), .min = 0, .max = 24 * HOUR_MS },
	{ "restart-jitter", RULE_NUMBER, AT(policies.restart_jitter), .min = 0, .max = 100 },
	{ "restart-healthy", RULE_DURATION, AT(policies.restart_healthy_ms), .min = 0, .max = 24 * HOUR_MS },
	{ "restart-limit", RULE_NUMBER, AT(policies.restart_limit), .min = 0, .max = 1000000 },
	{ "restart-window", RULE_DURATION, AT(policies.restart_window_ms), .min = SECOND_MS,
		.max = 24 * HOUR_MS },
};
static const struct rule order[] = {
	{ "after", RULE_NAMES, AT(after), .count = offsetof(struct vm_definition, after_count) },
	{ "requires", RULE_NAMES, AT(requires), .count = offsetof(struct vm_definition, requires_count) },
	{ "wants-partition", RULE_PARTITIONS, AT(partition), .count = offsetof(struct vm_definition, partition_count) },
	{ "autostart", RULE_BOOL, AT(autostart) },
};
static const struct rule limits[] = {
	{ "build-timeout", RULE_DURATION, AT(limits.build_timeout_ms), .min = 100, .max = HOUR_MS },
	{ "announce-timeout", RULE_DURATION, AT(limits.announce_timeout_ms), .min = 100, .max = HOUR_MS },
	{ "partition-timeout", RULE_DURATION, AT(limits.partition_timeout_ms), .min = 100, .max = 24 * HOUR_MS },
	{ "preserve-timeout", RULE_DURATION, AT(limits.preserve_timeout_ms), .min = 0, .max = 168 * HOUR_MS },
	{ "stop-timeout", RULE_DURATION, AT(limits.stop_timeout_ms), .min = SECOND_MS, .max = 24 * HOUR_MS },
};
static const struct rule resources[] = {
	{ "memory-max", RULE_BYTES, AT(resources.memory_max), .min = 1 << 20, .max = 2 * DEFINITION_MEMORY_MAX },
	{ "tasks-max", RULE_NUMBER, AT(resources.tasks_max), .min = 1, .max = 4096 },
	{ "cpu-quota", RULE_NUMBER, AT(resources.cpu_quota), .min = 1, .max = 100ul * VM_CPU_MAX },
	{ "cpu-weight", RULE_NUMBER, AT(resources.cpu_weight), .min = 1, .max = 10000 },
	{ "io-weight", RULE_NUMBER, AT(resources.io_weight), .min = 1, .max = 10000 },
	{ "devices", RULE_DEVICES, AT(resources.device) },
};
static const struct rules vcpus_rules = RULES(vcpus), memory_rules = RULES(memory),
			  console_rules = RULES(console), policies_rules = RULES(policies),
			  order_rules = RULES(order), limits_rules = RULES(limits),
			  resources_rules = RULES(resources), watch_rules = RULES(watch);

static const struct rule root[] = {
	{ "name", RULE_NAME, .required = true, AT(name) },
	{ "uuid", RULE_UUID, AT(uuid) },
	{ "ffa-id", RULE_NUMBER, AT(ffa_id), .min = FFA_ID_VM_FIRST, .max = FFA_ID_VM_LAST },
	{ "notifications", RULE_BOOL, AT(notifications) },
	{ "vcpus", RULE_OBJECT, .inner = &vcpus_rules },
	{ "memory", RULE_OBJECT, .required = true, .inner = &memory_rules },
	{ "kernel", RULE_PATH, .required = true, AT(kernel) },
	{ "initrd", RULE_PATH, AT(initrd) },
	{ "cmdline", RULE_TEXT, AT(cmdline) },
	{ "dtb", RULE_PATH, AT(dtb) },
	{ "console", RULE_OBJECT, .inner = &console_rules },
	{ "policies", RULE_OBJECT, .inner = &policies_rules },
	{ "order", RULE_OBJECT, .inner = &order_rules },
	{ "limits", RULE_OBJECT, .inner = &limits_rules },
	{ "watch", RULE_OBJECT, .inner = &watch_rules },
	{ "devices", RULE_ASSIGNED, AT(assigned) },
	{ "resources", RULE_OBJECT, .inner = &resources_rules },
};
const struct rules definition_rules = RULES(root);

uint64_t rule_number(const struct rule *rule, const struct vm_definition *d)
{
	const void *at = (const char *)d + rule->offset;

	switch (rule->size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

void rule_set_number(const struct rule *rule, struct vm_definition *d, uint64_t value)
{
	void *at = (char *)d + rule->offset;

	switch (rule->size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)at = value;
	}
}

const struct rule *rules_find(const struct rules *rules, const char *key)
{
	for (size_t i = 0; i < rules->count; i++)
		if (strcmp(rules->rule[i].key, key) == 0)
			return &rules->rule[i];
	return NULL;
}

#define NEAR_MAX 24

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be put in, left out or replaced to make one word the other; words of at most NEAR_MAX
 * letters. */
static unsigned edits(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned row[NEAR_MAX + 1];

	for (unsigned i = 0; i <= b_length; i++)
		row[i] = i;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_length];
}

const struct rule *rules_nearest(const struct rules *rules, const char *key)
{
	const struct rule *nearest = NULL;
	size_t length = strlen(key);
	unsigned best = 3;

	if (length > NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < rules->count; i++) {
		const char *known = rules->rule[i].key;
		unsigned distance = edits(key, length, known, strlen(known));

		if (distance < best) {
			best = distance;
			nearest = &rules->rule[i];
		}
	}
	return nearest;
}
