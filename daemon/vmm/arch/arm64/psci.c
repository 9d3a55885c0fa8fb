/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <asm/kvm.h>
#include <linux/kvm.h>

#include "vmm/arch/arch.h"
#include "vmm/vcpu.h"

/*
 * A guest's power calls (PSCI, DEN0022), where the kernel forwards them: CPU_ON, CPU_OFF and SYSTEM_SUSPEND. KVM could answer
 * them, and nobody would hear which vCPU is off. AFFINITY_INFO is ours with them, so that it says of a vCPU what CPU_ON would.
 * One that is off waits in KVM_RUN as STOPPED, a guest that is suspended as SUSPENDED, until an interrupt comes.
 *
 * Only its own thread changes a vCPU. Who switches another on leaves the entry point with it, and the main thread, which may
 * kick, brings that thread out of KVM_RUN.
 */

#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON 0x84000003u
#define PSCI_AFFINITY_INFO 0x84000004u
#define PSCI_SYSTEM_SUSPEND 0x8400000Eu
#define PSCI_64 0x40000000u

#define PSCI_SUCCESS 0
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED (-3)
#define PSCI_ALREADY_ON (-4)
#define PSCI_ON_PENDING (-5)
#define PSCI_INTERNAL_FAILURE (-6)
#define PSCI_INVALID_ADDRESS (-9)

#define AFFINITY_ON 0
#define AFFINITY_OFF 1
#define AFFINITY_ON_PENDING 2

#define AFFINITY 0xff00ffffffull /* Aff3 to Aff0 */

static struct vcpu *find(struct machine *m, uint64_t affinity)
{
	for (unsigned i = 0; i < m->vcpu_count; i++)
		if ((m->vcpu[i].power.mpidr & AFFINITY) == affinity)
			return &m->vcpu[i];
	return NULL;
}

static int park(struct vcpu *v, uint32_t mp_state)
{
	struct kvm_mp_state state = { .mp_state = mp_state };

	return kvm_ask(v->kvm.fd, KVM_SET_MP_STATE, &state);
}

/* Instructions are words: another entry is none. */
static bool is_entry(uint64_t entry)
{
	return (entry & 3) == 0;
}

static int64_t cpu_on(struct vcpu *v, const uint64_t *x)
{
	struct vcpu *to = find(v->machine, x[1]);
	uint32_t was = POWER_OFF;

	if (!to)
		return PSCI_INVALID_PARAMETERS;
	if (!is_entry(x[2]))
		return PSCI_INVALID_ADDRESS;
	if (!atomic_compare_exchange_strong(&to->power.is, &was, POWER_CLAIMED))
		return was == POWER_ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING;
	to->power.entry = x[2];
	to->power.context = x[3];
	atomic_store(&to->power.is, POWER_ASKED);
	machine_notify(v->machine);
	return PSCI_SUCCESS;
}

/* From the first line on it may be switched on; that it is, its own thread sees after the last. */
static int64_t cpu_off(struct vcpu *v, const uint64_t *x)
{
	uint32_t off = POWER_OFF;

	atomic_store(&v->power.is, POWER_OFF);
	vcpu_set_state(v, VCPU_OFF);
	if (park(v, KVM_MP_STATE_STOPPED) == 0)
		return PSCI_SUCCESS; /* nobody reads it */
	if (atomic_compare_exchange_strong(&v->power.is, &off, POWER_ON))
		vcpu_set_state(v, VCPU_RUNNING);
	return PSCI_INTERNAL_FAILURE;
}

/* Of one vCPU: levels above may be refused (DEN0022 s.5.7.1, since 1.0). */
static int64_t affinity_info(struct vcpu *v, const uint64_t *x)
{
	static const int64_t answers[] = {
		[POWER_ON] = AFFINITY_ON,
		[POWER_OFF] = AFFINITY_OFF,
		[POWER_CLAIMED] = AFFINITY_ON_PENDING,
		[POWER_ASKED] = AFFINITY_ON_PENDING,
		[POWER_SUSPENDED] = AFFINITY_ON,
	};
	struct vcpu *of = x[2] == 0 ? find(v->machine, x[1]) : NULL;

	return of ? answers[atomic_load(&of->power.is)] : PSCI_INVALID_PARAMETERS;
}

/* All others have to be off. Who switches one on is running, so none is switched on meanwhile. */
static int64_t system_suspend(struct vcpu *v, const uint64_t *x)
{
	struct machine *m = v->machine;

	for (unsigned i = 0; i < m->vcpu_count; i++)
		if (i != v->index && atomic_load(&m->vcpu[i].power.is) != POWER_OFF)
			return PSCI_DENIED;
	if (!is_entry(x[1]))
		return PSCI_INVALID_ADDRESS;
	if (park(v, KVM_MP_STATE_SUSPENDED) < 0)
		return PSCI_INTERNAL_FAILURE;
	v->power.entry = x[1];
	v->power.context = x[2];
	vcpu_set_state(v, VCPU_OFF);
	atomic_store(&v->power.is, POWER_SUSPENDED);
	return PSCI_SUCCESS;
}

static const struct {
	uint32_t function; /* of 32 bits */
	int64_t (*answer)(struct vcpu *v, const uint64_t *x);
} calls[] = {
	{ PSCI_CPU_OFF, cpu_off },
	{ PSCI_CPU_ON, cpu_on },
	{ PSCI_AFFINITY_INFO, affinity_info },
	{ PSCI_SYSTEM_SUSPEND, system_suspend },
};

const uint32_t arm64_psci_forwarded[ARM64_PSCI_FORWARDED] = {
	PSCI_CPU_OFF, PSCI_CPU_ON, PSCI_CPU_ON | PSCI_64, PSCI_AFFINITY_INFO, PSCI_AFFINITY_INFO | PSCI_64,
	PSCI_SYSTEM_SUSPEND, PSCI_SYSTEM_SUSPEND | PSCI_64,
};

bool arm64_psci_answer(struct vcpu *v, uint64_t x[4])
{
	bool wide = x[0] & PSCI_64;

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (((uint32_t)x[0] & ~PSCI_64) != calls[i].function)
			continue;
		for (unsigned k = 1; k < 4 && !wide; k++)
			x[k] = (uint32_t)x[k];
		x[0] = (uint64_t)calls[i].answer(v, x);
		if (!wide)
			x[0] = (uint32_t)x[0];
		return true;
	}
	return false;
}

/* As a reset leaves it (DEN0022 s.6.4): at the entry point, with the context in x0, MMU off, interrupts masked. */
static int power_on(struct vcpu *v)
{
	int r = arm64_reset_vcpu(v, false);

	if (r == 0)
		r = arm64_set_register(v, ARM64_REG_PC, v->power.entry);
	return r == 0 ? arm64_set_register(v, ARM64_REG_X(0), v->power.context) : r;
}

int arch_power(struct vcpu *v)
{
	int r;

	if (atomic_load(&v->power.is) != POWER_ASKED)
		return 0;
	r = power_on(v);
	atomic_store(&v->power.is, POWER_ON);
	vcpu_set_state(v, VCPU_RUNNING);
	return r;
}

void arch_woken(struct vcpu *v)
{
	if (atomic_load(&v->power.is) == POWER_SUSPENDED)
		atomic_store(&v->power.is, POWER_ASKED);
}
