/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-bus.h>

#include "include/lifecycle.h"
#include "util.h"

/* Reads the rows of List or Subscribe, which `reply` stands at; keeps a reference of reply for the strings. */
int vm_list_read(sd_bus_message *reply, struct lifecycle_vm_list **ret);

UTIL_UNREFP(lifecycle_vm_list)
