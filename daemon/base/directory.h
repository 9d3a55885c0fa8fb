/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is in a directory, where it matters that it is all of it: readdir(3) says of an error what it says of the end. */

#include <dirent.h>
#include <errno.h>

/* 1: *ret is the next; 0: there is no more; or a negative errno. */
static inline int directory_next(DIR *d, struct dirent **ret)
{
	errno = 0;
	*ret = readdir(d);
	return *ret ? 1 : -errno;
}
