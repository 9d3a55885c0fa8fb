/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <errno.h>

#include "vmm/arch/arch.h"

/* KVM has its lines once the interrupt controller is ready, which it is before any vCPU can run. */
int arch_press_power_key(struct machine *m)
{
	return m->gic.version ? devices_press_power_key(&m->devices) : -EOPNOTSUPP;
}
