/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The forms of a direct message between guests. */

#include <stdbool.h>
#include <stdint.h>

#include "model/guest_call.h"

struct world;

uint32_t form_of_request(struct world *w, uint16_t to);
uint32_t form_of_response(uint32_t request);
bool form_is_request(uint64_t function);
bool form_is_response(uint64_t function);
bool form_is_wide(uint64_t function);
uint32_t form_token(const struct guest_call *c);
void form_fill(struct world *w, struct guest_call *c, uint32_t token);
void oracle_message(struct world *w, const struct guest_call *c); /* P5: it arrives as it was sent */
