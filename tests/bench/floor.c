/* SPDX-License-Identifier: Apache-2.0 */

/*
 * floor KERNEL [hold]
 *
 * One process, one guest, nothing that KVM does not ask for: no daemon, no thread, no check of what the guest is. Runs
 * KERNEL, one of our flat test guests, until it leaves the guest for the first time, which it does after it has counted.
 * With `hold` it says so and stays until its input ends, to be looked at.
 */

#include "floor.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

int floor_ask(int fd, unsigned long request, const char *name, void *argument)
{
	int r = ioctl(fd, request, argument);

	if (r < 0)
		die(name);
	return r;
}

static void *map(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void read_at(int fd, void *to, size_t size, uint64_t offset)
{
	if (pread(fd, to, size, (off_t)offset) != (ssize_t)size)
		die("a guest that is too short");
}

static void load_segment(int fd, const Elf64_Phdr *p, uint8_t *memory)
{
	uint64_t at = p->p_paddr - floor_memory_base;

	if (p->p_type != PT_LOAD || p->p_memsz == 0)
		return;
	if (at > FLOOR_MEMORY || p->p_memsz > FLOOR_MEMORY - at || p->p_filesz > p->p_memsz)
		die("a guest that does not fit");
	read_at(fd, memory + at, p->p_filesz, p->p_offset); /* the rest is zero: the memory is fresh */
}

/* Returns the guest's first instruction. */
static uint64_t load(const char *path, uint8_t *memory)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Phdr p[8];
	Elf64_Ehdr h;

	if (fd < 0)
		die(path);
	read_at(fd, &h, sizeof(h), 0);
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_machine != floor_elf_machine || h.e_phnum > 8)
		die("not one of our guests");
	read_at(fd, p, h.e_phnum * sizeof(*p), h.e_phoff);
	for (unsigned i = 0; i < h.e_phnum; i++)
		load_segment(fd, &p[i], memory);
	close(fd);
	return h.e_entry;
}

static void hold(void)
{
	char byte;

	(void)!write(STDOUT_FILENO, "held\n", 5);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = floor_memory_base, .memory_size = FLOOR_MEMORY };
	int memory_fd, kvm, vm, vcpu, run_size;
	uint8_t *memory;
	void *run;

	if (argc < 2)
		return 2;
	memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (memory_fd < 0 || ftruncate(memory_fd, FLOOR_MEMORY) < 0)
		die("memfd");
	memory = map(memory_fd, FLOOR_MEMORY);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm");
	vm = FLOOR_ASK(kvm, KVM_CREATE_VM, floor_vm_type(kvm));
	slot.userspace_addr = (uintptr_t)memory;
	FLOOR_ASK(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	vcpu = FLOOR_ASK(vm, KVM_CREATE_VCPU, 0);
	run_size = FLOOR_ASK(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = map(vcpu, (size_t)run_size);
	floor_set_vcpu(vm, vcpu, memory, load(argv[1], memory));
	FLOOR_ASK(vcpu, KVM_RUN, 0);
	if (*(volatile uint64_t *)(memory + FLOOR_COUNTER) == 0) {
		fprintf(stderr, "floor: the guest did not count; exit reason %u\n", ((struct kvm_run *)run)->exit_reason);
		return 1;
	}
	if (argc > 2)
		hold();
	munmap(run, (size_t)run_size);
	close(vcpu);
	close(vm);
	close(kvm);
	munmap(memory, FLOOR_MEMORY);
	close(memory_fd);
	return 0;
}
