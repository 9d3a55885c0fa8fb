/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "connection.h"

/* The message that asks for a verb; what is wrong with it is kept as of a call that failed. */
int act_prepare(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, sd_bus_message **ret);
const char *act_method(enum lifecycle_verb verb); /* of one that act_prepare() took */
