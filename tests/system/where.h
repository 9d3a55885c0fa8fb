/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the programs under test are: meson's test environment says so. */

#include <stdio.h>
#include <stdlib.h>

static inline const char *where(const char *variable)
{
	const char *path = getenv(variable);

	if (!path || !*path) {
		fprintf(stderr, "%s is not set: run this through `meson test`\n", variable);
		exit(99);
	}
	return path;
}

static inline const char *where_vmm(void)
{
	return where("LIFECYCLED_VMM");
}

/* "beat" -> the path of beat.elf, in the caller's buffer. */
static inline const char *where_guest(const char *name, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/%s.elf", where("LIFECYCLED_GUESTS"), name);
	return buffer;
}
