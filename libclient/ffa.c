/* SPDX-License-Identifier: Apache-2.0 */
#include "ffa.h"

#include <string.h>

#include "proto/ffa.h"

#define WORD(symbol) { symbol, #symbol }
static const struct {
	uint32_t number;
	const char *name;
} functions[] = {
	WORD(FFA_ERROR), WORD(FFA_SUCCESS), WORD(FFA_INTERRUPT), WORD(FFA_VERSION), WORD(FFA_FEATURES),
	WORD(FFA_RX_RELEASE), WORD(FFA_RXTX_MAP), WORD(FFA_RXTX_UNMAP), WORD(FFA_PARTITION_INFO_GET), WORD(FFA_ID_GET),
	WORD(FFA_MSG_WAIT), WORD(FFA_YIELD), WORD(FFA_RUN), WORD(FFA_MSG_SEND_DIRECT_REQ),
	WORD(FFA_MSG_SEND_DIRECT_RESP), WORD(FFA_NOTIFICATION_BITMAP_CREATE), WORD(FFA_NOTIFICATION_BITMAP_DESTROY),
	WORD(FFA_SPM_ID_GET), WORD(FFA_PARTITION_INFO_GET_REGS),
};

static const char *const statuses[] = { FFA_STATUSES(FFA_STATUS_NAME) };

static const char *const messages[] = {
	[FFA_VM_CREATED_REQ] = "VM_CREATED",
	[FFA_VM_CREATED_RESP] = "VM_CREATED",
	[FFA_VM_DESTROYED_REQ] = "VM_DESTROYED",
	[FFA_VM_DESTROYED_RESP] = "VM_DESTROYED",
};

/* Either form of a function id, SMC32 or SMC64. */
static const char *function_name(uint64_t w0)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (((uint32_t)w0 | FFA_SMC64) == (functions[i].number | FFA_SMC64))
			return functions[i].name;
	return "";
}

static const char *status_name(uint64_t w)
{
	int32_t status = (int32_t)w;

	return status <= 0 && status >= FFA_NOT_READY ? statuses[-status] : "unknown";
}

static bool is(const struct lifecycle_frame *f, uint32_t function)
{
	return ((uint32_t)f->x[0] | FFA_SMC64) == (function | FFA_SMC64);
}

static const char *message_name(uint64_t w2)
{
	uint32_t type = (uint32_t)w2 & 0xFFu;

	if (!(w2 & FFA_FRAMEWORK))
		return "partition message";
	return type < sizeof(messages) / sizeof(*messages) && messages[type] ? messages[type] : "unknown message";
}

void ffa_decode(struct lifecycle_frame *f)
{
	f->function = function_name(f->x[0]);
	f->message = f->status = "";
	if (f->answer && !*f->function && (int32_t)f->x[0] < 0) /* FFA_VERSION is answered with a number in w0 (s.13.2) */
		f->status = status_name(f->x[0]);
	if (is(f, FFA_MSG_SEND_DIRECT_REQ) || is(f, FFA_MSG_SEND_DIRECT_RESP))
		f->message = message_name(f->x[FFA_AVAIL_TYPE]);
	if (is(f, FFA_FEATURES))
		f->message = function_name(f->x[1]);
	if (is(f, FFA_ERROR))
		f->status = status_name(f->x[2]);
	if (is(f, FFA_MSG_SEND_DIRECT_RESP) && (f->x[FFA_AVAIL_TYPE] & FFA_FRAMEWORK))
		f->status = status_name(f->x[FFA_AVAIL_STATUS]);
}
