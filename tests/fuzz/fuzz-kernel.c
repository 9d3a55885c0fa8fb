/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel files of any content: they are refused with a reason, or lie inside the guest's memory, and nothing else was written. */
#include "fuzz.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/boot/boot.h"

#define MIB (1ull << 20)
#define GUARD 4096
#define LOWEST (MIB + 0x4000) /* what is below is the loader's own */
#define PLACE  (MIB + 0x10000)

const struct fuzz_format fuzz_format = { 0 };

/* Two pieces with a hole, as on x86-64: [1 MiB, 2 MiB) and [4 MiB, 5 MiB). */
static struct guest_memory memory = {
	.size = 2 * MIB,
	.piece_count = 2,
	.piece = { { .gpa = MIB, .offset = 0, .size = MIB }, { .gpa = 4 * MIB, .offset = MIB, .size = MIB } },
};
static const struct boot_limits limits[] = {
	{ .elf_machine = EM_X86_64, .lowest = LOWEST, .bzimage = true },
	{ .elf_machine = EM_AARCH64, .lowest = LOWEST, .memory_base = MIB, .image = true },
};

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segment[2];
	struct {
		Elf64_Nhdr header;
		char name[12];
	} note;
	uint8_t code[256];
};

static void begin_elf(uint16_t machine)
{
	struct elf e = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = machine, .e_version = EV_CURRENT,
			.e_entry = PLACE + 16, .e_phoff = offsetof(struct elf, segment),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.segment = {
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct elf, code), .p_paddr = PLACE, .p_filesz = 256, .p_memsz = 8192 },
			{ .p_type = PT_NOTE, .p_offset = offsetof(struct elf, note), .p_filesz = sizeof(e.note) },
		},
		.note = { .header = { .n_namesz = 11, .n_type = FLAT_NOTE_TYPE }, .name = "lifecycled" },
	};

	fuzz_seed(&e, sizeof(e));
}

void fuzz_begin(void)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static uint8_t image[1024], bzimage[4096];
	const uint64_t size = sizeof(image);
	const uint32_t magic = IMAGE_MAGIC;

	begin_elf(EM_X86_64);
	begin_elf(EM_AARCH64);
	memcpy(image + 16, &size, sizeof(size));
	memcpy(image + 56, &magic, sizeof(magic));
	fuzz_seed(image, sizeof(image));
	fuzz_seed(gzip, sizeof(gzip));
	bzimage[0x1f1] = 1;                      /* setup_sects */
	memcpy(bzimage + 0x1fe, "\x55\xaa\xeb\x66HdrS\x0f\x02", 10);
	bzimage[0x211] = 1;                      /* loaded high */
	memcpy(bzimage + 0x22c, "\xff\xff\xff\x7f", 4);
	bzimage[0x236] = 3;                      /* xloadflags */
	bzimage[0x25a] = 0x10;                   /* pref_address: 1 MiB */
	bzimage[0x261] = 0x40;                   /* init_size */
	fuzz_seed(bzimage, sizeof(bzimage));
}

/* Pages beside it, which nobody may touch. */
static void map(void)
{
	uint8_t *at = mmap(NULL, 2 * MIB + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PROMISE(at != MAP_FAILED && mprotect(at + GUARD, 2 * MIB, PROT_READ | PROT_WRITE) == 0);
	memory.base = at + GUARD;
}

static bool is_inside(uint64_t low, uint64_t high)
{
	return (low >= MIB && high <= 2 * MIB) || (low >= 4 * MIB && high <= 5 * MIB);
}

static void try(const struct boot_file *file, const struct boot_limits *with)
{
	struct boot_image image = { 0 };
	struct failure f = { 0 };
	int r = boot_kernel(&memory, file, with, &image, &f);

	PROMISE(r <= 0);
	if (r < 0) {
		PROMISE(*f.text && memchr(f.text, 0, sizeof(f.text)));
		return;
	}
	PROMISE(image.low < image.high);
	PROMISE(is_inside(image.low, image.low + 1) && is_inside(image.high - 1, image.high));
	PROMISE(image.low >= with->lowest);
	PROMISE(is_inside(image.entry, image.entry + 1));
	PROMISE(image.setup.size <= SETUP_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct boot_file file = { .size = size, .what = "kernel", .path = "/k" };

	if (!memory.base) {
		map();
		fd = memfd_create("kernel", MFD_CLOEXEC);
		PROMISE(fd >= 0);
	}
	if (!size) /* which boot_open() refuses */
		return 0;
	PROMISE(ftruncate(fd, (off_t)size) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	file.fd = fd;
	try(&file, &limits[0]);
	try(&file, &limits[1]);
	return 0;
}
