/* SPDX-License-Identifier: Apache-2.0 */

/* The room: what it holds, its connection to the bus, and its two doors from the engine. */

#include "bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bus/internal.h"

#define CALLS_MAX           4096
#define STREAMS_MAX         1024
#define STREAMS_MAX_PER_UID 32
#define WAITS_MAX           1024
#define WAITS_MAX_PER_UID   128
#define WAITS_MAX_PER_CLIENT 128
#define CHECK_MS            5000
#define CHECK_INTERACTIVE_MS 120000

static void bus_freep(struct bus **b)
{
	(void)bus_free(*b);
}

/* Where the next slot goes. */
sd_bus_slot **bus_slot(struct bus *b)
{
	assert(b->slot_count < BUS_SLOTS_MAX);
	return &b->slot[b->slot_count++];
}

static void take_config(struct bus *b, const struct bus_config *config)
{
	b->config = *config;
	if (!b->config.calls_max)
		b->config.calls_max = CALLS_MAX;
	if (!b->config.streams_max)
		b->config.streams_max = STREAMS_MAX;
	if (!b->config.streams_max_per_uid)
		b->config.streams_max_per_uid = STREAMS_MAX_PER_UID;
	if (!b->config.waits_max)
		b->config.waits_max = WAITS_MAX;
	if (!b->config.waits_max_per_uid)
		b->config.waits_max_per_uid = WAITS_MAX_PER_UID;
	if (!b->config.waits_max_per_client)
		b->config.waits_max_per_client = WAITS_MAX_PER_CLIENT;
	if (!b->config.check_ms)
		b->config.check_ms = CHECK_MS;
	if (!b->config.check_interactive_ms)
		b->config.check_interactive_ms = CHECK_INTERACTIVE_MS;
}

int bus_new(sd_bus *sd, const struct bus_config *config, struct bus **ret)
{
	_cleanup_(bus_freep) struct bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->started = loop_realtime();
	list_init(&b->posted);
	list_init(&b->caller_order);
	list_init(&b->streams);
	list_init(&b->streams_of_all);
	list_init(&b->bound_ends);
	list_init(&b->lease_ends);
	list_init(&b->touched);
	list_init(&b->waits);
	list_init(&b->waits_touched);
	take_config(b, config);
	r = map_reserve(&b->calls, b->config.calls_max);
	if (r >= 0)
		r = map_reserve(&b->callers, CALLERS_MAX);
	if (r >= 0)
		r = bus_signals_seed(b);
	if (r >= 0 && sd)
		r = bus_attach(b, sd);
	if (r < 0)
		return r;
	*ret = take_ptr(&b);
	return 0;
}

struct bus *bus_free(struct bus *b)
{
	if (!b)
		return NULL;
	bus_detach(b);
	bus_streams_drop(b);
	bus_bound_drop(b);
	bus_leases_drop(b);
	bus_signals_drop(b);
	map_free(&b->calls);
	map_free(&b->callers);
	map_free(&b->streams_by_name);
	map_free(&b->lease_ends_by_token);
	map_free(&b->waits_by_name);
	free(b);
	return NULL;
}

int bus_attach(struct bus *b, sd_bus *sd)
{
	int r;

	bus_detach(b);
	b->sd = sd_bus_ref(sd);
	r = bus_manager_add(b);
	if (r >= 0)
		r = bus_vm_add(b);
	if (r >= 0)
		r = bus_partition_add(b);
	if (r >= 0)
		r = bus_log_control_add(b);
	if (r >= 0)
		return 0;
	bus_detach(b);
	return r;
}

void bus_detach(struct bus *b)
{
	bus_calls_drop(b);
	bus_waits_drop(b);
	bus_callers_drop(b);
	b->name_slot = sd_bus_slot_unref(b->name_slot);
	while (b->slot_count > 0) {
		b->slot_count--;
		b->slot[b->slot_count] = sd_bus_slot_unref(b->slot[b->slot_count]);
	}
	b->sd = sd_bus_unref(b->sd);
	b->emit_failed = false;
}

static int name_answered(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct bus *b = arg;
	uint32_t code = 0;
	int r = 0;

	b->name_slot = sd_bus_slot_unref(b->name_slot);
	if (sd_bus_message_is_method_error(reply, NULL))
		r = -sd_bus_message_get_errno(reply);
	else if (sd_bus_message_read(reply, "u", &code) < 0)
		r = -EBADMSG;
	else if (code != 1 && code != 4) /* primary owner, already owner: D-Bus specification, RequestName */
		r = -EEXIST;
	if (b->config.named)
		b->config.named(b->config.named_arg, r);
	return 0;
}

int bus_request_name(struct bus *b)
{
	int r;

	if (!b->sd)
		return -ENOTCONN;
	b->name_slot = sd_bus_slot_unref(b->name_slot);
	r = sd_bus_request_name_async(b->sd, &b->name_slot, BUS_NAME, 0, name_answered, b);
	return r < 0 ? r : 0;
}

/* Streams first: a turn's events wake their readers before anything is put on the bus. */
static void publish(void *who, const struct published *what)
{
	struct bus *b = who;

	bus_streams_pump(b);
	bus_bound_turn(b);
	bus_signals_turn(b, what);
	bus_waits_turn(b, what);
}

static void answer(void *who, struct committed proof, const struct answer *a)
{
	assert(a->seq <= proof.seq);
	bus_calls_answer(who, a);
}

const struct publish_ops bus_publish_ops = { .publish = publish };
const struct answer_ops bus_answer_ops = { .answer = answer };
