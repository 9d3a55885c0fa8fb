/* SPDX-License-Identifier: Apache-2.0 */

#include "spmc/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"

/* A random UUID (RFC 4122, version 4). */
int memory_uuid(uint8_t ret[16])
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	memcpy(ret, bytes, sizeof(bytes));
	return 0;
}

/* All zero where the kernel does not tell. */
static void read_boot_id(uint8_t ret[16])
{
	_cleanup_(close_fdp) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[40] = "";
	int n = 0;

	memset(ret, 0, 16);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return;
	for (const char *c = text; *c && n < 16; c += *c == '-' ? 1 : 2)
		if (*c != '-' && sscanf(c, "%2hhx", &ret[n++]) != 1) /* NOLINT(cert-err34-c): two digits fit */
			return;
}

static int open_file(const char *path)
{
	_cleanup_(close_fdp) int fd = -1;
	struct stat st;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	/* Two secure worlds on one book would both be wrong. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return take_fd(&fd);
}

/* All of it is taken now: a full disk must not become SIGBUS at some store later. */
static int give_size(int fd, size_t size)
{
	int r;

	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	r = posix_fallocate(fd, 0, (off_t)size);
	return -r;
}

static int map(struct world *w, int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	w->book = p;
	return 0;
}

static int begin(struct world *w)
{
	uint8_t instance[16];
	int r = memory_uuid(instance);

	if (r < 0)
		return r;
	world_reset(w, instance);
	read_boot_id(w->book->boot_id);
	return 0;
}

/* Goes on with what is in the map, or starts anew where a reset was cut short. */
static int go_on(struct world *w, size_t size, const char *path)
{
	static const struct world_book empty;
	const char *why;
	uint8_t boot_id[16];

	/* A first start that was cut short left it without a magic. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c): of the file all is zero then, padding too */
	if (memcmp(w->book, &empty, sizeof(empty)) == 0 && size == world_size(w->config.sp_count))
		return begin(w);
	if (world_check(w->book, size, &w->config, &why) < 0) {
		log_error("%s: cannot be used: %s; start with --reset for a new secure world", path, why);
		return -EINVAL;
	}
	if (!w->book->whole)
		return begin(w);
	/* Incarnations and others are times since boot. */
	read_boot_id(boot_id);
	if (memcmp(boot_id, w->book->boot_id, sizeof(boot_id)) != 0)
		world_rebooted(w);
	memcpy(w->book->boot_id, boot_id, sizeof(boot_id));
	world_recover(w);
	return 0;
}

static int open_state(struct memory *m, struct world *w, const char *path, bool reset)
{
	struct stat st;
	bool anew;
	int r;

	if (fstat(m->fd, &st) < 0)
		return -errno;
	anew = reset || st.st_size == 0;
	if (!anew && (size_t)st.st_size < sizeof(struct world_book)) {
		log_error("%s: cannot be used: it is too short; start with --reset for a new secure world", path);
		return -EINVAL;
	}
	m->size = anew ? world_size(w->config.sp_count) : (size_t)st.st_size;
	r = anew ? give_size(m->fd, m->size) : 0;
	if (r < 0)
		return r;
	r = map(w, m->fd, m->size);
	if (r < 0)
		return r;
	return anew ? begin(w) : go_on(w, m->size, path);
}

/* -EINVAL: the file cannot be used, which was logged. */
int memory_open(struct memory *m, struct world *w, const char *path, bool reset)
{
	int r;

	m->fd = -1;
	if (!path) {
		m->size = world_size(w->config.sp_count);
		r = map(w, -1, m->size);
		return r < 0 ? r : begin(w);
	}
	m->fd = open_file(path);
	if (m->fd < 0)
		return m->fd;
	return open_state(m, w, path, reset);
}

void memory_close(struct memory *m, struct world *w)
{
	if (w->book)
		munmap(w->book, m->size);
	w->book = NULL;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}
