/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/acpi.h"

#include <assert.h>
#include <string.h>

#include "proto/definition.h"
#include "vmm/arch/x86_64/map.h"
#include "vmm/arch/x86_64/put.h"

/* Where each table lies in the page; FACS at a multiple of 64. */
enum {
	AT_RSDP = 0x000,
	AT_FACS = 0x040,
	AT_XSDT = 0x080,
	AT_DSDT = 0x100,
	AT_FADT = 0x200,
	AT_MADT = 0x400,
};

#define HEADER 36 /* of every table but RSDP and FACS */

enum {
	RSDP_LENGTH = 36,
	FACS_LENGTH = 64,
	XSDT_LENGTH = HEADER + 2 * 8,
	FADT_LENGTH = 268, /* of ACPI 5 */
	MADT_LENGTH_MAX = HEADER + 8 + 12 + 10 + 8 * VM_VCPU_MAX,
};

static_assert(AT_XSDT + XSDT_LENGTH <= AT_DSDT && AT_FADT + FADT_LENGTH <= AT_MADT, "tables lie apart");
static_assert(AT_MADT + MADT_LENGTH_MAX <= X86_ACPI_SIZE, "tables fit their page");

/*
 * The DSDT's contents, which iasl gives back as:
 *
 *     Name (\_S5, Package { 5, 5, 0, 0 })
 *     Scope (\_SB) {
 *         Device (COM1) { Name (_HID, EISAID ("PNP0501"))
 *                         Name (_CRS, ResourceTemplate { IO (Decode16, 0x3f8, 0x3f8, 1, 8) IRQNoFlags () {4} }) }
 *         Device (PEVT) { Name (_HID, "QEMU0001")
 *                         Name (_CRS, ResourceTemplate { IO (Decode16, 0x505, 0x505, 1, 1) }) }
 *     }
 */
static const uint8_t aml[] = {
	0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 0x05, 0x0a, 0x05, 0x00, 0x00,        /* \_S5 */
	0x10, 0x47, 0x05, '\\', '_', 'S', 'B', '_',                                            /* Scope */
	0x5b, 0x82, 0x25, 'C', 'O', 'M', '1',                                                  /* Device */
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,                                /* EISA id */
	0x08, '_', 'C', 'R', 'S', 0x11, 0x10, 0x0a, 0x0d,                                      /* buffer */
	0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x22, 1 << X86_IRQ_SERIAL, 0, 0x79, 0, /* ports, IRQ, end */
	0x5b, 0x82, 0x27, 'P', 'E', 'V', 'T',                                                  /* Device */
	0x08, '_', 'H', 'I', 'D', 0x0d, 'Q', 'E', 'M', 'U', '0', '0', '0', '1', 0,             /* string */
	0x08, '_', 'C', 'R', 'S', 0x11, 0x0d, 0x0a, 0x0a,                                      /* buffer */
	0x47, 0x01, 0x05, 0x05, 0x05, 0x05, 0x01, 0x01, 0x79, 0,                               /* port, end */
};

static_assert(AT_DSDT + HEADER + sizeof(aml) <= AT_FADT, "tables lie apart");

/* The byte that makes the sum of all 0. */
static void sum_up(uint8_t *table, unsigned length, unsigned checksum_at)
{
	uint8_t sum = 0;

	table[checksum_at] = 0;
	for (unsigned i = 0; i < length; i++)
		sum += table[i];
	table[checksum_at] = (uint8_t)-sum;
}

/* 5.2.6, once the rest is written. */
static void finish(uint8_t *table, const char *signature, uint8_t revision, uint32_t length)
{
	memcpy(table, signature, 4);
	put32(table + 4, length);
	table[8] = revision;
	memcpy(table + 10, "LIFECYLIFECYCL", 14);
	put32(table + 24, 1);
	memcpy(table + 28, "LIFE", 4);
	put32(table + 32, 1);
	sum_up(table, length, 9);
}

/* 5.2.5.3 */
static void write_rsdp(uint8_t *at)
{
	memcpy(at, "RSD PTR ", 8);
	memcpy(at + 9, "LIFECY", 6);
	at[15] = 2;
	put32(at + 20, RSDP_LENGTH);
	put64(at + 24, X86_ACPI + AT_XSDT);
	sum_up(at, 20, 8);
	sum_up(at, RSDP_LENGTH, 32);
}

static void write_facs(uint8_t *at)
{
	memcpy(at, "FACS", 4);
	put32(at + 4, FACS_LENGTH);
	at[32] = 2;
}

static void write_xsdt(uint8_t *at)
{
	put64(at + HEADER, X86_ACPI + AT_FADT);
	put64(at + HEADER + 8, X86_ACPI + AT_MADT);
	finish(at, "XSDT", 1, XSDT_LENGTH);
}

static void write_dsdt(uint8_t *at)
{
	memcpy(at + HEADER, aml, sizeof(aml));
	finish(at, "DSDT", 2, HEADER + sizeof(aml));
}

/* A port as a generic address (5.2.3.2). */
static void put_port(uint8_t *at, uint8_t bits, uint8_t access, uint16_t port)
{
	at[0] = 1;
	at[1] = bits;
	at[3] = access;
	put64(at + 4, port);
}

/* 5.2.9. The fields that are left 0 say that the machine has no such thing. */
static void write_fadt(uint8_t *at)
{
	enum { LEGACY_DEVICES = 1 << 0, NO_VGA = 1 << 2, NO_CMOS_CLOCK = 1 << 5 };
	enum { WBINVD = 1 << 0, PROC_C1 = 1 << 2, NO_SLEEP_BUTTON = 1 << 5, NO_CLOCK_STATUS = 1 << 6, RESET = 1 << 10 };

	put32(at + 36, X86_ACPI + AT_FACS);
	put32(at + 40, X86_ACPI + AT_DSDT);
	put16(at + 46, X86_IRQ_SCI);
	put32(at + 56, X86_PORT_PM1_EVENT);
	put32(at + 64, X86_PORT_PM1_CONTROL);
	at[88] = 4; /* bytes of PM1 event */
	at[89] = 2; /* bytes of PM1 control */
	put16(at + 96, 0xffff);
	put16(at + 98, 0xffff); /* no C2, no C3 */
	put16(at + 109, LEGACY_DEVICES | NO_VGA | NO_CMOS_CLOCK);
	put32(at + 112, WBINVD | PROC_C1 | NO_SLEEP_BUTTON | NO_CLOCK_STATUS | RESET);
	put_port(at + 116, 8, 1, X86_PORT_RESET);
	at[128] = 6; /* what resets */
	put64(at + 140, X86_ACPI + AT_DSDT);
	put_port(at + 148, 32, 2, X86_PORT_PM1_EVENT);
	put_port(at + 172, 16, 2, X86_PORT_PM1_CONTROL);
	finish(at, "FACP", 5, FADT_LENGTH);
}

/* 5.2.12. A CPU's APIC id is its index: KVM has it so. */
static void write_madt(uint8_t *at, unsigned cpu_count)
{
	enum { HAS_8259 = 1, ENABLED = 1, LEVEL_HIGH = 0x0d };
	uint8_t *next = at + HEADER + 8;

	put32(at + HEADER, X86_LOCAL_APIC);
	put32(at + HEADER + 4, HAS_8259);
	for (unsigned i = 0; i < cpu_count; i++, next += 8) {
		uint8_t cpu[8] = { 0, sizeof(cpu), (uint8_t)i, (uint8_t)i, ENABLED };

		memcpy(next, cpu, sizeof(cpu));
	}
	next[0] = 1; /* IOAPIC, from GSI 0 on */
	next[1] = 12;
	put32(next + 4, X86_IOAPIC);
	next += 12;
	next[0] = 2; /* ACPI's own interrupt is not like ISA's, which are edges */
	next[1] = 10;
	next[3] = X86_IRQ_SCI;
	put32(next + 4, X86_IRQ_SCI);
	put16(next + 8, LEVEL_HIGH);
	next += 10;
	finish(at, "APIC", 3, (uint32_t)(next - at));
}

void acpi_write(uint8_t *page, unsigned cpu_count)
{
	memset(page, 0, X86_ACPI_SIZE);
	write_rsdp(page + AT_RSDP);
	write_facs(page + AT_FACS);
	write_xsdt(page + AT_XSDT);
	write_dsdt(page + AT_DSDT);
	write_fadt(page + AT_FADT);
	write_madt(page + AT_MADT, cpu_count);
}
