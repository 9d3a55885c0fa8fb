/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/devices.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define PVPANIC_PANICKED     1u
#define PVPANIC_CRASH_LOADED 2u

void devices_init(struct devices *d)
{
	pthread_mutex_init(&d->lock, NULL);
	d->serial = (struct serial) { .out = &d->console };
	sp805_init(&d->watchdog);
}

static uint64_t host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The time that the devices know, under the lock. */
static uint64_t now_ns(const struct devices *d)
{
	return (d->stopped_at ? d->stopped_at : host_ns()) - d->behind;
}

void devices_stop_time(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	if (!d->stopped_at)
		d->stopped_at = host_ns();
	pthread_mutex_unlock(&d->lock);
}

void devices_go_on_time(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	if (d->stopped_at)
		d->behind += host_ns() - d->stopped_at;
	d->stopped_at = 0;
	pthread_mutex_unlock(&d->lock);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a | b;
	return a < b ? a : b;
}

static uint64_t next_deadline(const struct devices *d)
{
	uint64_t at = earlier(d->gpio.release_at, sp805_deadline(&d->watchdog));

	return at && !d->stopped_at ? at + d->behind : 0;
}

uint64_t devices_deadline(struct devices *d)
{
	uint64_t at;

	pthread_mutex_lock(&d->lock);
	at = next_deadline(d);
	pthread_mutex_unlock(&d->lock);
	return at;
}

struct device_outcome devices_tick(struct devices *d, uint64_t now)
{
	bool bites = false;

	pthread_mutex_lock(&d->lock);
	if (!d->stopped_at && now > d->behind) {
		pl061_tick(&d->gpio, now - d->behind);
		bites = sp805_tick(&d->watchdog, now - d->behind);
	}
	pthread_mutex_unlock(&d->lock);
	if (!bites)
		return (struct device_outcome) { 0 };
	return (struct device_outcome) {
		.act = DEVICE_END,
		.cause = CAUSE_GUEST_WATCHDOG,
		.text = "the guest hangs: it did not set back its watchdog",
	};
}

int devices_press_power_key(struct devices *d)
{
	bool heard;

	pthread_mutex_lock(&d->lock);
	heard = pl061_press_power_key(&d->gpio, now_ns(d)) || pm1_press_power_key(&d->pm1);
	pthread_mutex_unlock(&d->lock);
	return heard ? 0 : -EOPNOTSUPP;
}

static const struct device_range *find(const struct device_range *ranges, unsigned count, uint64_t address)
{
	for (unsigned i = 0; i < count; i++)
		if (address >= ranges[i].first && address - ranges[i].first < ranges[i].count)
			return &ranges[i];
	return NULL;
}

int devices_access(struct devices *d, const struct device_range *ranges, unsigned range_count, uint64_t address,
	uint8_t *data, unsigned size, int is_write, struct device_outcome *ret)
{
	const struct device_range *range = find(ranges, range_count, address);
	unsigned offset = range ? (unsigned)(address - range->first) : 0;
	uint64_t value = 0, before, after;

	*ret = (struct device_outcome) { 0 };
	if (!range || size > sizeof(value))
		return -ENXIO;
	pthread_mutex_lock(&d->lock);
	before = next_deadline(d);
	if (is_write) {
		memcpy(&value, data, size);
		if (range->write)
			*ret = range->write(d, offset, value);
	} else {
		value = range->read ? range->read(d, offset) : 0;
		memcpy(data, &value, size);
	}
	after = next_deadline(d);
	ret->sooner = after && (!before || after < before);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

uint64_t device_serial_read(struct devices *d, unsigned offset)
{
	return serial_read(&d->serial, offset);
}

struct device_outcome device_serial_write(struct devices *d, unsigned offset, uint64_t value)
{
	serial_write(&d->serial, offset, (uint8_t)value);
	return (struct device_outcome) { 0 };
}

/* Looked at, a key is held no longer than that: the main thread lets it go. */
uint64_t device_gpio_read(struct devices *d, unsigned offset)
{
	return pl061_read(&d->gpio, offset, now_ns(d));
}

struct device_outcome device_gpio_write(struct devices *d, unsigned offset, uint64_t value)
{
	pl061_write(&d->gpio, offset, (uint32_t)value);
	if (!pl061_panic_light(&d->gpio))
		return (struct device_outcome) { 0 };
	return (struct device_outcome) {
		.act = DEVICE_END,
		.cause = CAUSE_GUEST_PANIC,
		.text = "the guest reported a panic (it lit its panic light)",
	};
}

uint64_t device_clock_read(struct devices *d, unsigned offset)
{
	return pl031_read(&d->clock, offset, (uint32_t)time(NULL));
}

struct device_outcome device_clock_write(struct devices *d, unsigned offset, uint64_t value)
{
	pl031_write(&d->clock, offset, (uint32_t)value, (uint32_t)time(NULL));
	return (struct device_outcome) { 0 };
}

uint64_t device_watchdog_read(struct devices *d, unsigned offset)
{
	return sp805_read(&d->watchdog, offset, now_ns(d));
}

struct device_outcome device_watchdog_write(struct devices *d, unsigned offset, uint64_t value)
{
	sp805_write(&d->watchdog, offset, (uint32_t)value, now_ns(d));
	return (struct device_outcome) { 0 };
}

uint64_t device_pm1_event_read(struct devices *d, unsigned offset)
{
	return pm1_event_read(&d->pm1, offset);
}

struct device_outcome device_pm1_event_write(struct devices *d, unsigned offset, uint64_t value)
{
	pm1_event_write(&d->pm1, offset, (uint32_t)value);
	return (struct device_outcome) { 0 };
}

uint64_t device_pm1_control_read(struct devices *d, unsigned offset)
{
	return pm1_control_read(&d->pm1);
}

struct device_outcome device_pm1_control_write(struct devices *d, unsigned offset, uint64_t value)
{
	if (!pm1_control_write(&d->pm1, (uint32_t)value))
		return (struct device_outcome) { 0 };
	return (struct device_outcome) {
		.act = DEVICE_END,
		.cause = CAUSE_GUEST_POWEROFF,
		.text = "the guest powered off (ACPI)",
	};
}

uint64_t device_pvpanic_read(struct devices *d, unsigned offset)
{
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

/* A guest whose crash kernel is about to run is recorded and left alone. */
struct device_outcome device_pvpanic_write(struct devices *d, unsigned offset, uint64_t value)
{
	d->panic_events |= (uint32_t)value;
	if (!(value & PVPANIC_PANICKED))
		return (struct device_outcome) { 0 };
	return (struct device_outcome) {
		.act = DEVICE_END,
		.cause = CAUSE_GUEST_PANIC,
		.text = "the guest reported a panic (pvpanic)",
	};
}

struct device_outcome device_nap_write(struct devices *d, unsigned offset, uint64_t value)
{
	return (struct device_outcome) {
		.act = DEVICE_NAP,
		.nap_ms = value < NAP_MAX_MS ? (uint32_t)value : NAP_MAX_MS,
	};
}
