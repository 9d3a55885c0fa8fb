/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the log with any content behind a checksum that is right. Line for line: what can be read is printed again, and that
 * reads as the same. What fits is applied to a model; its snapshot makes the same model once more; a daemon goes on from it.
 */
#include "fuzz.h"

#include <errno.h>

#include "base/cleanup.h"
#include "model/lifecycle.h"
#include "model/model.h"
#include "store/records.h"

static const char *const words[] = { "kind", "seq", "vm", "life", "state", "substate", "old-state", "old-substate", "cause", "debt",
	"sp", "open", "world", "end", "ids", "burned", "pending", "shutdown", "bound", "lease", "vm-gone", "life-gone", "operation",
	"vmm", "none", "created", "running", "aborting", "null", "quiescing", "retiring", "reclaiming", "preserved", "leases",
	"creating", "known", "destroying", "settled", "trusty", "optee", "spmc", "strict", "gone", "ok", "degraded", "change",
	"removal", "taken", "true", "false", "order", "next", "first", "last", "snapshot", "boot", "start", "restart", "stop",
	"abort", "destroy", "pause", "1-32766", "5 6 7-9", "", NULL };
const struct fuzz_format fuzz_format = { .words = words };

#define TURN(n, changes) "{\"first\":" #n ",\"last\":" #n ",\"t\":1,\"changes\":[" changes "]}\n"

void fuzz_begin(void)
{
	static const char line[] = TURN(1, "{\"kind\":\"world\",\"seq\":1}")
		TURN(2, "{\"kind\":\"shutdown\",\"seq\":2,\"active\":true,\"since\":5}");

	fuzz_seed(line, strlen(line)); /* whole logs are in the corpus */
}

static void ignore(void *arg, size_t nth, const char *why)
{
	PROMISE(*why);
}

static void free_readp(struct turn_read *r)
{
	turn_read_free(r);
}

static void print_reads_as_the_same(const struct turn_read *r)
{
	_cleanup_(buffer_free) struct buffer b = { 0 }, again = { 0 };
	_cleanup_(free_readp) struct turn_read second = { 0 };
	const uint8_t *boot = r->has_boot ? r->turn.boot : NULL;

	turn_print(&b, &r->turn, r->snapshot, boot);
	PROMISE(b.error == 0);
	if (turn_read(b.data, b.length, &second) < 0) {
		fprintf(stderr, "%s\n%.*s\n", second.why, (int)b.length, b.data);
		abort();
	}
	turn_print(&again, &second.turn, second.snapshot, boot);
	PROMISE(again.length == b.length && memcmp(again.data, b.data, b.length) == 0);
}

static void apply_all(struct model *m, struct turn *turn, bool all_fit)
{
	for (size_t i = 0; i < turn->count; i++) {
		struct change *c = &turn->change[i];
		int e;

		PROMISE(model_reserve(m) == 0);
		e = model_apply(m, c);
		PROMISE(e == 0 || e == -EBADMSG);
		if (e < 0 && all_fit)
			fprintf(stderr, "change %zu (kind %u) of its own snapshot does not fit\n", i, c->kind);
		PROMISE(e == 0 || !all_fit);
		if (e < 0 && change_has_definition(c)) {
			free(c->definition);
			c->definition = NULL;
		}
	}
	model_empty_graves(m);
}

struct taking {
	struct turn turn;
	size_t room;
};

static int take(void *arg, const struct change *c)
{
	struct taking *t = arg;

	if (t->turn.count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->turn.change = realloc(t->turn.change, t->room * sizeof(*c));
		PROMISE(t->turn.change);
	}
	t->turn.change[t->turn.count++] = *c;
	return 0;
}

static void print_snapshot(const struct model *m, struct buffer *b)
{
	struct taking t = { .turn = { .first_seq = m->seq, .last_seq = m->seq } };

	PROMISE(model_snapshot(m, take, &t) == 0);
	turn_print(b, &t.turn, true, NULL);
	PROMISE(b->error == 0);
	free(t.turn.change);
}

static void load_snapshot(struct model *m, const struct buffer *b)
{
	struct turn_read r = { 0 };

	if (turn_read(b->data, b->length, &r) < 0) {
		fprintf(stderr, "%s\n%.*s\n", r.why, (int)b->length, b->data);
		abort();
	}
	m->seq = r.turn.last_seq;
	apply_all(m, &r.turn, true);
	turn_read_release(&r);
}

/* The order may be another, from then on it is the same. */
static void snapshot_makes_it_again(const struct model *m)
{
	_cleanup_(buffer_free) struct buffer first = { 0 }, second = { 0 }, third = { 0 };
	struct model b, c;

	PROMISE(model_init(&b, 1) == 0 && model_init(&c, 1) == 0);
	print_snapshot(m, &first);
	load_snapshot(&b, &first);
	print_snapshot(&b, &second);
	load_snapshot(&c, &second);
	print_snapshot(&c, &third);
	PROMISE(first.length == second.length && second.length == third.length);
	PROMISE(memcmp(second.data, third.data, third.length) == 0);
	model_clear(&b);
	model_clear(&c);
}

/* A daemon takes it up, and some time goes by. */
static void goes_on(struct model *m, bool same_boot)
{
	struct step_out out = { 0 };
	uint64_t now = 1000000000;

	PROMISE(step_reserve_resume(&out, m) == 0);
	model_resume(m, now, 1, same_boot, &out);
	for (unsigned i = 0; i < 16; i++) {
		uint64_t next = model_next_deadline(m);
		struct input tick = { .kind = IN_TICK, .now = next > now ? next : now };

		step_out_clear(&out);
		model_empty_graves(m);
		if (next == UINT64_MAX)
			break;
		now = tick.now;
		PROMISE(model_reserve(m) == 0 && step_reserve(&out, m, &tick) == 0);
		model_step(m, &tick, 1, &out);
	}
	step_out_clear(&out);
	step_out_free(&out);
}

static void load_line(struct model *m, const char *line, size_t length)
{
	static const struct turn_rest rest = { .left_out = ignore };
	struct turn_read r = { 0 };
	int e = turn_read_rest(line, length, &rest, &r);

	PROMISE(e == 0 || (e == -EBADMSG && *r.why));
	if (e < 0)
		return;
	print_reads_as_the_same(&r);
	if (r.snapshot) {
		model_clear(m);
		PROMISE(model_init(m, 1) == 0);
		m->seq = r.turn.last_seq;
	}
	apply_all(m, &r.turn, false);
	turn_read_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model m;

	PROMISE(model_init(&m, 1) == 0);
	for (size_t at = 0, length; at < size; at += length + 1) {
		const uint8_t *end = memchr(data + at, '\n', size - at);

		length = end ? (size_t)(end - (data + at)) : size - at;
		load_line(&m, (const char *)data + at, length);
	}
	if (m.seq % 4 == 0) /* it takes longer than all else */
		snapshot_makes_it_again(&m);
	goes_on(&m, size % 2);
	model_clear(&m);
	return 0;
}
