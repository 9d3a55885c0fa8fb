/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/priority.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "vmm/machine.h"

static const int policies[] = {
	[SCHEDULING_OTHER] = SCHED_OTHER,
	[SCHEDULING_FIFO] = SCHED_FIFO,
	[SCHEDULING_RR] = SCHED_RR,
};

static bool is_asked_for(const struct machine *m)
{
	return m->definition.scheduling != SCHEDULING_OTHER;
}

static int refused(struct machine *m, int error, int priority)
{
	if (error == -EPERM)
		return failed(&m->failure, error,
			"real-time priority %d cannot be had: let the VMM have it (LimitRTPRIO= of its unit, or CAP_SYS_NICE)",
			priority);
	return failed_errno(&m->failure, error, "real-time priority %d cannot be had", priority);
}

static int raise(struct machine *m, pid_t thread, int policy, int priority)
{
	struct sched_param parameter = { .sched_priority = priority };
	int r = kvm_door_injected("priority");

	if (r == 0 && sched_setscheduler(thread, policy, &parameter) < 0)
		r = -errno;
	return r < 0 ? refused(m, r, priority) : 0;
}

int priority_raise_main(struct machine *m)
{
	return is_asked_for(m) ? raise(m, getpid(), SCHED_FIFO, m->definition.priority + 1) : 0;
}

int priority_raise_own(struct machine *m)
{
	return is_asked_for(m) ? raise(m, 0, policies[m->definition.scheduling], m->definition.priority) : 0;
}

/* What the caller has is not what a thread of its begins with. */
int priority_of_new(struct machine *m, pthread_attr_t *attributes)
{
	struct sched_param parameter = { .sched_priority = m->definition.priority };
	int r;

	if (!is_asked_for(m))
		return 0;
	r = pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED);
	if (r == 0)
		r = pthread_attr_setschedpolicy(attributes, policies[m->definition.scheduling]);
	return -(r ? r : pthread_attr_setschedparam(attributes, &parameter));
}
