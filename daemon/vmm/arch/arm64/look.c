/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a vCPU holds interrupts off: PSTATE.I, and the virtual timer, which every kernel uses. That it is due, and for which
 * time, is exact: a guest that takes its interrupt sets another time. Other interrupts are not looked at.
 */
#include "vmm/arch/arm64/arm64.h"

#include "vmm/arch/arch.h"

#define PSTATE_I          (1u << 7)
#define TIMER_IS_DUE      5u /* CNTV_CTL_EL0: ENABLE and ISTATUS, not IMASK */
#define TIMER_CTL_DEFINED 7u

bool arch_holds_interrupt(struct vcpu *v, uint64_t *ret_what, uint64_t *ret_pc)
{
	uint64_t pstate, control;

	if (arm64_get_register(v, ARM64_REG_PSTATE, &pstate) < 0 || !(pstate & PSTATE_I) ||
		arm64_get_register(v, ARM64_REG_PC, ret_pc) < 0)
		return false;
	*ret_what = 0;
	if (!v->machine->gic.version)
		return true;
	return arm64_get_register(v, KVM_REG_ARM_TIMER_CTL, &control) == 0 &&
	       (control & TIMER_CTL_DEFINED) == TIMER_IS_DUE &&
	       arm64_get_register(v, KVM_REG_ARM_TIMER_CVAL, ret_what) == 0;
}
