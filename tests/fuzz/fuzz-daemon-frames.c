/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon sends, as the VMM reads it: at any stage, with any descriptors. What passes can be obeyed. */
#include "fuzz.h"

#include "proto/ffa.h"
#include "vmm/frames.h"

#define LIFE 9

/* In front of the frame: how it comes. */
struct circumstances {
	uint8_t stage, fd_count, cut, version;
};

const struct fuzz_format fuzz_format = { 0 };

#define HEADER(kind) .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, kind, LIFE, 21 }
#define SPEAKS .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }

static void seed(enum link_stage stage, uint8_t fds, const void *frame, size_t size)
{
	static uint8_t bytes[FUZZ_INPUT_MAX];
	struct circumstances c = { (uint8_t)stage, fds, 0, 0 };

	memcpy(bytes, &c, sizeof(c));
	memcpy(bytes + sizeof(c), frame, size);
	fuzz_seed(bytes, sizeof(c) + size);
}
#define SEED(stage, fds, type, ...)                                                                                    \
	do {                                                                                                           \
		static const struct type s_ = { __VA_ARGS__ };                                                         \
		seed(stage, fds, &s_, sizeof(s_));                                                                     \
	} while (0)

_Static_assert(sizeof(struct vmm_birth) + sizeof(struct circumstances) <= FUZZ_INPUT_MAX, "a birth fits");

void fuzz_begin(void)
{
	static const uint16_t bare[] = { VMM_ENTER, VMM_QUIESCE, VMM_EXIT, VMM_STOP, VMM_PAUSE, VMM_RESUME };

	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		seed(LINK_UP, 0, &(struct vmm_frame_header){ VMM_LINK_MAGIC, VMM_LINK_VERSION, bare[i], LIFE, 21 },
			sizeof(struct vmm_frame_header));
	SEED(LINK_NEWBORN, VMM_FD_COUNT, vmm_birth, HEADER(VMM_BIRTH), SPEAKS, .incarnation = 5, .ffa_id = 5,
		.definition = { .name = "guest", .vcpu_count = 1, .memory_bytes = DEFINITION_MEMORY_MIN, .kernel = "/k" });
	SEED(LINK_NEWBORN, 0, vmm_refused, .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_REFUSED, 0, 0 }, .reason = "no");
	SEED(LINK_BACK, 0, vmm_refused, HEADER(VMM_REFUSED), .reason = "no such life");
	SEED(LINK_BACK, 0, vmm_welcome, HEADER(VMM_WELCOME), SPEAKS, .incarnation = 6);
	SEED(LINK_UP, 1, vmm_channel, HEADER(VMM_CHANNEL), .vcpu = 1);
	SEED(LINK_UP, 0, vmm_notify, HEADER(VMM_NOTIFY), .what = VMM_NOTIFY_PENDING, .bitmap = 3);
	SEED(LINK_UP, 0, vmm_message, HEADER(VMM_MESSAGE), .number = 1, .bytes = 0);
	SEED(LINK_UP, 0, vmm_answer, HEADER(VMM_ANSWER), .x = { FFA_SUCCESS });
}

static void is_a_birth(const struct vmm_birth *b)
{
	PROMISE(b->header.life && b->ffa_id >= FFA_ID_VM_FIRST && b->ffa_id <= FFA_ID_VM_LAST);
	PROMISE(strcmp(b->definition.name, "guest") == 0);
	PROMISE(b->definition.vcpu_count >= 1 && b->definition.vcpu_count <= VM_VCPU_MAX);
	PROMISE(memchr(b->definition.kernel, 0, sizeof(b->definition.kernel)));
	PROMISE(memchr(b->definition.cmdline, 0, sizeof(b->definition.cmdline)));
	PROMISE(b->definition.assigned_count <= VM_ASSIGNED_MAX && b->definition.resources.device_count <= VM_DEVICE_MAX);
	for (unsigned i = 0; i < b->definition.assigned_count; i++)
		PROMISE(memchr(b->definition.assigned[i].script, 0, sizeof(b->definition.assigned[i].script)));
}

/* Of what passed. */
static void can_be_obeyed(const union daemon_frame *f, size_t length, unsigned fds, const struct frame_expected *e)
{
	uint16_t kind = f->header.kind;

	PROMISE((kind == VMM_BIRTH) == (fds == VMM_FD_COUNT));
	PROMISE((kind == VMM_CHANNEL) == (fds == 1));
	PROMISE(kind == VMM_BIRTH || f->header.life == e->life);
	PROMISE(e->stage != LINK_DOWN);
	if (e->stage == LINK_UP)
		PROMISE(f->header.command >= e->command);
	if (kind == VMM_BIRTH)
		is_a_birth(&f->birth);
	else if (kind == VMM_REFUSED)
		PROMISE(memchr(f->refused.reason, 0, sizeof(f->refused.reason)));
	else if (kind == VMM_WELCOME)
		PROMISE(f->welcome.incarnation >= e->incarnation);
	else if (kind == VMM_MESSAGE)
		PROMISE(length == sizeof(f->message.frame) + f->message.frame.bytes && f->message.frame.bytes <= VMM_BYTES_MAX);
	else
		PROMISE(e->stage == LINK_UP);
}

static void answer(const uint8_t *data, size_t size)
{
	struct vmm_answer a;

	memset(&a, 0xA5, sizeof(a));
	memcpy(&a, data, size < sizeof(a) ? size : sizeof(a));
	if (!answer_check(&a, size, LIFE, 1, VMM_LINK_VERSION))
		PROMISE(size == sizeof(a) + a.bytes && a.vcpu == 1 && a.header.life == LIFE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union daemon_frame frame;
	struct frame_expected e = { .name = "guest", .incarnation = 5, .command = 20 };
	struct circumstances c;
	size_t length;

	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	length = size - sizeof(c);
	answer(data + sizeof(c), length);
	e.stage = c.stage % (LINK_UP + 1);
	e.life = e.stage == LINK_NEWBORN ? 0 : LIFE;
	e.version = c.version & 1 ? VMM_LINK_VERSION : c.version & 2 ? VMM_LINK_VERSION + 1 : 0;
	if (e.stage == LINK_UP && !e.version)
		e.version = VMM_LINK_VERSION;
	memset(&frame, 0xA5, sizeof(frame.birth)); /* what was there before */
	memcpy(&frame, data + sizeof(c), length);
	frame_complete(&frame, length);
	if (!frame_check(&frame, length, c.fd_count, c.cut & 1, &e)) {
		PROMISE(!(c.cut & 1));
		can_be_obeyed(&frame, length, c.fd_count, &e);
	}
	return 0;
}
