/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/machine.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/arch/arch.h"
#include "vmm/vcpu.h"

void machine_notify(struct machine *m)
{
	uint64_t one = 1;

	/* EAGAIN cannot lose anything: the counter is full of calls nobody has looked at. */
	(void)!write(m->event_fd, &one, sizeof(one));
}

/* A line that cannot be set leaves a driver waiting: told once, for each would fail like the first. */
static void set_line(void *controller, uint32_t irq, bool level)
{
	struct machine *m = controller;
	static atomic_bool told;
	int r = kvm_vm_set_line(m->vm, irq, level);

	if (r < 0 && !atomic_exchange(&told, true))
		log_warning("interrupt 0x%x cannot be set: %s (told once)", irq, strerror(-r));
}

void machine_connect_line(struct machine *m, struct irq_line *line, uint32_t irq)
{
	line->controller = m;
	line->irq = irq;
	line->set = set_line;
}

static bool gate_move(struct machine *m, uint32_t from, uint32_t to)
{
	if (!atomic_compare_exchange_strong(&m->gate, &from, to))
		return false;
	(void)syscall(SYS_futex, &m->gate, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	return true;
}

bool machine_open(struct machine *m)
{
	return gate_move(m, GATE_SHUT, GATE_OPEN);
}

bool machine_pause(struct machine *m)
{
	return gate_move(m, GATE_OPEN, GATE_PAUSED);
}

bool machine_resume(struct machine *m)
{
	return gate_move(m, GATE_PAUSED, GATE_OPEN);
}

bool machine_finish(struct machine *m, enum gate to)
{
	uint32_t from;

	/* Between the look and the move the main thread may open it, pause it or let it go on. */
	while ((from = atomic_load(&m->gate)) < GATE_STOPPED)
		if (gate_move(m, from, to))
			return true;
	return false;
}

bool machine_press_power_key(struct machine *m)
{
	/* Said before it is done: the guest may be quicker than this thread. */
	if (atomic_exchange(&m->pressed, true))
		return true;
	if (arch_press_power_key(m) == 0)
		return true;
	atomic_store(&m->pressed, false);
	return false;
}

/* What was asked for is no end of the guest's own: so no policy starts it again, also where no daemon saw it. */
static struct vmm_end as_asked(const struct machine *m, const struct vmm_end *end)
{
	struct vmm_end asked = *end;

	if (end->cause != CAUSE_GUEST_POWEROFF || !atomic_load(&m->pressed))
		return asked;
	asked.cause = CAUSE_USER_STOP;
	snprintf(asked.text, sizeof(asked.text), "the guest powered off after its power key was pressed");
	return asked;
}

bool machine_end(struct machine *m, const struct vmm_end *end)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	bool first = false;

	/* `end` is complete before anybody can see ENDED, and is not touched after. Only QUIESCE can come
	 * between. */
	pthread_mutex_lock(&one_at_a_time);
	if (atomic_load(&m->gate) < GATE_STOPPED) {
		m->end = as_asked(m, end);
		first = machine_finish(m, GATE_ENDED);
	}
	pthread_mutex_unlock(&one_at_a_time);
	return first;
}

/* A thread that builds is outside KVM_RUN and finds the gate closed when it is done. */
static bool threads_exist(struct machine *m)
{
	return atomic_load(&m->build) == BUILD_DONE;
}

bool machine_is_out(struct machine *m)
{
	if (!threads_exist(m))
		return true;
	for (unsigned i = 0; i < m->vcpu_count; i++)
		if (!atomic_load(&m->vcpu[i].out))
			return false;
	return true;
}

/* A thread that builds may be anywhere in it: then the process's end does it. */
void machine_dismantle(struct machine *m)
{
	if (!threads_exist(m) || !machine_is_out(m) || m->vm.fd < 0)
		return;
	for (unsigned i = 0; i < m->vcpu_count; i++)
		kvm_vcpu_close(m->system, &m->vcpu[i].kvm);
	if (m->gic.version)
		close_fdp(&m->gic.fd);
	m->gic.version = 0;
	close_fdp(&m->vm.fd);
	m->vm.fd = -1;
}

bool machine_stands(struct machine *m)
{
	for (unsigned i = 0; i < m->vcpu_count; i++)
		if (!atomic_load(&m->vcpu[i].stands) && !atomic_load(&m->vcpu[i].out))
			return false;
	return true;
}

void machine_stop_time(struct machine *m)
{
	int r = arch_stop_clock(m, &m->clock.value);

	m->clock.known = r == 0;
	if (r < 0)
		log_warning("the guest's clock goes on while it is paused: %s", strerror(-r));
	devices_stop_time(&m->devices);
}

void machine_go_on_time(struct machine *m)
{
	int r = arch_go_on_clock(m, m->clock.known ? &m->clock.value : NULL);

	if (r < 0)
		log_warning("the guest's clock jumps over its pause: %s", strerror(-r));
	m->clock.known = false;
	devices_go_on_time(&m->devices);
}

void machine_kick_one(struct vcpu *v)
{
	pid_t thread = atomic_load(&v->thread_id);

	if (atomic_load(&v->out) || atomic_load(&v->stands) || !thread)
		return;
	__atomic_store_n(&v->kvm.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	(void)syscall(SYS_tgkill, getpid(), thread, VCPU_KICK_SIGNAL);
}

void machine_power(struct machine *m)
{
	for (unsigned i = 0; m->power_is_ours && threads_exist(m) && i < m->vcpu_count; i++)
		if (atomic_load(&m->vcpu[i].power.is) == POWER_ASKED)
			machine_kick_one(&m->vcpu[i]);
}

void machine_kick(struct machine *m)
{
	for (unsigned i = 0; threads_exist(m) && i < m->vcpu_count; i++) {
		if (atomic_load(&m->gate) >= GATE_STOPPED)
			ask_over(&m->vcpu[i]);
		machine_kick_one(&m->vcpu[i]);
	}
}
