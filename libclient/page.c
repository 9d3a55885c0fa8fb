/* SPDX-License-Identifier: Apache-2.0 */

/* The state page (proto/state-page.h), read side. Nothing here can be held up by a daemon that is dead or slow. */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "include/lifecycle.h"
#include "proto/state-page.h"
#include "util.h"

#define PAGE_DIRECTORY "/run/lifecycled"
#define PAGE_FILE "state"
#define PAGE_ALIVE "alive"
#define SECURE_ID_FIRST 0x8000
#define INFO_TRIES 1000
/* A wait looks this often whether anybody is left to end it. */
#define LOOK_NS 500000000u

struct lifecycle_page {
	const struct state_page *map;
	unsigned refs;
	int directory; /* O_PATH: `alive` is found beside the page, however long the path */
	int file;
};

UTIL_UNREFP(lifecycle_page)

static int map_page(struct lifecycle_page *p)
{
	struct stat st;
	void *map;

	p->file = openat(p->directory, PAGE_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (p->file < 0)
		return -errno;
	if (fstat(p->file, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct state_page))
		return -EPROTO;
	map = mmap(NULL, sizeof(struct state_page), PROT_READ, MAP_SHARED, p->file, 0);
	if (map == MAP_FAILED)
		return -errno;
	p->map = map;
	if (p->map->header.magic != STATE_PAGE_MAGIC || p->map->header.version != STATE_PAGE_VERSION)
		return -EPROTO;
	return 0;
}

int lifecycle_page_open(const char *directory, struct lifecycle_page **ret)
{
	_cleanup_(lifecycle_page_unrefp) struct lifecycle_page *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->file = -1;
	p->directory = open(directory ? directory : PAGE_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->directory < 0)
		return -errno;
	r = map_page(p);
	if (r < 0)
		return r;
	*ret = util_take(&p);
	return 0;
}

struct lifecycle_page *lifecycle_page_ref(struct lifecycle_page *p)
{
	if (p)
		p->refs++;
	return p;
}

struct lifecycle_page *lifecycle_page_unref(struct lifecycle_page *p)
{
	if (!p || --p->refs > 0)
		return NULL;
	if (p->map)
		munmap((void *)p->map, sizeof(struct state_page));
	util_closep(&p->file);
	util_closep(&p->directory);
	free(p);
	return NULL;
}

static uint64_t load_word(const struct lifecycle_page *p, uint16_t endpoint)
{
	return __atomic_load_n(&p->map->line[endpoint].word, __ATOMIC_ACQUIRE);
}

/*
 * Line 0 is the header: its words are no state. Life 0 is nobody's. Ids of the secure world are not shown, and their lines
 * may have no memory: to touch a hole of a full tmpfs is a SIGBUS.
 */
static bool is_life(uint16_t endpoint, uint64_t life)
{
	return endpoint != 0 && endpoint < SECURE_ID_FIRST && life != 0;
}

int lifecycle_page_state(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, enum lifecycle_state *ret_state,
	enum lifecycle_substate *ret_substate)
{
	uint64_t word;

	if (!is_life(endpoint, life))
		return -EINVAL;
	word = load_word(p, endpoint);
	if (page_word_life(word) != life)
		return -ESTALE;
	*ret_state = (enum lifecycle_state)page_word_state(word);
	*ret_substate = (enum lifecycle_substate)page_word_substate(word);
	return 0;
}

/* Relaxed 64-bit loads: the writer may be at work, the counter tells afterwards. */
static void copy_line(struct state_line *to, const struct state_line *from)
{
	const uint64_t *source = (const uint64_t *)from;
	uint64_t words[sizeof(*to) / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		words[i] = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
	memcpy(to, words, sizeof(*to));
}

static int read_line(const struct state_line *line, struct state_line *ret)
{
	for (unsigned i = 0; i < INFO_TRIES; i++) {
		uint32_t before = __atomic_load_n(&line->sequence, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		copy_line(ret, line);
		atomic_thread_fence(memory_order_acquire);
		if (__atomic_load_n(&line->sequence, __ATOMIC_RELAXED) == before)
			return 0;
	}
	return -EAGAIN;
}

int lifecycle_page_info(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, struct lifecycle_page_info *info)
{
	struct lifecycle_page_info full = LIFECYCLE_PAGE_INFO_INIT;
	struct state_line line;
	int r;

	if (!is_life(endpoint, life) || info->size < sizeof(info->size))
		return -EINVAL;
	r = read_line(&p->map->line[endpoint], &line);
	if (r < 0)
		return r;
	if (page_word_life(line.word) != life)
		return -ESTALE;
	full.state = (int)page_word_state(line.word);
	full.substate = (int)page_word_substate(line.word);
	full.cause = line.cause;
	full.vcpu_count = line.vcpu_count;
	full.changed_at = line.changed_at;
	full.since = line.since;
	memcpy(full.uuid, line.uuid, sizeof(full.uuid));
	full.size = info->size < sizeof(full) ? info->size : sizeof(full);
	memcpy(info, &full, full.size);
	return 0;
}

int lifecycle_page_wait(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, enum lifecycle_state state,
	enum lifecycle_substate substate, int milliseconds)
{
	uint64_t seen, now, end = util_deadline(milliseconds);
	int r = 0;

	if (!is_life(endpoint, life))
		return -EINVAL;
	seen = page_word(life, (enum vm_state)state, (enum vm_substate)substate);
	for (;;) {
		uint64_t word = load_word(p, endpoint);

		if (page_word_life(word) != life)
			return -ESTALE;
		if (word != seen)
			return 0;
		if (r == -ETIMEDOUT && lifecycle_page_alive(p) == 0)
			return -EHOSTDOWN;
		now = util_monotonic_ns();
		if (now >= end)
			return lifecycle_page_alive(p) == 0 ? -EHOSTDOWN : -ETIMEDOUT;
		r = util_futex_wait(&p->map->line[endpoint].word, (uint32_t)seen, end - now < LOOK_NS ? end - now : LOOK_NS);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
}

int lifecycle_page_alive(const struct lifecycle_page *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(util_closep) int fd = -1;
	struct stat st;

	/* A page that was unlinked is nobody's any more, whoever listens in its directory. */
	if (fstat(p->file, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" PAGE_ALIVE, p->directory);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
		return 1;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

uint64_t lifecycle_page_seq(const struct lifecycle_page *p)
{
	return __atomic_load_n(&p->map->header.seq, __ATOMIC_ACQUIRE);
}

uint64_t lifecycle_page_incarnation(const struct lifecycle_page *p)
{
	return __atomic_load_n(&p->map->header.incarnation, __ATOMIC_ACQUIRE);
}
