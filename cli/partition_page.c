/* SPDX-License-Identifier: Apache-2.0 */

/* A page about one SP, for somebody who asks what it is doing, and how it did. */

#include <inttypes.h>
#include <string.h>

#include "partitions.h"
#include "peers.h"

#define BAR_WIDTH 40
#define NAMES_SHOWN 8
#define RUNS_SHOWN 8

struct page {
	const struct lifecycle_partition *p;
	const struct lifecycle_peer **peer; /* what is not over there: those in line by their tickets, then the others */
	size_t peers, line;
	size_t known, creating, destroying;
	struct lifecycle_frame_list *frames;
	bool is_away; /* the secure side cannot be reached */
};

/* ---- what lives owe it ---- */

static bool is_here(const struct page *page, const struct lifecycle_peer *p)
{
	return p->sp == page->p->id &&
		(p->ticket || p->debt == LIFECYCLE_DEBT_CREATING || p->debt == LIFECYCLE_DEBT_DESTROYING);
}

static int by_ticket(const void *a, const void *b)
{
	const struct lifecycle_peer *x = *(const struct lifecycle_peer *const *)a;
	const struct lifecycle_peer *y = *(const struct lifecycle_peer *const *)b;

	if (!x->ticket != !y->ticket)
		return x->ticket ? -1 : 1;
	if (x->ticket != y->ticket)
		return x->ticket < y->ticket ? -1 : 1;
	return (x->since > y->since) - (x->since < y->since);
}

static bool page_fill(struct page *page, const struct lifecycle_peer_list *all)
{
	size_t count = lifecycle_peer_list_count(all);

	page->peer = calloc(count + 1, sizeof(*page->peer));
	if (!page->peer)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct lifecycle_peer *p = lifecycle_peer_list_at(all, i);

		page->known += p->sp == page->p->id && p->debt == LIFECYCLE_DEBT_KNOWN;
		if (!is_here(page, p))
			continue;
		page->creating += p->debt == LIFECYCLE_DEBT_CREATING;
		page->destroying += p->debt == LIFECYCLE_DEBT_DESTROYING;
		page->peer[page->peers++] = p;
		page->line += p->ticket != 0;
	}
	if (page->peers)
		qsort(page->peer, page->peers, sizeof(*page->peer), by_ticket);
	return true;
}

static const struct lifecycle_peer *find_place(const struct page *page, const char *place)
{
	for (size_t i = 0; i < page->peers; i++)
		if (strcmp(page->peer[i]->place, place) == 0)
			return page->peer[i];
	return NULL;
}

static const struct lifecycle_peer *find_holder(const struct page *page)
{
	for (size_t i = 0; i < page->peers; i++)
		if (page->peer[i]->debt == LIFECYCLE_DEBT_CREATING)
			return page->peer[i];
	return NULL;
}

static const struct lifecycle_peer *find_deadline(const struct page *page)
{
	const struct lifecycle_peer *first = NULL;

	for (size_t i = 0; i < page->peers; i++)
		if (page->peer[i]->until && (!first || page->peer[i]->until < first->until))
			first = page->peer[i];
	return first;
}

/* ---- the facts ---- */

static void print_label(const char *label)
{
	(void)printf("%12s: ", label);
}

static void print_identity(const struct cli *c, const struct lifecycle_partition *p)
{
	enum colour colour = strcmp(p->status, "ok") != 0 ? COLOUR_BAD : COLOUR_GOOD;

	(void)printf("%s0x%04x%s  %s%s%s, %s\n", colour_on(c, COLOUR_BOLD), p->id, colour_off(c, COLOUR_BOLD),
		colour_on(c, colour), p->status, colour_off(c, colour), p->profile);
	print_label("UUID");
	(void)puts(p->uuid);
	for (size_t i = 1; i < p->uuid_count; i++)
		(void)printf("%14s%s\n", "", p->uuids[i]);
	print_label("FF-A version");
	if (p->version)
		(void)printf("%" PRIu32 ".%" PRIu32 "\n", p->version >> 16, p->version & 0xFFFF);
	else
		(void)puts("not told");
	print_label("Instance");
	if (p->generation)
		(void)printf("%" PRIu32 "\n", p->generation);
	else
		(void)puts("the secure side cannot tell");
	print_label("Contexts");
	(void)printf("%" PRIu32 "\n", p->contexts);
	print_label("Subscribed");
	(void)printf("%s%s%s\n", p->wants_created ? "VM_CREATED" : "", p->wants_created && p->wants_destroyed ? ", " : "",
		p->wants_destroyed ? "VM_DESTROYED" : p->wants_created ? "" : "to nothing");
}

static void print_owed(const struct cli *c, const struct page *page)
{
	const struct lifecycle_partition *p = page->p;
	char span[64];

	print_label("Owed");
	(void)printf("something by %" PRIu32 " %s: %zu known there, %zu creating, %zu destroying\n", p->owed,
		p->owed == 1 ? "life" : "lives", page->known, page->creating, page->destroying);
	if (!p->stuck)
		return;
	format_span(span, sizeof(span), monotonic_elapsed(p->stuck_since));
	print_label("Stuck");
	(void)printf("%s%" PRIu32 " of these, the first for %s%s", colour_on(c, COLOUR_BAD), p->stuck, span,
		colour_off(c, COLOUR_BAD));
	if (p->next_probe) {
		format_span(span, sizeof(span), p->next_probe > monotonic_now() ? p->next_probe - monotonic_now() : 0);
		(void)printf("; the next probe leaves in %s", span);
	}
	(void)putchar('\n');
}

static void print_peer(const struct lifecycle_peer *p)
{
	(void)printf("%s of %s, life %" PRIu64 ", FF-A id 0x%04x", peer_message(p), p->vm, p->life, p->endpoint);
}

static void print_call(const struct page *page)
{
	const struct lifecycle_peer *sent = find_place(page, "sent"), *open = find_place(page, "suspended");

	print_label("In flight");
	if (!sent && !open) {
		(void)puts(page->p->in_flight ? "a call whose answer was lost, or whose life was forgotten" : "nothing");
		return;
	}
	print_peer(sent ? sent : open);
	(void)puts(sent ? "" : ", suspended there: FFA_RUN goes on with it");
}

/* Whoever is named stands behind the one before. */
static void print_line(const struct page *page)
{
	const struct lifecycle_peer *holder = find_holder(page);

	if (page->p->id == SPMC_ID || strcmp(page->p->profile, "optee") == 0) /* takes many at a time */
		return;
	print_label("Slot");
	if (holder)
		(void)printf("creates %s, life %" PRIu64, holder->vm, holder->life);
	else
		(void)fputs("free", stdout);
	for (size_t i = 0; i < page->line && i < NAMES_SHOWN; i++)
		(void)printf("%s%s", i ? ", " : "; in line behind: ", page->peer[i]->vm);
	if (page->line > NAMES_SHOWN)
		(void)printf(" and %zu more", page->line - NAMES_SHOWN);
	(void)putchar('\n');
}

static void print_queues(const struct page *page)
{
	const struct lifecycle_queues *q = &page->p->queues;
	const struct lifecycle_peer *first = find_deadline(page);
	uint64_t now = monotonic_now();
	char span[64];

	print_label("Queues");
	(void)printf("%" PRIu32 " in line, %" PRIu32 " ready, %" PRIu32 " in back-off, %" PRIu32 " for the probe\n", q->line,
		q->ready, q->back_off, q->probe);
	if (page->p->rests_until > now) {
		format_span(span, sizeof(span), page->p->rests_until - now);
		print_label("Rests");
		(void)printf("for %s more: it took nothing of anybody\n", span);
	}
	print_label("Deadline");
	if (!first) {
		(void)puts("none");
		return;
	}
	format_span(span, sizeof(span), first->until > now ? first->until - now : 0);
	(void)printf("in %s, for ", span);
	print_peer(first);
	(void)putchar('\n');
}

/* ---- how it did ---- */

struct run {
	const char *word;
	unsigned times;
};

/* Its last answers, equal neighbours in one; the latest last. How many runs there are. */
static size_t last_answers(const struct lifecycle_frame_list *frames, struct run run[RUNS_SHOWN])
{
	size_t runs = 0;

	for (size_t i = lifecycle_frame_list_count(frames); i-- > 0;) {
		const struct lifecycle_frame *f = lifecycle_frame_list_at(frames, i);

		if (!f->answer || strcmp(f->reply, "-") == 0)
			continue;
		if (!runs || strcmp(run[runs - 1].word, f->reply) != 0) {
			if (runs == RUNS_SHOWN)
				break;
			run[runs++] = (struct run){ .word = f->reply };
		}
		run[runs - 1].times++;
	}
	return runs;
}

static void print_answers(const struct page *page)
{
	struct run run[RUNS_SHOWN];
	size_t runs = last_answers(page->frames, run);

	print_label("Last answers");
	if (!runs)
		(void)fputs("none", stdout);
	for (size_t i = runs; i-- > 0;) {
		(void)fputs(run[i].word, stdout);
		if (run[i].times > 1)
			(void)printf(" x%u", run[i].times);
		(void)fputs(i ? ", " : "", stdout);
	}
	(void)puts(runs > 1 ? " (the latest last)" : "");
}

static void print_counts(const char *label, const struct lifecycle_counts *c)
{
	print_label(label);
	if (!c->count)
		(void)fputs("none", stdout);
	for (size_t i = 0; i < c->count; i++)
		(void)printf("%s%" PRIu64 " %s", i ? ", " : "", c->at[i].times, c->at[i].word);
	(void)putchar('\n');
}

static void print_totals(const struct lifecycle_partition *p)
{
	(void)puts("\nSince the daemon started:");
	print_label("Messages");
	(void)printf("%" PRIu64 " sent, %" PRIu64 " answered RETRY, %" PRIu64 " answered 0\n", p->sent, p->retried, p->answered);
	print_counts("Answers", &p->verdicts);
	print_counts("Settled", &p->settled);
	print_label("Frames");
	(void)printf("%" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " lost with the link\n", p->frames.submitted,
		p->frames.completed, p->frames.lost);
}

static void print_bars(const struct cli *c, const char *title, const struct lifecycle_histogram *h, bool is_time)
{
	uint64_t most = 1;
	size_t first = 0;

	for (size_t i = 0; i < h->count; i++)
		most = h->bucket[i] > most ? h->bucket[i] : most;
	while (first < h->count && !h->bucket[first])
		first++;
	if (first == h->count)
		return;
	(void)printf("\n%s\n", title);
	for (size_t i = is_time ? first : 0; i < h->count; i++) {
		char range[32], bar[BAR_WIDTH + 1];
		int width = (int)((double)h->bucket[i] / (double)most * BAR_WIDTH + 0.5);

		width = width || !h->bucket[i] ? width : 1;
		memset(bar, '#', sizeof(bar));
		format_bucket(range, sizeof(range), (unsigned)i, is_time);
		(void)printf("%16s  %8" PRIu64 "%s%s%.*s%s\n", range, h->bucket[i], width ? "  " : "",
			colour_on(c, COLOUR_BUSY), width, bar, colour_off(c, COLOUR_BUSY));
	}
}

static void print_histograms(const struct cli *c, const struct lifecycle_partition *p)
{
	print_bars(c, "VM_CREATED, messages beyond the first until it was done:", &p->created_retries, false);
	print_bars(c, "VM_CREATED, from the first message until it was done:", &p->created_latency, true);
	print_bars(c, "VM_DESTROYED, messages beyond the first until it was done:", &p->destroyed_retries, false);
	print_bars(c, "VM_DESTROYED, from the first message until it was done:", &p->destroyed_latency, true);
	print_bars(c, "Frames, from request to answer:", &p->frame_latency, true);
}

static void print_debts(const struct cli *c, const struct page *page)
{
	static const char *const header[] = { "VM", "LIFE", "FF-A ID", PEER_COLUMNS };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header), .indent = "    " };

	if (!page->peers)
		return;
	(void)puts("\nUnder way, those in line first:");
	for (size_t i = 0; i < page->peers; i++) {
		const struct lifecycle_peer *p = page->peer[i];

		table_add(&t, COLOUR_NONE, "%s", p->vm);
		table_add(&t, COLOUR_NONE, "%" PRIu64 "%s", p->life, p->old ? " (old)" : "");
		table_add(&t, COLOUR_NONE, "0x%04x", p->endpoint);
		peer_add_debt(&t, p);
	}
	table_print(&t, c);
}

static void page_print(const struct cli *c, const struct page *page)
{
	print_identity(c, page->p);
	if (page->is_away) {
		print_label("Link");
		(void)printf("%sthe secure side cannot be reached: what is owed waits%s\n", colour_on(c, COLOUR_BAD),
			colour_off(c, COLOUR_BAD));
	}
	print_owed(c, page);
	print_call(page);
	print_line(page);
	print_queues(page);
	print_answers(page);
	print_debts(c, page);
	print_totals(page->p);
	print_histograms(c, page->p);
}

/* ---- JSON ---- */

static struct json_object *page_to_json(const struct page *page)
{
	struct json_object *o = partition_to_json(page->p), *debts = json_object_new_array(), *last = json_object_new_array();
	const struct lifecycle_peer *holder = find_holder(page), *first = find_deadline(page);

	json_add_bool(o, "reachable", !page->is_away);
	json_add_number(o, "known", page->known);
	json_add_number(o, "slot_life", holder && strcmp(page->p->profile, "optee") != 0 ? holder->life : 0);
	json_add_number(o, "deadline_monotonic_us", first ? first->until / 1000 : 0);
	for (size_t i = 0; i < page->peers; i++)
		(void)json_object_array_add(debts, peer_to_json(page->peer[i]));
	(void)json_object_object_add(o, "under_way", debts);
	for (size_t i = 0; i < lifecycle_frame_list_count(page->frames); i++) {
		const struct lifecycle_frame *f = lifecycle_frame_list_at(page->frames, i);

		if (f->answer && strcmp(f->reply, "-") != 0)
			(void)json_object_array_add(last, json_object_new_string(f->reply));
	}
	(void)json_object_object_add(o, "last_replies", last);
	return o;
}

int partition_page(struct cli *c, const struct lifecycle_partition *p, const struct lifecycle_peer_list *peers,
	struct json_object *array)
{
	struct page page = { .p = p };
	int code = 0;

	if (!page_fill(&page, peers))
		return cli_say_error("out of memory");
	page.is_away = secure_side_is_away(c);
	if (lifecycle_trace(c->l, p->id, 0, &page.frames) < 0)
		code = cli_fail(c, "partitions", NULL);
	else if (array)
		(void)json_object_array_add(array, page_to_json(&page));
	else
		page_print(c, &page);
	lifecycle_frame_list_unref(page.frames);
	free(page.peer);
	return code;
}
