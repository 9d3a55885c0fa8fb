/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "base/notify.h"
#include "vmm/sandbox/sandbox.h"
#include "vmm/vcpu.h"

#define NS_PER_MS      1000000ull
#define KICK_AGAIN     (10 * NS_PER_MS)
#define BIRTH_PATIENCE (30000 * NS_PER_MS)
#define STOP_ROOM_MS   30000u

static volatile sig_atomic_t stop_asked;

static void on_stop(int signal_number)
{
	stop_asked = 1;
}

/* Only ppoll lets these in, so that none can come between a look at stop_asked and the wait. */
static int init_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
		sigaction(SIGINT, &action, NULL) < 0)
		return -errno;
	/* A terminal that goes away takes no guest with it. */
	(void)signal(SIGHUP, SIG_IGN);
	return vcpu_init_signals();
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Without going through exit handlers: the kernel takes every thread out of the guest, and frees what there is. */
void vmm_leave(int status)
{
	_exit(status);
}

static int map_words(struct vmm *v, int fd)
{
	struct stat st;
	void *at;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct last_words))
		return -EINVAL;
	at = mmap(NULL, sizeof(struct last_words), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	/* The page must exist now: at the end it may be too late to get one. */
	r = memory_populate(at, sizeof(struct last_words));
	if (r < 0) {
		munmap(at, sizeof(struct last_words));
		return r;
	}
	v->words = at;
	sandbox_last_words(v->words);
	return 0;
}

static int open_console(struct vmm *v, int fd)
{
	int r;

	if (v->machine.definition.console == CONSOLE_NONE)
		return 0;
	r = console_open(&v->machine.devices.console, fd);
	if (r == 0 || r == -EINVAL)
		return r;
	log_warning("the guest runs without a console: %s", strerror(-r));
	return 0;
}

/*
 * By a mapping, for as long as any thread is there: then there is no descriptor left by which whoever takes this process over could
 * write into the file, and fill the place where it lies.
 */
static int hold_lock(int fd)
{
	return mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE, MAP_SHARED, fd, 0) == MAP_FAILED ? -errno : 0;
}

/* Takes the life over. Of the descriptors none is kept but the memory's, until that is mapped. */
int vmm_birth(struct vmm *v, struct received *birth)
{
	struct machine *m = &v->machine;
	int r;

	m->definition = birth->frame.birth.definition;
	m->life = birth->frame.header.life;
	ffa_endpoint_init(&m->ffa, &m->memory, birth->frame.birth.ffa_id, FFA_ID_SPMC);
	m->ffa.receives = m->definition.notifications;
	r = map_words(v, birth->fd[VMM_FD_LAST_WORDS]);
	if (r == 0)
		r = open_console(v, birth->fd[VMM_FD_CONSOLE]);
	if (r == 0)
		r = hold_lock(birth->fd[VMM_FD_LIFE_LOCK]);
	if (r < 0)
		return r;
	m->memory_fd = take_fd(&birth->fd[VMM_FD_MEMORY]);
	v->life = birth->frame.header.life;
	v->incarnation = birth->frame.birth.incarnation;
	v->command_received = v->command_done = birth->frame.header.command;
	for (unsigned i = 0; i < m->definition.vcpu_count; i++) {
		vcpu_become(&m->vcpu[i], VCPU_NULL);
		ask_init(&m->vcpu[i]);
	}
	memset(v->told, VCPU_NULL, sizeof(v->told));
	r = assigned_init(&v->assigned, &m->definition, now_ns());
	if (r < 0)
		return r;
	(void)machine_start(m);
	r = sandbox_close(SANDBOX_MAIN, 0, v->address);
	if (r < 0)
		log_error("the VMM's sandbox cannot be closed: %s", strerror(-r));
	return r;
}

void vmm_enter(struct vmm *v, uint64_t command)
{
	v->command_done = command;
	if (v->phase == VMM_PHASE_ENDED)
		return; /* it ended before it began; ENDED is on its way */
	v->owed |= OWED_ENTERED;
	if (v->phase == VMM_PHASE_ENTERED)
		return;
	v->phase = VMM_PHASE_ENTERED;
	for (unsigned i = 0; i < v->machine.vcpu_count; i++)
		vcpu_begin(&v->machine.vcpu[i]);
	session_tell(v, now_ns());
	(void)machine_open(&v->machine);
	(void)notify_send("READY=1\nSTATUS=The guest runs");
}

static void answer_quiesce(struct vmm *v)
{
	if (!v->quiesce_command)
		return;
	v->command_done = v->quiesce_command;
	v->quiesce_command = 0;
	v->owed |= OWED_QUIESCED;
}

void vmm_quiesce(struct vmm *v, uint64_t command)
{
	v->quiesce_command = command;
	/* Told again after the end, it is answered again: an answer may have been lost with a daemon. */
	if (v->phase >= VMM_PHASE_QUIESCED)
		answer_quiesce(v);
	else
		(void)machine_finish(&v->machine, GATE_STOPPED);
}

void vmm_stop(struct vmm *v, uint64_t command)
{
	v->command_done = command;
	if (v->phase == VMM_PHASE_ENTERED && !machine_press_power_key(&v->machine))
		v->owed |= OWED_DEAF;
}

/* `magic` last: who reads it reads everything. */
static void write_last_words(struct vmm *v)
{
	v->words->end = v->machine.end;
	v->words->quiesced = 1;
	__atomic_store_n(&v->words->magic, LAST_WORDS_MAGIC, __ATOMIC_RELEASE);
}

static void note_build(struct vmm *v)
{
	struct machine *m = &v->machine;
	struct vmm_end end = { .cause = CAUSE_START_FAILED };

	switch (atomic_load(&m->build)) {
	case BUILD_DONE:
		v->phase = VMM_PHASE_BUILT;
		v->owed |= OWED_BUILT;
		(void)log_set_target((enum log_target)log_target_from_word("auto")); /* from now on with fields: main() */
		if (sandbox_lacks()) {
			v->owed |= OWED_SANDBOX;
			log_message(MESSAGE_SANDBOX_LACKS, NULL, "the sandbox has %s", sandbox_lacks_text());
		}
		break;
	case BUILD_FAILED:
		end.errno_value = -m->failure.error;
		memcpy(end.text, m->failure.text, sizeof(end.text));
		log_error("%s", end.text);
		(void)machine_end(m, &end);
		break;
	}
}

void vmm_kick(struct vmm *v, uint64_t now)
{
	if (now < v->kick_at)
		return;
	machine_kick(&v->machine);
	v->kick_at = now + KICK_AGAIN;
}

/* Follows what the threads did: built, ended, left, stood still. Kicks those that have not yet, again after 10 ms. */
static void settle(struct vmm *v, uint64_t now)
{
	struct machine *m = &v->machine;
	uint32_t gate = atomic_load(&m->gate);

	if (v->phase == VMM_PHASE_BUILDING && gate == GATE_SHUT)
		note_build(v);
	if (gate == GATE_PAUSED && v->wanted != WANT_NOTHING)
		pause_settle(v, now);
	machine_power(m);
	if (v->phase >= VMM_PHASE_QUIESCED || atomic_load(&m->gate) < GATE_STOPPED)
		return;
	if (!machine_is_out(m)) {
		vmm_kick(v, now);
		return;
	}
	v->kick_at = 0;
	/* Devices reach memory without a vCPU: nothing of it may be given back while they can. */
	if (!assigned_stopped(&v->assigned, now))
		return;
	v->owed &= ~(uint32_t)OWED_OF_A_GUEST;
	if (atomic_load(&m->gate) == GATE_STOPPED) {
		v->phase = VMM_PHASE_QUIESCED;
	} else {
		write_last_words(v);
		v->phase = VMM_PHASE_ENDED;
		v->owed |= OWED_ENDED;
	}
	answer_quiesce(v);
}

/*
 * Who stops the unit has a deadline of his own. The guest's is the definition's, so it is asked for (sd_notify(3)), with
 * room behind it for the daemon to end a guest that let it pass.
 */
static void ask_for_time(const struct vmm *v)
{
	uint64_t ms = (uint64_t)v->machine.definition.limits.stop_timeout_ms + STOP_ROOM_MS;
	char text[96];

	snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=Waits for the guest to power off",
		(unsigned long long)ms * 1000);
	(void)notify_send(text);
}

/*
 * SIGTERM: a graceful stop, also without a daemon: the power key is pressed, and how long the guest may take is the
 * affair of who asked. One that cannot hear ends at once, and a second SIGTERM ends every other. One after the end
 * leaves: what is to be known is in the last words.
 */
static void stop(struct vmm *v)
{
	struct vmm_end end = { .cause = CAUSE_USER_STOP };
	bool again = v->told_to_stop, runs = v->phase == VMM_PHASE_ENTERED;
	const char *but = again ? "twice" : runs ? "and the guest listens to no power key" : "before its guest ran";

	stop_asked = 0;
	if (v->life == 0 || v->phase >= VMM_PHASE_QUIESCED)
		vmm_leave(0);
	v->told_to_stop = true;
	pause_let_go(v); /* a guest that stands cannot hear */
	if (!again && runs && machine_press_power_key(&v->machine)) {
		v->owed |= OWED_STOPPING;
		ask_for_time(v);
		return;
	}
	snprintf(end.text, sizeof(end.text), "the VMM was told to stop (SIGTERM), %s", but);
	(void)machine_end(&v->machine, &end);
}

/*
 * Who sent SIGTERM waits for the process. Without a daemon to say EXIT it goes by itself: the last words are written. So it does
 * where there is one that does not speak with it.
 */
static bool has_stopped(const struct vmm *v)
{
	return v->told_to_stop && v->phase >= VMM_PHASE_QUIESCED && v->stage != LINK_UP;
}

/* The devices' own time: a key that is let go, a watchdog that was not set back. */
static void tick_devices(struct vmm *v, uint64_t now)
{
	struct device_outcome outcome = devices_tick(&v->machine.devices, now);
	struct vmm_end end = { .cause = outcome.cause };

	if (outcome.act != DEVICE_END)
		return;
	snprintf(end.text, sizeof(end.text), "%s", outcome.text);
	(void)machine_end(&v->machine, &end);
}

static bool is_watched(const struct vmm *v)
{
	return v->phase == VMM_PHASE_ENTERED && v->machine.definition.vcpu_stall_ms &&
		atomic_load(&v->machine.gate) == GATE_OPEN;
}

static void tick_guest(struct vmm *v, uint64_t now)
{
	tick_devices(v, now);
	if (is_watched(v))
		watch_tick(&v->watch, &v->machine, now);
}

static uint64_t next_deadline(struct vmm *v)
{
	uint64_t each[] = { v->kick_at, v->retry_at, assigned_deadline(&v->assigned), 0, 0 }, at = 0;

	if (v->phase == VMM_PHASE_ENTERED)
		each[3] = devices_deadline(&v->machine.devices);
	if (is_watched(v))
		each[4] = v->watch.at;
	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if (each[i] && (!at || each[i] < at))
			at = each[i];
	return at;
}

static void wait_for_something(struct vmm *v, uint64_t now)
{
	struct pollfd fds[2] = {
		{ .fd = v->machine.event_fd, .events = POLLIN },
		{ .fd = v->link, .events = (short)(POLLIN | (v->link_full ? POLLOUT : 0)) },
	};
	uint64_t at = next_deadline(v), left = at > now ? at - now : 0, calls;
	struct timespec t = { .tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000) };
	sigset_t none;

	sigemptyset(&none);
	sigaddset(&none, VCPU_KICK_SIGNAL);
	if (ppoll(fds, 2, at ? &t : NULL, &none) <= 0)
		return;
	if (fds[0].revents)
		(void)!read(v->machine.event_fd, &calls, sizeof(calls));
	if (fds[1].revents & POLLOUT)
		v->link_full = false;
	if (fds[1].revents & ~POLLOUT)
		session_read(v, now_ns());
}

int vmm_run(struct vmm *v, const char *socket_path, const char *name)
{
	uint64_t now = now_ns();
	int r;

	sandbox_begin();
	(void)notify_open();
	r = link_address(socket_path, &v->address);
	if (r < 0) {
		log_error("no daemon at %s: %s", socket_path, strerror(-r));
		return 1;
	}
	r = init_signals();
	v->name = name;
	v->link = -1;
	v->wanted = WANT_NOTHING;
	v->give_up_at = now + BIRTH_PATIENCE;
	v->machine.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r < 0 || v->machine.event_fd < 0) {
		log_error("cannot start: %s", strerror(r < 0 ? -r : errno));
		return 1;
	}
	devices_init(&v->machine.devices);
	session_connect(v, now);
	machine_prepare(&v->machine);
	r = user_become(&v->user);
	if (r < 0) {
		log_error("cannot become user %u: %s", v->user.uid, strerror(-r));
		return 1;
	}
	for (;;) {
		if (v->retry_at && now >= v->retry_at)
			session_connect(v, now);
		if (stop_asked)
			stop(v);
		if (v->phase == VMM_PHASE_ENTERED)
			tick_guest(v, now);
		if (v->life) {
			assigned_run(&v->assigned, now);
			settle(v, now);
		}
		session_tell(v, now);
		if (has_stopped(v))
			vmm_leave(0);
		if (v->phase >= VMM_PHASE_QUIESCED)
			machine_dismantle(&v->machine);
		wait_for_something(v, now);
		now = now_ns();
	}
}
