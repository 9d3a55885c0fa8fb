/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where in a JSON text a thing stands. json-c keeps no positions and takes the last of two equal keys in
 * silence; this scanner walks the same text a second time, for the one place that an error names, and finds
 * such keys.
 *
 * A path is keys joined by dots and indexes in brackets: "vcpus.placement[1]". "" is the whole text.
 */

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 8
#define JSON_KEYS_MAX  64 /* in one object */
#define JSON_PATH_MAX  128

struct json_place {
	unsigned line, column; /* from 1; columns count characters, a tab is one */
};

enum json_oddity {
	JSON_FINE,
	JSON_DUPLICATE,   /* a key stands twice in one object */
	JSON_ESCAPED_KEY, /* a backslash in a key: it could hide a duplicate, and no key of ours needs one */
	JSON_TOO_MANY_KEYS,
	JSON_MALFORMED,
};

/* Comments become blanks, so that offsets stay. false: one does not end; *ret_offset is where it begins. */
bool json_blank_comments(char *text, size_t length, size_t *ret_offset);

void json_place_at(const char *text, size_t offset, struct json_place *ret);

/* The offset of a value, or of its key. false: no such path. */
bool json_place_find(const char *text, size_t length, const char *path, bool of_key, size_t *ret_offset);

/* The first odd key; its offset and path are filled in. */
enum json_oddity json_place_check(
	const char *text, size_t length, size_t *ret_offset, char path[JSON_PATH_MAX]);
