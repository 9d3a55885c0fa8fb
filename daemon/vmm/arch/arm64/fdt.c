/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/fdt.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>

#include "vmm/arch/arm64/map.h"
#include "vmm/devices/pl061.h"
#include "vmm/devices/sp805.h"

#define PHANDLE_GIC   1
#define PHANDLE_CLOCK 2
#define PHANDLE_GPIO  3

#define KEY_POWER      116 /* linux/input-event-codes.h */
#define UART_HZ        1843200
#define MPIDR_AFFINITY 0xffffffull /* Aff2 to Aff0; KVM gives Aff3 to nobody */
#define WATCHDOG_S     60

/* interrupts: type, number, flags (interrupt-controller/arm,gic.yaml) */
#define SPI        0
#define PPI        1
#define LEVEL_HIGH 4

/* A tree in the making; after the first error nothing more is done, and the error stays. */
struct tree {
	void *fdt;
	int error;
};

static void note(struct tree *t, int r)
{
	if (r < 0 && t->error == 0)
		t->error = r;
}

static void begin(struct tree *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void begin(struct tree *t, const char *format, ...)
{
	char name[32];
	va_list ap;

	va_start(ap, format);
	vsnprintf(name, sizeof(name), format, ap);
	va_end(ap);
	if (t->error == 0)
		note(t, fdt_begin_node(t->fdt, name));
}

static void end(struct tree *t)
{
	if (t->error == 0)
		note(t, fdt_end_node(t->fdt));
}

static void put(struct tree *t, const char *name, const void *value, size_t size)
{
	if (t->error == 0)
		note(t, fdt_property(t->fdt, name, value, (int)size));
}

static void put_cells(struct tree *t, const char *name, const uint32_t *cell, unsigned count)
{
	fdt32_t big[16];

	for (unsigned i = 0; i < count; i++)
		big[i] = cpu_to_fdt32(cell[i]);
	put(t, name, big, count * sizeof(big[0]));
}

#define CELLS(t, name, ...)                                                                                            \
	put_cells(t, name, (const uint32_t[]) { __VA_ARGS__ },                                                         \
		sizeof((const uint32_t[]) { __VA_ARGS__ }) / sizeof(uint32_t))
#define TEXT(t, name, text) put(t, name, text, sizeof(text)) /* one string, or several with \0 between */
#define MARK(t, name)       put(t, name, "", 0)
#define CELLS64(value)      (uint32_t)((uint64_t)(value) >> 32), (uint32_t)(value)

static void put_clocks(struct tree *t, unsigned count)
{
	const uint32_t clock[] = { PHANDLE_CLOCK, PHANDLE_CLOCK };

	put_cells(t, "clocks", clock, count);
}

static void make_cpus(struct tree *t, const struct fdt_board *b)
{
	begin(t, "cpus");
	CELLS(t, "#address-cells", 1);
	CELLS(t, "#size-cells", 0);
	for (unsigned i = 0; i < b->cpu_count; i++) {
		uint32_t affinity = (uint32_t)(b->mpidr[i] & MPIDR_AFFINITY);

		begin(t, "cpu@%x", affinity);
		TEXT(t, "device_type", "cpu");
		TEXT(t, "compatible", "arm,armv8");
		TEXT(t, "enable-method", "psci");
		CELLS(t, "reg", affinity);
		end(t);
	}
	end(t);
	begin(t, "psci");
	TEXT(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	TEXT(t, "method", "hvc");
	end(t);
}

static void make_memory(struct tree *t, const struct fdt_board *b)
{
	begin(t, "memory@%llx", ARM64_RAM);
	TEXT(t, "device_type", "memory");
	CELLS(t, "reg", CELLS64(ARM64_RAM), CELLS64(b->memory_size));
	end(t);
}

static void make_gic(struct tree *t, const struct fdt_board *b)
{
	begin(t, "interrupt-controller@%llx", ARM64_GIC_DIST);
	if (b->gic_version == 3) {
		TEXT(t, "compatible", "arm,gic-v3");
		CELLS(t, "reg", CELLS64(ARM64_GIC_DIST), CELLS64(0x10000), CELLS64(ARM64_GIC_REDIST),
			CELLS64(0x20000ull * b->cpu_count));
	} else {
		TEXT(t, "compatible", "arm,cortex-a15-gic");
		CELLS(t, "reg", CELLS64(ARM64_GIC_DIST), CELLS64(0x1000), CELLS64(ARM64_GIC_CPU), CELLS64(0x2000));
	}
	MARK(t, "interrupt-controller");
	CELLS(t, "#interrupt-cells", 3);
	CELLS(t, "#address-cells", 0);
	CELLS(t, "phandle", PHANDLE_GIC);
	end(t);
}

/* Secure, non-secure, virtual, hypervisor: KVM's default numbers. GICv2 wants the mask of CPUs with each. */
static void make_timer(struct tree *t, const struct fdt_board *b)
{
	uint32_t flags = LEVEL_HIGH | (b->gic_version == 2 ? ((1u << b->cpu_count) - 1) << 8 : 0);

	begin(t, "timer");
	TEXT(t, "compatible", "arm,armv8-timer");
	CELLS(t, "interrupts", PPI, 13, flags, PPI, 14, flags, PPI, 11, flags, PPI, 10, flags);
	MARK(t, "always-on");
	end(t);
}

static void make_clock(struct tree *t)
{
	begin(t, "apb-pclk");
	TEXT(t, "compatible", "fixed-clock");
	CELLS(t, "#clock-cells", 0);
	CELLS(t, "clock-frequency", SP805_HZ);
	TEXT(t, "clock-output-names", "clk24mhz");
	CELLS(t, "phandle", PHANDLE_CLOCK);
	end(t);
}

static void begin_device(struct tree *t, const char *name, uint64_t address, uint64_t size)
{
	begin(t, "%s@%llx", name, (unsigned long long)address);
	CELLS(t, "reg", CELLS64(address), CELLS64(size));
}

static void make_serial(struct tree *t)
{
	begin_device(t, "serial", ARM64_SERIAL, 8);
	TEXT(t, "compatible", "ns16550a");
	CELLS(t, "interrupts", SPI, ARM64_SPI_SERIAL, LEVEL_HIGH);
	CELLS(t, "clock-frequency", UART_HZ);
	CELLS(t, "reg-shift", 0);
	CELLS(t, "reg-io-width", 1);
	end(t);
}

/* Without an interrupt: its driver then offers no alarm. */
static void make_rtc(struct tree *t)
{
	begin_device(t, "rtc", ARM64_CLOCK, ARM64_DEVICE_SIZE);
	TEXT(t, "compatible", "arm,pl031\0arm,primecell");
	put_clocks(t, 1);
	TEXT(t, "clock-names", "apb_pclk");
	end(t);
}

static void make_gpio(struct tree *t)
{
	begin_device(t, "gpio", ARM64_GPIO, ARM64_DEVICE_SIZE);
	TEXT(t, "compatible", "arm,pl061\0arm,primecell");
	put_clocks(t, 1);
	TEXT(t, "clock-names", "apb_pclk");
	CELLS(t, "interrupts", SPI, ARM64_SPI_GPIO, LEVEL_HIGH);
	MARK(t, "gpio-controller");
	CELLS(t, "#gpio-cells", 2);
	MARK(t, "interrupt-controller");
	CELLS(t, "#interrupt-cells", 2);
	CELLS(t, "phandle", PHANDLE_GPIO);
	end(t);
	begin(t, "gpio-keys");
	TEXT(t, "compatible", "gpio-keys");
	begin(t, "power");
	TEXT(t, "label", "power");
	CELLS(t, "linux,code", KEY_POWER);
	CELLS(t, "gpios", PHANDLE_GPIO, PL061_POWER_KEY, 0);
	end(t);
	end(t);
	begin(t, "leds");
	TEXT(t, "compatible", "gpio-leds");
	begin(t, "led-panic");
	TEXT(t, "label", "panic");
	CELLS(t, "gpios", PHANDLE_GPIO, PL061_PANIC_LIGHT, 0);
	MARK(t, "panic-indicator");
	TEXT(t, "default-state", "off");
	end(t);
	end(t);
}

static void make_watchdog(struct tree *t)
{
	begin_device(t, "watchdog", ARM64_WATCHDOG, ARM64_DEVICE_SIZE);
	TEXT(t, "compatible", "arm,sp805\0arm,primecell");
	put_clocks(t, 2);
	TEXT(t, "clock-names", "wdog_clk\0apb_pclk");
	CELLS(t, "interrupts", SPI, ARM64_SPI_WATCHDOG, LEVEL_HIGH);
	CELLS(t, "timeout-sec", WATCHDOG_S);
	end(t);
}

static void make_pvpanic(struct tree *t)
{
	begin_device(t, "pvpanic", ARM64_PVPANIC, 2);
	TEXT(t, "compatible", "qemu,pvpanic-mmio");
	end(t);
}

static void make_root(struct tree *t, const struct fdt_board *b)
{
	begin(t, "%s", "");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	TEXT(t, "compatible", "linux,dummy-virt");
	TEXT(t, "model", "linux,dummy-virt");
	CELLS(t, "interrupt-parent", PHANDLE_GIC);
	begin(t, "chosen");
	TEXT(t, "stdout-path", "/serial@9000000:115200n8");
	end(t);
	make_memory(t, b);
	make_cpus(t, b);
	make_gic(t, b);
	make_timer(t, b);
	make_clock(t);
	make_serial(t);
	make_rtc(t);
	make_gpio(t);
	make_watchdog(t);
	make_pvpanic(t);
	end(t);
}

int fdt_make(void *fdt, size_t size, const struct fdt_board *board)
{
	struct tree t = { .fdt = fdt };

	note(&t, fdt_create(fdt, (int)size));
	if (t.error == 0)
		note(&t, fdt_finish_reservemap(fdt));
	make_root(&t, board);
	if (t.error == 0)
		note(&t, fdt_finish(fdt));
	return t.error;
}

/* In trees of old versions, which no dtc has made since 2005, libfdt reads beyond the end. */
int fdt_check_foreign(const void *fdt, size_t size)
{
	if (size < FDT_V17_SIZE)
		return -FDT_ERR_TRUNCATED;
	if (fdt_magic(fdt) != FDT_MAGIC)
		return -FDT_ERR_BADMAGIC;
	return fdt_version(fdt) < 17 ? -FDT_ERR_BADVERSION : fdt_check_full(fdt, size);
}

static int find_chosen(void *fdt)
{
	int node = fdt_path_offset(fdt, "/chosen");

	return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(fdt, 0, "chosen") : node;
}

int fdt_choose(void *fdt, size_t size, const struct fdt_chosen *chosen)
{
	int r = fdt_open_into(fdt, fdt, (int)size);
	int node = r == 0 ? find_chosen(fdt) : r;

	r = node < 0 ? node : 0;
	if (r == 0 && chosen->cmdline[0])
		r = fdt_setprop_string(fdt, node, "bootargs", chosen->cmdline);
	if (r == 0 && chosen->initrd_end > chosen->initrd)
		r = fdt_setprop_u64(fdt, node, "linux,initrd-start", chosen->initrd);
	if (r == 0 && chosen->initrd_end > chosen->initrd)
		r = fdt_setprop_u64(fdt, node, "linux,initrd-end", chosen->initrd_end);
	if (r == 0 && chosen->seed)
		r = fdt_setprop(fdt, node, "rng-seed", chosen->seed, 64);
	if (r == 0 && chosen->seed)
		r = fdt_setprop(fdt, node, "kaslr-seed", chosen->seed + 64, 8);
	return r == 0 ? fdt_pack(fdt) : r;
}
