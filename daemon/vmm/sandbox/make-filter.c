/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the filters of calls.h into a header, with libseccomp, for the machine that is named: run when the VMM is built, so
 * that the VMM itself needs no libseccomp and makes nothing when it starts. A value that only the compiler of the VMM, or the
 * VMM, knows goes through libseccomp as a number of its own, and comes out as the C that calls.h has for it.
 */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/sandbox/calls.h"

#define CALL_NUMBERS 512
#define VALUES_MAX   64
#define STAND_IN     0x5eccu /* in the upper half of a word; no system call and no offset is that large */

static const char *values[VALUES_MAX];
static unsigned value_count;

static const struct machine {
	const char *name;
	unsigned is;
	uint32_t arch;
} machines[] = {
	{ "x86_64", ON_X86_64, SCMP_ARCH_X86_64 },
	{ "arm64", ON_ARM64, SCMP_ARCH_AARCH64 },
};

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "make-filter: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* Both words of the number have the value's index, and the lowest bit says which word it is. */
static uint64_t stand_in(const char *value)
{
	unsigned i = 0;
	uint32_t word;

	while (i < value_count && strcmp(values[i], value) != 0)
		i++;
	if (i == VALUES_MAX)
		must(-E2BIG, value);
	if (i == value_count)
		values[value_count++] = value;
	word = STAND_IN << 16 | i << 1;
	return (uint64_t)(word | 1) << 32 | word;
}

/* Rules take the number that the call has here, and make that of the other machine out of it. */
static int number_of(const struct machine *machine, const char *name)
{
	must(seccomp_syscall_resolve_name_arch(machine->arch, name) < 0 ? -ENOSYS : 0, name);
	return seccomp_syscall_resolve_name(name);
}

static void allow(scmp_filter_ctx filter, const struct machine *machine, const struct call *call)
{
	struct scmp_arg_cmp arguments[CALL_ARGUMENTS];
	unsigned n = 0;

	for (; n < CALL_ARGUMENTS && call->argument[n].is; n++)
		arguments[n] = SCMP_CMP64(call->argument[n].number, SCMP_CMP_EQ, stand_in(call->argument[n].is));
	must(seccomp_rule_add_exact_array(filter, SCMP_ACT_ALLOW, number_of(machine, call->name), n, arguments), call->name);
}

static void end_process(scmp_filter_ctx filter, const struct machine *machine)
{
	int number = number_of(machine, SANDBOX_END_CALL);
	struct scmp_arg_cmp status = SCMP_CMP64(0, SCMP_CMP_EQ, stand_in("SANDBOX_END_STATUS"));

	must(seccomp_rule_add_exact_array(filter, SCMP_ACT_KILL_PROCESS, number, 1, &status), SANDBOX_END_CALL);
}

static void print_instruction(const struct sock_filter *i)
{
	unsigned value = (i->k & 0xffff) >> 1;

	if (i->k >> 16 != STAND_IN || BPF_CLASS(i->code) != BPF_JMP)
		printf("\t{ 0x%02x, %u, %u, 0x%08x }, \\\n", i->code, i->jt, i->jf, i->k);
	else if (BPF_OP(i->code) != BPF_JEQ || value >= value_count)
		must(-EINVAL, "a comparison that is none for equality");
	else if (i->k & 1)
		printf("\t{ 0x%02x, %u, %u, (uint32_t)((uint64_t)(%s) >> 32) }, \\\n", i->code, i->jt, i->jf, values[value]);
	else
		printf("\t{ 0x%02x, %u, %u, (uint32_t)(%s) }, \\\n", i->code, i->jt, i->jf, values[value]);
}

static void print_filter(scmp_filter_ctx filter, const char *name)
{
	struct sock_filter instruction;
	FILE *program = tmpfile();

	must(program ? 0 : -errno, "a temporary file");
	must(seccomp_export_bpf(filter, fileno(program)), "the filter's program");
	must(lseek(fileno(program), 0, SEEK_SET) < 0 ? -errno : 0, "a temporary file");
	printf("#define %s \\\n", name);
	while (fread(&instruction, sizeof(instruction), 1, program) == 1)
		print_instruction(&instruction);
	printf("\t/* the end */\n\n");
	fclose(program);
}

static void make(const struct machine *machine, unsigned by, const char *name)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);

	must(filter ? 0 : -ENOMEM, "a filter");
	/* A tree: the kernel goes through it for every number once, when a thread takes it. */
	must(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "a tree");
	must(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "the other architectures");
	if (seccomp_arch_native() != machine->arch) {
		must(seccomp_arch_remove(filter, SCMP_ARCH_NATIVE), "this architecture");
		must(seccomp_arch_add(filter, machine->arch), machine->name);
	}
	end_process(filter, machine);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if ((calls[i].by & by) && (calls[i].on & machine->is))
			allow(filter, machine, &calls[i]);
	print_filter(filter, name);
	seccomp_release(filter);
}

static void print_names(uint32_t arch)
{
	printf("#define SANDBOX_CALL_NAMES \\\n");
	for (int number = 0; number < CALL_NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(arch, number);

		if (name)
			printf("\t[%d] = \"%s\", \\\n", number, name);
		free(name);
	}
	printf("\t/* the end */\n");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (strcmp(argv[1], machines[i].name) != 0)
			continue;
		printf("/* Made by daemon/vmm/sandbox/make-filter.c of calls.h, for %s. */\n\n", machines[i].name);
		make(&machines[i], BY_MAIN, "SANDBOX_FILTER_MAIN");
		make(&machines[i], BY_VCPU, "SANDBOX_FILTER_VCPU");
		print_names(machines[i].arch);
		return 0;
	}
	fprintf(stderr, "Usage: make-filter x86_64|arm64\n");
	return 2;
}
