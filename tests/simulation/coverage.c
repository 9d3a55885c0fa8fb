/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/coverage.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMED(symbol) [symbol] = #symbol

/* What the engine makes for itself has no name here. */
static const char *const inputs[IN_SHUTDOWN + 1] = {
	NAMED(IN_REQUEST), NAMED(IN_VMM_STARTED), NAMED(IN_VMM_FAILED), NAMED(IN_VMM_NEWBORN), NAMED(IN_VMM_LEFT),
	NAMED(IN_VMM_BACK), NAMED(IN_VMM_BUILT), NAMED(IN_VMM_ENTERED), NAMED(IN_VMM_VCPU), NAMED(IN_VMM_STOPPING),
	NAMED(IN_VMM_DEAF), NAMED(IN_VMM_DEVICE), NAMED(IN_VMM_SANDBOX), NAMED(IN_VMM_STALE), NAMED(IN_VMM_NOTIFICATIONS),
	NAMED(IN_GUEST_CALL), NAMED(IN_GUEST_PUT),
	NAMED(IN_VMM_PAUSED), NAMED(IN_VMM_NOT_PAUSED), NAMED(IN_VMM_NOT_RESUMED), NAMED(IN_VMM_QUIESCED),
	NAMED(IN_VMM_ENDED), NAMED(IN_VMM_GONE), NAMED(IN_VMM_LOST), NAMED(IN_RECLAIMED), NAMED(IN_SECURE_UP),
	NAMED(IN_SECURE_DOWN), NAMED(IN_SECURE_REPLY), NAMED(IN_SECURE_DOORBELL), NAMED(IN_SHUTDOWN),
};

static const char *const verbs[REQUEST_CANCEL + 1] = {
	NAMED(REQUEST_DEFINE), NAMED(REQUEST_START), NAMED(REQUEST_ABORT), NAMED(REQUEST_RESTART), NAMED(REQUEST_DESTROY),
	NAMED(REQUEST_STOP), NAMED(REQUEST_PAUSE), NAMED(REQUEST_RESUME), NAMED(REQUEST_UNDEFINE), NAMED(REQUEST_BIND_AGAIN),
	NAMED(REQUEST_UNBIND), NAMED(REQUEST_SHUTDOWN), NAMED(REQUEST_LEASE), NAMED(REQUEST_RECLAIM_LEASE),
	NAMED(REQUEST_RELEASE_LEASE), NAMED(REQUEST_FORGET), NAMED(REQUEST_CANCEL),
};

#define CALL(function) { function, #function }
static const struct {
	uint32_t function;
	const char *name;
} calls[COVERED_CALLS - 1] = {
	CALL(FFA_MSG_WAIT),
	CALL(FFA_YIELD),
	CALL(FFA_RUN),
	CALL(FFA_MSG_SEND_DIRECT_REQ),
	CALL(FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64),
	CALL(FFA_MSG_SEND_DIRECT_REQ2),
	CALL(FFA_MSG_SEND_DIRECT_RESP),
	CALL(FFA_MSG_SEND_DIRECT_RESP | FFA_SMC64),
	CALL(FFA_MSG_SEND_DIRECT_RESP2),
	CALL(FFA_MSG_SEND2),
	CALL(FFA_PARTITION_INFO_GET),
	CALL(FFA_PARTITION_INFO_GET_REGS),
	CALL(FFA_NOTIFICATION_BIND),
	CALL(FFA_NOTIFICATION_UNBIND),
	CALL(FFA_NOTIFICATION_SET),
	CALL(FFA_NOTIFICATION_GET),
	CALL(FFA_NOTIFICATION_INFO_GET),
	CALL(FFA_NOTIFICATION_INFO_GET | FFA_SMC64),
	CALL(FFA_NOTIFICATION_BITMAP_CREATE), /* not a guest's to call */
};

void coverage_note(struct coverage *c, const struct input *in)
{
	unsigned i = 0;

	c->input[in->kind]++;
	if (in->kind == IN_REQUEST)
		c->verb[in->request.verb]++;
	if (in->kind != IN_GUEST_CALL)
		return;
	while (i < COVERED_CALLS - 1 && calls[i].function != (uint32_t)in->call.x[0])
		i++;
	c->call[i]++;
}

void coverage_add(struct coverage *sum, const struct coverage *c)
{
	for (unsigned i = 0; i <= IN_SHUTDOWN; i++)
		sum->input[i] += c->input[i];
	for (unsigned i = 0; i <= REQUEST_FORGET; i++)
		sum->verb[i] += c->verb[i];
	for (unsigned i = 0; i < COVERED_CALLS; i++)
		sum->call[i] += c->call[i];
}

static bool happened(const char *name, uint64_t times)
{
	if (name && !times)
		printf("%s never came to the daemon: the dice of the simulation leave no share to it\n", name);
	return !name || times;
}

bool coverage_is_whole(const struct coverage *c)
{
	bool ok = true;

	for (unsigned i = 0; i <= IN_SHUTDOWN; i++)
		ok &= happened(inputs[i], c->input[i]);
	for (unsigned i = 0; i <= REQUEST_FORGET; i++)
		ok &= happened(verbs[i], c->verb[i]);
	for (unsigned i = 0; i < COVERED_CALLS - 1; i++)
		ok &= happened(calls[i].name, c->call[i]);
	return ok;
}
