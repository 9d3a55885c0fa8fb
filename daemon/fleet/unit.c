/* SPDX-License-Identifier: Apache-2.0 */

/*
 * VMMs as units of the service manager: lifecycled-vm@NAME.service is the VMM of NAME, whoever starts it. PID 1 is asked,
 * never waited for, and what was asked over a connection that broke is asked again over the next.
 */

#include "fleet/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"

#define UNIT_SIZE (VM_NAME_MAX + sizeof("lifecycled-vm@.service"))
#define PREFIX "lifecycled-vm@"
#define SUFFIX ".service"
#define START_AGAIN_NS 50000000ull

/* The characters of a VM's name are valid in an instance's: nothing needs to be escaped, and units say %i. */
static const char *unit_of(const char *vm, char unit[UNIT_SIZE])
{
	(void)snprintf(unit, UNIT_SIZE, PREFIX "%s" SUFFIX, vm);
	return unit;
}

/* ---- starting ---- */

static void start_failed(struct vmm *v, const char *why)
{
	char unit[UNIT_SIZE];

	vmm_failed(v, "systemd does not start %s: %s", unit_of(v->name, unit), why);
}

/* The number at the end of a job's path. */
static uint32_t job_number(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (uint32_t)strtoul(slash + 1, NULL, 10) : 0;
}

static int start_answered(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct vmm *v = arg;
	const char *error = manager1_error(reply), *path;

	v->call = sd_bus_slot_unref(v->call);
	if (manager1_is_gone(reply))
		return 0;
	if (!error && sd_bus_message_read(reply, "o", &path) < 0)
		error = "its answer cannot be read";
	if (error)
		start_failed(v, error);
	else
		v->job = job_number(path);
	return 0;
}

/* Its process is to be started, or it is there and waits. */
static void go_on(struct vmm *v)
{
	struct link *l = v->waits_at ? link_waiting(v->fleet, v->waits_at) : NULL;
	char unit[UNIT_SIZE];

	if (l)
		link_take_life(l, v);
	else if (v->waits_at)
		vmm_failed(v, "the VMM that waited for a life is gone");
	else if (manager1_start(v->fleet->bus, unit_of(v->name, unit), start_answered, v, &v->call) < 0)
		start_failed(v, "it cannot be asked");
}

static int limit_answered(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct vmm *v = arg;
	const char *error = manager1_error(reply);

	v->call = sd_bus_slot_unref(v->call);
	if (manager1_is_gone(reply))
		return 0;
	if (error)
		vmm_failed(v, "systemd does not take the VM's resources: %s", error);
	else
		go_on(v);
	return 0;
}

/* Limits first: both ways of starting get them before the life is given out. */
static void ask_to_start(struct vmm *v)
{
	const struct vm_resources *limits = &v->definition->resources;
	char unit[UNIT_SIZE];

	v->call = sd_bus_slot_unref(v->call); /* a bus that came back may be asked while the next try is due, and once is enough */
	v->start_again = 0;
	(void)unit_of(v->name, unit);
	if (!manager1_needs_limits(unit, limits))
		go_on(v);
	else if (manager1_limit(v->fleet->bus, unit, limits, limit_answered, v, &v->call) < 0)
		start_failed(v, "its resources cannot be set");
}

/* Of two that wait for a process of one name the older one's life is over: what comes is the younger one's. */
static void forget_older(struct vmm *v)
{
	struct vmm *other, *next;

	list_for_each_safe(other, next, &v->fleet->starting, starting)
		if (other != v && strcmp(other->name, v->name) == 0)
			vmm_free(other);
}

static int start(struct vmm *v, char text[TEXT_SIZE])
{
	forget_older(v);
	list_append(&v->fleet->starting, &v->starting);
	if (v->fleet->bus)
		ask_to_start(v);
	else
		log_warning("%s waits for the bus: without it systemd cannot be asked to start its VMM", v->name);
	return 0;
}

static void limit(struct vmm *v, struct link *l)
{
	v->waits_at = l->number;
	list_remove(&v->starting);
	list_append(&v->fleet->starting, &v->starting);
	v->call = sd_bus_slot_unref(v->call);
	if (v->fleet->bus)
		ask_to_start(v);
}

static struct vmm *starting_vmm(struct fleet *f, const char *name)
{
	struct vmm *v;

	list_for_each(v, &f->starting, starting)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/*
 * "done" is said when the guest entered: who still waits for a process then, waits for another. The process of the life
 * before was so close to its end that PID 1 took the start for what it was doing already.
 */
static void job_over(struct vmm *v, const char *result)
{
	char unit[UNIT_SIZE];

	if (strcmp(result, "done") != 0) {
		vmm_failed(v, "systemd's job is %s; see journalctl -u %s", result, unit_of(v->name, unit));
		return;
	}
	v->job = 0;
	v->start_again = loop_monotonic() + START_AGAIN_NS;
	fleet_wake_by(v->fleet, v->start_again);
}

uint64_t units_house(struct fleet *f, uint64_t now)
{
	uint64_t next = LOOP_NEVER;
	struct vmm *v, *following;

	list_for_each_safe(v, following, &f->starting, starting) {
		if (!v->start_again)
			continue;
		if (v->start_again > now) {
			next = v->start_again < next ? v->start_again : next;
			continue;
		}
		v->start_again = 0;
		if (f->bus)
			ask_to_start(v);
	}
	return next;
}

static int job_removed(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct fleet *f = arg;
	const char *result;
	uint32_t job;
	struct vmm *v, *next;

	if (sd_bus_message_read(m, "uoss", &job, NULL, NULL, &result) < 0)
		return 0;
	list_for_each_safe(v, next, &f->starting, starting)
		if (v->job == job)
			job_over(v, result);
	return 0;
}

/* Who said NEWBORN meanwhile and is not proven yet is not believed any more. */
static void cancel(struct vmm *v)
{
	struct link *l, *next;
	char unit[UNIT_SIZE];

	list_remove(&v->starting);
	if (v->fleet->bus)
		manager1_stop(v->fleet->bus, unit_of(v->name, unit));
	list_for_each_safe(l, next, &v->fleet->links, node)
		if (l->stage == LINK_PROVING && strcmp(l->name, v->name) == 0)
			link_refuse(l, "its start was cancelled");
	vmm_free(v);
}

static void signal_unit(struct vmm *v, int signo)
{
	char unit[UNIT_SIZE];

	if (v->fleet->bus)
		manager1_kill(v->fleet->bus, unit_of(v->name, unit), signo);
}

/* ---- proving ---- */

static const char *take_id(void *owner, sd_bus_message *value)
{
	struct link *l = owner;
	char unit[UNIT_SIZE];
	const char *id;

	if (sd_bus_message_read(value, "s", &id) < 0)
		return "systemd's answer cannot be read";
	if (strcmp(id, unit_of(l->name, unit)) == 0)
		return NULL;
	(void)snprintf(l->reason, sizeof(l->reason), "it runs in %.95s, not in its unit", id);
	return l->reason;
}

static const char *take_invocation(void *owner, sd_bus_message *value)
{
	struct link *l = owner;
	const void *id;
	size_t size;

	if (sd_bus_message_read_array(value, 'y', &id, &size) < 0 || size != sizeof(l->invocation))
		return "systemd does not know its invocation";
	memcpy(l->invocation, id, size);
	return NULL;
}

static const char *take_activity(void *owner, sd_bus_message *value)
{
	const char *state;

	if (sd_bus_message_read(value, "s", &state) < 0)
		return "systemd's answer cannot be read";
	return strcmp(state, "active") == 0 || strcmp(state, "activating") == 0 ? NULL : "its unit is being stopped";
}

static const char *take_main_pid(void *owner, sd_bus_message *value)
{
	const struct link *l = owner;
	uint32_t pid;

	if (sd_bus_message_read(value, "u", &pid) < 0)
		return "systemd's answer cannot be read";
	return pid == (uint32_t)l->pid ? NULL : "it is not the main process of its unit";
}

static const struct question whose[] = {
	{ MANAGER1_UNIT, "Id", take_id },
	{ MANAGER1_UNIT, "InvocationID", take_invocation },
	{ MANAGER1_UNIT, "ActiveState", take_activity },
	{ MANAGER1_SERVICE, "MainPID", take_main_pid },
	{ 0 },
};

/* The pid was that of one process from before the first question until now. */
static void proved(void *owner, const char *error)
{
	struct link *l = owner;
	struct vmm *v = starting_vmm(l->fleet, l->name);
	uint64_t start_time;

	if (!error && (process_start_time(l->pid, &start_time) < 0 || start_time != l->start_time))
		error = "it died meanwhile";
	if (error)
		link_refuse(l, error);
	else if (v)
		link_take_life(l, v);
	else
		link_wait(l);
}

static void ask_whose(struct link *l)
{
	inquiry_drop(&l->inquiry);
	l->inquiry = (struct inquiry){ .question = whose, .owner = l, .done = proved };
	if (inquiry_by_pid(&l->inquiry, l->fleet->bus, l->pid) < 0)
		link_refuse(l, "systemd cannot be asked");
}

static void prove(struct link *l)
{
	if (process_start_time(l->pid, &l->start_time) < 0)
		link_refuse(l, "it died meanwhile");
	else if (l->fleet->bus)
		ask_whose(l);
}

/* ---- how it died ---- */

static const char *take_result(void *owner, sd_bus_message *value)
{
	struct vmm *v = owner;
	const char *result;

	if (sd_bus_message_read(value, "s", &result) < 0)
		return "systemd's answer cannot be read";
	(void)snprintf(v->death.result, sizeof(v->death.result), "%s", result);
	return NULL;
}

static const char *take_number(int32_t *ret, sd_bus_message *value)
{
	return sd_bus_message_read(value, "i", ret) < 0 ? "systemd's answer cannot be read" : NULL;
}

static const char *take_code(void *owner, sd_bus_message *value)
{
	struct vmm *v = owner;

	return take_number(&v->death.code, value);
}

static const char *take_status(void *owner, sd_bus_message *value)
{
	struct vmm *v = owner;

	return take_number(&v->death.status, value);
}

static const struct question how[] = {
	{ MANAGER1_SERVICE, "Result", take_result },
	{ MANAGER1_SERVICE, "ExecMainCode", take_code },
	{ MANAGER1_SERVICE, "ExecMainStatus", take_status },
	{ 0 },
};

static bool ask_how(struct vmm *v);

/*
 * An error: the unit began anew, or was forgotten. Then nobody saw why. No exit code: PID 1 has not reaped it yet, and is
 * asked again.
 */
static void told(void *owner, const char *error)
{
	struct vmm *v = owner;

	if (!error && !v->death.code && ask_how(v))
		return;
	v->death.known = !error;
	vmm_answered(v);
}

static bool ask_how(struct vmm *v)
{
	inquiry_drop(&v->inquiry);
	v->inquiry = (struct inquiry){ .question = how, .owner = v, .done = told };
	return inquiry_by_invocation(&v->inquiry, v->fleet->bus, v->invocation) >= 0;
}

static bool ask(struct vmm *v)
{
	static const uint8_t none[sizeof(v->invocation)];

	if (memcmp(v->invocation, none, sizeof(none)) == 0)
		return false;
	return !v->fleet->bus || ask_how(v); /* without a bus: as soon as there is one */
}

const struct starter_ops unit_starter = {
	.start = start,
	.prove = prove,
	.limit = limit,
	.cancel = cancel,
	.signal = signal_unit,
	.ask = ask,
};

/* ---- the bus comes and goes ---- */

static void ask_again(struct fleet *f)
{
	struct vmm *v, *next_vmm;
	struct link *l, *next_link;

	list_for_each_safe(v, next_vmm, &f->starting, starting)
		ask_to_start(v);
	list_for_each_safe(l, next_link, &f->links, node)
		if (l->stage == LINK_PROVING)
			ask_whose(l);
	list_for_each_safe(v, next_vmm, &f->vmms, node)
		if (v->answer_until && !ask_how(v))
			vmm_answered(v);
}

void fleet_attach(struct fleet *f, sd_bus *bus)
{
	fleet_detach(f);
	if (f->starter != &unit_starter)
		return;
	f->bus = sd_bus_ref(bus);
	if (manager1_follow_jobs(bus, job_removed, f, &f->jobs_slot) < 0)
		log_error("systemd's jobs cannot be followed: a VMM that does not start is noticed by its build's deadline");
	ask_again(f);
}

void fleet_detach(struct fleet *f)
{
	struct vmm *v;
	struct link *l;

	list_for_each(v, &f->vmms, node) {
		v->call = sd_bus_slot_unref(v->call);
		v->job = 0;
		inquiry_drop(&v->inquiry);
	}
	list_for_each(l, &f->links, node)
		inquiry_drop(&l->inquiry);
	f->jobs_slot = sd_bus_slot_unref(f->jobs_slot);
	f->bus = sd_bus_unref(f->bus);
}
