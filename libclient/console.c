/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The console ring (proto/vmm-link.h), read side. Its writer is a VMM, which a guest may have taken over: everything is
 * read with pread, so that a file cut short is an error here and no SIGBUS. The mapping only names the word to wait on.
 */

#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "connection.h"
#include "proto/vmm-link.h"

#define RING_MAX (1u << 30)
#define HEAD_TRIES 16

struct lifecycle_console {
	unsigned refs;
	int fd;
	uint32_t size;
	uint64_t position; /* the next byte to read */
	const struct console_ring *map; /* never read through */
};

static int check_ring(struct lifecycle_console *c)
{
	struct stat st;
	off_t size;

	if (fstat(c->fd, &st) < 0)
		return -errno;
	size = st.st_size - CONSOLE_RING_DATA;
	if (!S_ISREG(st.st_mode) || size < 1 || size > RING_MAX || (size & (size - 1)))
		return -EPROTO;
	c->size = (uint32_t)size;
	return 0;
}

int console_new(int fd, struct lifecycle_console **ret)
{
	_cleanup_(lifecycle_console_unrefp) struct lifecycle_console *c = calloc(1, sizeof(*c));
	void *map;
	int r;

	if (!c) {
		util_closep(&fd);
		return -ENOMEM;
	}
	c->refs = 1;
	c->fd = fd;
	r = check_ring(c);
	if (r < 0)
		return r;
	map = mmap(NULL, sizeof(*c->map), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	c->map = map;
	*ret = util_take(&c);
	return 0;
}

static int read_at(int fd, void *to, size_t count, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, to, count, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == count ? 0 : -EPROTO;
}

/*
 * How many bytes were ever written. A copy by the kernel may meet a store half-way, so it must be seen twice. A ring whose
 * VMM has not begun is all zero.
 */
static int read_head(const struct lifecycle_console *c, uint64_t *ret)
{
	struct console_ring first, second;

	for (int i = 0; i < HEAD_TRIES; i++) {
		int r = read_at(c->fd, &first, sizeof(first), 0);

		if (r >= 0)
			r = read_at(c->fd, &second, sizeof(second), 0);
		if (r < 0)
			return r;
		if (first.head != second.head)
			continue;
		if (second.magic == 0)
			return *ret = 0, 0;
		if (second.magic != CONSOLE_RING_MAGIC || second.size != c->size)
			return -EPROTO;
		*ret = second.head;
		return 0;
	}
	return -EAGAIN;
}

/* At most two pieces: the ring's end and its beginning. */
static int copy_out(const struct lifecycle_console *c, uint64_t position, char *to, size_t count)
{
	size_t at = (size_t)(position % c->size), first = count < c->size - at ? count : c->size - at;
	int r = read_at(c->fd, to, first, CONSOLE_RING_DATA + at);

	return r < 0 || first == count ? r : read_at(c->fd, to + first, count - first, CONSOLE_RING_DATA);
}

/* Skips what the writer has overwritten. Returns how much that was. */
static uint64_t skip_lost(const struct lifecycle_console *c, uint64_t *position, uint64_t head)
{
	uint64_t lost = head - *position > c->size ? head - *position - c->size : 0;

	*position += lost;
	return lost;
}

ssize_t lifecycle_console_read(struct lifecycle_console *c, void *buffer, size_t size, uint64_t *ret_lost)
{
	uint64_t head, after, lost, late, position = c->position;
	size_t count;
	int r = read_head(c, &head);

	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	if (head < position)
		return -EPROTO;
	lost = skip_lost(c, &position, head);
	count = head - position < size ? (size_t)(head - position) : size;
	r = count ? copy_out(c, position, buffer, count) : 0;
	/* The guest went on meanwhile: what it overwrote under the copy is no output of that place. */
	if (r >= 0 && read_head(c, &after) >= 0 && after >= head) {
		late = skip_lost(c, &position, after);
		lost += late;
		late = late < count ? late : count;
		if (late)
			memmove(buffer, (char *)buffer + late, count - late);
		count -= (size_t)late;
	}
	if (r < 0)
		return r;
	c->position = position + count;
	if (ret_lost)
		*ret_lost = lost;
	return (ssize_t)count;
}

int lifecycle_console_wait(struct lifecycle_console *c, int milliseconds)
{
	uint64_t head, now, end = util_deadline(milliseconds);
	int r;

	for (;;) {
		r = read_head(c, &head);
		if (r < 0 && r != -EAGAIN)
			return r;
		if (r == -EAGAIN || head != c->position)
			return 0;
		now = util_monotonic_ns();
		if (now >= end)
			return -ETIMEDOUT;
		r = util_futex_wait(&c->map->head, (uint32_t)head, end == UINT64_MAX ? UINT64_MAX : end - now);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
}

uint64_t lifecycle_console_position(const struct lifecycle_console *c)
{
	return c->position;
}

struct lifecycle_console *lifecycle_console_ref(struct lifecycle_console *c)
{
	if (c)
		c->refs++;
	return c;
}

struct lifecycle_console *lifecycle_console_unref(struct lifecycle_console *c)
{
	if (!c || --c->refs > 0)
		return NULL;
	if (c->map)
		munmap((void *)c->map, sizeof(*c->map));
	util_closep(&c->fd);
	free(c);
	return NULL;
}

int lifecycle_console_open(struct lifecycle *l, const char *name, struct lifecycle_console **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "OpenConsole", .changes = true, .gives_fd = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	int fd, r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "sa{sv}", name, 0);
	if (r < 0)
		return connection_bad_name(l, r, "OpenConsole");
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "h", &fd);
	if (r < 0)
		return connection_bad_reply(l, r, "OpenConsole");
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	r = fd < 0 ? -errno : console_new(fd, ret);
	return r < 0 ? connection_bad_reply(l, r, "OpenConsole") : 0;
}
