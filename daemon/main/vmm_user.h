/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "main/options.h"

/* --vmm-user NAME, looked up: a VMM is static, and is told numbers. 0, or -EINVAL and a message was printed. */
int vmm_user_option(const char *name, struct options *o);
