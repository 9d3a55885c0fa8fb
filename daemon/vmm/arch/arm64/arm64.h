/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of this folder know of each other. */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/arch/arm64/map.h"
#include "vmm/machine.h"

/* KVM_GET_ONE_REG and its opposite, for 64-bit registers. */
int arm64_get_register(struct vcpu *v, uint64_t id, uint64_t *ret);
int arm64_set_register(struct vcpu *v, uint64_t id, uint64_t value);

#define ARM64_REG_X(n)   (0x6030000000100000ull + 2 * (n))
#define ARM64_REG_PC     0x6030000000100040ull
#define ARM64_REG_PSTATE 0x6030000000100042ull
#define ARM64_REG_MPIDR  0x603000000013c005ull

/* The registers with which vCPU 0 enters the guest; the others are off until the guest starts them, which sets theirs.
 */
int arm64_set_registers(struct vcpu *v, uint64_t entry, uint64_t dtb, struct failure *f);

/* The interrupt controller, with the devices' lines: made before the vCPUs, ready after them. */
int arm64_gic_create(struct machine *m, struct failure *f);
int arm64_gic_init(struct machine *m, struct failure *f);

/* Asks for the guest's firmware calls that are not KVM's own (FF-A), and for the power calls of PSCI. */
int arm64_smccc_filter(struct machine *m, struct failure *f);

/* Power calls (psci.c): what is to be forwarded, and the answer to a call, into x[0]. False: it is none. */
#define ARM64_PSCI_FORWARDED 7
extern const uint32_t arm64_psci_forwarded[ARM64_PSCI_FORWARDED];
bool arm64_psci_answer(struct vcpu *v, uint64_t x[4]);

/* KVM_ARM_VCPU_INIT: as after a reset. `off`: it waits to be switched on. */
int arm64_reset_vcpu(struct vcpu *v, bool off);
