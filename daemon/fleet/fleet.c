/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/message.h"

#define CONNECT_NS 2000000000ull
#define TELL_AGAIN_NS 100000000ull

/* ---- notices ---- */

/* Out of the list first: the engine may step at once, and what it asks may end here again. */
static bool tell(struct fleet *f, struct notice *n)
{
	list_remove(&n->node);
	if (engine_post(f->engine, &n->in) < 0) {
		list_append(f->notices.next, &n->node); /* in front */
		return false;
	}
	if (n->told)
		n->told(n->arg);
	return true;
}

/* In order: what cannot be told keeps what comes after it waiting. */
static void tell_all(struct fleet *f)
{
	while (!list_is_empty(&f->notices))
		if (!tell(f, container_of(f->notices.next, struct notice, node))) {
			fleet_wake_by(f, loop_monotonic() + TELL_AGAIN_NS);
			return;
		}
}

void fleet_tell(struct fleet *f, struct notice *n)
{
	list_append(&f->notices, &n->node);
	tell_all(f);
}

static void notices_due(void *arg)
{
	tell_all(arg);
}

/* ---- time ---- */

void fleet_wake_by(struct fleet *f, uint64_t at)
{
	if (at >= f->timer_at)
		return;
	f->timer_at = at;
	loop_timer_set(f->timer, at);
}

static void fleet_house(void *arg)
{
	struct fleet *f = arg;
	uint64_t now = loop_monotonic();

	f->timer_at = LOOP_NEVER;
	tell_all(f);
	fleet_wake_by(f, listener_house(f, now));
	fleet_wake_by(f, links_house(f, now));
	fleet_wake_by(f, vmms_house(f, now));
	fleet_wake_by(f, units_house(f, now));
	fleet_wake_by(f, jobs_house(f, now));
}

/* ---- ready ---- */

static void ready_due(void *arg)
{
	struct fleet *f = arg;

	if (f->ready)
		f->ready(f->ready_arg);
}

void fleet_check_ready(struct fleet *f)
{
	if (!f->listening || f->ready_told || f->adopting)
		return;
	f->ready_told = true;
	loop_soon(f->loop, &f->ready_task);
}

int fleet_listen(struct fleet *f, loop_call_fn *ready, void *arg)
{
	uint64_t until = loop_monotonic() + f->connect_ns;
	struct vmm *v;
	int r = loop_watch_change(f->listen_watch, LOOP_READ);

	if (r < 0)
		return r;
	f->ready = ready;
	f->ready_arg = arg;
	f->listening = true;
	list_for_each(v, &f->vmms, node) {
		if (v->adopting)
			v->connect_until = until;
	}
	if (f->adopting)
		fleet_wake_by(f, until);
	fleet_check_ready(f);
	return 0;
}

unsigned fleet_adopting(const struct fleet *f)
{
	return (unsigned)f->adopting;
}

/* ---- what the engine asks ---- */

static int make_files(struct vmm *v, const struct birth_place *place, char text[TEXT_SIZE])
{
	int r = life_make(v->fleet->places, place, text);

	if (r > 0)
		fleet_sweep(v->fleet);
	return r < 0 ? r : 0;
}

static int keep_definition(struct vmm *v, const struct vm_definition *d, char text[TEXT_SIZE])
{
	v->definition = malloc(sizeof(*v->definition));
	if (!v->definition) {
		(void)snprintf(text, TEXT_SIZE, "the daemon is out of memory");
		return -ENOMEM;
	}
	*v->definition = *d;
	v->vcpu_count = d->vcpu_count;
	return 0;
}

/* NULL: what prevents it was told. */
static struct vmm *vmm_prepare(struct fleet *f, const struct birth_place *place)
{
	struct input failed = { .kind = IN_VMM_FAILED, .life = place->life };
	bool files_later = f->starter->at_once && !place->connection;
	char text[TEXT_SIZE] = "";
	struct vmm *v;

	if (vmm_new(f, place->life, place->definition->name, place->huge, &v) < 0) {
		end_set(&failed.end, CAUSE_START_FAILED, "the daemon is out of memory");
		(void)engine_post(f->engine, &failed); /* if not even this: the build's deadline ends it */
		return NULL;
	}
	v->endpoint = place->endpoint;
	if (keep_definition(v, place->definition, text) == 0 && (files_later || make_files(v, place, text) == 0))
		return v;
	vmm_failed(v, "%s", text);
	return NULL;
}

/*
 * A process that is there at once has to find its legs first, and asks for its files through us: they are made meanwhile.
 */
static void start_one(struct vmm *v, const struct birth_place *place)
{
	char text[TEXT_SIZE] = "";

	if (v->fleet->starter->start(v, text) < 0) {
		vmm_failed(v, "%s", text);
		return;
	}
	if (v->dead) /* it failed at once, and that was told */
		return;
	if (v->fleet->starter->at_once && make_files(v, place, text) < 0) {
		log_message(MESSAGE_VMM_FAILED, OF_LIFE(v->name, v->life), "%s (life %llu): %s", v->name,
			(unsigned long long)v->life, text);
		vmm_doom(v, CAUSE_START_FAILED, text);
	}
	v->started.in = (struct input){ .kind = IN_VMM_STARTED, .life = v->life };
	fleet_tell(v->fleet, &v->started);
}

static void op_start(void *fleet, struct committed proof, const struct birth_place *place)
{
	struct fleet *f = fleet;
	struct link *l = place->connection ? link_waiting(f, place->connection) : NULL;
	struct vmm *v = vmm_get(f, place->life);

	if (v && !place->connection)
		log_error("life %llu has a VMM already", (unsigned long long)place->life);
	if (v && (!l || v->has_pid)) /* it gets the process that it was started for */
		return;
	if (!v)
		v = vmm_prepare(f, place);
	if (!v)
		return;
	if (!place->connection)
		start_one(v, place);
	else if (l)
		f->starter->limit(v, l);
	else
		vmm_failed(v, "the VMM that waited for a life is gone");
}

static int send_birth(struct vmm *v, struct committed proof)
{
	struct vmm_birth frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_BIRTH, v->life, proof.seq },
		.speaks = speaks_now(),
		.incarnation = v->fleet->incarnation,
		.ffa_id = v->endpoint,
		.definition = *v->definition,
	};
	int fd[VMM_FD_COUNT] = { -1, -1, -1, -1 };
	int r = life_open(v->fleet->places, v->life, v->huge, fd);

	fd[VMM_FD_LIFE_LOCK] = v->lock_fd;
	if (r == 0)
		r = link_send(v->link, &frame, sizeof(frame), fd, VMM_FD_COUNT);
	v->lock_fd = -1;
	for (int i = 0; i < VMM_FD_COUNT; i++)
		close_fdp(&fd[i]);
	return r;
}

/* A connection that broke since needs no word: the VMM exits without a birth, and its death is told. */
static void op_birth(void *fleet, struct committed proof, uint64_t life, uint64_t connection)
{
	struct vmm *v = vmm_get(fleet, life);
	char text[TEXT_SIZE];
	int r;

	if (!v || !v->link || v->link->number != connection || v->link->stage != LINK_NEWBORN)
		return;
	r = send_birth(v, proof);
	if (r < 0) {
		(void)snprintf(text, sizeof(text), "the life could not be handed to the VMM: %s", strerror(-r));
		log_message(MESSAGE_VMM_FAILED, OF_LIFE(v->name, life), "%s (life %llu): %s", v->name,
			(unsigned long long)life, text);
		link_close(v->link);
		vmm_doom(v, CAUSE_START_FAILED, text);
		return;
	}
	free(v->definition);
	v->definition = NULL;
	v->born = true;
	v->command = proof.seq;
	v->link->stage = LINK_LIVE;
}

static void op_welcome(void *fleet, struct committed proof, uint64_t life)
{
	struct fleet *f = fleet;
	struct vmm *v = vmm_get(f, life);
	struct vmm_welcome frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_WELCOME, life, proof.seq },
		.speaks = speaks_now(),
		.incarnation = f->incarnation,
	};

	if (v && v->link && link_send(v->link, &frame, sizeof(frame), NULL, 0) < 0)
		vmm_lost_link(v);
}

static void op_refuse(void *fleet, struct committed proof, uint64_t connection, const char *reason)
{
	struct fleet *f = fleet;
	struct link *l;

	list_for_each(l, &f->links, node) {
		if (l->number == connection) {
			struct vmm *v = l->vmm;

			link_refuse(l, reason);
			if (v)
				vmm_lost_link(v);
			return;
		}
	}
}

static void send_command(struct vmm *v, struct committed proof, enum vmm_frame_kind kind)
{
	struct vmm_frame_header frame = { VMM_LINK_MAGIC, VMM_LINK_VERSION, (uint16_t)kind, v->life, proof.seq };

	if (!v->link)
		return; /* it is told when it comes back; the engine's ladder knows what comes before */
	if (v->link->stage == LINK_STALE) {
		stale_command(v, kind);
		return;
	}
	if (proof.seq > v->command)
		v->command = proof.seq;
	if (kind == VMM_ENTER)
		v->may_enter = true;
	if (kind == VMM_STOP)
		v->may_be_deaf = true;
	if (kind == VMM_PAUSE)
		v->may_have_paused = true;
	if (kind == VMM_RESUME)
		v->may_have_resumed = true;
	if (kind == VMM_PAUSE || kind == VMM_RESUME) {
		v->pause = kind == VMM_PAUSE ? proof.seq : 0;
		v->resume = kind == VMM_RESUME ? proof.seq : 0;
	}
	if (link_send(v->link, &frame, sizeof(frame), NULL, 0) < 0)
		vmm_lost_link(v);
}

static void op_command(void *fleet, struct committed proof, uint64_t life, enum vmm_command command)
{
	static const enum vmm_frame_kind kinds[] = {
		[COMMAND_ENTER] = VMM_ENTER,
		[COMMAND_STOP] = VMM_STOP,
		[COMMAND_PAUSE] = VMM_PAUSE,
		[COMMAND_RESUME] = VMM_RESUME,
		[COMMAND_QUIESCE] = VMM_QUIESCE,
		[COMMAND_EXIT] = VMM_EXIT,
	};
	struct vmm *v = vmm_get(fleet, life);

	if (!v)
		return;
	v->dismissed = v->dismissed || command == COMMAND_EXIT || command == COMMAND_KILL;
	/* An unborn one has no guest and nothing to say. */
	if (command == COMMAND_KILL || !v->born)
		vmm_kill(v);
	else
		send_command(v, proof, kinds[command]);
}

static void op_answer(void *fleet, struct committed proof, uint64_t life, const struct guest_call *answer)
{
	struct vmm *v = vmm_get(fleet, life);

	if (v)
		channel_answer(v, answer);
}

/* One that is away tells all it has when it comes back, and is told what it missed. */
static void op_notify(void *fleet, struct committed proof, uint64_t life, const struct guest_notice *notice)
{
	struct vmm *v = vmm_get(fleet, life);
	struct vmm_notify frame = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_NOTIFY, life, v ? v->command : 0 },
		.what = notice->what,
		.per_vcpu = notice->per_vcpu,
		.vcpu = notice->vcpu,
		.bitmap = notice->bitmap,
		.sender = notice->sender,
	};

	if (v && v->link && link_send(v->link, &frame, sizeof(frame), NULL, 0) < 0)
		vmm_lost_link(v);
}

static void op_message(void *fleet, struct committed proof, uint64_t life, uint64_t number, const uint8_t *bytes,
	uint32_t size)
{
	struct vmm *v = vmm_get(fleet, life);

	if (v)
		message_tell(v, number, bytes, size);
}

const struct fleet_ops fleet_ops = {
	.start = op_start,
	.birth = op_birth,
	.welcome = op_welcome,
	.refuse = op_refuse,
	.command = op_command,
	.answer = op_answer,
	.notify = op_notify,
	.message = op_message,
	.reclaim = fleet_reclaim,
};

/* ---- consoles that nobody can ask for any more ---- */

static void publish(void *fleet, const struct published *what)
{
	struct fleet *f = fleet;

	for (size_t i = 0; i < what->count; i++)
		if (what->event[i].kind == EVENT_VM_GONE)
			console_forget(f->places, what->event[i].name);
}

const struct publish_ops fleet_publish_ops = { publish };

void fleet_sweep_consoles(struct fleet *f, keep_fn *keep, const void *arg)
{
	consoles_sweep(f->places, keep, arg);
}

/* ---- the fleet itself ---- */

void fleet_set_engine(struct fleet *f, struct engine *e)
{
	f->engine = e;
}

struct fleet *fleet_free(struct fleet *f)
{
	if (!f)
		return NULL;
	fleet_detach(f);
	while (!list_is_empty(&f->links))
		link_close(container_of(f->links.next, struct link, node));
	while (!list_is_empty(&f->vmms))
		vmm_free(container_of(f->vmms.next, struct vmm, node));
	jobs_leave(f);
	loop_task_cancel(&f->ready_task);
	loop_task_cancel(&f->notice_task);
	loop_unwatch(f->listen_watch);
	close_fdp(&f->listener);
	loop_timer_free(f->timer);
	map_free(&f->lives);
	map_free(&f->pids);
	places_unref(f->places);
	free(f->socket_path);
	free(f->vmm_path);
	free(f->bytes);
	free(f);
	return NULL;
}

static int fleet_build(struct fleet *f, const struct fleet_config *config)
{
	int r = places_open(config, &f->places);

	if (r < 0)
		return r;
	f->vmm_path = strdup(config->vmm_path);
	f->bytes = malloc(VMM_BYTES_MAX);
	if (!f->vmm_path || !f->bytes || asprintf(&f->socket_path, "%s/vmm.sock", config->runtime_dir) < 0) {
		f->socket_path = NULL;
		return -ENOMEM;
	}
	r = loop_timer_new(f->loop, fleet_house, f, &f->timer);
	return r < 0 ? r : listener_open(f);
}

int fleet_new(const struct fleet_config *config, struct fleet **ret)
{
	struct fleet *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	*f = (struct fleet){ .loop = config->loop, .listener = -1, .timer_at = LOOP_NEVER };
	f->incarnation = config->incarnation;
	f->connect_ns = config->connect_ns ? config->connect_ns : CONNECT_NS;
	list_init(&f->vmms);
	list_init(&f->links);
	list_init(&f->untold);
	list_init(&f->notices);
	list_init(&f->jobs);
	list_init(&f->starting);
	f->starter = config->units ? &unit_starter : &spawn_starter;
	f->vmm_group = config->vmm_group;
	f->vmm_user = config->vmm_identity && *config->vmm_identity ? config->vmm_user : (uid_t)-1;
	f->vmm_identity = config->vmm_identity;
	loop_task_init(&f->ready_task, ready_due, f);
	loop_task_init(&f->notice_task, notices_due, f);
	r = fleet_build(f, config);
	if (r < 0) {
		fleet_free(f);
		return r;
	}
	fleet_sweep(f);
	*ret = f;
	return 0;
}
