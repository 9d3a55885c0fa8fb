/* SPDX-License-Identifier: Apache-2.0 */

/* What a frame from a VMM must look like, by itself. Whether it may come now is link.c's to say. */

#include "fleet/internal.h"

#include <string.h>

#include "proto/ffa.h"

/* By kind; 0: not for a VMM to send. */
static const size_t sizes[] = {
	[VMM_NEWBORN] = sizeof(struct vmm_newborn),
	[VMM_BACK] = sizeof(struct vmm_back),
	[VMM_BUILT] = sizeof(struct vmm_frame_header),
	[VMM_ENTERED] = sizeof(struct vmm_frame_header),
	[VMM_VCPU] = sizeof(struct vmm_vcpu),
	[VMM_QUIESCED] = sizeof(struct vmm_frame_header),
	[VMM_ENDED] = sizeof(struct vmm_ended),
	[VMM_STOPPING] = sizeof(struct vmm_frame_header),
	[VMM_DEAF] = sizeof(struct vmm_frame_header),
	[VMM_CALL] = sizeof(struct vmm_call),
	[VMM_NOTIFICATIONS] = sizeof(struct vmm_notifications),
	[VMM_DEVICE] = sizeof(struct vmm_device),
	[VMM_WANT_CHANNEL] = sizeof(struct vmm_channel),
	[VMM_PUT] = sizeof(struct vmm_put),
	[VMM_PAUSED] = sizeof(struct vmm_frame_header),
	[VMM_NOT_PAUSED] = sizeof(struct vmm_frame_header),
	[VMM_NOT_RESUMED] = sizeof(struct vmm_frame_header),
};

bool end_is_sane(const struct vmm_end *end)
{
	return end->cause > CAUSE_NONE && end->cause < CAUSE_COUNT &&
		definition_string_ends(end->text, sizeof(end->text)) && end->errno_value >= 0;
}

static const char *back_breach(const struct vmm_back *b)
{
	static const struct vmm_end none;

	if (b->header.life == 0)
		return "BACK without a life";
	if (b->phase > VMM_PHASE_ENDED)
		return "BACK in an unknown phase";
	if (b->vcpu_count < 1 || b->vcpu_count > VM_VCPU_MAX)
		return "BACK with a vCPU count out of range";
	for (uint32_t i = 0; i < b->vcpu_count; i++)
		if (b->vcpu[i] >= VCPU_STATE_COUNT)
			return "BACK with an unknown vCPU state";
	if ((b->flags & ~(uint32_t)VMM_BACK_FLAGS) || b->reserved)
		return "BACK with an unknown flag";
	if (b->phase == VMM_PHASE_ENDED ? !end_is_sane(&b->end) : b->end.cause != none.cause)
		return "BACK with an end that does not fit its phase";
	return NULL;
}

static const char *vcpu_breach(const struct vmm_vcpu *v)
{
	if (v->index >= VM_VCPU_MAX)
		return "VCPU with an index out of range";
	return v->state >= VCPU_STATE_COUNT ? "VCPU with an unknown state" : NULL;
}

static const char *call_breach(const struct vmm_call *c)
{
	if (c->vcpu >= VM_VCPU_MAX)
		return "CALL of a vCPU out of range";
	if (c->bytes > VMM_BYTES_MAX || c->reserved)
		return "CALL with too many bytes";
	return c->flags & ~VMM_CALL_FLAGS ? "CALL with an unknown flag" : NULL;
}

static const char *channel_breach(const struct vmm_channel *c)
{
	if (c->vcpu >= VM_VCPU_MAX)
		return "WANT_CHANNEL of a vCPU out of range";
	return c->reserved[0] || c->reserved[1] || c->reserved[2] ? "WANT_CHANNEL with more than a vCPU" : NULL;
}

/* The text goes to people and over D-Bus. */
static bool text_is_plain(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return length < size;
}

static const char *device_breach(const struct vmm_device *d)
{
	if (d->index >= VM_ASSIGNED_MAX || d->reserved || d->is.reserved)
		return "DEVICE with an index out of range";
	if (d->is.type == ASSIGNED_NONE || d->is.type >= ASSIGNED_TYPE_COUNT || d->is.state >= VFIO_DEVICE_STATE_COUNT ||
		d->is.condition >= DEVICE_CONDITION_COUNT)
		return "DEVICE of unknown type, state or condition";
	return text_is_plain(d->is.text, sizeof(d->is.text)) ? NULL : "DEVICE with a text that is none";
}

const char *frame_breach(const union vmm_frame *frame, size_t size)
{
	const struct vmm_frame_header *h = &frame->header;

	if (size < sizeof(*h))
		return "a frame shorter than its header";
	if (h->magic != VMM_LINK_MAGIC)
		return "a frame without the magic number";
	if (h->version != VMM_LINK_VERSION)
		return "a frame of another version";
	if (h->kind >= sizeof(sizes) / sizeof(*sizes) || sizes[h->kind] == 0)
		return "a frame of a kind that a VMM does not send";
	if (size != sizes[h->kind] + (h->kind == VMM_CALL && size >= sizes[VMM_CALL] ? frame->call.bytes : 0))
		return "a frame of the wrong size";
	switch (h->kind) {
	case VMM_NEWBORN:
		if (!definition_string_ends(frame->newborn.name, sizeof(frame->newborn.name)))
			return "NEWBORN with a name that does not end";
		return h->life ? "NEWBORN with a life" : NULL;
	case VMM_BACK:
		return back_breach(&frame->back);
	case VMM_VCPU:
		return vcpu_breach(&frame->vcpu);
	case VMM_CALL:
		return call_breach(&frame->call);
	case VMM_PUT:
		return frame->put.status > FFA_OK || frame->put.status < FFA_NOT_READY || frame->put.reserved ?
			"PUT with a status that is none" : NULL;
	case VMM_WANT_CHANNEL:
		return channel_breach(&frame->channel);
	case VMM_DEVICE:
		return device_breach(&frame->device);
	case VMM_ENDED:
		return end_is_sane(&frame->ended.end) ? NULL : "ENDED with an end that makes no sense";
	}
	return NULL;
}
