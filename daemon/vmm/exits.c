/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/exits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Numbers newer than the headers we may be built with (api.rst s.5). */
#define EXIT_MEMORY_FAULT      39
#define EXIT_ARM_SEA           41
#define EVENT_TDX_FATAL        7
#define NOTIFY_CONTEXT_INVALID 1u

struct row {
	enum exit_act act;
	bool pending;
	enum vm_cause cause; /* CAUSE_NONE with EXIT_ACT_END: nothing we enable, hence vcpu-error */
	const char *text;
};

#define END(c, t)                                                                                            \
	{                                                                                                    \
		.act = EXIT_ACT_END, .cause = (c), .text = (t)                                               \
	}
#define AGAIN                                                                                                \
	{                                                                                                    \
		.act = EXIT_ACT_AGAIN                                                                        \
	}

/*
 * The X86 MSR exits, IOAPIC_EOI and DIRTY_RING_FULL come only when asked for, and nothing here asks: they are
 * errors until it does. So is the suspend event: PSCI SYSTEM_SUSPEND is answered by us or, where calls are not forwarded, by
 * KVM with NOT_SUPPORTED. HYPERCALL and ARM_NISV are asked for on arm64, where the host can (without
 * the second such an access is ENOSYS).
 */
static const struct row exits[] = {
	[KVM_EXIT_UNKNOWN] = END(CAUSE_VCPU_ERROR, "hardware exit unknown to KVM"),
	[KVM_EXIT_EXCEPTION] = END(CAUSE_VCPU_ERROR, "unexpected exception exit"),
	[KVM_EXIT_IO] = { .act = EXIT_ACT_IO, .pending = true },
	[KVM_EXIT_HYPERCALL] = { .act = EXIT_ACT_HYPERCALL, .pending = true },
	[KVM_EXIT_HLT] = { .act = EXIT_ACT_HALT },
	[KVM_EXIT_MMIO] = { .act = EXIT_ACT_MMIO, .pending = true },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = AGAIN,
	[KVM_EXIT_SHUTDOWN] = END(CAUSE_GUEST_PANIC, "the guest crashed (triple fault)"),
	[KVM_EXIT_FAIL_ENTRY] = END(CAUSE_VCPU_ERROR, "the CPU refused to enter the guest"),
	[KVM_EXIT_INTR] = AGAIN,
	[KVM_EXIT_INTERNAL_ERROR] = END(CAUSE_VCPU_ERROR, "KVM internal error"),
	[KVM_EXIT_ARM_NISV] = { .act = EXIT_ACT_UNDECODED },
	[EXIT_MEMORY_FAULT] = END(CAUSE_MEMORY_FAULT, "guest memory cannot be had"),
	[EXIT_ARM_SEA] = END(CAUSE_MEMORY_FAULT, "host memory error under the guest"),
};

static const struct row events[] = {
	[KVM_SYSTEM_EVENT_SHUTDOWN] = END(CAUSE_GUEST_POWEROFF, "the guest powered off"),
	[KVM_SYSTEM_EVENT_RESET] = END(CAUSE_GUEST_REBOOT, "the guest asked for a reset"),
	[KVM_SYSTEM_EVENT_CRASH] = END(CAUSE_GUEST_PANIC, "the guest reported a crash"),
	[KVM_SYSTEM_EVENT_WAKEUP] = { .act = EXIT_ACT_WOKEN },
	[KVM_SYSTEM_EVENT_SUSPEND] = END(CAUSE_VCPU_ERROR, "suspend event that was not asked for"),
	[KVM_SYSTEM_EVENT_SEV_TERM] = END(CAUSE_GUEST_PANIC, "the confidential guest ended itself"),
	[EVENT_TDX_FATAL] = END(CAUSE_GUEST_PANIC, "the confidential guest met a fatal error"),
};

/*
 * What KVM_RUN returned when it was not 0 (1.4). exit_reason is then meaningless, unless it is
 * MEMORY_FAULT.
 */
static const struct {
	int error;
	struct row row;
} errors[] = {
	{ EINTR, AGAIN },
	{ EAGAIN, AGAIN },
	{ EFAULT, END(CAUSE_MEMORY_FAULT,
			  "guest memory cannot be had (host out of memory, or the memory place is full)") },
	{ EHWPOISON, END(CAUSE_MEMORY_FAULT, "host memory error under the guest") },
	{ ENOEXEC, END(CAUSE_START_FAILED, "KVM says that the vCPU was not initialised") },
	{ EPERM, END(CAUSE_START_FAILED, "KVM says that the vCPU was not finalised") },
	{ ENOSYS, END(CAUSE_VCPU_ERROR, "the guest used an instruction that cannot be decoded on a device") },
	{ EIO, END(CAUSE_VCPU_ERROR, "KVM marked the VM as dead") },
	{ EINVAL, END(CAUSE_VCPU_ERROR, "KVM refused the vCPU's state") },
	{ ENOMEM, END(CAUSE_VCPU_ERROR, "the host is out of memory") },
};

static const struct row unknown = END(CAUSE_VCPU_ERROR, NULL);

static const struct row *row_of(const struct row *table, size_t count, uint32_t number)
{
	if (number >= count || (table[number].act == EXIT_ACT_END && table[number].cause == CAUSE_NONE))
		return &unknown;
	return &table[number];
}

static const struct row *row_of_error(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			return &errors[i].row;
	return &unknown;
}

/* The details worth keeping of an end. */
static void fill_detail(const struct kvm_run *run, struct vmm_end *end)
{
	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		end->detail[0] = run->internal.suberror;
		end->detail[1] = run->internal.ndata ? run->internal.data[0] : 0;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		end->detail[0] = run->system_event.type;
		/* Before SYSTEM_EVENT_DATA this place held flags, and ndata was padding. */
		end->detail[1] = run->system_event.data[0];
		break;
	case KVM_EXIT_FAIL_ENTRY:
		end->detail[0] = run->fail_entry.hardware_entry_failure_reason;
		end->detail[1] = run->fail_entry.cpu;
		break;
	case KVM_EXIT_NOTIFY:
		end->detail[0] = run->notify.flags;
		break;
	case EXIT_MEMORY_FAULT: {
		/* struct memory_fault { u64 flags, gpa, size } of Linux 6.8. */
		uint64_t words[2];

		memcpy(words, run->padding, sizeof(words));
		end->detail[0] = words[1];
		end->detail[1] = words[0];
		break;
	}
	}
}

static void fill_text(const struct row *row, const struct kvm_run *run, struct vmm_end *end)
{
	if (end->errno_value && !row->text)
		snprintf(end->text, sizeof(end->text), "KVM_RUN failed with errno %d", end->errno_value);
	else if (!row->text && end->exit_reason == KVM_EXIT_SYSTEM_EVENT)
		snprintf(end->text, sizeof(end->text), "unknown system event %u", run->system_event.type);
	else if (!row->text)
		snprintf(end->text, sizeof(end->text), "unexpected KVM exit %u", end->exit_reason);
	else if (end->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		snprintf(end->text, sizeof(end->text), "%s: suberror %u", row->text, run->internal.suberror);
	else
		snprintf(end->text, sizeof(end->text), "%s", row->text);
}

static const struct row *row_of_exit(const struct kvm_run *run, bool reset_asked)
{
	static const struct row reboot = END(CAUSE_GUEST_REBOOT, "the guest reset itself (triple fault)");
	static const struct row stall = END(CAUSE_VCPU_STALL, "the guest never lets an interrupt in");
	static const struct row broken = END(CAUSE_VCPU_ERROR, "the vCPU's context is corrupted");

	switch (run->exit_reason) {
	case KVM_EXIT_SYSTEM_EVENT:
		return row_of(events, sizeof(events) / sizeof(events[0]), run->system_event.type);
	case KVM_EXIT_SHUTDOWN:
		if (reset_asked)
			return &reboot;
		break;
	case KVM_EXIT_NOTIFY:
		return run->notify.flags & NOTIFY_CONTEXT_INVALID ? &broken : &stall;
	}
	return row_of(exits, sizeof(exits) / sizeof(exits[0]), run->exit_reason);
}

void exit_judge(const struct kvm_run *run, int r, bool reset_asked, struct exit_verdict *ret)
{
	const struct row *row = r < 0 ? row_of_error(-r) : row_of_exit(run, reset_asked);
	bool told = r >= 0 || run->exit_reason == EXIT_MEMORY_FAULT;

	memset(ret, 0, sizeof(*ret));
	ret->act = row->act;
	ret->pending = row->pending;
	if (row->act != EXIT_ACT_END)
		return;
	ret->end.cause = row->cause;
	ret->end.errno_value = r < 0 ? -r : 0;
	if (told) {
		ret->end.exit_reason = run->exit_reason;
		fill_detail(run, &ret->end);
	}
	fill_text(row, run, &ret->end);
}
