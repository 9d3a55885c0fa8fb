/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The user that a VMM becomes where root began it without a service manager: in numbers, for a static program cannot ask for
 * names. It comes after /dev/kvm was opened, and before any image is.
 */

#include <stdbool.h>
#include <sys/types.h>

#define USER_GROUPS_MAX 32

struct sandbox_user {
	bool is_asked_for;
	uid_t uid;
	gid_t gid, group[USER_GROUPS_MAX];
	size_t group_count;
};

/* UID:GID[,GROUP...]: the groups that it has besides. -EINVAL, and nothing is written. */
int user_parse(const char *text, struct sandbox_user *ret);

/* For good, capabilities included, unless it becomes root. 0 also where it was not asked for. */
int user_become(const struct sandbox_user *user);
