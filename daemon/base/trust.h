/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whose files and directories may say what the daemon does: root's and its own, if not everybody may write there. */

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static inline bool stat_is_trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & S_IWOTH);
}
