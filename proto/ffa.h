/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * FF-A numbers, from Arm DEN0077A (FF-A v1.2, with the v1.3 ALP2 lifecycle additions). Section numbers are those of
 * v1.2. Layouts and numbers only: each side of the secure link decodes with code of its own, so that one misreading
 * cannot cancel another.
 */

#include <stdint.h>

#define FFA_VERSION_MAJOR 1
#define FFA_VERSION_MINOR 2
#define FFA_VERSION_WORD(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))

/* Function ids, SMC32 form; the SMC64 form has bit 30 set. */
enum ffa_function {
	FFA_ERROR = 0x84000060u,
	FFA_SUCCESS = 0x84000061u,
	FFA_INTERRUPT = 0x84000062u,
	FFA_VERSION = 0x84000063u,
	FFA_FEATURES = 0x84000064u,
	FFA_RX_RELEASE = 0x84000065u,
	FFA_RXTX_MAP = 0x84000066u,
	FFA_RXTX_UNMAP = 0x84000067u,
	FFA_PARTITION_INFO_GET = 0x84000068u,
	FFA_ID_GET = 0x84000069u,
	FFA_MSG_WAIT = 0x8400006Bu,
	FFA_YIELD = 0x8400006Cu,
	FFA_RUN = 0x8400006Du,
	FFA_MSG_SEND_DIRECT_REQ = 0x8400006Fu,
	FFA_MSG_SEND_DIRECT_RESP = 0x84000070u,
	FFA_NOTIFICATION_BITMAP_CREATE = 0x8400007Du,
	FFA_NOTIFICATION_BITMAP_DESTROY = 0x8400007Eu,
	FFA_NOTIFICATION_BIND = 0x8400007Fu,
	FFA_NOTIFICATION_UNBIND = 0x84000080u,
	FFA_NOTIFICATION_SET = 0x84000081u,
	FFA_NOTIFICATION_GET = 0x84000082u,
	FFA_NOTIFICATION_INFO_GET = 0x84000083u, /* and the same | FFA_SMC64 */
	FFA_SPM_ID_GET = 0x84000085u,
	FFA_MSG_SEND2 = 0x84000086u,
	FFA_PARTITION_INFO_GET_REGS = 0xC400008Bu, /* this and the next: SMC64 only */
	FFA_MSG_SEND_DIRECT_REQ2 = 0xC400008Du,
	FFA_MSG_SEND_DIRECT_RESP2 = 0xC400008Eu,
};
#define FFA_SMC64 0x40000000u
#define FFA_SUCCESS_64 0xC4000061u

/* Status codes: signed 32 bits, zero- or sign-extended in a 64-bit register. Compare as (int32_t). */
#define FFA_STATUSES(X)                                                                                                \
	X(FFA_OK, 0, "SUCCESS")                                                                                        \
	X(FFA_NOT_SUPPORTED, -1, "NOT_SUPPORTED")                                                                      \
	X(FFA_INVALID_PARAMETERS, -2, "INVALID_PARAMETERS")                                                            \
	X(FFA_NO_MEMORY, -3, "NO_MEMORY")                                                                              \
	X(FFA_BUSY, -4, "BUSY")                                                                                        \
	X(FFA_INTERRUPTED, -5, "INTERRUPTED")                                                                          \
	X(FFA_DENIED, -6, "DENIED")                                                                                    \
	X(FFA_RETRY, -7, "RETRY")                                                                                      \
	X(FFA_ABORTED, -8, "ABORTED")                                                                                  \
	X(FFA_NO_DATA, -9, "NO_DATA")                                                                                  \
	X(FFA_NOT_READY, -10, "NOT_READY")

enum ffa_status {
#define FFA_STATUS_NUMBER(symbol, number, name) symbol = (number),
	FFA_STATUSES(FFA_STATUS_NUMBER)
#undef FFA_STATUS_NUMBER
};

/* Entries of an array of names that has -status as its index. */
#define FFA_STATUS_NAME(symbol, number, name) [-(number)] = (name),

/* w2 of a direct message (s.15.2): bit 31 marks a framework message, bits 7:0 its type, bits 30:8 MBZ. */
#define FFA_FRAMEWORK 0x80000000u
#define FFA_FRAMEWORK_MBZ 0x7FFFFF00u
enum ffa_framework_type {
	FFA_VM_CREATED_REQ = 0x04,
	FFA_VM_CREATED_RESP = 0x05,
	FFA_VM_DESTROYED_REQ = 0x06,
	FFA_VM_DESTROYED_RESP = 0x07,
};

/* Register indices of a VM availability message (s.18.3): requests carry handle and id, responses the status. */
enum {
	FFA_AVAIL_IDS = 1,       /* w1: [31:16] sender, [15:0] receiver */
	FFA_AVAIL_TYPE = 2,      /* w2 */
	FFA_AVAIL_HANDLE_LO = 3, /* w3 of a request; all ones: no handle */
	FFA_AVAIL_HANDLE_HI = 4,
	FFA_AVAIL_VM_ID = 5,     /* w5[15:0] */
	FFA_AVAIL_STATUS = 3,    /* w3 of a response */
};
#define FFA_NO_HANDLE 0xFFFFFFFFu

/* Partition properties (table 6.2). Bits 6 and 7 mean something only together with bit 0, from SPMC v1.1 on. */
enum {
	FFA_PROP_DIRECT_REQ_RECEIVE = 1u << 0,
	FFA_PROP_DIRECT_REQ_SEND = 1u << 1,
	FFA_PROP_INDIRECT = 1u << 2,
	FFA_PROP_NOTIFICATIONS = 1u << 3, /* it can receive them */
	FFA_PROP_VM_CREATED = 1u << 6,
	FFA_PROP_VM_DESTROYED = 1u << 7,
	FFA_PROP_AARCH64 = 1u << 8,
	FFA_PROP_DIRECT_REQ2_RECEIVE = 1u << 9,
	FFA_PROP_DIRECT_REQ2_SEND = 1u << 10,
};

/* Partition information descriptor, v1.1 (24 bytes); v1.3 appends 24 more. Step by the size that is returned. */
struct ffa_partition_info {
	uint16_t id;
	uint16_t execution_contexts;
	uint32_t properties;
	uint8_t uuid[16];
};
_Static_assert(sizeof(struct ffa_partition_info) == 24, "table 6.1");

/* As v1.3 has it. */
struct ffa_partition_info_v13 {
	struct ffa_partition_info v11;
	uint8_t image_uuid[16];
	uint32_t version;
	uint32_t reserved;
};
_Static_assert(sizeof(struct ffa_partition_info_v13) == 48, "");

/* As v1.0 has it. */
struct ffa_partition_info_v10 {
	uint16_t id;
	uint16_t execution_contexts;
	uint32_t properties;
};
_Static_assert(sizeof(struct ffa_partition_info_v10) == 8, "");

#define FFA_PARTITION_INFO_COUNT 1u /* w5 of FFA_PARTITION_INFO_GET, from v1.1 on: the number alone */

/* What stands at the beginning of a TX buffer for FFA_MSG_SEND2, and of the receiver's RX buffer after it; v1.2 has more. */
struct ffa_message {
	uint32_t flags;    /* MBZ */
	uint32_t reserved; /* MBZ */
	uint32_t offset;   /* of the payload, from the beginning of the buffer */
	uint32_t ids;      /* [31:16] sender, [15:0] receiver */
	uint32_t size;     /* of the payload */
};
struct ffa_message_v12 {
	struct ffa_message v11;
	uint32_t reserved; /* MBZ */
	uint8_t uuid[16];
};
_Static_assert(sizeof(struct ffa_message) == 20 && sizeof(struct ffa_message_v12) == 40, "");
#define FFA_MSG_SEND2_DELAY 2u /* w2: the scheduler's interrupt may come later; the other bits MBZ */

/* Endpoint ids (s.6.1). Bit 15 set: secure. */
#define FFA_ID_HYPERVISOR 0x0000u
#define FFA_ID_VM_FIRST 0x0001u
#define FFA_ID_VM_LAST 0x7FFEu /* 0x7FFF is Hafnium's marker of an invalid id */
#define FFA_ID_VM_COUNT 0x8000u /* ids with bit 15 clear */
#define FFA_ID_SECURE 0x8000u
#define FFA_ID_SPMC 0x8000u

/* Target information (w1 of FFA_RUN, FFA_INTERRUPT, FFA_YIELD): [31:16] endpoint, [15:0] vCPU. */
#define FFA_TARGET(endpoint, vcpu) ((uint32_t)(endpoint) << 16 | (uint16_t)(vcpu))

/*
 * Notifications (s.16). BIND, UNBIND, SET: w1 = [31:16] sender, [15:0] receiver, w2 flags, w3 and w4 the bitmap. GET: w1 =
 * [31:16] vCPU, [15:0] receiver, w2 whose; answers with those of SPs in w2 and w3, of VMs in w4 and w5, of the SPMC in w6, of
 * the hypervisor in w7.
 */
#define FFA_NOTIFICATION_OF_SPS (1u << 0)
#define FFA_NOTIFICATION_OF_VMS (1u << 1)
#define FFA_NOTIFICATION_OF_SPMC (1u << 2)
#define FFA_NOTIFICATION_OF_HYPERVISOR (1u << 3)
#define FFA_NOTIFICATION_PER_VCPU (1u << 0) /* BIND and SET */
#define FFA_NOTIFICATION_DELAYED (1u << 1)  /* SET: no schedule receiver interrupt needs to come at once */
#define FFA_NOTIFICATION_SET_FLAGS (FFA_NOTIFICATION_PER_VCPU | FFA_NOTIFICATION_DELAYED)
/*
 * INFO_GET answers with lists: w2 = [0] there are more, [11:7] how many, then two bits each: how many vCPUs it names. A list
 * is an endpoint's id and up to three vCPUs, 16 bits each: from w3 on, two a register, four in x3 to x7 of FFA_SUCCESS_64.
 */
#define FFA_INFO_MORE 1u
#define FFA_INFO_COUNT_AT 7
#define FFA_INFO_COUNT_MASK 0x1Fu
#define FFA_INFO_LISTS_AT 12
#define FFA_INFO_VCPUS_MAX 3
#define FFA_INFO_IDS_AT 3
#define FFA_INFO_REGISTERS 5

#define FFA_FEATURE_NPI 1u /* of FFA_FEATURES: the notification pending interrupt, its number in w2 */
#define FFA_FEATURE_SRI 2u /* the schedule receiver interrupt */

#define FFA_REGISTERS 18 /* x0..x17, SMCCC v1.2 */
