/* SPDX-License-Identifier: Apache-2.0 */

/* status as JSON: the same page, for programs. */

#include <string.h>

#include "leases.h"
#include "list.h"
#include "peers.h"
#include "status.h"

struct json_object *calls_to_json(const struct lifecycle_vm_details *d)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < d->call_count; i++) {
		struct json_object *o = json_object_new_object();

		json_add_number(o, "vcpu", d->call[i]->vcpu);
		json_add_number(o, "callee", d->call[i]->callee);
		json_add_string(o, "name", d->call[i]->name);
		json_add_number(o, "since_monotonic_us", d->call[i]->since / 1000);
		(void)json_object_array_add(array, o);
	}
	return array;
}

struct json_object *waits_to_json(const struct lifecycle_waits_on *w)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "on", lifecycle_wait_name(w->on));
	json_add_number(o, "sp", w->sp);
	json_add_string(o, "vm", w->on == LIFECYCLE_WAIT_DISK ? "" : w->name);
	json_add_string(o, "log_directory", w->on == LIFECYCLE_WAIT_DISK ? w->name : "");
	json_add_number(o, "since_monotonic_us", w->since / 1000);
	json_add_number(o, "until_monotonic_us", w->until / 1000);
	json_add_number(o, "tries", w->tries);
	return o;
}

static struct json_object *peers_to_json(const struct lifecycle_vm_details *d)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < d->peer_count; i++) {
		struct json_object *o = json_object_new_object();

		json_add_number(o, "sp", d->peer[i]->sp);
		json_add_string(o, "debt", lifecycle_debt_name(d->peer[i]->debt));
		json_add_string(o, "how", lifecycle_how_name(d->peer[i]->how));
		json_add_number(o, "tries", d->peer[i]->tries);
		json_add_bool(o, "stuck", d->peer[i]->stuck);
		(void)json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *devices_to_json(const struct lifecycle_vm_details *d)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < d->device_count; i++) {
		struct json_object *o = json_object_new_object();

		json_add_string(o, "type", d->device[i]->type);
		json_add_string(o, "state", d->device[i]->state);
		json_add_string(o, "condition", d->device[i]->condition);
		json_add_string(o, "text", d->device[i]->text);
		(void)json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *pending_to_json(const struct lifecycle_vm_details *d)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < d->pending_count; i++) {
		struct json_object *o = json_object_new_object();

		json_add_string(o, "key", d->pending[i]->key);
		json_add_string(o, "before", d->pending[i]->before);
		json_add_string(o, "after", d->pending[i]->after);
		(void)json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *leases_to_json(const struct lifecycle_lease_list *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; list && i < lifecycle_lease_list_count(list); i++)
		(void)json_object_array_add(array, lease_to_json(lifecycle_lease_list_at(list, i)));
	return array;
}

static struct json_object *end_to_json(const struct lifecycle_vm_details *d)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "cause", lifecycle_cause_name(d->end_cause));
	json_add_number(o, "life", d->end_life);
	json_add_number(o, "realtime_us", d->end_realtime / 1000);
	json_add_text(o, "text", d->end_text, strlen(d->end_text));
	return o;
}

static struct json_object *journal_to_json(const struct journal *j)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < j->count; i++) {
		struct json_object *o = json_object_new_object();

		json_add_number(o, "realtime_us", j->line[i].realtime / 1000);
		json_add_text(o, "who", j->line[i].who, strlen(j->line[i].who));
		json_add_text(o, "text", j->line[i].text, j->line[i].size);
		(void)json_object_array_add(array, o);
	}
	return array;
}

static void add_usage(struct json_object *o, const struct usage *u)
{
	if (u->has_cpu)
		json_add_number(o, "cpu_time_us", u->cpu_us);
	if (u->has_memory)
		json_add_number(o, "cgroup_memory_bytes", u->memory);
	if (u->has_peak)
		json_add_number(o, "cgroup_memory_peak_bytes", u->peak);
}

struct json_object *page_to_json(const struct page *p)
{
	const struct lifecycle_vm_details *d = p->d;
	struct json_object *o = vm_to_json(d->vm), *vcpus = json_object_new_array(), *old = json_object_new_array();
	struct json_object *since = json_object_new_array();

	json_add_number(o, "operation_since_monotonic_us", d->operation_since / 1000);
	json_add_number(o, "next_start_monotonic_us", d->next_start / 1000);
	json_add_string(o, "operation_outcome", lifecycle_outcome_name(d->outcome));
	(void)json_object_object_add(o, "waits", waits_to_json(&d->waits));
	json_add_number(o, "vcpu_count", d->vcpu_count);
	for (size_t i = 0; i < d->vcpu_states; i++)
		(void)json_object_array_add(vcpus, json_object_new_string(lifecycle_vcpu_state_name(d->vcpu[i])));
	for (size_t i = 0; i < d->vcpu_states; i++)
		(void)json_object_array_add(since, json_object_new_int64((int64_t)(d->vcpu_since[i] / 1000)));
	(void)json_object_object_add(o, "vcpus", vcpus);
	(void)json_object_object_add(o, "vcpus_since_monotonic_us", since);
	(void)json_object_object_add(o, "vcpu_calls", calls_to_json(d));
	(void)json_object_object_add(o, "devices", devices_to_json(d));
	json_add_number(o, "memory_bytes", d->memory_bytes);
	json_add_number(o, "vmm_pid", d->vmm_pid);
	add_usage(o, &p->usage);
	json_add_string(o, "sandbox_lacks", d->sandbox_lacks ? d->sandbox_lacks : "-");
	(void)json_object_object_add(o, "pending_changes", pending_to_json(d));
	json_add_bool(o, "from_file", d->from_file);
	json_add_bool(o, "bound", d->bound);
	json_add_number(o, "restarts", d->restarts);
	json_add_number(o, "refused_transitions", d->refused);
	(void)json_object_object_add(o, "secure_peers", peers_to_json(d));
	for (size_t i = 0; i < d->old_peer_count; i++)
		(void)json_object_array_add(old, peer_to_json(d->old_peer[i]));
	(void)json_object_object_add(o, "old_peers", old);
	(void)json_object_object_add(o, "leases", leases_to_json(p->leases));
	(void)json_object_object_add(o, "last_end", end_to_json(d));
	if (p->console)
		json_add_text(o, "console", p->console, p->console_size);
	(void)json_object_object_add(o, "journal", journal_to_json(&p->journal));
	return o;
}
