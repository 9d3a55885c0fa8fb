/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a VM could not be built: a negative errno and one line for a person that names what, which, why and the
 * remedy. */

#include <stdarg.h>

#include "proto/vmm-link.h"

struct failure {
	int error; /* 0 or a negative errno */
	char text[VMM_TEXT_MAX + 1];
};

/* Fills it and returns `error`, so that a caller can `return failed(f, -EINVAL, "...")`. */
int failed(struct failure *f, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": " and the error's own text behind it. */
int failed_errno(struct failure *f, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The last part of a path, short enough that the reason behind it still fits the line. */
const char *path_tail(const char *path);
