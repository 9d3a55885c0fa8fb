/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* lifecyclectl on a terminal of its own. */

#include "ctl.h"

/* What it wrote there, "\n" as line ends, for the caller to free. environment: "NAME=VALUE"..., NULL; code, if not NULL: its exit code. */
char *on_terminal(const struct fixture *f, unsigned short columns, const char *const *environment, const char *const *argv, int *ret_code);
#define ENVIRONMENT(...) (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL }
