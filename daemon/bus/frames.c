/* SPDX-License-Identifier: Apache-2.0 */

/* What went to the SPs, the last frames of each and what is counted of them; and how they are listed. */

#include <string.h>

#include "bus/internal.h"

struct frame_list {
	sd_bus_message *reply;
	uint64_t after;
	int r;
};

static int append_frame(sd_bus_message *reply, const struct secure_frame *f)
{
	int r = sd_bus_message_open_container(reply, 'r', "ttbtqtssat");

	if (r >= 0)
		r = sd_bus_message_append(reply, "ttbtqtss", f->number, f->at / 1000, (int)!f->sent, f->took / 1000,
			f->endpoint, f->life, f->name, bus_word(WORDS_VERDICT, f->verdict));
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 't', f->x, sizeof(f->x));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void take_frame(void *arg, const struct secure_frame *f)
{
	struct frame_list *l = arg;

	if (l->r >= 0 && f->number > l->after)
		l->r = append_frame(l->reply, f);
}

int bus_append_frames(sd_bus_message *reply, const struct bus *b, uint16_t sp, uint64_t after)
{
	struct frame_list l = { .reply = reply, .after = after };

	l.r = sd_bus_message_open_container(reply, 'a', FRAME_ROW_TYPE);
	if (l.r >= 0 && b->config.frames)
		b->config.frames->each(b->config.frames_arg, sp, take_frame, &l);
	return l.r < 0 ? l.r : sd_bus_message_close_container(reply);
}

/* ---- properties of a partition ---- */

#define GETTER(name)                                                                                         \
	int name(sd_bus *sd, const char *path, const char *interface, const char *property,                  \
		sd_bus_message *reply, void *field, sd_bus_error *error)

static const struct frame_counts *counts_of(sd_bus *sd, const uint16_t *sp)
{
	static const struct frame_counts none;
	const struct bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd));
	const struct frame_counts *c = NULL;

	if (b->config.frames)
		c = b->config.frames->counts(b->config.frames_arg, *sp);
	return c ? c : &none;
}

GETTER(bus_get_frames)
{
	const struct frame_counts *c = counts_of(sd, field);

	return sd_bus_message_append(reply, "(ttt)", c->submitted, c->completed, c->lost);
}

/* Up to the last bucket that has something. */
static int append_histogram(sd_bus_message *reply, const struct histogram *h)
{
	size_t used = HISTOGRAM_BUCKETS;

	while (used > 0 && h->bucket[used - 1] == 0)
		used--;
	return sd_bus_message_append_array(reply, 't', h->bucket, used * sizeof(h->bucket[0]));
}

GETTER(bus_get_frame_latency)
{
	return append_histogram(reply, &counts_of(sd, field)->latency);
}

GETTER(bus_get_histogram)
{
	return append_histogram(reply, field);
}

/* Only what is not 0. `first` is the word of the first count. */
static int append_counts(sd_bus_message *reply, enum words list, unsigned first, const uint64_t *count, size_t n)
{
	int r = sd_bus_message_open_container(reply, 'a', "{st}");

	for (unsigned i = 0; r >= 0 && i < n; i++)
		if (count[i])
			r = sd_bus_message_append(reply, "{st}", bus_word(list, first + i), count[i]);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(bus_get_verdicts)
{
	return append_counts(reply, WORDS_VERDICT, 1, field, VERDICT_COUNT);
}

GETTER(bus_get_settled)
{
	return append_counts(reply, WORDS_HOW, 0, field, DEBT_HOW_COUNT);
}

GETTER(bus_get_queues)
{
	const uint32_t *queued = field;

	return sd_bus_message_append(reply, "(uuuu)", queued[QUEUE_WAITING], queued[QUEUE_READY], queued[QUEUE_BACKOFF],
		queued[QUEUE_STUCK]);
}

static int append_uuid(sd_bus_message *reply, const uint8_t uuid[16])
{
	char text[UUID_TEXT_SIZE];

	bus_uuid_text(uuid, text);
	return sd_bus_message_append(reply, "s", text);
}

/* The one of the log first: it is there also before the SP was met. */
GETTER(bus_get_uuids)
{
	const struct bus *b = sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd));
	const struct change_sp *sp = field;
	const uint8_t(*uuid)[16] = NULL;
	size_t count = b->config.frames ? b->config.frames->uuids(b->config.frames_arg, sp->id, &uuid) : 0;
	int r = sd_bus_message_open_container(reply, 'a', "s");

	if (r >= 0)
		r = append_uuid(reply, sp->uuid);
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (memcmp(uuid[i], sp->uuid, sizeof(sp->uuid)) != 0)
			r = append_uuid(reply, uuid[i]);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}
