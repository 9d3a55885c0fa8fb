/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VMM that was taken over: the real one, but for the linker's --wrap of two of its functions, so that a thread makes any
 * system call once the guest has run. Which one is in the kernel command line of the definition,
 *
 *     escape=THREAD:NUMBER[:ARGUMENT...]
 *
 * THREAD is main or vcpu; an argument is a number, "pid" for our own, or "file" for the
 * name of a file that everybody may read. If the call comes back, the life ends as guest-panic,
 * and the text says what it returned.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/arch/arch.h"
#include "vmm/vcpu.h"
#include "vmm/vmm.h"

#define ARGUMENTS_MAX 6

static long own_pid; /* to ask for it may be a call of its own */

static void __attribute__((constructor)) know_pid(void)
{
	own_pid = getpid();
}

/* What is behind the next ':'; 0 where there is none. */
static long next(const char **at)
{
	const char *colon = strchr(*at, ':');

	if (!colon)
		return 0;
	*at = colon + 1;
	if (strncmp(*at, "file", 4) == 0)
		return (long)(uintptr_t)"/etc/passwd";
	return strncmp(*at, "pid", 3) == 0 ? own_pid : (long)strtoul(*at, NULL, 0);
}

static bool escape(struct machine *m, const char *who)
{
	const char *at = strstr(m->definition.cmdline, "escape=");
	struct vmm_end end = { .cause = CAUSE_GUEST_PANIC };
	long number, a[ARGUMENTS_MAX], r;

	if (!at || strncmp(at + strlen("escape="), who, strlen(who)) != 0)
		return false;
	number = next(&at);
	for (unsigned i = 0; i < ARGUMENTS_MAX; i++)
		a[i] = next(&at);
	r = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	snprintf(end.text, sizeof(end.text), "escaped: system call %ld returned %ld, errno %d", number, r, r < 0 ? errno : 0);
	if (machine_end(m, &end))
		machine_notify(m);
	return true;
}

struct device_outcome __real_arch_io(struct vcpu *v);
struct device_outcome __wrap_arch_io(struct vcpu *v);
struct device_outcome __real_arch_mmio(struct vcpu *v);
struct device_outcome __wrap_arch_mmio(struct vcpu *v);
void __real_session_tell(struct vmm *v, uint64_t now);
void __wrap_session_tell(struct vmm *v, uint64_t now);

static _Atomic bool has_run;

static void from_vcpu(struct vcpu *v)
{
	if (!atomic_load(&has_run))
		(void)escape(v->machine, "vcpu");
	atomic_store(&has_run, true);
	machine_notify(v->machine);
}

struct device_outcome __wrap_arch_io(struct vcpu *v)
{
	from_vcpu(v);
	return __real_arch_io(v);
}

struct device_outcome __wrap_arch_mmio(struct vcpu *v)
{
	from_vcpu(v);
	return __real_arch_mmio(v);
}

void __wrap_session_tell(struct vmm *v, uint64_t now)
{
	static bool done;

	if (!done && atomic_load(&has_run))
		done = escape(&v->machine, "main");
	__real_session_tell(v, now);
}
