/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The devices that a fake VMM was given, and what its sandbox is without. Each stops with its guest and starts with it; now and then one refuses to, fails
 * and is reset, or dies. A VMM tells how they are after its birth and a welcome, and then what changes. Whatever a
 * daemon was told it shows (P4), of the life that it was told of and of no other; and no device holds a life up (P6).
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/vfio-migration.h"
#include "tests/simulation/sim.h"

/* To a daemon a state is a number that it shows: these three mean the same in both types. */
_Static_assert((int)CCW_NOT_OPERATIONAL == (int)VFIO_DEVICE_STATE_ERROR && (int)CCW_STANDBY == (int)VFIO_DEVICE_STATE_STOP &&
	(int)CCW_IDLE == (int)VFIO_DEVICE_STATE_RUNNING, "a device fails, stops and runs by one number");

static void tell(struct world *w, struct fake_vmm *v, unsigned i)
{
	struct input in = { .kind = IN_VMM_DEVICE, .life = v->life, .device = { .index = i, .is = v->device[i] } };

	wire_note(w, "vmm   life %" PRIu64 " device %u: state %u, condition %u", v->life, i, v->device[i].state,
		v->device[i].condition);
	if (v->connected)
		vmm_tell(w, v, &in);
}

static void set(struct world *w, struct fake_vmm *v, unsigned i, enum vfio_device_mig_state state,
	enum device_condition condition)
{
	struct vmm_device_state *d = &v->device[i];

	if (d->condition == DEVICE_DEAD || (d->state == state && d->condition == condition))
		return;
	*d = (struct vmm_device_state) { .type = SIM_DEVICE_TYPE(i), .state = (uint8_t)state, .condition = (uint8_t)condition };
	snprintf(d->text, sizeof(d->text), "at %" PRIu64, w->now);
	tell(w, v, i);
}

static void to_failing(struct world *w, uint64_t index, uint64_t i, void *data)
{
	struct fake_vmm *v = w->vmm[index];
	bool dies = random_chance(&w->random, 200);

	if (v->at != VMM_RUNS || v->hangs || w->quiet)
		return;
	set(w, v, (unsigned)i, VFIO_DEVICE_STATE_ERROR, dies ? DEVICE_DEAD : DEVICE_FAILED);
	if (!dies)
		set(w, v, (unsigned)i, VFIO_DEVICE_STATE_RUNNING, DEVICE_WAS_RESET);
	if (random_chance(&w->random, 500))
		queue_put(&w->queue, w->now + random_between(&w->random, MS, 2 * S), to_failing, index, i, NULL);
}

/* One that has all its layers says nothing. */
static void tell_sandbox(struct world *w, struct fake_vmm *v)
{
	struct input in = { .kind = IN_VMM_SANDBOX, .life = v->life, .sandbox_lacks = v->sandbox_lacks };

	if (v->connected && v->sandbox_lacks)
		vmm_tell(w, v, &in);
}

/* The definition that it is built from says how many; they stand until the guest runs. */
void devices_begin(struct world *w, struct fake_vmm *v)
{
	v->sandbox_lacks = random_chance(&w->random, 200) ? 1 + (uint32_t)random_below(&w->random, VMM_SANDBOX_LAYERS) : 0;
	tell_sandbox(w, v);
	v->device_count = world_life(w, v->life)->assigned_count;
	for (unsigned i = 0; i < v->device_count; i++)
		set(w, v, i, VFIO_DEVICE_STATE_STOP, DEVICE_WELL);
}

void devices_run(struct world *w, struct fake_vmm *v)
{
	for (unsigned i = 0; i < v->device_count; i++) {
		set(w, v, i, VFIO_DEVICE_STATE_RUNNING, DEVICE_WELL);
		if (random_chance(&w->random, 300))
			queue_put(&w->queue, w->now + random_between(&w->random, 100 * US, 3 * S), to_failing, v->index, i, NULL);
	}
}

/* False: one does not stop for a pause, and all go back to where they were. */
bool devices_stop(struct world *w, struct fake_vmm *v, bool may_refuse)
{
	for (unsigned i = 0; i < v->device_count; i++) {
		if (may_refuse && !w->quiet && v->device[i].state == VFIO_DEVICE_STATE_RUNNING && random_chance(&w->random, 150)) {
			set(w, v, i, VFIO_DEVICE_STATE_RUNNING, DEVICE_FAILED);
			while (i--)
				set(w, v, i, VFIO_DEVICE_STATE_RUNNING, DEVICE_WELL);
			return false;
		}
		set(w, v, i, VFIO_DEVICE_STATE_STOP, DEVICE_WELL);
	}
	return true;
}

void devices_are_welcome(struct world *w, struct fake_vmm *v)
{
	tell_sandbox(w, v);
	for (unsigned i = 0; i < v->device_count; i++)
		tell(w, v, i);
}

/* What the daemon was told; no daemon before it, for it is not stored. */
void device_is_heard(struct life *life, const struct input *in)
{
	if (in->kind == IN_VMM_SANDBOX)
		life->sandbox_lacks = in->sandbox_lacks;
	else if (in->device.index < SIM_DEVICE_MAX)
		life->device[in->device.index] = in->device.is;
}

void devices_are_forgotten(struct life *life)
{
	memset(life->device, 0, sizeof(life->device));
	life->sandbox_lacks = 0;
}

void oracle_devices(struct world *w, const struct vm_row *row)
{
	static const struct vmm_device_state none;
	const struct life *life = world_life(w, row->life);

	if (life && row->sandbox_lacks != life->sandbox_lacks)
		fail(w, "P4", "the sandbox of %s is shown to be without %x, and was told to be without %x", row->name,
			row->sandbox_lacks, life->sandbox_lacks);
	for (unsigned i = 0; life && i < VM_ASSIGNED_MAX; i++) {
		const struct vmm_device_state *is = i < SIM_DEVICE_MAX ? &life->device[i] : &none;

		if (memcmp(&row->device[i], is, sizeof(*is)))
			fail(w, "P4", "device %u of %s is shown in state %u, condition %u, and was told to be in state %u, condition %u",
				i, row->name, row->device[i].state, row->device[i].condition, is->state, is->condition);
	}
}
