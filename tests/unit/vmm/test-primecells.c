/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "vmm/devices/devices.h"

/* The devices of the arm64 machine, asked as their Linux drivers ask. Time is an argument: nothing waits. */

#define S  1000000000ull
#define MS 1000000ull

struct listener {
	unsigned changes;
	bool level;
};

static void hear(void *controller, uint32_t irq, bool level)
{
	struct listener *l = controller;

	l->changes++;
	l->level = level;
}

/* amba_device_read_id compares what these registers say. */
static void they_say_who_they_are(void **state)
{
	static const uint8_t pl061[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	static const uint8_t pl031[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	static const uint8_t sp805[] = { 0x05, 0x18, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	struct pl061 gpio = { 0 };
	struct pl031 clock = { 0 };
	struct sp805 watchdog = { 0 };

	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(pl061_read(&gpio, 0xfe0 + 4 * i, 0), pl061[i]);
		assert_int_equal(pl031_read(&clock, 0xfe0 + 4 * i, 0), pl031[i]);
		assert_int_equal(sp805_read(&watchdog, 0xfe0 + 4 * i, 0), sp805[i]);
	}
}

static void a_key_needs_a_listener(void **state)
{
	struct pl061 p = { 0 };

	assert_false(pl061_press_power_key(&p, 1 * S));
	assert_int_equal(p.inputs, 0);
	assert_int_equal(p.release_at, 0);
	pl061_write(&p, 0x410, 0xf7); /* every line but the key's */
	assert_false(pl061_press_power_key(&p, 1 * S));
}

/* As gpio-keys sets it up: both edges, then it looks at the line. */
static void a_key_goes_down_and_up(void **state)
{
	struct listener heard = { 0 };
	struct pl061 p = { .irq = { .set = hear, .controller = &heard } };

	pl061_write(&p, 0x408, 8);
	pl061_write(&p, 0x410, 8);
	assert_true(pl061_press_power_key(&p, 1 * S));
	assert_true(heard.level);
	assert_int_equal(pl061_read(&p, 0x414, 0), 8);
	assert_int_equal(pl061_read(&p, 0x418, 0), 8);
	pl061_write(&p, 0x41c, 8);
	assert_false(heard.level);
	pl061_tick(&p, 2 * S); /* nobody has looked: still down */
	assert_int_equal(p.inputs, 8);
	assert_int_equal(pl061_read(&p, 4 << 2, 2 * S), 0); /* another line */
	assert_int_equal(p.release_at, 6 * S);
	assert_int_equal(pl061_read(&p, 8 << 2, 2 * S), 8);
	assert_int_equal(p.release_at, 2 * S + 100 * MS);
	pl061_tick(&p, 2 * S + 99 * MS);
	assert_int_equal(p.inputs, 8);
	pl061_tick(&p, 2 * S + 100 * MS);
	assert_int_equal(p.inputs, 0);
	assert_int_equal(p.release_at, 0);
	assert_true(heard.level); /* the other edge */
	assert_int_equal(pl061_read(&p, 8 << 2, 3 * S), 0);
}

static void an_unseen_key_is_let_go_all_the_same(void **state)
{
	struct pl061 p = { .mask = 8 };

	assert_true(pl061_press_power_key(&p, 1 * S));
	assert_true(pl061_press_power_key(&p, 4 * S)); /* is down already */
	pl061_tick(&p, 6 * S);
	assert_int_equal(p.inputs, 0);
}

static void lines_interrupt_by_level_and_by_edge(void **state)
{
	struct listener heard = { 0 };
	struct pl061 p = { .irq = { .set = hear, .controller = &heard } };

	pl061_write(&p, 0x404, 8); /* level, low: it is */
	pl061_write(&p, 0x410, 8);
	assert_true(heard.level);
	pl061_write(&p, 0x40c, 8); /* level, high */
	assert_false(heard.level);
	assert_true(pl061_press_power_key(&p, 1 * S));
	assert_true(heard.level);
	pl061_write(&p, 0x41c, 8); /* a level cannot be cleared */
	assert_true(heard.level);
	pl061_tick(&p, 10 * S);
	assert_false(heard.level);
	pl061_write(&p, 0x404, 0); /* falling edge */
	pl061_write(&p, 0x40c, 0);
	pl061_write(&p, 0x41c, 0xff);
	assert_true(pl061_press_power_key(&p, 20 * S));
	assert_false(heard.level);
	pl061_tick(&p, 30 * S);
	assert_true(heard.level);
}

/* As leds-gpio sets it up: first the level, then the direction. */
static void a_panic_light_is_lit_by_its_own_line_alone(void **state)
{
	static const struct device_range range = { 0x2000, 0x1000, device_gpio_read, device_gpio_write };
	static const struct {
		unsigned offset;
		uint32_t value;
		enum device_act act;
	} writes[] = {
		{ 0x10 << 2, 0x10, DEVICE_DONE }, /* not an output yet */
		{ 0x10 << 2, 0, DEVICE_DONE },
		{ 0x400, 0x10, DEVICE_DONE },
		{ 0x10 << 2, 0, DEVICE_DONE },
		{ 0x20 << 2, 0xff, DEVICE_DONE }, /* another line */
		{ 0x10 << 2, 0x10, DEVICE_END },
	};
	static struct devices d;
	struct device_outcome o;

	devices_init(&d);
	for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		uint32_t word = writes[i].value;

		assert_int_equal(
			devices_access(&d, &range, 1, 0x2000 + writes[i].offset, (uint8_t *)&word, 4, 1, &o), 0);
		assert_int_equal(o.act, writes[i].act);
	}
	assert_int_equal(o.cause, CAUSE_GUEST_PANIC);
	assert_int_equal(pl061_read(&d.gpio, 0xff << 2, 0), 0x10); /* an output reads as it is driven */
}

static void the_clock_shows_the_hosts_until_it_is_set(void **state)
{
	struct pl031 p = { 0 };

	assert_int_equal(pl031_read(&p, 0, 1700000000), 1700000000);
	assert_int_equal(pl031_read(&p, 0x0c, 0), 1);
	pl031_write(&p, 0x08, 1000, 1700000000);
	assert_int_equal(pl031_read(&p, 0, 1700000005), 1005);
	assert_int_equal(pl031_read(&p, 0x08, 1700000005), 1000);
	pl031_write(&p, 0x04, 77, 0);
	assert_int_equal(pl031_read(&p, 0x04, 0), 77);
}

/* As sp805_wdt sets it up, for a timeout of twice `seconds`. */
static void arm(struct sp805 *s, uint32_t seconds, uint64_t now)
{
	sp805_write(s, 0xc00, 0x1ACCE551, now);
	sp805_write(s, 0x000, SP805_HZ * seconds, now);
	sp805_write(s, 0x00c, 1, now);
	sp805_write(s, 0x008, 3, now);
	sp805_write(s, 0xc00, 1, now);
}

static void a_watchdog_bites_at_the_second_zero(void **state)
{
	struct listener heard = { 0 };
	struct sp805 s;

	sp805_init(&s);
	s.irq = (struct irq_line) { .set = hear, .controller = &heard };
	assert_int_equal(sp805_deadline(&s), 0);
	arm(&s, 10, 100 * S);
	assert_int_equal(sp805_deadline(&s), 110 * S);
	assert_int_equal(sp805_read(&s, 0x004, 104 * S), 6 * SP805_HZ);
	assert_false(sp805_tick(&s, 110 * S - 1));
	assert_false(heard.level);
	assert_false(sp805_tick(&s, 110 * S));
	assert_true(heard.level);
	assert_int_equal(sp805_read(&s, 0x014, 110 * S), 1);
	assert_false(sp805_tick(&s, 119 * S));
	assert_true(sp805_tick(&s, 120 * S));
	assert_int_equal(sp805_deadline(&s), 0);
	assert_false(sp805_tick(&s, 500 * S));
}

static void a_watchdog_that_is_fed_does_not(void **state)
{
	struct sp805 s;

	sp805_init(&s);
	arm(&s, 10, 0);
	for (uint64_t now = 15 * S; now < 300 * S; now += 15 * S) {
		assert_false(sp805_tick(&s, now));
		arm(&s, 10, now);
		assert_int_equal(sp805_read(&s, 0x010, now), 0);
	}
}

/* While the guest is paused nobody can feed it, and the host's clock goes on. */
static void a_watchdog_does_not_bite_who_is_paused(void **state)
{
	struct devices d = { 0 };
	struct timespec t;
	uint64_t now, due;

	devices_init(&d);
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
	(void)device_watchdog_write(&d, 0x000, 1000000000); /* far away */
	(void)device_watchdog_write(&d, 0x008, 0x3);
	due = devices_deadline(&d);
	assert_true(due > now);
	devices_stop_time(&d);
	assert_int_equal(devices_deadline(&d), 0);
	assert_int_equal(devices_tick(&d, due + 1000 * S).act, DEVICE_DONE);
	assert_int_equal(devices_tick(&d, due + 2000 * S).act, DEVICE_DONE);
	assert_false(d.watchdog.raised);
	d.stopped_at -= 60 * S; /* a minute of it */
	devices_go_on_time(&d);
	assert_true(devices_deadline(&d) >= due + 60 * S);
	assert_int_equal(devices_tick(&d, due + 1).act, DEVICE_DONE);
	assert_false(d.watchdog.raised);
	(void)devices_tick(&d, devices_deadline(&d));
	assert_true(d.watchdog.raised);
}

static void a_locked_watchdog_cannot_be_changed(void **state)
{
	struct sp805 s;

	sp805_init(&s);
	assert_int_equal(sp805_read(&s, 0xc00, 0), 0);
	arm(&s, 10, 0);
	assert_int_equal(sp805_read(&s, 0xc00, 0), 1);
	sp805_write(&s, 0x008, 0, 1 * S);
	sp805_write(&s, 0x000, 5, 1 * S);
	sp805_write(&s, 0x00c, 1, 1 * S);
	assert_int_equal(sp805_deadline(&s), 10 * S);
	sp805_write(&s, 0xc00, 0x1ACCE551, 1 * S);
	sp805_write(&s, 0x008, 0, 1 * S);
	assert_int_equal(sp805_deadline(&s), 0);
	assert_int_equal(sp805_read(&s, 0x004, 5 * S), 10 * SP805_HZ);
}

/* Only an interrupt: said once, not again and again. */
static void a_watchdog_that_may_not_reset_only_interrupts(void **state)
{
	struct sp805 s;

	sp805_init(&s);
	sp805_write(&s, 0x000, 0, 0); /* no time at all */
	sp805_write(&s, 0x008, 1, 1 * S);
	assert_int_equal(sp805_deadline(&s), 1 * S);
	assert_false(sp805_tick(&s, 1 * S));
	assert_int_equal(sp805_deadline(&s), 0);
	assert_false(sp805_tick(&s, 2 * S));
	sp805_write(&s, 0x008, 3, 3 * S);
	assert_true(sp805_tick(&s, 3 * S));
}

/* Who waits for deadlines is called when there is an earlier one, and not for each time it is moved on. */
static void an_access_tells_of_an_earlier_deadline(void **state)
{
	static const struct device_range ranges[] = {
		{ 0x1000, 0x1000, device_watchdog_read, device_watchdog_write },
		{ 0x2000, 0x1000, device_gpio_read, device_gpio_write },
		{ 0x3000, 0x1000, device_clock_read, device_clock_write },
	};
	static struct devices d;
	struct device_outcome o;
	uint32_t word = 3;

	devices_init(&d);
	assert_int_equal(devices_access(&d, ranges, 3, 0x1008, (uint8_t *)&word, 4, 1, &o), 0);
	assert_true(o.sooner);
	assert_int_equal(devices_access(&d, ranges, 3, 0x100c, (uint8_t *)&word, 4, 1, &o), 0);
	assert_false(o.sooner);
	assert_int_equal(devices_press_power_key(&d), -EOPNOTSUPP);
	word = 8;
	assert_int_equal(devices_access(&d, ranges, 3, 0x2410, (uint8_t *)&word, 4, 1, &o), 0);
	assert_int_equal(devices_press_power_key(&d), 0);
	assert_int_equal(devices_deadline(&d), d.gpio.release_at);
	assert_int_equal(devices_access(&d, ranges, 3, 0x2020, (uint8_t *)&word, 4, 0, &o), 0);
	assert_int_equal(word, 8);
	assert_true(o.sooner);
	assert_int_equal(devices_tick(&d, d.gpio.release_at).act, DEVICE_DONE);
	assert_int_equal(d.gpio.inputs, 0);
	o = devices_tick(&d, devices_deadline(&d)); /* the watchdog's first zero, and its second */
	assert_int_equal(o.act, DEVICE_DONE);
	o = devices_tick(&d, devices_deadline(&d));
	assert_int_equal(o.act, DEVICE_END);
	assert_int_equal(o.cause, CAUSE_GUEST_WATCHDOG);
	assert_int_equal(devices_access(&d, ranges, 3, 0x3000, (uint8_t *)&word, 4, 0, &o), 0);
	assert_true(word > 1700000000); /* 2023: whoever builds this has a later clock */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_say_who_they_are),
		cmocka_unit_test(a_key_needs_a_listener),
		cmocka_unit_test(a_key_goes_down_and_up),
		cmocka_unit_test(an_unseen_key_is_let_go_all_the_same),
		cmocka_unit_test(lines_interrupt_by_level_and_by_edge),
		cmocka_unit_test(a_panic_light_is_lit_by_its_own_line_alone),
		cmocka_unit_test(the_clock_shows_the_hosts_until_it_is_set),
		cmocka_unit_test(a_watchdog_bites_at_the_second_zero),
		cmocka_unit_test(a_watchdog_that_is_fed_does_not),
		cmocka_unit_test(a_watchdog_does_not_bite_who_is_paused),
		cmocka_unit_test(a_locked_watchdog_cannot_be_changed),
		cmocka_unit_test(a_watchdog_that_may_not_reset_only_interrupts),
		cmocka_unit_test(an_access_tells_of_an_earlier_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
