/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <string.h>

#include "base/log.h"
#include "vmm/arch/arch.h"

static const struct device_range ranges[] = {
	{ ARM64_SERIAL, SERIAL_REGISTERS, device_serial_read, device_serial_write },
	{ ARM64_CLOCK, ARM64_DEVICE_SIZE, device_clock_read, device_clock_write },
	{ ARM64_PVPANIC, 2, device_pvpanic_read, device_pvpanic_write },
	{ ARM64_NAP, 4, NULL, device_nap_write },
	{ ARM64_GPIO, ARM64_DEVICE_SIZE, device_gpio_read, device_gpio_write },
	{ ARM64_WATCHDOG, ARM64_DEVICE_SIZE, device_watchdog_read, device_watchdog_write },
};

struct device_outcome arch_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->kvm.run;
	struct device_outcome outcome;
	static uint32_t told;

	if (devices_access(&v->machine->devices, ranges, sizeof(ranges) / sizeof(ranges[0]), run->mmio.phys_addr,
		    run->mmio.data, run->mmio.len, run->mmio.is_write, &outcome) == 0)
		return outcome;
	if (!__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
		log_warning("the guest accesses 0x%llx, where nothing is (told once)",
			(unsigned long long)run->mmio.phys_addr);
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
	return outcome;
}

/* No ports. */
struct device_outcome arch_io(struct vcpu *v)
{
	return (struct device_outcome) { 0 };
}
