/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guests.h"

#include <stdlib.h>

#include "model/directory.h"
#include "model/message.h"

bool guests_are_alone(const struct model *m, const struct step_out *o)
{
	if (o->changes || o->answers || !list_is_empty(&m->touched))
		return false;
	for (size_t i = 0; i < o->outputs; i++)
		if (o->output[i].kind != OUT_GUEST_ANSWER && o->output[i].kind != OUT_GUEST_MESSAGE)
			return false;
	return true;
}

/* Who there is is written now, for the step has no room for it. */
static void list(struct guests_room *room, const struct model *m, struct guest_call *answer)
{
	if (!room->bytes)
		room->bytes = malloc(VMM_BYTES_MAX);
	directory_list(m, answer, room->bytes, room->bytes ? VMM_BYTES_MAX : 0);
}

void guests_answer(struct guests_room *room, const struct engine_ports *ports, const struct model *m,
	struct committed proof, const struct output *o)
{
	struct guest_call answer = o->guest;

	if (answer.lists)
		list(room, m, &answer);
	ports->fleet->answer(ports->fleet_arg, proof, o->life, &answer);
}

void guests_message(const struct engine_ports *ports, const struct model *m, struct committed proof,
	const struct output *o)
{
	const struct guest_message *message = message_of(m, o->message.from, o->message.vcpu, o->message.number);

	if (message)
		ports->fleet->message(ports->fleet_arg, proof, o->life, message->number, message->bytes, message->size);
}
