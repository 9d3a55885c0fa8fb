/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/arch/arch.h"
#include "vmm/exits.h"
#include "vmm/priority.h"
#include "vmm/sandbox/sandbox.h"

#ifndef VMM_STACK_KIB
#define VMM_STACK_KIB 64
#endif
#define PENDING_ROUNDS_MAX 64
#define FOREVER            UINT64_MAX

static __thread struct kvm_run *my_run;

/* Stored again by the handler: the kicker's store may come before the thread's own clearing
 * (vcpu-requests.rst). */
static void on_kick(int signal_number)
{
	if (my_run)
		__atomic_store_n(&my_run->immediate_exit, 1, __ATOMIC_RELAXED);
}

int vcpu_init_signals(void)
{
	struct sigaction action = { .sa_handler = on_kick };
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, VCPU_KICK_SIGNAL);
	if (pthread_sigmask(SIG_BLOCK, &kick, NULL) != 0 || sigaction(VCPU_KICK_SIGNAL, &action, NULL) < 0)
		return -errno;
	return 0;
}

static void let_kicks_in(struct vcpu *v)
{
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, VCPU_KICK_SIGNAL);
	my_run = v->kvm.run;
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
}

void vcpu_become(struct vcpu *v, enum vcpu_state state)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&v->since, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	atomic_store(&v->state, state);
}

void vcpu_set_state(struct vcpu *v, enum vcpu_state state)
{
	if (atomic_load_explicit(&v->state, memory_order_relaxed) == state)
		return;
	vcpu_become(v, state);
	machine_notify(v->machine);
}

bool vcpu_is_over(struct vcpu *v)
{
	return atomic_load(&v->machine->gate) >= GATE_STOPPED;
}

/* Waits outside KVM_RUN until the gate leaves `from` or the time is over (absolute, CLOCK_MONOTONIC, ns). */
static void wait_at_gate(struct vcpu *v, uint32_t from, uint64_t until)
{
	struct timespec t = { .tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000) };

	while (atomic_load(&v->machine->gate) == from)
		if (syscall(SYS_futex, &v->machine->gate, FUTEX_WAIT_BITSET_PRIVATE, from, until == FOREVER ? NULL : &t,
			    NULL, FUTEX_BITSET_MATCH_ANY) < 0 &&
			errno == ETIMEDOUT)
			return;
}

static bool is_paused(struct vcpu *v)
{
	return atomic_load(&v->machine->gate) == GATE_PAUSED;
}

/*
 * Its state stays what it was: PREEMPTED would be one that FFA_RUN lets go on (s.4.10), and this one may not.
 * `stands` is taken back before the gate is looked at again: so whoever pauses anew meanwhile and still reads it knows a
 * thread that has not entered, and will see the gate.
 */
void vcpu_stand(struct vcpu *v)
{
	if (!is_paused(v))
		return;
	atomic_store(&v->stands, true);
	machine_notify(v->machine);
	wait_at_gate(v, GATE_PAUSED, FOREVER);
	atomic_store(&v->stands, false);
}

static void nap(struct vcpu *v, uint32_t ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	wait_at_gate(v, GATE_OPEN, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + (uint64_t)ms * 1000000);
}

static void end_guest(struct vcpu *v, struct vmm_end *end)
{
	end->vcpu = v->index;
	/* A later cause than the first, or one after a quiesce, is none: the thread leaves all the same. */
	if (machine_end(v->machine, end))
		machine_notify(v->machine);
}

static void end_guest_because(struct vcpu *v, enum vm_cause cause, const char *text)
{
	struct vmm_end end = { .cause = cause, .exit_reason = v->kvm.run->exit_reason };

	snprintf(end.text, sizeof(end.text), "%s", text);
	end_guest(v, &end);
}

/*
 * HLT without an interrupt controller in the kernel (api.rst, KVM_EXIT_HLT). Nothing here raises interrupts yet, so
 * the vCPU waits for the gate; when the last one halts with interrupts off, the guest has switched itself
 * off.
 */
static void halt(struct vcpu *v)
{
	struct machine *m = v->machine;

	if (!arch_halt_can_wake(v) && atomic_fetch_add(&m->halted, 1) + 1 == m->vcpu_count) {
		end_guest_because(v, CAUSE_GUEST_POWEROFF, "every vCPU halted for good");
		return;
	}
	vcpu_set_state(v, VCPU_WAITING);
	while (!vcpu_is_over(v)) { /* a pause is no interrupt: it halts on */
		wait_at_gate(v, GATE_OPEN, FOREVER);
		vcpu_stand(v);
	}
}

static void follow(struct vcpu *v, struct device_outcome outcome)
{
	if (outcome.sooner)
		machine_notify(v->machine);
	if (outcome.act == DEVICE_NAP)
		nap(v, outcome.nap_ms);
	else if (outcome.act == DEVICE_END)
		end_guest_because(v, outcome.cause, outcome.text);
}

static void handle_exit(struct vcpu *v, int r)
{
	struct machine *m = v->machine;
	bool reset_asked = __atomic_load_n(&m->devices.reset_asked, __ATOMIC_RELAXED);
	struct exit_verdict verdict;

	exit_judge(v->kvm.run, r, reset_asked, &verdict);
	v->pending = verdict.pending;
	switch (verdict.act) {
	case EXIT_ACT_AGAIN:
		break;
	case EXIT_ACT_IO:
		follow(v, arch_io(v));
		break;
	case EXIT_ACT_MMIO:
		follow(v, arch_mmio(v));
		break;
	case EXIT_ACT_HALT:
		halt(v);
		break;
	case EXIT_ACT_HYPERCALL:
		follow(v, arch_hypercall(v));
		break;
	case EXIT_ACT_UNDECODED:
		follow(v, arch_undecoded(v));
		break;
	case EXIT_ACT_WOKEN:
		arch_woken(v);
		break;
	case EXIT_ACT_END:
		end_guest(v, &verdict.end);
		break;
	}
}

/*
 * A device access is half done until the next KVM_RUN, and no register shows it: with immediate_exit set that
 * run completes it and executes nothing (1.7). An access that was split, or a repeated one, exits again for
 * its next part.
 */
static void complete_pending(struct vcpu *v)
{
	for (unsigned i = 0; v->pending && i < PENDING_ROUNDS_MAX; i++) {
		__atomic_store_n(&v->kvm.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		handle_exit(v, kvm_vcpu_run(v->kvm));
	}
}

static void run(struct vcpu *v)
{
	for (;;) {
		int r;

		/* This order: clear, then look. A kick that comes between is in the gate; one after it in the
		 * byte. */
		__atomic_store_n(&v->kvm.run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (vcpu_is_over(v))
			return;
		if (is_paused(v)) {
			complete_pending(v);
			vcpu_stand(v);
			continue;
		}
		if (arch_power(v) < 0) {
			end_guest_because(v, CAUSE_VCPU_ERROR, "a vCPU that was switched on cannot be reset");
			continue;
		}
		r = kvm_vcpu_run(v->kvm);
		if (r >= 0 && atomic_load_explicit(&v->power.is, memory_order_relaxed) == POWER_ON)
			vcpu_set_state(v, VCPU_RUNNING);
		if (r == -EINTR)
			watch_look(v);
		else
			atomic_fetch_add_explicit(&v->exits, 1, memory_order_relaxed);
		handle_exit(v, r);
	}
}

static enum vcpu_state last_state(struct machine *m)
{
	if (atomic_load(&m->gate) == GATE_STOPPED)
		return VCPU_ABORTED;
	switch (m->end.cause) {
	case CAUSE_GUEST_POWEROFF:
	case CAUSE_GUEST_REBOOT:
	case CAUSE_USER_STOP:
		return VCPU_STOPPED;
	}
	return VCPU_ABORTED;
}

/*
 * The thread has all that it needs of the host: from here on it can do no more than run the vCPU. No vCPU may enter while
 * another one's thread could still be made to do what it likes, so each waits for all; the daemon tells SPs meanwhile.
 */
static void close_sandbox(struct vcpu *v)
{
	struct machine *m = v->machine;
	int r = sandbox_close(SANDBOX_VCPU, v->index, NULL);
	const char *why = r < 0 ? strerrordesc_np(-r) : NULL;
	char text[96];
	uint32_t closed;

	(void)snprintf(text, sizeof(text), "the VMM's sandbox cannot be closed: %s", why ? why : "unknown error");
	if (r < 0)
		end_guest_because(v, CAUSE_START_FAILED, text);
	closed = atomic_fetch_add(&m->closed, 1) + 1;
	if (closed == m->vcpu_count)
		(void)syscall(SYS_futex, &m->closed, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	for (; closed < m->vcpu_count; closed = atomic_load(&m->closed))
		(void)syscall(SYS_futex, &m->closed, FUTEX_WAIT_PRIVATE, closed, NULL, NULL, 0);
}

/* Where nobody tells us when it is switched on, it starts until it is first heard of. */
static enum vcpu_state first_state(const struct vcpu *v)
{
	if (!v->index || !arch_secondaries_wait(v->machine))
		return VCPU_RUNNING;
	return v->machine->power_is_ours ? VCPU_OFF : VCPU_STARTING;
}

/* Its thread stands at the gate, or leaves already: then that is how it is. */
void vcpu_begin(struct vcpu *v)
{
	uint8_t created = VCPU_CREATED;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (atomic_compare_exchange_strong(&v->state, &created, (uint8_t)first_state(v)))
		atomic_store(&v->since, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

static void live(struct vcpu *v)
{
	struct machine *m = v->machine;

	let_kicks_in(v);
	atomic_store(&v->thread_id, gettid());
	close_sandbox(v);
	wait_at_gate(v, GATE_SHUT, FOREVER);
	if (!vcpu_is_over(v)) {
		run(v);
		complete_pending(v);
	}
	vcpu_become(v, last_state(m));
	my_run = NULL; /* a kick may come late, when the main thread has given it back */
	atomic_store(&v->out, true);
	machine_notify(m);
}

static void *secondary_thread(void *arg)
{
	live(arg);
	sandbox_leave_thread();
	return NULL;
}

static void *first_thread(void *arg)
{
	struct vcpu *v = arg;
	struct machine *m = v->machine;
	int r = machine_build(m);

	atomic_store(&m->build, r < 0 ? BUILD_FAILED : BUILD_DONE);
	machine_notify(m);
	if (r == 0)
		live(v);
	sandbox_leave_thread();
	return NULL;
}

/* Small, for every VM has one per vCPU; some architectures want more at least. */
static size_t stack_size(void)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);

	return least > VMM_STACK_KIB * 1024L ? (size_t)least : VMM_STACK_KIB * 1024ul;
}

/* The definition's mask; empty means any CPU. The thread is born there, so that its first pages are near. */
static int set_affinity(pthread_attr_t *attributes, const struct cpu_mask *mask)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned cpu = 0; cpu < VM_CPU_MAX; cpu++)
		if (mask->word[cpu / 64] >> (cpu % 64) & 1)
			CPU_SET(cpu, &set);
	return CPU_COUNT(&set) ? -pthread_attr_setaffinity_np(attributes, sizeof(set), &set) : 0;
}

int vcpu_start_thread(struct vcpu *v)
{
	struct machine *m = v->machine;
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, stack_size());
	r = set_affinity(&attributes, &m->definition.placement[v->index]);
	if (r == 0 && v->index)
		r = priority_of_new(m, &attributes);
	if (r == 0)
		r = -pthread_create(&thread, &attributes, v->index ? secondary_thread : first_thread, v);
	pthread_attr_destroy(&attributes);
	if (r == -EINVAL)
		return failed(&m->failure, r,
			"vCPU %u: none of its CPUs can be had: are they online, and allowed to the unit?", v->index);
	return r < 0 ? failed_errno(&m->failure, r, "no thread for vCPU %u", v->index) : 0;
}

int machine_start(struct machine *m)
{
	int r;

	m->vcpu[0].machine = m;
	r = vcpu_start_thread(&m->vcpu[0]);
	if (r < 0)
		atomic_store(&m->build, BUILD_FAILED);
	return r;
}
