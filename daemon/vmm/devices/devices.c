/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/devices.h"

#include <errno.h>
#include <string.h>

#define PVPANIC_PANICKED     1u
#define PVPANIC_CRASH_LOADED 2u

void devices_init(struct devices *d)
{
	pthread_mutex_init(&d->lock, NULL);
	d->serial = (struct serial) { .out = &d->console };
}

static const struct device_range *find(const struct device_range *ranges, unsigned count, uint64_t address)
{
	for (unsigned i = 0; i < count; i++)
		if (address >= ranges[i].first && address - ranges[i].first < ranges[i].count)
			return &ranges[i];
	return NULL;
}

int devices_access(struct devices *d, const struct device_range *ranges, unsigned range_count,
	uint64_t address, uint8_t *data, unsigned size, int is_write, struct device_outcome *ret)
{
	const struct device_range *range = find(ranges, range_count, address);
	unsigned offset = range ? (unsigned)(address - range->first) : 0;
	uint64_t value = 0;

	*ret = (struct device_outcome) { 0 };
	if (!range || size > sizeof(value))
		return -ENXIO;
	pthread_mutex_lock(&d->lock);
	if (is_write) {
		memcpy(&value, data, size);
		if (range->write)
			*ret = range->write(d, offset, value);
	} else {
		value = range->read ? range->read(d, offset) : 0;
		memcpy(data, &value, size);
	}
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
