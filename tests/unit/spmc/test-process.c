/* SPDX-License-Identifier: Apache-2.0 */

/* The program itself: links that come and go, its sockets, its buffers, its books and its command line. */

#include "process.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *string_of(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static struct json_object *sp_of(struct json_object *o, size_t index)
{
	return json_object_array_get_idx(json_object_object_get(o, "sps"), index);
}

static void welcomes_and_rings_the_doorbell(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	struct secure_link_doorbell d;
	struct stat st;
	int fd;

	process_start(p, NULL);
	assert_int_equal(stat(p->hypervisor, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = link_open(p, 1, &w);
	assert_int_equal(w.sp_count, 2);
	assert_int_equal(w.sp[0].id, 0x8001);
	assert_int_equal(w.sp[0].generation, 1);
	assert_int_equal(w.sp[1].id, 0x8002);
	assert_int_equal(link_message(fd, 0x8001, 4, 5), -7);
	assert_int_equal(link_read(fd, &d, sizeof(d)), sizeof(d));
	assert_int_equal(d.header.kind, SECURE_LINK_DOORBELL);
	assert_int_equal(d.header.id, 0);
	assert_int_equal(d.sp, 0x8001);
	assert_int_equal(d.generation, 1);
	assert_int_equal(link_message(fd, 0x8001, 4, 5), 0);
	close(fd);
	assert_int_equal(process_end(p, SIGTERM), 0);
	assert_int_equal(access(p->hypervisor, F_OK), -1);
	assert_int_equal(access(p->inspect, F_OK), -1);
}

static void the_newest_incarnation_wins(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w, v;
	int first, second, third, old;

	process_start(p, NULL);
	first = link_open(p, 10, &w);
	assert_int_equal(link_message(first, 0x8002, 4, 5), 0);
	second = link_open(p, 11, &v);
	assert_true(same_instance(&w, &v));
	assert_hung_up(first);
	old = link_connect(p);
	link_hello(old, 10, -1);
	assert_hung_up(old);
	assert_int_equal(link_message(second, 0x8002, 6, 5), 0);
	/* The same daemon again, after a time-out of its own. */
	third = link_open(p, 11, &v);
	assert_hung_up(second);
	/* Also when nobody is there: an older one was superseded. */
	close(third);
	old = link_connect(p);
	link_hello(old, 10, -1);
	assert_hung_up(old);
	assert_int_equal(process_end(p, SIGINT), 0);
}

static void send_raw(int fd, uint32_t magic, uint16_t version, uint16_t kind, size_t size)
{
	struct secure_link_call c = { .header = { .magic = magic, .version = version, .kind = kind } };
	char bytes[1024] = { 0 };

	memcpy(bytes, &c, sizeof(c));
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static void bad_frames_harm_only_their_link(void **state)
{
	static const struct {
		bool after_hello;
		uint32_t magic;
		uint16_t version, kind;
		size_t size;
	} bad[] = {
		{ false, SECURE_LINK_MAGIC, 1, SECURE_LINK_SUBMIT, 160 },
		{ false, SECURE_LINK_MAGIC, 1, SECURE_LINK_HELLO, 23 },
		{ false, SECURE_LINK_MAGIC, 1, SECURE_LINK_HELLO, 25 },
		{ false, SECURE_LINK_MAGIC, 1, SECURE_LINK_HELLO, 1024 },
		{ false, SECURE_LINK_MAGIC, 1, SECURE_LINK_WELCOME, 40 },
		{ false, SECURE_LINK_MAGIC, 2, SECURE_LINK_HELLO, 24 },
		{ false, 1, 1, SECURE_LINK_HELLO, 24 },
		{ false, SECURE_LINK_MAGIC, 1, SECURE_LINK_HELLO, 15 },
		{ true, SECURE_LINK_MAGIC, 1, SECURE_LINK_SUBMIT, 159 },
		{ true, SECURE_LINK_MAGIC, 1, SECURE_LINK_SUBMIT, 161 },
		{ true, SECURE_LINK_MAGIC, 1, SECURE_LINK_HELLO, 24 },
		{ true, SECURE_LINK_MAGIC, 1, SECURE_LINK_COMPLETE, 160 },
		{ true, SECURE_LINK_MAGIC, 1, 77, 16 },
		{ true, 0, 0, 0, 1 },
	};
	struct process *p = *state;
	struct secure_link_welcome w;
	uint64_t incarnation = 1;
	int good;

	process_start(p, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = bad[i].after_hello ? link_open(p, incarnation++, &w) : link_connect(p);

		send_raw(fd, bad[i].magic, bad[i].version, bad[i].kind, bad[i].size);
		assert_hung_up(fd);
	}
	good = link_open(p, incarnation, &w);
	/* A bad newcomer does not push the link aside. */
	for (int i = 0; i < 20; i++) {
		int fd = link_connect(p);

		send_raw(fd, SECURE_LINK_MAGIC, 2, SECURE_LINK_HELLO, 24);
		assert_hung_up(fd);
	}
	assert_int_equal(link_message(good, 0x8002, 4, 5), 0);
	close(good);
	process_end(p, SIGTERM);
}

static void silent_connections_make_room(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	int fd[30], link;

	process_start(p, NULL);
	link = link_open(p, 1, &w);
	for (int i = 0; i < 30; i++)
		fd[i] = link_connect(p);
	assert_hung_up(fd[0]);
	assert_int_equal(link_message(link, 0x8002, 4, 5), 0);
	for (int i = 1; i < 30; i++)
		close(fd[i]);
	close(link);
	process_end(p, SIGTERM);
}

static void writes_descriptors_into_the_rx_buffer(void **state)
{
	static const uint64_t get[8] = { 0x84000068 }, release[8] = { 0x84000065 };
	struct process *p = *state;
	struct ffa_partition_info infos[2];
	struct secure_link_welcome w;
	int rx = memfd_create("rx", MFD_CLOEXEC), tiny = memfd_create("tiny", MFD_CLOEXEC), fd;

	assert_int_equal(ftruncate(rx, 4096), 0);
	process_start(p, NULL);
	fd = link_connect(p);
	link_hello(fd, 1, tiny);
	assert_hung_up(fd);
	fd = link_connect(p);
	link_hello(fd, 1, rx);
	assert_true(link_read(fd, &w, sizeof(w)) > 0);
	assert_int_equal(link_call(fd, get).x[0], 0x84000061);
	assert_int_equal(pread(rx, infos, sizeof(infos), 0), sizeof(infos));
	assert_int_equal(infos[0].id, 0x8001);
	assert_int_equal(infos[1].id, 0x8002);
	assert_int_equal((int32_t)link_call(fd, get).x[2], -4);
	assert_int_equal(link_call(fd, release).x[0], 0x84000061);
	/* A peer that takes its buffer away harms itself alone. */
	assert_int_equal(ftruncate(rx, 0), 0);
	(void)link_call(fd, get);
	assert_int_equal(link_message(fd, 0x8002, 4, 5), 0);
	/* A new link has a buffer of its own, or none. */
	close(fd);
	fd = link_open(p, 2, &w);
	assert_int_equal((int32_t)link_call(fd, get).x[2], -3);
	close(fd);
	close(rx);
	close(tiny);
	process_end(p, SIGTERM);
}

/* Pours calls in until nothing more is taken, then reads: each is answered once, in order. */
static void a_peer_that_does_not_read_waits_for_itself(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	struct secure_link_call c = {
		.header = { .magic = SECURE_LINK_MAGIC, .version = SECURE_LINK_VERSION, .kind = SECURE_LINK_SUBMIT },
		.x = { 0x84000085 },
	};
	uint64_t sent = 0, got = 0;
	struct json_object *o;
	int fd;

	process_start(p, NULL);
	fd = link_open(p, 1, &w);
	for (int quiet = 0; quiet < 3;) {
		c.header.id = sent + 1;
		if (send(fd, &c, sizeof(c), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(c)) {
			sent++;
			quiet = 0;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		/* It still serves others; and when it has answered, it had its turn. */
		o = process_inspect(p);
		json_object_put(o);
		quiet++;
	}
	assert_true(sent > 100);
	while (got < sent) {
		assert_int_equal(link_read(fd, &c, sizeof(c)), sizeof(c));
		assert_int_equal(c.header.id, ++got);
	}
	assert_int_equal(link_message(fd, 0x8002, 4, 5), 0);
	close(fd);
	process_end(p, SIGTERM);
}

static void shows_its_books(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	struct json_object *o, *sp, *log;
	int fd;

	process_start(p, OPTIONS("--sp", "trusty:0x8001:tick=60000000", "--sp", "optee:0x8002"));
	fd = link_open(p, 12, &w);
	assert_int_equal(link_message(fd, 0x8001, 4, 9), -7);
	assert_int_equal(link_message(fd, 0x8002, 4, 5), 0);
	assert_int_equal(link_message(fd, 0x8002, 4, 5), 0);
	o = process_inspect(p);
	assert_true(json_object_get_boolean(json_object_object_get(o, "link")));
	assert_int_equal(json_object_get_int64(json_object_object_get(o, "incarnation")), 12);
	assert_int_equal(strlen(string_of(o, "instance")), 36);
	sp = sp_of(o, 0);
	assert_string_equal(string_of(sp, "id"), "0x8001");
	assert_string_equal(string_of(sp, "uuid"), "40ee25f0-a2bc-304c-8c4c-a173c57d8af1");
	assert_string_equal(string_of(sp, "vms"), "[ { \"id\": 9, \"state\": \"pending\", \"objects\": 0 } ]");
	log = json_object_array_get_idx(json_object_object_get(sp, "log"), 0);
	assert_string_equal(string_of(log, "message"), "VM_CREATED");
	assert_string_equal(string_of(log, "answer"), "RETRY");
	sp = sp_of(o, 1);
	assert_string_equal(string_of(sp, "vms"), "[ { \"id\": 5, \"state\": \"available\", \"objects\": 2 } ]");
	assert_int_equal(
		json_object_get_int(json_object_object_get(json_object_object_get(sp, "counts"), "created")), 2);
	json_object_put(o);
	close(fd);
	process_end(p, SIGTERM);
}

/* Did the document come to its end? */
static bool ends_whole(int fd)
{
	char text[65536], last = 0;
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text), 0)) > 0)
		last = text[n - 1];
	return last == '\n';
}

static void many_who_look_and_do_not_read_are_bounded(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd[20], link;

	process_start(p, OPTIONS("--sp", "strict:0x8001", "--sp", "optee:0x8002", "--sp", "strict:0x8003", "--sp",
				 "strict:0x8004", "--sp", "strict:0x8005"));
	link = link_open(p, 1, &w);
	/* More log than a socket holds. */
	for (int i = 0; i < 1200; i++)
		for (uint16_t sp = 0x8001; sp <= 0x8005; sp++)
			(void)link_message(link, sp, 6, 5);
	strcpy(a.sun_path, p->inspect);
	for (int i = 0; i < 20; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&a, sizeof(a)), 0);
	}
	json_object_put(process_inspect(p));
	assert_int_equal(link_message(link, 0x8002, 4, 5), 0);
	/* Those that came first made room, the last one is still served. */
	assert_false(ends_whole(fd[0]));
	assert_true(ends_whole(fd[19]));
	for (int i = 0; i < 20; i++)
		close(fd[i]);
	close(link);
	process_end(p, SIGTERM);
}

static int listener(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void takes_its_sockets_from_the_service_manager(void **state)
{
	struct process *p = *state;
	int hypervisor = listener(p->hypervisor, SOCK_SEQPACKET), inspect = listener(p->inspect, SOCK_STREAM), fd;
	struct secure_link_welcome w;

	process_inherit(p, hypervisor, inspect);
	fd = link_open(p, 1, &w);
	assert_int_equal(link_message(fd, 0x8002, 4, 5), 0);
	json_object_put(process_inspect(p));
	close(fd);
	assert_int_equal(process_end(p, SIGTERM), 0);
	/* They are not its own to remove. */
	assert_int_equal(access(p->hypervisor, F_OK), 0);
	assert_int_equal(access(p->inspect, F_OK), 0);
	close(hypervisor);
	close(inspect);
}

static void two_cannot_serve_one_place(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	struct process second;
	int fd;

	process_start(p, OPTIONS("--state", p->state));
	fd = link_open(p, 1, &w);
	second = *p;
	assert_int_equal(process_fails(&second, NULL), 1);
	strcat(second.hypervisor, "2");
	strcat(second.inspect, "2");
	assert_int_equal(process_fails(&second, OPTIONS("--state", p->state)), 1);
	assert_int_equal(link_message(fd, 0x8002, 4, 5), 0);
	close(fd);
	process_end(p, SIGTERM);
}

static void a_dead_ones_sockets_are_no_hindrance(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w, v;
	int fd;

	process_start(p, NULL);
	fd = link_open(p, 1, &w);
	process_end(p, SIGKILL);
	close(fd);
	process_start(p, NULL);
	fd = link_open(p, 1, &v);
	assert_false(same_instance(&w, &v));
	close(fd);
	process_end(p, SIGTERM);
}

static void refuses_a_bad_command_line(void **state)
{
	struct process *p = *state;

	assert_int_equal(process_fails(p, OPTIONS("--sp", "foo:1")), 1);
	assert_int_equal(process_fails(p, OPTIONS("--discovery", "foo")), 1);
	assert_int_equal(process_fails(p, OPTIONS("--no-sps", "--sp", "optee:0x8001")), 1);
	assert_int_equal(process_fails(p, OPTIONS("stray")), 1);
	assert_int_equal(process_fails(p, OPTIONS("--state", p->dir)), 1);
	assert_int_equal(process_fails(p, OPTIONS("--help")), 0);
	assert_int_equal(process_fails(p, OPTIONS("--version")), 0);
}

#define WITH_PROCESS(f) cmocka_unit_test_setup_teardown(f, process_setup, process_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_PROCESS(welcomes_and_rings_the_doorbell),
		WITH_PROCESS(the_newest_incarnation_wins),
		WITH_PROCESS(bad_frames_harm_only_their_link),
		WITH_PROCESS(silent_connections_make_room),
		WITH_PROCESS(writes_descriptors_into_the_rx_buffer),
		WITH_PROCESS(a_peer_that_does_not_read_waits_for_itself),
		WITH_PROCESS(shows_its_books),
		WITH_PROCESS(many_who_look_and_do_not_read_are_bounded),
		WITH_PROCESS(takes_its_sockets_from_the_service_manager),
		WITH_PROCESS(two_cannot_serve_one_place),
		WITH_PROCESS(a_dead_ones_sockets_are_no_hindrance),
		WITH_PROCESS(refuses_a_bad_command_line),
	};

	if (argc < 2)
		return 77;
	process_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
