/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* UUIDs as text (RFC 9562), and the one a VM gets whose definition names none. */

#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 37 /* 8-4-4-4-12 and the end */

void uuid_print(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);
bool uuid_parse(const char *text, uint8_t uuid[16]); /* false: not a UUID, nothing is written */
bool uuid_is_nil(const uint8_t uuid[16]);
void uuid_of_name(const uint8_t machine_id[16], const char *name, uint8_t uuid[16]);
