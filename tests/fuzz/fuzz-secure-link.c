/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the secure side says, as the daemon hears it: the room for the secure side on a real socket, in front of a peer that
 * says what it likes. What reaches the engine can be believed: SPs that are some, each once; an answer for each call that is
 * open, once; a link that is down no more often than it was up.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/secure-link.h"
#include "secure/secure.h"

enum said {
	SAYS_WELCOME,
	SAYS_COMPLETE, /* of the oldest call */
	SAYS_STRANGE,  /* of a call that is not open, perhaps */
	SAYS_DOORBELL,
	SAYS_BYTES,
	WRITES_PAGE,   /* what is in the RX buffer */
	IS_CALLED,     /* the daemon has a message for an SP */
	SAID_COUNT,
};

struct row {
	uint8_t what, size, at, reserved;
	uint16_t sp, count;
	uint64_t x[FFA_REGISTERS];
};
const struct fuzz_format fuzz_format = { .row = sizeof(struct row) };

#define CALLS 64

struct engine {
	bool up;
	uint16_t sp[MODEL_SP_MAX], sp_count;
	uint16_t open[CALLS]; /* SPs that have a call of ours */
	unsigned open_count;
	uint64_t submitted[CALLS]; /* ids that the peer has heard, and not answered */
	unsigned heard;
};

static const struct committed proof = { 1 };
static struct loop *the_loop;
static char path[64];
static int listener;

/* ---- what reaches the engine ---- */

static void world_is_one(struct engine *e, const struct secure_world *w)
{
	PROMISE(!e->up || e->sp_count <= MODEL_SP_MAX);
	PROMISE(w->count <= MODEL_SP_MAX);
	for (unsigned i = 0; i < w->count; i++) {
		PROMISE(w->sp[i].id & FFA_ID_SECURE);
		for (unsigned k = 0; k < i; k++)
			PROMISE(w->sp[i].id != w->sp[k].id);
		e->sp[i] = w->sp[i].id;
	}
	e->sp_count = w->count;
	e->up = true;
}

static void is_answered(struct engine *e, const struct secure_reply *r)
{
	unsigned i = 0;

	PROMISE(e->up && r->verdict < VERDICT_COUNT);
	while (i < e->open_count && e->open[i] != r->sp)
		i++;
	PROMISE(i < e->open_count);
	e->open[i] = e->open[--e->open_count];
}

int engine_post(struct engine *e, const struct input *in)
{
	switch (in->kind) {
	case IN_SECURE_UP:
		world_is_one(e, in->world);
		free(in->world);
		break;
	case IN_SECURE_DOWN:
		PROMISE(e->up);
		e->up = false;
		e->open_count = 0;
		break;
	case IN_SECURE_REPLY:
		is_answered(e, &in->reply);
		break;
	case IN_SECURE_DOORBELL:
		PROMISE(e->up && in->doorbell.sp & FFA_ID_SECURE);
		break;
	default:
		PROMISE(!"an input of the secure side");
	}
	return 0;
}

/* ---- the peer ---- */

static void hear(struct engine *e, int link, int *rx)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct secure_link_call f;
	struct iovec data = { &f, sizeof(f) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	for (;;) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		if (recvmsg(link, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		if (CMSG_FIRSTHDR(&m)) {
			PROMISE(f.header.kind == SECURE_LINK_HELLO && *rx < 0);
			memcpy(rx, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(*rx));
		} else if (e->heard < CALLS) {
			PROMISE(f.header.kind == SECURE_LINK_SUBMIT);
			e->submitted[e->heard++] = f.header.id;
		}
	}
}

static uint64_t oldest(struct engine *e)
{
	uint64_t id = e->heard ? e->submitted[0] : 0;

	if (e->heard)
		memmove(e->submitted, e->submitted + 1, --e->heard * sizeof(*e->submitted));
	return id;
}

static void say(int link, const void *frame, size_t size)
{
	(void)send(link, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void call(struct secure *s, struct engine *e, const struct row *r)
{
	uint16_t sp = e->sp_count ? e->sp[r->sp % e->sp_count] : 0;
	struct secure_call c = { .sp = sp, .kind = CALL_CREATED, .endpoint = 5, .life = 42, .name = "web" };

	for (unsigned i = 0; i < e->open_count; i++)
		if (e->open[i] == sp)
			return;
	if (!e->up || !sp || e->open_count == CALLS)
		return;
	e->open[e->open_count++] = sp;
	secure_ops.call(s, proof, &c);
}

static void obey(struct secure *s, struct engine *e, int link, int rx, const struct row *r)
{
	static const uint16_t kinds[] = {
		[SAYS_WELCOME] = SECURE_LINK_WELCOME, [SAYS_COMPLETE] = SECURE_LINK_COMPLETE, [SAYS_STRANGE] = SECURE_LINK_COMPLETE,
		[SAYS_DOORBELL] = SECURE_LINK_DOORBELL, [SAYS_BYTES] = 0, [WRITES_PAGE] = 0, [IS_CALLED] = 0,
	};
	uint8_t what = r->what % SAID_COUNT;
	struct secure_link_header h = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, kinds[what], 0 };
	struct secure_link_welcome welcome = { .header = h, .sp_count = r->count % (SECURE_LINK_SP_MAX + 2) };
	struct secure_link_doorbell bell = { .header = h, .sp = r->sp, .generation = r->count };
	struct secure_link_call complete = { .header = h };

	memcpy(complete.x, r->x, sizeof(complete.x));
	memcpy(welcome.instance, r->x, sizeof(welcome.instance));
	for (unsigned i = 0; i < SECURE_LINK_SP_MAX; i++)
		welcome.sp[i] = (struct secure_link_sp) { (uint16_t)(r->sp + i), 0, (uint32_t)r->x[i % FFA_REGISTERS] };
	if (what == SAYS_WELCOME)
		say(link, &welcome, offsetof(struct secure_link_welcome, sp) + welcome.sp_count % (SECURE_LINK_SP_MAX + 1) * 8 + r->size % 2);
	else if (what == SAYS_DOORBELL)
		say(link, &bell, sizeof(bell) - r->size % 2);
	else if (what == SAYS_BYTES)
		say(link, r, r->size % (sizeof(*r) + 1));
	else if (what == WRITES_PAGE && rx >= 0)
		(void)!pwrite(rx, r->x, sizeof(r->x), r->at * 24);
	else if (what == IS_CALLED)
		call(s, e, r);
	if (what != SAYS_COMPLETE && what != SAYS_STRANGE)
		return;
	complete.header.id = what == SAYS_COMPLETE ? oldest(e) : r->count;
	say(link, &complete, sizeof(complete) - r->size % 2);
}

static void turns(struct engine *e, int link, int *rx)
{
	for (unsigned i = 0; i < 3; i++) {
		PROMISE(loop_turn(the_loop, false) == 0);
		hear(e, link, rx);
	}
}

static void listen_once(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secure_config config = { .socket_path = path, .incarnation = 7 };
	struct engine e = { 0 };
	struct secure *s = NULL;
	int link = -1, rx = -1;

	listen_once();
	config.loop = the_loop;
	PROMISE(secure_new(&config, &s) == 0);
	secure_set_engine(s, &e);
	secure_start(s);
	while ((link = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
		PROMISE(loop_turn(the_loop, true) == 0);
	turns(&e, link, &rx);
	for (; size >= sizeof(struct row); data += sizeof(struct row), size -= sizeof(struct row)) {
		struct row r;

		memcpy(&r, data, sizeof(r));
		obey(s, &e, link, rx, &r);
		turns(&e, link, &rx);
	}
	close(link);
	PROMISE(loop_turn(the_loop, false) == 0);
	(void)secure_free(s);
	if (rx >= 0)
		close(rx);
	while ((link = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(link);
	return 0;
}

/* ---- the start ---- */

static void leave(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

/* libFuzzer tries an input before it asks for seeds. */
static void listen_once(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/fuzz-secure-XXXXXX";

	if (the_loop)
		return;
	log_open("fuzz", LOG_ERR - 1);
	PROMISE(loop_new(&the_loop) == 0);
	PROMISE(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	memcpy(address.sun_path, path, sizeof(path));
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	PROMISE(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 4) == 0);
	atexit(leave);
}

void fuzz_begin(void)
{
	/* Met by registers, with bitmaps asked for; one message that is answered; a bell. */
	static const struct row good[] = {
		{ .what = SAYS_WELCOME, .sp = 0x8001, .count = 2, .x = { 1, 2 } },
		{ .what = SAYS_COMPLETE, .x = { 0x10002 } },
		{ .what = SAYS_COMPLETE, .x = { 0x84000060, 0, 0xFFFFFFFF } },
		{ .what = SAYS_COMPLETE, .x = { 0x84000061 } },
		{ .what = SAYS_COMPLETE, .x = { 0xC4000061, 0, 24ull << 48 | 1ull << 16 | 1, 0xC1ull << 32 | 1 << 16 | 0x8001, 1, 2, 0xC1ull << 32 | 1 << 16 | 0x8002, 3, 4 } },
		{ .what = IS_CALLED, .sp = 0 },
		{ .what = SAYS_COMPLETE, .x = { 0x84000070, 0x80010000, 0x80000005 } },
		{ .what = SAYS_DOORBELL, .sp = 0x8001, .count = 3 },
	};
	/* By the RX buffer, of a secure side without FEATURES. */
	static const struct row old[] = {
		{ .what = SAYS_WELCOME, .sp = 0x8001, .count = 1 },
		{ .what = SAYS_COMPLETE, .x = { 0x10000 } },
		{ .what = SAYS_COMPLETE, .x = { 0x84000060, 0, 0xFFFFFFFF } },
		{ .what = SAYS_COMPLETE, .x = { 0x84000060, 0, 0xFFFFFFFF } },
		{ .what = WRITES_PAGE, .x = { 0xC1ull << 32 | 1 << 16 | 0x8001 } },
		{ .what = SAYS_COMPLETE, .x = { 0x84000061, 0, 1, 24 } },
		{ .what = SAYS_COMPLETE, .x = { 0x84000061 } },
		{ .what = IS_CALLED, .sp = 0 },
		{ .what = SAYS_STRANGE, .count = 9 },
	};

	fuzz_seed(good, sizeof(good));
	fuzz_seed(old, sizeof(old));
}
