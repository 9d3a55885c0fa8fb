/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A VMM that is born as is right, and then lies: lying-vmm --socket PATH NAME. What it does goes by the name of its VM:
 *
 *   born-N     changes even its NEWBORN; if it is born all the same it leaves once its guest has entered
 *   early-N    lies before it says that it is built
 *   lies-N     lies once its guest has entered
 *   flood      tells of its vCPU, truly, and never stops; reads nothing
 *   hung       does nothing any more once its guest has entered
 *   stillborn  does nothing after its birth
 *   window     calls again on a vCPU's channel while its first call is not answered
 *
 * N begins its random numbers. With any other name it is tests/unit/fleet/fake-vmm, which is honest.
 */

#include <errno.h>
#include <libgen.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/ffa.h"
#include "proto/vmm-link.h"
#include "tests/fuzz/fuzz.h"

#define LIES 100000 /* then it is content with having been believed, and leaves */

const struct fuzz_format fuzz_format = { 0 };

static const char *path, *name;
static int sock = -1, channel = -1;
static uint64_t life, command;
static union {
	struct vmm_frame_header header;
	struct vmm_birth birth;
	uint8_t bytes[sizeof(struct vmm_message) + VMM_BYTES_MAX];
} heard;

static bool begins(const char *with)
{
	size_t length = strlen(with);

	if (strncmp(name, with, length) != 0)
		return false;
	fuzz_random_begin(0x9E3779B97F4A7C15u * (strtoull(name + length, NULL, 10) + 1));
	return true;
}

static struct vmm_frame_header header(uint16_t kind)
{
	return (struct vmm_frame_header){ VMM_LINK_MAGIC, VMM_LINK_VERSION, kind, life, command };
}

static struct vmm_frame_header call_header(void) /* it carries no command */
{
	return (struct vmm_frame_header){ VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_CALL, life, 0 };
}

/* Whoever is hung up on waits for the end that it has earned. */
static void say(int where, const void *what, size_t size)
{
	if (send(where, what, size, MSG_NOSIGNAL) < 0)
		for (;;)
			pause();
}

static void say_kind(uint16_t kind)
{
	struct vmm_frame_header h = header(kind);

	say(sock, &h, sizeof(h));
}

static void say_running(void)
{
	struct vmm_vcpu v = { .header = header(VMM_VCPU), .state = VCPU_RUNNING };

	say(sock, &v, sizeof(v));
}

static void dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(3);
}

/* One frame, if there is one; the descriptors stay open, the last of a CHANNEL is remembered. */
static bool hear(int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VMM_FD_COUNT * sizeof(int))];
	} control;
	struct iovec data = { &heard, sizeof(heard) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | flags);

	if (n < (ssize_t)sizeof(heard.header))
		return false;
	if (heard.header.kind == VMM_CHANNEL && CMSG_FIRSTHDR(&m))
		memcpy(&channel, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(channel));
	if (heard.header.command > command)
		command = heard.header.command;
	return true;
}

static void hear_until(uint16_t kind)
{
	do
		if (!hear(0))
			_exit(4);
	while (heard.header.kind != kind);
}

/* ---- lies ---- */

#define SEED(type, number, ...)                                                                                        \
	do {                                                                                                           \
		const struct type s_ = { .header = header(number), __VA_ARGS__ };                                      \
		fuzz_seed(&s_, sizeof(s_));                                                                            \
	} while (0)
#define SPEAKS .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }

static void gather_lies(void)
{
	static const uint16_t bare[] = { VMM_BUILT, VMM_ENTERED, VMM_QUIESCED, VMM_STOPPING, VMM_DEAF, VMM_PAUSED, VMM_NOT_PAUSED,
		VMM_NOT_RESUMED };
	const struct vmm_call call = { .header = call_header(), .version = 0x10002, .x = { FFA_MSG_SEND_DIRECT_REQ } };

	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
		struct vmm_frame_header h = header(bare[i]);

		fuzz_seed(&h, sizeof(h));
	}
	SEED(vmm_back, VMM_BACK, SPEAKS, .phase = VMM_PHASE_ENTERED, .vcpu_count = 1, .vcpu = { VCPU_RUNNING });
	SEED(vmm_ended, VMM_ENDED, .end = { .cause = CAUSE_GUEST_PANIC, .text = "a panic" });
	fuzz_seed(&call, sizeof(call));
	SEED(vmm_put, VMM_PUT, .number = 1);
	SEED(vmm_notifications, VMM_NOTIFICATIONS, .is = { .pending = 1 });
	SEED(vmm_device, VMM_DEVICE, .is = { .type = ASSIGNED_VFIO_FAKE });
	for (unsigned i = 0; i < 8; i++) { /* true ones, too: else no lie would be told for long */
		SEED(vmm_vcpu, VMM_VCPU, .state = VCPU_RUNNING);
		SEED(vmm_channel, VMM_WANT_CHANNEL, .vcpu = 0);
	}
}

static void lie(void)
{
	static uint8_t frame[FUZZ_INPUT_MAX];
	size_t size = fuzz_seed_get(fuzz_random() % fuzz_seed_count(), frame, sizeof(frame)), head = sizeof(struct vmm_frame_header);

	if (fuzz_random() % 4 == 0 && size > head)
		size = head + fuzz_change(frame + head, size - head, sizeof(frame) - head);
	if (fuzz_random() % 16 == 0)
		size = fuzz_change(frame, size, sizeof(frame));
	say(channel >= 0 && fuzz_random() % 2 ? channel : sock, frame, size);
	while (hear(MSG_DONTWAIT))
		;
}

static void lie_long(void)
{
	gather_lies();
	for (unsigned i = 0; i < LIES; i++)
		lie();
	_exit(0);
}

static void break_the_window(void)
{
	struct vmm_channel want = { .header = header(VMM_WANT_CHANNEL) };
	struct vmm_call call = { .header = call_header(), .version = 0x10002, .x = { FFA_MSG_WAIT } };

	say(sock, &want, sizeof(want));
	hear_until(VMM_CHANNEL);
	for (;;)
		say(channel, &call, sizeof(call));
}

/* ---- its life ---- */

static void be_born(void)
{
	struct vmm_newborn newborn = { .header = header(VMM_NEWBORN), SPEAKS };
	size_t size = sizeof(newborn);
	uint8_t bytes[2 * sizeof(newborn)];

	strncpy(newborn.name, name, sizeof(newborn.name) - 1);
	memcpy(bytes, &newborn, sizeof(newborn));
	if (begins("born-"))
		for (uint64_t n = 1 + fuzz_random() % 4; n > 0; n--)
			size = fuzz_change(bytes, size, sizeof(bytes));
	say(sock, bytes, size);
	hear_until(VMM_BIRTH);
	life = heard.header.life;
}

static void be_honest(char **argv)
{
	char path_of[4096];

	(void)snprintf(path_of, sizeof(path_of), "%s/../unit/fleet/fake-vmm", dirname(argv[0]));
	execv(path_of, argv);
	_exit(5);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	path = argv[2];
	name = argv[3];
	if (!begins("born-") && !begins("early-") && !begins("lies-") && !begins("flood") && !begins("hung") &&
		!begins("stillborn") && !begins("window"))
		be_honest(argv);
	dial();
	be_born();
	if (begins("stillborn"))
		for (;;)
			pause();
	if (begins("early-"))
		lie_long();
	say_kind(VMM_BUILT);
	hear_until(VMM_ENTER);
	say_kind(VMM_ENTERED);
	say_running();
	if (begins("born-"))
		return 0;
	if (begins("window"))
		break_the_window();
	if (begins("lies-"))
		lie_long();
	while (begins("flood"))
		say_running();
	for (;;)
		pause();
}
