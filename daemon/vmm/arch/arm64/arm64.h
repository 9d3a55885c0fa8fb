/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The arm64 machine's map: QEMU's virt board(hw/arm/virt.c), as far as it goes. */

#include <stdint.h>

#include "vmm/machine.h"

#define ARM64_GIC_DIST   0x08000000ull
#define ARM64_GIC_REDIST 0x080A0000ull /* 128 KiB per vCPU: 64 of them end at 0x088A0000 */
#define ARM64_SERIAL     0x09000000ull /* 8250, registers one byte apart */
#define ARM64_PVPANIC    0x09020000ull
#define ARM64_NAP        0x09021000ull /* ours, for test guests */
#define ARM64_RAM        0x40000000ull

int arm64_set_registers(struct vcpu *v, uint64_t entry, uint64_t dtb, struct failure *f);
