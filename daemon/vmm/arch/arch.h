/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What differs between architectures, in the order in which a machine calls it. One folder of arch/ is
 * compiled in; each function is defined once per folder.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/devices.h"
#include "vmm/failure.h"
#include "vmm/memory.h"

struct machine;
struct vcpu;

#define ARCH_NO_VM_TYPE (~0ul)

/* How `size` bytes of memory lie in the guest's physical address space; returns the number of pieces. */
unsigned arch_memory_pieces(uint64_t size, struct memory_piece ret[MEMORY_PIECES_MAX]);

/*
 * KVM_CREATE_VM's argument for a guest of that size; 0 bytes: one that suits every size, or
 * ARCH_NO_VM_TYPE.
 */
int arch_vm_type(const struct machine *m, uint64_t memory_bytes, unsigned long *ret, struct failure *f);

/* After the memory slots, before any vCPU. It may load the kernel already. */
int arch_before_vcpus(struct machine *m, struct failure *f);

/* After all vCPUs exist. */
int arch_after_vcpus(struct machine *m, struct failure *f);

/* Loads the kernel and what goes with it, and sets every vCPU's registers. */
int arch_boot(struct machine *m, struct failure *f);

/* Do the vCPUs after the first wait in KVM until the guest starts them? */
bool arch_secondaries_wait(const struct machine *m);

/* Exits 2 and 6. What is not claimed by a device reads as ones (ports) or zero (memory); writes to it go
 * nowhere. */
struct device_outcome arch_io(struct vcpu *v);
struct device_outcome arch_mmio(struct vcpu *v);

/* Exit 3: a firmware call that is ours to answer. */
struct device_outcome arch_hypercall(struct vcpu *v);

/*
 * By the vCPU's thread, before each KVM_RUN: begins anew if it was switched on. And after the event WAKEUP. Negative errno: its
 * state cannot be set.
 */
int arch_power(struct vcpu *v);
void arch_woken(struct vcpu *v);

/* Exit 28: an access to a device by an instruction that the CPU does not decode for us. */
struct device_outcome arch_undecoded(struct vcpu *v);

/*
 * Presses the guest's power key, by the main thread while vCPUs run: 0, or -EOPNOTSUPP when the guest listens to none
 * (there is no key, or no driver has taken it yet). Only after arch_after_vcpus.
 */
int arch_press_power_key(struct machine *m);

/*
 * The guest's clock, by the main thread while every vCPU stands: what it shows, and then from there on. Negative errno: it
 * goes on meanwhile, or jumps. NULL: what it showed is not known; the guest is told at least that it stood, if it can be.
 */
int arch_stop_clock(struct machine *m, uint64_t *ret);
int arch_go_on_clock(struct machine *m, const uint64_t *value);

/*
 * By the vCPU's thread, outside KVM_RUN: are its interrupts masked while one waits? Which that is, so that another one is
 * another number (of arm64's timer also the same, set anew); and where it is. A guest without an interrupt controller: are
 * they masked?
 */
bool arch_holds_interrupt(struct vcpu *v, uint64_t *ret_what, uint64_t *ret_pc);

/* After exit 5 (HLT): can an interrupt wake this vCPU? */
int arch_halt_can_wake(struct vcpu *v);
