/* SPDX-License-Identifier: Apache-2.0 */

/* The state page, on a file that the test writes as a daemon would. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lifecycle.h"
#include "proto/state-page.h"

#define ID 5
#define LIFE 0x00AABBCCDDEEFFull

struct world {
	char directory[64];
	char file[96], alive[96];
	struct state_page *map;
	int listener;
	struct lifecycle_page *page;
};

static void listen_alive(struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(w->listener >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", w->alive);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(w->listener, 0), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	(void)strcpy(w->directory, "/tmp/lifecycle-page-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	(void)snprintf(w->file, sizeof(w->file), "%s/state", w->directory);
	(void)snprintf(w->alive, sizeof(w->alive), "%s/alive", w->directory);
	fd = open(w->file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(struct state_page)), 0);
	w->map = mmap(NULL, sizeof(struct state_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(w->map != MAP_FAILED);
	close(fd);
	w->map->header = (struct state_page_header){ STATE_PAGE_MAGIC, STATE_PAGE_VERSION, 77, 1234 };
	w->map->line[ID].word = page_word(LIFE, VM_RUNNING, VM_SUB_BOOTING);
	listen_alive(w);
	assert_int_equal(lifecycle_page_open(w->directory, &w->page), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	lifecycle_page_unref(w->page);
	if (w->listener >= 0)
		close(w->listener);
	munmap(w->map, sizeof(*w->map));
	(void)unlink(w->alive);
	(void)unlink(w->file);
	(void)rmdir(w->directory);
	free(w);
	return 0;
}

static void word_is_unpacked(void **state)
{
	struct world *w = *state;

	for (unsigned s = 0; s < VM_STATE_COUNT; s++) {
		for (unsigned sub = 0; sub < VM_SUBSTATE_COUNT; sub++) {
			enum lifecycle_state got;
			enum lifecycle_substate got_sub;

			w->map->line[ID].word = page_word(LIFE, (enum vm_state)s, (enum vm_substate)sub);
			assert_int_equal(lifecycle_page_state(w->page, ID, LIFE, &got, &got_sub), 0);
			assert_int_equal(got, s);
			assert_int_equal(got_sub, sub);
		}
	}
}

static void another_life_is_stale(void **state)
{
	struct world *w = *state;
	struct lifecycle_page_info info = LIFECYCLE_PAGE_INFO_INIT;
	enum lifecycle_state s = LIFECYCLE_STATE_HALTED;
	enum lifecycle_substate sub = LIFECYCLE_SUB_PRESERVED;

	assert_int_equal(lifecycle_page_state(w->page, ID, LIFE + 1, &s, &sub), -ESTALE);
	assert_int_equal(lifecycle_page_state(w->page, ID + 1, LIFE, &s, &sub), -ESTALE);
	assert_int_equal(lifecycle_page_info(w->page, ID, LIFE - 1, &info), -ESTALE);
	assert_int_equal(lifecycle_page_wait(w->page, ID, LIFE - 1, s, sub, LIFECYCLE_FOREVER), -ESTALE);
	assert_int_equal(s, LIFECYCLE_STATE_HALTED); /* untouched */
}

/* Line 0 is the header: its magic must not be taken for a life. */
static void header_and_nobody_have_no_state(void **state)
{
	struct world *w = *state;
	enum lifecycle_state s;
	enum lifecycle_substate sub;

	assert_int_equal(lifecycle_page_state(w->page, 0, page_word_life(w->map->line[0].word), &s, &sub), -EINVAL);
	assert_int_equal(lifecycle_page_state(w->page, 9, 0, &s, &sub), -EINVAL);
	assert_int_equal(lifecycle_page_state(w->page, 0x8001, LIFE, &s, &sub), -EINVAL);
	assert_int_equal(lifecycle_page_seq(w->page), 1234);
	assert_int_equal(lifecycle_page_incarnation(w->page), 77);
}

static void line_is_read_whole(void **state)
{
	struct world *w = *state;
	struct lifecycle_page_info info = LIFECYCLE_PAGE_INFO_INIT;
	struct state_line *line = &w->map->line[ID];

	line->vcpu_count = 4;
	line->cause = CAUSE_OOM;
	line->changed_at = 99;
	line->since = 1000;
	line->uuid[15] = 0xAB;
	assert_int_equal(lifecycle_page_info(w->page, ID, LIFE, &info), 0);
	assert_int_equal(info.state, LIFECYCLE_STATE_RUNNING);
	assert_int_equal(info.cause, LIFECYCLE_CAUSE_OOM);
	assert_int_equal(info.vcpu_count, 4);
	assert_int_equal(info.changed_at, 99);
	assert_int_equal(info.since, 1000);
	assert_int_equal(info.uuid[15], 0xAB);
}

/* An older program's struct is shorter: nothing behind it is written. */
static void short_struct_is_respected(void **state)
{
	struct world *w = *state;
	struct lifecycle_page_info info;

	memset(&info, 0x55, sizeof(info));
	info.size = offsetof(struct lifecycle_page_info, cause);
	assert_int_equal(lifecycle_page_info(w->page, ID, LIFE, &info), 0);
	assert_int_equal(info.state, LIFECYCLE_STATE_RUNNING);
	assert_int_equal(info.size, offsetof(struct lifecycle_page_info, cause));
	assert_int_equal(info.cause, 0x55555555);
}

static void odd_counter_ends_in_again(void **state)
{
	struct world *w = *state;
	struct lifecycle_page_info info = LIFECYCLE_PAGE_INFO_INIT;

	w->map->line[ID].sequence = 7; /* a daemon died here */
	assert_int_equal(lifecycle_page_info(w->page, ID, LIFE, &info), -EAGAIN);
	w->map->line[ID].sequence = 8;
	assert_int_equal(lifecycle_page_info(w->page, ID, LIFE, &info), 0);
}

static void liveness_is_a_fact(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++) /* nobody accepts: the queue fills, which is alive as well */
		assert_int_equal(lifecycle_page_alive(w->page), 1);
	close(w->listener);
	w->listener = -1;
	assert_int_equal(lifecycle_page_alive(w->page), 0);
	assert_int_equal(unlink(w->alive), 0);
	assert_int_equal(lifecycle_page_alive(w->page), 0);
}

static void unlinked_page_is_stale(void **state)
{
	struct world *w = *state;

	assert_int_equal(unlink(w->file), 0);
	assert_int_equal(lifecycle_page_alive(w->page), 0);
}

static void wait_without_a_daemon_is_told(void **state)
{
	struct world *w = *state;

	close(w->listener);
	w->listener = -1;
	assert_int_equal(lifecycle_page_wait(w->page, ID, LIFE, LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_BOOTING, 0), -EHOSTDOWN);
	assert_int_equal(lifecycle_page_wait(w->page, ID, LIFE, LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_BOOTING,
		LIFECYCLE_FOREVER), -EHOSTDOWN);
}

static void wait_for_what_is_past_returns(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_page_wait(w->page, ID, LIFE, LIFECYCLE_STATE_CREATED, LIFECYCLE_SUB_READY,
		LIFECYCLE_FOREVER), 0);
	assert_int_equal(lifecycle_page_wait(w->page, ID, LIFE, LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_BOOTING, 0), -ETIMEDOUT);
}

static void *publish(void *arg)
{
	struct world *w = arg;
	uint64_t *word = &w->map->line[ID].word;

	/* Until the reader sleeps there is nobody to wake: FUTEX_WAKE says how many it woke. */
	while (syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) == 0)
		;
	__atomic_store_n(word, page_word(LIFE, VM_ABORTING, VM_SUB_QUIESCING), __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return NULL;
}

static void waiter_is_woken(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, publish, w), 0);
	assert_int_equal(lifecycle_page_wait(w->page, ID, LIFE, LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_BOOTING,
		LIFECYCLE_FOREVER), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void refuses_what_is_no_page(void **state)
{
	struct world *w = *state;
	struct lifecycle_page *p = NULL;

	assert_int_equal(lifecycle_page_open("/nonexistent", &p), -ENOENT);
	w->map->header.version++;
	assert_int_equal(lifecycle_page_open(w->directory, &p), -EPROTO);
	assert_int_equal(truncate(w->file, 4096), 0);
	assert_int_equal(lifecycle_page_open(w->directory, &p), -EPROTO);
	assert_null(p);
	assert_int_equal(truncate(w->file, sizeof(struct state_page)), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(word_is_unpacked),
		TEST(another_life_is_stale),
		TEST(header_and_nobody_have_no_state),
		TEST(line_is_read_whole),
		TEST(short_struct_is_respected),
		TEST(odd_counter_ends_in_again),
		TEST(liveness_is_a_fact),
		TEST(unlinked_page_is_stale),
		TEST(wait_without_a_daemon_is_told),
		TEST(wait_for_what_is_past_returns),
		TEST(waiter_is_woken),
		TEST(refuses_what_is_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
