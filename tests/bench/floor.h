/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The barest life of a guest that KVM allows: what the whole of ours is measured against. */

#include <stdint.h>

#define FLOOR_MEMORY (2u << 20)
#define FLOOR_COUNTER 0x100000u /* offset in guest memory of the guest's counter (tests/guests/README.md) */

extern const uint64_t floor_memory_base; /* guest-physical */
extern const int floor_elf_machine;

unsigned long floor_vm_type(int kvm);
/* What the guest finds at its first instruction. Both end the process when the kernel refuses. */
void floor_set_vcpu(int vm, int vcpu, uint8_t *memory, uint64_t entry);

int floor_ask(int fd, unsigned long request, const char *name, void *argument);
#define FLOOR_ASK(fd, request, argument) floor_ask(fd, request, #request, (void *)(uintptr_t)(argument))
