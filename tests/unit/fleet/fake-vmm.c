/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A VMM without a VM: fake-vmm --socket PATH NAME. It speaks the link, honestly or not, by the name of its VM. Exit
 * status 2..9: what it was told or saw was not what proto/vmm-link.h promises. It leaves by _exit: a leak check at exit
 * would trace it, and a traced process that is killed cannot be reaped by its parent at once.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/vmm-link.h"

static const char *path, *name;
static int sock = -1, fd[VMM_FD_COUNT], channel = -1;
static uint64_t life, command;
static uint32_t phase;
static int pressed;
static union {
	struct vmm_frame_header header;
	struct vmm_birth birth;
	struct vmm_refused refused;
	struct vmm_welcome welcome;
	struct vmm_channel channel;
	struct {
		struct vmm_message frame;
		char text[64];
	} message;
} frame;

static bool is(const char *what)
{
	return strcmp(name, what) == 0;
}

static struct vmm_frame_header header(uint16_t kind)
{
	return (struct vmm_frame_header){ VMM_LINK_MAGIC, VMM_LINK_VERSION, kind, life, command };
}

/* A daemon that is gone is found so by hear(). */
static void say(const void *what, size_t size)
{
	if (send(sock, what, size, MSG_NOSIGNAL) != (ssize_t)size && errno != EPIPE && errno != ECONNRESET)
		_exit(2);
}

static void say_kind(uint16_t kind)
{
	struct vmm_frame_header h = header(kind);

	say(&h, sizeof(h));
}

static void dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(3);
}

/* False: end of file. */
static bool hear(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control;
	struct iovec data = { &frame, sizeof(frame) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return false;
	if (frame.header.magic != VMM_LINK_MAGIC || frame.header.version != VMM_LINK_VERSION ||
		m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		_exit(4);
	if (CMSG_FIRSTHDR(&m) && frame.header.kind == VMM_CHANNEL) {
		if (CMSG_FIRSTHDR(&m)->cmsg_len != CMSG_LEN(sizeof(channel)))
			_exit(5);
		memcpy(&channel, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(channel));
	} else if (CMSG_FIRSTHDR(&m)) {
		if (CMSG_FIRSTHDR(&m)->cmsg_len != CMSG_LEN(sizeof(fd)))
			_exit(5);
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	} else if (frame.header.kind == VMM_BIRTH) {
		_exit(5);
	}
	return true;
}

/* The fds are what they are said to be: the memory is sized, the lock is held, the ring has its header. */
static void check_birth(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct console_ring ring;
	struct stat st;

	if (strcmp(frame.birth.definition.name, name) || !definition_is_sane(&frame.birth.definition))
		_exit(6);
	if (fstat(fd[VMM_FD_MEMORY], &st) < 0 || st.st_size != (off_t)frame.birth.definition.memory_bytes ||
		(st.st_mode & 07777) != 0600)
		_exit(7);
	if (pread(fd[VMM_FD_CONSOLE], &ring, sizeof(ring), 0) != sizeof(ring) || ring.magic != CONSOLE_RING_MAGIC ||
		fstat(fd[VMM_FD_CONSOLE], &st) < 0 || st.st_size != (off_t)(CONSOLE_RING_DATA + ring.size))
		_exit(8);
	if (fstat(fd[VMM_FD_LAST_WORDS], &st) < 0 || st.st_size != sizeof(struct last_words) ||
		fcntl(fd[VMM_FD_LIFE_LOCK], F_OFD_SETLK, &lock) < 0)
		_exit(9);
	life = frame.header.life;
	command = 0;
}

static struct vmm_end guest_end(void)
{
	struct vmm_end end = { .cause = CAUSE_GUEST_POWEROFF };

	strcpy(end.text, "the guest powered off");
	return end;
}

static void say_ended(uint32_t cause)
{
	struct vmm_ended ended = { .header = header(VMM_ENDED), .end = guest_end() };

	ended.end.cause = cause;
	say(&ended, sizeof(ended));
}

static void say_vcpu(uint32_t index, uint32_t state)
{
	struct vmm_vcpu v = { .header = header(VMM_VCPU), .index = index, .state = state };

	say(&v, sizeof(v));
}

static void say_back(uint32_t count)
{
	struct vmm_back back = { .header = header(VMM_BACK), .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } },
		.phase = phase, .vcpu_count = count };

	if (strncmp(name, "stale", 5) == 0)
		back.header.version = 2;
	back.flags = pressed ? VMM_BACK_STOPPING : 0;

	back.vcpu[0] = VCPU_RUNNING;
	say(&back, sizeof(back));
}

static void say_newborn(const char *who)
{
	struct vmm_newborn newborn = { .header = header(VMM_NEWBORN), .speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } } };

	strncpy(newborn.name, who, sizeof(newborn.name) - 1);
	say(&newborn, sizeof(newborn));
}

static void broken_frame(uint32_t magic, uint16_t version, uint16_t kind, uint64_t of, uint64_t done)
{
	struct vmm_frame_header h = { magic, version, kind, of, done };

	say(&h, sizeof(h));
}

static void break_a_rule(const char *how)
{
	char big[4096] = { 0 };

	if (strcmp(how, "short") == 0)
		say(big, 5);
	else if (strcmp(how, "long") == 0)
		say(big, sizeof(big));
	else if (strcmp(how, "magic") == 0)
		broken_frame(1, VMM_LINK_VERSION, VMM_BUILT, life, 0);
	else if (strcmp(how, "version") == 0)
		broken_frame(VMM_LINK_MAGIC, 99, VMM_BUILT, life, 0);
	else if (strcmp(how, "kind") == 0)
		broken_frame(VMM_LINK_MAGIC, VMM_LINK_VERSION, 77, life, 0);
	else if (strcmp(how, "direction") == 0)
		broken_frame(VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_ENTER, life, 0);
	else if (strcmp(how, "size") == 0)
		broken_frame(VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_VCPU, life, 0);
	else if (strcmp(how, "life") == 0)
		broken_frame(VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_BUILT, life + 1, 0);
	else if (strcmp(how, "command") == 0)
		broken_frame(VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_BUILT, life, 1u << 30);
	else if (strcmp(how, "entered") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_ENTERED);
	else if (strcmp(how, "built") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_BUILT);
	else if (strcmp(how, "stopping") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_STOPPING);
	else if (strcmp(how, "deaf") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_DEAF);
	else if (strcmp(how, "paused") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_PAUSED);
	else if (strcmp(how, "not-paused") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_NOT_PAUSED);
	else if (strcmp(how, "not-resumed") == 0)
		say_kind(VMM_BUILT), say_kind(VMM_NOT_RESUMED);
	else if (strcmp(how, "index") == 0)
		say_vcpu(2, VCPU_RUNNING);
	else if (strcmp(how, "state") == 0)
		say_vcpu(0, VCPU_STATE_COUNT);
	else if (strcmp(how, "cause") == 0)
		say_ended(CAUSE_COUNT);
	else if (strcmp(how, "again") == 0)
		say_newborn(name);
	else if (strcmp(how, "empty-end") == 0)
		say_ended(CAUSE_NONE);
}

static void write_last_words(void)
{
	struct last_words words = { .magic = LAST_WORDS_MAGIC, .quiesced = 1, .end = guest_end() };

	words.end.cause = CAUSE_GUEST_PANIC;
	strcat(words.end.text, " \xC3"); /* of a character of two bytes the first */
	if (pwrite(fd[VMM_FD_LAST_WORDS], &words, sizeof(words), 0) != sizeof(words))
		_exit(9);
}

/* ---- guests' calls: what VMs do whose names begin with "calls" ---- */

static void want(uint16_t vcpu)
{
	struct vmm_channel w = { .header = header(VMM_WANT_CHANNEL), .vcpu = vcpu };

	if (strncmp(name, "calls", 5) == 0)
		say(&w, sizeof(w));
}

static void call_on(int where, uint16_t vcpu, uint64_t of_command, uint64_t x1, uint16_t flags)
{
	struct vmm_call c = { .header = header(VMM_CALL), .vcpu = vcpu, .flags = flags, .x = { 1, x1 } };

	c.header.command = of_command;
	if (send(where, &c, sizeof(c), MSG_NOSIGNAL) != (ssize_t)sizeof(c))
		_exit(2);
}

static void say_put(uint64_t number, int32_t status)
{
	struct vmm_put put = { .header = header(VMM_PUT), .number = number, .status = status };

	say(&put, sizeof(put));
}

static uint64_t answered(void)
{
	struct vmm_answer a;

	if (recv(channel, &a, sizeof(a), 0) != (ssize_t)sizeof(a) || a.header.kind != VMM_ANSWER || a.header.life != life ||
		a.vcpu != 0)
		_exit(4);
	return a.x[1];
}

static void break_a_rule_of_calls(void)
{
	if (is("calls-twice"))
		call_on(channel, 0, 0, 0, 0), call_on(channel, 0, 0, 0, 0);
	else if (is("calls-flood"))
		for (int i = 0; i < 50; i++)
			call_on(channel, 0, 0, 0, 0);
	else if (is("calls-vcpu"))
		call_on(channel, 1, 0, 0, 0);
	else if (is("calls-command"))
		call_on(channel, 0, 1, 0, 0);
	else if (is("calls-flag"))
		call_on(channel, 0, 0, 0, VMM_CALL_FLAGS + 1);
	else if (is("calls-short"))
		(void)!send(channel, "what?", 5, MSG_NOSIGNAL);
	else if (is("calls-kind"))
		sock = channel, say_kind(VMM_BUILT);
	else if (is("calls-on-link"))
		call_on(sock, 0, 0, 0, 0);
	else if (is("calls-puts"))
		say_put(1, 0);
	else if (is("calls-want-twice"))
		want(0);
}

/* Each call says what the one before was answered. */
static void use_channel(void)
{
	static int again;

	if (is("calls")) {
		call_on(channel, 0, 0, 0, 0);
		call_on(channel, 0, 0, answered(), 0);
		call_on(channel, 0, 0, answered(), 0);
	} else if (is("calls-again")) {
		call_on(channel, 0, 0, 0, again++ ? VMM_CALL_AGAIN : 0);
	} else if (is("calls-ends")) {
		call_on(channel, 0, 0, 0, 0);
		say_ended(CAUSE_GUEST_POWEROFF), _exit(0);
	} else if (is("calls-closes")) {
		close(channel);
		say_vcpu(1, VCPU_RUNNING);
	} else {
		break_a_rule_of_calls();
	}
}

static void obey(void)
{
	switch (frame.header.kind) {
	case VMM_ENTER:
		command = frame.header.command;
		phase = VMM_PHASE_ENTERED;
		say_kind(VMM_ENTERED);
		say_vcpu(0, VCPU_RUNNING);
		want(is("calls-want-other") ? 2 : 0);
		break;
	case VMM_MESSAGE:
		if (frame.message.frame.bytes != 4 || strcmp(frame.message.text, "hey"))
			_exit(4);
		if (is("ends-first"))
			say_ended(CAUSE_GUEST_POWEROFF);
		if (is("quiesces-first"))
			say_kind(VMM_QUIESCED);
		say_put(frame.message.frame.number, is("calls-puts-oddly") ? 1 : -3);
		break;
	case VMM_CHANNEL:
		if (frame.channel.vcpu != 0)
			_exit(4);
		use_channel();
		break;
	case VMM_STOP:
		command = frame.header.command;
		say_kind(is("live-deaf") ? VMM_DEAF : VMM_STOPPING);
		pressed = !is("live-deaf");
		if (is("live-deaf-twice"))
			say_kind(VMM_DEAF), say_kind(VMM_DEAF);
		break;
	case VMM_PAUSE:
		command = frame.header.command;
		if (!is("live-late"))
			say_kind(VMM_PAUSED);
		break;
	case VMM_RESUME:
		if (is("live-late")) /* the answer crossed it */
			say_kind(VMM_PAUSED);
		command = frame.header.command;
		break;
	case VMM_QUIESCE:
		command = frame.header.command;
		say_kind(VMM_QUIESCED);
		break;
	case VMM_WELCOME:
		say_vcpu(1, VCPU_OFF);
		want(0);
		break;
	case VMM_EXIT:
		_exit(0);
	case VMM_REFUSED:
		_exit(42);
	}
}

/* One that may be told to stop once; SIGUSR2 asks for a word, which comes after all that came before. */
static void on_signal(int signo)
{
	static volatile sig_atomic_t told;

	if (signo == SIGTERM && ++told == 2)
		_exit(7);
	if (signo == SIGUSR2)
		write_last_words();
}

/* SIGUSR1 says that a daemon is there again. */
static void come_back(void)
{
	sigset_t set;
	int signo;

	close(sock);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &signo);
	if (is("live-unlocked"))
		close(fd[VMM_FD_LIFE_LOCK]);
	dial();
	if (is("stale-ended"))
		write_last_words();
	say_back(is("live-miscounts") ? VM_VCPU_MAX + 1 : 2);
}

static void live(void)
{
	if (is("words"))
		write_last_words(), _exit(0);
	if (is("ended"))
		say_kind(VMM_BUILT), say_ended(CAUSE_GUEST_POWEROFF), _exit(0);
	if (is("chatty")) {
		for (int i = 0; i < 100; i++)
			say_vcpu(0, VCPU_RUNNING);
		say_ended(CAUSE_GUEST_REBOOT), _exit(0);
	}
	if (is("exit7"))
		_exit(7);
	if (strncmp(name, "break-", 6) == 0) {
		break_a_rule(name + 6);
		for (;;)
			pause();
	}
	if (is("stale-told"))
		(void)signal(SIGTERM, on_signal), (void)signal(SIGUSR2, on_signal);
	phase = VMM_PHASE_BUILT;
	say_kind(VMM_BUILT);
	if (is("calls-early"))
		want(0);
	for (;;) {
		if (hear())
			obey();
		else
			come_back();
	}
}

int main(int argc, char **argv)
{
	sigset_t set;

	if (argc != 4 || strcmp(argv[1], "--socket") || getsid(0) != getpid() || getenv("NOTIFY_SOCKET"))
		_exit(2);
	path = argv[2];
	name = argv[3];
	sigprocmask(SIG_SETMASK, NULL, &set);
	if (sigismember(&set, SIGTERM) || fcntl(5, F_GETFD) >= 0)
		_exit(2); /* the daemon's mask or fds leaked */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (is("exit3"))
		_exit(3);
	if (is("deaf"))
		pause();
	dial();
	if (is("rude"))
		say("what?", 5), pause();
	say_newborn(is("liar") ? "somebody-else" : name);
	if (is("early"))
		say_kind(VMM_BUILT);
	if (!hear())
		_exit(1);
	if (frame.header.kind == VMM_REFUSED)
		_exit(frame.header.life ? 2 : 42);
	if (frame.header.kind != VMM_BIRTH)
		_exit(2);
	check_birth();
	live();
}
