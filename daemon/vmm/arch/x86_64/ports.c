/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <string.h>

#include "base/log.h"
#include "vmm/arch/arch.h"

/* Where the devices are. A PC's power key is ACPI's; the PL061 is there for test guests, as the nap port is. */

#define I8042_RESET   0xfe
#define PCI_RESET_NOW 0x04 /* bit 2 of 0xCF9: the edge that resets */

static struct device_outcome reboot(const char *text)
{
	return (struct device_outcome) { .act = DEVICE_END, .cause = CAUSE_GUEST_REBOOT, .text = text };
}

static struct device_outcome i8042_write(struct devices *d, unsigned offset, uint64_t value)
{
	if (value != I8042_RESET)
		return (struct device_outcome) { 0 };
	return reboot("the guest asked for a reset (keyboard controller)");
}

static struct device_outcome pci_reset_write(struct devices *d, unsigned offset, uint64_t value)
{
	/*
	 * The first write chooses the kind of reset, the second does it; some guests triple-fault in
	 * between.
	 */
	__atomic_store_n(&d->reset_asked, 1, __ATOMIC_RELAXED);
	if (!(value & PCI_RESET_NOW))
		return (struct device_outcome) { 0 };
	return reboot("the guest asked for a reset (port 0xCF9)");
}

static const struct device_range ports[] = {
	{ X86_PORT_SERIAL, SERIAL_REGISTERS, device_serial_read, device_serial_write },
	{ 0x64, 1, NULL, i8042_write },
	{ X86_PORT_RESET, 1, NULL, pci_reset_write },
	{ X86_PORT_PM1_EVENT, 4, device_pm1_event_read, device_pm1_event_write },
	{ X86_PORT_PM1_CONTROL, 2, device_pm1_control_read, device_pm1_control_write },
	{ X86_PORT_PVPANIC, 1, device_pvpanic_read, device_pvpanic_write },
	{ X86_PORT_NAP, 4, NULL, device_nap_write },
	{ X86_PORT_GPIO, 0x1000, device_gpio_read, device_gpio_write },
};

struct device_outcome arch_io(struct vcpu *v)
{
	struct kvm_run *run = v->kvm.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	struct device_outcome outcome = { 0 };

	/* String instructions bring many at once, packed. */
	for (uint32_t i = 0; i < run->io.count && outcome.act == DEVICE_DONE; i++, data += run->io.size)
		if (devices_access(&v->machine->devices, ports, sizeof(ports) / sizeof(ports[0]), run->io.port, data,
			    run->io.size, run->io.direction == KVM_EXIT_IO_OUT, &outcome) < 0 &&
			run->io.direction == KVM_EXIT_IO_IN)
			memset(data, 0xff, run->io.size);
	return outcome;
}

/*
 * FF-A without an SMC instruction, for test guests: the address of eighteen 64-bit registers, aligned to 8, is written to
 * X86_FFA; they are the call, and when the instruction is over they are the answer. An address that is no memory of the
 * guest is a call that nobody can answer. Behind it is a word to be read, in place of the notification pending interrupt: bit
 * n is set while vCPU n has something to FFA_NOTIFICATION_GET.
 */
static struct device_outcome ffa_mailbox(struct vcpu *v, uint64_t gpa)
{
	struct ffa_call *at = gpa % 8 == 0 ? memory_at(&v->machine->memory, gpa, sizeof(*at)) : NULL, call;

	if (!at)
		return (struct device_outcome) {
			.act = DEVICE_END, .cause = CAUSE_VCPU_ERROR, .text = "an FF-A call from where no memory is"
		};
	memcpy(&call, at, sizeof(call));
	if (ask_call(v, &call))
		memcpy(at, &call, sizeof(call));
	return (struct device_outcome) { 0 };
}

/* Nothing else lives in memory space here. */
struct device_outcome arch_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->kvm.run;
	static uint32_t told;
	uint64_t value;

	if (run->mmio.phys_addr == X86_FFA && run->mmio.is_write && run->mmio.len == sizeof(value)) {
		memcpy(&value, run->mmio.data, sizeof(value));
		return ffa_mailbox(v, value);
	}
	if (run->mmio.phys_addr == X86_FFA + sizeof(value) && !run->mmio.is_write && run->mmio.len == sizeof(value)) {
		value = atomic_load(&v->machine->notifications.pending);
		memcpy(run->mmio.data, &value, sizeof(value));
		return (struct device_outcome) { 0 };
	}
	if (!__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
		log_warning("the guest accesses 0x%llx, where nothing is (told once)",
			(unsigned long long)run->mmio.phys_addr);
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
	return (struct device_outcome) { 0 };
}

/* Exits 3 and 28 come to those who ask for them, and nobody does here. */
struct device_outcome arch_hypercall(struct vcpu *v)
{
	return (struct device_outcome) {
		.act = DEVICE_END, .cause = CAUSE_VCPU_ERROR, .text = "hypercall exit that was not asked for"
	};
}

struct device_outcome arch_undecoded(struct vcpu *v)
{
	return (struct device_outcome) {
		.act = DEVICE_END, .cause = CAUSE_VCPU_ERROR, .text = "ARM_NISV exit that was not asked for"
	};
}

/* A test guest listens to the PL061, and looks at its line, which ends at no interrupt controller. */
int arch_press_power_key(struct machine *m)
{
	return devices_press_power_key(&m->devices);
}
