/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"
#include "vmm/sandbox/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

/* The conversation with the daemon, as proto/vmm-link.h tells it. */

#define NS_PER_MS       1000000ull
#define RETRY_FIRST     (50 * NS_PER_MS)
#define RETRY_LAST      (1000 * NS_PER_MS)
#define FRAMES_PER_TURN 32

static struct vmm_frame_header header(const struct vmm *v, enum vmm_frame_kind kind)
{
	return (struct vmm_frame_header) {
		.magic = VMM_LINK_MAGIC,
		.version = VMM_LINK_VERSION,
		.kind = (uint16_t)kind,
		.life = v->life,
		.command = v->command_done,
	};
}

static struct vmm_speaks speaks(void)
{
	return (struct vmm_speaks) { .features = VMM_LINK_FEATURES, .oldest = VMM_LINK_OLDEST };
}

static void retry_later(struct vmm *v, uint64_t now)
{
	if (v->retry_delay < RETRY_FIRST)
		v->retry_delay = RETRY_FIRST;
	v->retry_at = now + v->retry_delay;
	v->retry_delay = v->retry_delay * 2 < RETRY_LAST ? v->retry_delay * 2 : RETRY_LAST;
}

static void close_link(struct vmm *v)
{
	close_fdp(&v->link);
	v->link = -1;
	v->stage = LINK_DOWN;
	v->daemon_version = 0;
	v->daemon_features = 0;
	v->link_full = false;
	ask_cut(&v->machine);
}

/* Without a life there is nothing to keep; with one, the guest runs on and the daemon comes back. */
static void hang_up(struct vmm *v, uint64_t now, const char *why)
{
	close_link(v);
	if (!v->life) {
		log_error("no birth: %s", why);
		vmm_leave(1);
	}
	log_warning("the link is closed, the guest stays: %s", why);
	retry_later(v, now);
}

static int send_newborn(struct vmm *v)
{
	struct vmm_newborn newborn = { .header = header(v, VMM_NEWBORN), .speaks = speaks() };

	snprintf(newborn.name, sizeof(newborn.name), "%s", v->name);
	return link_send(v->link, &newborn, sizeof(newborn));
}

/* Everything there is to know; what was owed to an earlier daemon is in it. */
static int send_back(struct vmm *v)
{
	struct vmm_back back = {
		.header = header(v, VMM_BACK),
		.speaks = speaks(),
		.phase = v->phase,
		.vcpu_count = v->machine.definition.vcpu_count,
		.flags = (atomic_load(&v->machine.pressed) ? VMM_BACK_STOPPING : 0) |
			(atomic_load(&v->machine.gate) == GATE_PAUSED ? VMM_BACK_PAUSED : 0),
	};

	for (unsigned i = 0; i < back.vcpu_count; i++) {
		back.vcpu[i] = v->told[i] = atomic_load(&v->machine.vcpu[i].state);
		back.vcpu_since[i] = atomic_load(&v->machine.vcpu[i].since);
	}
	if (v->phase == VMM_PHASE_ENDED)
		back.end = v->machine.end;
	v->owed = sandbox_lacks() && v->phase != VMM_PHASE_BUILDING ? OWED_SANDBOX : 0;
	v->to_be_resumed = false; /* the daemon sees that it stands, and says RESUME again if it means it */
	memset(v->told_device, 0, sizeof(v->told_device));
	return link_send(v->link, &back, sizeof(back));
}

void session_connect(struct vmm *v, uint64_t now)
{
	int fd = link_connect(v->address), r;

	v->retry_at = 0;
	if (fd < 0) {
		if (!v->life && now >= v->give_up_at) {
			log_error("no daemon at %s: %s", v->address->sun_path, strerror(-fd));
			vmm_leave(1);
		}
		retry_later(v, now);
		return;
	}
	v->link = fd;
	v->stage = v->life ? LINK_BACK : LINK_NEWBORN;
	r = v->life ? send_back(v) : send_newborn(v);
	if (r == 0)
		return;
	if (v->life || now >= v->give_up_at) {
		hang_up(v, now, strerror(-r));
		return;
	}
	/* A busy host may keep it from its first word for longer than the daemon waits: nobody heard it, so it is said again. */
	close_link(v);
	retry_later(v, now);
}

/* One frame out; false if the daemon did not take it, or is gone. */
static bool tell(struct vmm *v, uint64_t now, const void *frame, size_t size)
{
	int r = link_send(v->link, frame, size);

	if (r == -EAGAIN)
		v->link_full = true;
	else if (r < 0)
		hang_up(v, now, strerror(-r));
	return r == 0;
}

static bool may_tell(const struct vmm *v, uint32_t what)
{
	return v->stage == LINK_UP && !v->link_full && (v->owed & what);
}

static void tell_owed(struct vmm *v, uint64_t now, uint32_t what, enum vmm_frame_kind kind)
{
	struct vmm_frame_header frame = header(v, kind);

	if (may_tell(v, what) && tell(v, now, &frame, sizeof(frame)))
		v->owed &= ~what;
}

static void tell_sandbox(struct vmm *v, uint64_t now)
{
	struct vmm_sandbox frame = { .header = header(v, VMM_SANDBOX), .lacks = sandbox_lacks() };

	if ((v->daemon_features & VMM_FEATURE_SANDBOX) && may_tell(v, OWED_SANDBOX) && tell(v, now, &frame, sizeof(frame)))
		v->owed &= ~(uint32_t)OWED_SANDBOX;
}

static void tell_ended(struct vmm *v, uint64_t now)
{
	struct vmm_ended frame;

	/* Nobody may look at the end before all are out. */
	if (!may_tell(v, OWED_ENDED))
		return;
	frame = (struct vmm_ended) { .header = header(v, VMM_ENDED), .end = v->machine.end };
	if (tell(v, now, &frame, sizeof(frame)))
		v->owed &= ~(uint32_t)OWED_ENDED;
}

/* The state of now, not each one on the way: a vCPU that changed twice is told once. False: it could not be told. */
static bool tell_vcpu(struct vmm *v, uint64_t now, unsigned i)
{
	struct vmm_vcpu frame = { .header = header(v, VMM_VCPU), .index = i };

	frame.state = atomic_load(&v->machine.vcpu[i].state);
	frame.since = atomic_load(&v->machine.vcpu[i].since);
	if (frame.state == v->told[i])
		return true;
	if (v->stage != LINK_UP || v->link_full || !tell(v, now, &frame, sizeof(frame)))
		return false;
	v->told[i] = (uint8_t)frame.state;
	return true;
}

static void tell_vcpus(struct vmm *v, uint64_t now)
{
	for (unsigned i = 0; i < v->machine.definition.vcpu_count; i++)
		if (!tell_vcpu(v, now, i))
			return;
}

/* Before any call: what is pending is then known to whoever takes the calls. */
static void tell_notifications(struct vmm *v, uint64_t now)
{
	struct vmm_notifications frame = { .header = header(v, VMM_NOTIFICATIONS), .is = v->machine.notifications.is };

	if (!v->owes_notifications || v->phase != VMM_PHASE_ENTERED || v->stage != LINK_UP || v->link_full)
		return;
	if (tell(v, now, &frame, sizeof(frame)))
		v->owes_notifications = false;
}

/* After ENTERED, for before it no vCPU calls. */
static void tell_wants(struct vmm *v, uint64_t now)
{
	for (unsigned i = 0; i < v->machine.vcpu_count && !v->owes_notifications; i++) {
		struct vmm_channel frame = { .header = header(v, VMM_WANT_CHANNEL), .vcpu = (uint16_t)i };

		if (!ask_wants(&v->machine.vcpu[i]))
			continue;
		if (v->stage != LINK_UP || v->link_full || (v->owed & OWED_ENTERED) || !tell(v, now, &frame, sizeof(frame)))
			return;
		ask_asked(&v->machine.vcpu[i]);
	}
}

static void tell_devices(struct vmm *v, uint64_t now)
{
	for (unsigned i = 0; i < v->assigned.count && (v->daemon_features & VMM_FEATURE_DEVICES); i++) {
		struct vmm_device frame = { .header = header(v, VMM_DEVICE), .index = i };

		frame.is = assigned_state(&v->assigned, i);
		if (frame.is.type == ASSIGNED_CCW_FAKE && !(v->daemon_features & VMM_FEATURE_SUBCHANNELS))
			continue; /* to such a daemon it would be nonsense */
		if (memcmp(&frame.is, &v->told_device[i], sizeof(frame.is)) == 0)
			continue;
		if (v->stage != LINK_UP || v->link_full || !tell(v, now, &frame, sizeof(frame)))
			return;
		v->told_device[i] = frame.is;
	}
}

void session_tell(struct vmm *v, uint64_t now)
{
	const char *wrong = v->stage == LINK_UP ? ask_wrong(&v->machine) : NULL;

	if (wrong)
		hang_up(v, now, wrong);
	if (v->stage != LINK_UP)
		return;
	/* Before ENTERED: nobody sees a VM that runs, and vCPUs that do not yet. */
	if (v->phase != VMM_PHASE_BUILDING)
		tell_vcpus(v, now);
	tell_owed(v, now, OWED_ENTERED, VMM_ENTERED);
	tell_devices(v, now);
	tell_sandbox(v, now);
	tell_owed(v, now, OWED_BUILT, VMM_BUILT);
	tell_owed(v, now, OWED_STOPPING, VMM_STOPPING);
	tell_owed(v, now, OWED_DEAF, VMM_DEAF);
	tell_owed(v, now, OWED_PAUSED, VMM_PAUSED);
	tell_owed(v, now, OWED_NOT_PAUSED, VMM_NOT_PAUSED);
	tell_owed(v, now, OWED_NOT_RESUMED, VMM_NOT_RESUMED);
	tell_notifications(v, now);
	if (v->phase == VMM_PHASE_ENTERED)
		tell_wants(v, now);
	tell_ended(v, now);
	/* Behind ENDED, which says more, when a QUIESCE crossed it. */
	tell_owed(v, now, OWED_QUIESCED, VMM_QUIESCED);
}

static void read_birth(struct vmm *v, struct received *r)
{
	int error = vmm_birth(v, r);

	if (error < 0) {
		log_error("the birth cannot be taken: %s", strerror(-error));
		vmm_leave(1);
	}
	v->stage = LINK_UP;
	v->retry_delay = 0;
}

/* A daemon that reads nothing while it sends is left: then it knows that this was not heard. */
static const char *put_message(struct vmm *v, const union daemon_frame *frame)
{
	struct vmm_put put = { .header = header(v, VMM_PUT), .number = frame->message.frame.number, .status = FFA_ABORTED };

	if (v->phase == VMM_PHASE_ENTERED)
		put.status = ffa_endpoint_put(&v->machine.ffa, frame->message.bytes, frame->message.frame.bytes);
	return link_send(v->link, &put, sizeof(put)) < 0 ? "PUT is not read" : NULL;
}

static void meet(struct vmm *v, const struct vmm_first *first)
{
	v->daemon_version = first->header.version;
	v->daemon_features = first->speaks.features;
}

/* A frame that passed its check. Returns what is wrong with it after all, or NULL. */
static const char *obey(struct vmm *v, struct received *r)
{
	uint64_t command = r->frame.header.command;

	switch (r->frame.header.kind) {
	case VMM_BIRTH:
		meet(v, &r->frame.first);
		read_birth(v, r);
		return NULL;
	case VMM_REFUSED:
		log_error("refused by the daemon: %s", r->frame.refused.reason);
		vmm_leave(1);
	case VMM_WELCOME:
		meet(v, &r->frame.first);
		v->incarnation = r->frame.welcome.incarnation;
		v->stage = LINK_UP;
		v->retry_delay = 0;
		v->owes_notifications = v->machine.ffa.receives && (v->daemon_features & VMM_FEATURE_NOTIFICATIONS);
		return NULL;
	case VMM_MESSAGE:
		return put_message(v, &r->frame);
	case VMM_CHANNEL:
		return ask_channel(&v->machine, &r->frame.channel, &r->fd[0]);
	case VMM_NOTIFY:
		return ffa_notifications_take(&v->machine.notifications, &r->frame.notify, v->machine.vcpu_count);
	case VMM_EXIT:
		vmm_leave(0);
	case VMM_ENTER:
		if (v->phase == VMM_PHASE_BUILDING || v->phase == VMM_PHASE_QUIESCED)
			return "an ENTER out of order";
		vmm_enter(v, command);
		break;
	case VMM_STOP:
		if (v->phase != VMM_PHASE_ENTERED && v->phase != VMM_PHASE_ENDED)
			return "a STOP out of order";
		vmm_stop(v, command);
		break;
	case VMM_PAUSE:
	case VMM_RESUME:
		if (v->phase != VMM_PHASE_ENTERED && v->phase != VMM_PHASE_ENDED)
			return "a PAUSE or RESUME out of order";
		if (r->frame.header.kind == VMM_PAUSE)
			vmm_pause(v, command);
		else
			vmm_resume(v, command);
		break;
	case VMM_QUIESCE:
		vmm_quiesce(v, command);
		break;
	}
	v->command_received = command;
	return NULL;
}

void session_read(struct vmm *v, uint64_t now)
{
	static struct received r; /* 64 KiB, with a MESSAGE: more than a stack should hold */
	const char *wrong = NULL;

	for (unsigned i = 0; i < FRAMES_PER_TURN && v->link >= 0 && !wrong; i++) {
		struct frame_expected expected = {
			.stage = v->stage,
			.version = v->daemon_version,
			.name = v->name,
			.life = v->life,
			.incarnation = v->incarnation,
			.command = v->command_received,
		};
		int n = link_receive(v->link, &r);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			hang_up(v, now, n ? strerror(-n) : "it closed the link");
			return;
		}
		frame_complete(&r.frame, r.length);
		wrong = frame_check(&r.frame, r.length, r.fd_count, r.cut, &expected);
		if (!wrong)
			wrong = obey(v, &r);
		received_close(&r);
	}
	if (wrong)
		hang_up(v, now, wrong);
}
