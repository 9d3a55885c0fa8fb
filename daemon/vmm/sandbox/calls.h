/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which system calls a thread of the VMM may make once its sandbox is closed: one row for each, or for each set of arguments
 * where they are looked at. Whatever has no row ends the process, so nothing is here that is not used. Read by make-filter.c
 * when the VMM is built; the values are C, and become numbers in filter.c, for which machine it may be.
 *
 * A pointer is nothing that a filter can follow. `own.address` is one all the same: it is memory that nobody can write any
 * more (link.h), for there is no mmap, mprotect or mremap to change what is there.
 */

enum {
	BY_MAIN = 1 << 0,
	BY_VCPU = 1 << 1,
	BY_ALL = BY_MAIN | BY_VCPU,

	ON_X86_64 = 1 << 0,
	ON_ARM64 = 1 << 1,
	ON_ALL = ON_X86_64 | ON_ARM64,
};

#define CALL_ARGUMENTS 3

struct call {
	unsigned by, on;
	const char *name;
	struct {
		unsigned number; /* of the argument, from 0 */
		const char *is;  /* NULL: no more */
	} argument[CALL_ARGUMENTS];
};

#define ARGUMENT(n, value) { (n), #value }
#define KVM(by, on, request) { (by), (on), "ioctl", { ARGUMENT(1, request) } }

static const struct call calls[] = {
	/* The guest. */
	KVM(BY_VCPU, ON_ALL, KVM_RUN),
	KVM(BY_ALL, ON_ALL, KVM_IRQ_LINE),
	KVM(BY_VCPU, ON_X86_64, KVM_GET_REGS),  /* does it hold interrupts off? */
	KVM(BY_VCPU, ON_X86_64, KVM_GET_LAPIC),
	KVM(BY_ALL, ON_ARM64, KVM_GET_ONE_REG), /* the same; and the clock */
	KVM(BY_ALL, ON_ARM64, KVM_SET_ONE_REG), /* what a firmware call returns; the clock */
	KVM(BY_VCPU, ON_ARM64, KVM_SET_VCPU_EVENTS),
	KVM(BY_VCPU, ON_ARM64, KVM_SET_MP_STATE), /* a vCPU that is switched off, or on */
	KVM(BY_VCPU, ON_ARM64, KVM_ARM_VCPU_INIT),
	KVM(BY_MAIN, ON_X86_64, KVM_GET_CLOCK),
	KVM(BY_MAIN, ON_X86_64, KVM_SET_CLOCK),
	KVM(BY_MAIN, ON_X86_64, KVM_KVMCLOCK_CTRL),
	/* Of the console, and of what a guest is to read. */
	{ BY_ALL, ON_ALL, "madvise", { ARGUMENT(2, MADV_POPULATE_WRITE) } },

	/* Threads among themselves: the gate, kicks and their end, the call to the main thread. */
	{ BY_ALL, ON_ALL, "futex" },
	{ BY_MAIN, ON_ALL, "getpid" },
	{ BY_MAIN, ON_ALL, "tgkill", { ARGUMENT(0, own.pid), ARGUMENT(2, VCPU_KICK_SIGNAL) } },
	{ BY_ALL, ON_ALL, "rt_sigreturn" },
	{ BY_VCPU, ON_ALL, "restart_syscall" }, /* the kernel's own word for the rest of a nap, after SIGSTOP */
	{ BY_ALL, ON_ALL, "write" },           /* an eventfd; and a line for stderr */
	{ BY_MAIN, ON_ALL, "read" },
	{ BY_MAIN, ON_ALL, "ppoll" },
	{ BY_ALL, ON_ALL, "clock_gettime" }, /* of a thread; and of all where the vDSO cannot tell it */
	{ BY_VCPU, ON_ALL, "exit" },
	{ BY_MAIN, ON_ALL, "exit_group", { ARGUMENT(0, 0) } },
	{ BY_MAIN, ON_ALL, "exit_group", { ARGUMENT(0, 1) } },

	/* The daemon, which may go and come back. */
	{ BY_MAIN, ON_ALL, "socket", { ARGUMENT(0, AF_UNIX), ARGUMENT(1, LINK_SOCKET_TYPE), ARGUMENT(2, 0) } },
	{ BY_MAIN, ON_ALL, "connect", { ARGUMENT(1, own.address) } },
	{ BY_ALL, ON_ALL, "sendto", { ARGUMENT(4, 0) } }, /* to whom it is connected; so the journal, and PID 1 */
	{ BY_ALL, ON_ALL, "recvmsg" },
	{ BY_VCPU, ON_ALL, "writev" }, /* its channel */
	{ BY_MAIN, ON_ALL, "shutdown" },
	{ BY_MAIN, ON_ALL, "close" },
	{ BY_MAIN, ON_ALL, "munmap" }, /* a machine that is over is given back */

	/* Is there room on stderr? */
	{ BY_ALL, ON_X86_64, "poll" },
	{ BY_VCPU, ON_ARM64, "ppoll" },
};

/* The one call that is no mistake and ends the process all the same: so the handler of SIGSYS has the last word. */
#define SANDBOX_END_CALL   "exit_group"
#define SANDBOX_END_STATUS 159
