/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

struct json_object *vm_to_json(const struct lifecycle_vm *vm);
struct json_object *waits_to_json(const struct lifecycle_waits_on *w); /* status.c */
