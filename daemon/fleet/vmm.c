/* SPDX-License-Identifier: Apache-2.0 */

/* One VMM: found by life and by pid, watched by its pidfd, and dead once. */

#include "fleet/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/message.h"

int vmm_new(struct fleet *f, uint64_t life, const char *name, bool huge, struct vmm **ret)
{
	struct vmm *v;
	int r = map_reserve(&f->lives, f->vmm_count + 1);

	if (r == 0)
		r = map_reserve(&f->pids, f->vmm_count + 1);
	if (r < 0)
		return r;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	*v = (struct vmm){ .fleet = f, .life = life, .huge = huge, .pidfd = -1, .lock_fd = -1 };
	list_init(&v->started.node);
	list_init(&v->starting);
	list_init(&v->gone.node);
	(void)snprintf(v->name, sizeof(v->name), "%s", name);
	list_append(&f->vmms, &v->node);
	map_put(&f->lives, &v->by_life, life);
	f->vmm_count++;
	*ret = v;
	return 0;
}

static void forget_pid(struct vmm *v)
{
	if (v->has_pid)
		map_remove(&v->fleet->pids, &v->by_pid);
	v->has_pid = false;
}

/* Nobody finds it any more; its memory stays until its last notice is told. */
static void vmm_forget(struct vmm *v)
{
	struct fleet *f = v->fleet;

	if (v->dead)
		return;
	v->dead = true;
	map_remove(&f->lives, &v->by_life);
	forget_pid(v);
	list_remove(&v->starting);
	f->vmm_count--;
	v->watch = loop_unwatch(v->watch);
	v->call = sd_bus_slot_unref(v->call);
	inquiry_drop(&v->inquiry);
	v->answer_until = v->look_at = 0;
	link_close(v->link);
	close_fdp(&v->pidfd);
	close_fdp(&v->lock_fd);
	v->pidfd = v->lock_fd = -1;
	if (v->adopting)
		f->adopting--;
	v->adopting = false;
}

void vmm_free(struct vmm *v)
{
	vmm_forget(v);
	list_remove(&v->node);
	list_remove(&v->started.node);
	list_remove(&v->gone.node);
	channels_free(v);
	free(v->definition);
	v->definition = NULL;
	loop_bury(v->fleet->loop, &v->corpse);
}

static void vmm_freed(void *arg)
{
	vmm_free(arg);
}

struct vmm *vmm_get(struct fleet *f, uint64_t life)
{
	struct map_node *n = map_get(&f->lives, life);

	return n ? container_of(n, struct vmm, by_life) : NULL;
}

struct vmm *vmm_by_pid(struct fleet *f, pid_t pid)
{
	struct map_node *n = pid > 0 ? map_get(&f->pids, (uint64_t)pid) : NULL;

	return n ? container_of(n, struct vmm, by_pid) : NULL;
}

/* The last thing heard of it. */
static void tell_and_free(struct vmm *v)
{
	struct fleet *f = v->fleet;

	vmm_forget(v);
	v->gone.told = vmm_freed;
	v->gone.arg = v;
	fleet_tell(f, &v->gone);
	links_told_of(f, v->name);
	fleet_check_ready(f);
}

void vmm_fields(struct log_fields *f, const struct vmm *v)
{
	log_life(f, v->name, v->life);
	if (v->pid)
		log_field(f, "VMM_PID", "%d", (int)v->pid);
}

static void vmm_gone(struct vmm *v)
{
	struct log_fields f = { .length = 0 };

	vmm_fields(&f, v);
	if (v->dismissed)
		log_message(MESSAGE_VMM_LEFT, &f, "VMM of %s (life %llu, pid %d) left", v->name, (unsigned long long)v->life,
			(int)v->pid);
	else
		log_message(MESSAGE_VMM_DIED, &f, "VMM of %s (life %llu, pid %d) is gone: %s", v->name,
			(unsigned long long)v->life, (int)v->pid, v->gone.in.end.text);
	tell_and_free(v);
}

void vmm_failed(struct vmm *v, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	v->gone.in = (struct input){ .kind = IN_VMM_FAILED, .life = v->life };
	end_set(&v->gone.in.end, CAUSE_START_FAILED, "%s", text);
	log_message(MESSAGE_VMM_FAILED, OF_LIFE(v->name, v->life), "%s (life %llu): %s", v->name, (unsigned long long)v->life,
		text);
	if (v->pidfd >= 0) /* nobody else: what is not there needs no cancelling */
		vmm_kill(v); /* one that cannot be watched is of no use; it has no life yet */
	tell_and_free(v);
}

void vmm_answered(struct vmm *v)
{
	v->answer_until = 0;
	judge_unit(&v->death, &v->gone.in.end);
	vmm_gone(v);
}

static void stop_waiting(struct vmm *v)
{
	v->connect_until = 0;
	if (v->adopting)
		v->fleet->adopting--;
	v->adopting = false;
	fleet_check_ready(v->fleet);
}

/* True: whether more can be found out is being asked. */
static bool judge(struct vmm *v)
{
	v->gone.in = (struct input){ .kind = IN_VMM_GONE, .life = v->life, .pid = v->pid };
	if (judge_death(v, &v->gone.in.end) || v->dismissed || !v->fleet->starter->ask(v))
		return false;
	v->answer_until = loop_monotonic() + VMM_ANSWER_NS;
	fleet_wake_by(v->fleet, v->answer_until);
	return true;
}

/* What it said before it died counts more than what its death looks like. */
static void vmm_died(void *arg, int fd, unsigned events)
{
	struct vmm *v = arg;

	v->watch = loop_unwatch(v->watch);
	if (v->link)
		link_drain(v->link);
	link_close(v->link);
	forget_pid(v);
	stop_waiting(v);
	if (!judge(v))
		vmm_gone(v);
}

int vmm_watch(struct vmm *v)
{
	int r = v->pidfd = process_open(v->pid);

	map_put(&v->fleet->pids, &v->by_pid, (uint64_t)v->pid);
	v->has_pid = true;
	if (r >= 0 && v->child)
		r = process_start_time(v->pid, &v->start_time);
	if (r >= 0)
		r = loop_watch(v->fleet->loop, v->pidfd, LOOP_READ, vmm_died, v, &v->watch);
	return r < 0 ? r : 0;
}

void vmm_signal(struct vmm *v, int signo)
{
	if (syscall(SYS_pidfd_send_signal, v->pidfd, signo, NULL, 0) < 0 && errno == EPERM)
		v->fleet->starter->signal(v, signo);
}

void vmm_kill(struct vmm *v)
{
	if (v->pidfd < 0)
		v->fleet->starter->cancel(v);
	else
		vmm_signal(v, SIGKILL);
}

void vmm_doom(struct vmm *v, uint32_t cause, const char *text)
{
	if (!v->judged)
		end_set(&v->end, cause, "%s", text);
	v->judged = v->doomed = true;
	vmm_kill(v);
}

/* Nothing that it says is believed any more, but that its guest had ended before. */
void vmm_breach(struct vmm *v, const char *rule)
{
	struct input in = { .kind = IN_VMM_LOST, .life = v->life };
	struct log_fields f = { .length = 0 };
	char text[VMM_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "the VMM broke the rules of its link and was killed: %s", rule);
	vmm_fields(&f, v);
	log_message(MESSAGE_VMM_BROKE_RULES, &f, "VMM of %s (life %llu, pid %d): %s", v->name, (unsigned long long)v->life,
		(int)v->pid, text);
	link_close(v->link);
	vmm_doom(v, CAUSE_VMM_PROTOCOL, text);
	v->connect_until = 0;
	end_set(&in.end, CAUSE_VMM_PROTOCOL, "%s", text);
	(void)engine_post(v->fleet->engine, &in); /* early word of what IN_VMM_GONE tells for sure */
}

/* Most links break because the process dies: its pidfd tells within a moment. Else it may come back. */
void vmm_lost_link(struct vmm *v)
{
	link_close(v->link);
	close_fdp(&v->lock_fd);
	v->lock_fd = -1;
	if (!v->born || v->dead)
		return;
	v->connect_until = loop_monotonic() + v->fleet->connect_ns;
	fleet_wake_by(v->fleet, v->connect_until);
}

void vmm_connected(struct vmm *v)
{
	stop_waiting(v);
}

uint64_t vmms_house(struct fleet *f, uint64_t now)
{
	uint64_t next = LOOP_NEVER;
	struct vmm *v, *following;

	list_for_each_safe(v, following, &f->vmms, node) {
		struct input in = { .kind = IN_VMM_LOST, .life = v->life };

		uint64_t channels = channels_house(v, now), stale = stale_house(v, now);

		if (channels < next)
			next = channels;
		if (stale < next)
			next = stale;
		if (v->answer_until && v->answer_until <= now) {
			vmm_answered(v);
			continue;
		}
		if (v->answer_until && v->answer_until < next)
			next = v->answer_until;
		if (!v->connect_until || v->dead)
			continue;
		if (v->connect_until <= now && engine_post(f->engine, &in) == 0)
			stop_waiting(v);
		else if (v->connect_until < next)
			next = v->connect_until;
	}
	return next;
}

/* ---- adoption ---- */

/* 1: that very process lives and is watched; 0: it does not. The lock says somebody does: so this is worth a line. */
static int watch_recorded(struct vmm *v, const struct change_vmm *record)
{
	uint64_t start_time = 0;
	int r;

	v->pid = record->pid;
	v->start_time = record->start_time;
	r = vmm_watch(v);
	if (r == 0)
		r = process_start_time(v->pid, &start_time); /* after pidfd_open: it is of the process we hold */
	if (r == 0 && start_time == record->start_time)
		return 1;
	return r == 0 || r == -ESRCH || r == -EINVAL ? 0 : r;
}

static void gone_told_at_adoption(struct vmm *v)
{
	struct fleet *f = v->fleet;

	v->watch = loop_unwatch(v->watch); /* another process may have its pid now */
	forget_pid(v);
	if (judge(v))
		return;
	vmm_forget(v);
	v->gone.told = vmm_freed;
	v->gone.arg = v;
	list_append(&f->notices, &v->gone.node); /* from the loop: the engine is not started yet */
	loop_soon(f->loop, &f->notice_task);
}

int fleet_adopt(struct fleet *f, uint64_t life, const struct change_vmm *record, const char *name, bool huge)
{
	int locked = life_is_locked(f->places, life), r;
	struct vmm *v;

	if (locked < 0 && locked != -ENOTDIR && locked != -ELOOP)
		return locked;
	r = vmm_new(f, life, name, huge, &v);
	if (r < 0)
		return r;
	v->born = true;
	memcpy(v->invocation, record->invocation, sizeof(v->invocation));
	r = locked > 0 ? watch_recorded(v, record) : 0;
	if (r < 0) {
		vmm_free(v);
		return r;
	}
	if (r == 0) {
		if (locked > 0)
			log_warning("life %llu of %s: its lock is held, but not by its VMM", (unsigned long long)life,
				name);
		gone_told_at_adoption(v);
		return 0;
	}
	v->adopting = true;
	f->adopting++;
	return 0;
}
