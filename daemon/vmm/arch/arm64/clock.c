/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual counter over a pause: KVM keeps one offset for the whole VM, so the first vCPU's is that of all (api.rst s.4.68). */
#include "vmm/arch/arm64/arm64.h"

#include "vmm/arch/arch.h"

int arch_stop_clock(struct machine *m, uint64_t *ret)
{
	return arm64_get_register(&m->vcpu[0], KVM_REG_ARM_TIMER_CNT, ret);
}

int arch_go_on_clock(struct machine *m, const uint64_t *value)
{
	return value ? arm64_set_register(&m->vcpu[0], KVM_REG_ARM_TIMER_CNT, *value) : 0;
}
