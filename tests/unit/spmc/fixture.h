/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A secure world in plain memory, driven without socket or clock. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "spmc/personality.h"
#include "spmc/world.h"

struct world *world_with(const char *first, ...) __attribute__((sentinel)); /* --sp texts, NULL at the end */
void world_end(struct world *w);

/* Any call, w0 to w5; the answer is kept in `answer` until the next one. */
extern uint64_t answer[FFA_REGISTERS];
bool ask(struct world *w, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4, uint64_t x5);

/* A VM availability message; returns w3 of the DIRECT_RESP, whose other registers it checks. */
int32_t created(struct world *w, uint16_t sp, uint16_t vm);
int32_t destroyed(struct world *w, uint16_t sp, uint16_t vm);
void send_message(struct world *w, uint16_t sp, uint32_t type, uint16_t vm);

void tick(struct world *w); /* until the next planned work step is done; there must be one */
void run_dry(struct world *w);
void assert_error(int32_t status);
void bring_to(struct world *w, uint16_t sp, enum sp_vm_state state); /* VM 5 of a Trusty-like first SP, from nothing */
enum sp_vm_state state_of(const struct world *w, uint32_t index, uint16_t vm);
