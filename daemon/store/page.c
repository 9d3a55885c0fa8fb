/* SPDX-License-Identifier: Apache-2.0 */
#include "store/page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "proto/ffa.h"
#include "proto/state-page.h"

#define PAGE_FILE    "state"
#define ALIVE_SOCKET "alive"
#define VM_LINES     (FFA_ID_VM_LAST + 1)

struct page {
	int alive;
	struct state_page *map;
	/* Which life a line shows, in the daemon's own memory: nothing is decided by what is in a file. */
	uint64_t life[VM_LINES];
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	"a futex waits on the word's first half, where the state is");

static void wake(struct state_line *line)
{
	(void)syscall(SYS_futex, (uint32_t *)&line->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/*
 * Odd, the rest, the word, even. The word comes after the rest, so that whoever saw the new state and then
 * reads the line does not find the old one's fields under the old counter.
 */
static void write_line(struct state_line *line, const struct state_line *to)
{
	uint32_t sequence = __atomic_load_n(&line->sequence, __ATOMIC_RELAXED);

	__atomic_store_n(&line->sequence, sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	line->vcpu_count = to->vcpu_count;
	line->cause = to->cause;
	line->endpoint = to->endpoint;
	line->changed_at = to->changed_at;
	line->since = to->since;
	memcpy(line->uuid, to->uuid, sizeof(line->uuid));
	__atomic_store_n(&line->word, to->word, __ATOMIC_RELEASE);
	__atomic_store_n(&line->sequence, (sequence | 1) + 1, __ATOMIC_RELEASE);
}

static void show_line(struct page *p, uint16_t endpoint, const struct state_line *to)
{
	p->life[endpoint] = page_word_life(to->word);
	write_line(&p->map->line[endpoint], to);
	wake(&p->map->line[endpoint]);
}

static void clear_line(struct page *p, uint16_t endpoint)
{
	const struct state_line nothing = { 0 };

	show_line(p, endpoint, &nothing);
}

static struct state_line line_of_event(const struct event_record *event, const struct vm_row *row)
{
	struct state_line line = {
		.word = page_word(event->life, event->new_state, event->new_substate),
		.cause = event->cause,
		.endpoint = event->endpoint,
		.changed_at = event->seq,
	};

	if (row) {
		line.vcpu_count = (uint8_t)row->vcpu_count;
		line.since = row->since;
		memcpy(line.uuid, row->uuid, sizeof(line.uuid));
	}
	return line;
}

/* An old life that settles has no row any more: its line keeps what it said of the VM. */
static struct state_line line_of_old_life(const struct page *p, const struct event_record *event)
{
	struct state_line line = line_of_event(event, NULL);
	const struct state_line *shown = &p->map->line[event->endpoint];

	if (p->life[event->endpoint] == event->life) {
		line.vcpu_count = shown->vcpu_count;
		line.since = shown->since;
		memcpy(line.uuid, shown->uuid, sizeof(line.uuid));
	}
	return line;
}

/* An id that is free has no life to speak of; told late, the line may speak of the next one already. */
static void show_gone(struct page *p, const struct event_record *event)
{
	if (p->life[event->endpoint] == event->life)
		clear_line(p, event->endpoint);
}

static void show_event(struct page *p, const struct rows *rows, const struct event_record *event)
{
	const struct vm_row *row = rows_endpoint(rows, event->endpoint);
	bool current = row && row->life == event->life;
	struct state_line line;

	if (event->new_state == VM_NULL) {
		show_gone(p, event);
		return;
	}
	line = current ? line_of_event(event, row) : line_of_old_life(p, event);
	show_line(p, event->endpoint, &line);
}

static void show_turn(struct page *p, uint64_t seq)
{
	__atomic_store_n(&p->map->header.seq, seq, __ATOMIC_RELEASE);
}

static void page_publish(void *who, const struct published *what)
{
	struct page *p = who;

	for (size_t i = 0; i < what->count; i++) {
		const struct event_record *event = &what->event[i];

		if (event->kind == EVENT_STATE && event->endpoint >= FFA_ID_VM_FIRST &&
			event->endpoint <= FFA_ID_VM_LAST)
			show_event(p, what->rows, event);
	}
	show_turn(p, what->proof.seq);
}

const struct publish_ops page_publish_ops = { .publish = page_publish };

static void show_row(struct page *p, const struct vm_row *row)
{
	struct state_line line = {
		.word = page_word(row->life, row->state, row->substate),
		.vcpu_count = (uint8_t)row->vcpu_count,
		.cause = row->cause,
		.endpoint = row->endpoint,
		.changed_at = row->changed_at,
		.since = row->since,
	};

	memcpy(line.uuid, row->uuid, sizeof(line.uuid));
	show_line(p, row->endpoint, &line);
}

/* A life that its VM went on without, or whose VM went: it is not over before it has settled, and has its id until then. */
static void show_old_life(struct page *p, const struct old_life_row *old, uint64_t changed_at, const uint8_t uuid[16])
{
	struct state_line line = {
		.word = page_word(old->life, VM_ABORTING, old->substate),
		.vcpu_count = (uint8_t)old->vcpu_count,
		.cause = old->cause,
		.endpoint = old->endpoint,
		.changed_at = changed_at,
		.since = old->since,
	};

	memcpy(line.uuid, uuid, sizeof(line.uuid));
	if (old->endpoint >= FFA_ID_VM_FIRST && old->endpoint <= FFA_ID_VM_LAST)
		show_line(p, old->endpoint, &line);
}

void page_republish_all(struct page *p, const struct rows *rows)
{
	static const uint8_t unknown[16];

	for (size_t i = 0; i < rows_vm_count(rows); i++) {
		const struct vm_row *row = rows_vm_at(rows, i);

		if (row->life && row->endpoint >= FFA_ID_VM_FIRST && row->endpoint <= FFA_ID_VM_LAST)
			show_row(p, row);
		for (uint32_t old = 0; old < row->old_life_count; old++)
			show_old_life(p, &row->old_life[old], row->changed_at, row->uuid);
	}
	for (size_t i = 0; i < rows_orphan_count(rows); i++)
		show_old_life(p, &rows_orphan_at(rows, i)->life, rows_seq(rows), unknown);
	for (unsigned endpoint = FFA_ID_VM_FIRST; endpoint < VM_LINES; endpoint++)
		if (!p->life[endpoint] && p->map->line[endpoint].word)
			clear_line(p, (uint16_t)endpoint);
	show_turn(p, rows_seq(rows));
}

/* Whoever owns it may write there what he likes. */
static int not_ours(void)
{
	log_warning("the state page was another user's, or no file: it is made anew, its readers map it again");
	return -ESTALE;
}

/*
 * The same file as long as there is one: readers have it mapped and wait in it. One of another shape (an
 * older version's), or of another user, is replaced, its readers will find `alive` of the new one and map again.
 */
static int open_file(int directory, bool *ret_fresh)
{
	_cleanup_(close_fdp) int fd =
		openat(directory, PAGE_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	struct stat st;

	if (fd < 0 && (errno == EACCES || errno == ELOOP || errno == ENXIO))
		return not_ours();
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return not_ours();
	*ret_fresh = st.st_size == 0;
	return st.st_size == 0 || st.st_size == sizeof(struct state_page) ? take_fd(&fd) : -ESTALE;
}

/*
 * All lines that are ever written get their memory now. A hole in a full tmpfs is a SIGBUS to whoever touches
 * it, daemon or reader. The upper half, ids of the secure world, stays a hole: nobody is shown there.
 */
static int size_file(int fd)
{
	if (fchmod(fd, 0644) < 0 || ftruncate(fd, sizeof(struct state_page)) < 0)
		return -errno;
	return -posix_fallocate(fd, 0, VM_LINES * sizeof(struct state_line));
}

static bool header_fits(const struct state_page_header *h)
{
	return h->magic == STATE_PAGE_MAGIC && h->version == STATE_PAGE_VERSION;
}

static int map_file(int fd, struct state_page **ret)
{
	void *map = mmap(NULL, sizeof(struct state_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	return 0;
}

static int open_page(struct page *p, int directory)
{
	bool fresh = false;
	_cleanup_(close_fdp) int fd = open_file(directory, &fresh);
	int e = fd < 0 ? fd : size_file(fd);

	if (e == 0)
		e = map_file(fd, &p->map);
	if (e < 0)
		return e;
	return fresh || header_fits(&p->map->header) ? 0 : -ESTALE;
}

static int open_page_or_anew(struct page *p, int directory)
{
	int e = open_page(p, directory);

	if (e != -ESTALE)
		return e;
	if (p->map)
		(void)munmap(p->map, sizeof(*p->map));
	p->map = NULL;
	if (unlinkat(directory, PAGE_FILE, 0) < 0)
		return -errno;
	return open_page(p, directory);
}

/* A reader gives up on a line whose counter stays odd; whoever died while writing it left nothing to be
 * trusted. */
static void mend_lines(struct page *p)
{
	for (unsigned i = FFA_ID_VM_FIRST; i < VM_LINES; i++) {
		struct state_line *line = &p->map->line[i];

		if (line->sequence & 1)
			__atomic_store_n(&line->sequence, line->sequence + 1, __ATOMIC_RELEASE);
	}
}

static void write_header(struct page *p, uint64_t incarnation)
{
	struct state_page_header *h = &p->map->header;

	h->version = STATE_PAGE_VERSION;
	__atomic_store_n(&h->incarnation, incarnation, __ATOMIC_RELEASE);
	__atomic_store_n(&h->magic, STATE_PAGE_MAGIC, __ATOMIC_RELEASE);
}

/*
 * Bound under another name and renamed, so that a reader who asks meanwhile finds the old socket or the new
 * one. The path goes through /proc, for sun_path is short and runtime directories of tests are long.
 */
static int open_alive(struct page *p, int directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	p->alive = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->alive < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" ALIVE_SOCKET ".new",
		directory);
	if (unlinkat(directory, ALIVE_SOCKET ".new", 0) < 0 && errno != ENOENT)
		return -errno;
	if (bind(p->alive, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		fchmodat(directory, ALIVE_SOCKET ".new", 0666, 0) < 0 || listen(p->alive, 0) < 0 ||
		renameat(directory, ALIVE_SOCKET ".new", directory, ALIVE_SOCKET) < 0)
		return -errno;
	return 0;
}

static void close_pagep(struct page **p)
{
	(void)page_close(*p);
}

int page_open(const char *runtime_dir, uint64_t incarnation, struct page **ret)
{
	_cleanup_(close_fdp) int directory =
		open(runtime_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(close_pagep) struct page *p = NULL;
	int e;

	if (directory < 0)
		return -errno;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->alive = -1;
	e = open_page_or_anew(p, directory);
	if (e < 0)
		return e;
	mend_lines(p);
	write_header(p, incarnation);
	e = open_alive(p, directory);
	if (e == 0)
		*ret = take_ptr(&p);
	return e;
}

struct page *page_close(struct page *p)
{
	if (!p)
		return NULL;
	close_fdp(&p->alive);
	if (p->map)
		(void)munmap(p->map, sizeof(*p->map));
	free(p);
	return NULL;
}
