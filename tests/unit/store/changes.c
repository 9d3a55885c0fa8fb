/* SPDX-License-Identifier: Apache-2.0 */
#include "changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/ffa.h"

static const char *const scripts[] = { "", "flags 3", "set running>stop fail 5 then error;reset never" };
static const char *const ccw_scripts[] = { "", "program 20ms; start silent", "halt fail 16 always" };

const uint8_t first_boot[16] = { 1, 1 }, second_boot[16] = { 2, 2 };
const struct store_options quick = {
	.snapshot_bytes = 1000, .snapshot_events = 10, .close_wait_ms = 60000, .boot = first_boot };

uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t up_to(uint64_t *seed, uint64_t max)
{
	return random_next(seed) % (max + 1);
}

/* Numbers at their edges more often than chance would have them. */
static uint64_t number(uint64_t *seed, uint64_t max)
{
	switch (up_to(seed, 4)) {
	case 0:
		return 0;
	case 1:
		return max;
	case 2:
		return max / 2 + 1;
	default:
		return random_next(seed) & max;
	}
}

static void bytes(uint64_t *seed, void *at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)at)[i] = (uint8_t)random_next(seed);
	if (up_to(seed, 3) == 0)
		memset(at, 0, length);
}

static void text(uint64_t *seed, char *at, size_t size)
{
	size_t length = up_to(seed, size - 1);

	memset(at, 0, size);
	for (size_t i = 0; i < length; i++)
		at[i] = (char)(1 + up_to(seed, 126)); /* with quotes, backslashes and control characters */
}

static void name(uint64_t *seed, char at[VM_NAME_MAX + 1])
{
	static const char letters[] = "ABCxyz019_.-";
	size_t length = 1 + up_to(seed, VM_NAME_MAX - 1);

	memset(at, 0, VM_NAME_MAX + 1);
	at[0] = 'v';
	for (size_t i = 1; i < length; i++)
		at[i] = letters[up_to(seed, sizeof(letters) - 2)];
}

static void printable(uint64_t *seed, char *at, size_t size, const char *begin)
{
	size_t length = up_to(seed, size - 1 - strlen(begin));

	memset(at, 0, size);
	strcpy(at, begin);
	for (size_t i = strlen(begin), end = i + length; i < end; i++)
		at[i] = (char)(' ' + up_to(seed, 94));
}

void random_definition(uint64_t *seed, struct vm_definition *ret)
{
	memset(ret, 0, sizeof(*ret));
	name(seed, ret->name);
	bytes(seed, ret->uuid, 16);
	ret->uuid[0] |= 1;
	ret->ffa_id = (uint16_t)up_to(seed, FFA_ID_VM_LAST);
	ret->vcpu_count = (uint16_t)(1 + up_to(seed, VM_VCPU_MAX - 1));
	ret->huge_pages = (uint8_t)up_to(seed, HUGE_PAGES_RESERVED);
	ret->console = (uint8_t)up_to(seed, CONSOLE_SERIAL);
	ret->from_file = (uint8_t)up_to(seed, 9);
	ret->memory_bytes = (1 + up_to(seed, 4095)) << 21;
	ret->policies = (struct vm_policies) {
		.on_poweroff = (uint8_t)up_to(seed, ON_END_PRESERVE),
		.on_reboot = (uint8_t)up_to(seed, ON_END_PRESERVE),
		.on_crash = (uint8_t)up_to(seed, ON_END_PRESERVE),
		.on_stuck = (uint8_t)up_to(seed, 1),
		.on_panic = (uint8_t)up_to(seed, ON_END_PRESERVE),
		.on_watchdog = (uint8_t)up_to(seed, ON_END_PRESERVE),
		.on_start_failure = (uint8_t)up_to(seed, ON_END_PRESERVE),
		.restart_delay_ms = (uint32_t)up_to(seed, 3600000),
		.restart_factor = 1 + (uint32_t)up_to(seed, 15),
		.restart_delay_max_ms = 3600000 + (uint32_t)up_to(seed, 3600000),
		.restart_jitter = (uint8_t)up_to(seed, 100),
		.restart_healthy_ms = (uint32_t)up_to(seed, 3600000),
		.restart_limit = (uint32_t)up_to(seed, 1000),
		.restart_window_ms = 1000 + (uint32_t)up_to(seed, 1000000),
	};
	ret->limits.build_timeout_ms = 100 + (uint32_t)up_to(seed, 1000000);
	ret->limits.announce_timeout_ms = 100 + (uint32_t)up_to(seed, 1000000);
	ret->limits.stop_timeout_ms = 1000 + (uint32_t)up_to(seed, 1000000);
	ret->limits.preserve_timeout_ms = (uint32_t)up_to(seed, 1000000);
	ret->limits.partition_timeout_ms = 100 + (uint32_t)up_to(seed, 1000000);
	ret->limits.console_bytes = 4096u << up_to(seed, 8);
	ret->limits.overcommit = (uint8_t)up_to(seed, 1);
	if (up_to(seed, 1))
		ret->resources = (struct vm_resources) {
			.memory_max = (1 + up_to(seed, 1000)) << 20,
			.tasks_max = 1 + (uint32_t)up_to(seed, 4095),
			.cpu_quota = 1 + (uint32_t)up_to(seed, 1000),
			.cpu_weight = (uint16_t)up_to(seed, 10000),
			.io_weight = (uint16_t)up_to(seed, 10000),
			.device_count = (uint8_t)up_to(seed, VM_DEVICE_MAX),
		};
	ret->assigned_count = (uint8_t)up_to(seed, VM_ASSIGNED_MAX);
	for (unsigned i = 0; i < ret->assigned_count; i++) {
		bool ccw = up_to(seed, 1);

		ret->assigned[i].type = ccw ? ASSIGNED_CCW_FAKE : ASSIGNED_VFIO_FAKE;
		(void)snprintf(ret->assigned[i].script, sizeof(ret->assigned[i].script), "%s",
			(ccw ? ccw_scripts : scripts)[up_to(seed, 2)]);
	}
	for (unsigned i = 0; i < ret->resources.device_count; i++)
		printable(seed, ret->resources.device[i], sizeof(ret->resources.device[i]), "/dev/");
	printable(seed, ret->kernel, sizeof(ret->kernel), "/");
	if (up_to(seed, 1))
		printable(seed, ret->initrd, sizeof(ret->initrd), "/");
	if (up_to(seed, 1))
		printable(seed, ret->dtb, sizeof(ret->dtb), "/");
	printable(seed, ret->cmdline, sizeof(ret->cmdline), "");
	ret->after_count = (uint8_t)up_to(seed, VM_AFTER_MAX);
	for (unsigned i = 0; i < ret->after_count; i++) {
		name(seed, ret->after[i]);
		ret->after[i][0] = (char)('0' + i); /* no two the same, none the VM itself */
	}
	ret->requires_count = (uint8_t)up_to(seed, VM_AFTER_MAX);
	for (unsigned i = 0; i < ret->requires_count; i++) {
		name(seed, ret->requires[i]);
		ret->requires[i][0] = (char)('0' + i);
	}
	ret->partition_count = (uint8_t)up_to(seed, VM_PARTITION_MAX);
	for (unsigned i = 0; i < ret->partition_count; i++) {
		bytes(seed, ret->partition[i].uuid, 16);
		ret->partition[i].uuid[0] |= 1;
		if (up_to(seed, 1))
			ret->partition[i] = (struct wanted_partition) { .id = (uint16_t)(0x8000 + up_to(seed, 0x7FFF)) };
	}
	ret->autostart = (uint8_t)up_to(seed, 1);
	ret->notifications = (uint8_t)up_to(seed, 1);
	for (unsigned i = 0; i < ret->vcpu_count; i++)
		if (up_to(seed, 1))
			bytes(seed, &ret->placement[i], sizeof(ret->placement[i]));
}

static void fill(uint64_t *seed, struct change *c)
{
	switch ((enum change_kind)c->kind) {
	case CHANGE_VM:
		c->definition = malloc(sizeof(*c->definition));
		random_definition(seed, c->definition);
		break;
	case CHANGE_VM_GONE:
	case CHANGE_LIFE_GONE:
		break;
	case CHANGE_LIFE:
		c->begun.endpoint = (uint16_t)number(seed, UINT16_MAX);
		c->begun.vcpu_count = (uint16_t)number(seed, UINT16_MAX);
		c->begun.fixed_id = up_to(seed, 1);
		c->begun.huge = up_to(seed, 1);
		c->begun.old = up_to(seed, 1);
		c->begun.memory_bytes = number(seed, UINT64_MAX);
		c->begun.since = number(seed, UINT64_MAX);
		c->begun.deadline = number(seed, UINT64_MAX);
		c->begun.entered = number(seed, UINT64_MAX);
		name(seed, c->begun.name);
		break;
	case CHANGE_STATE:
		c->state.old_state = (uint8_t)up_to(seed, VM_STATE_COUNT - 1);
		c->state.old_substate = (uint8_t)up_to(seed, VM_SUBSTATE_COUNT - 1);
		c->state.state = (uint8_t)up_to(seed, VM_STATE_COUNT - 1);
		c->state.substate = (uint8_t)up_to(seed, VM_SUBSTATE_COUNT - 1);
		c->state.cause = (uint8_t)up_to(seed, CAUSE_COUNT - 1);
		c->state.quiesced = up_to(seed, 1);
		c->state.preserve = up_to(seed, 1);
		c->state.since = number(seed, UINT64_MAX);
		c->state.deadline = number(seed, UINT64_MAX);
		text(seed, c->state.text, sizeof(c->state.text));
		break;
	case CHANGE_VMM:
		c->vmm.pid = (int32_t)number(seed, UINT32_MAX);
		c->vmm.start_time = number(seed, UINT64_MAX);
		bytes(seed, c->vmm.invocation, 16);
		break;
	case CHANGE_DEBT:
		c->debt.sp = (uint16_t)number(seed, UINT16_MAX);
		c->debt.old_state = (uint8_t)up_to(seed, DEBT_STATE_COUNT - 1);
		c->debt.state = (uint8_t)up_to(seed, DEBT_STATE_COUNT - 1);
		c->debt.how = (uint8_t)up_to(seed, DEBT_HOW_COUNT - 1);
		c->debt.extra = (uint8_t)number(seed, UINT8_MAX);
		c->debt.tries = (uint32_t)number(seed, UINT32_MAX);
		c->debt.deadline = number(seed, UINT64_MAX);
		break;
	case CHANGE_OPERATION:
		c->operation.operation = (uint8_t)up_to(seed, OPERATION_COUNT - 1);
		c->operation.since = number(seed, UINT64_MAX);
		c->operation.deadline = number(seed, UINT64_MAX);
		c->operation.partition_by = number(seed, UINT64_MAX);
		c->operation.outcome = (uint8_t)up_to(seed, OUTCOME_COUNT - 1);
		break;
	case CHANGE_SP:
		c->sp.id = (uint16_t)number(seed, UINT16_MAX);
		c->sp.contexts = (uint16_t)number(seed, UINT16_MAX);
		c->sp.properties = (uint32_t)number(seed, UINT32_MAX);
		c->sp.generation = (uint32_t)number(seed, UINT32_MAX);
		bytes(seed, c->sp.uuid, 16);
		c->sp.profile = (uint8_t)up_to(seed, PROFILE_OPTEE);
		c->sp.status = (uint8_t)up_to(seed, SP_GONE);
		break;
	case CHANGE_OPEN:
		c->open.sp = (uint16_t)number(seed, UINT16_MAX);
		c->open.kind = (uint8_t)up_to(seed, CALL_DESTROYED);
		c->open.has_target = up_to(seed, 1);
		c->open.target = (uint32_t)number(seed, UINT32_MAX);
		break;
	case CHANGE_WORLD:
		bytes(seed, c->world.instance, 16);
		break;
	case CHANGE_END:
		c->end.cause = (uint8_t)up_to(seed, CAUSE_COUNT - 1);
		c->end.restarts = (uint32_t)number(seed, UINT32_MAX);
		c->end.backoff = (uint32_t)number(seed, UINT32_MAX);
		c->end.window = number(seed, UINT64_MAX);
		c->end.at = number(seed, UINT64_MAX);
		text(seed, c->end.text, sizeof(c->end.text));
		break;
	case CHANGE_IDS:
		c->ids.next = (uint16_t)number(seed, UINT16_MAX);
		text(seed, c->ids.order, sizeof(c->ids.order));
		break;
	case CHANGE_BURNED:
		c->burned.endpoint = (uint16_t)number(seed, UINT16_MAX);
		c->burned.sp = (uint16_t)number(seed, UINT16_MAX);
		c->burned.released = up_to(seed, 1);
		c->burned.at = number(seed, UINT64_MAX);
		name(seed, c->burned.name);
		break;
	case CHANGE_PENDING:
		c->pending.what = (uint8_t)up_to(seed, PENDING_COUNT - 1);
		if (!change_has_definition(c))
			break;
		c->pending.definition = malloc(sizeof(*c->definition));
		random_definition(seed, c->pending.definition);
		break;
	case CHANGE_BOUND:
		c->bound.active = up_to(seed, 1);
		bytes(seed, c->bound.token, 16);
		break;
	case CHANGE_AUTOSTART:
		c->autostart.done = up_to(seed, 1);
		break;
	case CHANGE_SHUTDOWN:
		c->shutdown.active = up_to(seed, 1);
		c->shutdown.host = up_to(seed, 1);
		c->shutdown.since = number(seed, UINT64_MAX);
		break;
	case CHANGE_LEASE:
		c->lease.number = number(seed, UINT64_MAX);
		bytes(seed, c->lease.token, 16);
		c->lease.state = (uint8_t)up_to(seed, LEASE_STATE_COUNT - 1);
		c->lease.uid = (uint32_t)number(seed, UINT32_MAX);
		c->lease.pid = (int32_t)number(seed, UINT32_MAX);
		c->lease.timeout_ms = (uint32_t)number(seed, UINT32_MAX);
		c->lease.since = number(seed, UINT64_MAX);
		c->lease.deadline = number(seed, UINT64_MAX);
		text(seed, c->lease.comm, sizeof(c->lease.comm));
		text(seed, c->lease.reason, sizeof(c->lease.reason));
		break;
	}
}

/* Zeroed first, so that two changes are the same if their bytes are. */
void random_change(uint64_t *seed, uint8_t kind, struct change *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->seq = number(seed, UINT64_MAX);
	ret->vm = number(seed, UINT64_MAX);
	ret->life = number(seed, UINT64_MAX);
	fill(seed, ret);
}

void change_free(struct change *c)
{
	if (change_has_definition(c))
		free(c->definition);
}

void assert_same_change(const struct change *a, const struct change *b)
{
	struct change x = *a, y = *b;

	assert_int_equal(a->kind, b->kind);
	assert_int_equal(change_has_definition(a), change_has_definition(b));
	if (change_has_definition(a)) {
		assert_memory_equal(a->definition, b->definition, sizeof(*a->definition));
		x.definition = y.definition = NULL;
	}
	assert_memory_equal(&x, &y, sizeof(x));
}

struct small_turn small_turn(uint64_t seq)
{
	return (struct small_turn) {
		.turn = { .first_seq = seq, .last_seq = seq, .realtime = 1700000000000000000u, .count = 1 },
		.change = { .kind = CHANGE_STATE,
			.seq = seq,
			.life = 5,
			.state = { .old_state = VM_CREATED,
				.old_substate = VM_SUB_READY,
				.state = VM_RUNNING,
				.substate = VM_SUB_BOOTING,
				.since = 123456789 } },
	};
}

int book_line(void *ctx, const struct turn *turn, bool snapshot, const struct load_guard *guard)
{
	struct book *book = ctx;

	assert_true(book->count < BOOK_MAX);
	book->turn[book->count].loaded = 0;
	for (size_t i = 0; i < turn->count; i++) {
		uint64_t seq = turn->change[i].seq;
		bool wanted = guard->before(guard->arg, i);

		if (wanted && (seq == book->deadly || seq == book->deadly_too))
			(void)raise(SIGKILL);
		if (wanted && seq == book->refused)
			guard->refused(guard->arg, i);
		book->turn[book->count].loaded += wanted && seq != book->refused;
		change_free(&turn->change[i]);
	}
	book->turn[book->count].first = turn->first_seq;
	book->turn[book->count].last = turn->last_seq;
	book->turn[book->count].snapshot = snapshot;
	book->turn[book->count++].boot = turn->boot[0];
	return 0;
}

enum store_writer who_writes;

static struct {
	unsigned count;
	uint64_t seq;
	int error;
} told;

static void tell(void *ctx, uint64_t seq, int error)
{
	assert_ptr_equal(ctx, &told);
	told.count++;
	told.seq = seq;
	told.error = error;
}

unsigned times_told(void)
{
	return told.count;
}

struct store *open_store(const char *path, const struct store_options *options, struct book *book)
{
	static struct book ignored;
	struct store_options with = *options;
	struct store *s = NULL;

	book = book ? book : &ignored;
	book->count = 0;
	book->refused = book->deadly = book->deadly_too = 0;
	with.writer = who_writes;
	if (!with.close_wait_ms)
		with.close_wait_ms = 60000; /* no test closes what is to hang, but those that say so */
	assert_int_equal(store_open_with(path, &with, &s), 0);
	assert_int_equal(store_load(s, book_line, book), 0);
	store_attach(s, tell, &told);
	return s;
}

static int hand(struct store *s, struct small_turn t)
{
	t.turn.change = &t.change;
	told.count = 0;
	return store_ops.commit(s, &t.turn);
}

int give(struct store *s, uint64_t seq)
{
	return hand(s, small_turn(seq));
}

void dispatch_when_ready(struct store *s)
{
	struct pollfd p = { .fd = store_fd(s), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 60000), 1);
	store_dispatch(s);
}

static int until_told(struct store *s, uint64_t seq, int e)
{
	if (e < 0) {
		assert_int_equal(told.count, 0);
		return e;
	}
	while (!told.count)
		dispatch_when_ready(s);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.seq, seq);
	return told.error;
}

int commit(struct store *s, uint64_t seq)
{
	return until_told(s, seq, give(s, seq));
}

int commit_untold(struct store *s, uint64_t seq)
{
	struct small_turn t = small_turn(seq);

	t.change = (struct change) {
		.kind = CHANGE_OPEN, .seq = seq, .life = 5, .open = { .sp = 0x8001, .kind = CALL_DESTROYED }
	};
	return until_told(s, seq, hand(s, t));
}

int begin_snapshot(struct store *s, uint64_t seq)
{
	struct small_turn t = small_turn(seq);

	t.turn.change = &t.change;
	return store_ops.snapshot(s, &t.turn);
}

/* A writer says nothing of a snapshot's error: the log goes on, and it is told in the journal. */
int snapshot(struct store *s, uint64_t seq)
{
	int e = begin_snapshot(s, seq);

	if (e == 0 && who_writes == STORE_WRITER_ALWAYS)
		dispatch_when_ready(s);
	return e;
}

int choose_writer(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "writer") == 0)
		who_writes = STORE_WRITER_ALWAYS;
	else if (argc == 2 && strcmp(argv[1], "no-writer") == 0)
		who_writes = STORE_WRITER_NEVER;
	else if (argc != 1)
		return fprintf(stderr, "%s [writer|no-writer]\n", argv[0]), -1;
	return 0;
}
