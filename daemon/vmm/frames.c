/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/frames.h"

#include <string.h>

#include "proto/ffa.h"

#define AT(stage) (1u << (stage))

/* One row for each frame a daemon sends: its size, and at which stages it may come. */
static const struct {
	size_t size;
	unsigned stages;
	unsigned fd_count;
} kinds[] = {
	[VMM_BIRTH] = { sizeof(struct vmm_birth), AT(LINK_NEWBORN), VMM_FD_COUNT },
	[VMM_REFUSED] = { sizeof(struct vmm_refused), AT(LINK_NEWBORN) | AT(LINK_BACK), 0 },
	[VMM_WELCOME] = { sizeof(struct vmm_welcome), AT(LINK_BACK), 0 },
	[VMM_ENTER] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_QUIESCE] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_EXIT] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_STOP] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_CHANNEL] = { sizeof(struct vmm_channel), AT(LINK_UP), 1 },
	[VMM_NOTIFY] = { sizeof(struct vmm_notify), AT(LINK_UP), 0 },
	[VMM_MESSAGE] = { sizeof(struct vmm_message), AT(LINK_UP), 0 },
	[VMM_PAUSE] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
	[VMM_RESUME] = { sizeof(struct vmm_frame_header), AT(LINK_UP), 0 },
};

/* What follows a MESSAGE counts. */
static size_t size_of(const union daemon_frame *frame, size_t length)
{
	size_t size = kinds[frame->header.kind].size;

	return frame->header.kind == VMM_MESSAGE && length >= size ? size + frame->message.frame.bytes : size;
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

const char *frame_check(const union daemon_frame *frame, size_t length, unsigned fd_count, bool cut,
	const struct frame_expected *expected)
{
	const struct vmm_frame_header *h = &frame->header;

	if (cut || length < sizeof(*h))
		return "a truncated frame";
	if (h->magic != VMM_LINK_MAGIC || h->version != VMM_LINK_VERSION)
		return "a frame of another protocol or version";
	if (h->kind >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[h->kind].size)
		return "a frame of unknown kind";
	if (length != size_of(frame, length))
		return "a frame of wrong size";
	if (!(kinds[h->kind].stages & AT(expected->stage)))
		return "a frame out of order";
	if (fd_count != kinds[h->kind].fd_count)
		return "a wrong number of descriptors";
	if (h->kind != VMM_BIRTH && h->life != expected->life)
		return "a frame for another life";
	return check_content(frame, expected);
}

const char *answer_check(const struct vmm_answer *answer, size_t length, uint64_t life, unsigned vcpu)
{
	const struct vmm_frame_header *h = &answer->header;

	if (length < sizeof(*answer) || length != sizeof(*answer) + (size_t)answer->bytes)
		return "an answer of wrong size";
	if (h->magic != VMM_LINK_MAGIC || h->version != VMM_LINK_VERSION)
		return "an answer of another protocol or version";
	if (h->kind != VMM_ANSWER)
		return "a frame on a channel that is no answer";
	if (h->life != life || answer->vcpu != vcpu)
		return "an answer to another life or vCPU";
	if (answer->reserved)
		return "an answer with an unknown field";
	return NULL;
}
