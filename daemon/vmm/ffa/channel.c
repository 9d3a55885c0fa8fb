/* SPDX-License-Identifier: Apache-2.0 */

/* vCPUs' channels, as the main thread sees them: it gets them from the daemon, and breaks them. */

#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vmm/ffa/ask.h"
#include "vmm/machine.h"

static void wake(struct ask *a, enum ask_state state)
{
	atomic_store(&a->state, state);
	(void)syscall(SYS_futex, &a->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void ask_init(struct vcpu *v)
{
	atomic_store(&v->ask.channel, -1);
}

bool ask_wants(struct vcpu *v)
{
	return atomic_load(&v->ask.state) == ASK_WANTS;
}

void ask_asked(struct vcpu *v)
{
	atomic_store(&v->ask.state, ASK_ASKED);
}

const char *ask_channel(struct machine *m, const struct vmm_channel *frame, int *fd)
{
	struct vcpu *v = &m->vcpu[frame->vcpu < m->vcpu_count ? frame->vcpu : 0];
	int before;
	uint32_t state = atomic_load(&v->ask.state);

	if (state == ASK_OVER)
		return NULL; /* it was asked for before */
	if (frame->vcpu >= m->vcpu_count || state != ASK_ASKED)
		return "a channel that nobody asked for";
	v->ask.version = frame->header.version;
	before = atomic_exchange(&v->ask.channel, take_fd(fd));
	close_fdp(&before);
	v->ask.given = true;
	wake(&v->ask, ASK_READY);
	return NULL;
}

/* Its thread may be in the middle of a wait: the descriptor stays open until it waits for another. */
static void break_channel(struct vcpu *v)
{
	int channel = atomic_load(&v->ask.channel);

	if (channel >= 0)
		(void)shutdown(channel, SHUT_RDWR);
}

void ask_cut(struct machine *m)
{
	for (unsigned i = 0; i < m->definition.vcpu_count; i++) {
		struct vcpu *v = &m->vcpu[i];

		break_channel(v);
		v->ask.given = false;
		atomic_store(&v->ask.wrong, NULL);
		if (atomic_load(&v->ask.state) == ASK_ASKED)
			atomic_store(&v->ask.state, ASK_WANTS);
	}
}

const char *ask_wrong(struct machine *m)
{
	for (unsigned i = 0; i < m->definition.vcpu_count; i++) {
		const char *wrong = atomic_load(&m->vcpu[i].ask.wrong);

		if (wrong)
			return wrong;
		if (m->vcpu[i].ask.given && ask_wants(&m->vcpu[i]))
			return "a vCPU's channel is closed";
	}
	return NULL;
}

void ask_over(struct vcpu *v)
{
	wake(&v->ask, ASK_OVER);
	break_channel(v);
}
