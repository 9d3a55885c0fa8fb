/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SEE_H
#define LIFECYCLE_SEE_H

/* VMs, Secure Partitions and the daemon, as they are. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lifecycle/connection.h>
#include <lifecycle/define.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an unfinished operation waits for. */
struct lifecycle_waits_on {
	int on;           /* enum lifecycle_wait */
	uint16_t sp;      /* WAIT_SP */
	uint32_t tries;   /* how often it was tried */
	uint64_t since;
	uint64_t until;   /* 0: without limit */
	const char *name; /* WAIT_VM; WAIT_DISK: where the log is; "" otherwise */
};

/* FF-A ids of Secure Partitions. */
struct lifecycle_sp_ids {
	size_t count;
	const uint16_t *id;
};

/* One VM of a list or a snapshot. */
struct lifecycle_vm {
	size_t size;
	const char *name;
	const char *uuid;
	uint64_t life;       /* 0: none */
	uint16_t endpoint;   /* FF-A id; 0: none */
	int state, substate; /* enum lifecycle_state, lifecycle_substate */
	int operation;       /* that is under way: enum lifecycle_operation */
	int waits_on;        /* enum lifecycle_wait */
	int cause;           /* of the end under way: enum lifecycle_cause */
	uint64_t since;      /* of this sub-state */
	uint64_t changed_at; /* the last sequence number that touched it */
	bool secure_stuck;   /* an SP holds up an end past its active phase */
	bool unreachable;    /* its VMM lives and does not connect */
	uint32_t old_lives;  /* earlier lives that still settle */
	struct lifecycle_sp_ids stuck_at; /* SPs that have not taken the end of a life of this VM, an old one perhaps, in time */
	const char *pending; /* what comes once its life is over: "-", "change" or "removal" */
	bool stale;          /* its VMM lives, and is of a version that this daemon cannot speak with */
	uint32_t vmm_pid;    /* 0: none. */
	uint32_t restarts;   /* automatic ones in the window of restart-limit */
};

/* What a life owes a Secure Partition. */
struct lifecycle_peer {
	size_t size;
	uint16_t sp;
	int debt; /* enum lifecycle_debt */
	int how;  /* enum lifecycle_how */
	uint32_t tries; /* messages of this step */
	bool stuck;
	/* what follows is told by lifecycle_peers() alone */
	uint64_t life;
	uint16_t endpoint;  /* FF-A id of the life */
	const char *vm;     /* its name */
	const char *reply;  /* the last one: "ack", "retry", ...; "-": none yet. Since the daemon started, as `sent` */
	const char *place;  /* of the next message: "line", "ready", "back-off", "probe", "sent", "suspended" or "-" */
	uint32_t sent;      /* messages for this life in all */
	uint64_t since;     /* of this debt state */
	uint64_t next;      /* when it is sent again; 0: that is no matter of time */
	uint64_t until;     /* when patience with this step ends; 0: never */
	bool old;           /* not the VM's current life */
	uint32_t ticket;    /* in line for the SP's creation slot: whose is lower comes first; 0: not in line */
};

/* A device that the VM was given. */
struct lifecycle_device {
	size_t size;
	const char *type, *state; /* "running", "stop", "stop-copy", ...: VFIO's migration states */
	const char *condition; /* "-", "awaited", "failed", "was-reset", "dead", "unmigratable" */
	const char *text;      /* what it is waited for in, or what went wrong; or "" */
};

/* A vCPU whose FF-A call waits for another partition. */
struct lifecycle_vcpu_call {
	size_t size;
	uint32_t vcpu;
	uint16_t callee;  /* its FF-A id; from 0x8000 on it is a secure one */
	const char *name; /* of a VM; "": it is none, or is gone */
	uint64_t since;   /* CLOCK_MONOTONIC ns */
};

/* Everything about one VM. */
struct lifecycle_vm_details {
	size_t size;
	const struct lifecycle_vm *vm;
	uint64_t operation_since;
	struct lifecycle_waits_on waits;
	uint64_t memory_bytes;
	uint32_t vmm_pid; /* 0: none */
	uint32_t restarts; /* automatic ones in the window of restart-limit */
	uint32_t refused;  /* illegal transitions asked for */
	bool from_file;
	uint32_t vcpu_count;
	size_t vcpu_states; /* how many are known: 0 without a life */
	const int *vcpu;    /* enum lifecycle_vcpu_state */
	size_t peer_count;
	const struct lifecycle_peer *const *peer; /* what this life owes each SP */
	int end_cause; /* CAUSE_NONE: it never ended */
	uint64_t end_life;
	uint64_t end_realtime;
	const char *end_text;
	int outcome; /* of the operation that ended last: enum lifecycle_outcome */
	size_t old_peer_count;
	const struct lifecycle_peer *const *old_peer; /* what older lives still owe, the oldest first; whole, as from lifecycle_peers() */
	size_t device_count;
	const struct lifecycle_device *const *device;
	uint64_t next_start; /* a life is to begin by itself, and not before; 0: none is, or at once */
	const uint64_t *vcpu_since; /* of each of vcpu, CLOCK_MONOTONIC ns; 0: its VMM has not told yet */
	size_t pending_count;
	const struct lifecycle_key_change *const *pending; /* keys that are others in the next life */
	bool bound; /* it lives with the client that started it */
	size_t call_count;
	const struct lifecycle_vcpu_call *const *call;
	const char *sandbox_lacks; /* "landlock", "seccomp" or both: what this kernel does not have for its VMM; "-": nothing */
	uint32_t can; /* 1 << enum lifecycle_verb for each that would change something now, as far as the VM itself goes */
};

/* How often each word came. */
struct lifecycle_counts {
	size_t count;
	const struct lifecycle_count {
		const char *word;
		uint64_t times;
	} *at;
};

/* bucket[0] counts zeros, bucket[n] the values from 2^(n-1) to 2^n - 1, the 32nd bucket all that is above as well. */
struct lifecycle_histogram {
	size_t count; /* buckets up to the last that is not 0 */
	const uint64_t *bucket;
};

/* An FF-A partition. */
struct lifecycle_partition {
	size_t size;
	uint16_t id;
	bool secure;         /* a Secure Partition; the fields after `stuck` are for these */
	const char *name;    /* of the VM */
	const char *uuid;
	const char *status;  /* an SP's "ok", "degraded" or "gone"; a VM's state */
	uint32_t properties; /* FFA_PARTITION_INFO_GET's */
	uint32_t owed;       /* lives that owe this SP something, or SPs that this VM's life owes something */
	uint32_t stuck;      /* of these, past their active phase */
	const char *profile; /* "strict", "trusty" or "optee"; "spmc": the SPMC itself, which makes notification bitmaps */
	bool wants_created, wants_destroyed;
	uint32_t contexts;
	uint32_t generation; /* its instance; 0: the secure side cannot tell */
	uint64_t sent, retried, answered; /* messages since the daemon started */
	uint32_t version;     /* its own FF-A version, major << 16 | minor; 0: not told (partitions tell it from v1.3 on) */
	bool in_flight;       /* a call is with it, or suspended in it */
	uint64_t stuck_since; /* so long something is, without a break; 0: nothing is */
	uint64_t next_probe;  /* when it is asked for all that are stuck; 0: nothing is */
	uint64_t rests_until; /* it took nothing of anybody and is asked nothing before then; 0: it does not rest */
	struct lifecycle_queues {
		uint32_t line, ready, back_off, probe;
	} queues; /* debts in them now; the words are those of lifecycle_peer's `place` */
	/* counted since the daemon started */
	struct lifecycle_frames {
		uint64_t submitted, completed, lost;
	} frames; /* lost: with the link, before their answer came */
	struct lifecycle_counts verdicts; /* its answers, in the words of lifecycle_peer's `reply` */
	struct lifecycle_counts settled;  /* ways in which debts were settled, and "rejected": VM_CREATEDs that were refused */
	/* retries: messages beyond the first until VM_CREATED, or VM_DESTROYED, was done; latency: us that it took from that on */
	struct lifecycle_histogram created_retries, created_latency, destroyed_retries, destroyed_latency;
	struct lifecycle_histogram frame_latency; /* us from a frame to its answer */
	size_t uuid_count;
	const char *const *uuids; /* all that it is listed with; the first is `uuid` */
};

/* The daemon itself. */
struct lifecycle_daemon {
	size_t size;
	const char *version;
	const char *epoch; /* of its log: numbers and lives are of this epoch */
	uint64_t incarnation;
	uint64_t seq; /* the last change shown */
	const char *secure_side; /* "up", "down" or "none" */
	bool disk_stuck;
	bool shutting_down; /* nothing starts, and all VMs end */
	uint32_t vm_count;
};

struct lifecycle_vm_list;
struct lifecycle_vm_info;
struct lifecycle_partition_list;

/* All VMs, by name in byte order, in one call. */
int lifecycle_list(struct lifecycle *l, struct lifecycle_vm_list **ret);
struct lifecycle_vm_list *lifecycle_vm_list_unref(struct lifecycle_vm_list *list);
size_t lifecycle_vm_list_count(const struct lifecycle_vm_list *list);
const struct lifecycle_vm *lifecycle_vm_list_at(const struct lifecycle_vm_list *list, size_t i); /* NULL: past the end */
const struct lifecycle_vm *lifecycle_vm_list_find(const struct lifecycle_vm_list *list, const char *name);

/* Everything about one VM, at one moment; what older lives owe is asked for after it. -ENOENT: there is none of that name. */
int lifecycle_vm_info(struct lifecycle *l, const char *name, struct lifecycle_vm_info **ret);
struct lifecycle_vm_info *lifecycle_vm_info_unref(struct lifecycle_vm_info *info);
const struct lifecycle_vm_details *lifecycle_vm_info_details(const struct lifecycle_vm_info *info);

/* The FF-A partitions: VMs that have a life, and Secure Partitions with what is queued for them and what was counted. */
int lifecycle_partitions(struct lifecycle *l, struct lifecycle_partition_list **ret);
struct lifecycle_partition_list *lifecycle_partition_list_unref(struct lifecycle_partition_list *list);
size_t lifecycle_partition_list_count(const struct lifecycle_partition_list *list);
const struct lifecycle_partition *lifecycle_partition_list_at(const struct lifecycle_partition_list *list, size_t i);

struct lifecycle_peer_list;
struct lifecycle_frame_list;

/* What the VM's life owes each SP, and what older lives owe still. `name` "" or NULL: of all VMs, in one call. */
int lifecycle_peers(struct lifecycle *l, const char *name, struct lifecycle_peer_list **ret);
struct lifecycle_peer_list *lifecycle_peer_list_unref(struct lifecycle_peer_list *list);
size_t lifecycle_peer_list_count(const struct lifecycle_peer_list *list);
const struct lifecycle_peer *lifecycle_peer_list_at(const struct lifecycle_peer_list *list, size_t i);
uint32_t lifecycle_peer_list_left_out(const struct lifecycle_peer_list *list); /* the daemon had no memory for these */

/* A frame to or from an SP, and what its registers say. Strings are "" where there is nothing to say. */
struct lifecycle_frame {
	size_t size;
	uint64_t number; /* the SP's first frame is 1 */
	uint64_t at;
	uint64_t took;   /* an answer: since its request left */
	uint64_t life;   /* that it is about; 0: none */
	uint64_t x[8];   /* x0 to x7; of what a guest and an SP say to each other x3 to x7 are 0 */
	uint16_t sp;     /* 0: discovery */
	uint16_t endpoint;
	bool answer;
	const char *vm;
	const char *reply;    /* an answer's verdict, as in lifecycle_peer */
	const char *function; /* "FFA_RUN", ...; "" if not known */
	const char *message;  /* "VM_CREATED", "VM_DESTROYED", or of FFA_FEATURES the function asked for */
	const char *status;   /* "SUCCESS", "RETRY", ... */
};

/* The last 64 frames of an SP, or of discovery (0), the oldest first; those with a higher number than `after`. */
int lifecycle_trace(struct lifecycle *l, uint16_t sp, uint64_t after, struct lifecycle_frame_list **ret);
struct lifecycle_frame_list *lifecycle_frame_list_unref(struct lifecycle_frame_list *list);
size_t lifecycle_frame_list_count(const struct lifecycle_frame_list *list);
const struct lifecycle_frame *lifecycle_frame_list_at(const struct lifecycle_frame_list *list, size_t i);

/* The daemon itself. *ret lives until the next such call, or until the connection goes. */
int lifecycle_daemon_info(struct lifecycle *l, const struct lifecycle_daemon **ret);

#ifdef __cplusplus
}
#endif

#endif
