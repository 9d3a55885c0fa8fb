/* SPDX-License-Identifier: Apache-2.0 */
/* Partition information: descriptors of any size, pages of any content. */
#include <errno.h>

#include "fuzz.h"
#include "secure/internal.h"

struct sample {
	uint16_t size, reserved[3];
	uint8_t bytes[48];
};

static const struct sample seeds[] = {
	{ 8, { 0 }, { 0x01, 0x80, 1, 0, 0xC1, 1 } },
	{ 24, { 0 }, { 0x01, 0x80, 1, 0, 0xC1, 1, 0, 0, 0x48, 0x61, 0x78, 0xe0 } },
	{ 48, { 0 }, { 0x02, 0x80, 4, 0, 0xC9, 1, [40] = 3, 0, 1 } },
};
const struct fuzz_format fuzz_format = { .row = sizeof(struct sample) };

void fuzz_begin(void)
{
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(&seeds[i], sizeof(seeds[i]));
}

static void page(const struct sample *in)
{
	uint64_t x[FFA_REGISTERS] = { 0 };
	struct info_page p;

	memcpy(x, in->bytes, sizeof(in->bytes));
	decode_info_page(x, &p);
	PROMISE(((uint64_t)p.size << 48 | (uint64_t)p.tag << 32 | (uint64_t)p.current << 16 | p.last) == x[2]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ffa_partition_info_v13 info;
	struct sample in;
	uint8_t *exact; /* so that a sanitizer sees a read beyond it */
	size_t wanted;
	int r;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	page(&in);
	wanted = in.size % 64;
	exact = calloc(1, wanted ? wanted : 1);
	if (!exact)
		return 0;
	memcpy(exact, in.bytes, wanted < sizeof(in.bytes) ? wanted : sizeof(in.bytes));
	r = decode_partition(exact, wanted, &info);
	PROMISE(r == 0 || r == -EBADMSG);
	PROMISE((r == 0) == (wanted == 8 || (wanted >= 24 && wanted % 8 == 0)));
	if (r == 0)
		PROMISE(info.v11.id == (in.bytes[0] | in.bytes[1] << 8));
	if (r == 0 && wanted < 48)
		PROMISE(info.version == 0);
	free(exact);
	return 0;
}
