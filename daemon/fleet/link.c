/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One link for each connection of a VMM. A peer is believed by its pid alone (SO_PEERCRED): a
 * newborn must be what the starter knows of it, one that comes back must be the process that the log names.
 */

#include "fleet/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/message.h"

#define FRAMES_PER_TURN 16
#define FIRST_FRAME_NS 5000000000ull
#define BEHIND_NS 10000000ull

/* ---- sending ---- */

int link_send(struct link *l, const void *frame, size_t size, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * VMM_FD_COUNT)];
	} control = { 0 };
	struct iovec data = { .iov_base = (void *)frame, .iov_len = size };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (l->fd < 0)
		return -ENOTCONN;
	if (l->stage == LINK_STALE)
		return 0;
	if (count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		*CMSG_FIRSTHDR(&message) = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int) * count),
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, sizeof(int) * count);
	}
	return sendmsg(l->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

void link_close(struct link *l)
{
	if (!l || l->fd < 0)
		return;
	if (l->stage == LINK_WAITING && list_is_empty(&l->untold))
		link_post_unborn(l, IN_VMM_LEFT);
	list_remove(&l->untold);
	l->watch = loop_unwatch(l->watch);
	inquiry_drop(&l->inquiry);
	close_fdp(&l->fd);
	l->fd = -1;
	if (l->stage == LINK_FRESH)
		l->fleet->fresh_count--;
	if (l->vmm && l->vmm->link == l) {
		channels_close(l->vmm);
		l->vmm->messages = 0;
		l->vmm->link = NULL;
	}
	l->vmm = NULL;
	list_remove(&l->node);
	loop_bury(l->fleet->loop, &l->corpse);
}

void link_refuse_life(struct link *l, uint64_t life, const char *reason)
{
	struct vmm_refused frame = { .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_REFUSED, life, 0 } };
	struct log_fields f = { .length = 0 };

	log_field(&f, "VMM_PID", "%d", (int)l->pid);
	log_message(MESSAGE_VMM_REFUSED, &f, "VMM with pid %d refused: %s", (int)l->pid, reason);
	(void)snprintf(frame.reason, sizeof(frame.reason), "%s", reason);
	(void)link_send(l, &frame, sizeof(frame), NULL, 0);
	link_close(l);
}

void link_refuse(struct link *l, const char *reason)
{
	link_refuse_life(l, 0, reason);
}

/* ---- first frames ---- */

void link_breach(struct link *l, const char *rule)
{
	struct vmm *v = l->vmm ? l->vmm : vmm_by_pid(l->fleet, l->pid);

	if (v)
		vmm_breach(v, rule);
	else
		log_warning("process %d broke the rules of the VMM link: %s", (int)l->pid, rule);
	link_close(l); /* a fresh one is not v's yet */
}

void link_enter(struct link *l, enum link_stage stage)
{
	if (l->stage == LINK_FRESH)
		l->fleet->fresh_count--;
	l->stage = stage;
}

void link_adopted(struct link *l, struct vmm *v, enum link_stage stage)
{
	link_enter(l, stage);
	l->vmm = v;
	link_close(v->link); /* the peer opened a newer one: what the older still holds is in BACK */
	v->link = l;
}

static const char *why_not(const struct link *l, const struct vmm *v)
{
	if (!v || v->doomed)
		return "this life is not known here, or over";
	if (v->pid != l->pid)
		return "this life has another VMM";
	return v->born ? NULL : "this life was not born yet";
}

/* Who is refused ends its guest: so a daemon that is short of something for a moment only hangs up, and it comes back. */
int link_may_have(struct link *l, uint64_t life)
{
	const char *refusal = why_not(l, vmm_get(l->fleet, life));
	int locked = refusal ? 0 : life_is_locked(l->fleet->places, life);

	if (locked > 0)
		return 0;
	if (locked == 0) {
		link_refuse_life(l, life, refusal ? refusal : "the lock of this life is not held");
		return -EPERM;
	}
	log_warning("life %llu: whether its lock is held cannot be seen now: %s; its VMM has to connect again",
		(unsigned long long)life, strerror(-locked));
	link_close(l);
	return locked;
}

static void take_back(struct link *l, const struct vmm_back *frame)
{
	struct vmm *v = vmm_get(l->fleet, frame->header.life);
	struct input in = { .kind = IN_VMM_BACK, .life = frame->header.life, .back = *frame };

	if (link_may_have(l, frame->header.life) < 0)
		return;
	in.back.speaks.features = l->features;
	if (v->vcpu_count && frame->vcpu_count != v->vcpu_count) {
		link_breach(l, "BACK with another vCPU count");
		return;
	}
	link_adopted(l, v, LINK_LIVE);
	v->vcpu_count = frame->vcpu_count;
	v->phase = frame->phase;
	v->calls = 0; /* those that wait are told again */
	v->may_enter = v->may_be_deaf = true;
	v->may_have_paused = v->may_have_resumed = frame->flags & VMM_BACK_PAUSED; /* at an earlier daemon's word */
	v->pause = v->resume = 0;
	if (frame->header.command > v->command)
		v->command = frame->header.command;
	if (frame->phase == VMM_PHASE_ENDED) {
		v->end = frame->end;
		v->judged = true;
	}
	vmm_connected(v);
	if (engine_post(l->fleet->engine, &in) < 0)
		vmm_lost_link(v); /* it comes back again */
}

/* ---- frames of a VMM with a life ---- */

static const char *built(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase != VMM_PHASE_BUILDING)
		return "BUILT twice";
	v->phase = VMM_PHASE_BUILT;
	in->kind = IN_VMM_BUILT;
	return NULL;
}

static const char *entered(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase != VMM_PHASE_BUILT || !v->may_enter)
		return "ENTERED without being told to";
	v->phase = VMM_PHASE_ENTERED;
	in->kind = IN_VMM_ENTERED;
	return NULL;
}

static const char *vcpu(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (frame->vcpu.index >= v->vcpu_count)
		return "VCPU of a vCPU that it does not have";
	in->kind = IN_VMM_VCPU;
	in->vcpu.index = frame->vcpu.index;
	in->vcpu.state = frame->vcpu.state;
	in->vcpu.since = frame->vcpu.since;
	return NULL;
}

static const char *quiesced(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase != VMM_PHASE_ENDED)
		v->phase = VMM_PHASE_QUIESCED;
	channels_close(v);
	in->kind = IN_VMM_QUIESCED;
	return NULL;
}

static const char *stopping(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	in->kind = IN_VMM_STOPPING;
	return v->phase == VMM_PHASE_ENTERED ? NULL : "STOPPING while no guest runs";
}

static const char *deaf(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase != VMM_PHASE_ENTERED || !v->may_be_deaf)
		return "DEAF without being told to stop";
	v->may_be_deaf = false;
	in->kind = IN_VMM_DEAF;
	return NULL;
}

static const char *want_channel(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	return channel_wanted(v, frame->channel.vcpu);
}

static const char *call(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	return "CALL outside of a channel";
}

static const char *notifications(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	in->kind = IN_VMM_NOTIFICATIONS;
	in->notifications = frame->notifications.is;
	return v->phase == VMM_PHASE_ENTERED ? NULL : "NOTIFICATIONS while no guest runs";
}

static const char *put(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->messages == 0)
		return "PUT of no MESSAGE";
	v->messages--;
	in->kind = IN_GUEST_PUT;
	in->put.number = frame->put.number;
	in->put.status = frame->put.status;
	return NULL;
}

static const char *device(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	in->kind = IN_VMM_DEVICE;
	in->device.index = frame->device.index;
	in->device.is = frame->device.is;
	return NULL;
}

static const char *sandbox(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	in->kind = IN_VMM_SANDBOX;
	in->sandbox_lacks = frame->sandbox.lacks;
	return NULL;
}

/* One that answers an earlier PAUSE than the last, or that a RESUME has overtaken, is old news, and no input. */
static const char *paused(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase != VMM_PHASE_ENTERED || !v->may_have_paused)
		return "PAUSED or NOT_PAUSED without being told to";
	if (v->pause && frame->header.command >= v->pause)
		*in = (struct input){ .kind = frame->header.kind == VMM_PAUSED ? IN_VMM_PAUSED : IN_VMM_NOT_PAUSED,
			.life = v->life, .command = frame->header.command };
	return NULL;
}

/* Likewise, after a PAUSE or another RESUME. */
static const char *not_resumed(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase != VMM_PHASE_ENTERED || !v->may_have_resumed)
		return "NOT_RESUMED without being told to go on";
	if (v->resume && frame->header.command >= v->resume)
		*in = (struct input){ .kind = IN_VMM_NOT_RESUMED, .life = v->life, .command = frame->header.command };
	return NULL;
}

static const char *ended(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	if (v->phase == VMM_PHASE_ENDED)
		return "ENDED twice";
	v->phase = VMM_PHASE_ENDED;
	channels_close(v);
	v->end = frame->ended.end;
	v->judged = true;
	in->kind = IN_VMM_ENDED;
	in->end = v->end;
	return NULL;
}

static const char *no_more_first(struct vmm *v, const union vmm_frame *frame, struct input *in)
{
	return "a first frame that is not the first";
}

static const char *(*const live[])(struct vmm *v, const union vmm_frame *frame, struct input *in) = {
	[VMM_NEWBORN] = no_more_first, [VMM_BACK] = no_more_first, [VMM_BUILT] = built,  [VMM_ENTERED] = entered,
	[VMM_VCPU] = vcpu,             [VMM_QUIESCED] = quiesced,  [VMM_ENDED] = ended,  [VMM_STOPPING] = stopping,
	[VMM_DEAF] = deaf,             [VMM_CALL] = call,           [VMM_DEVICE] = device,
	[VMM_SANDBOX] = sandbox,
	[VMM_NOTIFICATIONS] = notifications,
	[VMM_PAUSED] = paused,            [VMM_NOT_PAUSED] = paused, [VMM_NOT_RESUMED] = not_resumed,
	[VMM_WANT_CHANNEL] = want_channel, [VMM_PUT] = put,
};

static void take_live(struct link *l, const union vmm_frame *frame)
{
	struct vmm *v = l->vmm;
	struct input in = { .kind = IN_TICK, .life = v->life };
	const char *rule = NULL;

	if (frame->header.life != v->life)
		rule = "a frame for another life";
	else if (frame->header.command > v->command)
		rule = "a frame that claims a command nobody sent";
	else
		rule = live[frame->header.kind](v, frame, &in);
	if (rule)
		link_breach(l, rule);
	else if (engine_post(l->fleet->engine, &in) < 0)
		vmm_lost_link(v); /* nothing of it is lost: BACK tells all */
}

static void take_frame(struct link *l, union vmm_frame *frame, size_t size)
{
	const char *rule;

	if (l->stage == LINK_STALE || (l->stage == LINK_FRESH && link_is_foreign(l, frame, size)))
		return;
	frame_complete(frame, size);
	rule = frame_breach(frame, size);
	if (!rule && frame->header.version != l->version)
		rule = "a frame of another version than the first";
	if (rule)
		link_breach(l, rule);
	else if (l->stage == LINK_LIVE)
		take_live(l, frame);
	else if (l->stage != LINK_FRESH)
		link_breach(l, "a frame between NEWBORN and BIRTH");
	else if (frame->header.kind == VMM_NEWBORN)
		link_newborn(l, &frame->newborn);
	else if (frame->header.kind == VMM_BACK)
		take_back(l, &frame->back);
	else
		link_breach(l, "a first frame that is neither NEWBORN nor BACK");
}

/* ---- reading ---- */

static void hung_up(struct link *l)
{
	struct vmm *v = l->vmm;

	link_close(l);
	if (v)
		vmm_lost_link(v);
}

/* One frame, if there is one. recv takes no fds: what a peer attaches is dropped by the kernel. */
static bool read_one(struct link *l)
{
	union vmm_frame frame;
	ssize_t n = recv(l->fd, &frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		hung_up(l);
	else
		take_frame(l, &frame, (size_t)n);
	return l->fd >= 0;
}

/* What it says waits in its socket then. A VMM that floods fills that, and not our memory, for as long as a disk takes. */
static bool put_off(struct link *l)
{
	if (l->stage != LINK_LIVE || !engine_is_behind(l->fleet->engine))
		return false;
	(void)loop_watch_change(l->watch, 0);
	l->again = loop_monotonic() + BEHIND_NS;
	fleet_wake_by(l->fleet, l->again);
	return true;
}

static void link_ready(void *arg, int fd, unsigned events)
{
	struct link *l = arg;

	for (int i = 0; i < FRAMES_PER_TURN; i++)
		if (put_off(l) || !read_one(l))
			return;
}

/* Its process is dead: what the socket holds is all there will ever be. */
void link_drain(struct link *l)
{
	while (read_one(l))
		;
}

static uint64_t listen_again(struct link *l, uint64_t now)
{
	if (l->again && l->again <= now)
		l->again = loop_watch_change(l->watch, LOOP_READ) < 0 ? now + BEHIND_NS : 0;
	return l->again ? l->again : LOOP_NEVER;
}

uint64_t links_house(struct fleet *f, uint64_t now)
{
	uint64_t next = LOOP_NEVER;
	struct link *l, *following;

	list_for_each_safe(l, following, &f->links, node) {
		uint64_t again = listen_again(l, now);

		if (again < next)
			next = again;
		if (l->stage != LINK_FRESH)
			continue;
		if (l->until <= now)
			link_refuse(l, "no first frame in time");
		else if (l->until < next)
			next = l->until;
	}
	return next;
}

int link_new(struct fleet *f, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct link *l;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct link){ .fleet = f, .fd = fd, .pid = peer.pid, .number = ++f->last_link };
	list_init(&l->untold);
	l->until = loop_monotonic() + FIRST_FRAME_NS;
	r = loop_watch(f->loop, fd, LOOP_READ, link_ready, l, &l->watch);
	if (r < 0) {
		free(l);
		return r;
	}
	list_append(&f->links, &l->node);
	f->fresh_count++;
	fleet_wake_by(f, l->until);
	return 0;
}
