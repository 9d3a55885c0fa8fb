/* SPDX-License-Identifier: Apache-2.0 */
/* kvmclock over a pause (api.rst, KVM_GET_CLOCK and KVM_KVMCLOCK_CTRL). */
#include "vmm/arch/arch.h"

#include <errno.h>

#include "vmm/machine.h"

int arch_stop_clock(struct machine *m, uint64_t *ret)
{
	struct kvm_clock_data clock = { 0 };
	int r = kvm_ask(m->vm.fd, KVM_GET_CLOCK, &clock);

	if (r < 0)
		return r;
	*ret = clock.clock;
	return 0;
}

/* Its watchdogs learn that it was the host that stopped them. A guest that did not switch kvmclock on has none to tell. */
static int tell_guest(struct machine *m)
{
	int r = 0;

	for (unsigned i = 0; i < m->vcpu_count && r == 0; i++) {
		r = kvm_ask_value(m->vcpu[i].kvm.fd, KVM_KVMCLOCK_CTRL, 0);
		if (r == -EINVAL)
			r = 0;
	}
	return r < 0 ? r : 0;
}

int arch_go_on_clock(struct machine *m, const uint64_t *value)
{
	struct kvm_clock_data clock = { .clock = value ? *value : 0 };
	int r = value ? kvm_ask(m->vm.fd, KVM_SET_CLOCK, &clock) : 0, told = tell_guest(m);

	return r < 0 ? r : told;
}
