/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The link to what answers for the secure side (proto/secure-link.h): meets it, discovers its SPs, sends it one call at
 * a time for each SP, tells what the answers mean.
 *
 * Order at start: secure_new, engine_new with secure_ops, secure_set_engine, ..., secure_start. Everything is told to the
 * engine from the loop.
 */

#include "engine/ports.h"
#include "loop/loop.h"

struct secure;

struct secure_profile {
	uint16_t sp;
	uint8_t profile; /* enum sp_profile */
};

struct secure_config {
	struct loop *loop;
	const char *socket_path; /* NULL: there is no secure side; IN_SECURE_UP tells a world without SPs */
	uint64_t incarnation;
	uint64_t frame_timeout_ns; /* 0: 2 s */
	const struct secure_profile *profiles; /* what an SP is, where its UUID does not tell; copied */
	size_t profile_count;
	const struct change_sp *listed; /* who is there, where no discovery is; copied */
	size_t listed_count;
	uint64_t discover_every_ns; /* look again without a reason; 0: never */
};

extern const struct secure_ops secure_ops;
extern const struct frame_ops secure_frames; /* secure: struct secure */

int secure_new(const struct secure_config *config, struct secure **ret);
struct secure *secure_free(struct secure *s);
void secure_set_engine(struct secure *s, struct engine *e);
void secure_start(struct secure *s);
