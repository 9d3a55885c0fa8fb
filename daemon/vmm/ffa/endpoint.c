/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ffa/endpoint.h"

#include <stddef.h>
#include <string.h>

#define PAGE           4096ull
#define FIRST_FUNCTION 0x60u
#define FUNCTIONS      0x40u
#define V1_0           FFA_VERSION_WORD(1, 0)
#define V1_1           FFA_VERSION_WORD(1, 1)
#define V1_2           FFA_VERSION_WORD(1, 2)
#define OUR_VERSION    FFA_VERSION_WORD(FFA_VERSION_MAJOR, FFA_VERSION_MINOR)
#define VERSION_MBZ    0x80000000u
#define FFA_MSG_WAIT_KEEPS_RX 1u /* w2 */

/* Which forms of a function there are. */
#define SMC32 1u
#define SMC64 2u

void ffa_error(struct ffa_call *call, enum ffa_status status)
{
	*call = (struct ffa_call) { .x = { FFA_ERROR, 0, (uint32_t)status } };
}

static void succeed(struct ffa_call *call, uint32_t w2, uint32_t w3)
{
	*call = (struct ffa_call) { .x = { FFA_SUCCESS, 0, w2, w3 } };
}

static void answer(struct ffa_call *call, enum ffa_status status)
{
	if (status == FFA_OK)
		succeed(call, 0, 0);
	else
		ffa_error(call, status);
}

/* ---- version (s.13.2) ---- */

/* A larger minor number gets ours, which its caller can use as well; a second thought is too late after any other call. */
static void version(struct ffa_endpoint *e, struct ffa_call *call)
{
	uint32_t wanted = (uint32_t)call->x[1], common = wanted < OUR_VERSION ? wanted : OUR_VERSION;
	bool usable = !(wanted & VERSION_MBZ) && wanted >> 16 == FFA_VERSION_MAJOR;

	*call = (struct ffa_call) { .x = { OUR_VERSION } };
	if (!usable || (e->frozen && common != e->version))
		call->x[0] = (uint32_t)FFA_NOT_SUPPORTED;
	else
		e->version = common;
}

/* ---- ids (s.13.8, s.13.9) ---- */

static void id_get(struct ffa_endpoint *e, struct ffa_call *call)
{
	succeed(call, e->id, 0);
}

static void spm_id_get(struct ffa_endpoint *e, struct ffa_call *call)
{
	succeed(call, e->spmc, 0);
}

/* ---- buffers (s.7.2, s.13.5 to s.13.7) ---- */

static bool is_page_of_guest(const struct ffa_endpoint *e, uint64_t gpa, uint64_t length)
{
	return gpa % PAGE == 0 && memory_at(e->memory, gpa, length);
}

static enum ffa_status map_box(struct ffa_endpoint *e, uint64_t tx, uint64_t rx, uint32_t pages)
{
	uint64_t length = pages * PAGE;

	if (e->box.pages)
		return FFA_DENIED;
	if (pages == 0 || pages > FFA_BOX_PAGES_MAX)
		return FFA_INVALID_PARAMETERS;
	if (!is_page_of_guest(e, tx, length) || !is_page_of_guest(e, rx, length))
		return FFA_INVALID_PARAMETERS;
	if (tx < rx + length && rx < tx + length)
		return FFA_INVALID_PARAMETERS;
	e->box.tx = tx;
	e->box.rx = rx;
	e->box.pages = pages;
	e->box.rx_full = false;
	return FFA_OK;
}

static void rxtx_map(struct ffa_endpoint *e, struct ffa_call *call)
{
	bool wide = call->x[0] & FFA_SMC64;
	uint64_t tx = wide ? call->x[1] : (uint32_t)call->x[1], rx = wide ? call->x[2] : (uint32_t)call->x[2];

	answer(call, map_box(e, tx, rx, (uint32_t)call->x[3]));
}

/* At a virtual instance the id in w1 is the caller's own, or is left out. */
static bool names_another(const struct ffa_endpoint *e, uint16_t id)
{
	return id && id != e->id;
}

static void rxtx_unmap(struct ffa_endpoint *e, struct ffa_call *call)
{
	bool wrong = !e->box.pages || names_another(e, (uint16_t)(call->x[1] >> 16));

	if (!wrong)
		memset(&e->box, 0, sizeof(e->box));
	answer(call, wrong ? FFA_INVALID_PARAMETERS : FFA_OK);
}

static void rx_release(struct ffa_endpoint *e, struct ffa_call *call)
{
	enum ffa_status status = FFA_OK;

	if (names_another(e, (uint16_t)call->x[1]))
		status = FFA_INVALID_PARAMETERS;
	else if (!e->box.rx_full)
		status = FFA_DENIED;
	else
		e->box.rx_full = false;
	answer(call, status);
}

/* ---- what there is ---- */

static void features(struct ffa_endpoint *e, struct ffa_call *call);

/*
 * One row a function number: its forms, since when, who answers. Missing: not supported, and FFA_FEATURES says so. What
 * has no answer here is asked of the daemon. Memory sharing is not there: it needs physical addresses, hence the kernel.
 * FFA_RX_ACQUIRE is for relayers at a physical instance.
 */
static const struct row {
	uint8_t forms;
	bool wide;
	uint32_t since;
	void (*answer)(struct ffa_endpoint *e, struct ffa_call *call);
	bool receives; /* for those alone that receive notifications */
} rows[FUNCTIONS] = {
#define ROW(function, ...) [((function) & 0xff) - FIRST_FUNCTION] = { __VA_ARGS__ }
	ROW(FFA_VERSION, SMC32, false, 0, version),
	ROW(FFA_FEATURES, SMC32, false, V1_0, features),
	ROW(FFA_RX_RELEASE, SMC32, false, V1_0, rx_release),
	ROW(FFA_RXTX_MAP, SMC32 | SMC64, false, V1_0, rxtx_map),
	ROW(FFA_RXTX_UNMAP, SMC32, false, V1_0, rxtx_unmap),
	ROW(FFA_ID_GET, SMC32, false, V1_0, id_get),
	ROW(FFA_SPM_ID_GET, SMC32, false, V1_1, spm_id_get),
	ROW(FFA_PARTITION_INFO_GET, SMC32, false, V1_0, NULL),
	ROW(FFA_MSG_SEND2, SMC32, false, V1_1, NULL),
	ROW(FFA_MSG_WAIT, SMC32, false, V1_0, NULL),
	ROW(FFA_YIELD, SMC32, false, V1_0, NULL),
	ROW(FFA_RUN, SMC32, false, V1_0, NULL),
	ROW(FFA_MSG_SEND_DIRECT_REQ, SMC32 | SMC64, false, V1_0, NULL),
	ROW(FFA_MSG_SEND_DIRECT_RESP, SMC32 | SMC64, false, V1_0, NULL),
	ROW(FFA_NOTIFICATION_BIND, SMC32, false, V1_1, NULL, true),
	ROW(FFA_NOTIFICATION_UNBIND, SMC32, false, V1_1, NULL, true),
	ROW(FFA_NOTIFICATION_SET, SMC32, false, V1_1, NULL),
	ROW(FFA_NOTIFICATION_GET, SMC32, false, V1_1, NULL, true),
	ROW(FFA_NOTIFICATION_INFO_GET, SMC32 | SMC64, false, V1_1, NULL, true),
	ROW(FFA_PARTITION_INFO_GET_REGS, SMC64, true, V1_2, NULL),
	ROW(FFA_MSG_SEND_DIRECT_REQ2, SMC64, true, V1_2, NULL),
	ROW(FFA_MSG_SEND_DIRECT_RESP2, SMC64, true, V1_2, NULL),
#undef ROW
};

/* NULL: not this function, not in this form, or not in the version that was agreed on. */
static const struct row *row_of(const struct ffa_endpoint *e, uint64_t function)
{
	uint32_t number = (uint32_t)function & 0xff, base = (uint32_t)function & ~(0xffu | FFA_SMC64);
	const struct row *row = &rows[(number - FIRST_FUNCTION) % FUNCTIONS];

	if (base != (FFA_ERROR & ~0xffu) || number < FIRST_FUNCTION || number >= FIRST_FUNCTION + FUNCTIONS)
		return NULL;
	if (row->receives && !e->receives)
		return NULL;
	if (!(row->forms & ((uint32_t)function & FFA_SMC64 ? SMC64 : SMC32)) || e->version < row->since)
		return NULL;
	return row;
}

/*
 * s.13.3: w1 with bit 31 set names a function, else a feature. Of features (NPI, SRI, ME) there is the first at most: no
 * guest schedules another, and SPs do not run in it. RXTX_MAP tells its limits: bits 1:0 of w2 are 0 for pages of 4 KiB, bits
 * 31:16 the most of them (v1.2).
 */
static void features(struct ffa_endpoint *e, struct ffa_call *call)
{
	uint32_t wanted = (uint32_t)call->x[1];
	bool maps = (wanted & ~FFA_SMC64) == FFA_RXTX_MAP;

	if (wanted == FFA_FEATURE_NPI && e->receives && e->npi)
		succeed(call, e->npi, 0);
	else if (!(wanted & 0x80000000u) || !row_of(e, wanted))
		ffa_error(call, FFA_NOT_SUPPORTED);
	else
		succeed(call, maps && e->version >= V1_2 ? FFA_BOX_PAGES_MAX << 16 : 0, 0);
}

/* Who waits for a message has read the last one, unless it says that it keeps it (s.13.10; the flag since v1.2). */
static void give_rx_back(struct ffa_endpoint *e, const struct ffa_call *call)
{
	bool keeps = e->version >= V1_2 && (call->x[2] & FFA_MSG_WAIT_KEEPS_RX);

	if ((uint32_t)call->x[0] == FFA_MSG_WAIT && !keeps)
		e->box.rx_full = false;
}

static enum ffa_act call_locked(struct ffa_endpoint *e, struct ffa_call *call)
{
	const struct row *row = row_of(e, call->x[0]);

	e->frozen |= e->version && !(row && row->answer == version);
	if (row && !row->answer) {
		give_rx_back(e, call);
		return FFA_ASK;
	}
	if (row)
		row->answer(e, call);
	else
		ffa_error(call, FFA_NOT_SUPPORTED);
	return FFA_ANSWERED;
}

enum ffa_act ffa_endpoint_call(struct ffa_endpoint *e, struct ffa_call *call)
{
	enum ffa_act act;

	pthread_mutex_lock(&e->lock);
	act = call_locked(e, call);
	pthread_mutex_unlock(&e->lock);
	return act;
}

/* ---- buffers that are lent (s.13.8, s.15.5) ---- */

/* NULL: they are not mapped, or their pages cannot be had. */
static void *box_at(const struct ffa_endpoint *e, uint64_t gpa)
{
	void *at;

	return e->box.pages && memory_range(e->memory, gpa, e->box.pages * PAGE, &at) == 0 ? at : NULL;
}

static enum ffa_status lend_rx(struct ffa_endpoint *e, const struct ffa_call *call, struct ffa_bytes *ret)
{
	if (e->version > V1_0 && ((uint32_t)call->x[5] & FFA_PARTITION_INFO_COUNT))
		return FFA_OK;
	if (!e->box.pages || e->box.rx_full)
		return FFA_BUSY;
	ret->receive = box_at(e, e->box.rx);
	if (!ret->receive)
		return FFA_NO_MEMORY;
	ret->room = (uint32_t)(e->box.pages * PAGE);
	e->box.rx_full = true;
	return FFA_OK;
}

/* As much as the header says, which is looked at once here; what is sent is judged by its receiver, by what has arrived. */
static enum ffa_status lend_tx(struct ffa_endpoint *e, const struct ffa_call *call, struct ffa_bytes *ret)
{
	const void *tx = box_at(e, e->box.tx);
	struct ffa_message header;
	uint64_t end;

	if (!tx)
		return e->box.pages ? FFA_NO_MEMORY : FFA_DENIED;
	memcpy(&header, tx, sizeof(header));
	end = (uint64_t)header.offset + header.size;
	if (end < sizeof(header) || end > e->box.pages * PAGE)
		return FFA_INVALID_PARAMETERS;
	ret->send = tx;
	ret->size = (uint32_t)end;
	return FFA_OK;
}

enum ffa_act ffa_endpoint_lend(struct ffa_endpoint *e, struct ffa_call *call, struct ffa_bytes *ret)
{
	enum ffa_status status = FFA_OK;

	*ret = (struct ffa_bytes) { 0 };
	pthread_mutex_lock(&e->lock);
	if ((uint32_t)call->x[0] == FFA_PARTITION_INFO_GET)
		status = lend_rx(e, call, ret);
	else if ((uint32_t)call->x[0] == FFA_MSG_SEND2)
		status = lend_tx(e, call, ret);
	pthread_mutex_unlock(&e->lock);
	if (status != FFA_OK)
		ffa_error(call, status);
	return status == FFA_OK ? FFA_ASK : FFA_ANSWERED;
}

/* Guests look into RX for what has come: they see a size once all else is there. */
static void write_message(uint8_t *rx, const uint8_t *bytes, uint32_t size)
{
	const size_t at = offsetof(struct ffa_message, size), after = at + sizeof(uint32_t);
	uint32_t payload;

	memcpy(rx, bytes, at);
	memcpy(rx + after, bytes + after, size - after);
	memcpy(&payload, bytes + at, sizeof(payload));
	__atomic_store_n((uint32_t *)(void *)(rx + at), payload, __ATOMIC_RELEASE);
}

static enum ffa_status put_message(struct ffa_endpoint *e, const uint8_t *bytes, uint32_t size)
{
	void *rx = box_at(e, e->box.rx);

	if (e->version < V1_1)
		return FFA_DENIED;
	if (!e->box.pages || e->box.rx_full)
		return FFA_BUSY;
	if (size < sizeof(struct ffa_message))
		return FFA_INVALID_PARAMETERS;
	if (!rx || size > e->box.pages * PAGE)
		return FFA_NO_MEMORY;
	write_message(rx, bytes, size);
	e->box.rx_full = true;
	return FFA_OK;
}

enum ffa_status ffa_endpoint_put(struct ffa_endpoint *e, const uint8_t *bytes, uint32_t size)
{
	enum ffa_status status;

	pthread_mutex_lock(&e->lock);
	status = put_message(e, bytes, size);
	pthread_mutex_unlock(&e->lock);
	return status;
}

void ffa_endpoint_filled(struct ffa_endpoint *e, bool filled)
{
	pthread_mutex_lock(&e->lock);
	e->box.rx_full = filled;
	pthread_mutex_unlock(&e->lock);
}

uint32_t ffa_endpoint_version(struct ffa_endpoint *e)
{
	uint32_t agreed;

	pthread_mutex_lock(&e->lock);
	agreed = e->version;
	pthread_mutex_unlock(&e->lock);
	return agreed;
}

bool ffa_is_wide(uint64_t function)
{
	return rows[((uint32_t)function - FIRST_FUNCTION) % FUNCTIONS].wide && ((uint32_t)function & FFA_SMC64);
}

void ffa_endpoint_init(struct ffa_endpoint *e, const struct guest_memory *memory, uint16_t id, uint16_t spmc)
{
	*e = (struct ffa_endpoint) { .memory = memory, .id = id, .spmc = spmc };
	pthread_mutex_init(&e->lock, NULL);
}
