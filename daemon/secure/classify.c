/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an answer to a framework message or a guest's, or to the FFA_RUN of one that is open, means. One row, one case. What
 * has no row is outside the protocol.
 *
 * Registers that a row does not name are not looked at: the field leaves leftovers there. Status words are compared as
 * 32 bits: they come zero- and sign-extended.
 */

#include "secure/internal.h"

#include <string.h>

enum form {
	FORM_RESPONSE,  /* w1 mirrors the ids, w2 is the request's type + 1, w3 the status */
	FORM_UNCHANGED, /* the same, but w2 is that of the request: the SP does not know the type */
	FORM_ERROR,     /* w2 is the status */
	FORM_GUEST,     /* of a guest's request: w1 mirrors its ids, and there are no flags: it is no framework message */
	FORM_TARGET,    /* w1 says what to FFA_RUN */
	FORM_AFTER_RUN, /* only FFA_RUN may be answered so */
};

struct row {
	uint32_t function;
	enum form form;
	int32_t status;
	enum verdict verdict;
};

static const struct row rows[] = {
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_RESPONSE, FFA_OK, VERDICT_ACK },
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_RESPONSE, FFA_RETRY, VERDICT_RETRY },
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_RESPONSE, FFA_INTERRUPTED, VERDICT_INTERRUPTED },
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_RESPONSE, FFA_DENIED, VERDICT_DENIED },
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_RESPONSE, FFA_INVALID_PARAMETERS, VERDICT_INVALID },
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_UNCHANGED, FFA_NOT_SUPPORTED, VERDICT_UNSUPPORTED },
	{ FFA_MSG_SEND_DIRECT_RESP, FORM_GUEST, 0, VERDICT_ACK },
	{ FFA_MSG_SEND_DIRECT_RESP | FFA_SMC64, FORM_GUEST, 0, VERDICT_ACK },
	{ FFA_MSG_SEND_DIRECT_RESP2, FORM_GUEST, 0, VERDICT_ACK },
	{ FFA_INTERRUPT, FORM_TARGET, 0, VERDICT_PREEMPTED },
	{ FFA_YIELD, FORM_TARGET, 0, VERDICT_YIELDED },
	{ FFA_ERROR, FORM_ERROR, FFA_BUSY, VERDICT_BUSY },
	{ FFA_ERROR, FORM_ERROR, FFA_INTERRUPTED, VERDICT_INTERRUPTED },
	{ FFA_ERROR, FORM_ERROR, FFA_RETRY, VERDICT_INTERRUPTED },
	{ FFA_ERROR, FORM_ERROR, FFA_ABORTED, VERDICT_ABORTED },
	{ FFA_ERROR, FORM_ERROR, FFA_INVALID_PARAMETERS, VERDICT_UNKNOWN_SP },
	{ FFA_ERROR, FORM_ERROR, FFA_DENIED, VERDICT_REFUSED },
	{ FFA_ERROR, FORM_ERROR, FFA_NOT_SUPPORTED, VERDICT_UNSUPPORTED },
	{ FFA_MSG_WAIT, FORM_AFTER_RUN, 0, VERDICT_IDLE },
};

/* What the SPMC answers of a notification bitmap, to CALL_CREATED, CALL_DESTROYED and CALL_DRAINED in turn. */
static const struct {
	uint32_t function;
	int32_t status;
	bool open; /* nothing was done: the same again later */
	uint8_t verdict[3];
} bitmap_rows[] = {
	{ FFA_SUCCESS, FFA_OK, false, { VERDICT_ACK, VERDICT_ACK, VERDICT_ACK } },
	{ FFA_SUCCESS_64, FFA_OK, false, { VERDICT_ACK, VERDICT_ACK, VERDICT_ACK } },
	/* It exists; it does not, or something is pending in it; it does not exist */
	{ FFA_ERROR, FFA_DENIED, false, { VERDICT_INVALID, VERDICT_DENIED, VERDICT_INVALID } },
	/* No such VM is known there */
	{ FFA_ERROR, FFA_INVALID_PARAMETERS, false, { VERDICT_DENIED, VERDICT_INVALID, VERDICT_INVALID } },
	{ FFA_ERROR, FFA_NO_MEMORY, false, { VERDICT_DENIED, VERDICT_BROKEN, VERDICT_BROKEN } },
	{ FFA_ERROR, FFA_NO_DATA, false, { VERDICT_BROKEN, VERDICT_BROKEN, VERDICT_ACK } },
	{ FFA_ERROR, FFA_NOT_SUPPORTED, false, { VERDICT_UNSUPPORTED, VERDICT_UNSUPPORTED, VERDICT_UNSUPPORTED } },
	{ FFA_ERROR, FFA_BUSY, true, { VERDICT_BUSY, VERDICT_BUSY, VERDICT_BUSY } },
	{ FFA_ERROR, FFA_RETRY, true, { VERDICT_BUSY, VERDICT_BUSY, VERDICT_BUSY } },
	{ FFA_ERROR, FFA_INTERRUPTED, true, { VERDICT_BUSY, VERDICT_BUSY, VERDICT_BUSY } },
};

static void classify_bitmap(const struct secure_call *call, const uint64_t x[FFA_REGISTERS], struct secure_reply *ret)
{
	for (size_t i = 0; i < sizeof(bitmap_rows) / sizeof(*bitmap_rows); i++) {
		bool same = (uint32_t)x[0] == bitmap_rows[i].function;

		if (!same || (bitmap_rows[i].function == FFA_ERROR && (int32_t)x[2] != bitmap_rows[i].status))
			continue;
		ret->verdict = bitmap_rows[i].verdict[call->kind - CALL_CREATED];
		ret->kind = bitmap_rows[i].open || ret->verdict == VERDICT_BROKEN ? CALL_NONE : call->kind;
		return;
	}
}

/* A guest's call of the SPMC, or FFA_NOTIFICATION_INFO_GET: what it answers is for who asked to know. */
static void classify_notification(const uint64_t x[FFA_REGISTERS], struct secure_reply *ret)
{
	int32_t status = (int32_t)x[2];

	if ((uint32_t)x[0] == FFA_SUCCESS || (uint32_t)x[0] == FFA_SUCCESS_64) {
		ret->verdict = VERDICT_ACK;
		ret->kind = CALL_GUEST;
		memcpy(ret->x, x, sizeof(ret->x));
	} else if ((uint32_t)x[0] == FFA_ERROR && status < 0) {
		ret->verdict = status == FFA_BUSY || status == FFA_RETRY || status == FFA_INTERRUPTED ? VERDICT_BUSY : VERDICT_REFUSED;
		ret->status = status;
	}
}

static uint32_t request_type(const struct secure_call *call)
{
	return FFA_FRAMEWORK |
		(call->kind == CALL_CREATED ? (uint32_t)FFA_VM_CREATED_REQ : (uint32_t)FFA_VM_DESTROYED_REQ);
}

static bool is_response(const struct secure_call *call, const uint64_t x[FFA_REGISTERS], uint32_t type, int32_t status)
{
	return call->kind != CALL_NONE && call->kind != CALL_GUEST && (uint32_t)x[FFA_AVAIL_IDS] == ((uint32_t)call->sp << 16 | FFA_ID_HYPERVISOR) &&
		(uint32_t)x[FFA_AVAIL_TYPE] == type && (int32_t)x[FFA_AVAIL_STATUS] == status;
}

/*
 * Of the request itself the answer has its form and its ids. FFA_RUN ends whatever was open there, which may be the call of a
 * guest that nobody knows of any more: any VM may be named then. RESP2 has no flags.
 */
static bool is_for_guest(const struct secure_call *call, const uint64_t x[FFA_REGISTERS])
{
	uint32_t ids = (uint32_t)x[FFA_AVAIL_IDS];
	bool flags = (uint32_t)x[0] != FFA_MSG_SEND_DIRECT_RESP2 && (uint32_t)x[FFA_AVAIL_TYPE];

	if (flags || ids >> 16 != call->sp || !(uint16_t)ids || ids & FFA_ID_SECURE)
		return false;
	if (call->run)
		return !call->endpoint || call->kind != CALL_GUEST || (uint16_t)ids == call->endpoint;
	return call->kind == CALL_GUEST && (uint32_t)x[0] == (uint32_t)call->x[0] + 1 && (uint16_t)ids == call->endpoint;
}

static bool fits(const struct row *row, const struct secure_call *call, const uint64_t x[FFA_REGISTERS])
{
	if ((uint32_t)x[0] != row->function)
		return false;
	switch (row->form) {
	case FORM_RESPONSE:
		return is_response(call, x, request_type(call) + 1, row->status);
	case FORM_UNCHANGED:
		return is_response(call, x, request_type(call), row->status);
	case FORM_GUEST:
		return is_for_guest(call, x);
	case FORM_ERROR:
		return (int32_t)x[2] == row->status;
	case FORM_TARGET:
		return x[1] >> 16 & FFA_ID_SECURE; /* another SP of the call chain may be named, but no VM */
	case FORM_AFTER_RUN:
		return call->run;
	}
	return false;
}

void classify(const struct secure_call *call, const uint64_t x[FFA_REGISTERS], struct secure_reply *ret)
{
	const struct row *row = NULL;

	*ret = (struct secure_reply){ .sp = call->sp, .verdict = VERDICT_BROKEN };
	if (call->spmc && call->kind == CALL_GUEST) {
		classify_notification(x, ret);
		return;
	}
	if (call->spmc && call->kind != CALL_NONE) {
		classify_bitmap(call, x, ret);
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && !row; i++)
		if (fits(&rows[i], call, x))
			row = &rows[i];
	if (!row && call->kind == CALL_GUEST && (uint32_t)x[0] == FFA_ERROR && (int32_t)x[2] < 0) { /* the guest's to know */
		ret->verdict = VERDICT_REFUSED;
		ret->status = (int32_t)x[2];
	}
	if (!row)
		return;
	ret->verdict = (uint8_t)row->verdict;
	if (row->form == FORM_RESPONSE || row->form == FORM_UNCHANGED)
		ret->kind = call->kind;
	if (row->form == FORM_GUEST) {
		ret->kind = CALL_GUEST;
		memcpy(ret->x, x, sizeof(ret->x));
	}
	if (row->form == FORM_ERROR)
		ret->status = row->status;
	if (row->form == FORM_TARGET)
		ret->target = (uint32_t)x[1];
	if (row->verdict == VERDICT_YIELDED) /* a hint in ns, low word first */
		ret->wait_ns = (uint64_t)(uint32_t)x[3] << 32 | (uint32_t)x[2];
}
