/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sandbox/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/kvm/door.h"
#include "vmm/link.h"
#include "vmm/memory.h"
#include "vmm/sandbox-filter.h"
#include "vmm/sandbox/calls.h"
#include "vmm/vcpu.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE             65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#ifdef VMM_SANITIZED
#define IS_WHOLE false /* what a sanitizer does is on no list, and what it reports it finds in files */
#else
#define IS_WHOLE true
#endif

static _Atomic uint32_t lacks;

void sandbox_begin(void)
{
	struct rlimit none = { 0, 0 };

	/*
	 * All of it is there on every kernel that has KVM, but the last, and asks for no right. The bounding set may stay what
	 * it is: it says what an execve may gain, and that is nothing now.
	 */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Memory is for nobody else to look at: not in a core, not by ptrace, not below /proc. And none of it is code. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	/* A channel that broke is an error to whoever writes. */
	(void)signal(SIGPIPE, SIG_IGN);
}

/* A service manager that left none may have forbidden the call as well: it is made only where there is one to drop. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3], none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, has) < 0)
		return -errno;
	if (memcmp(has, none, sizeof(none)) == 0)
		return 0;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int install(const struct sock_filter *program, size_t count)
{
	struct sock_fprog filter = { .len = (unsigned short)count, .filter = (struct sock_filter *)(uintptr_t)program };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

static int filter_calls(enum sandbox_thread who, const void *address)
{
	const struct {
		uint64_t pid, address;
	} own = { (uint64_t)getpid(), (uintptr_t)address };
	const struct sock_filter of_main[] = { SANDBOX_FILTER_MAIN }, of_vcpu[] = { SANDBOX_FILTER_VCPU };

	return who == SANDBOX_MAIN ? install(of_main, sizeof(of_main) / sizeof(of_main[0]))
				   : install(of_vcpu, sizeof(of_vcpu) / sizeof(of_vcpu[0]));
}

/* What is not there is told, and is no error. */
static int unless_missing(int r, enum vmm_sandbox_layer layer)
{
	if (r != -EOPNOTSUPP)
		return r;
	atomic_fetch_or(&lacks, layer);
	return 0;
}

/* A layer has a name, by which a test can take it away, or make it fail. */
static int close_files(void)
{
	int r = kvm_door_injected("landlock");

	return r < 0 ? r : landlock_forbid_all();
}

static int close_calls(enum sandbox_thread who, const void *address)
{
	int r = kvm_door_injected("seccomp");

	if (r == 0)
		r = violation_catch();
	return r < 0 ? r : filter_calls(who, address);
}

int sandbox_close(enum sandbox_thread who, unsigned index, const void *address)
{
	int r = drop_capabilities();

	violation_thread(who, index);
	if (r == 0)
		r = unless_missing(IS_WHOLE ? close_files() : -EOPNOTSUPP, VMM_SANDBOX_LANDLOCK);
	if (r == 0)
		r = unless_missing(IS_WHOLE ? close_calls(who, address) : -EOPNOTSUPP, VMM_SANDBOX_SECCOMP);
	return r;
}

uint32_t sandbox_lacks(void)
{
	return atomic_load(&lacks);
}

const char *sandbox_lacks_text(void)
{
	static const char *const texts[] = {
		[0] = "it is whole",
		[VMM_SANDBOX_LANDLOCK] = "no Landlock: this kernel, or this container, does not have it, or it is not among lsm=",
		[VMM_SANDBOX_SECCOMP] = "no seccomp filter: this kernel does not have it",
		[VMM_SANDBOX_LAYERS] = "neither Landlock nor a seccomp filter: this kernel, or this container, does not have them",
	};

	return IS_WHOLE ? texts[sandbox_lacks()] : "no walls: this VMM was built with a sanitizer";
}

void sandbox_leave_thread(void)
{
	/* Its stack stays until the process ends, which is soon: giving it back takes calls that nothing else needs. */
	if (IS_WHOLE)
		(void)syscall(SYS_exit, 0);
}
