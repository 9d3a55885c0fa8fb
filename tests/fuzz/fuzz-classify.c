/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means: any registers at all, for any call. */
#include "fuzz.h"
#include "secure/internal.h"

struct sample {
	uint16_t sp, endpoint;
	uint8_t kind, run, reserved[2];
	uint32_t x[8];
};

#define OF(...) { 0x8001, 5, CALL_CREATED, 0, { 0 }, { __VA_ARGS__ } }
static const struct sample seeds[] = {
	OF(0x84000070, 0x80010000, 0x80000005, 0),          /* done */
	OF(0x84000070, 0x80010000, 0x80000005, 0xFFFFFFF9), /* RETRY */
	OF(0x84000070, 0x80010000, 0x80000005, 0xFFFFFFFB), /* INTERRUPTED */
	OF(0x84000070, 0x80010000, 0x80000005, 0xFFFFFFFA), /* DENIED */
	OF(0x84000070, 0x80010000, 0x80000005, 0xFFFFFFFE), /* INVALID_PARAMETERS */
	OF(0x84000070, 0x80010000, 0x80000004, 0xFFFFFFFF), /* the type is not known */
	OF(0x84000070, 0x80010000, 0x80000007, 0),          /* of the other message */
	OF(0x84000060, 0, 0xFFFFFFFC),                      /* BUSY */
	OF(0x84000060, 0, 0xFFFFFFF8),                      /* ABORTED */
	OF(0x84000060, 0, 0xFFFFFFFE),                      /* INVALID_PARAMETERS */
	OF(0x84000062, 0x80010002),                         /* INTERRUPT */
	OF(0x8400006C, 0x80010000, 1000, 0),                /* YIELD */
	OF(0x8400006B),                                     /* MSG_WAIT */
	OF(0x84000061),                                     /* SUCCESS */
	{ 0x8001, 5, CALL_CREATED, 1, { 0 }, { 0x84000070, 0x80010005, 0, 1 } }, /* of a guest's call, after FFA_RUN */
};
const struct fuzz_format fuzz_format = { .row = sizeof(struct sample) };

void fuzz_begin(void)
{
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(&seeds[i], sizeof(seeds[i]));
}

/* Said once more, from s.18.3 alone. */
static bool is_done(const struct sample *in)
{
	return in->kind != CALL_NONE && in->x[0] == 0x84000070 && in->x[1] == (uint32_t)in->sp << 16 &&
		in->x[2] == (in->kind == CALL_CREATED ? 0x80000005 : 0x80000007) && in->x[3] == 0;
}

/* After FFA_RUN an SP may answer the call of a guest, in one of the three forms of a direct response. */
static bool is_for_guest(const struct sample *in)
{
	bool flags = in->x[0] != 0xC400008E && in->x[2];

	return in->run & 1 && (in->x[0] == 0x84000070 || in->x[0] == 0xC4000070 || in->x[0] == 0xC400008E) && !flags &&
		in->x[1] >> 16 == in->sp && in->x[1] & 0xFFFF && !(in->x[1] & 0x8000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secure_call call = { 0 };
	uint64_t x[FFA_REGISTERS] = { 0 };
	struct secure_reply reply;
	struct sample in;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	in.kind %= CALL_DESTROYED + 1;
	call.sp = in.sp;
	call.endpoint = in.endpoint;
	call.kind = in.kind;
	call.run = in.run & 1;
	for (int i = 0; i < 8; i++)
		x[i] = in.x[i] | (in.run & 2 ? 0xFFFFFFFF00000000 : 0); /* errors come sign-extended, too */
	classify(&call, x, &reply);
	PROMISE(reply.verdict < VERDICT_COUNT);
	PROMISE(reply.sp == call.sp);
	PROMISE((reply.verdict == VERDICT_ACK) == (is_done(&in) || is_for_guest(&in)));
	PROMISE((reply.kind == CALL_GUEST) == is_for_guest(&in));
	PROMISE(reply.kind == CALL_NONE || reply.kind == CALL_GUEST || (in.x[0] == 0x84000070 && reply.kind == call.kind));
	if (reply.verdict == VERDICT_PREEMPTED || reply.verdict == VERDICT_YIELDED)
		PROMISE(reply.target == in.x[1] && reply.target >> 31);
	else
		PROMISE(reply.target == 0);
	if (reply.verdict == VERDICT_IDLE)
		PROMISE(call.run);
	return 0;
}
