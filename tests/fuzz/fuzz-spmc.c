/* SPDX-License-Identifier: Apache-2.0 */
/* lifecycled-spmc's own decoder: any calls, one after the other, to SPs of every personality; the books stay sound. */
#include "fuzz.h"
#include "spmc/options.h"
#include "spmc/personality.h"
#include "spmc/world.h"

struct sample {
	uint64_t x[8];
};

#define TO(sp, type, vm) { { 0x8400006F, sp, 0x80000000u | (type), 0xFFFFFFFF, 0xFFFFFFFF, vm } }
static const struct sample seeds[] = {
	TO(0x8001, 4, 5), TO(0x8001, 6, 5), TO(0x8002, 4, 5), TO(0x8002, 6, 5), TO(0x8003, 4, 6), TO(0x8004, 4, 6),
	TO(0x8005, 4, 6), TO(0x8005, 6, 6), TO(0x8006, 4, 7), TO(0x8001, 8, 0), { { 0x8400006D, 0x80010000 } },
	{ { 0x84000063, 0x10002 } }, { { 0x84000064, 0xC400008B } }, { { 0x84000068 } }, { { 0xC400008B } }, { { 0x84000065 } },
	{ { 0x8400007D, 5, 1 } }, { { 0x8400007E, 5 } }, { { 0x84000085 } }, { { 0x8400006F, 0x00058001, 0 } },
};
const struct fuzz_format fuzz_format = { .row = sizeof(struct sample) };

void fuzz_begin(void)
{
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(&seeds[i], sizeof(seeds[i]));
}

static const char *const sps[] = { "trusty:0x8001", "optee:0x8002", "hafnium:0x8003:live-activation=1", "el3:0x8004",
	"strict:0x8005", "hostile:0x8006" };

static struct world *make(void)
{
	static const uint8_t instance[16] = { 1 };
	struct world *w = calloc(1, sizeof(*w));
	struct complaint why;

	for (size_t i = 0; w && i < sizeof(sps) / sizeof(sps[0]); i++)
		PROMISE(options_add_sp(&w->config, sps[i], &why) == 0);
	if (w)
		w->book = calloc(1, world_size(w->config.sp_count));
	PROMISE(w && w->book);
	world_reset(w, instance);
	return w;
}

/* What each SP knows adds up to what it says it knows; only ids that were said are looked at. */
static void is_sound(const struct world *w, const uint16_t *said, size_t count)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		const struct sp *sp = &w->book->sp[i];
		uint64_t objects = 0;

		for (size_t k = 0; k < count; k++) {
			bool seen = false;

			for (size_t j = 0; j < k; j++)
				seen |= said[j] == said[k];
			PROMISE(sp->vm[said[k]].state < SP_VM_STATE_COUNT);
			objects += seen ? 0 : sp->vm[said[k]].objects;
		}
		PROMISE(sp->live == objects);
		PROMISE(sp->id == w->config.sp[i].id);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world *w;
	uint16_t said[64];
	size_t count = 0;

	if (!w)
		w = make();
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		world_restart_sp(w, i); /* each input begins with books that are empty */
	for (uint64_t now = 1; size >= sizeof(struct sample) && count < 64; size -= sizeof(struct sample), now += 1000000) {
		uint64_t x[FFA_REGISTERS] = { 0 };

		memcpy(x, data, sizeof(struct sample));
		data += sizeof(struct sample);
		said[count++] = (uint16_t)x[5];
		(void)world_call(w, (struct world_time){ .monotonic = now, .realtime = now }, x);
		world_work(w, now + 500000);
		is_sound(w, said, count);
	}
	return 0;
}
