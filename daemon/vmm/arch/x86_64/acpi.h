/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Writes the ACPI tables (ACPI 6.5, chapter 5) of the x86-64 machine into its page: where the CPUs and the interrupt
 * controller are, how to power off and reset, the serial port and pvpanic. `page` is the X86_ACPI_SIZE bytes at
 * X86_ACPI, where the RSDP is then.
 */
void acpi_write(uint8_t *page, unsigned cpu_count);
