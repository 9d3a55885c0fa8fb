/* SPDX-License-Identifier: Apache-2.0 */

/* How a guest's vCPU is, by its calls: what a call to it is answered by that alone, and what is shown. */

#include "model/mediator.h"

#include <stdlib.h>

#include "base/mutant.h"
#include "model/guest_sp.h"
#include "model/model.h"

struct guest_vcpu *mediator_new(void)
{
	struct guests *g = calloc(1, sizeof(*g));

	return g ? g->vcpu : NULL;
}

void mediator_init(struct guest_vcpu *guest, struct life *l)
{
	struct guests *all = container_of((struct guest_vcpu (*)[VM_VCPU_MAX])guest, struct guests, vcpu);

	for (uint16_t i = 0; i < VM_VCPU_MAX; i++) {
		guest[i] = (struct guest_vcpu) { .life = l, .index = i };
		list_init(&guest[i].serves);
		list_init(&guest[i].served);
		list_init(&guest[i].held);
		list_init(&guest[i].sends);
		list_init(&guest[i].wait);
	}
	for (unsigned i = 0; i < MODEL_SP_MAX; i++) {
		list_init(&all->line[i].link);
		list_init(&all->line[i].vcpus);
		all->line[i].gave_up = false;
	}
}

/* The states in the order of their enum; OK: what it waits for decides. */
static const struct {
	int8_t run, request;
} by_state[VCPU_STATE_COUNT] = {
	[VCPU_OFF] = { FFA_INVALID_PARAMETERS, FFA_BUSY },
	[VCPU_NULL] = { FFA_INVALID_PARAMETERS, FFA_INVALID_PARAMETERS },
	[VCPU_CREATED] = { FFA_BUSY, FFA_BUSY },
	[VCPU_STARTING] = { FFA_BUSY, FFA_BUSY },
	[VCPU_RUNNING] = { FFA_BUSY, FFA_BUSY },
	[VCPU_WAITING] = { FFA_OK, FFA_OK },
	[VCPU_BLOCKED] = { FFA_OK, FFA_BUSY },
	[VCPU_BLOCKED_INTERRUPT] = { FFA_OK, FFA_BUSY },
	[VCPU_PREEMPTED] = { FFA_OK, FFA_BUSY },
	[VCPU_STOPPING] = { FFA_DENIED, FFA_BUSY },
	[VCPU_STOPPED] = { FFA_BUSY, FFA_BUSY },
	[VCPU_ABORTED] = { FFA_ABORTED, FFA_ABORTED },
};

enum ffa_status mediator_status(enum vcpu_state state, bool run)
{
	return (enum ffa_status)(run ? by_state[state].run : by_state[state].request);
}

enum vcpu_state mediator_vcpu_state(const struct life *l, unsigned index)
{
	static const enum vcpu_state by_stance[] = {
		[GUEST_WAITS] = VCPU_WAITING,
		[GUEST_BLOCKED] = VCPU_BLOCKED,
		[GUEST_YIELDED] = VCPU_BLOCKED,
	};
	unsigned stance = l->guest ? l->guest[index].stance : GUEST_RUNS;

	return stance == GUEST_RUNS || MUTANT(MUTANT_P5_WAITS_UNSEEN) ? (enum vcpu_state)l->vcpu[index] : by_stance[stance];
}

uint64_t mediator_vcpu_since(const struct life *l, unsigned index)
{
	uint64_t by_call = l->guest ? l->guest[index].since : 0;

	return by_call > l->vcpu_since[index] ? by_call : l->vcpu_since[index];
}

uint16_t mediator_callee(const struct life *l, unsigned index)
{
	const struct guest_vcpu *v = l->guest ? &l->guest[index] : NULL;

	if (!v || v->stance != GUEST_BLOCKED)
		return 0;
	if (!list_is_empty(&v->sends))
		return v->message.receiver;
	if (!list_is_empty(&v->held))
		return (uint16_t)v->sets.ids;
	return v->at ? v->at->info.id : v->to ? v->to->life->begun.endpoint : 0;
}
