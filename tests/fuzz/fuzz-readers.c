/* SPDX-License-Identifier: Apache-2.0 */
/* What the library reads from others: records of the event stream, which a daemon writes, and console rings, which VMMs write. */
#include "fuzz.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "console.h"
#include "proto/vmm-link.h"
#include "stream.h"

#define RING 4096

/* A ring's header and where its reader stands, or an event; how much of it came is the size. */
struct ring {
	uint32_t magic, size;
	uint64_t head[2];
	uint32_t room, first;
};

const struct fuzz_format fuzz_format = { 0 };

void fuzz_begin(void)
{
	struct event_record r = { .version = EVENT_STREAM_VERSION, .kind = EVENT_STATE, .size = sizeof(r), .seq = 7, .life = 5,
		.endpoint = 9, .old_state = VM_CREATED, .new_state = VM_RUNNING, .name = "web" };
	struct ring ring = { CONSOLE_RING_MAGIC, RING, { 100, 5000 }, 64, 0 };

	fuzz_seed(&r, sizeof(r));
	r.kind = EVENT_DEBT;
	fuzz_seed(&r, sizeof(r));
	r.kind = EVENT_GAP;
	fuzz_seed(&r, sizeof(r));
	fuzz_seed(&ring, sizeof(ring));
	ring.head[1] = UINT64_MAX;
	fuzz_seed(&ring, sizeof(ring));
}

static void event(const uint8_t *data, size_t size)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	int r = stream_decode(data, size, &e);

	PROMISE(r == 0 || r == -EBADMSG || r == -EOVERFLOW);
	if (r < 0)
		return;
	PROMISE(size >= EVENT_RECORD_LEAST && e.size == sizeof(e));
	PROMISE(memchr(e.name, 0, sizeof(e.name)));
	PROMISE(e.cause == LIFECYCLE_UNKNOWN || (e.cause >= 0 && (unsigned)e.cause < CAUSE_COUNT));
	PROMISE(e.new_substate == LIFECYCLE_UNKNOWN || (e.new_substate >= 0 && (unsigned)e.new_substate < VM_SUBSTATE_COUNT));
	PROMISE(e.operation == LIFECYCLE_UNKNOWN || (e.operation >= 0 && (unsigned)e.operation < OPERATION_COUNT));
}

static void write_head(int fd, const struct ring *in, uint64_t head)
{
	struct console_ring ring = { .magic = in->magic, .size = in->size, .head = head };

	PROMISE(pwrite(fd, &ring, sizeof(ring), 0) == (ssize_t)sizeof(ring));
}

/* Two reads, for between them the writer may do what it likes. */
static void read_twice(struct lifecycle_console *c, int fd, const struct ring *in)
{
	size_t room = in->room % (2 * RING);
	char *buffer = malloc(room + 1);

	PROMISE(buffer);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t lost = 0;
		ssize_t n;

		write_head(fd, in, in->head[i]);
		n = lifecycle_console_read(c, buffer, room, &lost);
		PROMISE(n <= (ssize_t)room && n <= RING && n >= -4095);
		PROMISE(n < 0 || lost <= in->head[i]);
	}
	free(buffer);
}

static void console(const uint8_t *data, size_t size)
{
	struct lifecycle_console *c = NULL;
	struct ring in = { 0 };
	static int fd = -1;

	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	if (fd < 0) {
		fd = memfd_create("ring", MFD_CLOEXEC);
		PROMISE(fd >= 0 && ftruncate(fd, CONSOLE_RING_DATA + RING) == 0);
	}
	PROMISE(console_new(dup(fd), &c) == 0);
	read_twice(c, fd, &in);
	lifecycle_console_unref(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	event(data, size);
	console(data, size);
	return 0;
}
