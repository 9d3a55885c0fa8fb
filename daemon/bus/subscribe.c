/* SPDX-License-Identifier: Apache-2.0 */

/* Manager.Subscribe: a snapshot and the stream of what comes after it, captured in one turn. */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bus/internal.h"

#define TELL_AGAIN_NS 60000000000ull

static void messagep(sd_bus_message **m)
{
	(void)sd_bus_message_unref(*m);
}

/* Can the stream begin right after what this reader knows? */
static bool can_replay(const struct call *c, const char *epoch)
{
	struct engine *e = c->bus->config.engine;
	bool gap = false;

	if (strcasecmp(c->last_epoch, epoch) != 0 || c->last_seq > rows_seq(engine_rows(e)))
		return false;
	(void)ring_after(engine_ring(e), c->last_seq, &gap);
	return !gap;
}

static int append_more(sd_bus_message *reply, const struct call *c, bool replayed)
{
	int r;

	r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r < 0)
		return r;
	r = sd_bus_message_append(reply, "{sv}", "Replayed", "b", (int)replayed);
	if (r >= 0 && replayed) /* of what is replayed this is the last: a reader knows by it when it has all of that */
		r = sd_bus_message_append(reply, "{sv}", "ReplayedTo", "t",
			ring_last_of(engine_ring(c->bus->config.engine), c->filter, c->last_seq));
	if (r >= 0 && !replayed && !c->filter[0]) {
		r = sd_bus_message_open_container(reply, 'e', "sv");
		if (r >= 0)
			r = sd_bus_message_append(reply, "s", "Partitions");
		if (r >= 0)
			r = sd_bus_message_open_container(reply, 'v', "a" PARTITION_ROW_TYPE);
		if (r >= 0)
			r = bus_append_sps(reply, bus_rows(c->bus));
		if (r >= 0)
			r = sd_bus_message_close_container(reply);
		if (r >= 0)
			r = sd_bus_message_close_container(reply);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_snapshot(sd_bus_message *reply, const struct call *c, bool replayed)
{
	if (replayed)
		return sd_bus_message_append(reply, "a" VM_ROW_TYPE, 0);
	return bus_append_vms(reply, bus_rows(c->bus), c->filter[0] ? c->filter : NULL, true);
}

static int subscribe_reply(const struct call *c, const char *epoch, bool replayed, uint64_t cursor, int fd)
{
	_cleanup_(messagep) sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(c->message, &reply);
	if (r < 0)
		return r;
	r = append_snapshot(reply, c, replayed);
	if (r < 0)
		return r;
	r = sd_bus_message_append(reply, "sth", epoch, cursor, fd);
	if (r < 0)
		return r;
	r = append_more(reply, c, replayed);
	if (r < 0)
		return r;
	return sd_bus_send(NULL, reply, NULL);
}

/* Who asks in a circle does not fill the journal. */
static void tell_refusal(struct bus *b, uid_t uid)
{
	uint64_t now = loop_monotonic();

	if (b->stream_refusal_told && now - b->stream_refusal_told < TELL_AGAIN_NS)
		return;
	b->stream_refusal_told = now;
	log_warning("uid %u is given no event stream any more: %u are open, of %u; those of one uid are at most %u", uid, b->stream_count,
		b->config.streams_max, b->config.streams_max_per_uid);
}

static void subscribe_run(struct call *c)
{
	struct bus *b = c->bus;
	_cleanup_(close_fdp) int fd = -1;
	char epoch[UUID_TEXT_SIZE];
	uint64_t cursor;
	bool replayed;
	int r;

	bus_uuid_text(b->config.epoch, epoch);
	replayed = can_replay(c, epoch);
	cursor = replayed ? c->last_seq : rows_seq(bus_rows(b));
	r = bus_stream_new(
		b, bus_caller_uid(c->caller), bus_caller_is_trusted(c->caller), c->filter, cursor, &fd);
	if (r == -EDQUOT) {
		tell_refusal(b, bus_caller_uid(c->caller));
		bus_call_refuse(c, REFUSED_LIMIT, "too many event streams are open; close one of yours");
		return;
	}
	if (r >= 0)
		r = subscribe_reply(c, epoch, replayed, cursor, fd);
	if (r < 0)
		bus_call_refuse(c, bus_refusal_of(r), "no event stream can be given: %s", strerror(-r));
	else
		(void)bus_call_free(c);
}

int bus_subscribe_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r;

	r = bus_call_new(b, m, &c, error);
	if (r < 0)
		return r;
	r = sd_bus_message_read(m, "sst", &c->filter, &c->last_epoch, &c->last_seq);
	if (r < 0)
		return r;
	r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (c->filter[0] && !bus_vm_name_is_valid(c->filter))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"filter '%.64s' is no VM name; \"\" is for all VMs", c->filter);
	c->run = subscribe_run;
	return bus_call_submit(take_ptr(&c), error);
}
