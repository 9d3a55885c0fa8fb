/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <errno.h>

#include "vmm/arch/arch.h"

/*
 * The interrupt controller in KVM (devices/arm-vgic-v3.rst, arm-vgic.rst): version 3, or 2 on a host that has nothing
 * else. A host with neither makes guests without one; only flat test guests can live so.
 */

static const struct kind {
	unsigned version;
	uint32_t type;
	struct {
		uint64_t attribute, address;
	} place[2];
} kinds[] = {
	{ 3, KVM_DEV_TYPE_ARM_VGIC_V3,
		{ { KVM_VGIC_V3_ADDR_TYPE_DIST, ARM64_GIC_DIST },
			{ KVM_VGIC_V3_ADDR_TYPE_REDIST, ARM64_GIC_REDIST } } },
	{ 2, KVM_DEV_TYPE_ARM_VGIC_V2,
		{ { KVM_VGIC_V2_ADDR_TYPE_DIST, ARM64_GIC_DIST }, { KVM_VGIC_V2_ADDR_TYPE_CPU, ARM64_GIC_CPU } } },
};

static int set_attribute(int gic, uint32_t group, uint64_t attribute, uint64_t *value)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute, .addr = (uintptr_t)value };

	return kvm_ask(gic, KVM_SET_DEVICE_ATTR, &attr);
}

static int place(struct machine *m, const struct kind *kind, struct failure *f)
{
	int r = 0;

	for (unsigned i = 0; i < 2 && r == 0; i++) {
		uint64_t address = kind->place[i].address;

		r = set_attribute(m->gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, kind->place[i].attribute, &address);
	}
	return r < 0 ? failed_errno(f, r, "the interrupt controller cannot be placed") : 0;
}

/* A GICv2 serves 8 vCPUs; KVM would say so only when the ninth is made, and not why. */
static int check_vcpus(const struct machine *m, const struct kind *kind, struct failure *f)
{
	if (kind->version != 2 || m->definition.vcpu_count <= 8)
		return 0;
	return failed(f, -E2BIG, "%u vCPUs are more than this host's interrupt controller (GICv2) can serve: at most 8",
		m->definition.vcpu_count);
}

int arm64_gic_create(struct machine *m, struct failure *f)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct kvm_create_device device = { .type = kinds[i].type };
		int r = kvm_ask(m->vm.fd, KVM_CREATE_DEVICE, &device);

		if (r == -ENODEV)
			continue;
		if (r < 0)
			return failed_errno(f, r, "KVM_CREATE_DEVICE failed for the interrupt controller");
		m->gic.fd = (int)device.fd;
		m->gic.version = kinds[i].version;
		r = check_vcpus(m, &kinds[i], f);
		return r == 0 ? place(m, &kinds[i], f) : r;
	}
	return 0;
}

static void connect_line(struct machine *m, struct irq_line *line, uint32_t spi)
{
	machine_connect_line(m, line, KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (ARM64_SPI_FIRST + spi));
}

/* FF-A's notification pending interrupt, level-triggered: each vCPU has its own. */
static void connect_notifications(struct machine *m)
{
	m->ffa.npi = ARM64_PPI_NOTIFICATION;
	for (unsigned i = 0; i < m->vcpu_count; i++)
		machine_connect_line(m, &m->notifications.line[i],
			KVM_ARM_IRQ_TYPE_PPI << KVM_ARM_IRQ_TYPE_SHIFT | i << KVM_ARM_IRQ_VCPU_SHIFT | ARM64_PPI_NOTIFICATION);
}

/* When all vCPUs exist, before the first runs. */
int arm64_gic_init(struct machine *m, struct failure *f)
{
	int r;

	if (!m->gic.version)
		return 0;
	r = set_attribute(m->gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (r < 0)
		return failed_errno(f, r, "the interrupt controller cannot be initialised");
	connect_line(m, &m->devices.serial.irq, ARM64_SPI_SERIAL);
	connect_line(m, &m->devices.gpio.irq, ARM64_SPI_GPIO);
	connect_line(m, &m->devices.watchdog.irq, ARM64_SPI_WATCHDOG);
	connect_notifications(m);
	return 0;
}
