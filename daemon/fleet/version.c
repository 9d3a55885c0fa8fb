/* SPDX-License-Identifier: Apache-2.0 */

/*
 * VMMs of other builds (proto/vmm-link.h, Versions): whether we understand each other, and what can be done with a stale one,
 * whose guest must not pay for that. It is known to be alive, so its link stays open and silent.
 */

#include "fleet/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"

#define LOOK_NS 1000000000ull

struct vmm_speaks speaks_now(void)
{
	return (struct vmm_speaks){ .features = VMM_LINK_FEATURES, .oldest = VMM_LINK_OLDEST };
}

/* What is said of it is what people read: the life is not there yet, or its guest goes on. */
static void say_versions(const struct link *l, char text[VMM_TEXT_MAX + 1])
{
	(void)snprintf(text, VMM_TEXT_MAX + 1,
		"the VMM speaks version %u of the link, this daemon %u to %u: install VMM and daemon of one version", l->version,
		VMM_LINK_OLDEST, VMM_LINK_VERSION);
}

/* READY does not wait for it, nor is it lost: it is there. */
static void take_stale(struct link *l, uint64_t life)
{
	struct vmm *v = vmm_get(l->fleet, life);
	struct input in = { .kind = IN_VMM_STALE, .life = life };
	struct log_fields f = { .length = 0 };

	if (link_may_have(l, life) < 0)
		return;
	vmm_fields(&f, v);
	log_message(MESSAGE_VMM_STALE, &f,
		"VMM of %s (life %llu, pid %d) is stale: it speaks version %u of the link, this daemon %u to %u; its guest "
		"goes on, a restart gives it a new VMM", v->name, (unsigned long long)life, (int)v->pid, l->version,
		VMM_LINK_OLDEST, VMM_LINK_VERSION);
	link_adopted(l, v, LINK_STALE);
	vmm_connected(v);
	v->look_at = loop_monotonic();
	fleet_wake_by(l->fleet, v->look_at);
	if (engine_post(l->fleet->engine, &in) < 0)
		vmm_lost_link(v); /* it comes back again */
}

static bool is_first(const union vmm_frame *frame, size_t size)
{
	const struct vmm_frame_header *h = &frame->header;

	return size >= sizeof(*h) && h->magic == VMM_LINK_MAGIC && (h->kind == VMM_NEWBORN || h->kind == VMM_BACK);
}

bool link_is_foreign(struct link *l, const union vmm_frame *frame, size_t size)
{
	char text[VMM_TEXT_MAX + 1];

	if (!is_first(frame, size)) /* which frame_breach() will say */
		return false;
	l->version = frame->header.version;
	if (l->version >= VMM_LINK_OLDEST && size < sizeof(frame->first))
		return false;
	if (l->version >= VMM_LINK_OLDEST && frame->first.speaks.oldest <= VMM_LINK_VERSION) {
		l->features = frame->first.speaks.features & (uint64_t)(VMM_LINK_FEATURES);
		return false;
	}
	say_versions(l, text);
	if (frame->header.kind == VMM_BACK)
		take_stale(l, frame->header.life);
	else
		link_refuse(l, text);
	return true;
}

static bool has_subchannels(const struct vm_definition *d)
{
	for (unsigned i = 0; i < d->assigned_count; i++)
		if (d->assigned[i].type == ASSIGNED_CCW_FAKE)
			return true;
	return false;
}

/* A life must get what its definition says, or not begin. */
const char *vmm_lacks(const struct link *l, const struct vm_definition *d)
{
	if (d->assigned_count && !(l->features & VMM_FEATURE_DEVICES))
		return "the VMM is of a version that knows no `devices`: install VMM and daemon of one version";
	if (has_subchannels(d) && !(l->features & VMM_FEATURE_SUBCHANNELS))
		return "the VMM is of a version that knows no subchannel: install VMM and daemon of one version";
	if (d->notifications && !(l->features & VMM_FEATURE_NOTIFICATIONS))
		return "the VMM is of a version that knows no `notifications`: install VMM and daemon of one version";
	return NULL;
}

/*
 * SIGTERM is the one order that every version obeys. A second one would end the guest by force: so a stop that the next daemon goes
 * on with is not told again. One whose guest has ended waits for a word that it cannot be given.
 */
void stale_command(struct vmm *v, enum vmm_frame_kind kind)
{
	if (kind == VMM_STOP && life_is_first_stop(v->fleet->places, v->life))
		vmm_signal(v, SIGTERM);
	else if (kind == VMM_QUIESCE || kind == VMM_EXIT)
		vmm_kill(v);
}

/* It cannot tell that its guest ended, but it wrote so. */
uint64_t stale_house(struct vmm *v, uint64_t now)
{
	struct input in = { .kind = IN_VMM_ENDED, .life = v->life };

	if (!v->look_at || !v->link || v->link->stage != LINK_STALE)
		return LOOP_NEVER;
	if (v->look_at > now)
		return v->look_at;
	v->look_at = now + LOOK_NS;
	if (life_last_words(v->fleet->places, v->life, &in.end) < 0)
		return v->look_at;
	v->end = in.end;
	v->judged = true;
	if (engine_post(v->fleet->engine, &in) < 0)
		return v->look_at;
	v->look_at = 0;
	return LOOP_NEVER;
}
