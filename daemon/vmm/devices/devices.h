/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a guest can reach outside its memory. Both architectures have the same devices at different addresses:
 * on x86-64 they are ports, on arm64 they are memory. A table of ranges (arch_device_ranges) says where; an
 * access finds its range and may end the guest or make its vCPU nap.
 */

#include <pthread.h>
#include <stdint.h>

#include "proto/lifecycle.h"
#include "vmm/devices/console.h"
#include "vmm/devices/pl031.h"
#include "vmm/devices/pl061.h"
#include "vmm/devices/pm1.h"
#include "vmm/devices/serial.h"
#include "vmm/devices/sp805.h"

struct devices {
	pthread_mutex_t lock; /* vCPUs access devices side by side */
	struct console console;
	struct serial serial;
	struct pl061 gpio;  /* the power key */
	struct pl031 clock; /* this and the next: on arm64 alone */
	struct sp805 watchdog;
	struct pm1 pm1;        /* on x86-64 alone */
	uint32_t panic_events; /* all bits ever written to pvpanic */
	uint64_t behind;       /* by how much their time is behind CLOCK_MONOTONIC, ns: what pauses took */
	uint64_t stopped_at;   /* 0: it passes */
	uint32_t reset_asked;  /* the guest prepared a reset: a triple fault that follows is one */
};

enum device_act {
	DEVICE_DONE = 0,
	DEVICE_NAP = 1, /* the vCPU stays outside KVM_RUN for nap_ms */
	DEVICE_END = 2, /* the guest is over */
};

struct device_outcome {
	enum device_act act;
	bool sooner; /* devices_deadline is: whoever waits for it must look again */
	uint32_t nap_ms;
	enum vm_cause cause;
	const char *text;
};

struct device_range {
	uint64_t first, count;
	uint64_t (*read)(struct devices *d, unsigned offset);
	struct device_outcome (*write)(struct devices *d, unsigned offset, uint64_t value);
};

void devices_init(struct devices *d);

/* One access of 1, 2, 4 or 8 bytes, little endian in `data`. -ENXIO: nothing is there (reads as ones on
 * x86-64). */
int devices_access(struct devices *d, const struct device_range *ranges, unsigned range_count, uint64_t address,
	uint8_t *data, unsigned size, int is_write, struct device_outcome *ret);

/* While the guest is paused no device's time passes; devices_deadline is 0 then. */
void devices_stop_time(struct devices *d);
void devices_go_on_time(struct devices *d);

/* When a device has something to do by itself (CLOCK_MONOTONIC, ns); 0: none has. */
uint64_t devices_deadline(struct devices *d);

/* Does what is due by then. */
struct device_outcome devices_tick(struct devices *d, uint64_t now);

/* 0, or -EOPNOTSUPP: the guest does not listen to it. */
int devices_press_power_key(struct devices *d);

uint64_t device_serial_read(struct devices *d, unsigned offset);
struct device_outcome device_serial_write(struct devices *d, unsigned offset, uint64_t value);

/* PL061, PL031 and SP805. */
uint64_t device_gpio_read(struct devices *d, unsigned offset);
struct device_outcome device_gpio_write(struct devices *d, unsigned offset, uint64_t value);
uint64_t device_clock_read(struct devices *d, unsigned offset);
struct device_outcome device_clock_write(struct devices *d, unsigned offset, uint64_t value);
uint64_t device_watchdog_read(struct devices *d, unsigned offset);
struct device_outcome device_watchdog_write(struct devices *d, unsigned offset, uint64_t value);

/* ACPI's PM1 blocks. */
uint64_t device_pm1_event_read(struct devices *d, unsigned offset);
struct device_outcome device_pm1_event_write(struct devices *d, unsigned offset, uint64_t value);
uint64_t device_pm1_control_read(struct devices *d, unsigned offset);
struct device_outcome device_pm1_control_write(struct devices *d, unsigned offset, uint64_t value);

/* pvpanic (QEMU docs/specs/pvpanic.rst). */
uint64_t device_pvpanic_read(struct devices *d, unsigned offset);
struct device_outcome device_pvpanic_write(struct devices *d, unsigned offset, uint64_t value);

/* The nap device, for test guests: writing n keeps this vCPU out of KVM_RUN for n ms, at most NAP_MAX_MS. No
 * real guest finds it, for nothing announces it. It stands for the timer and interrupt controller that they
 * have. */
#define NAP_MAX_MS 60000
struct device_outcome device_nap_write(struct devices *d, unsigned offset, uint64_t value);
