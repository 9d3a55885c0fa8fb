/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/log_owner.h"

static const char magic[8] = "lc-load";

static bool same(const struct aside_where *a, const struct aside_where *b)
{
	return a->file == b->file && a->nth == b->nth && a->at == b->at && a->check == b->check;
}

/* The words of a mark must be in memory in this order, should the process end between two of them. */
static void order(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Whoever was here before: did it end while it loaded something? */
static void take_over(struct aside_mark *m)
{
	if (memcmp(m->magic, magic, sizeof(magic)) != 0) {
		memset(m, 0, sizeof(*m));
		memcpy(m->magic, magic, sizeof(magic));
	}
	if (!m->now)
		return;
	m->deaths = same(&m->died, &m->where) ? m->deaths + 1 : 1;
	m->died = m->where;
	if (m->deaths == ASIDE_DEATHS && m->given_up_count < ASIDE_GIVEN_UP) {
		m->given_up[m->given_up_count] = m->died;
		order();
		m->given_up_count++;
	}
	order();
	m->now = 0;
	log_warning("the daemon before this one ended while it loaded the record at byte %llu of %s; %llu in a row",
		(unsigned long long)m->died.at, m->died.file ? "log.1" : "log", (unsigned long long)m->deaths);
}

/* Of another user's mark nothing is believed, and it goes: it told of the start before this one, no more. */
static int open_mark(int directory)
{
	int fd = owner_open(directory, "loading", O_RDWR | O_CREAT);

	if (fd != -EPERM)
		return fd;
	log_warning("the file loading was another user's: it is made anew");
	return owner_make(directory, "loading", O_RDWR);
}

static int map_mark(int directory, struct aside_mark **ret)
{
	_cleanup_(close_fdp) int fd = open_mark(directory);
	struct aside_mark m = { 0 };
	struct stat st;
	void *at;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPERM;
	if (pread(fd, &m, sizeof(m), 0) < 0)
		return -errno;
	if (pwrite(fd, &m, sizeof(m), 0) != sizeof(m)) /* with room for it on the disk: a page without would be a SIGBUS */
		return -errno;
	at = mmap(NULL, sizeof(m), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

void aside_open(struct aside *a, int directory)
{
	int e;

	*a = (struct aside){ .directory = directory };
	e = map_mark(directory, &a->mark);
	if (e < 0)
		log_warning("what is being loaded cannot be marked: %s; a record that ends the daemon will not be found out",
			strerror(-e));
	else
		take_over(a->mark);
}

static bool is_given_up(const struct aside_mark *m, const struct aside_where *where)
{
	for (uint64_t i = 0; i < m->given_up_count && i < ASIDE_GIVEN_UP; i++)
		if (same(&m->given_up[i], where))
			return true;
	return false;
}

bool aside_before(struct aside *a, const struct aside_where *where)
{
	struct aside_mark *m = a->mark;

	if (!m)
		return true;
	aside_pause(a);
	if (is_given_up(m, where))
		return false;
	m->where = *where;
	order();
	m->now = 1;
	return true;
}

void aside_pause(struct aside *a)
{
	if (a->mark)
		a->mark->now = 0;
	order();
}

void aside_put(struct aside *a, const struct aside_where *where, const char *why)
{
	if (a->count == a->room) {
		size_t room = a->room ? 2 * a->room : 16;
		struct aside_record *more = realloc(a->record, room * sizeof(*more));

		if (!more) {
			a->failed = true;
			return;
		}
		a->record = more;
		a->room = room;
	}
	a->record[a->count].where = *where;
	(void)snprintf(a->record[a->count++].why, sizeof(a->record->why), "%s", why);
}

size_t aside_of_line(const struct aside *a, uint32_t file, uint64_t at, const struct aside_record **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++) {
		if (a->record[i].where.file != file || a->record[i].where.at != at)
			continue;
		if (n++ == 0)
			*ret = &a->record[i];
	}
	return n;
}

void aside_close(struct aside *a, bool done)
{
	aside_pause(a);
	if (a->mark) {
		(void)munmap(a->mark, sizeof(*a->mark));
		a->mark = NULL;
	}
	if (done)
		(void)unlinkat(a->directory, "loading", 0);
	free(a->record);
	a->record = NULL;
	a->count = a->room = 0;
}

void aside_each_endpoint(const char *text, size_t length, void (*each)(void *arg, uint16_t endpoint), void *arg)
{
	static const char key[] = "\"endpoint\":";
	const char *end = text + length, *at = text;

	while ((at = memmem(at, (size_t)(end - at), key, sizeof(key) - 1))) {
		unsigned value = 0;

		for (at += sizeof(key) - 1; at < end && *at >= '0' && *at <= '9' && value <= UINT16_MAX; at++)
			value = value * 10 + (unsigned)(*at - '0');
		if (value <= UINT16_MAX)
			each(arg, (uint16_t)value);
	}
}
