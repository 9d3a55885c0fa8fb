/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's side of tests/golden/ffa.txt: what it encodes, and what it makes of answers and of descriptors. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "secure/internal.h"
#include "tests/golden/golden.h"

int engine_post(struct engine *e, const struct input *in)
{
	return 0;
}

static const struct {
	const char *name;
	struct secure_call call;
} calls[] = {
	{ "created", { .sp = 0x8001, .kind = CALL_CREATED, .endpoint = 5, .life = 9 } },
	{ "destroyed", { .sp = 0x8001, .kind = CALL_DESTROYED, .endpoint = 5, .life = 9 } },
	{ "run-created", { .sp = 0x8001, .kind = CALL_CREATED, .endpoint = 5, .run = true, .target = 0x80010002 } },
	{ "run-destroyed", { .sp = 0x8001, .kind = CALL_DESTROYED, .endpoint = 5, .run = true, .target = 0x80010002 } },
};

static const char *const verdicts[VERDICT_COUNT] = {
	[VERDICT_ACK] = "ACK",
	[VERDICT_RETRY] = "RETRY",
	[VERDICT_INTERRUPTED] = "INTERRUPTED",
	[VERDICT_DENIED] = "DENIED",
	[VERDICT_INVALID] = "INVALID",
	[VERDICT_BUSY] = "BUSY",
	[VERDICT_PREEMPTED] = "PREEMPTED",
	[VERDICT_YIELDED] = "YIELDED",
	[VERDICT_IDLE] = "IDLE",
	[VERDICT_ABORTED] = "ABORTED",
	[VERDICT_UNKNOWN_SP] = "UNKNOWN_SP",
	[VERDICT_UNSUPPORTED] = "UNSUPPORTED",
	[VERDICT_REFUSED] = "REFUSED",
	[VERDICT_BROKEN] = "BROKEN",
};

static struct secure_call find_call(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].call;
	fail_msg("no call is named %s", name);
	return calls[0].call;
}

static enum verdict find_verdict(const char *name)
{
	for (int i = 0; i < VERDICT_COUNT; i++)
		if (strcmp(verdicts[i], name) == 0)
			return (enum verdict)i;
	fail_msg("no verdict is named %s", name);
	return VERDICT_BROKEN;
}

static void encodes(const struct golden_row *row, const char *side)
{
	unsigned endpoint = 5, sp = 0x8001;
	uint64_t x[FFA_REGISTERS];
	struct secure_call call;
	char name[32];

	assert_true(sscanf(side, "%31s %x %x", name, &endpoint, &sp) >= 1);
	call = find_call(name);
	call.endpoint = (uint16_t)endpoint;
	call.sp = (uint16_t)sp;
	memset(x, 0xA5, sizeof(x));
	encode_call(&call, x);
	for (int i = 0; i < FFA_REGISTERS; i++)
		assert_int_equal(x[i], row->x[i]);
}

/* A response is one to a message: whose, is told. Nothing else says that. */
static enum call_kind answered_kind(const struct golden_row *row, const struct secure_call *call, enum verdict verdict)
{
	return verdict != VERDICT_BROKEN && row->x[0] == 0x84000070 ? (enum call_kind)call->kind : CALL_NONE;
}

static void understands(const struct golden_row *row, const char *side)
{
	char name[32], word[32];
	unsigned target = 0;
	uint64_t x[FFA_REGISTERS], wait = 0;
	struct secure_call call;
	struct secure_reply r;
	enum verdict verdict;

	assert_true(sscanf(side, "to %31[^:]: %31s %x %" SCNx64, name, word, &target, &wait) >= 2);
	call = find_call(name);
	verdict = find_verdict(word);
	memcpy(x, row->x, sizeof(x));
	memset(x + 8, 0xA5, sizeof(x) - 8 * sizeof(*x)); /* left over, in what nobody reads */
	memset(&r, 0xA5, sizeof(r));
	classify(&call, x, &r);
	if (r.verdict != verdict)
		fail_msg("taken for %s", verdicts[r.verdict]);
	assert_int_equal(r.sp, 0x8001);
	assert_int_equal(r.kind, answered_kind(row, &call, verdict));
	assert_int_equal(r.target, target);
	assert_int_equal(r.wait_ns, wait);
}

static void read_uuid(const char *text, uint8_t ret[16])
{
	assert_int_equal(strlen(text), 32);
	for (int i = 0; i < 16; i++)
		assert_int_equal(sscanf(text + 2 * i, "%2hhx", &ret[i]), 1);
}

static void decodes_a_descriptor(const struct golden_row *row, const char *side)
{
	struct ffa_partition_info_v13 info;
	unsigned id, contexts, properties, version;
	char text[64];
	uint8_t uuid[16];

	if (strcmp(side, "refused") == 0) {
		assert_int_equal(decode_partition(row->bytes, row->count, &info), -EBADMSG);
		return;
	}
	assert_int_equal(sscanf(side, "%x %x %x %63s %x", &id, &contexts, &properties, text, &version), 5);
	read_uuid(text, uuid);
	assert_int_equal(decode_partition(row->bytes, row->count, &info), 0);
	assert_int_equal(info.v11.id, id);
	assert_int_equal(info.v11.execution_contexts, contexts);
	assert_int_equal(info.v11.properties, properties);
	assert_memory_equal(info.v11.uuid, uuid, sizeof(uuid));
	assert_int_equal(info.version, version);
}

static void decodes_a_page(const struct golden_row *row, const char *side)
{
	unsigned last, current, tag, size, id, first;
	struct info_page page;
	int at = 0, n = 0;

	assert_int_equal(sscanf(side, "%x %x %x %x:%n", &last, &current, &tag, &size, &at), 4);
	decode_info_page(row->x, &page);
	assert_int_equal(page.last, last);
	assert_int_equal(page.current, current);
	assert_int_equal(page.tag, tag);
	assert_int_equal(page.size, size);
	for (first = 0; sscanf(side + at, "%x%n", &id, &n) == 1; first++, at += n) {
		struct ffa_partition_info_v13 info;

		assert_true((first + 1) * size <= sizeof(page.bytes));
		assert_int_equal(decode_partition(page.bytes + first * size, size, &info), 0);
		assert_int_equal(info.v11.id, id);
	}
	assert_true(first > 0);
}

int main(int argc, char **argv)
{
	static const struct golden_form forms[] = {
		{ "request", encodes },
		{ "reply", understands },
		{ "descriptor", decodes_a_descriptor },
		{ "page", decodes_a_page },
		{ 0 },
	};

	return golden_main(argc, argv, GOLDEN_DAEMON, forms);
}
