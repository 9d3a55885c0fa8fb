/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>

#include "spmc/options.h"

uint64_t answer[FFA_REGISTERS];
static uint64_t clock_ns;

struct world *world_with(const char *first, ...)
{
	static const uint8_t instance[16] = { 1 };
	struct world *w = calloc(1, sizeof(*w));
	struct complaint why;
	va_list ap;

	assert_non_null(w);
	va_start(ap, first);
	for (const char *sp = first; sp; sp = va_arg(ap, const char *))
		assert_int_equal(options_add_sp(&w->config, sp, &why), 0);
	va_end(ap);
	w->book = calloc(1, world_size(w->config.sp_count));
	assert_non_null(w->book);
	world_reset(w, instance);
	return w;
}

void world_end(struct world *w)
{
	free(w->book);
	free(w);
}

bool ask(struct world *w, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4, uint64_t x5)
{
	uint64_t x[FFA_REGISTERS] = { x0, x1, x2, x3, x4, x5 };
	bool answered = world_call(w, (struct world_time){ .monotonic = clock_ns, .realtime = clock_ns }, x);

	memcpy(answer, x, sizeof(answer));
	return answered;
}

void send_message(struct world *w, uint16_t sp, uint32_t type, uint16_t vm)
{
	ask(w, 0x8400006F, sp, 0x80000000u | type, 0xFFFFFFFF, 0xFFFFFFFF, vm);
}

static int32_t status_of_response(uint16_t sp, uint32_t type)
{
	assert_int_equal(answer[0], 0x84000070);
	assert_int_equal(answer[1], (uint64_t)sp << 16);
	assert_int_equal(answer[2], 0x80000000u | type);
	for (int i = 4; i < FFA_REGISTERS; i++)
		assert_int_equal(answer[i], 0);
	return (int32_t)answer[3];
}

int32_t created(struct world *w, uint16_t sp, uint16_t vm)
{
	send_message(w, sp, 4, vm);
	return status_of_response(sp, 5);
}

int32_t destroyed(struct world *w, uint16_t sp, uint16_t vm)
{
	send_message(w, sp, 6, vm);
	return status_of_response(sp, 7);
}

void tick(struct world *w)
{
	uint64_t next = world_next(w);

	assert_true(next != WORLD_NEVER);
	clock_ns = next;
	world_work(w, clock_ns);
}

void run_dry(struct world *w)
{
	while (world_next(w) != WORLD_NEVER)
		tick(w);
}

void assert_error(int32_t status)
{
	assert_int_equal(answer[0], 0x84000060);
	assert_int_equal(answer[1], 0);
	assert_int_equal(answer[2], (uint32_t)status);
	for (int i = 3; i < FFA_REGISTERS; i++)
		assert_int_equal(answer[i], 0);
}

enum sp_vm_state state_of(const struct world *w, uint32_t index, uint16_t vm)
{
	return (enum sp_vm_state)w->book->sp[index].vm[vm].state;
}

void bring_to(struct world *w, uint16_t sp, enum sp_vm_state state)
{
	if (state >= SP_VM_FRESH) {
		assert_int_equal(created(w, sp, 5), FFA_RETRY);
		tick(w);
	}
	if (state >= SP_VM_AVAILABLE)
		assert_int_equal(created(w, sp, 5), 0);
	if (state >= SP_VM_DESTROY_NOTIFYING)
		assert_int_equal(destroyed(w, sp, 5), FFA_RETRY);
	if (state >= SP_VM_DESTROY_NOTIFIED)
		run_dry(w);
	assert_int_equal(state_of(w, 0, 5), state);
}
