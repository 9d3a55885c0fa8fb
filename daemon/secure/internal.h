/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of this room share. */

#include "base/list.h"
#include "proto/secure-link.h"
#include "secure/secure.h"

/* ---- codec.c: registers, pure ---- */

void encode_call(const struct secure_call *call, uint64_t x[FFA_REGISTERS]);

enum { DESCRIPTOR_V10 = 8, DESCRIPTOR_V11 = 24, DESCRIPTOR_V13 = 48 };
/* `size` is what the secure side says; what is beyond the fields known here is skipped. -EBADMSG: not a descriptor. */
int decode_partition(const uint8_t *bytes, size_t size, struct ffa_partition_info_v13 *ret);

struct info_page { /* one answer of PARTITION_INFO_GET_REGS */
	uint16_t last, current, tag, size;
	uint8_t bytes[15 * 8]; /* x3..x17 */
};
void decode_info_page(const uint64_t x[FFA_REGISTERS], struct info_page *ret);

/* ---- classify.c: what an answer means, pure ---- */

void classify(const struct secure_call *call, const uint64_t x[FFA_REGISTERS], struct secure_reply *ret);

/* ---- trace.c ---- */

#define TRACE_FRAMES 64
struct trace {
	uint16_t sp;
	uint64_t count; /* ever written */
	struct frame_counts counts;
	struct secure_frame frame[TRACE_FRAMES];
};
#define TRACES (MODEL_SP_MAX + 1)
void trace_add(struct trace *traces[TRACES], uint16_t sp, const struct secure_frame *frame);
void trace_lost(struct trace *traces[TRACES], uint16_t sp); /* a SUBMIT that will not be answered */
void trace_free(struct trace *traces[TRACES]);

/* ---- the link and what goes over it ---- */

#define PENDING_MAX (2 * MODEL_SP_MAX)
struct pending {
	struct list node;
	uint64_t id;
	uint64_t deadline, submitted_at;
	bool discovery;
	struct secure_call call;
};

enum link_state {
	LINK_DOWN,     /* until retry_at */
	LINK_GREETING, /* HELLO sent */
	LINK_UP,
};

enum discovery_step {
	DISCOVERY_NONE,
	DISCOVERY_VERSION,
	DISCOVERY_BITMAPS, /* once a link, like the version */
	DISCOVERY_FEATURES,
	DISCOVERY_REGS,
	DISCOVERY_BUFFER,  /* PARTITION_INFO_GET */
	DISCOVERY_FREE_RX, /* RX_RELEASE of what an earlier daemon left there, then DISCOVERY_BUFFER again */
	DISCOVERY_RELEASE, /* RX_RELEASE after it, then done */
};

/* A partition may have several; the log keeps the first alone. */
#define SP_UUIDS_MAX 8
struct sp_uuids {
	uint16_t sp;
	uint8_t count;
	uint8_t uuid[SP_UUIDS_MAX][16];
};

struct discovery {
	enum discovery_step step;
	bool again;      /* asked for while under way */
	bool unasked;    /* nobody but the clock wants it: told only if something changed */
	bool tagged;     /* `tag` and `last` are of a first page */
	bool rx_freed;
	unsigned asked; /* of the versions that we speak, the one that was proposed */
	unsigned restarts;
	uint16_t next, last, tag;
	struct secure_world *world;
	struct sp_uuids uuids[MODEL_SP_MAX]; /* as many as world->count */
};

struct secure {
	struct loop *loop;
	struct engine *engine;
	char *socket_path;
	uint64_t incarnation, timeout, last_id;
	struct secure_profile *profiles;
	size_t profile_count;
	struct change_sp listed[MODEL_SP_MAX];
	size_t listed_count;
	uint64_t discover_every, discover_at;
	struct secure_world met; /* as the engine was told it last */
	struct sp_uuids uuids[MODEL_SP_MAX]; /* of those that were met */

	enum link_state state;
	int fd, rx; /* rx: the RX buffer, a sealed memfd */
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct loop_task start;
	uint64_t retry_at, backoff, greet_by;
	uint64_t complained_at;
	struct list pending, idle; /* of struct pending; pending in the order of deadlines */
	struct pending slot[PENDING_MAX];

	uint32_t version; /* agreed; 0: not yet on this link */
	bool bitmaps;     /* the SPMC has notifications */
	uint8_t instance[16];
	size_t known_count;
	struct secure_link_sp known[SECURE_LINK_SP_MAX]; /* generations */
	struct discovery discovery;
	bool told_up;    /* the engine knows of this link */
	bool owes_down;  /* IN_SECURE_DOWN could not be told yet */
	struct trace *traces[TRACES];
};

/* link.c */
void link_open(struct secure *s);
void link_fail(struct secure *s, const char *why); /* its outcomes are unknown; meets the secure side again later */
void secure_link_close(struct secure *s);
int link_submit(struct secure *s, const uint64_t x[FFA_REGISTERS], const struct secure_call *call); /* NULL: discovery */
int rx_make(void);
void secure_arm(struct secure *s);

/* discovery.c */
void discovery_start(struct secure *s, bool unasked);
void discovery_answer(struct secure *s, const uint64_t x[FFA_REGISTERS]);
void discovery_stop(struct secure *s);

size_t discovery_uuids(const void *secure, uint16_t sp, const uint8_t (**ret)[16]);

/* secure.c: what the link meets */
void met_answer(struct secure *s, const struct pending *p, const uint64_t x[FFA_REGISTERS]);
void met_doorbell(struct secure *s, uint16_t sp, uint32_t generation);
bool tell_down(struct secure *s); /* true: the engine knows, or need not */
bool tell_up(struct secure *s, struct secure_world *world); /* takes the world */
