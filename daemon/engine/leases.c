/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of leases: in a VM's row who holds the end of its life, and until when; in the journal who did not let go. */
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "engine/rows.h"

/* Without memory for more the first of them are shown. */
static uint32_t make_room(struct vm_row *v, uint32_t wanted)
{
	struct lease_row *block;

	if (wanted <= v->lease_room)
		return wanted;
	block = realloc(v->lease, wanted * sizeof(*block));
	if (!block)
		return v->lease_room;
	v->lease = block;
	v->lease_room = wanted;
	return wanted;
}

void leases_write(struct vm_row *v, const struct vm *vm)
{
	const struct lease *k;
	uint32_t wanted = 0;

	v->leases_at = vm->leases_at;
	if (!vm->life)
		return;
	list_for_each(k, &vm->life->leases, link)
		wanted++;
	wanted = make_room(v, wanted);
	list_for_each(k, &vm->life->leases, link) {
		struct lease_row *row;

		if (v->lease_count == wanted)
			return;
		row = &v->lease[v->lease_count++];
		*row = (struct lease_row){ .number = k->is.number,
			.since = k->is.since,
			.until = heap_node_is_out(&k->timer.node) ? 0 : k->timer.node.at,
			.state = k->is.state,
			.claimed = k->holder != 0,
			.uid = k->is.uid,
			.pid = k->is.pid,
			.timeout_ms = k->is.timeout_ms };
		memcpy(row->comm, k->is.comm, sizeof(row->comm));
		memcpy(row->reason, k->is.reason, sizeof(row->reason));
	}
}

void leases_say_over(const struct lease_word *w)
{
	const struct change_lease *k = &w->lease;
	struct log_fields f = { .length = 0 };

	if (k->state != LEASE_REVOKED && k->state != LEASE_UNCLAIMED)
		return;
	log_life(&f, w->name, w->life);
	log_field(&f, "CLIENT_UID", "%u", k->uid);
	log_field(&f, "CLIENT_PID", "%d", k->pid);
	log_message(MESSAGE_LEASE_OVER, &f, "lease %llu of %s[%d], uid %u, on %s (%s) is over: %s",
		(unsigned long long)k->number, k->comm, k->pid, k->uid, w->name, k->reason,
		k->state == LEASE_REVOKED ? "revoked, it was asked to let go and did not in time" :
					    "nobody claimed it again since the daemon started");
}
