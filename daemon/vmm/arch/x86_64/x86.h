/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The x86-64 machine. There are two of them, and the kernel's file says which it gets.
 *
 * A flat guest (its note says so) has no interrupt controller: all vCPUs start at the entry point at once, in long
 * mode, ring 0, 4 GiB mapped one to one, rdi = vCPU's index, rsi = boot_params, rsp = 0, interrupts off. CPUID is
 * empty.
 *
 * Any other gets a PC: 8259s, IOAPIC, local APICs and PIT in the kernel, CPUID, ACPI. vCPU 0 is entered alone
 * (arch/x86/ boot.rst, or Xen's pvh.pandoc), the others wait for its SIPI.
 */

#include <stdint.h>

#include "vmm/arch/x86_64/map.h"
#include "vmm/boot/boot.h"
#include "vmm/machine.h"

/* boot.c. Into guest memory: before there are vCPUs, for what it is decides on the machine around it. */
int x86_load_kernel(struct machine *m, struct boot_image *ret, struct failure *f);

/* chipset.c. What arch_before_vcpus has loaded. */
const struct boot_image *x86_kernel(const struct machine *m);

/* cpu.c: registers of a vCPU that starts with the guest. */
int x86_enter_flat(struct vcpu *v, const struct boot_image *kernel, struct failure *f);
int x86_enter_kernel(struct vcpu *v, const struct boot_image *kernel, struct failure *f);

/* cpuid.c: the host's table as it is for vCPU `index` of `count`; it may grow up to `room` entries. */
struct kvm_cpuid2;
void x86_fit_cpuid(struct kvm_cpuid2 *table, unsigned room, unsigned index, unsigned count, bool tsc_deadline);
