/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

struct json_object *vm_to_json(const struct lifecycle_vm *vm);
