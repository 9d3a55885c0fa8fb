/* SPDX-License-Identifier: Apache-2.0 */

/* The SPMC's side of tests/golden/ffa.txt: what it makes of requests, and what it answers and describes. */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "spmc/options.h"
#include "tests/golden/golden.h"

#define ID 0x8001

/* Splits off what follows `mark`, with the blanks around it left in both. */
static char *split(char *text, const char *mark)
{
	char *at = strstr(text, mark);

	if (!at)
		fail_msg("\"%s\" is missing in: %s", mark, text);
	*at = '\0';
	return at + strlen(mark);
}

static struct world *world_of(char *sps)
{
	static const uint8_t instance[16] = { 1 };
	struct world *w = calloc(1, sizeof(*w));
	char *rest = sps, *sp;
	struct complaint why;

	assert_non_null(w);
	while ((sp = strsep(&rest, " ")))
		if (*sp && options_add_sp(&w->config, sp, &why) < 0)
			fail_msg("%s: %s", sp, why.text);
	assert_true(w->config.sp_count > 0);
	w->book = calloc(1, world_size(w->config.sp_count));
	assert_non_null(w->book);
	world_reset(w, instance);
	return w;
}

static void step(struct world *w, const char *name)
{
	unsigned type;

	if (strcmp(name, "created") == 0)
		send_message(w, ID, 4, 5);
	else if (strcmp(name, "destroyed") == 0)
		send_message(w, ID, 6, 5);
	else if (sscanf(name, "type-%x", &type) == 1)
		send_message(w, ID, type, 5);
	else if (strcmp(name, "run") == 0)
		ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	else if (strcmp(name, "tick") == 0)
		tick(w);
	else if (strcmp(name, "crash") == 0)
		assert_int_equal(world_event(w, WORLD_CRASH, 0, w->monotonic), FFA_OK);
	else
		fail_msg("no step is named %s", name);
}

static unsigned take_steps(struct world *w, char *steps)
{
	char *rest = steps, *name;
	unsigned n = 0;

	while ((name = strsep(&rest, " "))) {
		if (!*name)
			continue;
		step(w, name);
		n++;
	}
	return n;
}

static void assert_answer(const struct golden_row *row)
{
	for (int i = 0; i < FFA_REGISTERS; i++)
		if (answer[i] != row->x[i])
			fail_msg("x%d is %llx, not %llx", i, (unsigned long long)answer[i], (unsigned long long)row->x[i]);
}

/* By the SP itself or by the SPMC; the VM is to it what it was. */
static void assert_refused(const struct world *w, int32_t status, uint16_t vm, enum sp_vm_state before)
{
	bool is_response = answer[0] == 0x84000070;

	assert_true(is_response || answer[0] == 0x84000060);
	assert_int_equal((int32_t)answer[is_response ? 3 : 2], status);
	assert_int_equal(state_of(w, 0, vm), before);
}

static void assert_taken(const struct world *w, const char *message, unsigned vm, uint64_t logged)
{
	const struct sp *sp = &w->book->sp[0];
	bool created = strcmp(message, "created") == 0;
	const struct sp_log *e;

	assert_true(created || strcmp(message, "destroyed") == 0);
	assert_int_equal(sp->logged, logged + 1);
	e = &sp->log[logged];
	assert_int_equal(e->message, created ? 4 : 6);
	assert_int_equal(e->vm, vm);
	assert_int_equal(e->form, SP_RESP);
	assert_int_equal(e->status, 0);
	assert_int_equal(state_of(w, 0, (uint16_t)vm), created ? SP_VM_AVAILABLE : SP_VM_ABSENT);
	assert_int_equal(answer[3], 0);
}

static void receives(const struct golden_row *row, const char *side)
{
	char text[256], message[16], *steps, *outcome;
	uint16_t named = (uint16_t)row->x[5];
	enum sp_vm_state before;
	uint64_t logged;
	struct world *w;
	unsigned vm;
	int status;

	strcpy(text, side);
	steps = split(text, ";");
	outcome = split(steps, "->");
	w = world_of(text);
	(void)take_steps(w, steps);
	logged = w->book->sp[0].logged;
	before = state_of(w, 0, named);
	memcpy(answer, row->x, sizeof(answer));
	assert_true(world_call(w, (struct world_time){ w->monotonic, 1 }, answer));
	if (sscanf(outcome, " refuses %d", &status) == 1)
		assert_refused(w, status, named, before);
	else if (sscanf(outcome, " takes %15s %u", message, &vm) == 2)
		assert_taken(w, message, vm, logged);
	else
		fail_msg("no outcome is: %s", outcome);
	world_end(w);
}

static void answers(const struct golden_row *row, const char *side)
{
	char text[256], *steps;
	struct world *w;

	strcpy(text, side);
	steps = split(text, ";");
	w = world_of(text);
	assert_true(take_steps(w, steps) > 0);
	assert_answer(row);
	world_end(w);
}

static struct world *world_of_version(char *text, char **ret_more)
{
	unsigned major, minor;
	struct world *w;
	int n = 0;

	*ret_more = split(text, "@");
	w = world_of(text);
	assert_int_equal(sscanf(*ret_more, "%u.%u%n", &major, &minor, &n), 2);
	*ret_more += n;
	w->config.version = major << 16 | minor;
	return w;
}

struct buffer {
	uint8_t bytes[4096];
	size_t count;
};

static int put(void *context, const void *bytes, size_t count)
{
	struct buffer *b = context;

	assert_true(count <= sizeof(b->bytes));
	memcpy(b->bytes, bytes, count);
	b->count = count;
	return 0;
}

static void describes(const struct golden_row *row, const char *side)
{
	static struct buffer b;
	char text[256], *more;
	uint32_t uuid[4] = { 0 };
	struct world *w;

	strcpy(text, side);
	w = world_of_version(text, &more);
	w->rx.put = put;
	w->rx.context = &b;
	if (strstr(more, "named"))
		memcpy(uuid, personality_get(w->config.sp[0].personality)->uuid, sizeof(uuid));
	ask(w, 0x84000068, uuid[0], uuid[1], uuid[2], uuid[3], 0);
	assert_int_equal(answer[0], 0x84000061);
	assert_int_equal(answer[2], 1);
	assert_int_equal(answer[3], row->count);
	assert_int_equal(b.count, row->count);
	assert_memory_equal(b.bytes, row->bytes, row->count);
	world_end(w);
}

static void describes_in_registers(const struct golden_row *row, const char *side)
{
	unsigned long start;
	struct world *w;
	char text[256], *more;

	strcpy(text, side);
	w = world_of_version(text, &more);
	start = strtoul(more, NULL, 10);
	w->book->tag = (uint16_t)(row->x[2] >> 32); /* any will do */
	ask(w, 0xC400008B, 0, 0, start ? (uint64_t)w->book->tag << 16 | start : 0, 0, 0);
	assert_answer(row);
	world_end(w);
}

int main(int argc, char **argv)
{
	static const struct golden_form forms[] = {
		{ "request", receives },
		{ "reply", answers },
		{ "descriptor", describes },
		{ "page", describes_in_registers },
		{ 0 },
	};

	return golden_main(argc, argv, GOLDEN_SPMC, forms);
}
