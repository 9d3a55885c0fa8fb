/* SPDX-License-Identifier: Apache-2.0 */

/* The console ring, written by the test as a VMM would. */

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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "console.h"
#include "proto/vmm-link.h"

#define SIZE 4096u

struct world {
	int fd;
	struct console_ring *ring;
	char *data;
	struct lifecycle_console *console;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->fd = memfd_create("ring", MFD_CLOEXEC);
	assert_true(w->fd >= 0);
	assert_int_equal(ftruncate(w->fd, CONSOLE_RING_DATA + SIZE), 0);
	w->ring = mmap(NULL, CONSOLE_RING_DATA + SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	assert_true(w->ring != MAP_FAILED);
	w->data = (char *)w->ring + CONSOLE_RING_DATA;
	assert_int_equal(console_new(dup(w->fd), &w->console), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	lifecycle_console_unref(w->console);
	munmap(w->ring, CONSOLE_RING_DATA + SIZE);
	close(w->fd);
	free(w);
	return 0;
}

/* Byte n of the output is a function of n, so that a reader's place can be told from what it read. */
static char byte_at(uint64_t n)
{
	return (char)('a' + n % 23);
}

static void say(struct world *w, uint64_t count)
{
	uint64_t head = w->ring->head;

	w->ring->magic = CONSOLE_RING_MAGIC;
	w->ring->size = SIZE;
	for (uint64_t i = 0; i < count; i++, head++)
		w->data[head % SIZE] = byte_at(head);
	__atomic_store_n(&w->ring->head, head, __ATOMIC_RELEASE);
}

static void expect(struct world *w, size_t room, uint64_t from, size_t count, uint64_t lost)
{
	char buffer[2 * SIZE];
	uint64_t got_lost = 12345;

	assert_int_equal(lifecycle_console_read(w->console, buffer, room, &got_lost), count);
	assert_int_equal(got_lost, lost);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(buffer[i], byte_at(from + i));
	assert_int_equal(lifecycle_console_position(w->console), from + count);
}

static void reads_on_from_where_it_was(void **state)
{
	struct world *w = *state;

	expect(w, 100, 0, 0, 0); /* the VMM has not begun: all is zero */
	say(w, 10);
	expect(w, 4, 0, 4, 0);
	expect(w, 100, 4, 6, 0);
	expect(w, 100, 10, 0, 0);
}

static void wraps(void **state)
{
	struct world *w = *state;

	say(w, SIZE - 3);
	expect(w, 2 * SIZE, 0, SIZE - 3, 0);
	say(w, 10);
	expect(w, 2 * SIZE, SIZE - 3, 10, 0);
	say(w, SIZE);
	expect(w, 2 * SIZE, SIZE + 7, SIZE, 0);
}

static void tells_what_was_lost(void **state)
{
	struct world *w = *state;

	say(w, 5);
	expect(w, 100, 0, 5, 0);
	say(w, 3 * SIZE);
	expect(w, 2 * SIZE, 5 + 2 * SIZE, SIZE, 2 * SIZE);
	expect(w, 2 * SIZE, 5 + 3 * SIZE, 0, 0);
}

/* A guest that took its VMM over may write what it likes. */
static void survives_a_hostile_writer(void **state)
{
	struct world *w = *state;
	char buffer[64];

	say(w, 10);
	w->ring->size = 2 * SIZE;
	assert_int_equal(lifecycle_console_read(w->console, buffer, sizeof(buffer), NULL), -EPROTO);
	w->ring->size = SIZE;
	expect(w, 100, 0, 10, 0);
	w->ring->head = 3; /* backwards */
	assert_int_equal(lifecycle_console_read(w->console, buffer, sizeof(buffer), NULL), -EPROTO);
	w->ring->head = 40;
	assert_int_equal(ftruncate(w->fd, 8), 0); /* no SIGBUS */
	assert_int_equal(lifecycle_console_read(w->console, buffer, sizeof(buffer), NULL), -EPROTO);
	assert_int_equal(lifecycle_console_wait(w->console, 0), -EPROTO);
}

static void refuses_what_is_no_ring(void **state)
{
	struct world *w = *state;
	struct lifecycle_console *c = NULL;
	int pipe_fd[2];

	assert_int_equal(ftruncate(w->fd, CONSOLE_RING_DATA + SIZE - 1), 0);
	assert_int_equal(console_new(dup(w->fd), &c), -EPROTO);
	assert_int_equal(ftruncate(w->fd, CONSOLE_RING_DATA), 0);
	assert_int_equal(console_new(dup(w->fd), &c), -EPROTO);
	assert_int_equal(pipe(pipe_fd), 0);
	close(pipe_fd[1]);
	assert_int_equal(console_new(pipe_fd[0], &c), -EPROTO);
	assert_null(c);
}

static void *speak(void *arg)
{
	struct world *w = arg;
	uint32_t *low = (uint32_t *)&w->ring->head;

	while (syscall(SYS_futex, low, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) == 0)
		;
	say(w, 1);
	(void)syscall(SYS_futex, low, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return NULL;
}

static void waiter_is_woken(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	assert_int_equal(lifecycle_console_wait(w->console, 0), -ETIMEDOUT);
	assert_int_equal(pthread_create(&thread, NULL, speak, w), 0);
	assert_int_equal(lifecycle_console_wait(w->console, LIFECYCLE_FOREVER), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	expect(w, 100, 0, 1, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_on_from_where_it_was),
		TEST(wraps),
		TEST(tells_what_was_lost),
		TEST(survives_a_hostile_writer),
		TEST(refuses_what_is_no_ring),
		TEST(waiter_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
