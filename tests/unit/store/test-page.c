/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "place.h"
#include "proto/state-page.h"
#include "store/page.h"

/* ---- rows as a test wants them ---- */

struct rows {
	struct orphan_row orphan[2];
	size_t orphan_count;
	struct vm_row row[4];
	size_t count;
	uint64_t seq;
};

size_t rows_vm_count(const struct rows *r)
{
	return r->count;
}

const struct vm_row *rows_vm_at(const struct rows *r, size_t i)
{
	return &r->row[i];
}

const struct vm_row *rows_endpoint(const struct rows *r, uint16_t endpoint)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->row[i].life && r->row[i].endpoint == endpoint)
			return &r->row[i];
	return NULL;
}

size_t rows_orphan_count(const struct rows *r)
{
	return r->orphan_count;
}

const struct orphan_row *rows_orphan_at(const struct rows *r, size_t i)
{
	return &r->orphan[i];
}

uint64_t rows_seq(const struct rows *r)
{
	return r->seq;
}

static struct vm_row row(const char *name, uint64_t life, uint16_t endpoint)
{
	struct vm_row r = { .vm = 1,
		.life = life,
		.endpoint = endpoint,
		.state = VM_RUNNING,
		.substate = VM_SUB_RUNNING,
		.since = 777,
		.changed_at = 42,
		.vcpu_count = 3,
		.uuid = { 9, 9 } };

	strcpy(r.name, name);
	return r;
}

/* ---- a reader ---- */

struct watch {
	struct place *place;
	struct page *page;
	const struct state_page *map;
	struct rows rows;
};

static const struct state_page *map_read_only(struct place *p)
{
	int fd = open(place_path(p, "state"), O_RDONLY | O_CLOEXEC);
	struct state_page *map;

	assert_true(fd >= 0);
	map = mmap(NULL, sizeof(*map), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(map != MAP_FAILED);
	return map;
}

static int open_all(void **state)
{
	struct watch *w = calloc(1, sizeof(*w));
	void *place;

	if (place_make(&place) < 0)
		return -1;
	w->place = place;
	if (page_open(w->place->path, 1000, &w->page) < 0)
		return -1;
	w->map = map_read_only(w->place);
	*state = w;
	return 0;
}

static int close_all(void **state)
{
	struct watch *w = *state;
	void *place = w->place;

	(void)munmap((void *)w->map, sizeof(*w->map));
	page_close(w->page);
	free(w);
	return place_remove(&place);
}

static void show(struct watch *w, uint64_t seq, uint64_t life, uint16_t endpoint, const char *name,
	uint8_t new_state, uint8_t new_substate)
{
	struct event_record event = { .kind = EVENT_STATE,
		.seq = seq,
		.life = life,
		.endpoint = endpoint,
		.new_state = new_state,
		.new_substate = new_substate };
	struct published what = { .proof = { seq }, .rows = &w->rows, .event = &event, .count = 1 };

	strcpy(event.name, name);
	page_publish_ops.publish(w->page, &what);
}

static uint64_t word(struct watch *w, uint16_t endpoint)
{
	assert_int_equal(w->map->line[endpoint].sequence & 1, 0);
	return w->map->line[endpoint].word;
}

static void shows_a_state_to_a_reader(void **state)
{
	struct watch *w = *state;
	const struct state_line *line = &w->map->line[5];
	struct stat st;

	assert_int_equal(stat(place_path(w->place, "state"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_size, sizeof(struct state_page));
	assert_int_equal(w->map->header.magic, STATE_PAGE_MAGIC);
	assert_int_equal(w->map->header.version, STATE_PAGE_VERSION);
	assert_int_equal(w->map->header.incarnation, 1000);

	w->rows.row[w->rows.count++] = row("web", 12, 5);
	show(w, 50, 12, 5, "web", VM_RUNNING, VM_SUB_BOOTING);
	assert_true(word(w, 5) == page_word(12, VM_RUNNING, VM_SUB_BOOTING));
	assert_int_equal(line->vcpu_count, 3);
	assert_int_equal(line->endpoint, 5);
	assert_int_equal(line->changed_at, 50);
	assert_int_equal(line->since, 777);
	assert_memory_equal(line->uuid, w->rows.row[0].uuid, 16);
	assert_int_equal(line->sequence, 2);
	assert_int_equal(w->map->header.seq, 50);
}

static void clears_the_line_of_a_life_that_is_gone(void **state)
{
	struct watch *w = *state;

	w->rows.row[w->rows.count++] = row("web", 12, 5);
	show(w, 50, 12, 5, "web", VM_RUNNING, VM_SUB_BOOTING);
	w->rows.row[0].life = w->rows.row[0].endpoint = 0;
	show(w, 51, 12, 5, "web", VM_NULL, VM_SUB_NONE);
	assert_true(word(w, 5) == 0);
}

static void leaves_the_line_of_the_next_life_alone(void **state)
{
	struct watch *w = *state;

	w->rows.row[w->rows.count++] = row("db", 60, 5);
	show(w, 60, 60, 5, "db", VM_CREATED, VM_SUB_ALLOCATING);
	show(w, 61, 12, 5, "web", VM_NULL, VM_SUB_NONE); /* told late: the id is another VM's by now */
	assert_true(word(w, 5) == page_word(60, VM_CREATED, VM_SUB_ALLOCATING));
}

/* Rows are those of the turn's end: an event in its middle may be of a life that has no row any more. */
static void lends_no_life_the_fields_of_another(void **state)
{
	struct watch *w = *state;

	w->rows.row[w->rows.count++] = row("db", 60, 5);
	show(w, 60, 12, 5, "web", VM_ABORTING, VM_SUB_RECLAIMING);
	assert_true(word(w, 5) == page_word(12, VM_ABORTING, VM_SUB_RECLAIMING));
	assert_int_equal(w->map->line[5].uuid[0], 0);
}

static void frees_the_old_id_of_a_restart(void **state)
{
	struct watch *w = *state;

	w->rows.row[w->rows.count++] = row("web", 12, 5);
	w->rows.row[w->rows.count++] = row("db", 3, 7);
	show(w, 49, 3, 7, "db", VM_RUNNING, VM_SUB_RUNNING);
	show(w, 50, 12, 5, "web", VM_ABORTING, VM_SUB_RECLAIMING);
	w->rows.row[0] = row("web", 51, 6);
	show(w, 51, 12, 5, "web", VM_NULL, VM_SUB_NONE);
	show(w, 51, 51, 6, "web", VM_CREATED, VM_SUB_ALLOCATING);
	assert_true(word(w, 5) == 0);
	assert_true(word(w, 6) == page_word(51, VM_CREATED, VM_SUB_ALLOCATING));
	assert_true(word(w, 7) == page_word(3, VM_RUNNING, VM_SUB_RUNNING));
}

static void keeps_an_old_life_that_still_settles(void **state)
{
	struct watch *w = *state;

	w->rows.row[w->rows.count++] = row("web", 12, 5);
	show(w, 50, 12, 5, "web", VM_ABORTING, VM_SUB_QUIESCING);
	w->rows.row[0] = row("web", 51, 6);
	w->rows.row[0].old_lives = 1;
	show(w, 51, 51, 6, "web", VM_CREATED, VM_SUB_ALLOCATING);
	show(w, 52, 12, 5, "web", VM_ABORTING, VM_SUB_RETIRING);
	assert_true(word(w, 5) == page_word(12, VM_ABORTING, VM_SUB_RETIRING));
	assert_int_equal(w->map->line[5].vcpu_count, 3); /* what it said of the VM stays */
	assert_int_equal(w->map->line[5].uuid[0], 9);
	w->rows.row[0].old_lives = 0;
	show(w, 53, 12, 5, "web", VM_NULL, VM_SUB_NONE);
	assert_true(word(w, 5) == 0);
	assert_true(word(w, 6) == page_word(51, VM_CREATED, VM_SUB_ALLOCATING));
}

static void ignores_ids_that_are_no_vms(void **state)
{
	struct watch *w = *state;
	struct state_page_header before = w->map->header;

	show(w, 0, 12, 0, "web", VM_RUNNING, VM_SUB_RUNNING);
	show(w, 0, 12, 0x7FFF, "web", VM_RUNNING, VM_SUB_RUNNING);
	show(w, 0, 12, 0x8001, "web", VM_RUNNING, VM_SUB_RUNNING);
	assert_memory_equal(&before, &w->map->header, sizeof(before));
	assert_true(w->map->line[0x7FFF].word == 0);
	assert_true(w->map->line[0x8001].word == 0);
}

/* What the daemon before left: a line half written, one of a VM that runs, one of a VM that is gone. */
static void mends_what_a_dead_daemon_left(void **state)
{
	struct watch *w = *state;
	struct state_page *torn;
	int fd;

	w->rows.row[w->rows.count++] = row("web", 12, 5);
	show(w, 50, 12, 5, "web", VM_RUNNING, VM_SUB_RUNNING);
	show(w, 51, 13, 6, "db", VM_RUNNING, VM_SUB_RUNNING);
	page_close(w->page);
	fd = open(place_path(w->place, "state"), O_RDWR | O_CLOEXEC);
	torn = mmap(NULL, sizeof(*torn), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(torn != MAP_FAILED);
	torn->line[5].sequence |= 1;
	torn->line[5].since = 0;
	torn->line[9].sequence = 7;
	(void)munmap(torn, sizeof(*torn));

	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	assert_int_equal(w->map->header.incarnation, 2000); /* the mapping of before: it is the same file */
	w->rows.seq = 51;
	page_republish_all(w->page, &w->rows);
	assert_true(word(w, 5) == page_word(12, VM_RUNNING, VM_SUB_RUNNING));
	assert_int_equal(w->map->line[5].since, 777);
	assert_int_equal(w->map->line[5].changed_at, 42);
	assert_true(word(w, 6) == 0);
	assert_int_equal(w->map->line[9].sequence, 8);
	assert_int_equal(w->map->header.seq, 51);
}

/* Their ids are theirs until they have settled, and whoever looks for them must not hear that they are over. */
static void shows_a_new_daemons_readers_the_lives_that_settle_still(void **state)
{
	struct watch *w = *state;
	struct old_life_row old = {
		.life = 12, .since = 666, .endpoint = 5, .vcpu_count = 2, .substate = VM_SUB_RETIRING, .cause = CAUSE_USER_RESTART
	};

	show(w, 50, 12, 5, "web", VM_ABORTING, VM_SUB_RETIRING);
	show(w, 51, 13, 6, "db", VM_ABORTING, VM_SUB_RETIRING);
	page_close(w->page);
	w->rows.row[w->rows.count++] = row("web", 51, 7);
	w->rows.row[0].old_lives = w->rows.row[0].old_life_count = 1;
	w->rows.row[0].old_life = &old;
	w->rows.orphan[w->rows.orphan_count++] = (struct orphan_row){ .name = "db",
		.life = { .life = 13, .since = 555, .endpoint = 6, .vcpu_count = 1, .substate = VM_SUB_RETIRING } };
	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	page_republish_all(w->page, &w->rows);
	assert_true(word(w, 7) == page_word(51, VM_RUNNING, VM_SUB_RUNNING));
	assert_true(word(w, 5) == page_word(12, VM_ABORTING, VM_SUB_RETIRING));
	assert_int_equal(w->map->line[5].since, 666);
	assert_int_equal(w->map->line[5].vcpu_count, 2);
	assert_int_equal(w->map->line[5].cause, CAUSE_USER_RESTART);
	assert_int_equal(w->map->line[5].uuid[0], 9);
	assert_true(word(w, 6) == page_word(13, VM_ABORTING, VM_SUB_RETIRING));
	show(w, 52, 12, 5, "web", VM_NULL, VM_SUB_NONE);
	assert_true(word(w, 5) == 0);
}

static void replaces_a_page_of_another_shape(void **state)
{
	struct watch *w = *state;
	static struct state_page old = { .header = { .magic = STATE_PAGE_MAGIC, .version = 99 } };

	page_close(w->page);
	place_write(w->place, "state", "short", 5);
	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	page_close(w->page);
	place_write(w->place, "state", &old, sizeof(old));
	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	(void)munmap((void *)w->map, sizeof(*w->map));
	w->map = map_read_only(w->place);
	assert_int_equal(w->map->header.version, STATE_PAGE_VERSION);
}

static void replaces_what_is_not_its_own(void **state)
{
	struct watch *w = *state;
	struct stat st;

	page_close(w->page);
	assert_int_equal(rename(place_path(w->place, "state"), place_path(w->place, "elsewhere")), 0);
	assert_int_equal(symlink("elsewhere", place_path(w->place, "state")), 0);
	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	assert_int_equal(lstat(place_path(w->place, "state"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	if (geteuid() != 0)
		return; /* nobody else can give it away */
	page_close(w->page);
	assert_int_equal(chown(place_path(w->place, "state"), 1, 1), 0);
	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	assert_int_equal(stat(place_path(w->place, "state"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

/* A reader that saw `seen` sleeps until the line changes; its exit code says whether it was woken. */
static pid_t sleep_on(struct watch *w, uint16_t endpoint, int ready)
{
	const struct timespec limit = { .tv_sec = 20 };
	const uint64_t *at = &w->map->line[endpoint].word;
	uint32_t seen = (uint32_t)*at;
	pid_t child = fork();

	if (child)
		return child;
	if (write(ready, "x", 1) != 1)
		_exit(2);
	while ((uint32_t)__atomic_load_n(at, __ATOMIC_ACQUIRE) == seen)
		if (syscall(SYS_futex, at, FUTEX_WAIT, seen, &limit, NULL, 0) < 0 && errno == ETIMEDOUT)
			_exit(1);
	_exit(0);
}

static bool sleeps(pid_t child)
{
	char path[64], text[256] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	return strstr(text, ") S ") != NULL;
}

static void wakes_those_who_wait_for_a_state(void **state)
{
	struct watch *w = *state;
	int ready[2], status;
	pid_t child;
	char c;

	assert_int_equal(pipe(ready), 0);
	w->rows.row[w->rows.count++] = row("web", 12, 5);
	show(w, 50, 12, 5, "web", VM_RUNNING, VM_SUB_RUNNING);
	child = sleep_on(w, 5, ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	while (!sleeps(child))
		sched_yield();
	show(w, 51, 12, 5, "web", VM_ABORTING, VM_SUB_QUIESCING);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static int ask_alive(struct place *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), e;

	strcpy(address.sun_path, place_path(p, "alive"));
	e = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
	close(fd);
	return e;
}

static void tells_whether_the_daemon_lives(void **state)
{
	struct watch *w = *state;

	for (unsigned i = 0; i < 5; i++) {
		int e = ask_alive(w->place);

		assert_true(e == 0 || e == EAGAIN);
	}
	page_close(w->page);
	w->page = NULL;
	assert_int_equal(ask_alive(w->place), ECONNREFUSED);
	assert_int_equal(page_open(w->place->path, 2000, &w->page), 0);
	assert_int_equal(ask_alive(w->place), 0);
}

int main(void)
{
#define PAGE_TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		PAGE_TEST(shows_a_state_to_a_reader),
		PAGE_TEST(clears_the_line_of_a_life_that_is_gone),
		PAGE_TEST(leaves_the_line_of_the_next_life_alone),
		PAGE_TEST(lends_no_life_the_fields_of_another),
		PAGE_TEST(frees_the_old_id_of_a_restart),
		PAGE_TEST(keeps_an_old_life_that_still_settles),
		PAGE_TEST(ignores_ids_that_are_no_vms),
		PAGE_TEST(mends_what_a_dead_daemon_left),
		PAGE_TEST(shows_a_new_daemons_readers_the_lives_that_settle_still),
		PAGE_TEST(replaces_a_page_of_another_shape),
		PAGE_TEST(replaces_what_is_not_its_own),
		PAGE_TEST(wakes_those_who_wait_for_a_state),
		PAGE_TEST(tells_whether_the_daemon_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
