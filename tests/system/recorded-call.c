/* SPDX-License-Identifier: Apache-2.0 */

/* Between a line of JSON and a message: arrays, structs and pairs are JSON arrays, a variant is {"type", "data"}. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/system/bus-caller.h"
#include "tests/system/recorded-call.h"

#define BASIC "ybnqiuxtdsogh"
#define DEPTH_MAX 40
#define FDS_MAX   16 /* of one message: the bus hangs up on who sends more */

static unsigned fds; /* that the message has which is made */

static size_t length_inside(const char *type, char end)
{
	size_t at = 1, one;

	while (type[at] && type[at] != end) {
		one = type_length(type + at);
		if (!one)
			return 0;
		at += one;
	}
	return type[at] == end && at > 1 ? at + 1 : 0;
}

size_t type_length(const char *type)
{
	size_t inner;

	if (!*type)
		return 0;
	if (strchr(BASIC "v", *type))
		return 1;
	if (*type == 'a') {
		inner = type[1] == '{' ? length_inside(type + 1, '}') : type_length(type + 1);
		return inner ? 1 + inner : 0;
	}
	return *type == '(' ? length_inside(type, ')') : 0;
}

const char *call_word(json_object *call, const char *key)
{
	json_object *word = json_object_object_get(call, key);

	return json_object_is_type(word, json_type_string) ? json_object_get_string(word) : "";
}

static void add_leaf(struct leaf *leaf, size_t *count, struct leaf one)
{
	if (*count < LEAVES_MAX)
		leaf[(*count)++] = one;
}

static void find_leaves(const char *type, const struct leaf *here, struct leaf *leaf, size_t *count);

/* What is in an array whose elements are of these types, over and over. */
static void find_inside(json_object *array, const char *types, size_t length, struct leaf *leaf, size_t *count)
{
	size_t at = 0, n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n; i++) {
		struct leaf here = { .in = array, .at = i, .value = json_object_array_get_idx(array, i) };
		size_t one = type_length(types + at);

		if (!one)
			return;
		find_leaves(types + at, &here, leaf, count);
		at += one;
		if (at >= length)
			at = 0;
	}
}

static void find_pairs(json_object *array, struct leaf *leaf, size_t *count)
{
	size_t n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n; i++)
		find_inside(json_object_array_get_idx(array, i), "sv", 2, leaf, count);
}

static void find_leaves(const char *type, const struct leaf *here, struct leaf *leaf, size_t *count)
{
	struct leaf one = *here;

	one.type = *type;
	if (strncmp(type, "a{sv}", 5) == 0) {
		add_leaf(leaf, count, one);
		find_pairs(here->value, leaf, count);
	} else if (*type == 'a' && type[1] != '{') {
		find_inside(here->value, type + 1, type_length(type + 1), leaf, count);
	} else if (*type == '(') {
		find_inside(here->value, type + 1, type_length(type) - 2, leaf, count);
	} else if (*type == 'v' && json_object_is_type(here->value, json_type_object)) {
		struct leaf data = { .in = here->value, .key = "data", .value = json_object_object_get(here->value, "data") };
		const char *inner = call_word(here->value, "type");

		add_leaf(leaf, count, one);
		if (type_length(inner))
			find_leaves(inner, &data, leaf, count);
	} else if (strchr(BASIC, *type)) {
		add_leaf(leaf, count, one);
	}
}

/* Of the arguments. Putting one makes those that are within it stale. */
size_t call_leaves(json_object *call, struct leaf *leaf)
{
	json_object *arguments = json_object_object_get(call, "arguments");
	const char *types = call_word(call, "signature");
	size_t count = 0;

	find_inside(arguments, types, strlen(types), leaf, &count);
	return count;
}

void leaf_put(const struct leaf *leaf, json_object *value)
{
	if (leaf->key)
		json_object_object_add(leaf->in, leaf->key, value);
	else
		json_object_array_put_idx(leaf->in, leaf->at, value);
}

json_object *any_variant(unsigned depth)
{
	static const char *const types[] = { "s", "b", "t", "u", "i", "q", "h", "as", "a{sv}", "v", "x", "d", "y", "ay", "n", "o", "g", "(st)", "aas" };
	const char *type = depth == DEPTH_MAX ? "t" : types[fuzz_random() % (sizeof(types) / sizeof(types[0]))];
	json_object *variant = json_object_new_object();

	if (*type == 'h' && fuzz_random() % 16)
		type = "s";
	json_object_object_add(variant, "type", json_object_new_string(type));
	json_object_object_add(variant, "data", any_value(type, depth + 1));
	return variant;
}

static json_object *any_array(const char *inner, unsigned depth)
{
	json_object *array = json_object_new_array(), *pair;

	for (uint64_t n = fuzz_random() % (depth < 3 ? 4 : 2); n > 0; n--) {
		if (*inner != '{') {
			json_object_array_add(array, any_value(inner, depth + 1));
			continue;
		}
		pair = json_object_new_array();
		json_object_array_add(pair, json_object_new_string(caller_text()));
		json_object_array_add(pair, any_variant(depth + 1));
		json_object_array_add(array, pair);
	}
	return array;
}

json_object *any_value(const char *type, unsigned depth)
{
	json_object *array;

	switch (*type) {
	case 'v':
		return any_variant(depth);
	case 'a':
		return any_array(type + 1, depth);
	case '(':
		array = json_object_new_array();
		for (const char *at = type + 1; *at && *at != ')'; at += type_length(at))
			json_object_array_add(array, any_value(at, depth + 1));
		return array;
	case 's':
		return json_object_new_string(caller_text());
	case 'o':
		return json_object_new_string(ROOT "/vm/web");
	case 'g':
		return json_object_new_string("a{sv}");
	case 'b':
		return json_object_new_boolean(fuzz_random() & 1);
	default:
		return json_object_new_uint64(caller_number());
	}
}

static int append(sd_bus_message *m, const char *type, json_object *value);

/* The elements of a JSON array, as complete types that follow each other, over and over. */
static int append_all(sd_bus_message *m, const char *types, size_t length, json_object *array, bool once)
{
	size_t n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0, i = 0, at = 0, one;
	int r = 0;

	while (r >= 0 && (once ? at < length : i < n)) {
		one = type_length(types + at);
		if (!one)
			return -EINVAL;
		r = append(m, types + at, i < n ? json_object_array_get_idx(array, i) : NULL);
		i++;
		at += one;
		if (!once && at >= length)
			at = 0;
	}
	return r;
}

static int append_inside(sd_bus_message *m, char container, const char *types, size_t length, json_object *value)
{
	char inner[64];
	int r;

	if (length >= sizeof(inner))
		return -EINVAL;
	(void)snprintf(inner, sizeof(inner), "%.*s", (int)length, types);
	r = sd_bus_message_open_container(m, container, inner);
	if (r >= 0)
		r = append_all(m, inner, length, value, container != 'a');
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_pairs(sd_bus_message *m, json_object *array)
{
	size_t n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = append_inside(m, 'e', "sv", 2, json_object_array_get_idx(array, i));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_variant(sd_bus_message *m, json_object *value)
{
	const char *type = json_object_is_type(value, json_type_object) ? call_word(value, "type") : "";
	json_object *data = NULL;
	int r;

	if (!*type || type_length(type) != strlen(type))
		type = "s";
	else
		data = json_object_object_get(value, "data");
	r = sd_bus_message_open_container(m, 'v', type);
	if (r >= 0)
		r = append(m, type, data);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_basic(sd_bus_message *m, char type, json_object *value)
{
	uint64_t number = json_object_is_type(value, json_type_int) && json_object_get_int64(value) < 0 ?
		(uint64_t)json_object_get_int64(value) : json_object_get_uint64(value);
	const char *text = value && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	double real = json_object_get_double(value);
	int truth = json_object_get_boolean(value), null, r;

	switch (type) {
	case 's':
		return sd_bus_message_append_basic(m, type, text);
	case 'o':
		return sd_bus_message_append_basic(m, type, *text == '/' ? text : "/");
	case 'g': /* the bus is stricter than the library, and hangs up */
		return sd_bus_message_append_basic(m, type, strcmp(text, "a{sv}") == 0 || !strchr(text, '{') ? text : "");
	case 'b':
		return sd_bus_message_append_basic(m, type, &truth);
	case 'd':
		return sd_bus_message_append_basic(m, type, &real);
	case 'h':
		if (fds++ == FDS_MAX)
			return -E2BIG;
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		r = sd_bus_message_append_basic(m, type, &null);
		close(null);
		return r;
	default:
		return sd_bus_message_append_basic(m, type, &number); /* its low bytes: both run on one machine */
	}
}

/* What the value is not, is empty or 0 instead: so a changed signature still makes a message. */
static int append(sd_bus_message *m, const char *type, json_object *value)
{
	size_t length = type_length(type);

	if (!length)
		return -EINVAL;
	if (*type == 'v')
		return append_variant(m, value);
	if (*type == 'a' && type[1] == '{')
		return strncmp(type, "a{sv}", 5) == 0 ? append_pairs(m, value) : -EINVAL;
	if (*type == 'a')
		return append_inside(m, 'a', type + 1, length - 1, value);
	if (*type == '(')
		return append_inside(m, 'r', type + 1, length - 2, value);
	return append_basic(m, *type, value);
}

/* Negative where the bus library does not take it. */
int call_message(json_object *call, sd_bus *bus, sd_bus_message **ret)
{
	const char *types = call_word(call, "signature");
	sd_bus_message *m = NULL;
	int r;

	fds = 0;
	r = sd_bus_message_new_method_call(bus, &m, NAME, call_word(call, "path"), call_word(call, "interface"), call_word(call, "member"));

	if (r >= 0)
		r = append_all(m, types, strlen(types), json_object_object_get(call, "arguments"), true);
	if (r < 0) {
		sd_bus_message_unref(m);
		return r;
	}
	*ret = m;
	return 0;
}
