/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/boot.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * A static ELF64: each PT_LOAD goes to its physical address, the guest starts at e_entry. Program headers are
 * read one by one, so that their number costs no memory.
 */

#define SEGMENTS_MAX 64
#define NOTES_MAX    4096

static int refuse(const struct boot_file *file, struct failure *f, const char *why)
{
	return failed(f, -ENOEXEC, "%s %s: %s", file->what, path_tail(file->path), why);
}

static int check_header(
	const struct boot_file *file, const Elf64_Ehdr *h, const struct boot_limits *limits, struct failure *f)
{
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return refuse(file, f, "not a 64-bit little-endian ELF");
	if (h->e_machine != limits->elf_machine)
		return refuse(file, f, "an ELF for another architecture");
	if (h->e_type != ET_EXEC)
		return refuse(file, f, "not a static executable: link it with -static -no-pie");
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > SEGMENTS_MAX)
		return refuse(file, f, "its program headers make no sense");
	if (h->e_phoff > file->size || file->size - h->e_phoff < (uint64_t)h->e_phnum * sizeof(Elf64_Phdr))
		return refuse(file, f, "its program headers lie outside of the file");
	return 0;
}

static int load_segment(const struct guest_memory *m, const struct boot_file *file, const Elf64_Phdr *p,
	const struct boot_limits *limits, struct boot_image *image, struct failure *f)
{
	void *bss;
	int r;

	if (p->p_filesz > p->p_memsz || p->p_offset > file->size || file->size - p->p_offset < p->p_filesz)
		return refuse(file, f, "a segment lies outside of the file");
	if (p->p_paddr < limits->lowest || !memory_at(m, p->p_paddr, p->p_memsz))
		return failed(f, -ERANGE,
			"%s %s: segment 0x%llx+0x%llx is outside of guest memory (%llu MiB): give it more", file->what,
			path_tail(file->path), (unsigned long long)p->p_paddr, (unsigned long long)p->p_memsz,
			(unsigned long long)m->size >> 20);
	r = boot_copy(m, file, p->p_offset, p->p_paddr, p->p_filesz, f);
	if (r < 0)
		return r;
	r = memory_range(m, p->p_paddr + p->p_filesz, p->p_memsz - p->p_filesz, &bss);
	if (r < 0)
		return failed_errno(f, r, "no memory to load %s %s", file->what, path_tail(file->path));
	memset(bss, 0, p->p_memsz - p->p_filesz);
	if (p->p_paddr < image->low)
		image->low = p->p_paddr;
	if (p->p_paddr + p->p_memsz > image->high)
		image->high = p->p_paddr + p->p_memsz;
	return 0;
}

/* The notes that say something to us. `content` has `size` bytes of NOTE_CONTENT_MAX. */
#define NOTE_CONTENT_MAX 8

static void take_flat(struct boot_image *image, const uint8_t *content, uint32_t size)
{
	image->flat = true;
}

static void take_pvh_entry(struct boot_image *image, const uint8_t *content, uint32_t size)
{
	if (size == sizeof(uint32_t) || size == sizeof(uint64_t))
		memcpy(&image->pvh_entry, content, size);
}

static const struct {
	const char *name;
	uint32_t type;
	void (*take)(struct boot_image *image, const uint8_t *content, uint32_t size);
} known_notes[] = {
	{ FLAT_NOTE_NAME, FLAT_NOTE_TYPE, take_flat },
	{ PVH_NOTE_NAME, PVH_NOTE_TYPE, take_pvh_entry },
};

static uint64_t padded(uint32_t size)
{
	return ((uint64_t)size + 3) & ~3ull;
}

static bool is_named(const struct boot_file *file, const Elf64_Nhdr *n, uint64_t at, const char *name)
{
	char found[sizeof(FLAT_NOTE_NAME)]; /* the longest of them */

	return n->n_namesz == strlen(name) + 1 &&
	       pread(file->fd, found, n->n_namesz, (off_t)at) == (ssize_t)n->n_namesz &&
	       memcmp(found, name, n->n_namesz) == 0;
}

static void take_note(const struct boot_file *file, const Elf64_Nhdr *n, uint64_t at, struct boot_image *image)
{
	uint8_t content[NOTE_CONTENT_MAX] = { 0 };
	uint32_t size = n->n_descsz;

	for (unsigned i = 0; i < sizeof(known_notes) / sizeof(known_notes[0]); i++)
		if (n->n_type == known_notes[i].type && is_named(file, n, at, known_notes[i].name) &&
			size <= sizeof(content) &&
			pread(file->fd, content, size, (off_t)(at + padded(n->n_namesz))) == (ssize_t)size)
			known_notes[i].take(image, content, size);
}

/* Notes that make no sense are no notes. */
static void read_notes(const struct boot_file *file, const Elf64_Phdr *p, struct boot_image *image)
{
	uint64_t at = p->p_offset, left = p->p_filesz < NOTES_MAX ? p->p_filesz : NOTES_MAX;
	Elf64_Nhdr n;

	while (left >= sizeof(n) && pread(file->fd, &n, sizeof(n), (off_t)at) == sizeof(n)) {
		uint64_t size = sizeof(n) + padded(n.n_namesz) + padded(n.n_descsz);

		if (size > left)
			return;
		take_note(file, &n, at + sizeof(n), image);
		at += size;
		left -= size;
	}
}

static bool loads(const struct boot_image *image, uint64_t address)
{
	return address >= image->low && address < image->high;
}

int elf_load(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f)
{
	struct boot_image image = { .low = UINT64_MAX };
	Elf64_Ehdr h;
	int r;

	if (pread(file->fd, &h, sizeof(h), 0) != sizeof(h))
		return refuse(file, f, "ends inside its ELF header");
	r = check_header(file, &h, limits, f);
	for (unsigned i = 0; i < h.e_phnum && r == 0; i++) {
		Elf64_Phdr p;

		if (pread(file->fd, &p, sizeof(p), (off_t)(h.e_phoff + i * sizeof(p))) != sizeof(p))
			return refuse(file, f, "ends inside its program headers");
		if (p.p_type == PT_NOTE && p.p_offset <= file->size)
			read_notes(file, &p, &image);
		if (p.p_type == PT_LOAD && p.p_memsz > 0)
			r = load_segment(m, file, &p, limits, &image, f);
	}
	if (r < 0)
		return r;
	if (image.high == 0)
		return refuse(file, f, "has nothing to load");
	if (!loads(&image, h.e_entry) || (image.pvh_entry && !loads(&image, image.pvh_entry)))
		return refuse(file, f, "its entry point is outside of what it loads");
	image.entry = h.e_entry;
	*ret = image;
	return 0;
}
