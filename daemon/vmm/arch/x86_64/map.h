/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The x86-64 machine's map: memory from 0 on with a hole below 4 GiB, ports as a PC has them. Below 1 MiB is what a
 * guest finds at its start; images stay above.
 */

#define X86_GDT          0x500u  /* 6 entries */
#define X86_CMDLINE      0x600u  /* up to 1024 bytes */
#define X86_PARAMS       0x1000u /* 4096 bytes: boot_params, or hvm_start_info with what it points to */
#define X86_PAGE_TABLES  0x2000u /* PML4, PDPT, 4 page directories */
#define X86_LOW_END      0x8000u /* few and together: each page is touched before the guest is */
#define X86_LOW_RAM_END  0x9fc00u
#define X86_ACPI         0xe0000u /* where a BIOS has it, so that it is found without being told */
#define X86_ACPI_SIZE    0x1000u
#define X86_IMAGE_LOWEST 0x100000u
#define X86_HOLE         0xc0000000ull /* 3 GiB: memory goes on at 4 GiB */
#define X86_FFA          0xfeb00000ull /* ours, for test guests: the mailbox, and what notifications pend (ports.c) */
#define X86_IOAPIC       0xfec00000ull
#define X86_LOCAL_APIC   0xfee00000ull
#define X86_IDENTITY_MAP 0xfffbc000ull /* KVM's own page, and three behind it, on Intel CPUs that need them */
#define X86_TSS_PAGES    0xfffbd000ull
#define X86_HIGH         0x100000000ull

#define X86_PORT_SERIAL      0x3f8
#define X86_PORT_PVPANIC     0x505
#define X86_PORT_PM1_EVENT   0x600 /* status and enable, 16 bits each (ACPI 6.5, 4.8.3.1) */
#define X86_PORT_PM1_CONTROL 0x604
#define X86_PORT_NAP         0x608 /* ours, for test guests */
#define X86_PORT_GPIO        0x6000 /* ours, too: a PL061 */
#define X86_PORT_RESET       0xcf9

#define X86_IRQ_SERIAL 4
#define X86_IRQ_SCI    9 /* ACPI's */

#define X86_CODE 0x10 /* selectors of the 64-bit boot protocol */
#define X86_DATA 0x18
#define X86_TSS  0x20
