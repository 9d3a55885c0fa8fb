/* SPDX-License-Identifier: Apache-2.0 */

/*
 * fd-probe BUS VM OTHER PAGE: gets every kind of fd that the daemon gives away (of VM; OTHER is started bound to this process), and
 * the state page. Says "ready", waits for a line, becomes somebody else, and tries to do with each what nobody gave it the right to:
 * a line for each attempt that succeeded, "WHAT: HOW"; then, for each socket, "WHAT took N" bytes; then "done".
 * It keeps all of them until its input ends.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME    "org.lifecycled.Lifecycle1"
#define ROOT    "/org/lifecycled/Lifecycle1"
#define NOBODY  65534
#define ENOUGH  (64u << 20)

struct given {
	const char *what;
	int fd;
};

static void die(const char *what, int error)
{
	(void)fprintf(stderr, "fd-probe: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(2);
}

/* The fd of a reply, which it frees, and whose types before it are `skip`. */
static int take(sd_bus_message *reply, const char *skip)
{
	int fd;

	if (*skip && sd_bus_message_skip(reply, skip) < 0)
		die("a reply", EBADMSG);
	if (sd_bus_message_read(reply, "h", &fd) < 0)
		die("a reply", EBADMSG);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		die("fcntl", errno);
	(void)sd_bus_message_unref(reply);
	return fd;
}

static sd_bus_message *answered(int r, sd_bus_error *error, sd_bus_message *reply)
{
	if (r < 0) {
		(void)fprintf(stderr, "fd-probe: %s\n", error->message);
		exit(2);
	}
	return reply;
}

static void collect(sd_bus *bus, const char *vm, const char *other, struct given given[4])
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	char path[256];
	int r;

	(void)snprintf(path, sizeof(path), ROOT "/vm/%s", vm);
	r = sd_bus_call_method(bus, NAME, path, NAME ".VM", "OpenConsole", &e, &m, "a{sv}", 0);
	given[0] = (struct given) { "console", take(answered(r, &e, m), "") };
	r = sd_bus_call_method(bus, NAME, ROOT, NAME ".Manager", "Subscribe", &e, &m, "ssta{sv}", "", "", (uint64_t)0, 0);
	given[1] = (struct given) { "stream", take(answered(r, &e, m), "a(ssotqsssstta{sv})st") };
	r = sd_bus_call_method(bus, NAME, path, NAME ".VM", "TakeDestroyLease", &e, &m, "stta{sv}", "probe", (uint64_t)0, (uint64_t)0, 0);
	given[2] = (struct given) { "lease", take(answered(r, &e, m), "s") };
	r = sd_bus_call_method(bus, NAME, ROOT, NAME ".Manager", "StartBound", &e, &m, "sa{sv}", other, 0);
	given[3] = (struct given) { "bound", take(answered(r, &e, m), "s") };
}

/* ---- what must not work ---- */

static bool map_writable(int fd, const char *self)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
}

static bool make_mapping_writable(int fd, const char *self)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0;
}

static bool become_writable(int fd, const char *self)
{
	(void)fcntl(fd, F_SETFL, O_RDWR);
	return write(fd, "x", 1) >= 0;
}

static bool write_at(int fd, const char *self)
{
	return pwrite(fd, "x", 1, 0) >= 0;
}

static bool cut(int fd, const char *self)
{
	return ftruncate(fd, 0) == 0;
}

static bool cut_by_path(int fd, const char *self)
{
	return truncate(self, 0) == 0;
}

static bool punch(int fd, const char *self)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
}

static bool grow(int fd, const char *self)
{
	return fallocate(fd, 0, 0, 64 << 20) == 0;
}

static bool reopen_for_both(int fd, const char *self)
{
	return open(self, O_RDWR | O_CLOEXEC) >= 0;
}

static bool reopen_to_write(int fd, const char *self)
{
	return open(self, O_WRONLY | O_TRUNC | O_CLOEXEC) >= 0;
}

static bool change_mode(int fd, const char *self)
{
	return fchmod(fd, 0666) == 0;
}

static bool change_owner(int fd, const char *self)
{
	return fchown(fd, NOBODY, NOBODY) == 0;
}

static bool seal(int fd, const char *self)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
}

static bool lock_out(int fd, const char *self)
{
	struct flock all = { .l_type = F_WRLCK };

	return fcntl(fd, F_OFD_SETLK, &all) == 0;
}

static bool go_up(int fd, const char *self)
{
	return openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static const struct {
	const char *how;
	bool (*works)(int fd, const char *self);
	bool of_files;
} attempts[] = {
	{ "mapped to write", map_writable },
	{ "made a mapping writable", make_mapping_writable },
	{ "written after fcntl", become_writable, true },
	{ "written with pwrite", write_at },
	{ "truncated", cut },
	{ "truncated by its path", cut_by_path },
	{ "holed", punch },
	{ "grown", grow },
	{ "opened again to read and write", reopen_for_both },
	{ "opened again to write", reopen_to_write },
	{ "given another mode", change_mode, true },
	{ "given another owner", change_owner },
	{ "sealed", seal },
	{ "locked", lock_out, true },
	{ "a way up", go_up },
};

/* A socket can be written to, which ends it: that is no right to anything, and comes last. Of its mode and locks nobody takes notice. */
static void try_all(const struct given *g, bool is_file)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", g->fd);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (!is_file && attempts[i].of_files)
			continue;
		if (attempts[i].works(g->fd, self))
			(void)printf("%s: %s\n", g->what, attempts[i].how);
	}
}

static void flood(const struct given *g)
{
	static char block[4096];
	size_t sent = 0;
	ssize_t n;

	while (sent < ENOUGH && (n = send(g->fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	(void)printf("%s took %zu\n", g->what, sent);
}

static void wait_line(void)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		exit(0);
}

static void become_nobody(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		die("another user", errno);
	/* Else /proc/self is not ours, and nothing is proven by it. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0 || access("/proc/self/fd/0", F_OK) < 0)
		die("/proc/self", errno);
}

int main(int argc, char **argv)
{
	struct given given[5];
	sd_bus *bus = NULL;

	if (argc != 5)
		die("usage", EINVAL);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 || sd_bus_set_bus_client(bus, true) < 0 ||
		sd_bus_start(bus) < 0)
		die(argv[1], ENOTCONN);
	collect(bus, argv[2], argv[3], given);
	given[4] = (struct given) { "page", open(argv[4], O_RDONLY | O_CLOEXEC) };
	if (given[4].fd < 0)
		die(argv[4], errno);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)puts("ready");
	wait_line();
	become_nobody();
	for (size_t i = 0; i < 5; i++)
		try_all(&given[i], i == 0 || i == 4);
	for (size_t i = 1; i < 4; i++)
		flood(&given[i]);
	(void)puts("done");
	wait_line();
	(void)sd_bus_flush_close_unref(bus);
	return 0;
}
