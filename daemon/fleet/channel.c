/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Channels: a socket for the FF-A calls of one vCPU, so that nobody but its thread and the daemon is woken by them. The VMM
 * asks for one when the guest calls first. They go with the link over which they were given; what they hold unread is told
 * again on the next one, or is of a guest that is over.
 */

#include "fleet/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"

#define AGAIN_NS 100000000ull

struct channel {
	struct loop_corpse corpse;
	struct vmm *vmm;
	struct loop_watch *watch;
	uint16_t vcpu;
	int fd;
};

static uint64_t bit(uint16_t vcpu)
{
	return 1ull << vcpu;
}

/* Its fd is free again; that it was given stays. */
static void channel_close(struct channel *c)
{
	struct vmm *v = c->vmm;

	v->channels.of[c->vcpu] = NULL;
	c->watch = loop_unwatch(c->watch);
	close_fdp(&c->fd);
	loop_bury(v->fleet->loop, &c->corpse);
}

void channels_close(struct vmm *v)
{
	for (uint32_t i = 0; v->channels.of && i < v->vcpu_count; i++)
		if (v->channels.of[i])
			channel_close(v->channels.of[i]);
	v->channels.given = v->channels.wanted = 0;
}

void channels_free(struct vmm *v)
{
	channels_close(v);
	free(v->channels.of);
	v->channels.of = NULL;
}

/* ---- calls ---- */

static const char *call_rule(const struct channel *c, const union vmm_frame *frame, size_t size)
{
	const struct vmm *v = c->vmm;
	const char *rule;

	if (size >= sizeof(frame->header) && frame->header.kind != VMM_CALL) /* of a longer one not all was read */
		return "a frame on a channel that is no CALL";
	rule = frame_breach(frame, size);
	if (rule)
		return rule;
	if (v->link && frame->header.version != v->link->version)
		return "CALL of another version than its link's";
	if (frame->header.life != v->life || frame->call.vcpu != c->vcpu)
		return "CALL of another life or vCPU than its channel's";
	if (frame->header.command)
		return "CALL with a command";
	return v->calls & bit(c->vcpu) ? "CALL of a vCPU whose last one is not answered" : NULL;
}

/* False: there is no memory. */
static bool take_bytes(struct channel *c, uint32_t size, struct guest_call *call)
{
	if (size == 0)
		return true;
	call->bytes = malloc(size);
	if (!call->bytes)
		return false;
	memcpy(call->bytes, c->vmm->fleet->bytes, size);
	call->size = size;
	return true;
}

static void take_call(struct channel *c, union vmm_frame *frame, size_t size)
{
	struct vmm *v = c->vmm;
	const char *rule;
	struct input in = { .kind = IN_GUEST_CALL, .life = v->life };

	frame_complete(frame, size);
	rule = call_rule(c, frame, size);
	if (rule) {
		vmm_breach(v, rule);
		return;
	}
	v->calls |= bit(c->vcpu);
	in.call = (struct guest_call){ .vcpu = c->vcpu, .flags = frame->call.flags, .version = frame->call.version };
	memcpy(in.call.x, frame->call.x, sizeof(in.call.x));
	if (!take_bytes(c, frame->call.bytes, &in.call) || engine_post(v->fleet->engine, &in) < 0) {
		free(in.call.bytes);
		vmm_lost_link(v); /* nothing of it is lost: it is told again after BACK */
	}
}

/* One frame a turn: a guest that calls without end gets no more of the daemon than any other. */
static void channel_ready(void *arg, int fd, unsigned events)
{
	struct channel *c = arg;
	union vmm_frame frame;
	struct iovec part[] = { { &frame, sizeof(frame.call) }, { c->vmm->fleet->bytes, VMM_BYTES_MAX } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		channel_close(c); /* the guest is over, or the link breaks as well */
	else
		take_call(c, &frame, (size_t)n);
}

void channel_answer(struct vmm *v, const struct guest_call *answer)
{
	struct channel *c = v->channels.of && answer->vcpu < v->vcpu_count ? v->channels.of[answer->vcpu] : NULL;
	struct vmm_answer frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_ANSWER, v->life, 0 },
		.vcpu = answer->vcpu,
		.bytes = answer->size,
	};
	struct iovec part[] = { { &frame, sizeof(frame) }, { answer->bytes, answer->size } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = answer->size ? 2 : 1 };

	if (!c || !(v->calls & bit(answer->vcpu)))
		return; /* it tells its calls again when it comes back */
	v->calls &= ~bit(answer->vcpu);
	memcpy(frame.x, answer->x, sizeof(frame.x));
	if (sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EPIPE)
		vmm_lost_link(v);
}

/* ---- messages: into a buffer of a guest that does something else meanwhile, so over the link ---- */

static void refuse(struct vmm *v, uint64_t number, enum ffa_status status)
{
	struct input in = { .kind = IN_GUEST_PUT, .life = v->life, .put = { number, status } };

	if (engine_post(v->fleet->engine, &in) < 0)
		vmm_lost_link(v); /* then the model knows that it will not be heard of */
}

/* A VMM that does not read is busy. One that is not connected comes back, or is reported lost: then the sender hears. */
void message_tell(struct vmm *v, uint64_t number, const uint8_t *bytes, uint32_t size)
{
	struct vmm_message frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_MESSAGE, v->life, v->command },
		.number = number,
		.bytes = size,
	};
	struct iovec part[] = { { &frame, sizeof(frame) }, { (void *)(uintptr_t)bytes, size } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	if (!v->link || v->link->stage == LINK_STALE)
		return;
	if (!(v->link->features & VMM_FEATURE_MESSAGES))
		refuse(v, number, FFA_DENIED);
	else if (v->phase != VMM_PHASE_ENTERED)
		refuse(v, number, FFA_BUSY); /* NOLINT(bugprone-branch-clone): what is asked first is answered first */
	else if (sendmsg(v->link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		v->messages++;
	else if (errno == EAGAIN)
		refuse(v, number, FFA_BUSY);
	else
		vmm_lost_link(v);
}

/* ---- giving ---- */

static int channel_new(struct vmm *v, uint16_t vcpu, int pair[2], struct channel **ret)
{
	struct channel *c;
	int r;

	if (!v->channels.of)
		v->channels.of = calloc(v->vcpu_count, sizeof(struct channel *));
	c = v->channels.of ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return -ENOMEM;
	*c = (struct channel){ .vmm = v, .vcpu = vcpu, .fd = pair[0] };
	r = loop_watch(v->fleet->loop, pair[0], LOOP_READ, channel_ready, c, &c->watch);
	if (r < 0) {
		free(c);
		return r;
	}
	(void)take_fd(&pair[0]);
	v->channels.of[vcpu] = c;
	*ret = c;
	return 0;
}

/* Negative: there is none to be had now, or the link is gone. */
static int give(struct vmm *v, uint16_t vcpu)
{
	struct vmm_channel frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_CHANNEL, v->life, v->command },
		.vcpu = vcpu,
	};
	int pair[2] = { -1, -1 };
	struct channel *c;
	int r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;

	if (r == 0)
		r = channel_new(v, vcpu, pair, &c);
	if (r == 0) {
		v->channels.wanted &= ~bit(vcpu);
		if (link_send(v->link, &frame, sizeof(frame), &pair[1], 1) < 0)
			vmm_lost_link(v);
	}
	close_fdp(&pair[0]);
	close_fdp(&pair[1]);
	return r;
}

/* What cannot be had now is tried again: until then that vCPU waits, and no other. */
static uint64_t give_wanted(struct vmm *v, uint64_t now)
{
	int r = 0;

	for (uint16_t i = 0; v->channels.wanted && i < v->vcpu_count && r == 0; i++)
		if (v->channels.wanted & bit(i))
			r = give(v, i);
	if (r == 0)
		return v->channels.again = 0;
	if (!v->channels.again)
		log_warning("guest calls of %s (life %llu) wait for a channel: %s", v->name, (unsigned long long)v->life,
			strerror(-r));
	return v->channels.again = now + AGAIN_NS;
}

const char *channel_wanted(struct vmm *v, uint16_t vcpu)
{
	uint64_t again;

	if (vcpu >= v->vcpu_count || v->phase != VMM_PHASE_ENTERED)
		return "WANT_CHANNEL of a vCPU that does not run";
	if (v->channels.given & bit(vcpu))
		return "WANT_CHANNEL of a vCPU that asked before";
	v->channels.given |= bit(vcpu);
	v->channels.wanted |= bit(vcpu);
	again = give_wanted(v, loop_monotonic());
	if (again)
		fleet_wake_by(v->fleet, again);
	return NULL;
}

uint64_t channels_house(struct vmm *v, uint64_t now)
{
	if (!v->channels.wanted)
		return LOOP_NEVER;
	if (v->channels.again > now)
		return v->channels.again;
	now = give_wanted(v, now);
	return now ? now : LOOP_NEVER;
}
