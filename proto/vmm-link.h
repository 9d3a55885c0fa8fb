/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The link between lifecycled and one lifecycled-vmm. SOCK_SEQPACKET; the VMM connects to the daemon's one socket. One
 * fixed frame a message, host byte order (both run on one machine), each field checked by whoever reads it.
 *
 *   VMM -> daemon   NEWBORN   a VMM without a life, first frame: "I am the VMM of VM `name`"
 *   daemon -> VMM   BIRTH     the life; with it four fds (VMM_FD_*). Or REFUSED, then the daemon hangs up
 *   VMM -> daemon   BACK      first frame of a VMM that has a life and found a (new) daemon: its complete state
 *   daemon -> VMM   WELCOME   it is known and adopted; commands follow. Or REFUSED: the VMM ends its guest and exits
 *   VMM -> daemon   BUILT     KVM VM, vCPUs and memory are ready
 *   daemon -> VMM   ENTER     vCPUs may enter
 *   VMM -> daemon   ENTERED   vCPU 0 is about to enter KVM_RUN for the first time
 *   VMM -> daemon   VCPU      one vCPU changed its state
 *   VMM -> daemon   DEVICE    how one of the VM's devices is; all are told after BIRTH and WELCOME, then each that changes
 *   VMM -> daemon   SANDBOX   which layers its sandbox is without, because this kernel does not have them; after the build and
 *                             after WELCOME, and not at all where it is whole
 *   daemon -> VMM   QUIESCE   take every vCPU out of KVM_RUN and never let one in again; the VMM kicks (again after 10 ms)
 *   VMM -> daemon   QUIESCED  every vCPU thread has acknowledged outside KVM_RUN, and every device is
 *                             stopped, reset or dead: final for this life
 *   daemon -> VMM   STOP      press the guest's power key; after ENTERED only
 *   VMM -> daemon   DEAF      the answer to STOP where nobody listens to the key: nothing was pressed, the guest goes on
 *   VMM -> daemon   STOPPING  the VMM was told to stop (SIGTERM) and pressed the key: from here on it is a stop for the
 *                             daemon, too. The VMM itself never gives up: who asked has the deadline
 *   daemon -> VMM   PAUSE     take every vCPU out of KVM_RUN and let it stand; after ENTERED only
 *   VMM -> daemon   PAUSED    the answer to the PAUSE of that number: all stand, the guest's clock and devices too
 *   VMM -> daemon   NOT_PAUSED  the other answer: a device would not stop (DEVICE said which, and why). All devices run again;
 *                             the vCPUs stand until RESUME
 *   daemon -> VMM   RESUME    let them go on; one that is not paused has nothing to do. SIGTERM resumes, too, for a guest
 *                             that stands cannot hear its power key
 *   VMM -> daemon   NOT_RESUMED  to the RESUME of that number: a device does not start again (DEVICE said which, and why), so
 *                             all stand as before. Where they go on nothing is said
 *   VMM -> daemon   ENDED     the guest ended by itself; last words are written; implies QUIESCED
 *   VMM -> daemon   WANT_CHANNEL  a vCPU makes its first FF-A call on this link; after ENTERED, once for each vCPU
 *   daemon -> VMM   CHANNEL   with it the fd of that vCPU's channel, at once or when there is an fd to be had
 *   daemon -> VMM   NOTIFY    one change of the VM's notifications (FF-A v1.2 s.16), which the VMM keeps: to whom some are
 *                             bound, all that is pending at one place, or that SPs have set some there. Where something is
 *                             pending the guest is interrupted
 *   VMM -> daemon   NOTIFICATIONS  all of them, after WELCOME and before any WANT_CHANNEL, of a VM whose definition asks for
 *                             them
 *   daemon -> VMM   MESSAGE   put the bytes that follow into the guest's RX buffer; after ENTERED
 *   VMM -> daemon   PUT       the answer to the MESSAGE of that number: it is there, or why not
 *   daemon -> VMM   EXIT      leave now
 *
 * A channel is a socket of its own, SOCK_SEQPACKET, for the calls of one vCPU: its thread sends and waits, nobody else of
 * its process is woken. It lives as long as the link over which it came: who drops one drops both. Its frames carry no
 * command (0).
 *
 * What a guest has in its TX buffer, or gets in its RX buffer, follows a frame in the same message, `bytes` of it.
 *
 *   VMM -> daemon   CALL      a guest's FF-A call that the VMM does not answer by itself; the vCPU stays outside meanwhile,
 *                             and its state (VCPU, BACK) stays what it was: that it waits is known by the call.
 *                             One at a time; told again, and marked so, on the channel of the next link
 *   daemon -> VMM   ANSWER    to a CALL: what is in the vCPU's registers when it goes on
 *
 * Commands carry a number that rises over daemons (the turn's sequence number); BACK names the last one done.
 * A VMM that sees a newer daemon (WELCOME with a larger incarnation) closes the older link with what it holds unread.
 * Before BIRTH a VMM exits on end of file, on REFUSED, or 30 s without a daemon. A daemon waits for a first frame for 5 s: a VMM
 * whose NEWBORN found the link closed was not heard, and connects again. After BIRTH it keeps the guest running and
 * tries to connect again for ever; unless it was told to stop (SIGTERM) and has, then it leaves its last words and exits.
 *
 * Versions. A guest outlives many daemons, so daemon and VMM may be of different builds. Each frame carries the version of who
 * sends it, always the same on one link; the first frame of each side says, in struct vmm_speaks, what else it can do.
 *
 *   - The header, struct vmm_speaks behind it in NEWBORN, BACK, BIRTH and WELCOME, REFUSED, the last words up to the end of
 *     struct vmm_end as it is here, the console ring, the life's lock and SIGTERM are the same in every version.
 *   - Two sides understand each other if the version of each is at least what the other calls its oldest. A VMM with which a
 *     daemon cannot speak is left alone, its link kept open and silent: it is stale. Its guest goes on, SIGTERM stops it,
 *     SIGKILL ends it, and how its guest ended is in the last words.
 *   - A frame grows at its end alone, with a new version, and 0 there means what was meant before. Bytes that a newer side has
 *     behind what is known are left alone, as are its reserved fields and its unknown flags; what an older side has not is 0. Between equal versions
 *     each size is exact. CALL, ANSWER and MESSAGE do not grow, for bytes follow them. Nothing is put in between, and no array
 *     gets longer, without VMM_LINK_OLDEST rising.
 *   - A kind of frame that came later belongs to a feature, and goes to a side that has that feature alone. So does a new word
 *     in a field, but a cause: who does not know one takes it for `vmm-exit`.
 */

#include <stdint.h>
#include "proto/definition.h"
#include "proto/lifecycle.h"
#include "proto/vfio-ccw.h"
#include "proto/vfio-migration.h"

#define VMM_LINK_MAGIC 0x4C4D4D56u /* "VMML" */
#ifndef VMM_LINK_VERSION /* a test builds neighbours */
#define VMM_LINK_VERSION 3
#endif
#ifndef VMM_LINK_OLDEST
#define VMM_LINK_OLDEST 3
#endif

enum vmm_feature {
	VMM_FEATURE_PAUSE = 1 << 0,         /* PAUSE, PAUSED, NOT_PAUSED, RESUME, NOT_RESUMED */
	VMM_FEATURE_DEVICES = 1 << 1,       /* DEVICE, and `assigned` of the definition */
	VMM_FEATURE_MESSAGES = 1 << 2,      /* MESSAGE, PUT */
	VMM_FEATURE_NOTIFICATIONS = 1 << 3, /* NOTIFY, NOTIFICATIONS, and `notifications` of the definition */
	VMM_FEATURE_SANDBOX = 1 << 4,       /* SANDBOX */
	VMM_FEATURE_SUBCHANNELS = 1 << 5,   /* ASSIGNED_CCW_FAKE as the type of a device */
};
#ifndef VMM_LINK_FEATURES
#define VMM_LINK_FEATURES \
	(VMM_FEATURE_PAUSE | VMM_FEATURE_DEVICES | VMM_FEATURE_MESSAGES | VMM_FEATURE_NOTIFICATIONS | \
		VMM_FEATURE_SANDBOX | VMM_FEATURE_SUBCHANNELS)
#endif

enum vmm_frame_kind {
	VMM_NEWBORN = 1,
	VMM_BIRTH = 2,
	VMM_REFUSED = 3,
	VMM_BACK = 4,
	VMM_WELCOME = 5,
	VMM_BUILT = 6,
	VMM_ENTER = 7,
	VMM_ENTERED = 8,
	VMM_VCPU = 9,
	VMM_QUIESCE = 10,
	VMM_QUIESCED = 11,
	VMM_ENDED = 12,
	VMM_EXIT = 13,
	VMM_STOP = 14,
	VMM_STOPPING = 15,
	VMM_DEAF = 16,
	VMM_PAUSE = 17,
	VMM_PAUSED = 18,
	VMM_RESUME = 19,
	VMM_NOT_PAUSED = 20,
	VMM_NOT_RESUMED = 21,
	VMM_CALL = 32,
	VMM_ANSWER = 33,
	VMM_NOTIFY = 38,
	VMM_NOTIFICATIONS = 39,
	VMM_WANT_CHANNEL = 42,
	VMM_CHANNEL = 43,
	VMM_MESSAGE = 44,
	VMM_PUT = 45,
	VMM_DEVICE = 48,
	VMM_SANDBOX = 52,
};

struct vmm_frame_header {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
	uint64_t life;    /* 0 in NEWBORN and in the REFUSED that answers it */
	uint64_t command; /* daemon -> VMM: the command's number; VMM -> daemon: the last command done */
};

/* Behind the header of the first frame of each side. */
struct vmm_speaks {
	uint64_t features; /* enum vmm_feature; unknown ones are no matter */
	uint16_t oldest;   /* the oldest version that the sender can speak with */
	uint16_t reserved[3]; /* 0 */
};

/* What can be read of a first frame, whatever its version. */
struct vmm_first {
	struct vmm_frame_header header;
	struct vmm_speaks speaks;
};

/* Order of the fds that come with BIRTH. */
enum vmm_birth_fd {
	VMM_FD_MEMORY = 0,     /* guest memory, already sized */
	VMM_FD_LIFE_LOCK = 1,  /* carries an OFD write lock: hold it until the last thread is gone */
	VMM_FD_LAST_WORDS = 2, /* struct last_words, sized */
	VMM_FD_CONSOLE = 3,    /* struct console_ring and its bytes, sized */
	VMM_FD_COUNT = 4,
};

struct vmm_newborn {
	struct vmm_frame_header header;
	struct vmm_speaks speaks;
	char name[VM_NAME_MAX + 1];
};

struct vmm_birth {
	struct vmm_frame_header header;
	struct vmm_speaks speaks;
	uint64_t incarnation;
	uint16_t ffa_id;
	uint16_t reserved[3]; /* 0 */
	struct vm_definition definition;
};

#define VMM_TEXT_MAX 127
struct vmm_refused {
	struct vmm_frame_header header;
	char reason[VMM_TEXT_MAX + 1];
};

struct vmm_welcome {
	struct vmm_frame_header header;
	struct vmm_speaks speaks;
	uint64_t incarnation;
};

/* The cause of an end and what KVM said of it. errno_value is 0 or a positive errno. */
struct vmm_end {
	uint32_t cause; /* enum vm_cause */
	uint32_t exit_reason;
	uint64_t detail[2]; /* suberror or system event type, then its first data word */
	int32_t errno_value;
	uint32_t vcpu;
	char text[VMM_TEXT_MAX + 1]; /* one line for a person */
};

struct vmm_ended {
	struct vmm_frame_header header;
	struct vmm_end end;
};

struct vmm_vcpu {
	struct vmm_frame_header header;
	uint32_t index;
	uint32_t state; /* enum vcpu_state */
	uint64_t since; /* CLOCK_MONOTONIC ns */
};

#define VMM_DEVICE_TEXT_MAX 95
struct vmm_device_state {
	uint8_t type;      /* enum assigned_type */
	uint8_t state;     /* of its type: enum vfio_device_mig_state, enum ccw_state */
	uint8_t condition; /* enum device_condition */
	uint8_t reserved;  /* 0 */
	char text[VMM_DEVICE_TEXT_MAX + 1]; /* one line for a person: what it is waited for in, or what went wrong */
};

struct vmm_device {
	struct vmm_frame_header header;
	uint32_t index; /* in the definition */
	uint32_t reserved; /* 0 */
	struct vmm_device_state is;
};

enum vmm_sandbox_layer {
	VMM_SANDBOX_LANDLOCK = 1 << 0, /* files, network, signals */
	VMM_SANDBOX_SECCOMP = 1 << 1,  /* system calls */
	VMM_SANDBOX_LAYERS = VMM_SANDBOX_LANDLOCK | VMM_SANDBOX_SECCOMP,
};

struct vmm_sandbox {
	struct vmm_frame_header header;
	uint32_t lacks; /* enum vmm_sandbox_layer, at least one */
	uint32_t reserved; /* 0 */
};

enum vmm_phase {
	VMM_PHASE_BUILDING = 0,
	VMM_PHASE_BUILT = 1,
	VMM_PHASE_ENTERED = 2,
	VMM_PHASE_QUIESCED = 3,
	VMM_PHASE_ENDED = 4,
};

enum vmm_back_flag {
	VMM_BACK_STOPPING = 1 << 0, /* the power key was pressed in this life, by STOP or by SIGTERM */
	VMM_BACK_PAUSED = 1 << 1,   /* no vCPU may be in the guest, by PAUSE; perhaps not all stand yet */
	VMM_BACK_FLAGS = VMM_BACK_STOPPING | VMM_BACK_PAUSED,
};

struct vmm_back {
	struct vmm_frame_header header;
	struct vmm_speaks speaks;
	uint32_t phase; /* enum vmm_phase */
	uint32_t vcpu_count;
	uint32_t flags; /* enum vmm_back_flag */
	uint32_t reserved; /* 0 */
	uint8_t vcpu[VM_VCPU_MAX]; /* enum vcpu_state */
	uint64_t vcpu_since[VM_VCPU_MAX]; /* of these, CLOCK_MONOTONIC ns */
	struct vmm_end end;        /* cause CAUSE_NONE unless phase is ENDED */
};

/* WANT_CHANNEL and CHANNEL, which brings one fd. */
struct vmm_channel {
	struct vmm_frame_header header;
	uint16_t vcpu;
	uint16_t reserved[3]; /* 0 */
};

#define VMM_CALL_REGISTERS 18 /* x0 to x17: SMCCC v1.2 */

enum vmm_call_flag {
	VMM_CALL_AGAIN = 1 << 0,   /* an earlier daemon was told of this call, and its answer never came */
	VMM_CALL_SERVING = 1 << 1, /* the vCPU was given a request that it did not answer before this call */
	VMM_CALL_FLAGS = VMM_CALL_AGAIN | VMM_CALL_SERVING,
};

#define VMM_BYTES_MAX 65536 /* behind a frame: the largest buffer that a guest can map */

struct vmm_call {
	struct vmm_frame_header header;
	uint16_t vcpu;
	uint16_t flags;   /* enum vmm_call_flag */
	uint32_t version; /* of FF-A, as the guest negotiated it */
	uint32_t bytes;
	uint32_t reserved; /* 0 */
	uint64_t x[VMM_CALL_REGISTERS];
};

struct vmm_answer {
	struct vmm_frame_header header;
	uint16_t vcpu;
	uint16_t reserved; /* 0 */
	uint32_t bytes;
	uint64_t x[VMM_CALL_REGISTERS];
};

enum vmm_notify_what {
	VMM_NOTIFY_BOUND = 1,   /* those of `bitmap` belong to life `sender`, 0: to nobody, each global or per vCPU */
	VMM_NOTIFY_PENDING = 2, /* `bitmap` is all that is pending for `vcpu` */
	VMM_NOTIFY_SECURE = 3,  /* bit 0: SPs have set something for `vcpu`, which the SPMC keeps */
};
#define VMM_NOTIFY_GLOBAL 0xFFFFu /* in place of a vCPU */

struct vmm_notify {
	struct vmm_frame_header header;
	uint8_t what; /* enum vmm_notify_what */
	uint8_t per_vcpu;
	uint16_t vcpu;
	uint32_t reserved; /* 0 */
	uint64_t bitmap;
	uint64_t sender;
};

struct vmm_notification_state {
	uint64_t sender[64]; /* the life that each is bound to; 0: nobody */
	uint64_t per_vcpu;   /* those that are bound as such */
	uint64_t pending;    /* global ones */
	uint64_t vcpu[VM_VCPU_MAX];
	uint64_t secure;        /* vCPUs for which SPs have set something */
	uint64_t secure_global; /* 1: or for whichever */
};

struct vmm_notifications {
	struct vmm_frame_header header;
	struct vmm_notification_state is;
};

struct vmm_message {
	struct vmm_frame_header header;
	uint64_t number;
	uint32_t bytes;
	uint32_t reserved; /* 0 */
};

struct vmm_put {
	struct vmm_frame_header header;
	uint64_t number;
	int32_t status; /* enum ffa_status: OK, BUSY, DENIED, INVALID_PARAMETERS, NO_MEMORY, ABORTED */
	uint32_t reserved; /* 0 */
};

/* BUILT, ENTER, ENTERED, QUIESCE, QUIESCED, EXIT, STOP, STOPPING, DEAF, PAUSE, PAUSED, NOT_PAUSED, RESUME, NOT_RESUMED:
 * the header alone. */

/* Written by the VMM before it sends ENDED; `magic` last. */
#define LAST_WORDS_MAGIC 0x5344524Fu
struct last_words {
	uint32_t magic;
	uint32_t quiesced; /* 1: every vCPU is out for good */
	struct vmm_end end;
};

/*
 * The console ring: the guest's output, written by the VMM alone, never waited for. Byte n of the output is at
 * data[n % size]; `head` counts all bytes ever written, is stored with release after the bytes, and its low 32 bits can be
 * waited on with FUTEX_WAIT. A reader that is more than `size` behind has lost the difference.
 */
#define CONSOLE_RING_MAGIC 0x534E4F43u
#define CONSOLE_RING_DATA 4096 /* offset of data in the file */
struct console_ring {
	uint32_t magic;
	uint32_t size; /* bytes of data, a power of two */
	_Alignas(64) uint64_t head;
	_Alignas(64) uint64_t reserved[8];
};

/* The same for ever. */
_Static_assert(sizeof(struct vmm_frame_header) == 24, "");
_Static_assert(sizeof(struct vmm_first) == 40 && __builtin_offsetof(struct vmm_first, speaks) == 24, "");
_Static_assert(__builtin_offsetof(struct vmm_back, speaks) == 24 && __builtin_offsetof(struct vmm_newborn, speaks) == 24, "");
_Static_assert(__builtin_offsetof(struct vmm_birth, speaks) == 24 && __builtin_offsetof(struct vmm_welcome, speaks) == 24, "");
_Static_assert(sizeof(struct vmm_refused) == 24 + VMM_TEXT_MAX + 1, "");
_Static_assert(__builtin_offsetof(struct last_words, end) == 8, "");
_Static_assert(sizeof(struct vmm_end) == 4 + 4 + 16 + 4 + 4 + 128, "");
_Static_assert(sizeof(struct console_ring) <= CONSOLE_RING_DATA, "");
