/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The format of a definition, once: each key, its type, its limits, and where its value lives in the struct.
 * The parser reads by these tables and the printer prints by them, so neither can know a key that the other
 * does not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/definition.h"

enum rule_type {
	RULE_OBJECT,
	RULE_NAME,
	RULE_UUID,
	RULE_NUMBER,   /* an integer of `size` bytes */
	RULE_BYTES,    /* a size: bytes, or text with K, M, G */
	RULE_DURATION, /* text with ms, s, min, h; stored as milliseconds */
	RULE_BOOL,
	RULE_WORD, /* one of `words`, stored as its index */
	RULE_PATH, /* absolute */
	RULE_TEXT,
	RULE_NAMES, /* up to VM_AFTER_MAX names of VMs, their number at `count` */
	RULE_PARTITIONS, /* up to VM_PARTITION_MAX SPs, by id or UUID */
	RULE_DEVICES, /* up to VM_DEVICE_MAX paths below /dev */
	RULE_ASSIGNED, /* up to VM_ASSIGNED_MAX devices, an object each */
	RULE_CPUS,  /* a list of CPU lists, one a vCPU */
};

struct rules;

struct rule {
	const char *key;
	enum rule_type type;
	bool required;
	uint16_t offset, size, count;
	uint64_t min, max;
	const char *const *words; /* ends with NULL */
	const struct rules *inner;
};

struct rules {
	const struct rule *rule;
	size_t count;
};

extern const struct rules definition_rules;

uint64_t rule_number(const struct rule *rule, const struct vm_definition *d);
void rule_set_number(const struct rule *rule, struct vm_definition *d, uint64_t value);
const struct rule *rules_find(const struct rules *rules, const char *key);
const struct rule *rules_nearest(
	const struct rules *rules, const char *key); /* NULL: none within two edits */
