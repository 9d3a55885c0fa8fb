/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"

/*
 * x86-64 kernels in the formats that Linux has, small enough to be made here: each looks at what it was told, then
 * powers off through ACPI's port. Where the host has no VMX or SVM they must be refused, at once and with the reason.
 */

/* cmp dword [rsi + 0x202], "HdrS"; the same bytes in 64-bit code. */
#define LOOKS_AT_BOOT_PARAMS 0x81, 0xbe, 0x02, 0x02, 0x00, 0x00, 'H', 'd', 'r', 'S'
/* cmp dword [ebx], the magic of hvm_start_info */
#define LOOKS_AT_START_INFO 0x81, 0x3b, 0x78, 0xc5, 0x6e, 0x33
/* jne to ud2; mov dx, 0x604; mov ax, 0x3400; out dx, ax; hlt; ud2: bytes that are the same in 32 and 64 bits. */
#define POWERS_OFF 0x75, 0x0b, 0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef, 0xf4, 0x0f, 0x0b

static char made[96];

static int open_peer(void **state)
{
	static struct peer peer;

	*state = &peer;
	peer_open(&peer, "beat");
	peer.definition.vcpu_count = 2; /* the second waits to be started, and never is */
	peer.definition.memory_bytes = 32 << 20;
	snprintf(made, sizeof(made), "%s/kernel", peer.directory);
	return 0;
}

static int close_peer(void **state)
{
	(void)remove(made);
	peer_close(*state);
	return 0;
}

static void write_kernel(struct peer *p, const void *bytes, size_t size)
{
	int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	strcpy(p->definition.kernel, made);
}

static void write_bzimage(struct peer *p)
{
	static const uint8_t code[] = { LOOKS_AT_BOOT_PARAMS, POWERS_OFF };
	static uint8_t file[1024 + 4096];

	file[0x1f1] = 1;
	memcpy(file + 0x1fe, "\x55\xaa", 2);
	memcpy(file + 0x200, "\xeb\x6aHdrS\x0f\x02", 8);
	file[0x211] = 1;
	memcpy(file + 0x22c, "\xff\xff\xff\x7f", 4); /* initrd_addr_max */
	memcpy(file + 0x230, "\0\0\x20\0\x01", 5);   /* 2 MiB aligned, relocatable */
	file[0x236] = 1;
	memcpy(file + 0x238, "\xff\x07", 2);   /* cmdline_size */
	memcpy(file + 0x258, "\0\0\0\x01", 4); /* preferred at 16 MiB */
	memcpy(file + 0x260, "\0\0\x10", 3);   /* init_size: 1 MiB */
	memcpy(file + 1024 + 0x200, code, sizeof(code));
	write_kernel(p, file, sizeof(file));
}

#define ELF_AT (2u << 20)

/* With `code` at its start, and with a PVH note if it is to be entered there. */
static void write_elf(struct peer *p, const uint8_t *code, size_t size, bool pvh)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment[2];
		Elf64_Nhdr note;
		char name[4];
		uint32_t entry;
		uint8_t code[64];
	} e = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			.e_entry = ELF_AT, .e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = pvh ? 2 : 1,
		},
		.segment = {
			{ .p_type = PT_LOAD, .p_paddr = ELF_AT, .p_filesz = size, .p_memsz = size },
			{ .p_type = PT_NOTE, .p_filesz = sizeof(Elf64_Nhdr) + 8 },
		},
		.note = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
		.name = "Xen",
		.entry = ELF_AT,
	};

	e.segment[0].p_offset = (size_t)((uint8_t *)e.code - (uint8_t *)&e);
	e.segment[1].p_offset = (size_t)((uint8_t *)&e.note - (uint8_t *)&e);
	memcpy(e.code, code, size);
	write_kernel(p, &e, sizeof(e));
}

static void expect_refusal(struct peer *p)
{
	union peer_frame frame;

	peer_spawn(p);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, NULL);
	peer_birth(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_START_FAILED);
	assert_int_equal(frame.ended.end.errno_value, EOPNOTSUPP);
	assert_non_null(strstr(frame.ended.end.text, "no VMX or SVM"));
	assert_non_null(strstr(frame.ended.end.text, "use one that has, or turn nesting on"));
	peer_leave(p);
}

static bool host_has_virtualisation(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool found = false;

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f))
		found = strncmp(line, "flags", 5) == 0 && (strstr(line, " vmx") || strstr(line, " svm"));
	fclose(f);
	return found;
}

static void expect_power_off(struct peer *p)
{
	union peer_frame frame;

	if (!host_has_virtualisation()) {
		expect_refusal(p);
		return;
	}
	peer_build(p);
	peer_enter(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_GUEST_POWEROFF);
	assert_string_equal(frame.ended.end.text, "the guest powered off (ACPI)");
	peer_leave(p);
}

static void enters_a_bzimage(void **state)
{
	write_bzimage(*state);
	expect_power_off(*state);
}

static void enters_an_elf_as_linux(void **state)
{
	static const uint8_t code[] = { LOOKS_AT_BOOT_PARAMS, POWERS_OFF };

	write_elf(*state, code, sizeof(code), false);
	expect_power_off(*state);
}

static void enters_an_elf_with_the_note_as_pvh(void **state)
{
	static const uint8_t code[] = { LOOKS_AT_START_INFO, POWERS_OFF };

	write_elf(*state, code, sizeof(code), true);
	expect_power_off(*state);
}

/* Everywhere, for it is asked for. */
static void refuses_a_kernel_where_only_flat_guests_run(void **state)
{
	struct peer *p = *state;

	write_bzimage(p);
	p->inject = "virtualisation=95";
	expect_refusal(p);
}

static void refuses_a_command_line_that_is_too_long(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;
	int fd;

	if (!host_has_virtualisation())
		skip();
	write_bzimage(p);
	fd = open(made, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\x07\0", 2, 0x238), 2);
	close(fd);
	strcpy(p->definition.cmdline, "eightbyt");
	peer_spawn(p);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, NULL);
	peer_birth(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_non_null(strstr(frame.ended.end.text, "cmdline has 8 bytes, and this kernel takes 7"));
	peer_leave(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(enters_a_bzimage),
		TEST(enters_an_elf_as_linux),
		TEST(enters_an_elf_with_the_note_as_pvh),
		TEST(refuses_a_kernel_where_only_flat_guests_run),
		TEST(refuses_a_command_line_that_is_too_long),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); no kernel was entered\n", strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
