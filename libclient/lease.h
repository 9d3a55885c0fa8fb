/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For the library's tests: a lease out of a socket. */

#include <stdint.h>

struct lifecycle_lease;
int lease_new(int fd, const char *token, uint64_t life, struct lifecycle_lease **ret); /* takes a copy of the fd */
