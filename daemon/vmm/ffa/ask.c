/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ffa/ask.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/*
 * A kick interrupts the wait, and comes again until the thread is out. Who waits here stands, if it comes to a pause; an
 * answer that comes meanwhile is taken once the guest goes on.
 */
static bool wait_for_answer(struct vcpu *v)
{
	uint32_t state;

	atomic_store(&v->stands, true);
	while ((state = atomic_load(&v->ask.state)) != ASK_ANSWERED && !vcpu_is_over(v))
		(void)syscall(SYS_futex, &v->ask.state, FUTEX_WAIT_PRIVATE, state, NULL, NULL, 0);
	atomic_store(&v->stands, false);
	vcpu_stand(v);
	return state == ASK_ANSWERED;
}

/* What waits for a message is WAITING, what waits for another's answer is BLOCKED (s.4.10). */
static bool ask_daemon(struct vcpu *v, struct ffa_call *call)
{
	bool responds = is_response(call->x[0]), waits = responds || (uint32_t)call->x[0] == FFA_MSG_WAIT;

	v->ask.call = *call;
	v->ask.version = ffa_endpoint_version(&v->machine->ffa);
	vcpu_set_state(v, waits ? VCPU_WAITING : VCPU_BLOCKED);
	atomic_store(&v->ask.state, ASK_MADE);
	machine_notify(v->machine);
	if (!wait_for_answer(v))
		return false;
	*call = v->ask.call;
	if (responds && (uint32_t)call->x[0] != FFA_ERROR)
		v->ask.serving = false;
	if (is_request(call->x[0]))
		v->ask.serving = true;
	atomic_store(&v->ask.state, ASK_NONE);
	vcpu_set_state(v, VCPU_RUNNING);
	return true;
}

bool ask_call(struct vcpu *v, struct ffa_call *call)
{
	if (ffa_endpoint_call(&v->machine->ffa, call) == FFA_ANSWERED)
		return true;
	return ask_daemon(v, call);
}

bool ask_frame(struct vcpu *v, struct vmm_call *ret)
{
	if (atomic_load(&v->ask.state) != ASK_MADE)
		return false;
	ret->vcpu = (uint16_t)v->index;
	ret->flags = (uint16_t)((v->ask.again ? VMM_CALL_AGAIN : 0) | (v->ask.serving ? VMM_CALL_SERVING : 0));
	ret->version = v->ask.version;
	memcpy(ret->x, v->ask.call.x, sizeof(ret->x));
	return true;
}

void ask_told(struct vcpu *v)
{
	v->ask.again = true;
	atomic_store(&v->ask.state, ASK_OUT);
}

void ask_tell_again(struct machine *m)
{
	for (unsigned i = 0; i < m->vcpu_count; i++)
		if (atomic_load(&m->vcpu[i].ask.state) == ASK_OUT)
			atomic_store(&m->vcpu[i].ask.state, ASK_MADE);
}

const char *ask_answer(struct machine *m, const struct vmm_answer *answer)
{
	struct vcpu *v = &m->vcpu[answer->vcpu < m->vcpu_count ? answer->vcpu : 0];

	if (answer->vcpu >= m->vcpu_count || atomic_load(&v->ask.state) != ASK_OUT)
		return "an answer to a call that nobody made";
	memcpy(v->ask.call.x, answer->x, sizeof(v->ask.call.x));
	v->ask.again = false;
	atomic_store(&v->ask.state, ASK_ANSWERED);
	(void)syscall(SYS_futex, &v->ask.state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}
