/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A VM's definition as a fixed struct with strings: what the daemon makes of the JSON (lifecycle.vm(5)), keeps, and
 * sends to the VMM at birth. Everything in it was checked by the parser; a reader on the other side of a process
 * boundary checks that strings end and counts hold (definition_is_sane).
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VM_NAME_MAX 63 /* [A-Za-z0-9][A-Za-z0-9_.-]{0,62} */
#define VM_VCPU_MAX 64
#define VM_CPU_MAX 256 /* host CPUs that a placement can name */
#define VM_PATH_MAX 255
#define VM_CMDLINE_MAX 1023
#define VM_AFTER_MAX 8
#define VM_PARTITION_MAX 4
#define VM_DEVICE_MAX 8
#define VM_DEVICE_PATH_MAX 63
#define VM_ASSIGNED_MAX 4
#define VM_SCRIPT_MAX 126

enum huge_pages {
	HUGE_PAGES_NEVER = 0,       /* ordinary pages on the memory place (tmpfs) */
	HUGE_PAGES_TRANSPARENT = 1, /* madvise(MADV_HUGEPAGE) on it */
	HUGE_PAGES_RESERVED = 2,    /* the file is made on the hugetlbfs place */
};

enum console_kind {
	CONSOLE_NONE = 0,
	CONSOLE_SERIAL = 1, /* 8250: port 0x3f8 on x86-64, MMIO on arm64 */
};

enum scheduling { /* of the vCPUs' threads, sched(7) */
	SCHEDULING_OTHER = 0,
	SCHEDULING_FIFO = 1,
	SCHEDULING_RR = 2,
};

#define VM_PRIORITY_MAX 98 /* the VMM's main thread is above its vCPUs' */

enum on_end { /* what follows an end nobody asked for */
	ON_END_STOP = 0,
	ON_END_RESTART = 1,
	ON_END_PRESERVE = 2, /* kept for a post-mortem, until somebody ends it */
};

enum on_stuck { /* a restart whose old life is stuck at an SP past the active phase */
	ON_STUCK_WAIT = 0,
	ON_STUCK_NEW_ID = 1,
};

#define ASSIGNED_TYPES(X)                                                                                              \
	X(ASSIGNED_NONE, 0, "none")                                                                                    \
	X(ASSIGNED_VFIO_FAKE, 1, "vfio-fake") /* migrates as its script says; no guest sees it */                      \
	X(ASSIGNED_CCW_FAKE, 2, "ccw-fake")   /* a subchannel that does what its script says; no guest sees it */
#define ASSIGNED_ENUM_ENTRY(symbol, number, string) symbol = number,
enum assigned_type { ASSIGNED_TYPES(ASSIGNED_ENUM_ENTRY) ASSIGNED_TYPE_COUNT };

/* A device that the VM is given. */
struct vm_assigned {
	uint8_t type; /* enum assigned_type */
	char script[VM_SCRIPT_MAX + 1];
};

struct cpu_mask {
	uint64_t word[VM_CPU_MAX / 64]; /* all zero: any CPU */
};

struct vm_policies {
	uint8_t on_poweroff; /* enum on_end */
	uint8_t on_reboot;
	uint8_t on_crash;    /* every end nobody asked for that has no policy of its own */
	uint8_t on_stuck;    /* enum on_stuck */
	uint8_t on_panic;    /* these two: what on_crash says, where the definition does not say it */
	uint8_t on_watchdog;
	uint8_t on_start_failure; /* the VMM did not build it, or an SP did not take it */
	uint8_t restart_jitter; /* percent of the delay, up or down */
	uint32_t restart_delay_ms; /* of the first; each further one without a healthy time between waits longer */
	uint32_t restart_limit; /* automatic restarts in restart_window_ms before it stays down; 0: no limit */
	uint32_t restart_window_ms;
	uint32_t restart_factor;
	uint32_t restart_delay_max_ms;
	uint32_t restart_healthy_ms; /* a guest that ran so long begins with the first delay again */
};

struct vm_limits {
	uint32_t build_timeout_ms;    /* VMM start to built */
	uint32_t announce_timeout_ms; /* per SP, from the first VM_CREATED sent to it */
	uint32_t console_bytes;       /* ring kept with the last end; a power of two, 4 KiB to 1 MiB */
	uint8_t overcommit;           /* bool: start even if all memories exceed their place */
	uint8_t reserved[3];
	uint32_t stop_timeout_ms;     /* power key pressed to guest ended, before it is ended by force */
	uint32_t partition_timeout_ms; /* for the SPs of `partition` to be there, before a start fails */
	uint32_t preserve_timeout_ms; /* how long a life is kept for a post-mortem; 0: until somebody ends it */
};

/* What the service manager lets the VMM have; 0: what its unit says. Where there is none nobody keeps it. */
struct vm_resources {
	uint64_t memory_max; /* bytes: guest memory, and the VMM's own */
	uint32_t tasks_max;
	uint32_t cpu_quota; /* percent of one CPU */
	uint16_t cpu_weight, io_weight;
	uint8_t device_count;
	uint8_t reserved[3];
	char device[VM_DEVICE_MAX][VM_DEVICE_PATH_MAX + 1]; /* nodes that it may open, beside /dev/kvm */
};

/* An SP that must be there before a VM starts. */
struct wanted_partition {
	uint16_t id; /* 0: by UUID */
	uint8_t uuid[16];
};

struct vm_definition {
	char name[VM_NAME_MAX + 1];
	uint8_t uuid[16];
	uint16_t ffa_id; /* 0: the daemon picks one at each life */
	uint16_t vcpu_count;
	uint8_t huge_pages; /* enum huge_pages */
	uint8_t console;    /* enum console_kind */
	uint8_t after_count;
	uint8_t from_file; /* 1 + the index of the vm.d that it was read from; 0: defined over D-Bus */
	uint8_t requires_count;
	uint8_t partition_count;
	uint8_t autostart; /* bool: started with the host's first daemon */
	uint8_t notifications; /* bool: it has a notification bitmap */
	uint8_t scheduling; /* enum scheduling */
	uint8_t priority;   /* 0: scheduling is OTHER */
	uint8_t reserved[2];
	uint32_t vcpu_stall_ms; /* 0: nobody watches for it */
	uint32_t reserved_too;
	uint64_t memory_bytes;
	struct vm_policies policies;
	struct vm_limits limits;
	uint32_t reserved_three; /* nowhere padding: definitions are compared as bytes */
	struct vm_resources resources;
	char kernel[VM_PATH_MAX + 1];
	char initrd[VM_PATH_MAX + 1]; /* "" : none; likewise dtb */
	char dtb[VM_PATH_MAX + 1];
	char cmdline[VM_CMDLINE_MAX + 1];
	char after[VM_AFTER_MAX][VM_NAME_MAX + 1]; /* VMs that must be RUNNING before this one starts */
	char requires[VM_AFTER_MAX][VM_NAME_MAX + 1]; /* the same; they start with this one, and it ends with them */
	struct wanted_partition partition[VM_PARTITION_MAX];
	struct cpu_mask placement[VM_VCPU_MAX];
	uint8_t assigned_count;
	struct vm_assigned assigned[VM_ASSIGNED_MAX]; /* in the order in which they start */
	uint8_t reserved_four[7];
};

/* What a life that is under way takes from a new definition at once. All else is what the VM is built from: its next life's. */
#define DEFINITION_AT_ONCE(X)                                                                                          \
	X(from_file)                                                                                                   \
	X(policies)                                                                                                    \
	X(limits.build_timeout_ms)                                                                                     \
	X(limits.announce_timeout_ms)                                                                                  \
	X(limits.stop_timeout_ms)                                                                                      \
	X(limits.partition_timeout_ms)                                                                                 \
	X(limits.preserve_timeout_ms)                                                                                  \
	X(after_count)                                                                                                 \
	X(after)                                                                                                       \
	X(requires_count)                                                                                              \
	X(requires)                                                                                                    \
	X(partition_count)                                                                                             \
	X(partition)                                                                                                   \
	X(autostart)

/* A key in which two definitions differ, with its values in the words of the file; "": it is left out. */
struct definition_change {
	const char *key, *old, *new;
	bool at_once; /* a life that is under way takes it */
};

#define DEFINITION_MEMORY_MIN (2ull << 20)
#define DEFINITION_MEMORY_MAX (1ull << 40)

static inline bool definition_string_ends(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

/* What a VMM may rely on, whoever sent the bytes. */
static inline bool definition_is_sane(const struct vm_definition *d)
{
	if (!definition_string_ends(d->name, sizeof(d->name)) || !definition_string_ends(d->kernel, sizeof(d->kernel)) ||
		!definition_string_ends(d->initrd, sizeof(d->initrd)) ||
		!definition_string_ends(d->dtb, sizeof(d->dtb)) ||
		!definition_string_ends(d->cmdline, sizeof(d->cmdline)) || d->after_count > VM_AFTER_MAX ||
		d->resources.device_count > VM_DEVICE_MAX ||
		d->assigned_count > VM_ASSIGNED_MAX ||
		d->requires_count > VM_AFTER_MAX || d->partition_count > VM_PARTITION_MAX)
		return false;
	for (unsigned i = 0; i < d->resources.device_count; i++)
		if (!definition_string_ends(d->resources.device[i], sizeof(d->resources.device[i])))
			return false;
	for (unsigned i = 0; i < d->assigned_count; i++)
		if (d->assigned[i].type == ASSIGNED_NONE || d->assigned[i].type >= ASSIGNED_TYPE_COUNT ||
			!definition_string_ends(d->assigned[i].script, sizeof(d->assigned[i].script)))
			return false;
	for (unsigned i = 0; i < d->after_count; i++)
		if (!definition_string_ends(d->after[i], sizeof(d->after[i])))
			return false;
	for (unsigned i = 0; i < d->requires_count; i++)
		if (!definition_string_ends(d->requires[i], sizeof(d->requires[i])))
			return false;
	return d->vcpu_count >= 1 && d->vcpu_count <= VM_VCPU_MAX && d->memory_bytes >= DEFINITION_MEMORY_MIN &&
		d->memory_bytes <= DEFINITION_MEMORY_MAX && d->huge_pages <= HUGE_PAGES_RESERVED &&
		d->console <= CONSOLE_SERIAL && d->scheduling <= SCHEDULING_RR && d->priority <= VM_PRIORITY_MAX &&
		!d->priority == !d->scheduling;
}
