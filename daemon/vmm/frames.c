/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/frames.h"

#include <string.h>

#include "proto/ffa.h"

#define AT(stage) (1u << (stage))

/* One row for each frame a daemon sends: its size, at which stages it may come, and what it belongs to. */
static const struct {
	size_t size;
	unsigned stages;
	unsigned fd_count;
	uint64_t feature; /* one that this build has not is not known here */
} kinds[] = {
	[VMM_BIRTH] = { sizeof(struct vmm_birth), AT(LINK_NEWBORN), VMM_FD_COUNT },
	[VMM_REFUSED] = { sizeof(struct vmm_refused), AT(LINK_NEWBORN) | AT(LINK_BACK), 0 },
	[VMM_WELCOME] = { sizeof(struct vmm_welcome), AT(LINK_BACK), 0 },
	[VMM_ENTER] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_QUIESCE] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_EXIT] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_STOP] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_CHANNEL] = { sizeof(struct vmm_channel), AT(LINK_UP), 1 },
	[VMM_NOTIFY] = { sizeof(struct vmm_notify), AT(LINK_UP), 0, VMM_FEATURE_NOTIFICATIONS },
	[VMM_MESSAGE] = { sizeof(struct vmm_message), AT(LINK_UP), 0, VMM_FEATURE_MESSAGES },
	[VMM_PAUSE] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0, VMM_FEATURE_PAUSE },
	[VMM_RESUME] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0, VMM_FEATURE_PAUSE },
};

/* What follows a MESSAGE counts. */
static size_t size_of(const union daemon_frame *frame, size_t length)
{
	size_t size = kinds[frame->header.kind].size;

	return frame->header.kind == VMM_MESSAGE && length >= size ? size + frame->message.frame.bytes : size;
}

static bool size_fits(const union daemon_frame *frame, size_t length)
{
	const struct vmm_frame_header *h = &frame->header;
	size_t size = size_of(frame, length);

	if (h->version == VMM_LINK_VERSION || h->kind == VMM_MESSAGE)
		return length == size;
	return h->version < VMM_LINK_VERSION ? length <= size : length >= size;
}

void frame_complete(union daemon_frame *frame, size_t length)
{
	const struct vmm_frame_header *h = &frame->header;
	size_t size = length >= sizeof(*h) && h->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[h->kind].size : 0;

	if (length < size)
		memset((uint8_t *)frame + length, 0, size - length);
	if (!size || h->version <= VMM_LINK_VERSION)
		return;
	if (h->kind == VMM_CHANNEL)
		memset(frame->channel.reserved, 0, sizeof(frame->channel.reserved));
	else if (h->kind == VMM_MESSAGE)
		frame->message.frame.reserved = 0;
	else if (h->kind == VMM_NOTIFY)
		frame->notify.reserved = 0;
}

/* What a daemon says of itself first. It knew our version when it said it. */
static const char *check_speaks(const union daemon_frame *frame, size_t length)
{
	if (length < sizeof(frame->first))
		return "a first frame that is too short";
	return frame->first.speaks.oldest <= VMM_LINK_VERSION ? NULL : "a daemon that does not speak this version";
}

static const char *check_birth(const struct vmm_birth *birth, const struct frame_expected *expected)
{
	if (birth->header.life == 0)
		return "a birth without a life";
	if (birth->ffa_id < FFA_ID_VM_FIRST || birth->ffa_id > FFA_ID_VM_LAST)
		return "a birth with an FF-A id that is no VM's";
	if (!definition_is_sane(&birth->definition))
		return "a definition that makes no sense";
	if (strcmp(birth->definition.name, expected->name) != 0)
		return "the birth of another VM";
	return NULL;
}

static const char *check_content(const union daemon_frame *frame, const struct frame_expected *expected)
{
	switch (frame->header.kind) {
	case VMM_BIRTH:
		return check_birth(&frame->birth, expected);
	case VMM_REFUSED:
		return definition_string_ends(frame->refused.reason, sizeof(frame->refused.reason))
			       ? NULL
			       : "a reason without an end";
	case VMM_WELCOME:
		return frame->welcome.incarnation >= expected->incarnation
			       ? NULL
			       : "a daemon older than the one known";
	case VMM_CHANNEL:
		if (frame->channel.reserved[0] || frame->channel.reserved[1] || frame->channel.reserved[2])
			return "a CHANNEL with an unknown field";
		break;
	case VMM_MESSAGE:
		if (frame->message.frame.reserved)
			return "a MESSAGE with an unknown field";
		break;
	}
	return frame->header.command >= expected->command ? NULL : "a command older than the last one";
}

/* REFUSED is the same in every version. */
static bool version_fits(const struct vmm_frame_header *h, uint16_t version)
{
	if (h->kind == VMM_REFUSED)
		return true;
	return version ? h->version == version : h->version >= VMM_LINK_OLDEST;
}

const char *frame_check(const union daemon_frame *frame, size_t length, unsigned fd_count, bool cut,
	const struct frame_expected *expected)
{
	const struct vmm_frame_header *h = &frame->header;

	if (cut || length < sizeof(*h))
		return "a truncated frame";
	if (h->magic != VMM_LINK_MAGIC || !version_fits(h, expected->version))
		return "a frame of another protocol or version";
	if (h->kind >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[h->kind].size ||
		(kinds[h->kind].feature & ~(uint64_t)(VMM_LINK_FEATURES)))
		return "a frame of unknown kind";
	if (!size_fits(frame, length))
		return "a frame of wrong size";
	if (!(kinds[h->kind].stages & AT(expected->stage)))
		return "a frame out of order";
	if (fd_count != kinds[h->kind].fd_count)
		return "a wrong number of descriptors";
	if (h->kind != VMM_BIRTH && h->life != expected->life)
		return "a frame for another life";
	if ((h->kind == VMM_BIRTH || h->kind == VMM_WELCOME) && check_speaks(frame, length))
		return check_speaks(frame, length);
	return check_content(frame, expected);
}

const char *answer_check(const struct vmm_answer *answer, size_t length, uint64_t life, unsigned vcpu,
	uint16_t version)
{
	const struct vmm_frame_header *h = &answer->header;

	if (length < sizeof(*answer) || length != sizeof(*answer) + (size_t)answer->bytes)
		return "an answer of wrong size";
	if (h->magic != VMM_LINK_MAGIC || h->version != version)
		return "an answer of another protocol or version";
	if (h->kind != VMM_ANSWER)
		return "a frame on a channel that is no answer";
	if (h->life != life || answer->vcpu != vcpu)
		return "an answer to another life or vCPU";
	if (answer->reserved && version <= VMM_LINK_VERSION)
		return "an answer with an unknown field";
	return NULL;
}
