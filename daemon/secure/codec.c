/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/internal.h"

#include <errno.h>
#include <string.h>

/*
 * VM availability messages (s.18.3). The handle is the invalid one, all ones: no receiver reads it. The sender is the
 * hypervisor, id 0.
 */
static void encode_availability(const struct secure_call *call, uint64_t x[FFA_REGISTERS])
{
	x[0] = FFA_MSG_SEND_DIRECT_REQ;
	x[FFA_AVAIL_IDS] = (uint64_t)FFA_ID_HYPERVISOR << 16 | call->sp;
	x[FFA_AVAIL_TYPE] = FFA_FRAMEWORK |
		(call->kind == CALL_CREATED ? (uint32_t)FFA_VM_CREATED_REQ : (uint32_t)FFA_VM_DESTROYED_REQ);
	x[FFA_AVAIL_HANDLE_LO] = FFA_NO_HANDLE;
	x[FFA_AVAIL_HANDLE_HI] = FFA_NO_HANDLE;
	x[FFA_AVAIL_VM_ID] = call->endpoint;
}

/*
 * The VM's notification bitmap (s.16.4, 16.7). GET takes what SPs and the SPMC have set there for a vCPU of a VM that is over;
 * what VMs set is not theirs to keep.
 */
static void encode_bitmap(const struct secure_call *call, uint64_t x[FFA_REGISTERS])
{
	static const uint32_t functions[] = {
		[CALL_CREATED] = FFA_NOTIFICATION_BITMAP_CREATE,
		[CALL_DESTROYED] = FFA_NOTIFICATION_BITMAP_DESTROY,
		[CALL_DRAINED] = FFA_NOTIFICATION_GET,
	};

	x[0] = functions[call->kind];
	x[1] = call->endpoint;
	if (call->kind == CALL_CREATED)
		x[2] = call->vcpu;
	if (call->kind == CALL_DRAINED) {
		x[1] |= (uint64_t)call->vcpu << 16;
		x[2] = FFA_NOTIFICATION_OF_SPS | FFA_NOTIFICATION_OF_SPMC;
	}
}

void encode_call(const struct secure_call *call, uint64_t x[FFA_REGISTERS])
{
	memset(x, 0, sizeof(*x) * FFA_REGISTERS);
	if (call->run) {
		x[0] = FFA_RUN;
		x[1] = call->target;
	} else if (call->kind == CALL_GUEST) {
		memcpy(x, call->x, sizeof(call->x));
	} else if (call->spmc) {
		encode_bitmap(call, x);
	} else {
		encode_availability(call, x);
	}
}

int decode_partition(const uint8_t *bytes, size_t size, struct ffa_partition_info_v13 *ret)
{
	struct ffa_partition_info_v13 info = { 0 };

	if (size != DESCRIPTOR_V10 && (size < DESCRIPTOR_V11 || size % 8))
		return -EBADMSG;
	memcpy(&info, bytes, size < sizeof(info) ? size : sizeof(info));
	*ret = info;
	return 0;
}

/* s.13.9: x2 = last index, index of the last one given here, tag, size of one. */
void decode_info_page(const uint64_t x[FFA_REGISTERS], struct info_page *ret)
{
	ret->last = (uint16_t)x[2];
	ret->current = (uint16_t)(x[2] >> 16);
	ret->tag = (uint16_t)(x[2] >> 32);
	ret->size = (uint16_t)(x[2] >> 48);
	memcpy(ret->bytes, &x[3], sizeof(ret->bytes));
}
