/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The arm64 machine's map: QEMU's virt board (hw/arm/virt.c), as far as it goes. */

#define ARM64_GIC_DIST    0x08000000ull
#define ARM64_GIC_CPU     0x08010000ull /* GICv2 alone */
#define ARM64_GIC_REDIST  0x080A0000ull /* GICv3: 128 KiB per vCPU, 64 of them end at 0x088A0000 */
#define ARM64_SERIAL      0x09000000ull /* 16550, registers one byte apart */
#define ARM64_CLOCK       0x09010000ull /* PL031 */
#define ARM64_PVPANIC     0x09020000ull
#define ARM64_NAP         0x09021000ull /* ours, for test guests */
#define ARM64_GPIO        0x09030000ull /* PL061: the power key */
#define ARM64_WATCHDOG    0x09040000ull /* SP805 */
#define ARM64_RAM         0x40000000ull
#define ARM64_DEVICE_SIZE 0x1000ull

/* Shared peripheral interrupts; INTID is 32 more. */
#define ARM64_SPI_SERIAL   1
#define ARM64_SPI_GPIO     7
#define ARM64_SPI_WATCHDOG 8
#define ARM64_SPI_FIRST    32

#define ARM64_PPI_NOTIFICATION 20 /* private to each vCPU, and its INTID */
