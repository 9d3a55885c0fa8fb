/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The three forms of a direct message: eight registers of 32 bits, eight of 64, or all eighteen (DEN0077A v1.2 s.15). Each
 * register that is part of a form carries what its token says, each other one is 0: so whatever arrives can be checked
 * against what was sent (P5).
 */

#include "proto/ffa.h"
#include "tests/simulation/sim.h"

#define WIDE FFA_MSG_SEND_DIRECT_REQ2
#define WIDE_RESPONSE FFA_MSG_SEND_DIRECT_RESP2

static const uint32_t requests[] = { FFA_MSG_SEND_DIRECT_REQ, FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64, WIDE };

#define FORMS (sizeof(requests) / sizeof(requests[0]))

/* SPs are asked in the 32-bit form alone. */
uint32_t form_of_request(struct world *w, uint16_t to)
{
	return requests[to & FFA_ID_SECURE ? 0 : random_below(&w->random, FORMS)];
}

bool form_is_request(uint64_t function)
{
	for (size_t i = 0; i < FORMS; i++)
		if (function == requests[i])
			return true;
	return false;
}

/* Each response has the number behind that of its request. */
uint32_t form_of_response(uint32_t request)
{
	return request + 1;
}

bool form_is_response(uint64_t function)
{
	return form_is_request(function - 1);
}

bool form_is_wide(uint64_t function)
{
	return function == WIDE || function == WIDE_RESPONSE;
}

/* One register behind the UUID, where there is one. */
static unsigned first(uint64_t function)
{
	return form_is_wide(function) ? 4 : 3;
}

uint32_t form_token(const struct guest_call *c)
{
	return (uint32_t)c->x[first(c->x[0])];
}

static uint64_t content(uint64_t function, uint32_t token, unsigned i)
{
	uint64_t what = ((uint64_t)token * 0x9E3779B97F4A7C15u + i) ^ (form_is_response(function) ? UINT64_MAX : 0);

	if (i == first(function))
		what = (what & ~(uint64_t)UINT32_MAX) | token;
	if (i < first(function) || i >= (form_is_wide(function) ? FFA_REGISTERS : 8))
		return 0;
	return function & FFA_SMC64 ? what : (uint32_t)what;
}

/* A message of that form, behind its ids; what is not part of it may be anything, and does not cross. */
void form_fill(struct world *w, struct guest_call *c, uint32_t token)
{
	for (unsigned i = first(c->x[0]); i < FFA_REGISTERS; i++)
		c->x[i] = content(c->x[0], token, i);
	for (unsigned i = 3; i < 8 && !(c->x[0] & FFA_SMC64); i++)
		c->x[i] |= random_next(&w->random) << 32;
	for (unsigned i = 8; i < FFA_REGISTERS && !form_is_wide(c->x[0]); i++)
		c->x[i] = random_next(&w->random);
}

void oracle_message(struct world *w, const struct guest_call *c)
{
	for (unsigned i = 2; i < FFA_REGISTERS; i++)
		if (c->x[i] != content(c->x[0], form_token(c), i))
			fail(w, "P5", "of message %u, %x, register %u arrives as %llx", form_token(c), (uint32_t)c->x[0], i,
				(unsigned long long)c->x[i]);
}
