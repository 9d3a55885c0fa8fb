/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What guests say to each other, and what must be true of it (P5): a request is delivered once at most, to the one it names,
 * who waits for it; its answer is the one that was given, or ABORTED where that one is gone or its words may be lost; and
 * nobody is answered who did not ask. When the world is quiet nobody waits for an answer (P6).
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/vmm-link.h"
#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

#define OPTEE_KNOWS_NOT 0xFFFF0008u /* its answer to a VM that it was not told of */

static uint32_t ids(uint16_t from, uint16_t to)
{
	return (uint32_t)from << 16 | to;
}

static bool can_talk(const struct fake_vmm *v)
{
	return v->at == VMM_RUNS && !v->hangs;
}

static void to_call(struct world *w, uint64_t index, uint64_t vcpu, void *data);

static void think(struct world *w, struct fake_vmm *v, uint16_t vcpu)
{
	uint64_t long_one = random_chance(&w->random, 100) ? 2 * S : w->guests_call ? 4 * MS : 20 * MS;

	queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, long_one), to_call, v->index, vcpu, NULL);
}

/* ---- calls ---- */

static void tell_state(struct world *w, struct fake_vmm *v, uint16_t vcpu, enum vcpu_state state)
{
	struct input in = { .kind = IN_VMM_VCPU, .life = v->life, .vcpu = { vcpu, state } };

	v->guest[vcpu].state = (uint8_t)state;
	if (v->connected)
		vmm_tell(w, v, &in);
}

static void tell_call(struct world *w, struct fake_vmm *v, uint16_t vcpu, bool again)
{
	struct fake_vcpu *g = &v->guest[vcpu];
	struct input in = { .kind = IN_GUEST_CALL, .life = v->life, .call = g->call };

	in.call.flags = (uint16_t)((again ? VMM_CALL_AGAIN : 0) | (g->serving ? VMM_CALL_SERVING : 0));
	wire_note(w, "guest life %" PRIu64 ".%u calls %x w1 %x w3 %x%s", v->life, vcpu, (uint32_t)g->call.x[0],
		(uint32_t)g->call.x[1], (uint32_t)g->call.x[3], again ? ", again" : "");
	g->told = true;
	g->told_on = v->cuts;
	if (g->channel != v->cuts + 1) { /* asked for behind all that was said, and then it comes */
		g->channel = v->cuts + 1;
		g->last_delivery = v->last_delivery + random_between(&w->random, 10 * US, MS);
	}
	vmm_tell_on_channel(w, v, g, &in);
}

/* Every fourth guest has agreed on an earlier version, which has no message of eighteen registers. */
static uint32_t version_of(const struct fake_vmm *v)
{
	return v->index % 4 ? FFA_VERSION_WORD(1, 2) : FFA_VERSION_WORD(1, 1);
}

static void make(struct world *w, struct fake_vmm *v, uint16_t vcpu, const struct guest_call *call)
{
	struct fake_vcpu *g = &v->guest[vcpu];

	g->call = *call;
	g->call.vcpu = vcpu;
	g->call.version = version_of(v);
	g->out = true;
	g->left_for_spmc = false;
	g->told = false;
	g->broken = false;
	if (v->connected && v->welcome)
		tell_call(w, v, vcpu, false);
}

static void call(struct world *w, struct fake_vmm *v, uint16_t vcpu, uint32_t function, uint32_t w1, uint32_t token)
{
	struct guest_call call = { .x = { function, w1 } };

	if (form_is_request(function) || form_is_response(function))
		form_fill(w, &call, token);
	else if (function == FFA_MSG_SEND2)
		call.x[3] = token;
	make(w, v, vcpu, &call);
}

/* One that talks, most of the time; else one that may be over, or an id that may be nobody's. */
static uint16_t somebody(struct world *w)
{
	struct life *life = NULL;

	if (w->now < w->nosy_until)
		return w->nosy;
	for (size_t i = 0; i < w->sp_count; i++) /* what is open there is found by those that it is in the way of */
		if (w->sp[i].open.open && w->sp[i].guest_lost && random_chance(&w->random, 700))
			return w->sp[i].id;
	if (w->sp_count && random_chance(&w->random, w->guests_call ? 800 : 200)) /* or one that is none */
		return (uint16_t)(0x8001 + random_below(&w->random, w->sp_count + random_chance(&w->random, 50)));
	for (unsigned tries = 0; tries < 20 && w->vmm_count; tries++) {
		struct fake_vmm *v = w->vmm[w->vmm_count - 1 - random_below(&w->random, w->vmm_count < 20 ? w->vmm_count : 20)];

		life = v->life ? world_life(w, v->life) : NULL;
		if (life && ((v->talks && v->at == VMM_RUNS) || random_chance(&w->random, 30)))
			break;
	}
	return life ? life->endpoint : (uint16_t)random_between(&w->random, 1, 40);
}

/* Who there is; now and then what is not for guests. */
static void ask_around(struct world *w, struct fake_vmm *v, uint16_t vcpu)
{
	struct guest_call asks = { .x = { FFA_NOTIFICATION_BITMAP_CREATE } };

	if (!random_chance(&w->random, 20))
		directory_chooses(w, &v->guest[vcpu], asks.x);
	make(w, v, vcpu, &asks);
}

static struct message *new_message(struct world *w, struct fake_vmm *v, uint16_t vcpu)
{
	struct message *m;

	if (w->message_count == SIM_MESSAGES_MAX)
		w->message_count = 0; /* they are known by number: the oldest are long over */
	m = &w->message[w->message_count++];
	*m = (struct message) { .token = ++w->next_message, .life = v->life, .vcpu = vcpu, .to = somebody(w) };
	v->guest[vcpu].asks = m->token;
	return m;
}

static void send_request(struct world *w, struct fake_vmm *v, uint16_t vcpu)
{
	const struct message *m = new_message(w, v, vcpu);

	call(w, v, vcpu, form_of_request(w, m->to), ids(world_life(w, v->life)->endpoint, m->to), m->token);
}

/* Into the other's RX buffer, whatever that one does. The number of the message is in w3, which FFA_MSG_SEND2 leaves alone. */
static void send_message(struct world *w, struct fake_vmm *v, uint16_t vcpu)
{
	call(w, v, vcpu, FFA_MSG_SEND2, 0, new_message(w, v, vcpu)->token);
}

struct message *guest_message(struct world *w, uint32_t token)
{
	for (size_t i = 0; i < SIM_MESSAGES_MAX; i++)
		if (token && w->message[i].token == token)
			return &w->message[i];
	return NULL;
}

static void respond(struct world *w, struct fake_vmm *v, uint16_t vcpu)
{
	struct fake_vcpu *g = &v->guest[vcpu];
	struct message *m = guest_message(w, g->serves);
	uint32_t form = w->quiet || random_chance(&w->random, 950) ? g->serves_form : form_of_request(w, 0);

	if (m && form == g->serves_form) /* else it is refused, and tries again */
		m->responded = true;
	call(w, v, vcpu, form_of_response(form), ids(world_life(w, v->life)->endpoint, g->serves_id), g->serves);
}

static void to_call(struct world *w, uint64_t index, uint64_t vcpu, void *data)
{
	struct fake_vmm *v = w->vmm[index];
	struct fake_vcpu *g = &v->guest[vcpu];
	uint64_t dice = random_below(&w->random, 100);

	if (v->stands) /* it says nothing; what it waits for may come */
		queue_put(&w->queue, w->now + 100 * MS, to_call, index, vcpu, NULL);
	if (!can_talk(v) || g->out || v->stands)
		return;
	v->rx_full = v->rx_full && random_chance(&w->random, 500);
	if (g->owes) {
		uint32_t target = g->owes;

		g->owes = 0;
		call(w, v, (uint16_t)vcpu, FFA_RUN, target, 0);
	} else if (g->serving && (dice < 70 || w->quiet))
		respond(w, v, (uint16_t)vcpu);
	else if (g->poked || (!w->quiet && dice >= (v->rings ? 45u : 78u))) {
		struct guest_call notifies = { 0 };

		notify_chooses(w, v, (uint16_t)vcpu, somebody(w), notifies.x);
		make(w, v, (uint16_t)vcpu, &notifies);
	} else if (w->quiet || (dice < 25 && !v->rings))
		call(w, v, (uint16_t)vcpu, FFA_MSG_WAIT, 0, 0);
	else if (dice < 30)
		call(w, v, (uint16_t)vcpu, FFA_YIELD, 0, 0);
	else if (dice < 38)
		call(w, v, (uint16_t)vcpu, FFA_RUN, FFA_TARGET(somebody(w), random_below(&w->random, 2)), 0);
	else if (dice < 41)
		send_message(w, v, (uint16_t)vcpu);
	else if (dice < 43)
		ask_around(w, v, (uint16_t)vcpu);
	else
		send_request(w, v, (uint16_t)vcpu);
}

/* An SP has restarted: all that have time call it, told of them or not. */
void guest_nudge(struct world *w, const struct fake_sp *sp)
{
	w->nosy = sp->id;
	w->nosy_until = w->now + 5 * MS;
	for (size_t i = 0; i < w->vmm_count; i++)
		for (uint16_t k = 0; k < SIM_VCPU_MAX && k < w->vmm[i]->vcpu_count && w->vmm[i]->talks && can_talk(w->vmm[i]); k++)
			if (!w->vmm[i]->guest[k].out)
				queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, 2 * MS), to_call, i, k, NULL);
}

/* ---- answers ---- */

static void got_request(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, const struct guest_call *a)
{
	struct message *m = guest_message(w, form_token(a));
	struct life *me = world_life(w, v->life);

	if (g->call.x[0] != FFA_MSG_WAIT && !form_is_response(g->call.x[0]))
		fail(w, "P5", "life %" PRIu64 " gets a request and waits for none", v->life);
	if (form_is_wide(a->x[0]) && version_of(v) < FFA_VERSION_WORD(1, 2))
		fail(w, "P5", "life %" PRIu64 " gets a request of a version that it does not speak", v->life);
	oracle_message(w, a);
	if (!m)
		return;
	if (m->delivered)
		fail(w, "P5", "request %u is delivered twice", m->token);
	if ((uint16_t)a->x[1] != me->endpoint || m->to != me->endpoint)
		fail(w, "P5", "request %u to %04x comes to life %" PRIu64, m->token, m->to, v->life);
	m->delivered = true;
	m->served_by = v->life;
	g->serving = true;
	g->serves = m->token;
	g->serves_form = (uint32_t)a->x[0];
	g->serves_id = (uint16_t)(a->x[1] >> 16);
}

/* ABORTED is for one whose request may be lost: who served it is over, or somebody's words were lost on the way. */
static bool may_be_aborted(struct world *w, const struct fake_vmm *v, const struct fake_vcpu *g, const struct message *m)
{
	struct life *other;

	if (g->broken || !m || m->may_abort)
		return true;
	if (m->to & FFA_ID_SECURE)
		return false;
	for (size_t i = 0; i < w->life_count; i++) {
		other = w->life[i];
		if (other->endpoint == m->to && (other->state != VM_RUNNING || other->cut || other->was_cut))
			return true;
	}
	return false;
}

static void got_response(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, const struct guest_call *a)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)(a->x[1] >> 16));
	struct message *m = guest_message(w, form_token(a));
	bool asked = form_of_response((uint32_t)g->call.x[0]) == (uint32_t)a->x[0] || g->call.x[0] == FFA_RUN;

	if (!sp)
		oracle_message(w, a);
	if (asked && sp && sp->id == (uint16_t)g->call.x[1] && (sp->hostile || form_token(a) == OPTEE_KNOWS_NOT))
		; /* it may say what it likes; or it restarted, and nobody was told */
	else if (!asked || form_token(a) != g->asks)
		fail(w, "P5", "life %" PRIu64 " gets a response that it did not ask for", v->life);
	else if (m && (!m->delivered || !m->responded))
		fail(w, "P5", "request %u is answered by nobody who got it", m->token);
	g->asks = 0;
}

static void got_status(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, const struct guest_call *a)
{
	struct message *m = form_is_request(g->call.x[0]) ? guest_message(w, g->asks) : NULL;

	if (m && m->responded && !g->broken && (int32_t)a->x[2] != FFA_ABORTED)
		fail(w, "P5", "request %u was answered, and its caller hears %d", m->token, (int32_t)a->x[2]);
	if (m && (int32_t)a->x[2] == FFA_ABORTED && !may_be_aborted(w, v, g, m))
		fail(w, "P5", "request %u is aborted for nothing", m->token);
	if (m && m->delivered && (int32_t)a->x[2] != FFA_ABORTED && !g->broken)
		fail(w, "P5", "request %u was delivered and refused: %d", m->token, (int32_t)a->x[2]);
}

/* Put, it says so; refused, it was not put; ABORTED where nobody can say. */
static void got_sent(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, const struct guest_call *a)
{
	struct message *m = guest_message(w, g->asks);
	bool done = a->x[0] == FFA_SUCCESS;

	if (m && (int32_t)a->x[2] == FFA_ABORTED && !may_be_aborted(w, v, g, m))
		fail(w, "P5", "message %u is aborted for nothing", m->token);
	if (m && (int32_t)a->x[2] != FFA_ABORTED && !g->broken && done != m->delivered)
		fail(w, "P5", "message %u is %sput, and its sender hears %d", m->token, m->delivered ? "" : "not ", (int32_t)a->x[2]);
}

static void get_answer(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, const struct guest_call *a)
{
	if (!g->out || !g->told) {
		fail(w, "P5", "life %" PRIu64 ".%u is answered and asked nothing", v->life, a->vcpu);
		return;
	}
	wire_note(w, "guest life %" PRIu64 ".%u gets %x w1 %x w2 %x w3 %x", v->life, a->vcpu, (uint32_t)a->x[0],
		(uint32_t)a->x[1], (uint32_t)a->x[2], (uint32_t)a->x[3]);
	if (form_is_response(g->call.x[0]) && a->x[0] != FFA_ERROR)
		g->serving = false;
	if (g->call.x[0] == FFA_MSG_SEND2)
		got_sent(w, v, g, a);
	else if (form_is_request(a->x[0]))
		got_request(w, v, g, a);
	else if (form_is_response(a->x[0]))
		got_response(w, v, g, a);
	else if (a->x[0] == FFA_ERROR)
		got_status(w, v, g, a);
	else if (a->x[0] == FFA_YIELD)
		g->owes = (uint32_t)a->x[1];
	else if (a->x[0] == FFA_RUN)
		g->poked = true;
	notify_delivered(g);
	g->out = false;
	think(w, v, a->vcpu);
}

static void deliver(struct world *w, uint64_t index, uint64_t vcpu, void *data)
{
	struct fake_vmm *v = w->vmm[index];
	struct fake_vcpu *g = &v->guest[vcpu];

	if (g->coming != data)
		return;
	g->coming = NULL;
	if (v->at == VMM_RUNS)
		get_answer(w, v, g, data);
}

/* What lies in a channel when it breaks is read; or it was not written yet, and nothing behind it was. */
static void end_delivery(struct world *w, struct fake_vmm *v, struct fake_vcpu *g)
{
	const struct guest_call *a = g->coming;

	g->coming = NULL;
	if (a && v->at == VMM_RUNS && random_chance(&w->random, 500))
		get_answer(w, v, g, a);
	else
		notify_lost(v, g);
}

/* It was heard before the request, and is not answered yet: so it is not busy. */
static bool waits_for(struct world *w, const struct message *m, uint64_t asked_as)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		const struct fake_vmm *v = w->vmm[i];
		struct life *life = v->life ? world_life(w, v->life) : NULL;
		const struct fake_vcpu *g;

		if (!life || life->endpoint != m->to || life->state != VM_RUNNING || v->life == m->life)
			continue;
		if (!v->connected || v->listened != v->cuts + 1) /* what it waits for was told to a daemon, or a link, before */
			continue;
		g = &v->guest[life->vcpu_count > 1 ? m->vcpu : 0];
		if (g->heard && g->heard_as < asked_as &&
			(g->call.x[0] == FFA_MSG_WAIT || form_is_response(g->call.x[0])))
			return true;
	}
	return false;
}

static void check_refusal(struct world *w, const struct fake_vcpu *g, const struct guest_call *a)
{
	const struct message *m = form_is_request(g->call.x[0]) ? guest_message(w, g->asks) : NULL;

	if (m && a->x[0] == FFA_ERROR && (int32_t)a->x[2] == FFA_BUSY && waits_for(w, m, g->heard_as))
		fail(w, "P5", "request %u is told that %04x is busy, which waits for one", m->token, m->to);
}

void guest_answered(struct world *w, struct fake_vmm *v, const struct guest_call *answer)
{
	struct fake_vcpu *g = v && answer->vcpu < SIM_VCPU_MAX ? &v->guest[answer->vcpu] : NULL;
	struct guest_call *copy;
	uint64_t at;

	if (!g || !v->connected || !v->welcome || !g->heard)
		return;
	g->heard = false;
	check_refusal(w, g, answer);
	notify_leaves(w, v, answer);
	directory_leaves(w, g, answer);
	copy = malloc(sizeof(*copy));
	if (!copy)
		abort();
	*copy = *answer;
	at = w->now + random_between(&w->random, 5 * US, MS);
	g->last_answer = at > g->last_answer ? at : g->last_answer;
	g->coming = copy;
	queue_put(&w->queue, g->last_answer, deliver, v->index, answer->vcpu, copy);
}

/* ---- messages ---- */

struct sent {
	struct ffa_message_v12 header;
	uint32_t token;
};

void guest_fills(struct world *w, struct input *in)
{
	struct message *m = in->kind == IN_GUEST_CALL && in->call.x[0] == FFA_MSG_SEND2 ? guest_message(w, (uint32_t)in->call.x[3]) : NULL;
	struct sent *sent;

	if (!m)
		return;
	sent = calloc(1, sizeof(*sent));
	if (!sent)
		abort();
	sent->header.v11.offset = sizeof(sent->header);
	sent->header.v11.size = sizeof(sent->token);
	sent->header.v11.ids = ids(world_life(w, in->life)->endpoint, m->to);
	sent->token = m->token;
	in->call.bytes = (uint8_t *)sent;
	in->call.size = sizeof(*sent);
}

struct arrival {
	uint64_t number;
	uint32_t token;
};

static void put(struct world *w, uint64_t index, uint64_t cuts, void *data)
{
	struct fake_vmm *v = w->vmm[index];
	const struct arrival *a = data;
	struct input in = { .kind = IN_GUEST_PUT, .life = v->life, .put = { a->number, FFA_OK } };
	struct message *m = guest_message(w, a->token);

	if (v->at == VMM_DEAD || v->cuts != cuts || !v->connected)
		return;
	if (v->at != VMM_RUNS)
		in.put.status = FFA_ABORTED;
	else if (v->rx_full)
		in.put.status = FFA_BUSY;
	if (in.put.status == FFA_OK && m) {
		if (m->delivered)
			fail(w, "P5", "message %u is put twice", m->token);
		if (m->to != world_life(w, v->life)->endpoint)
			fail(w, "P5", "message %u to %04x comes to life %" PRIu64, m->token, m->to, v->life);
		m->delivered = v->rx_full = true;
	}
	vmm_tell(w, v, &in);
}

void guest_gets(struct world *w, struct fake_vmm *v, uint64_t number, const uint8_t *bytes, uint32_t size)
{
	struct message *m;
	struct arrival *a;
	uint64_t at;

	if (size != sizeof(struct sent))
		fail(w, "P5", "a message of %u bytes", size);
	if (size != sizeof(struct sent))
		return;
	m = guest_message(w, ((const struct sent *)(const void *)bytes)->token);
	if (m && m->left)
		fail(w, "P5", "message %u leaves twice", m->token);
	if (m)
		m->left = true;
	if (!v || !v->connected || !v->welcome)
		return;
	a = malloc(sizeof(*a));
	if (!a)
		abort();
	*a = (struct arrival) { number, ((const struct sent *)(const void *)bytes)->token };
	at = w->now + random_between(&w->random, 5 * US, MS);
	v->last_order = at > v->last_order ? at : v->last_order + 1;
	queue_put(&w->queue, v->last_order, put, v->index, v->cuts, a);
}

/* ---- a guest begins, and its VMM meets another daemon ---- */

void guest_begins(struct world *w, struct fake_vmm *v)
{
	unsigned count = v->vcpu_count < SIM_VCPU_MAX ? v->vcpu_count : SIM_VCPU_MAX;

	v->talks = w->guests_call || random_chance(&w->random, 500);
	v->rings = random_chance(&w->random, 500);
	for (uint16_t i = 0; v->talks && i < count; i++) {
		tell_state(w, v, i, VCPU_RUNNING);
		think(w, v, i);
	}
}

/* A second welcome on one link answers BACK of the link before: what was told on this one is on its way. */
void guest_is_welcome(struct world *w, struct fake_vmm *v)
{
	for (uint16_t i = 0; i < SIM_VCPU_MAX; i++) {
		const struct fake_vcpu *g = &v->guest[i];

		if (g->out && v->at == VMM_RUNS && !(g->told && g->told_on == v->cuts))
			tell_call(w, v, i, g->told);
	}
}

/* A call told on a link that broke is not answered on the next one, before it is told there. */
void guest_is_heard(struct world *w, struct fake_vmm *v, const struct input *in)
{
	if (in->kind == IN_GUEST_CALL && in->call.vcpu < SIM_VCPU_MAX) {
		v->guest[in->call.vcpu].heard = true;
		v->guest[in->call.vcpu].heard_as = ++w->calls_heard;
		directory_is_heard(w, &v->guest[in->call.vcpu]);
	}
	for (uint16_t i = 0; in->kind == IN_VMM_BACK && i < SIM_VCPU_MAX; i++)
		v->guest[i].heard = false;
}

/* From now on its words, and those to it, may be lost. */
void guest_is_cut(struct world *w, struct fake_vmm *v)
{
	struct life *life = v->life ? world_life(w, v->life) : NULL;

	for (uint16_t i = 0; i < SIM_VCPU_MAX; i++)
		v->guest[i].broken = true;
	for (uint16_t i = 0; i < SIM_VCPU_MAX; i++)
		end_delivery(w, v, &v->guest[i]);
	notify_cut(v);
	if (life)
		life->was_cut = true;
}

void oracle_guests(struct world *w)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vmm *v = w->vmm[i];

		for (uint16_t k = 0; k < SIM_VCPU_MAX && v->connected && v->welcome && can_talk(v); k++) {
			const struct fake_vcpu *g = &v->guest[k];

			if (g->out && g->call.x[0] != FFA_MSG_WAIT && !form_is_response(g->call.x[0]))
				fail(w, "P6", "life %" PRIu64 ".%u waits for ever for the answer to %x", v->life, k,
					(uint32_t)g->call.x[0]);
		}
	}
}
