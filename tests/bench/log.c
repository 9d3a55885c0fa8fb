/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench-log DISK MEMORY TURNS: turns that are committed one after the other, as fast as the log takes them, and a client that
 * asks the same loop something all the while. DISK and MEMORY are empty directories. Four take turns, so that what else the disk
 * does reaches all: the log on the disk, written by the loop or by the writer's thread; in memory, as on tmpfs, where more turns
 * take no longer; and the floor, where the loop writes and syncs as many bytes and there is no log.
 *
 * A line for each, "NAME-turn P10 P50 P90" and "NAME-query P50 P99 MAX", in nanoseconds. Nothing is judged here.
 */

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/log.h"

#define QUERIES_MAX 1000000u
#define ROUNDS 25u
#define MORE_IN_MEMORY 200u
#define LINE_BYTES 140 /* of a turn with one change of a state */

struct run {
	const char *name;
	struct store *store; /* NULL: the floor, which has a file */
	int file;
	uint64_t seq;
	bool stored;       /* the turn that was committed last */
	unsigned answered; /* questions */
	int loop_end, client_end;
	struct samples turns, queries;
};

static void die(const char *what, int error)
{
	exit(bench_failed(what, error));
}

/* ---- the client: asks, waits, asks again ---- */

static void *ask(void *arg)
{
	struct run *r = arg;
	char c = 'q';

	while (r->queries.count < r->queries.room) {
		const struct timespec pause = { .tv_nsec = 50000 };
		uint64_t begin = bench_now();

		if (write(r->client_end, &c, 1) != 1 || read(r->client_end, &c, 1) != 1)
			break; /* the loop has ended */
		samples_add(&r->queries, bench_now() - begin);
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static void answer(struct run *r)
{
	char c;

	if (read(r->loop_end, &c, 1) != 1)
		return;
	if (write(r->loop_end, &c, 1) != 1)
		die("answer", errno);
	r->answered++;
}

/* ---- the loop ---- */

static void stored(void *arg, uint64_t seq, int error)
{
	struct run *r = arg;

	if (error < 0)
		die("commit", error);
	r->stored = true;
}

static void write_and_sync(struct run *r, uint64_t seq)
{
	static const char bytes[LINE_BYTES];

	if (pwrite(r->file, bytes, LINE_BYTES, (off_t)((seq - 1) * LINE_BYTES)) != LINE_BYTES || fdatasync(r->file) < 0)
		die("a bare sync", errno);
	r->stored = true;
}

static void commit(struct run *r, uint64_t seq)
{
	struct change change = { .kind = CHANGE_STATE, .seq = seq, .life = 5,
		.state = { .old_state = 1, .state = 2, .since = 123456789 } };
	struct turn turn = { .first_seq = seq, .last_seq = seq, .realtime = 1700000000000000000u, .count = 1, .change = &change };
	int e;

	r->stored = false;
	e = store_ops.commit(r->store, &turn);
	if (e < 0)
		die("commit", e);
}

/* Each time round, whoever asks is answered; a turn that is stored makes way for the next. */
static void turn(struct run *r, uint64_t seq)
{
	uint64_t begin = bench_now();

	if (r->store)
		commit(r, seq);
	else
		write_and_sync(r, seq);
	do {
		struct pollfd p[] = { { r->loop_end, POLLIN, 0 }, { r->store ? store_fd(r->store) : -1, POLLIN, 0 } };

		if (poll(p, 2, r->stored ? 0 : -1) < 0)
			die("poll", errno);
		if (p[0].revents)
			answer(r);
		if (p[1].revents)
			store_dispatch(r->store);
	} while (!r->stored);
	samples_add(&r->turns, bench_now() - begin);
}

static void print_queries(struct samples *s, const char *name)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "%s-query", name);
	samples_print(s, what); /* sorts */
	if (s->count)
		printf("%s-query-p99 %llu %llu %llu\n", name, (unsigned long long)s->ns[s->count / 2],
			(unsigned long long)s->ns[s->count * 99ull / 100], (unsigned long long)s->ns[s->count - 1]);
}

static int line(void *ctx, const struct turn *turn, bool snapshot, const struct load_guard *guard)
{
	return 0;
}

static void open_log(struct run *r, const char *path, enum store_writer writer)
{
	struct store_options options = store_defaults;
	int e;

	options.writer = writer;
	e = store_open_with(path, &options, &r->store);
	if (e == 0)
		e = store_load(r->store, line, NULL);
	if (e < 0)
		die(path, e);
	store_attach(r->store, stored, r);
}

static void begin(
	struct run *r, const char *name, const char *path, bool has_log, enum store_writer writer, unsigned turns)
{
	*r = (struct run){ .name = name, .file = -1 };
	if (has_log)
		open_log(r, path, writer);
	else
		r->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!has_log && r->file < 0)
		die(path, errno);
	if (samples_init(&r->turns, turns) || samples_init(&r->queries, QUERIES_MAX))
		exit(1);
}

static void some_turns(struct run *r, unsigned turns)
{
	pthread_t client;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair", errno);
	r->loop_end = ends[0];
	r->client_end = ends[1];
	if (pthread_create(&client, NULL, ask, r))
		die("a thread", EAGAIN);
	for (unsigned i = 0; i < turns || !r->answered; i++) /* on a busy machine few turns are over before the client asks */
		turn(r, ++r->seq);
	shutdown(r->loop_end, SHUT_RDWR);
	pthread_join(client, NULL);
	close(r->loop_end);
	close(r->client_end);
}

static void end(struct run *r)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "%s-turn", r->name);
	samples_print(&r->turns, what);
	print_queries(&r->queries, r->name);
	samples_free(&r->turns);
	samples_free(&r->queries);
	store_close(r->store);
	if (r->file >= 0)
		close(r->file);
}

static const char *below(const char *directory, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

int main(int argc, char **argv)
{
	unsigned turns = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0, step = (turns + ROUNDS - 1) / ROUNDS;
	struct run floor, loop, writer, memory;

	if (!turns || turns > 1000000) {
		fputs("bench-log DISK MEMORY TURNS\n", stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* a client may ask when the loop has ended */
	begin(&floor, "floor", below(argv[1], "floor"), false, STORE_WRITER_NEVER, turns);
	begin(&loop, "loop", below(argv[1], "loop"), true, STORE_WRITER_NEVER, turns);
	begin(&writer, "writer", below(argv[1], "writer"), true, STORE_WRITER_ON_DISK, turns);
	begin(&memory, "memory", below(argv[2], "memory"), true, STORE_WRITER_NEVER, turns * MORE_IN_MEMORY);
	for (unsigned done = 0; done < turns; done += step) {
		some_turns(&floor, step);
		some_turns(&loop, step);
		some_turns(&writer, step);
		some_turns(&memory, step * MORE_IN_MEMORY);
	}
	end(&floor);
	end(&loop);
	end(&writer);
	end(&memory);
	return 0;
}
