/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Definitions of VMs: JSON as people write it (lifecycle.vm(5)), made into the fixed struct of
 * proto/definition.h, and back into one canonical JSON for the log. An error says which file, line and
 * column, which key, what stands there, and what to write instead.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/definition.h"
#include "store/buffer.h"

#define DEFINITION_TEXT_MAX 65536

struct json_object;

struct definition_error {
	unsigned line, column; /* 0: it has no place (the file as a whole, or JSON out of the log) */
	char message[240];     /* without the place */
	char text[384];        /* "SOURCE:LINE:COLUMN: MESSAGE" */
};

/* 0, -EBADMSG with *err filled in, or -ENOMEM. `source` is what errors call the text. */
int definition_parse(const char *text, size_t length, const char *source, const uint8_t machine_id[16],
	struct vm_definition **ret, struct definition_error *err);

/* The same from JSON that definition_print made. Host facts (page size) are not asked again: it was accepted
 * once. */
/* later: a later version of lifecycled wrote it, and keys that are not known here are left alone. */
int definition_from_json(struct json_object *json, bool later, struct vm_definition **ret, struct definition_error *err);

/* The same, with up to `room` errors, the first that are found; *ret_count of them are filled in. */
int definition_parse_all(const char *text, size_t length, const char *source, const uint8_t machine_id[16],
	struct vm_definition **ret, struct definition_error *errors, size_t room, size_t *ret_count);

void definition_print(const struct vm_definition *d, struct buffer *b);

/* For people: 64M, not 67108864. */
void definition_print_words(const struct vm_definition *d, struct buffer *b);

/* 0, -ENOMEM, or what `each` said that was not 0, after which nothing follows. */
typedef int definition_change_fn(void *ctx, const struct definition_change *change);
int definition_differences(
	const struct vm_definition *old, const struct vm_definition *new, definition_change_fn *each, void *ctx);

/*
 * Reads NAME.json from each directory; of files with the same name the one in the last directory counts, and
 * a link to /dev/null there hides the others. Calls back in the order of names, with the file's path, NAME (NULL: a
 * directory; "": a file that is not named after a VM) and a definition (taken over by the callee) or NULL and an error, and
 * goes on. Directories that are not there are skipped. 0, -ENOMEM, or what `each` said.
 */
struct definition_file {
	const char *path, *name;
};
int definition_load_dirs(const char *const *directories, size_t count, const uint8_t machine_id[16],
	int (*each)(void *ctx, const struct definition_file *file, struct vm_definition *definition,
		const struct definition_error *err),
	void *ctx);
