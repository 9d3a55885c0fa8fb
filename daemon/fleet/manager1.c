/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/manager1.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define CALL(method) NAME, PATH, MANAGER, (method)

const char *manager1_error(sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	return error ? error->message ? error->message : error->name : NULL;
}

bool manager1_is_gone(sd_bus_message *reply)
{
	return sd_bus_message_is_method_error(reply, NULL) && sd_bus_is_open(sd_bus_message_get_bus(reply)) <= 0;
}

/* ---- inquiries ---- */

void inquiry_drop(struct inquiry *q)
{
	q->slot = sd_bus_slot_unref(q->slot);
	free(q->path);
	q->path = NULL;
}

static void inquiry_over(struct inquiry *q, const char *error)
{
	inquiry_drop(q);
	q->done(q->owner, error);
}

static int inquiry_answered(sd_bus_message *reply, void *arg, sd_bus_error *error);

static void inquiry_next(struct inquiry *q, sd_bus *bus)
{
	if (!q->question->interface) {
		inquiry_over(q, NULL);
		return;
	}
	if (sd_bus_call_method_async(bus, &q->slot, NAME, q->path, "org.freedesktop.DBus.Properties", "Get",
		    inquiry_answered, q, "ss", q->question->interface, q->question->property) < 0)
		inquiry_over(q, "systemd cannot be asked");
}

static const char *take_answer(struct inquiry *q, sd_bus_message *reply)
{
	const char *error = manager1_error(reply), *type;

	if (error)
		return error;
	if (sd_bus_message_peek_type(reply, NULL, &type) < 0 || sd_bus_message_enter_container(reply, 'v', type) < 0)
		return "systemd's answer cannot be read";
	return q->question->take(q->owner, reply);
}

static int inquiry_answered(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct inquiry *q = arg;
	const char *error;

	q->slot = sd_bus_slot_unref(q->slot);
	if (manager1_is_gone(reply))
		return 0;
	error = take_answer(q, reply);
	if (error) {
		inquiry_over(q, error);
		return 0;
	}
	q->question++;
	inquiry_next(q, sd_bus_message_get_bus(reply));
	return 0;
}

static int inquiry_found(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct inquiry *q = arg;
	const char *path, *error = manager1_error(reply);

	q->slot = sd_bus_slot_unref(q->slot);
	if (manager1_is_gone(reply))
		return 0;
	if (!error && sd_bus_message_read(reply, "o", &path) < 0)
		error = "systemd's answer cannot be read";
	if (!error && !(q->path = strdup(path)))
		error = "the daemon is out of memory";
	if (error)
		inquiry_over(q, error);
	else
		inquiry_next(q, sd_bus_message_get_bus(reply));
	return 0;
}

int inquiry_by_pid(struct inquiry *q, sd_bus *bus, pid_t pid)
{
	return sd_bus_call_method_async(bus, &q->slot, CALL("GetUnitByPID"), inquiry_found, q, "u", (uint32_t)pid);
}

int inquiry_by_invocation(struct inquiry *q, sd_bus *bus, const uint8_t invocation[16])
{
	sd_bus_message *call = NULL;
	int r = sd_bus_message_new_method_call(bus, &call, CALL("GetUnitByInvocationID"));

	if (r >= 0)
		r = sd_bus_message_append_array(call, 'y', invocation, 16);
	if (r >= 0)
		r = sd_bus_call_async(bus, &q->slot, call, inquiry_found, q, 0);
	sd_bus_message_unref(call);
	return r;
}

/* ---- methods ---- */

int manager1_start(sd_bus *bus, const char *unit, manager1_fn answered, void *arg, sd_bus_slot **ret)
{
	return sd_bus_call_method_async(bus, ret, CALL("StartUnit"), answered, arg, "ss", unit, "replace");
}

/* Whether it worked is seen by what becomes of the process. */
void manager1_stop(sd_bus *bus, const char *unit)
{
	(void)sd_bus_call_method_async(bus, NULL, CALL("StopUnit"), NULL, NULL, "ss", unit, "replace");
}

void manager1_kill(sd_bus *bus, const char *unit, int signo)
{
	(void)sd_bus_call_method_async(bus, NULL, CALL("KillUnit"), NULL, NULL, "ssi", unit, "all", signo);
}

int manager1_follow_jobs(sd_bus *bus, manager1_fn removed, void *arg, sd_bus_slot **ret)
{
	return sd_bus_match_signal_async(bus, ret, NAME, PATH, MANAGER, "JobRemoved", removed, NULL, arg);
}

/* ---- limits ---- */

#define RUNTIME_DROP_INS "/run/systemd/system.control/"

/* Numbers, by systemd.resource-control(5): the property, the file that keeps it, and 0 means that nothing was asked for. */
struct limit {
	const char *property, *file;
	uint64_t value;
};

enum { LIMITS = 5 };

static void limits_of(const struct vm_resources *r, struct limit limit[LIMITS])
{
	const struct limit all[LIMITS] = {
		{ "MemoryMax", "50-MemoryMax.conf", r->memory_max },
		{ "TasksMax", "50-TasksMax.conf", r->tasks_max },
		{ "CPUQuotaPerSecUSec", "50-CPUQuota.conf", r->cpu_quota * 10000ull },
		{ "CPUWeight", "50-CPUWeight.conf", r->cpu_weight },
		{ "IOWeight", "50-IOWeight.conf", r->io_weight },
	};

	memcpy(limit, all, sizeof(all));
}

/* A life before this one had it set: systemd keeps such a thing in a file. */
static bool was_set(const char *unit, const char *file)
{
	char path[256];

	return snprintf(path, sizeof(path), RUNTIME_DROP_INS "%s.d/%s", unit, file) < (int)sizeof(path) &&
		access(path, F_OK) == 0;
}

bool manager1_needs_limits(const char *unit, const struct vm_resources *r)
{
	struct limit limit[LIMITS];

	limits_of(r, limit);
	for (size_t i = 0; i < LIMITS; i++)
		if (limit[i].value || was_set(unit, limit[i].file))
			return true;
	return r->device_count || was_set(unit, "50-DeviceAllow.conf");
}

static int append_numbers(sd_bus_message *m, const char *unit, const struct vm_resources *r)
{
	struct limit limit[LIMITS];
	int e = 0;

	limits_of(r, limit);
	for (size_t i = 0; e >= 0 && i < LIMITS; i++)
		if (limit[i].value || was_set(unit, limit[i].file))
			e = sd_bus_message_append(m, "(sv)", limit[i].property, "t",
				limit[i].value ? limit[i].value : UINT64_MAX);
	return e;
}

/* An empty list first: it forgets what was there. */
static int append_devices(sd_bus_message *m, const char *unit, const struct vm_resources *r)
{
	int e;

	if (!r->device_count && !was_set(unit, "50-DeviceAllow.conf"))
		return 0;
	e = sd_bus_message_append(m, "(sv)(sv)", "DeviceAllow", "a(ss)", 0, "DeviceAllow", "a(ss)", 1, "/dev/kvm", "rw");
	for (unsigned i = 0; e >= 0 && i < r->device_count; i++)
		e = sd_bus_message_append(m, "(sv)", "DeviceAllow", "a(ss)", 1, r->device[i], "rw");
	return e;
}

int manager1_limit(sd_bus *bus, const char *unit, const struct vm_resources *limits, manager1_fn answered, void *arg,
	sd_bus_slot **ret)
{
	sd_bus_message *call = NULL;
	int r = sd_bus_message_new_method_call(bus, &call, CALL("SetUnitProperties"));

	if (r >= 0)
		r = sd_bus_message_append(call, "sb", unit, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(sv)");
	if (r >= 0)
		r = append_numbers(call, unit, limits);
	if (r >= 0)
		r = append_devices(call, unit, limits);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r >= 0)
		r = sd_bus_call_async(bus, ret, call, answered, arg, 0);
	sd_bus_message_unref(call);
	return r;
}
