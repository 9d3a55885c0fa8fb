/* SPDX-License-Identifier: Apache-2.0 */

/* What a frame from a VMM must look like, by itself. Whether it may come now is link.c's to say. */

#include "fleet/internal.h"

#include <string.h>

#include "base/text.h"
#include "proto/ffa.h"

/* By kind; size 0: not for a VMM to send. `feature`: one that this build has not is not known here. */
static const struct {
	size_t size;
	uint64_t feature;
} kinds[] = {
	[VMM_NEWBORN] = { sizeof(struct vmm_newborn), 0 },
	[VMM_BACK] = { sizeof(struct vmm_back), 0 },
	[VMM_BUILT] = { sizeof(struct vmm_frame_header), 0 },
	[VMM_ENTERED] = { sizeof(struct vmm_frame_header), 0 },
	[VMM_VCPU] = { sizeof(struct vmm_vcpu), 0 },
	[VMM_QUIESCED] = { sizeof(struct vmm_frame_header), 0 },
	[VMM_ENDED] = { sizeof(struct vmm_ended), 0 },
	[VMM_STOPPING] = { sizeof(struct vmm_frame_header), 0 },
	[VMM_DEAF] = { sizeof(struct vmm_frame_header), 0 },
	[VMM_CALL] = { sizeof(struct vmm_call), 0 },
	[VMM_NOTIFICATIONS] = { sizeof(struct vmm_notifications), VMM_FEATURE_NOTIFICATIONS },
	[VMM_DEVICE] = { sizeof(struct vmm_device), VMM_FEATURE_DEVICES },
	[VMM_SANDBOX] = { sizeof(struct vmm_sandbox), VMM_FEATURE_SANDBOX },
	[VMM_WANT_CHANNEL] = { sizeof(struct vmm_channel), 0 },
	[VMM_PUT] = { sizeof(struct vmm_put), VMM_FEATURE_MESSAGES },
	[VMM_PAUSED] = { sizeof(struct vmm_frame_header), VMM_FEATURE_PAUSE },
	[VMM_NOT_PAUSED] = { sizeof(struct vmm_frame_header), VMM_FEATURE_PAUSE },
	[VMM_NOT_RESUMED] = { sizeof(struct vmm_frame_header), VMM_FEATURE_PAUSE },
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

static const uint8_t device_states[ASSIGNED_TYPE_COUNT] = {
	[ASSIGNED_VFIO_FAKE] = VFIO_DEVICE_STATE_COUNT,
	[ASSIGNED_CCW_FAKE] = CCW_STATE_COUNT,
};

static const char *device_breach(const struct vmm_device *d)
{
	if (d->index >= VM_ASSIGNED_MAX || d->reserved || d->is.reserved)
		return "DEVICE with an index out of range";
	if (d->is.type == ASSIGNED_NONE || d->is.type >= ASSIGNED_TYPE_COUNT || d->is.state >= device_states[d->is.type] ||
		d->is.condition >= DEVICE_CONDITION_COUNT)
		return "DEVICE of unknown type, state or condition";
	return text_is_plain(d->is.text, sizeof(d->is.text)) ? NULL : "DEVICE with a text that is none";
}

static bool size_fits(const union vmm_frame *frame, size_t size)
{
	const struct vmm_frame_header *h = &frame->header;
	size_t known = kinds[h->kind].size;

	if (h->kind == VMM_CALL)
		return size >= known && size == known + frame->call.bytes;
	if (h->version == VMM_LINK_VERSION)
		return size == known;
	return h->version < VMM_LINK_VERSION ? size <= known : size >= known;
}

static void lower_end(struct vmm_end *end)
{
	if (end->cause >= CAUSE_COUNT)
		end->cause = CAUSE_VMM_EXIT;
}

void frame_complete(union vmm_frame *frame, size_t size)
{
	const struct vmm_frame_header *h = &frame->header;

	if (size < sizeof(*frame))
		memset((uint8_t *)frame + size, 0, sizeof(*frame) - size);
	if (h->kind == VMM_BACK)
		text_clean(frame->back.end.text, sizeof(frame->back.end.text));
	if (h->kind == VMM_ENDED)
		text_clean(frame->ended.end.text, sizeof(frame->ended.end.text));
	if (h->version <= VMM_LINK_VERSION)
		return;
	switch (h->kind) {
	case VMM_BACK:
		frame->back.flags &= VMM_BACK_FLAGS;
		frame->back.reserved = 0;
		lower_end(&frame->back.end);
		break;
	case VMM_ENDED:
		lower_end(&frame->ended.end);
		break;
	case VMM_CALL:
		frame->call.flags &= VMM_CALL_FLAGS;
		frame->call.reserved = 0;
		break;
	case VMM_WANT_CHANNEL:
		memset(frame->channel.reserved, 0, sizeof(frame->channel.reserved));
		break;
	case VMM_DEVICE:
		frame->device.reserved = 0;
		frame->device.is.reserved = 0;
		break;
	case VMM_PUT:
		frame->put.reserved = 0;
		break;
	case VMM_SANDBOX:
		frame->sandbox.lacks &= VMM_SANDBOX_LAYERS;
		frame->sandbox.reserved = 0;
		break;
	}
}

const char *frame_breach(const union vmm_frame *frame, size_t size)
{
	const struct vmm_frame_header *h = &frame->header;

	if (size < sizeof(*h))
		return "a frame shorter than its header";
	if (h->magic != VMM_LINK_MAGIC)
		return "a frame without the magic number";
	if (h->version < VMM_LINK_OLDEST)
		return "a frame of another version";
	if (h->kind >= sizeof(kinds) / sizeof(*kinds) || kinds[h->kind].size == 0 ||
		(kinds[h->kind].feature & ~(uint64_t)(VMM_LINK_FEATURES)))
		return "a frame of a kind that a VMM does not send";
	if (!size_fits(frame, size))
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
	case VMM_SANDBOX: /* a newer one may lack what we do not know */
		return (!frame->sandbox.lacks && h->version <= VMM_LINK_VERSION) || frame->sandbox.reserved ||
			(frame->sandbox.lacks & ~(uint32_t)VMM_SANDBOX_LAYERS) ? "SANDBOX without layers that there are" : NULL;
	case VMM_ENDED:
		return end_is_sane(&frame->ended.end) ? NULL : "ENDED with an end that makes no sense";
	}
	return NULL;
}
