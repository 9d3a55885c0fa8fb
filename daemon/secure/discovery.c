/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is there: FFA_VERSION, whether FEATURES has notification bitmaps, then PARTITION_INFO_GET_REGS where FEATURES has it,
 * else PARTITION_INFO_GET through the RX buffer (s.13.2, 13.8, 13.9). One call at a time; each answer leads to the next step.
 */

#include "secure/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"

#define RESTARTS_MAX 16
#define RX_SIZE 65536
#define FFA_1_1 FFA_VERSION_WORD(1, 1)
#define FFA_PROP_TYPE (3u << 4) /* 0: a PE endpoint */

/* What we speak, the best first. VM availability came with v1.1. */
static const uint32_t spoken[] = { FFA_VERSION_WORD(FFA_VERSION_MAJOR, FFA_VERSION_MINOR), FFA_1_1 };
#define SPOKEN (sizeof(spoken) / sizeof(*spoken))

static const uint8_t optee_uuid[16] = { 0x48, 0x61, 0x78, 0xe0, 0xe7, 0xf8, 0x11, 0xe3,
	0xbc, 0x5e, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b };
static const uint8_t trusty_uuid[16] = { 0x40, 0xee, 0x25, 0xf0, 0xa2, 0xbc, 0x30, 0x4c,
	0x8c, 0x4c, 0xa1, 0x73, 0xc5, 0x7d, 0x8a, 0xf1 };

void discovery_stop(struct secure *s)
{
	free(s->discovery.world);
	s->discovery = (struct discovery){ 0 };
}

static void ask(struct secure *s, enum discovery_step step, uint64_t function, uint64_t x1, uint64_t x3)
{
	uint64_t x[FFA_REGISTERS] = { function, x1, 0, x3 };
	int r = link_submit(s, x, NULL);

	s->discovery.step = step;
	if (r < 0)
		link_fail(s, strerror(-r));
}

static void ask_page(struct secure *s)
{
	const struct discovery *d = &s->discovery;

	ask(s, DISCOVERY_REGS, FFA_PARTITION_INFO_GET_REGS, 0, (uint64_t)d->tag << 16 | d->next);
}

static void ask_buffer(struct secure *s)
{
	ask(s, DISCOVERY_BUFFER, FFA_PARTITION_INFO_GET, 0, 0);
}

static void begin_again(struct secure *s)
{
	struct discovery *d = &s->discovery;

	if (++d->restarts > RESTARTS_MAX) {
		link_fail(s, "the list of partitions changes faster than it can be read");
		return;
	}
	d->world->count = 0;
	d->tagged = false;
	d->next = d->tag = 0;
	ask_page(s);
}

/* ---- what an SP is ---- */

static bool configured(const struct secure *s, uint16_t sp, uint8_t *ret)
{
	for (size_t i = 0; i < s->profile_count; i++)
		if (s->profiles[i].sp == sp) {
			*ret = s->profiles[i].profile;
			return true;
		}
	return false;
}

static void recognise(const struct secure *s, struct change_sp *sp, const uint8_t uuid[16])
{
	if (configured(s, sp->id, &sp->profile))
		return;
	if (memcmp(uuid, optee_uuid, sizeof(optee_uuid)) == 0)
		sp->profile = PROFILE_OPTEE;
	else if (memcmp(uuid, trusty_uuid, sizeof(trusty_uuid)) == 0)
		sp->profile = PROFILE_TRUSTY;
}

/* Subscriptions count only with the right to be sent direct requests, and came with v1.1. */
static uint32_t usable(const struct secure *s, uint32_t properties)
{
	if (s->version < FFA_1_1 || !(properties & FFA_PROP_DIRECT_REQ_RECEIVE))
		properties &= ~(uint32_t)(FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED);
	return properties;
}

static uint32_t generation_of(const struct secure *s, uint16_t sp)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].id == sp)
			return s->known[i].generation;
	return 0;
}

static void add_uuid(struct sp_uuids *u, const uint8_t uuid[16])
{
	for (uint8_t i = 0; i < u->count; i++)
		if (memcmp(u->uuid[i], uuid, sizeof(u->uuid[i])) == 0)
			return;
	if (u->count < SP_UUIDS_MAX)
		memcpy(u->uuid[u->count++], uuid, sizeof(u->uuid[0]));
}

size_t discovery_uuids(const void *secure, uint16_t sp, const uint8_t (**ret)[16])
{
	const struct secure *s = secure;

	for (uint16_t i = 0; i < s->met.count; i++)
		if (s->uuids[i].sp == sp) {
			*ret = s->uuids[i].uuid;
			return s->uuids[i].count;
		}
	return 0;
}

/* A partition with several UUIDs is listed once for each. */
static void add_partition(struct secure *s, const struct ffa_partition_info_v13 *described)
{
	const struct ffa_partition_info *info = &described->v11;
	struct secure_world *w = s->discovery.world;
	struct change_sp *sp;

	if (!(info->id & FFA_ID_SECURE) || info->properties & FFA_PROP_TYPE)
		return;
	for (uint16_t i = 0; i < w->count; i++)
		if (w->sp[i].id == info->id) {
			recognise(s, &w->sp[i], info->uuid);
			add_uuid(&s->discovery.uuids[i], info->uuid);
			return;
		}
	if (w->count == MODEL_SP_MAX - 1) {
		log_message(MESSAGE_SP_TOO_MANY, OF_SP(info->id), "more than %d secure partitions: 0x%04x is not told of VMs",
			MODEL_SP_MAX - 1, info->id);
		return;
	}
	s->discovery.uuids[w->count] = (struct sp_uuids){ .sp = info->id };
	add_uuid(&s->discovery.uuids[w->count], info->uuid);
	sp = &w->sp[w->count++];
	*sp = (struct change_sp){ .id = info->id, .contexts = info->execution_contexts, .profile = PROFILE_STRICT };
	sp->properties = usable(s, info->properties);
	sp->generation = generation_of(s, info->id);
	sp->version = described->version;
	memcpy(sp->uuid, info->uuid, sizeof(sp->uuid));
	recognise(s, sp, info->uuid);
}

/* ---- the end ---- */

static void describe(const struct secure *s, const struct secure_world *w)
{
	static const char *const profiles[] = { "strict", "Trusty", "OP-TEE", "SPMC" };

	for (uint16_t i = 0; i < w->count; i++) {
		const struct change_sp *sp = &w->sp[i];
		uint8_t set;
		bool guessed = sp->profile == PROFILE_STRICT && !configured(s, sp->id, &set);

		if (sp->profile == PROFILE_SPMC) {
			log_info("the SPMC has notifications: VMs that ask for them get a bitmap");
			continue;
		}
		log_info("secure partition 0x%04x: FF-A %u.%u, properties 0x%x, profile %s%s", sp->id, s->version >> 16,
			s->version & 0xFFFF, sp->properties, profiles[sp->profile],
			guessed ? " (its UUID is not known, and no profile is configured)" : "");
	}
}

/* The SPMC is a partition as far as bitmaps go: each VM that asks for one is announced to it, and its end is owed. */
static void add_spmc(struct secure *s)
{
	struct secure_world *w = s->discovery.world;

	if (!s->bitmaps || w->count == MODEL_SP_MAX)
		return;
	for (uint16_t i = 0; i < w->count; i++)
		if (w->sp[i].id == FFA_ID_SPMC) {
			log_error("a secure partition has the SPMC's id 0x%04x: VMs get no notification bitmap", FFA_ID_SPMC);
			return;
		}
	s->discovery.uuids[w->count] = (struct sp_uuids){ .sp = FFA_ID_SPMC };
	w->sp[w->count++] = (struct change_sp){ .id = FFA_ID_SPMC, .profile = PROFILE_SPMC, .version = s->version,
		.properties = FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED };
}

static void done(struct secure *s)
{
	struct discovery *d = &s->discovery;
	struct secure_world *world = d->world;
	bool again = d->again, unasked = d->unasked, same;

	add_spmc(s);
	d->world = NULL;
	memcpy(s->uuids, d->uuids, sizeof(s->uuids));
	discovery_stop(s);
	s->discover_at = loop_monotonic() + s->discover_every;
	memcpy(world->instance, s->instance, sizeof(world->instance));
	same = s->told_up && memcmp(world, &s->met, sizeof(s->met)) == 0;
	if (!same)
		describe(s, world);
	s->met = *world;
	if (same && unasked && !again) {
		free(world);
	} else if (!tell_up(s, world)) {
		link_fail(s, "out of memory");
		return;
	}
	s->backoff = 0; /* the next failure is the first */
	if (again && s->state == LINK_UP && s->discovery.step == DISCOVERY_NONE)
		discovery_start(s, false);
	secure_arm(s);
}

/* ---- answers ---- */

static bool is_error(const uint64_t x[FFA_REGISTERS], int32_t status)
{
	return (uint32_t)x[0] == FFA_ERROR && (int32_t)x[2] == status;
}

static bool is_success(const uint64_t x[FFA_REGISTERS])
{
	return (uint32_t)x[0] == FFA_SUCCESS || (uint32_t)x[0] == FFA_SUCCESS_64;
}

static void ask_version(struct secure *s)
{
	ask(s, DISCOVERY_VERSION, FFA_VERSION, spoken[s->discovery.asked], 0);
}

/*
 * The answer is the callee's own version: the lower minor of the same major is spoken. A callee may refuse a minor above
 * its own instead, as Hafnium does, or another than the one agreed on before: it is asked with the next lower one.
 */
static void version_answered(struct secure *s, const uint64_t x[FFA_REGISTERS])
{
	uint32_t theirs = (uint32_t)x[0], ours = spoken[s->discovery.asked];

	if ((int32_t)theirs == FFA_NOT_SUPPORTED && s->discovery.asked + 1 < SPOKEN) {
		s->discovery.asked++;
		ask_version(s);
		return;
	}
	if ((int32_t)theirs == FFA_NOT_SUPPORTED) {
		link_fail(s, "it refuses FF-A 1.2 and 1.1, and VM availability messages came with 1.1: a newer SPMC is needed");
		return;
	}
	if (theirs & 0x80000000u || theirs >> 16 != FFA_VERSION_MAJOR) {
		log_error("the secure side answers FFA_VERSION with 0x%08x: no FF-A 1.x is spoken there", theirs);
		link_fail(s, "no common FF-A version");
		return;
	}
	s->version = theirs < ours ? theirs : ours;
	ask(s, DISCOVERY_BITMAPS, FFA_FEATURES, FFA_NOTIFICATION_BITMAP_CREATE, 0);
}

static void bitmaps_answered(struct secure *s, const uint64_t x[FFA_REGISTERS])
{
	s->bitmaps = is_success(x);
	ask(s, DISCOVERY_FEATURES, FFA_FEATURES, FFA_PARTITION_INFO_GET_REGS, 0);
}

static void features_answered(struct secure *s, const uint64_t x[FFA_REGISTERS])
{
	if (is_success(x))
		ask_page(s);
	else
		ask_buffer(s);
}

static const char *take_page(struct secure *s, const struct info_page *page)
{
	struct discovery *d = &s->discovery;
	size_t count = (size_t)page->current - d->next + 1;

	if (page->current < d->next || page->current > page->last || page->size < DESCRIPTOR_V11 ||
		count * page->size > sizeof(page->bytes))
		return "a page of partition information that makes no sense";
	for (size_t i = 0; i < count; i++) {
		struct ffa_partition_info_v13 info;

		if (decode_partition(page->bytes + i * page->size, page->size, &info) < 0)
			return "a partition descriptor that makes no sense";
		add_partition(s, &info);
	}
	return NULL;
}

static void page_answered(struct secure *s, const uint64_t x[FFA_REGISTERS])
{
	struct discovery *d = &s->discovery;
	struct info_page page;
	const char *wrong;

	if (is_error(x, FFA_RETRY)) {
		begin_again(s);
		return;
	}
	if (is_error(x, FFA_NOT_SUPPORTED)) {
		ask_buffer(s);
		return;
	}
	if (is_error(x, FFA_INVALID_PARAMETERS) && !d->tagged) {
		done(s); /* an index cannot say that there is none */
		return;
	}
	if (!is_success(x)) {
		link_fail(s, "PARTITION_INFO_GET_REGS failed");
		return;
	}
	decode_info_page(x, &page);
	if (d->tagged && (page.tag != d->tag || page.last != d->last)) {
		begin_again(s);
		return;
	}
	wrong = take_page(s, &page);
	d->tagged = true;
	d->tag = page.tag;
	d->last = page.last;
	d->next = (uint16_t)(page.current + 1);
	if (wrong)
		link_fail(s, wrong);
	else if (page.current == page.last)
		done(s);
	else
		ask_page(s);
}

static const char *take_buffer(struct secure *s, uint32_t count, uint32_t size)
{
	uint8_t *bytes;
	const char *wrong = NULL;

	if (size == 0) /* before v1.1 it was not returned */
		size = s->version < FFA_1_1 ? DESCRIPTOR_V10 : DESCRIPTOR_V11;
	if (size > RX_SIZE || count > RX_SIZE / size)
		return "more partition information than fits the RX buffer";
	bytes = malloc(RX_SIZE);
	if (!bytes)
		return "out of memory";
	if (pread(s->rx, bytes, RX_SIZE, 0) != RX_SIZE)
		wrong = "the RX buffer cannot be read";
	for (uint32_t i = 0; i < count && !wrong; i++) {
		struct ffa_partition_info_v13 info;

		if (decode_partition(bytes + (size_t)i * size, size, &info) < 0)
			wrong = "a partition descriptor that makes no sense";
		else
			add_partition(s, &info);
	}
	free(bytes);
	return wrong;
}

/* The secure side has no discovery at all: what the configuration says is all that can be known. */
static void take_list(struct secure *s)
{
	for (size_t i = 0; i < s->listed_count; i++) {
		struct ffa_partition_info_v13 info = { 0 };

		info.v11.id = s->listed[i].id;
		info.v11.execution_contexts = s->listed[i].contexts;
		info.v11.properties = s->listed[i].properties;
		add_partition(s, &info);
	}
	done(s);
}

/* BUSY: an earlier daemon died before it gave the buffer back. */
static void buffer_answered(struct secure *s, const uint64_t x[FFA_REGISTERS])
{
	struct discovery *d = &s->discovery;
	const char *wrong;

	if (is_error(x, FFA_BUSY) && !d->rx_freed) {
		d->rx_freed = true;
		ask(s, DISCOVERY_FREE_RX, FFA_RX_RELEASE, 0, 0);
		return;
	}
	if (is_error(x, FFA_NOT_SUPPORTED) && s->listed_count) {
		take_list(s);
		return;
	}
	wrong = is_success(x) ? take_buffer(s, (uint32_t)x[2], (uint32_t)x[3])
			      : "PARTITION_INFO_GET failed; where it does not exist, say who is there with --sp";
	if (wrong)
		link_fail(s, wrong);
	else
		ask(s, DISCOVERY_RELEASE, FFA_RX_RELEASE, 0, 0);
}

void discovery_answer(struct secure *s, const uint64_t x[FFA_REGISTERS])
{
	switch (s->discovery.step) {
	case DISCOVERY_NONE:
		break;
	case DISCOVERY_VERSION:
		version_answered(s, x);
		break;
	case DISCOVERY_BITMAPS:
		bitmaps_answered(s, x);
		break;
	case DISCOVERY_FEATURES:
		features_answered(s, x);
		break;
	case DISCOVERY_REGS:
		page_answered(s, x);
		break;
	case DISCOVERY_BUFFER:
		buffer_answered(s, x);
		break;
	case DISCOVERY_FREE_RX:
		ask_buffer(s);
		break;
	case DISCOVERY_RELEASE:
		done(s);
		break;
	}
}

/* The version is asked for once a link: after another call it may not be changed any more. */
void discovery_start(struct secure *s, bool unasked)
{
	struct discovery *d = &s->discovery;

	if (d->step != DISCOVERY_NONE) {
		d->again |= !unasked;
		return;
	}
	d->unasked = unasked;
	d->world = calloc(1, sizeof(*d->world));
	if (!d->world)
		link_fail(s, "out of memory");
	else if (!s->version)
		ask_version(s);
	else
		ask(s, DISCOVERY_FEATURES, FFA_FEATURES, FFA_PARTITION_INFO_GET_REGS, 0);
}
