/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The x86-64 machine below 1 MiB, and what of it others need. Guests find (arch/x86/boot.rst): long mode,
 * ring 0, 4 GiB mapped one to one, rdi = vCPU's index, rsi = boot_params, rsp = 0, interrupts off. All vCPUs
 * start at the entry point at once, for there is no interrupt controller to start them with: a kernel that
 * expects the others to wait for it gets one vCPU.
 */

#include <stdint.h>

#include "vmm/machine.h"

#define X86_GDT          0x500u        /* 6 entries */
#define X86_BOOT_PARAMS  0x1000u       /* 4096 bytes */
#define X86_PAGE_TABLES  0x2000u       /* PML4, PDPT, 4 page directories */
#define X86_CMDLINE      0x600u        /* up to 1024 bytes */
#define X86_LOW_END      0x8000u       /* few and together: each page is touched before the guest is */
#define X86_IMAGE_LOWEST 0x100000u     /* images stay above; the first MiB is ours until the guest runs */
#define X86_HOLE         0xC0000000ull /* 3 GiB: memory goes on at 4 GiB */
#define X86_HIGH         0x100000000ull

#define X86_CODE 0x10 /* selectors of the 64-bit boot protocol */
#define X86_DATA 0x18
#define X86_TSS  0x20

int x86_set_registers(struct vcpu *v, uint64_t entry, struct failure *f);
int x86_set_cpuid(struct vcpu *v, struct failure *f);
