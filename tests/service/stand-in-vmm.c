/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A VMM without a guest: stand-in-vmm NAME. It leads its life with the daemon as lifecycled-vmm does (proto/vmm-link.h),
 * so that everything around a VMM can be tested on a host where no vCPU can run. SIGTERM ends its "guest"; SIGUSR1 lets it
 * exit with status 7 and no last words; SIGUSR2 lets it touch memory until somebody ends it.
 */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"
#include "proto/vmm-link.h"

#define SOCKET "/run/lifecycled/vmm.sock"
#define RETRY_MS 50
#define PATIENCE_MS 30000

static struct vmm_frame_header header = { .magic = VMM_LINK_MAGIC, .version = VMM_LINK_VERSION };
static struct vmm_end end;
static uint32_t phase, vcpu_count;
static const char *name;
static int sock = -1, fd[VMM_FD_COUNT] = { -1, -1, -1, -1 };
static union {
	struct vmm_frame_header header;
	struct vmm_birth birth;
	struct vmm_refused refused;
} frame;

static bool say(void *what, size_t size, enum vmm_frame_kind kind)
{
	header.kind = (uint16_t)kind;
	memcpy(what, &header, sizeof(header));
	return send(sock, what, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void say_kind(enum vmm_frame_kind kind)
{
	struct vmm_frame_header h;

	(void)say(&h, sizeof(h), kind);
}

static bool say_first(void)
{
	struct vmm_newborn newborn = { .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } } };
	struct vmm_back back = { .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }, .phase = phase, .vcpu_count = vcpu_count, .end = end };

	if (header.life)
		return say(&back, sizeof(back), VMM_BACK);
	(void)snprintf(newborn.name, sizeof(newborn.name), "%s", name);
	return say(&newborn, sizeof(newborn), VMM_NEWBORN);
}

static bool dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };

	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0 && say_first())
		return true;
	close(sock);
	sock = -1;
	return false;
}

static bool hear(void)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))];
	struct iovec data = { &frame, sizeof(frame) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) < (ssize_t)sizeof(frame.header))
		return false;
	if (CMSG_FIRSTHDR(&m))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return true;
}

static void be_born(void)
{
	header.life = frame.header.life;
	vcpu_count = frame.birth.definition.vcpu_count;
	phase = VMM_PHASE_BUILT;
	say_kind(VMM_BUILT);
}

static void finish(enum vm_cause cause, const char *text)
{
	struct last_words words = { .quiesced = 1 };
	struct vmm_ended ended;

	if (phase == VMM_PHASE_ENDED || !header.life)
		_exit(0);
	end.cause = cause;
	(void)snprintf(end.text, sizeof(end.text), "%s", text);
	words.end = end;
	words.magic = LAST_WORDS_MAGIC;
	if (pwrite(fd[VMM_FD_LAST_WORDS], &words, sizeof(words), 0) != sizeof(words))
		_exit(9);
	phase = VMM_PHASE_ENDED;
	ended.end = end;
	(void)say(&ended, sizeof(ended), VMM_ENDED);
}

static void obey(void)
{
	if (frame.header.kind != VMM_BIRTH && frame.header.kind != VMM_WELCOME)
		header.command = frame.header.command;
	switch (frame.header.kind) {
	case VMM_BIRTH:
		be_born();
		break;
	case VMM_REFUSED:
		(void)fprintf(stderr, "refused by the daemon: %s\n", frame.refused.reason);
		_exit(1);
	case VMM_ENTER:
		phase = VMM_PHASE_ENTERED;
		say_kind(VMM_ENTERED);
		(void)notify_send("READY=1\nSTATUS=The guest runs");
		break;
	case VMM_QUIESCE:
		if (phase < VMM_PHASE_QUIESCED)
			phase = VMM_PHASE_QUIESCED;
		say_kind(VMM_QUIESCED);
		break;
	case VMM_STOP:
		finish(CAUSE_GUEST_POWEROFF, "the guest powered off");
		break;
	case VMM_EXIT:
		_exit(0);
	}
}

/* Page by page, without end. */
static void eat(void)
{
	for (;;) {
		char *p = malloc(1 << 20);

		if (p)
			memset(p, 1, 1 << 20);
	}
}

static void signalled(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM)
		finish(CAUSE_USER_STOP, "the VMM was told to stop (SIGTERM)");
	else if (info.ssi_signo == SIGUSR1)
		_exit(7);
	else
		eat();
}

int main(int argc, char **argv)
{
	int signals, alone_ms = 0;
	sigset_t set;

	if (argc != 2)
		return 2;
	name = argv[1];
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	for (;;) {
		struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = sock, .events = POLLIN } };

		if (sock < 0 && !dial() && !header.life && (alone_ms += RETRY_MS) > PATIENCE_MS)
			return 1;
		fds[1].fd = sock;
		if (poll(fds, 2, sock < 0 ? RETRY_MS : -1) <= 0)
			continue;
		if (fds[0].revents)
			signalled(signals);
		if (!fds[1].revents)
			continue;
		if (hear()) {
			obey();
			continue;
		}
		if (!header.life)
			return 1;
		close(sock);
		sock = -1;
	}
}
