/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where lives keep their files. Directories are the daemon's and are opened without following links; everything below
 * is reached from their fds.
 *
 *   RUNTIME/lives/LIFE/{lock,last-words,console,name,stopped}   MEMORY/LIFE   RUNTIME/consoles/NAME (kept of the last end)
 */

#include "fleet/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#define LIFE_NAME_SIZE 24
#define OLD_SUFFIX ".old"
#define SMALL_MEMORY (1 << 20) /* bytes that are there, not those that may be */

static void life_name(uint64_t life, char name[LIFE_NAME_SIZE])
{
	(void)snprintf(name, LIFE_NAME_SIZE, "%llu", (unsigned long long)life);
}

/* ---- directories ---- */

static int open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* A directory that others may write could be made to lead anywhere. */
static int check_own_dir(int fd, const char *what, const char *path)
{
	struct stat st;

	if (fd < 0) {
		log_error("cannot open the %s directory %s: %s; it must exist and be no symbolic link", what, path,
			strerror(-fd));
		return fd;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	log_error("the %s directory %s has owner %u and mode %04o: it must belong to user %u and be writable "
		  "by nobody else",
		what, path, st.st_uid, st.st_mode & 07777, geteuid());
	return -EPERM;
}

static int open_own_dir(const char *path, const char *what)
{
	_cleanup_(close_fdp) int fd = open_dir(AT_FDCWD, path);
	int r = check_own_dir(fd, what, path);

	return r < 0 ? r : take_fd(&fd);
}

static int make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	return open_dir(at, name);
}

/* In the runtime directory. */
static int make_own_dir(int runtime, const char *path, const char *name)
{
	_cleanup_(close_fdp) int fd = make_dir(runtime, name);
	char whole[4096];
	int r;

	(void)snprintf(whole, sizeof(whole), "%s/%s", path, name);
	r = check_own_dir(fd, name, whole);
	return r < 0 ? r : take_fd(&fd);
}

static int check_memory_fd(int fd, const char *path, bool huge)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type == HUGETLBFS_MAGIC || (!huge && fs.f_type == TMPFS_MAGIC))
		return 0;
	log_error("guest memory cannot live in %s: it is on a file system of type 0x%lx; mount %s there", path,
		(unsigned long)fs.f_type, huge ? "hugetlbfs" : "tmpfs or hugetlbfs");
	return -EINVAL;
}

static int open_memory_dir(const char *path, bool huge)
{
	_cleanup_(close_fdp) int fd = open_own_dir(path, huge ? "huge page" : "memory");
	int r = fd < 0 ? fd : check_memory_fd(fd, path, huge);

	return r < 0 ? r : take_fd(&fd);
}

int fleet_check_memory_dir(const char *path, bool huge)
{
	_cleanup_(close_fdp) int fd = open_memory_dir(path, huge);

	return fd < 0 ? -EINVAL : 0;
}

/* A hugetlbfs mount without a size has the whole pool of its page size. */
static uint64_t huge_pool(uint64_t page)
{
	_cleanup_(close_fdp) int fd = -1;
	char path[96], text[32];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
		(unsigned long long)(page >> 10));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtoull(text, NULL, 10) * page;
}

uint64_t fleet_memory_capacity(const char *path, bool huge)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return 0;
	if (fs.f_blocks != 0 && fs.f_blocks != (fsblkcnt_t)-1)
		return (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	return fs.f_type == HUGETLBFS_MAGIC ? huge_pool((uint64_t)fs.f_bsize) : 0;
}

int places_open(const struct fleet_config *config, struct places **ret)
{
	struct places *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct places){ .refs = 1, .lives = -1, .consoles = -1, .memory = -1, .huge = -1 };
	r = p->runtime = open_own_dir(config->runtime_dir, "runtime");
	if (r >= 0)
		r = p->lives = make_own_dir(p->runtime, config->runtime_dir, "lives");
	if (r >= 0)
		r = p->consoles = make_own_dir(p->runtime, config->runtime_dir, "consoles");
	if (r >= 0)
		r = p->memory = open_memory_dir(config->memory_dir, false);
	if (r >= 0 && config->huge_dir)
		r = p->huge = open_memory_dir(config->huge_dir, true);
	if (r < 0) {
		places_unref(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct places *places_unref(struct places *p)
{
	if (!p || --p->refs > 0)
		return NULL;
	close_fdp(&p->runtime);
	close_fdp(&p->lives);
	close_fdp(&p->consoles);
	close_fdp(&p->memory);
	close_fdp(&p->huge);
	free(p);
	return NULL;
}

int places_memory(const struct places *p, bool huge)
{
	int fd = huge ? p->huge : p->memory;

	return fd < 0 ? -ENODEV : fd;
}

static int open_life(const struct places *p, uint64_t life)
{
	char name[LIFE_NAME_SIZE];

	life_name(life, name);
	return open_dir(p->lives, name);
}

static int open_file(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* ---- making a life's files ---- */

/* Files left by a start that a crash cut short are replaced: what a VMM may have put there is not the new guest's. */
static int make_file(int dir, const char *name)
{
	int fd;

	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/*
 * Room is taken now: a VMM that finds the place full when it writes to its mapping would be killed by SIGBUS, for a few
 * bytes of console.
 */
static int make_filled(int dir, const char *name, size_t size, const void *head, size_t head_size)
{
	_cleanup_(close_fdp) int fd = make_file(dir, name);
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	r = size ? -posix_fallocate(fd, 0, (off_t)size) : 0;
	if (r < 0 || !head_size)
		return r;
	n = pwrite(fd, head, head_size, 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)head_size ? 0 : -ENOSPC;
}

static int make_console(int dir, uint32_t bytes)
{
	struct console_ring ring = { .magic = CONSOLE_RING_MAGIC, .size = bytes };

	return make_filled(dir, "console", CONSOLE_RING_DATA + (size_t)bytes, &ring, sizeof(ring));
}

/* Pages of an old memory file may take long to free: it steps aside. 1: one did, memory_sweep is to remove it. */
static int make_memory(const struct places *p, const struct birth_place *place)
{
	_cleanup_(close_fdp) int fd = -1;
	char name[LIFE_NAME_SIZE], aside_name[LIFE_NAME_SIZE + sizeof(OLD_SUFFIX)];
	int dir = places_memory(p, place->huge);
	bool aside;

	if (dir < 0)
		return dir;
	life_name(place->life, name);
	(void)snprintf(aside_name, sizeof(aside_name), "%s" OLD_SUFFIX, name);
	aside = renameat(dir, name, dir, aside_name) == 0;
	if (!aside && errno != ENOENT)
		return -errno;
	fd = make_file(dir, name);
	if (fd < 0)
		return fd;
	return ftruncate(fd, (off_t)place->memory_bytes) < 0 ? -errno : aside;
}

static int make_life_dir(const struct places *p, uint64_t life)
{
	char name[LIFE_NAME_SIZE];

	life_name(life, name);
	return make_dir(p->lives, name);
}

static struct timespec boot_time(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now;
}

static int set_time(int dir, const char *file, struct timespec to)
{
	struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, to };

	return utimensat(dir, file, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_small_files(int dir, const struct vm_definition *d)
{
	struct last_words silence = { 0 };
	int r = make_filled(dir, "lock", 0, NULL, 0);

	if (r == 0)
		r = make_filled(dir, "name", 0, d->name, strlen(d->name));
	if (r == 0) /* by a clock that nobody sets: keep_console */
		r = set_time(dir, "name", boot_time());
	if (r == 0)
		r = make_filled(dir, "last-words", sizeof(silence), &silence, sizeof(silence));
	if (r == 0)
		r = make_console(dir, d->limits.console_bytes ? d->limits.console_bytes : 4096);
	return r;
}

int life_make(const struct places *p, const struct birth_place *place, char text[TEXT_SIZE])
{
	_cleanup_(close_fdp) int dir = -1;
	const char *what = "runtime files";
	int r = life_is_locked(p, place->life);

	if (r > 0) {
		(void)snprintf(text, TEXT_SIZE, "life %llu still has a VMM that holds its lock: kill that process",
			(unsigned long long)place->life);
		return -EBUSY;
	}
	r = dir = make_life_dir(p, place->life);
	if (r >= 0)
		r = make_small_files(dir, place->definition);
	if (r == 0) {
		what = place->huge ? "memory on huge pages" : "memory";
		r = make_memory(p, place);
	}
	if (r < 0)
		(void)snprintf(text, TEXT_SIZE, "cannot make the %s (%llu bytes of guest memory): %s; check its mount",
			what, (unsigned long long)place->memory_bytes, strerror(-r));
	return r;
}

/* ---- using them ---- */

int life_open(const struct places *p, uint64_t life, bool huge, int fd[VMM_FD_COUNT])
{
	_cleanup_(close_fdp) int dir = open_life(p, life);
	char name[LIFE_NAME_SIZE];
	int memory = places_memory(p, huge);

	if (dir < 0 || memory < 0)
		return dir < 0 ? dir : memory;
	life_name(life, name);
	fd[VMM_FD_MEMORY] = open_file(memory, name, O_RDWR);
	fd[VMM_FD_LAST_WORDS] = open_file(dir, "last-words", O_RDWR);
	fd[VMM_FD_CONSOLE] = open_file(dir, "console", O_RDWR);
	for (int i = 0; i < VMM_FD_COUNT; i++)
		if (i != VMM_FD_LIFE_LOCK && fd[i] < 0)
			return fd[i];
	return 0;
}

static int open_lock(const struct places *p, uint64_t life)
{
	_cleanup_(close_fdp) int dir = open_life(p, life);

	return dir < 0 ? dir : open_file(dir, "lock", O_RDWR);
}

/* An open-file-description lock: it goes with the fd to the VMM, and with the VMM's last thread. */
int life_lock(const struct places *p, uint64_t life, int *ret_fd)
{
	_cleanup_(close_fdp) int fd = open_lock(p, life);
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int life_is_locked(const struct places *p, uint64_t life)
{
	_cleanup_(close_fdp) int fd = open_lock(p, life);
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	if (fcntl(fd, F_OFD_GETLK, &whole) < 0)
		return -errno;
	return whole.l_type != F_UNLCK;
}

int life_last_words(const struct places *p, uint64_t life, struct vmm_end *ret)
{
	_cleanup_(close_fdp) int dir = open_life(p, life), fd = -1;
	struct last_words words;

	fd = dir < 0 ? dir : open_file(dir, "last-words", O_RDONLY);
	if (fd < 0)
		return fd;
	if (pread(fd, &words, sizeof(words), 0) != sizeof(words) || words.magic != LAST_WORDS_MAGIC)
		return -ENODATA;
	if (words.end.cause >= CAUSE_COUNT) /* a newer build's */
		words.end.cause = CAUSE_VMM_EXIT;
	text_clean(words.end.text, sizeof(words.end.text));
	if (!end_is_sane(&words.end))
		return -ENODATA;
	*ret = words.end;
	return 0;
}

bool life_is_first_stop(const struct places *p, uint64_t life)
{
	_cleanup_(close_fdp) int dir = open_life(p, life), fd = -1;

	if (dir < 0)
		return true;
	fd = openat(dir, "stopped", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0 || errno != EEXIST;
}

static bool name_is_sane(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= VM_NAME_MAX && name[0] != '.' &&
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

int fleet_open_console(struct fleet *f, uint64_t life, const char *name, int *ret_fd)
{
	_cleanup_(close_fdp) int dir = life ? open_life(f->places, life) : -ENOENT;
	int fd = dir < 0 ? dir : open_file(dir, "console", O_RDONLY);

	if (fd == -ENOENT && name_is_sane(name))
		fd = open_file(f->places->consoles, name, O_RDONLY);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* ---- removing them ---- */

static bool is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* Each ring that is kept has the time at which its life was made. One from the future has another clock's. */
static bool keeps_a_later_one(const struct places *p, const char *name, struct timespec made)
{
	struct stat kept;

	return fstatat(p->consoles, name, &kept, AT_SYMLINK_NOFOLLOW) == 0 && is_later(kept.st_mtim, made) &&
		!is_later(kept.st_mtim, boot_time());
}

/* The ring is kept with the VM's last end: a life that the VM went on without may settle after those that came later. */
static void keep_console(const struct places *p, int dir)
{
	char name[VM_NAME_MAX + 1] = "";
	_cleanup_(close_fdp) int fd = open_file(dir, "name", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	struct stat st;

	if (n <= 0 || !name_is_sane(name) || fstat(fd, &st) < 0 || keeps_a_later_one(p, name, st.st_mtim))
		return;
	(void)set_time(dir, "console", st.st_mtim);
	(void)renameat(dir, "console", p->consoles, name);
}

static int remove_life_dir(const struct places *p, uint64_t life)
{
	static const char *const files[] = { "console", "last-words", "name", "stopped", "lock" };
	_cleanup_(close_fdp) int dir = open_life(p, life);
	char name[LIFE_NAME_SIZE];

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	keep_console(p, dir);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return -errno;
	life_name(life, name);
	return unlinkat(p->lives, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* So few pages that to free them takes no longer than to ask somebody else for it. */
bool life_is_small(const struct places *p, uint64_t life)
{
	char name[LIFE_NAME_SIZE];
	struct stat st;

	life_name(life, name);
	return fstatat(p->memory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_blocks * 512 <= SMALL_MEMORY;
}

/* Any part of it may be done already: a daemon may have died in the middle. */
int life_remove(const struct places *p, uint64_t life, bool huge)
{
	char name[LIFE_NAME_SIZE];
	int dir = places_memory(p, huge);

	if (dir < 0)
		return dir;
	life_name(life, name);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return remove_life_dir(p, life);
}

static void sweep_dir(int fd, keep_fn *keep, const void *arg)
{
	int again = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *e;

	if (!dir) {
		close_fdp(&again);
		return;
	}
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.' && !keep(arg, e->d_name))
			(void)unlinkat(fd, e->d_name, 0);
	closedir(dir);
}

static bool is_not_old(const void *arg, const char *name)
{
	size_t n = strlen(name);

	return n <= strlen(OLD_SUFFIX) || strcmp(name + n - strlen(OLD_SUFFIX), OLD_SUFFIX) != 0;
}

void memory_sweep(const struct places *p)
{
	sweep_dir(p->memory, is_not_old, NULL);
	sweep_dir(p->huge, is_not_old, NULL);
}

void console_forget(const struct places *p, const char *name)
{
	if (name_is_sane(name))
		(void)unlinkat(p->consoles, name, 0);
}

void consoles_sweep(const struct places *p, keep_fn *keep, const void *arg)
{
	sweep_dir(p->consoles, keep, arg);
}
