/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Guests ask who there is, in registers, in a buffer, or for the number alone. Whatever they are told is as the disk has it
 * (P4): who has a life is named, once, with what was stored of it; whose life was gone before the question is not.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"

#define PER_CALL 5 /* of FFA_PARTITION_INFO_GET_REGS */

bool directory_is_asked(uint64_t function)
{
	return function == FFA_PARTITION_INFO_GET || function == FFA_PARTITION_INFO_GET_REGS;
}

void directory_chooses(struct world *w, struct fake_vcpu *g, uint64_t x[FFA_REGISTERS])
{
	x[0] = g->page || random_chance(&w->random, 500) ? FFA_PARTITION_INFO_GET_REGS : FFA_PARTITION_INFO_GET;
	if (x[0] == FFA_PARTITION_INFO_GET_REGS)
		x[3] = g->page;
	else
		x[5] = random_chance(&w->random, 300) ? FFA_PARTITION_INFO_COUNT : 0;
	g->page = 0;
}

void directory_is_heard(struct world *w, struct fake_vcpu *g)
{
	g->asked_at = w->disk.last_seq;
}

/* The life that has this id now, or had it when the question came. */
static struct life *had(struct world *w, uint16_t id, uint64_t since)
{
	for (size_t i = w->life_count; i; i--) {
		struct life *life = w->life[i - 1];

		if (life->endpoint == id && (!life->gone || life->gone_at > since))
			return life;
	}
	return NULL;
}

static void check(struct world *w, const struct fake_vcpu *g, const struct ffa_partition_info *info)
{
	const struct life *life = had(w, info->id, g->asked_at);
	const struct fake_sp *sp = info->id & FFA_ID_SECURE ? link_sp(w, info->id) : NULL;

	if (info->id & FFA_ID_SECURE) {
		if (!sp || sp_is_the_spmc(sp))
			fail(w, "P4", "a guest is told of the SP %04x, which is none", info->id);
		return;
	}
	if (!life)
		fail(w, "P4", "a guest is told of id %04x, which no VM has", info->id);
	else if (info->execution_contexts != life->vcpu_count ||
		!(info->properties & FFA_PROP_NOTIFICATIONS) != !life->notifications)
		fail(w, "P4", "life %" PRIu64 ", id %04x, is told to have %u vCPUs and properties %x", life->number, info->id,
			info->execution_contexts, info->properties);
}

/* Lives that were there all the time since the question. */
static unsigned for_sure(const struct world *w, const struct fake_vcpu *g)
{
	unsigned count = 0;

	for (size_t i = 0; i < w->life_count; i++)
		count += !w->life[i]->gone && w->life[i]->number <= g->asked_at;
	return count;
}

static void check_count(struct world *w, const struct fake_vcpu *g, uint64_t count)
{
	uint64_t most = w->sp_count;

	for (size_t i = 0; i < w->life_count; i++)
		most += !w->life[i]->gone || w->life[i]->gone_at > g->asked_at;
	if (count < for_sure(w, g) || count > most)
		fail(w, "P4", "a guest is told that there are %" PRIu64 ", of %u VMs that have a life", count, for_sure(w, g));
}

static bool names(const struct guest_call *a, size_t each, uint16_t id)
{
	unsigned times = 0;

	for (size_t at = 0; at + each <= a->size; at += each) {
		struct ffa_partition_info info;

		memcpy(&info, a->bytes + at, sizeof(info));
		times += info.id == id;
	}
	return times == 1;
}

static void check_list(struct world *w, const struct fake_vcpu *g, const struct guest_call *a)
{
	size_t each = (uint32_t)a->x[3];

	if (each != sizeof(struct ffa_partition_info) || a->size != a->x[2] * each) {
		fail(w, "P4", "a guest is told of %" PRIu64 " in %u bytes, %zu each", a->x[2], a->size, each);
		return;
	}
	for (size_t at = 0; at < a->size; at += each) {
		struct ffa_partition_info info;

		memcpy(&info, a->bytes + at, sizeof(info));
		check(w, g, &info);
	}
	for (size_t i = 0; i < w->life_count; i++)
		if (!w->life[i]->gone && w->life[i]->number <= g->asked_at && !names(a, each, w->life[i]->endpoint))
			fail(w, "P4", "a guest is not told of life %" PRIu64 ", or twice", w->life[i]->number);
}

static void check_page(struct world *w, struct fake_vcpu *g, const struct guest_call *a)
{
	uint16_t last = (uint16_t)a->x[2], at = (uint16_t)(a->x[2] >> 16), start = (uint16_t)g->call.x[3];
	struct ffa_partition_info info[PER_CALL];

	memcpy(info, &a->x[3], sizeof(info));
	if (at < start || at > last || at - start >= PER_CALL || a->x[2] >> 48 != sizeof(info[0])) {
		fail(w, "P4", "a guest asks who is the %u. and gets the %u. of %u", start, at, last);
		return;
	}
	for (unsigned i = 0; i <= (unsigned)(at - start); i++)
		check(w, g, &info[i]);
	if (at < last)
		g->page = (uint32_t)(at + 1) | (a->x[2] >> 32 & 0xFFFF) << 16;
}

/* As the daemon lets it out. */
void directory_leaves(struct world *w, struct fake_vcpu *g, const struct guest_call *a)
{
	bool counts = g->call.x[5] & FFA_PARTITION_INFO_COUNT;

	if (!directory_is_asked(g->call.x[0]))
		return;
	if (a->x[0] == FFA_ERROR) { /* the list has changed meanwhile, or is shorter now */
		if (g->call.x[0] == FFA_PARTITION_INFO_GET || !g->call.x[3])
			fail(w, "P4", "a guest asks who there is, and is told %d", (int32_t)a->x[2]);
		return;
	}
	check_count(w, g, g->call.x[0] == FFA_PARTITION_INFO_GET ? a->x[2] : (a->x[2] & 0xFFFF) + 1);
	if (g->call.x[0] == FFA_PARTITION_INFO_GET_REGS)
		check_page(w, g, a);
	else if (!counts)
		check_list(w, g, a);
}
