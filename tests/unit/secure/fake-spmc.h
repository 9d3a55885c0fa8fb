/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The other end of the secure link, played by hand from the test, and an engine that only listens. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/secure-link.h"
#include "secure/secure.h"

struct engine {
	struct input heard[64];
	size_t count, read;
	int fail;
};

struct world {
	struct loop *loop;
	struct secure *secure;
	struct engine engine;
	struct secure_config config;
	char dir[32], path[64];
	int listener, link, rx; /* rx: what came with HELLO */
	struct secure_link_hello hello;
	struct secure_link_welcome welcome;
	bool bitmaps; /* as spmc_greet() says */
};

int world_setup(void **state);
int world_teardown(void **state);
void world_listen(struct world *w);
void world_secure(struct world *w); /* makes and starts it */
const struct input *world_wait(struct world *w, enum input_kind kind);
size_t world_heard(const struct world *w, enum input_kind kind);
void world_meet(struct world *w); /* world_secure, greeting, and two SPs: 0x8001 and 0x8002 */

void spmc_accept(struct world *w);          /* and reads HELLO */
void spmc_welcome(struct world *w);
void spmc_hang_up(struct world *w);
void spmc_sees_hang_up(struct world *w); /* the next thing there, not after a frame */
void spmc_say(struct world *w, const void *frame, size_t size);
struct secure_link_call spmc_hear(struct world *w);                       /* the next SUBMIT */
uint64_t spmc_hear_call(struct world *w, uint32_t function);              /* its id; fails if it is another */
void spmc_answer(struct world *w, uint64_t id, const uint64_t x[8]);      /* the registers after them are zero */
void spmc_error(struct world *w, uint64_t id, int32_t status);
void spmc_greet(struct world *w); /* accept, welcome, VERSION 1.2, and whether it has bitmaps */
void spmc_says_bitmaps(struct world *w, bool has);
void spmc_page(struct world *w, uint64_t id, uint16_t last, uint16_t current, uint16_t tag, uint16_t size,
	const void *descriptors, size_t bytes);
