/* SPDX-License-Identifier: Apache-2.0 */
#include "guests.h"

struct guest guest(struct story *s, const char *name)
{
	struct guest g = { .s = s };

	if (!s->m.secure_up)
		meet_secure_side(s, 1, 1);
	g.life = run(s, name);
	g.id = current(s, name)->begun.endpoint;
	return g;
}

void vcpu_is(struct guest g, uint16_t vcpu, enum vcpu_state state)
{
	struct input in = { .kind = IN_VMM_VCPU, .life = g.life, .vcpu = { vcpu, state } };

	step(g.s, in);
}

void say(struct guest g, struct guest_call call)
{
	struct input in = { .kind = IN_GUEST_CALL, .life = g.life, .call = call };

	if (!in.call.version)
		in.call.version = V1_2;
	step(g.s, in);
}

void call(struct guest g, uint32_t function, uint32_t w1, uint32_t w3)
{
	say(g, (struct guest_call){ .x = { function, w1, 0, w3 } });
}

const struct guest_call *answered(struct guest g)
{
	for (size_t i = 0; i < g.s->o.outputs; i++)
		if (g.s->o.output[i].kind == OUT_GUEST_ANSWER && g.s->o.output[i].life == g.life)
			return &g.s->o.output[i].guest;
	return NULL;
}

void assert_status(struct guest g, enum ffa_status status)
{
	const struct guest_call *a = answered(g);

	assert_non_null(a);
	assert_int_equal(a->x[0], status == FFA_OK ? FFA_SUCCESS : FFA_ERROR);
	assert_int_equal((int32_t)a->x[2], status);
}
