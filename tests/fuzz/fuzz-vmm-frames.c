/* SPDX-License-Identifier: Apache-2.0 */
/* What a VMM sends, as the daemon reads it: whatever passes is in range, said here a second time from proto/vmm-link.h. */
#include "fuzz.h"

#include "fleet/internal.h"
#include "proto/ffa.h"

/* The link wants it; no frame gets so far here. */
int engine_post(struct engine *e, const struct input *in)
{
	return 0;
}

bool engine_is_behind(const struct engine *e)
{
	return false;
}

const struct fuzz_format fuzz_format = { 0 };

#define HEADER(kind, life) .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, kind, life, 3 }
#define SPEAKS .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }
#define SEED(type, ...)                                                                                                \
	do {                                                                                                           \
		const struct type s_ = { __VA_ARGS__ };                                                                \
		fuzz_seed(&s_, sizeof(s_));                                                                            \
	} while (0)

static void begin_calls(void)
{
	struct {
		struct vmm_call call;
		uint8_t bytes[24];
	} said = { .call = { HEADER(VMM_CALL, 9), .vcpu = 1, .version = 0x10002, .bytes = 24, .x = { FFA_SUCCESS } } };

	fuzz_seed(&said, sizeof(said.call) + 24);
	SEED(vmm_call, HEADER(VMM_CALL, 9), .flags = VMM_CALL_AGAIN);
	SEED(vmm_channel, HEADER(VMM_WANT_CHANNEL, 9), .vcpu = 1);
	SEED(vmm_put, HEADER(VMM_PUT, 9), .number = 7, .status = FFA_BUSY);
	SEED(vmm_notifications, HEADER(VMM_NOTIFICATIONS, 9), .is = { .sender = { 8 }, .pending = 1 });
}

void fuzz_begin(void)
{
	static const uint16_t bare[] = { VMM_BUILT, VMM_ENTERED, VMM_QUIESCED, VMM_STOPPING, VMM_DEAF, VMM_PAUSED, VMM_NOT_PAUSED,
		VMM_NOT_RESUMED };

	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		fuzz_seed(&(struct vmm_frame_header){ VMM_LINK_MAGIC, VMM_LINK_VERSION, bare[i], 9, 3 },
			sizeof(struct vmm_frame_header));
	SEED(vmm_newborn, HEADER(VMM_NEWBORN, 0), SPEAKS, .name = "web");
	SEED(vmm_back, HEADER(VMM_BACK, 9), SPEAKS, .phase = VMM_PHASE_ENTERED, .vcpu_count = 2, .vcpu = { VCPU_RUNNING });
	SEED(vmm_back, HEADER(VMM_BACK, 9), SPEAKS, .phase = VMM_PHASE_ENDED, .vcpu_count = 1,
		.end = { .cause = CAUSE_GUEST_PANIC, .text = "a panic" });
	SEED(vmm_vcpu, HEADER(VMM_VCPU, 9), .index = 1, .state = VCPU_RUNNING, .since = 5);
	SEED(vmm_ended, HEADER(VMM_ENDED, 9), .end = { .cause = CAUSE_GUEST_POWEROFF, .text = "off" });
	SEED(vmm_device, HEADER(VMM_DEVICE, 9), .is = { .type = ASSIGNED_VFIO_FAKE, .state = VFIO_DEVICE_STATE_STOP });
	SEED(vmm_sandbox, HEADER(VMM_SANDBOX, 9), .lacks = VMM_SANDBOX_LANDLOCK);
	begin_calls();
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static void is_an_end(const struct vmm_end *end)
{
	PROMISE(end->cause > CAUSE_NONE && end->cause < CAUSE_COUNT && end->errno_value >= 0);
	PROMISE(ends(end->text, sizeof(end->text)));
}

static void is_back(const struct vmm_back *b)
{
	PROMISE(b->header.life && b->phase <= VMM_PHASE_ENDED && b->vcpu_count >= 1 && b->vcpu_count <= VM_VCPU_MAX);
	for (uint32_t i = 0; i < b->vcpu_count; i++)
		PROMISE(b->vcpu[i] < VCPU_STATE_COUNT);
	PROMISE(!(b->flags & ~(uint32_t)(VMM_BACK_STOPPING | VMM_BACK_PAUSED)));
	if (b->phase == VMM_PHASE_ENDED)
		is_an_end(&b->end);
}

static void is_device(const struct vmm_device *d)
{
	PROMISE(d->index < VM_ASSIGNED_MAX && d->is.type > ASSIGNED_NONE && d->is.type < ASSIGNED_TYPE_COUNT);
	PROMISE(d->is.state < VFIO_DEVICE_STATE_COUNT && d->is.condition < DEVICE_CONDITION_COUNT);
	PROMISE(ends(d->is.text, sizeof(d->is.text)));
	for (const char *c = d->is.text; *c; c++)
		PROMISE(*c >= ' ' && *c <= '~');
}

/* Of what passed. */
static void is_believable(const union vmm_frame *f, size_t size)
{
	switch (f->header.kind) {
	case VMM_NEWBORN:
		PROMISE(!f->header.life && ends(f->newborn.name, sizeof(f->newborn.name)));
		break;
	case VMM_BACK:
		is_back(&f->back);
		break;
	case VMM_VCPU:
		PROMISE(f->vcpu.index < VM_VCPU_MAX && f->vcpu.state < VCPU_STATE_COUNT);
		break;
	case VMM_ENDED:
		is_an_end(&f->ended.end);
		break;
	case VMM_CALL:
		PROMISE(f->call.vcpu < VM_VCPU_MAX && f->call.bytes <= VMM_BYTES_MAX);
		PROMISE(size == sizeof(f->call) + f->call.bytes);
		break;
	case VMM_WANT_CHANNEL:
		PROMISE(f->channel.vcpu < VM_VCPU_MAX);
		break;
	case VMM_PUT:
		PROMISE(f->put.status <= 0 && f->put.status >= FFA_NOT_READY);
		break;
	case VMM_DEVICE:
		is_device(&f->device);
		break;
	case VMM_SANDBOX:
		PROMISE(!(f->sandbox.lacks & ~(uint32_t)VMM_SANDBOX_LAYERS) && !f->sandbox.reserved);
		break;
	case VMM_BUILT:
	case VMM_ENTERED:
	case VMM_QUIESCED:
	case VMM_STOPPING:
	case VMM_DEAF:
	case VMM_PAUSED:
	case VMM_NOT_PAUSED:
	case VMM_NOT_RESUMED:
	case VMM_NOTIFICATIONS:
		break;
	default:
		PROMISE(!"a kind that is not a VMM's");
	}
}

/* The header is right three times of four; what follows is as it comes. */
static void mend(union vmm_frame *f, size_t size, uint8_t how)
{
	if (size < sizeof(f->header) || !(how & 3))
		return;
	f->header.magic = VMM_LINK_MAGIC;
	f->header.version = how & 4 ? VMM_LINK_VERSION + 1 : VMM_LINK_VERSION;
	f->header.kind %= VMM_SANDBOX + 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union vmm_frame frame;
	size_t taken = size < sizeof(frame) ? size : sizeof(frame);
	uint32_t hash = 0;

	memset(&frame, 0xA5, sizeof(frame)); /* as the stack is */
	memcpy(&frame, data, taken);
	for (size_t i = 0; i < size; i++)
		hash = hash * 31 + data[i];
	mend(&frame, taken, (uint8_t)(hash >> 8));
	if (taken < sizeof(frame.header)) {
		PROMISE(frame_breach(&frame, taken));
		return 0;
	}
	frame_complete(&frame, taken);
	if (!frame_breach(&frame, size))
		is_believable(&frame, size);
	return 0;
}
