/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notes.h"

#include "base/message.h"

struct conditions conditions_of(const struct vm_row *v)
{
	return (struct conditions){ v->life, v->secure_stuck, v->unreachable };
}

void conditions_say(const struct conditions *before, const struct vm_row *v)
{
	bool same = before->life == v->life;
	unsigned long long life = v->life;

	if (v->secure_stuck && !(same && before->secure_stuck))
		log_message(MESSAGE_LIFE_STUCK, OF_LIFE(v->name, v->life), "%s: the end of life %llu is stuck at the secure side",
			v->name, life);
	if (before->secure_stuck && !(same && v->secure_stuck) && !vm_row_left_behind(v, before->life))
		log_message(MESSAGE_LIFE_FREED, OF_LIFE(v->name, before->life), "%s: the end of life %llu is stuck no more",
			v->name, (unsigned long long)before->life);
	if (v->unreachable && !(same && before->unreachable))
		log_message(MESSAGE_VMM_UNREACHABLE, OF_LIFE(v->name, v->life), "%s: the VMM of life %llu cannot be reached",
			v->name, life);
}
