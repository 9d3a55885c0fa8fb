/* SPDX-License-Identifier: Apache-2.0 */
#include "model/directory.h"

#include <string.h>

#include "base/mutant.h"
#include "model/model.h"

#define V1_0         FFA_VERSION_WORD(1, 0)
#define PER_CALL     5 /* descriptors of 24 bytes in x3 to x17 */
#define FIRST_OF_ALL 3 /* the register of the first */

/* A VM takes and sends direct messages in all their forms, and indirect ones (table 6.2). */
#define VM_PROPERTIES                                                                                                  \
	(FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_DIRECT_REQ_SEND | FFA_PROP_INDIRECT | FFA_PROP_AARCH64 |                  \
		FFA_PROP_DIRECT_REQ2_RECEIVE | FFA_PROP_DIRECT_REQ2_SEND)

/* What the hypervisor alone hears of, and what it does not bring to an SP. */
#define NOT_OF_SPS ((uint32_t)(FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED | FFA_PROP_INDIRECT))

struct look {
	uint8_t uuid[16]; /* all zero: everybody */
	uint16_t start;
	unsigned found; /* that match */
	unsigned taken, room;
	struct ffa_partition_info info[PER_CALL];
	uint8_t *bytes; /* where they go instead; NULL: into `info` */
	size_t each;    /* and how much of each */
};

static bool is_wanted(const struct look *l, const uint8_t uuid[16])
{
	static const uint8_t everybody[16];

	return !memcmp(l->uuid, everybody, sizeof(everybody)) || !memcmp(l->uuid, uuid, sizeof(l->uuid));
}

/* Its UUID is told where none was asked for (s.6.2.1). */
static void look_at(struct look *l, struct ffa_partition_info info)
{
	static const uint8_t everybody[16];

	if (!is_wanted(l, info.uuid))
		return;
	if (memcmp(l->uuid, everybody, sizeof(everybody)) != 0)
		memset(info.uuid, 0, sizeof(info.uuid));
	if (l->found++ < l->start || l->taken >= l->room)
		return;
	if (l->bytes)
		memcpy(l->bytes + l->taken++ * l->each, &info, l->each);
	else
		l->info[l->taken++] = info;
}

static void look_at_sp(struct look *l, const struct sp *sp)
{
	struct ffa_partition_info info = {
		.id = sp->info.id,
		.execution_contexts = sp->info.contexts,
		.properties = sp->info.properties & ~NOT_OF_SPS,
	};

	memcpy(info.uuid, sp->info.uuid, sizeof(info.uuid));
	if (sp_is_there(sp) && !sp_is_spmc(sp))
		look_at(l, info);
}

static void look_at_life(struct look *l, const struct life *life)
{
	struct ffa_partition_info info = {
		.id = life->begun.endpoint,
		.execution_contexts = life->begun.vcpu_count,
		.properties = VM_PROPERTIES | (life->begun.notifications ? FFA_PROP_NOTIFICATIONS : 0u),
	};

	if (life->vm)
		memcpy(info.uuid, life->vm->definition->uuid, sizeof(info.uuid));
	look_at(l, info);
}

static void put_status(struct guest_call *answer, enum ffa_status status)
{
	answer->x[0] = FFA_ERROR;
	answer->x[2] = (uint32_t)status;
}

static void look_at_all(struct look *l, const struct model *m)
{
	const struct life *life;

	for (size_t i = 0; i < m->sp_count; i++)
		look_at_sp(l, &m->sp[i]);
	list_for_each(life, &m->lives, all)
		if (!MUTANT(MUTANT_P4_UNLISTED) || !life_is_over(life))
			look_at_life(l, life);
}

/* ---- into a buffer ---- */

static void put_count(struct guest_call *answer, unsigned count, size_t each)
{
	answer->x[0] = FFA_SUCCESS;
	answer->x[2] = count;
	answer->x[3] = each;
}

void directory_count(const struct model *m, const struct guest_call *call, struct guest_call *answer)
{
	uint32_t flags = call->version > V1_0 ? (uint32_t)call->x[5] : 0; /* v1.0 has none */
	struct look l = { 0 };

	for (unsigned i = 0; i < 4; i++)
		memcpy(&l.uuid[4ul * i], &(uint32_t){ (uint32_t)call->x[1 + i] }, 4);
	look_at_all(&l, m);
	if (!l.found || (flags & ~FFA_PARTITION_INFO_COUNT)) {
		put_status(answer, FFA_INVALID_PARAMETERS);
		return;
	}
	put_count(answer, l.found, 0);
	answer->lists = !(flags & FFA_PARTITION_INFO_COUNT);
	answer->version = call->version;
	memcpy(answer->uuid, l.uuid, sizeof(l.uuid));
}

void directory_list(const struct model *m, struct guest_call *answer, uint8_t *bytes, uint32_t room)
{
	bool old = answer->version <= V1_0;
	struct look l = { .bytes = bytes, .each = old ? sizeof(struct ffa_partition_info_v10) : sizeof(struct ffa_partition_info) };

	l.room = (unsigned)(room / l.each);
	memcpy(l.uuid, answer->uuid, sizeof(l.uuid));
	look_at_all(&l, m);
	if (l.found > l.taken) {
		put_status(answer, FFA_NO_MEMORY);
		return;
	}
	put_count(answer, l.taken, old ? 0 : l.each);
	answer->bytes = bytes;
	answer->size = (uint32_t)(l.taken * l.each);
}

/* ---- in registers ---- */

void directory_answer(const struct model *m, const struct guest_call *call, struct guest_call *answer)
{
	uint16_t start = (uint16_t)call->x[3], tag = (uint16_t)(call->x[3] >> 16);
	struct look l = { .start = start, .room = PER_CALL };

	memcpy(l.uuid, &call->x[1], sizeof(l.uuid));
	if (start && tag != m->directory) {
		put_status(answer, FFA_RETRY);
		return;
	}
	look_at_all(&l, m);
	if (!l.taken) {
		put_status(answer, FFA_INVALID_PARAMETERS);
		return;
	}
	answer->x[0] = FFA_SUCCESS_64;
	answer->x[2] = (uint64_t)(l.found - 1) | (uint64_t)(start + l.taken - 1) << 16 | (uint64_t)m->directory << 32 |
		(uint64_t)sizeof(l.info[0]) << 48;
	memcpy(&answer->x[FIRST_OF_ALL], l.info, l.taken * sizeof(l.info[0]));
}
