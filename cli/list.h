/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <lifecycle.h>

struct json_object *vm_to_json(const struct lifecycle_vm *vm);
struct json_object *waits_to_json(const struct lifecycle_waits_on *w);
struct json_object *calls_to_json(const struct lifecycle_vm_details *d);
/* "secure partition 0x8001", "VM 'web'" */
#define CALLEE_MAX 96
void format_callee(char *to, size_t size, const struct lifecycle_vcpu_call *call);
/* "0x8001, 0x8002" */
void format_sps(char *to, size_t size, const struct lifecycle_sp_ids *sps);
