/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/devices/devices.h"

#define RING 8192

static int ring_file(off_t size)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static struct console open_ring(int *ret_fd)
{
	struct console c = { 0 };

	*ret_fd = ring_file(CONSOLE_RING_DATA + RING);
	assert_int_equal(console_open(&c, *ret_fd), 0);
	return c;
}

static void close_ring(struct console *c, int fd)
{
	munmap(c->ring, CONSOLE_RING_DATA + RING);
	close(fd);
}

static void ring_keeps_the_last_bytes_when_it_wraps(void **state)
{
	char line[32];
	uint64_t total = 0;
	int fd;
	struct console c = open_ring(&fd);

	assert_int_equal(c.ring->magic, CONSOLE_RING_MAGIC);
	assert_int_equal(c.ring->size, RING);
	for (unsigned i = 0; i < 3000; i++) {
		int n = snprintf(line, sizeof(line), "line %u\n", i);

		console_write(&c, (const uint8_t *)line, (size_t)n);
		total += (unsigned)n;
	}
	assert_true(total > 2 * RING);
	assert_int_equal(c.ring->head, total);
	/* Byte n is at n % size: read the last line back by its numbers. */
	for (int i = 1; i <= 10; i++)
		assert_int_equal(c.data[(total - (unsigned)i) % RING], "line 2999\n"[10 - i]);
	close_ring(&c, fd);
}

static void ring_takes_its_pages_as_output_reaches_them(void **state)
{
	int fd;
	struct console c = open_ring(&fd);

	console_write(&c, (const uint8_t *)"x", 1);
	assert_int_equal(c.ready, 4096);
	close_ring(&c, fd);
}

static void ring_goes_on_behind_what_is_there(void **state)
{
	int fd;
	struct console c = open_ring(&fd), again = { 0 };

	console_write(&c, (const uint8_t *)"abc", 3);
	assert_int_equal(console_open(&again, fd), 0);
	console_write(&again, (const uint8_t *)"d", 1);
	assert_int_equal(c.ring->head, 4);
	assert_memory_equal(c.data, "abcd", 4);
	munmap(again.ring, CONSOLE_RING_DATA + RING);
	close_ring(&c, fd);
}

static void refuses_files_that_are_no_rings(void **state)
{
	static const off_t sizes[] = { 0, 100, CONSOLE_RING_DATA, CONSOLE_RING_DATA + 2048, CONSOLE_RING_DATA + 12288 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = ring_file(sizes[i]);
		struct console c;

		assert_int_equal(console_open(&c, fd), -EINVAL);
		close(fd);
	}
}

static void serial_sends_what_is_written(void **state)
{
	int fd;
	struct console c = open_ring(&fd);
	struct serial s = { .out = &c };

	serial_write(&s, 0, 'o');
	serial_write(&s, 3, 0x80);
	serial_write(&s, 0, 1); /* the divisor, not a byte */
	serial_write(&s, 1, 2);
	assert_int_equal(serial_read(&s, 0), 1);
	assert_int_equal(serial_read(&s, 1), 2);
	serial_write(&s, 3, 3);
	assert_int_equal(serial_read(&s, 0), 0);
	serial_write(&s, 4, 0x10); /* loop: nothing leaves */
	serial_write(&s, 0, 'x');
	serial_write(&s, 4, 0);
	serial_write(&s, 0, 'k');
	assert_int_equal(c.ring->head, 2);
	assert_memory_equal(c.data, "ok", 2);
	close_ring(&c, fd);
}

static void serial_looks_like_an_idle_16550(void **state)
{
	struct console none = { 0 };
	struct serial s = { .out = &none };

	assert_int_equal(serial_read(&s, 5), 0x60);
	assert_int_equal(serial_read(&s, 6), 0xb0);
	assert_int_equal(serial_read(&s, 2), 0x01);
	serial_write(&s, 7, 0x5a);
	assert_int_equal(serial_read(&s, 7), 0x5a);
	serial_write(&s, 1, 0xff);
	assert_int_equal(serial_read(&s, 1), 0x0f);
	serial_write(&s, 0, 'x'); /* no ring: goes nowhere */
}

struct listener {
	unsigned changes;
	uint32_t irq;
	bool level;
};

static void hear(void *controller, uint32_t irq, bool level)
{
	struct listener *l = controller;

	l->changes++;
	l->irq = irq;
	l->level = level;
}

/* What Linux's driver asks at its start-up, and how it sends (drivers/tty/serial/8250). */
static void serial_interrupts_when_it_can_send(void **state)
{
	struct console none = { 0 };
	struct listener heard = { 0 };
	struct serial s = { .out = &none, .irq = { .set = hear, .controller = &heard, .irq = 4 } };

	serial_write(&s, 0, 'x'); /* polled: not asked for, not told */
	assert_int_equal(heard.changes, 0);
	serial_write(&s, 1, 2);
	assert_true(heard.level);
	assert_int_equal(heard.irq, 4);
	assert_int_equal(serial_read(&s, 2), 0x02);
	assert_false(heard.level); /* told */
	assert_int_equal(serial_read(&s, 2), 0x01);
	serial_write(&s, 1, 2); /* on already: no news */
	assert_false(heard.level);
	serial_write(&s, 1, 0);
	serial_write(&s, 1, 2); /* turned on again: at once */
	assert_true(heard.level);
	assert_int_equal(serial_read(&s, 2), 0x02);
	serial_write(&s, 0, 'y');
	assert_true(heard.level); /* sent, and empty again */
	serial_write(&s, 1, 0);
	assert_false(heard.level);
	assert_int_equal(serial_read(&s, 2), 0x01);
	assert_int_equal(heard.changes, 6);
}

static void serial_loops_back_for_probing(void **state)
{
	struct console none = { 0 };
	struct listener heard = { 0 };
	struct serial s = { .out = &none, .irq = { .set = hear, .controller = &heard } };

	serial_write(&s, 2, 1);
	assert_int_equal(serial_read(&s, 2), 0xc1); /* a 16550A */
	serial_write(&s, 4, 0x1a);
	assert_int_equal(serial_read(&s, 6), 0x90);
	serial_write(&s, 4, 0x15);
	assert_int_equal(serial_read(&s, 6), 0x60);
	serial_write(&s, 1, 1);
	serial_write(&s, 0, 'z');
	assert_true(heard.level);
	assert_int_equal(serial_read(&s, 2), 0xc4);
	assert_int_equal(serial_read(&s, 5), 0x61);
	assert_int_equal(serial_read(&s, 0), 'z');
	assert_int_equal(serial_read(&s, 5), 0x60);
	assert_false(heard.level);
	serial_write(&s, 0, 'z');
	serial_write(&s, 2, 2); /* thrown away */
	assert_int_equal(serial_read(&s, 5), 0x60);
	assert_false(heard.level);
	assert_int_equal(serial_read(&s, 2), 0x01); /* the FIFO is off */
}

static void an_access_finds_its_range(void **state)
{
	static const struct device_range ranges[] = {
		{ 0x100, 8, device_serial_read, device_serial_write },
		{ 0x200, 1, device_pvpanic_read, device_pvpanic_write },
		{ 0x300, 4, NULL, device_nap_write },
	};
	static struct devices d;
	struct device_outcome o;
	uint8_t data[8] = { 0 };

	devices_init(&d);
	assert_int_equal(devices_access(&d, ranges, 3, 0x105, data, 1, 0, &o), 0);
	assert_int_equal(data[0], 0x60);
	assert_int_equal(devices_access(&d, ranges, 3, 0x108, data, 1, 0, &o), -ENXIO);
	assert_int_equal(devices_access(&d, ranges, 3, 0xff, data, 1, 0, &o), -ENXIO);
	assert_int_equal(devices_access(&d, ranges, 3, 0x200, data, 1, 0, &o), 0);
	assert_int_equal(data[0], 3);
	data[0] = 2;
	assert_int_equal(devices_access(&d, ranges, 3, 0x200, data, 1, 1, &o), 0);
	assert_int_equal(o.act, DEVICE_DONE);
	data[0] = 1;
	assert_int_equal(devices_access(&d, ranges, 3, 0x200, data, 1, 1, &o), 0);
	assert_int_equal(o.act, DEVICE_END);
	assert_int_equal(o.cause, CAUSE_GUEST_PANIC);
	assert_int_equal(d.panic_events, 3);
	memcpy(data, (uint32_t[]) { 250 }, 4);
	assert_int_equal(devices_access(&d, ranges, 3, 0x300, data, 4, 1, &o), 0);
	assert_int_equal(o.act, DEVICE_NAP);
	assert_int_equal(o.nap_ms, 250);
	memset(data, 0xff, 4);
	assert_int_equal(devices_access(&d, ranges, 3, 0x300, data, 4, 1, &o), 0);
	assert_int_equal(o.nap_ms, NAP_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_keeps_the_last_bytes_when_it_wraps),
		cmocka_unit_test(ring_takes_its_pages_as_output_reaches_them),
		cmocka_unit_test(ring_goes_on_behind_what_is_there),
		cmocka_unit_test(refuses_files_that_are_no_rings),
		cmocka_unit_test(serial_sends_what_is_written),
		cmocka_unit_test(serial_looks_like_an_idle_16550),
		cmocka_unit_test(serial_interrupts_when_it_can_send),
		cmocka_unit_test(serial_loops_back_for_probing),
		cmocka_unit_test(an_access_finds_its_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
