/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/watch.h"

#include <stdio.h>
#include <time.h>

#include "vmm/arch/arch.h"
#include "vmm/machine.h"

#define NS_PER_MS 1000000ull

static enum watch_verdict begin_anew(struct watched *w, const struct watch_sample *now)
{
	*w = (struct watched) { .last = *now };
	return WATCH_FINE;
}

/* What a look found, which the thread did since the last step. The next one is due an eighth after this one was. */
static enum watch_verdict take_look(struct watched *w, const struct watch_sample *now)
{
	uint64_t asked_at = w->last.cpu;

	if (!now->holds)
		return begin_anew(w, now);
	w->held = w->held && now->what == w->last.what ? w->held + 1 : 1;
	w->asked = false;
	w->last = *now;
	w->last.cpu = asked_at;
	return w->held >= WATCH_LOOKS ? WATCH_STALLED : WATCH_FINE;
}

enum watch_verdict watch_step(struct watched *w, uint64_t window, const struct watch_sample *now)
{
	if (now->exits != w->last.exits)
		return begin_anew(w, now);
	if (now->looks != w->last.looks)
		return take_look(w, now);
	if (w->asked || now->cpu - w->last.cpu < window / WATCH_LOOKS)
		return WATCH_FINE;
	w->asked = true;
	w->last.cpu = now->cpu;
	return WATCH_LOOK;
}

void watch_look(struct vcpu *v)
{
	struct vcpu_look *l = &v->look;

	if (!atomic_exchange(&l->asked, false))
		return;
	l->holds = arch_holds_interrupt(v, &l->what, &l->pc);
	atomic_fetch_add_explicit(&l->looks, 1, memory_order_release); /* the next step sees it */
}

/* Of another thread of this process (the clock's number is the kernel's, as pthread_getcpuclockid makes it). */
static uint64_t cpu_time(pid_t thread)
{
	struct timespec t;

	if (!thread || clock_gettime((clockid_t)(~(unsigned)thread << 3 | 6), &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct watch_sample sample(struct vcpu *v)
{
	struct watch_sample s = { .looks = atomic_load_explicit(&v->look.looks, memory_order_acquire) };

	s.holds = v->look.holds;
	s.what = v->look.what;
	s.cpu = cpu_time(atomic_load(&v->thread_id));
	s.exits = atomic_load_explicit(&v->exits, memory_order_relaxed);
	return s;
}

static void end_guest(struct vcpu *v, uint64_t window)
{
	struct vmm_end end = { .cause = CAUSE_VCPU_STALL, .vcpu = v->index, .detail = { v->look.pc } };

	snprintf(end.text, sizeof(end.text), "vCPU %u let no interrupt in for %llu ms of its own time, at 0x%llx", v->index,
		(unsigned long long)(window / NS_PER_MS), (unsigned long long)v->look.pc);
	(void)machine_end(v->machine, &end);
}

static void step(struct watched *w, struct vcpu *v, uint64_t window)
{
	struct watch_sample now = sample(v);
	enum watch_verdict verdict = watch_step(w, window, &now);

	if (verdict == WATCH_LOOK)
		atomic_store(&v->look.asked, true);
	if (verdict == WATCH_STALLED)
		end_guest(v, window);
	else if (w->asked) /* again until it has looked: one that comes from a pause may have been passed over */
		machine_kick_one(v);
}

/* Twice for each look: one that is just not due is not put off by as much again. */
void watch_tick(struct watch *w, struct machine *m, uint64_t now)
{
	uint64_t window = m->definition.vcpu_stall_ms * NS_PER_MS;

	if (now < w->at)
		return;
	w->at = now + window / (2ul * WATCH_LOOKS);
	for (unsigned i = 0; i < m->vcpu_count; i++)
		step(&w->vcpu[i], &m->vcpu[i], window);
}
