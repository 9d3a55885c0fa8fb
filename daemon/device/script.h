/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text of what a scripted device does: statements that end with ';', words between blanks. What the words mean is each
 * kind of device's own: migration_script.h, ccw_script.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script {
	const char *at;
	const char *what; /* NULL: nothing is wrong yet */
};

struct script_word {
	const char *s;
	size_t length;
};

/* The next word of the statement; length 0: it is over. */
struct script_word script_peek(struct script *t);
struct script_word script_next(struct script *t);
bool script_is(struct script_word w, const char *name);

/* False always: that is wrong, at this word. */
bool script_wrong(struct script *t, struct script_word at, const char *what);

/* The next word as what it has to be, or false and it is wrong. */
bool script_number(struct script *t, uint32_t max, uint32_t *ret);
bool script_time(struct script *t, uint64_t *ret); /* "20ms", "2s", at most an hour; in ns */
bool script_errno(struct script *t, int32_t *ret); /* 0 is EIO */

/*
 * Each statement by `read`, which is given its first word. 0; or -EINVAL, with what is wrong and at which byte of the text.
 */
int script_parse(const char *text, bool (*read)(struct script *t, struct script_word first, void *ret), void *ret,
	const char **ret_what, size_t *ret_at);
