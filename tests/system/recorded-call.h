/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A call as tests/fuzz/record-bus writes it, a line of JSON; changed, and made a message again. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#define LEAVES_MAX 4096

/* A value within the arguments of a call, and where it hangs: a key of an object, or a place in an array. */
struct leaf {
	json_object *in;
	const char *key;
	size_t at;
	char type; /* basic, or 'v'; 'a' is a dictionary of options */
	json_object *value;
};

size_t type_length(const char *type); /* of the complete type that it begins with; 0: none, or not a good one */
size_t call_leaves(json_object *call, struct leaf *leaf);
void leaf_put(const struct leaf *leaf, json_object *value);
json_object *any_value(const char *type, unsigned depth);
json_object *any_variant(unsigned depth);
const char *call_word(json_object *call, const char *key);
int call_message(json_object *call, sd_bus *bus, sd_bus_message **ret);
