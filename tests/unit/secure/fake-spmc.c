/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-spmc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

int engine_post(struct engine *e, const struct input *in)
{
	if (e->fail > 0) {
		e->fail--;
		return -12;
	}
	assert_true(e->count < sizeof(e->heard) / sizeof(*e->heard));
	e->heard[e->count++] = *in;
	return 0;
}

void world_listen(struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, w->path, sizeof(w->path));
	unlink(w->path);
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(w->listener, 4), 0);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	log_open("test", LOG_ERR - 1);
	w->link = w->rx = -1;
	strcpy(w->dir, "/tmp/secure-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof(w->path), "%s/spmc.sock", w->dir);
	assert_int_equal(loop_new(&w->loop), 0);
	w->config = (struct secure_config){ .loop = w->loop, .socket_path = w->path, .incarnation = 77 };
	w->welcome.header = (struct secure_link_header){ SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_WELCOME, 0 };
	memset(w->welcome.instance, 0x11, sizeof(w->welcome.instance));
	world_listen(w);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	secure_free(w->secure);
	loop_free(w->loop);
	for (size_t i = 0; i < w->engine.count; i++)
		if (w->engine.heard[i].kind == IN_SECURE_UP)
			free(w->engine.heard[i].world);
	spmc_hang_up(w);
	if (w->listener >= 0)
		close(w->listener);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

void world_secure(struct world *w)
{
	assert_int_equal(secure_new(&w->config, &w->secure), 0);
	secure_set_engine(w->secure, &w->engine);
	secure_start(w->secure);
}

const struct input *world_wait(struct world *w, enum input_kind kind)
{
	for (;;) {
		while (w->engine.read < w->engine.count)
			if (w->engine.heard[w->engine.read++].kind == kind)
				return &w->engine.heard[w->engine.read - 1];
		assert_int_equal(loop_turn(w->loop, true), 0);
	}
}

size_t world_heard(const struct world *w, enum input_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < w->engine.count; i++)
		n += w->engine.heard[i].kind == kind;
	return n;
}

/* A turn that waits only for what the room itself waits for; what it sent to us may be there already. */
static ssize_t hear(struct world *w, void *frame, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { frame, size };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;

	while ((n = recvmsg(w->link, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0)
		assert_int_equal(loop_turn(w->loop, false), 0);
	if (CMSG_FIRSTHDR(&m)) {
		if (w->rx >= 0)
			close(w->rx);
		memcpy(&w->rx, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	}
	return n;
}

void spmc_accept(struct world *w)
{
	while ((w->link = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(hear(w, &w->hello, sizeof(w->hello)), sizeof(w->hello));
	assert_int_equal(w->hello.header.magic, SECURE_LINK_MAGIC);
	assert_int_equal(w->hello.header.kind, SECURE_LINK_HELLO);
}

void spmc_say(struct world *w, const void *frame, size_t size)
{
	assert_int_equal(send(w->link, frame, size, MSG_NOSIGNAL), size);
}

void spmc_welcome(struct world *w)
{
	spmc_say(w, &w->welcome, offsetof(struct secure_link_welcome, sp) + w->welcome.sp_count * sizeof(w->welcome.sp[0]));
}

void spmc_sees_hang_up(struct world *w)
{
	ssize_t n;

	while ((n = recv(w->link, &(char){ 0 }, 1, MSG_DONTWAIT)) < 0)
		assert_int_equal(loop_turn(w->loop, false), 0);
	assert_int_equal(n, 0);
}

void spmc_hang_up(struct world *w)
{
	if (w->link >= 0)
		close(w->link);
	if (w->rx >= 0)
		close(w->rx);
	w->link = w->rx = -1;
}

struct secure_link_call spmc_hear(struct world *w)
{
	struct secure_link_call call;

	assert_int_equal(hear(w, &call, sizeof(call)), sizeof(call));
	assert_int_equal(call.header.magic, SECURE_LINK_MAGIC);
	assert_int_equal(call.header.version, SECURE_LINK_VERSION);
	assert_int_equal(call.header.kind, SECURE_LINK_SUBMIT);
	return call;
}

uint64_t spmc_hear_call(struct world *w, uint32_t function)
{
	struct secure_link_call call = spmc_hear(w);

	assert_int_equal(call.x[0], function);
	return call.header.id;
}

void spmc_answer(struct world *w, uint64_t id, const uint64_t x[8])
{
	struct secure_link_call call = {
		.header = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, id },
	};

	memcpy(call.x, x, 8 * sizeof(*x));
	spmc_say(w, &call, sizeof(call));
}

void spmc_error(struct world *w, uint64_t id, int32_t status)
{
	spmc_answer(w, id, (uint64_t[8]){ 0x84000060, 0, (uint32_t)status });
}

void spmc_greet(struct world *w)
{
	struct secure_link_call call;

	spmc_accept(w);
	spmc_welcome(w);
	call = spmc_hear(w);
	assert_int_equal(call.x[0], 0x84000063);
	assert_int_equal(call.x[1], 0x00010002);
	spmc_answer(w, call.header.id, (uint64_t[8]){ 0x00010002 });
	spmc_says_bitmaps(w, w->bitmaps);
}

void spmc_says_bitmaps(struct world *w, bool has)
{
	struct secure_link_call call = spmc_hear(w);

	assert_int_equal(call.x[0], 0x84000064);
	assert_int_equal(call.x[1], 0x8400007D);
	if (has)
		spmc_answer(w, call.header.id, (uint64_t[8]){ 0x84000061 });
	else
		spmc_error(w, call.header.id, -1);
}

void spmc_page(struct world *w, uint64_t id, uint16_t last, uint16_t current, uint16_t tag, uint16_t size,
	const void *descriptors, size_t bytes)
{
	struct secure_link_call call = {
		.header = { SECURE_LINK_MAGIC, SECURE_LINK_VERSION, SECURE_LINK_COMPLETE, id },
		.x = { 0xC4000061, 0, (uint64_t)size << 48 | (uint64_t)tag << 32 | (uint64_t)current << 16 | last },
	};

	memcpy(&call.x[3], descriptors, bytes);
	spmc_say(w, &call, sizeof(call));
}

void world_meet(struct world *w)
{
	const struct ffa_partition_info sps[2] = { { 0x8001, 1, 0x1C1, { 1 } }, { 0x8002, 1, 0x1C1, { 2 } } };

	world_secure(w);
	spmc_greet(w);
	spmc_answer(w, spmc_hear_call(w, 0x84000064), (uint64_t[8]){ 0x84000061 });
	spmc_page(w, spmc_hear_call(w, 0xC400008B), 1, 1, 3, 24, sps, sizeof(sps));
	assert_int_equal(world_wait(w, IN_SECURE_UP)->world->count, 2);
}
