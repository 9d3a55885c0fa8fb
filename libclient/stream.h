/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "include/lifecycle.h"
#include "proto/event-stream.h"
#include "util.h"

/* A stream over a SOCK_SEQPACKET fd, which it takes over; the cursor is all it knows. */
int stream_new(int fd, uint64_t seq, struct lifecycle_stream **ret);
/* `length` bytes that came as one message. -EBADMSG: no record of a version known here; -EOVERFLOW: a gap. */
int stream_decode(const void *bytes, size_t length, struct lifecycle_event *event);

UTIL_UNREFP(lifecycle_stream)
