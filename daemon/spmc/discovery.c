/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which SPs are there: FFA_PARTITION_INFO_GET and its form in registers (FF-A v1.2 s.6.2, s.13.8-13.9).
 *
 * A UUID travels as SMCCC has it: its sixteen bytes in RFC 4122 order are the memory order, byte 0 in the low bits of
 * the first register. So in a descriptor it is a plain copy, and a register is a little-endian load of its part.
 */

#include <endian.h>
#include <stdatomic.h>
#include <string.h>

#include "spmc/personality.h"
#include "spmc/world.h"

#define PER_CALL 5
#define DESCRIPTOR_REGISTERS (sizeof(struct ffa_partition_info) / 8)

uint32_t sp_properties(const struct sp_config *c)
{
	return personality_get(c->personality)->properties | c->subscribed;
}

static bool is_nil(const uint8_t uuid[16])
{
	static const uint8_t nil[16];

	return memcmp(uuid, nil, sizeof(nil)) == 0;
}

static struct ffa_partition_info describe(const struct sp_config *c, bool with_uuid)
{
	const struct personality *p = personality_get(c->personality);
	struct ffa_partition_info info = {
		.id = htole16(c->id),
		.execution_contexts = htole16(p->contexts),
		.properties = htole32(sp_properties(c)),
	};

	if (with_uuid)
		memcpy(info.uuid, p->uuid, sizeof(info.uuid));
	return info;
}

/* The descriptors of the SPs with that UUID, or of all. The field is zero when the query named it. */
static uint32_t collect(const struct world *w, const uint8_t uuid[16], struct ffa_partition_info *infos)
{
	uint32_t count = 0;
	bool all = is_nil(uuid);

	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		const struct sp_config *c = &w->config.sp[i];

		if (all || memcmp(personality_get(c->personality)->uuid, uuid, 16) == 0)
			infos[count++] = describe(c, all);
	}
	return count;
}

/* w1-w4: UUID, w5 bit 0: count only. Else the descriptors go to the RX buffer: the caller's until released. */
bool call_partition_info_get(struct world *w, struct world_time now, uint64_t *x)
{
	struct ffa_partition_info infos[WORLD_SPS];
	uint32_t words[4], count;
	uint8_t uuid[16];

	for (int i = 0; i < 4; i++)
		words[i] = htole32((uint32_t)x[1 + i]);
	memcpy(uuid, words, sizeof(uuid));
	count = collect(w, uuid, infos);
	if (!count && !is_nil(uuid))
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (x[5] & 1)
		return call_success(x, count, sizeof(infos[0]));
	if (w->rx.full)
		return call_error(x, FFA_BUSY);
	if (!w->rx.put || w->rx.put(w->rx.context, infos, count * sizeof(infos[0])) < 0)
		return call_error(x, FFA_NO_MEMORY);
	w->rx.full = true;
	return call_success(x, count, sizeof(infos[0]));
}

bool call_rx_release(struct world *w, struct world_time now, uint64_t *x)
{
	if (!w->rx.full)
		return call_error(x, FFA_DENIED);
	w->rx.full = false;
	return call_success(x, 0, 0);
}

/* x3..: the descriptors, three registers each. */
static void put_registers(uint64_t *x, const struct ffa_partition_info *infos, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t parts[DESCRIPTOR_REGISTERS];

		memcpy(parts, &infos[i], sizeof(parts));
		for (uint32_t r = 0; r < DESCRIPTOR_REGISTERS; r++)
			x[3 + i * DESCRIPTOR_REGISTERS + r] = le64toh(parts[r]);
	}
}

/*
 * x1, x2: UUID, x3: [15:0] start index, [31:16] tag. The answer's x2: [15:0] last index there is, [31:16] index of the
 * last descriptor in this answer, [47:32] tag, [63:48] size. No SP at all: INVALID_PARAMETERS, as an index cannot say
 * "none".
 */
bool call_partition_info_get_regs(struct world *w, struct world_time now, uint64_t *x)
{
	struct ffa_partition_info infos[WORLD_SPS];
	uint64_t words[2] = { htole64(x[1]), htole64(x[2]) };
	uint16_t start = (uint16_t)x[3], tag = (uint16_t)(x[3] >> 16);
	uint32_t count, here;
	uint8_t uuid[16];

	if (tag && tag != w->book->tag)
		return call_error(x, FFA_RETRY);
	memcpy(uuid, words, sizeof(uuid));
	count = collect(w, uuid, infos);
	if (start >= count)
		return call_error(x, FFA_INVALID_PARAMETERS);
	here = count - start < PER_CALL ? count - start : PER_CALL;
	call_success(x, 0, 0);
	x[0] = FFA_SUCCESS_64;
	x[2] = (count - 1) | (start + here - 1) << 16 | (uint64_t)w->book->tag << 32 | (uint64_t)sizeof(infos[0]) << 48;
	put_registers(x, infos + start, here);
	return CALL_ANSWERED;
}
