/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon may send, and the check that each frame passes before anything of it is believed. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "proto/vmm-link.h"

union daemon_frame {
	struct vmm_frame_header header;
	struct vmm_first first;
	struct vmm_birth birth;
	struct vmm_refused refused;
	struct vmm_welcome welcome;
	struct vmm_channel channel;
	struct vmm_notify notify;
	struct {
		struct vmm_message frame;
		uint8_t bytes[VMM_BYTES_MAX];
	} message;
};

/* Where the conversation stands: what may come next. */
enum link_stage {
	LINK_DOWN = 0,
	LINK_NEWBORN, /* NEWBORN is sent: BIRTH or REFUSED */
	LINK_BACK,    /* BACK is sent: WELCOME or REFUSED */
	LINK_UP,      /* ENTER, STOP, PAUSE, RESUME, QUIESCE, EXIT, CHANNEL, NOTIFY, MESSAGE */
};

struct frame_expected {
	enum link_stage stage;
	uint16_t version;     /* of the daemon; 0: it has not said it yet */
	const char *name;
	uint64_t life;        /* 0 before birth */
	uint64_t incarnation; /* the newest daemon seen */
	uint64_t command;     /* the newest command received */
};

/* What an older daemon has not is 0; what is reserved in a newer one's is no matter. Before frame_check. */
void frame_complete(union daemon_frame *frame, size_t length);

/* NULL, or what is wrong with it. `fd_count` is how many descriptors came along, `cut` that something was
 * truncated. */
const char *frame_check(const union daemon_frame *frame, size_t length, unsigned fd_count, bool cut,
	const struct frame_expected *expected);

/* The same for what comes on a vCPU's channel; `length` is what was sent, also where it did not fit. */
const char *answer_check(const struct vmm_answer *answer, size_t length, uint64_t life, unsigned vcpu,
	uint16_t version);
