/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ffa/ask.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/frames.h"
#include "vmm/machine.h"
#include "vmm/vcpu.h"

_Static_assert(VMM_CALL_REGISTERS == FFA_REGISTERS, "");

static bool is_request(uint64_t function)
{
	switch ((uint32_t)function & ~FFA_SMC64) {
	case FFA_MSG_SEND_DIRECT_REQ:
	case FFA_MSG_SEND_DIRECT_REQ2 & ~FFA_SMC64:
		return true;
	}
	return false;
}

static bool is_response(uint64_t function)
{
	switch ((uint32_t)function & ~FFA_SMC64) {
	case FFA_MSG_SEND_DIRECT_RESP:
	case FFA_MSG_SEND_DIRECT_RESP2 & ~FFA_SMC64:
		return true;
	}
	return false;
}

/* False: the guest is over. */
static bool get_channel(struct vcpu *v)
{
	struct ask *a = &v->ask;
	uint32_t state = ASK_READY;

	if (!atomic_compare_exchange_strong(&a->state, &state, ASK_WANTS))
		return false;
	machine_notify(v->machine);
	while ((state = atomic_load(&a->state)) == ASK_WANTS || state == ASK_ASKED)
		(void)syscall(SYS_futex, &a->state, FUTEX_WAIT_PRIVATE, state, NULL, NULL, 0);
	return state == ASK_READY;
}

/* The buffer takes one frame, for there is one on its way at a time. Not sendmsg, by which one may also address others. */
static bool send_call(struct vcpu *v, int channel, struct vmm_call *frame, const struct ffa_bytes *bytes)
{
	struct iovec part[] = { { frame, sizeof(*frame) }, { (void *)(uintptr_t)bytes->send, bytes->size } };
	ssize_t n;

	frame->flags = (uint16_t)((v->ask.told ? VMM_CALL_AGAIN : 0) | (v->ask.serving ? VMM_CALL_SERVING : 0));
	do
		n = writev(channel, part, 2);
	while (n < 0 && errno == EINTR);
	v->ask.told |= n > 0;
	return n > 0;
}

/* A kick interrupts the wait and changes nothing; who ends the guest, or the link, breaks the channel. */
static bool receive_answer(struct vcpu *v, int channel, struct vmm_answer *ret, const struct ffa_bytes *bytes)
{
	struct iovec part[] = { { ret, sizeof(*ret) }, { bytes->receive, bytes->room } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };
	const char *wrong;
	ssize_t n;

	do
		n = recvmsg(channel, &message, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	wrong = answer_check(ret, (size_t)n, v->machine->life, v->index, v->ask.version);
	atomic_store(&v->ask.wrong, wrong);
	return !wrong;
}

/* Who waits here stands, if it comes to a pause; an answer that comes meanwhile is taken once the guest goes on. */
static bool exchange(struct vcpu *v, struct vmm_call *call, const struct ffa_bytes *bytes, struct vmm_answer *ret)
{
	int channel;

	do {
		channel = atomic_load(&v->ask.channel);
		if (channel >= 0 && send_call(v, channel, call, bytes) &&
			receive_answer(v, channel, ret, bytes))
			return !vcpu_is_over(v);
	} while (!vcpu_is_over(v) && get_channel(v));
	return false;
}

/* What did not fit is lost, and the guest is told so. */
static void take_bytes(struct vcpu *v, struct ffa_call *call, const struct ffa_bytes *bytes, uint32_t size)
{
	if (size > bytes->room)
		ffa_error(call, FFA_NO_MEMORY);
	if (bytes->receive)
		ffa_endpoint_filled(&v->machine->ffa, size > 0 && size <= bytes->room);
}

static bool ask_daemon(struct vcpu *v, struct ffa_call *call, const struct ffa_bytes *bytes)
{
	struct vmm_call frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_CALL, v->machine->life, 0 },
		.vcpu = (uint16_t)v->index,
		.version = ffa_endpoint_version(&v->machine->ffa),
		.bytes = bytes->size,
	};
	struct vmm_answer answer;
	bool responds = is_response(call->x[0]), answered;

	memcpy(frame.x, call->x, sizeof(frame.x));
	vcpu_become(v, VCPU_RUNNING); /* since now: what it is waiting for is known by the call */
	atomic_store(&v->stands, true);
	answered = exchange(v, &frame, bytes, &answer);
	atomic_store(&v->stands, false);
	vcpu_stand(v);
	if (!answered)
		return false;
	vcpu_become(v, VCPU_RUNNING);
	v->ask.told = false;
	memcpy(call->x, answer.x, sizeof(call->x));
	take_bytes(v, call, bytes, answer.bytes);
	if (responds && (uint32_t)call->x[0] != FFA_ERROR)
		v->ask.serving = false;
	if (is_request(call->x[0]))
		v->ask.serving = true;
	return true;
}

bool ask_call(struct vcpu *v, struct ffa_call *call)
{
	struct ffa_bytes bytes;

	if (ffa_endpoint_call(&v->machine->ffa, call) == FFA_ANSWERED ||
		ffa_endpoint_lend(&v->machine->ffa, call, &bytes) == FFA_ANSWERED)
		return true;
	return ask_daemon(v, call, &bytes);
}
