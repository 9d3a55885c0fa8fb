/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A span of time as people write it: digits and a unit, "2s", "300ms". */

#include <stdint.h>

#define SPAN_IS "a time up to an hour: digits and us, ms, s or min"

int span_parse(const char *text, uint64_t *ret_ns); /* 0 or -EINVAL */
