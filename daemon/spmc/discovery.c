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
#include "spmc/spmc.h"

#define REGISTERS_FIRST 3
#define DESCRIPTOR_MAX 48
#define FFA_PROP_LIVE_ACTIVATION (1u << 11)

/* As it grew: v1.0 ends before the UUID, v1.1 before the image UUID (s.1.6). */
struct descriptor {
	struct ffa_partition_info info;
	uint8_t image[16];
	uint32_t version;
	uint32_t reserved;
};
_Static_assert(sizeof(struct descriptor) == DESCRIPTOR_MAX, "v1.3");

struct descriptors {
	uint8_t bytes[WORLD_SPS * DESCRIPTOR_MAX];
	size_t size; /* of one */
	uint32_t count;
};

static size_t descriptor_size(const struct world *w)
{
	uint32_t version = spmc_version(w);

	if (version < FFA_VERSION_WORD(1, 1))
		return offsetof(struct ffa_partition_info, uuid);
	return version < FFA_VERSION_WORD(1, 3) ? sizeof(struct ffa_partition_info) : sizeof(struct descriptor);
}

/* Subscriptions came with v1.1, live activation with v1.3. */
uint32_t sp_properties(const struct world *w, uint32_t index)
{
	const struct sp_config *c = &w->config.sp[index];
	uint32_t properties = personality_get(c->personality)->properties;

	if (!c->receive)
		properties &= ~(uint32_t)FFA_PROP_DIRECT_REQ_RECEIVE;
	if (c->virtualization && spmc_version(w) >= FFA_VERSION_WORD(1, 1))
		properties |= c->subscribed;
	if (c->live && spmc_version(w) >= FFA_VERSION_WORD(1, 3))
		properties |= FFA_PROP_LIVE_ACTIVATION;
	return properties;
}

/* Another image may speak another protocol. */
void sp_uuid(const struct sp_config *c, const struct sp *sp, uint8_t ret[16])
{
	memcpy(ret, personality_get(c->personality)->uuid, 16);
	if (c->changes == SP_CHANGES_UUID)
		ret[15] = (uint8_t)(ret[15] + sp->activations);
}

/* Made of the protocol's, so that no two kinds share it. */
static void image_uuid(const struct sp_config *c, const struct sp *sp, uint8_t ret[16])
{
	memcpy(ret, personality_get(c->personality)->uuid, 16);
	ret[0] ^= 0xFF;
	if (c->changes == SP_CHANGES_IMAGE)
		ret[15] = (uint8_t)(ret[15] + sp->activations);
}

static uint32_t sp_version(const struct sp_config *c, const struct sp *sp)
{
	bool newer = c->changes == SP_CHANGES_VERSION && sp->activations % 2;

	return newer ? FFA_VERSION_WORD(1, 3) : FFA_VERSION_WORD(1, 2);
}

static bool is_nil(const uint8_t uuid[16])
{
	static const uint8_t nil[16];

	return memcmp(uuid, nil, sizeof(nil)) == 0;
}

/* The UUID is left out when the query named it. */
static struct descriptor describe(const struct world *w, uint32_t index, bool with_uuid)
{
	const struct sp_config *c = &w->config.sp[index];
	const struct sp *sp = &w->book->sp[index];
	struct descriptor d = {
		.info = {
			.id = htole16(c->id),
			.execution_contexts = htole16(personality_get(c->personality)->contexts),
			.properties = htole32(sp_properties(w, index)),
		},
		.version = htole32(sp_version(c, sp)),
	};

	if (with_uuid)
		sp_uuid(c, sp, d.info.uuid);
	image_uuid(c, sp, d.image);
	return d;
}

static bool is_listed(const struct world *w, uint32_t index, const uint8_t uuid[16])
{
	uint8_t its[16];

	if (w->book->sp[index].state == SP_NULL)
		return false;
	sp_uuid(&w->config.sp[index], &w->book->sp[index], its);
	return is_nil(uuid) || memcmp(its, uuid, sizeof(its)) == 0;
}

/* The descriptors of the SPs with that UUID, or of all. */
static void collect(const struct world *w, const uint8_t uuid[16], struct descriptors *ret)
{
	ret->size = descriptor_size(w);
	ret->count = 0;
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		struct descriptor d;

		if (!is_listed(w, i, uuid))
			continue;
		d = describe(w, i, is_nil(uuid));
		memcpy(ret->bytes + ret->count++ * ret->size, &d, ret->size);
	}
}

/* w1-w4: UUID, w5 bit 0: count only. Else the descriptors go to the RX buffer: the caller's until released. */
bool call_partition_info_get(struct world *w, uint64_t *x)
{
	struct descriptors d;
	uint32_t words[4];
	uint8_t uuid[16];

	for (int i = 0; i < 4; i++)
		words[i] = htole32((uint32_t)x[1 + i]);
	memcpy(uuid, words, sizeof(uuid));
	collect(w, uuid, &d);
	if (!d.count && !is_nil(uuid))
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (x[5] & 1)
		return call_success(x, d.count, d.size);
	if (w->rx.full)
		return call_error(x, FFA_BUSY);
	if (!w->rx.put || w->rx.put(w->rx.context, d.bytes, d.count * d.size) < 0)
		return call_error(x, FFA_NO_MEMORY);
	w->rx.full = true;
	return call_success(x, d.count, d.size);
}

bool call_rx_release(struct world *w, uint64_t *x)
{
	if (!w->rx.full)
		return call_error(x, FFA_DENIED);
	w->rx.full = false;
	return call_success(x, 0, 0);
}

/* x3..: the descriptors, one after another. */
static void put_registers(uint64_t *x, const uint8_t *bytes, size_t count)
{
	for (size_t r = 0; r < count / 8; r++) {
		uint64_t part;

		memcpy(&part, bytes + r * 8, sizeof(part));
		x[REGISTERS_FIRST + r] = le64toh(part);
	}
}

/*
 * x1, x2: UUID, x3: [15:0] start index, [31:16] tag. The answer's x2: [15:0] last index there is, [31:16] index of the
 * last descriptor in this answer, [47:32] tag, [63:48] size. No SP at all: INVALID_PARAMETERS, as an index cannot say
 * "none".
 */
bool call_partition_info_get_regs(struct world *w, uint64_t *x)
{
	uint64_t words[2] = { htole64(x[1]), htole64(x[2]) };
	uint16_t start = (uint16_t)x[3], tag = (uint16_t)(x[3] >> 16);
	uint32_t here, room;
	struct descriptors d;
	uint8_t uuid[16];

	if (tag && tag != w->book->tag)
		return call_error(x, FFA_RETRY);
	memcpy(uuid, words, sizeof(uuid));
	collect(w, uuid, &d);
	if (start >= d.count)
		return call_error(x, FFA_INVALID_PARAMETERS);
	room = (uint32_t)((FFA_REGISTERS - REGISTERS_FIRST) * 8ul / d.size);
	here = d.count - start < room ? d.count - start : room;
	call_success(x, 0, 0);
	x[0] = FFA_SUCCESS_64;
	x[2] = (d.count - 1) | (start + here - 1) << 16 | (uint64_t)w->book->tag << 32 | (uint64_t)d.size << 48;
	put_registers(x, d.bytes + start * d.size, here * d.size);
	return CALL_ANSWERED;
}
