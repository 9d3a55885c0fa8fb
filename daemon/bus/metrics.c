/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Manager.GetMetrics: what is counted, in families of samples as OpenMetrics has them. There is nothing of single VMs in it, so
 * the answer does not grow with their number (List has those); every label is a word of ours, or an SP's id.
 */

#include <stdarg.h>
#include <stdio.h>

#include "bus/internal.h"

#define FAMILY_TYPE "(ssssa(sa{ss}d))"
#define FAMILY      "ssssa(sa{ss}d)"
#define SAMPLE      "sa{ss}d"

/* Of a histogram in powers of two (of us) so many edges are told: every second one from 63 us to 67 s. */
#define EDGE_FIRST 6
#define EDGE_LAST  26
#define EDGE_STEP  2

struct collector {
	sd_bus_message *reply;
	const struct bus *bus;
	const struct rows *rows;
	struct engine_measure done;
	int r;
};

/* One sample; `labels` names and as many values follow. */
static void sample(struct collector *m, const char *suffix, double value, int labels, ...)
{
	va_list ap;

	if (m->r < 0)
		return;
	m->r = sd_bus_message_open_container(m->reply, 'r', SAMPLE);
	if (m->r >= 0)
		m->r = sd_bus_message_append(m->reply, "s", suffix);
	if (m->r >= 0)
		m->r = sd_bus_message_open_container(m->reply, 'a', "{ss}");
	va_start(ap, labels);
	for (int i = 0; m->r >= 0 && i < labels; i++) {
		const char *name = va_arg(ap, const char *);

		m->r = sd_bus_message_append(m->reply, "{ss}", name, va_arg(ap, const char *));
	}
	va_end(ap);
	if (m->r >= 0)
		m->r = sd_bus_message_close_container(m->reply);
	if (m->r >= 0)
		m->r = sd_bus_message_append(m->reply, "d", value);
	if (m->r >= 0)
		m->r = sd_bus_message_close_container(m->reply);
}

/* The buckets add up, as OpenMetrics wants it: each has all that is at or below its edge. */
static void histogram(struct collector *m, const struct histogram *h, const char *name, const char *value,
	const char *name_2, const char *value_2)
{
	uint64_t count = 0;
	char edge[32];
	int labels = name_2 ? 2 : 1;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += h->bucket[i];
		if (i < EDGE_FIRST || i > EDGE_LAST || (i - EDGE_FIRST) % EDGE_STEP)
			continue;
		(void)snprintf(edge, sizeof(edge), "%.6f", (double)((1ull << i) - 1) / 1e6);
		if (name_2)
			sample(m, "_bucket", (double)count, 3, name, value, name_2, value_2, "le", edge);
		else
			sample(m, "_bucket", (double)count, 2, name, value, "le", edge);
	}
	if (name_2)
		sample(m, "_bucket", (double)count, 3, name, value, name_2, value_2, "le", "+Inf");
	else
		sample(m, "_bucket", (double)count, 2, name, value, "le", "+Inf");
	sample(m, "_count", (double)count, labels, name, value, name_2, value_2);
	sample(m, "_sum", (double)h->sum / 1e6, labels, name, value, name_2, value_2);
}

/* ---- the daemon ---- */

static void build(struct collector *m)
{
	sample(m, "_info", 1, 1, "version", m->bus->config.version);
}

static void start_time(struct collector *m)
{
	sample(m, "", (double)m->bus->started / 1e9, 0);
}

static void sequence(struct collector *m)
{
	sample(m, "", (double)rows_seq(m->rows), 0);
}

#define OF_ENGINE(name, suffix, member)                                \
	static void name(struct collector *m)                          \
	{                                                              \
		sample(m, suffix, (double)m->done.member, 0);          \
	}
OF_ENGINE(turns, "_total", turns)
OF_ENGINE(inputs, "_total", inputs)
OF_ENGINE(commits, "_total", commits)
OF_ENGINE(commit_failures, "_total", commit_failures)
OF_ENGINE(log_size, "", log.bytes)
OF_ENGINE(log_written, "_total", log.written)
OF_ENGINE(log_snapshots, "_total", log.snapshots)

static void disk_stuck(struct collector *m)
{
	sample(m, "", rows_disk_stuck(m->rows), 0);
}

static void shutting_down(struct collector *m)
{
	sample(m, "", rows_shutting_down(m->rows), 0);
}

static void streams(struct collector *m)
{
	sample(m, "", m->bus->stream_count, 0);
}

static void calls(struct collector *m)
{
	sample(m, "", m->bus->call_count, 0);
}

/* ---- VMs and lives ---- */

static void vms(struct collector *m)
{
	unsigned count[VM_STATE_COUNT] = { 0 };

	for (size_t i = 0; i < rows_vm_count(m->rows); i++)
		count[rows_vm_at(m->rows, i)->state]++;
	for (unsigned i = 0; i < VM_STATE_COUNT; i++)
		sample(m, "", count[i], 1, "state", bus_word(WORDS_STATE, i));
}

static void vms_waiting(struct collector *m)
{
	unsigned count[WAIT_COUNT] = { 0 };

	for (size_t i = 0; i < rows_vm_count(m->rows); i++)
		count[rows_vm_at(m->rows, i)->waits.on]++;
	for (unsigned i = WAIT_NOTHING + 1; i < WAIT_COUNT; i++)
		sample(m, "", count[i], 1, "on", bus_word(WORDS_WAIT, i));
}

#define HOW_MANY(name, member)                                                 \
	static void name(struct collector *m)                                  \
	{                                                                      \
		uint64_t count = 0;                                            \
                                                                               \
		for (size_t i = 0; i < rows_vm_count(m->rows); i++)            \
			count += rows_vm_at(m->rows, i)->member;               \
		sample(m, "", (double)count, 0);                               \
	}
HOW_MANY(vms_stuck, secure_stuck)
HOW_MANY(vms_unreachable, unreachable)
HOW_MANY(vms_stale, stale)
HOW_MANY(old_lives, old_lives)
HOW_MANY(leases, lease_count)

#define OF_LIVES(name, member)                                                     \
	static void name(struct collector *m)                                      \
	{                                                                          \
		sample(m, "_total", (double)rows_counts(m->rows)->member, 0);      \
	}
OF_LIVES(begun, begun)
OF_LIVES(restarted, restarted)
OF_LIVES(settled, settled)
OF_LIVES(refused, refused)
OF_LIVES(adopted, adopted)
OF_LIVES(links_lost, links_lost)

static void ended(struct collector *m)
{
	for (unsigned i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
		sample(m, "_total", (double)rows_counts(m->rows)->ended[i], 1, "cause", bus_word(WORDS_CAUSE, i));
}

/* Those that a life goes through, and does not stay in. */
static void phases(struct collector *m)
{
	static const uint8_t passed[] = { VM_SUB_ALLOCATING, VM_SUB_ANNOUNCING, VM_SUB_PAUSING, VM_SUB_QUIESCING, VM_SUB_LEASES,
		VM_SUB_RETIRING, VM_SUB_RECLAIMING };

	for (size_t i = 0; i < sizeof(passed); i++)
		histogram(m, &rows_counts(m->rows)->phase[passed[i]], "phase", bus_word(WORDS_SUBSTATE, passed[i]), NULL, NULL);
}

/* ---- Secure Partitions ---- */

static void secure_up(struct collector *m)
{
	sample(m, "", rows_secure_up(m->rows), 0);
}

static void burned(struct collector *m)
{
	sample(m, "", (double)rows_burned_count(m->rows), 0);
}

struct sp_text {
	char id[8];
};

static const char *sp_text(uint16_t id, struct sp_text *to)
{
	(void)snprintf(to->id, sizeof(to->id), "0x%04x", id);
	return to->id;
}

/* What is told of each SP. */
typedef void sp_fn(struct collector *m, const struct sp_row *row, const char *sp);

static void each_sp(struct collector *m, sp_fn *each)
{
	struct sp_text text;

	for (size_t i = 0; i < rows_sp_count(m->rows); i++)
		each(m, rows_sp_at(m->rows, i), sp_text(rows_sp_at(m->rows, i)->sp.id, &text));
}

#define OF_SPS(name)                              \
	static void name(struct collector *m)     \
	{                                         \
		each_sp(m, name##_of);            \
	}

static void sps_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	char uuid[UUID_TEXT_SIZE];

	bus_uuid_text(row->sp.uuid, uuid);
	sample(m, "_info", 1, 3, "sp", sp, "uuid", uuid, "profile", bus_word(WORDS_PROFILE, row->sp.profile));
}
OF_SPS(sps)

static void sp_status_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	for (unsigned i = SP_OK; i <= SP_GONE; i++)
		sample(m, "", row->sp.status == i, 2, "sp", sp, "status", bus_word(WORDS_STATUS, i));
}
OF_SPS(sp_status)

static void count_debts(const struct debt_row *debt, size_t n, uint16_t sp, unsigned count[DEBT_STATE_COUNT])
{
	for (size_t i = 0; i < n; i++)
		count[debt[i].state] += debt[i].sp == sp;
}

static void debts_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	unsigned count[DEBT_STATE_COUNT] = { 0 };

	for (size_t i = 0; i < rows_vm_count(m->rows); i++) {
		const struct vm_row *vm = rows_vm_at(m->rows, i);

		count_debts(vm->debt, vm->debt_count + vm->old_debt_count, row->sp.id, count);
	}
	for (size_t i = 0; i < rows_orphan_count(m->rows); i++)
		count_debts(&rows_orphan_at(m->rows, i)->debt, 1, row->sp.id, count);
	for (unsigned i = DEBT_CREATING; i <= DEBT_DESTROYING; i++)
		sample(m, "", count[i], 2, "sp", sp, "state", bus_word(WORDS_DEBT, i));
}
OF_SPS(debts)

static void debts_stuck_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	sample(m, "", row->stuck, 1, "sp", sp);
}
OF_SPS(debts_stuck)

static void debts_settled_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	for (unsigned i = HOW_ANSWERED; i < DEBT_HOW_COUNT; i++)
		sample(m, "_total", (double)row->counts.how[i], 2, "sp", sp, "how", bus_word(WORDS_HOW, i));
}
OF_SPS(debts_settled)

static void sp_messages_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	sample(m, "_total", (double)row->counts.sent, 1, "sp", sp);
}
OF_SPS(sp_messages)

static void sp_replies_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		sample(m, "_total", (double)row->counts.verdict[i], 2, "sp", sp, "reply", bus_word(WORDS_VERDICT, 1 + i));
}
OF_SPS(sp_replies)

static void sp_retries_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	sample(m, "_total", (double)row->counts.created.retries.sum, 2, "sp", sp, "message", "created");
	sample(m, "_total", (double)row->counts.destroyed.retries.sum, 2, "sp", sp, "message", "destroyed");
}
OF_SPS(sp_retries)

static void sp_queues_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	static const char *const queues[DEBT_QUEUE_COUNT] = { [QUEUE_WAITING] = "line", [QUEUE_READY] = "ready",
		[QUEUE_BACKOFF] = "back-off", [QUEUE_STUCK] = "probe" };

	for (unsigned i = QUEUE_NONE + 1; i < DEBT_QUEUE_COUNT; i++)
		sample(m, "", row->counts.queued[i], 2, "sp", sp, "queue", queues[i]);
}
OF_SPS(sp_queues)

static void sp_steps_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	histogram(m, &row->counts.created.latency, "sp", sp, "message", "created");
	histogram(m, &row->counts.destroyed.latency, "sp", sp, "message", "destroyed");
}
OF_SPS(sp_steps)

static const struct frame_counts *frames_of(struct collector *m, uint16_t sp)
{
	static const struct frame_counts none;
	const struct frame_counts *c = NULL;

	if (m->bus->config.frames)
		c = m->bus->config.frames->counts(m->bus->config.frames_arg, sp);
	return c ? c : &none;
}

static void sp_frames_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	const struct frame_counts *c = frames_of(m, row->sp.id);

	sample(m, "_total", (double)c->submitted, 2, "sp", sp, "what", "submitted");
	sample(m, "_total", (double)c->completed, 2, "sp", sp, "what", "completed");
	sample(m, "_total", (double)c->lost, 2, "sp", sp, "what", "lost");
}
OF_SPS(sp_frames)

static void sp_calls_of(struct collector *m, const struct sp_row *row, const char *sp)
{
	histogram(m, &frames_of(m, row->sp.id)->latency, "sp", sp, NULL, NULL);
}
OF_SPS(sp_calls)

/* ---- all of them ---- */

#define P "lifecycle_"

/* A name ends with its unit, if it has one; a counter's samples are called _total. */
static const struct {
	const char *name, *type, *unit, *help;
	void (*collect)(struct collector *m);
} families[] = {
	{ P "build", "info", "", "The daemon's version.", build },
	{ "process_start_time_seconds", "gauge", "seconds", "When the daemon started: its counters begin there.", start_time },
	{ P "sequence", "gauge", "", "The sequence number of the last change that is stored.", sequence },
	{ P "turns", "counter", "", "Turns of the daemon's engine.", turns },
	{ P "inputs", "counter", "", "Inputs that were taken in turns.", inputs },
	{ P "commits", "counter", "", "Turns that were stored in the log.", commits },
	{ P "commit_failures", "counter", "", "Tries to store a turn that failed.", commit_failures },
	{ P "log_size_bytes", "gauge", "bytes", "Size of the log.", log_size },
	{ P "log_written_bytes", "counter", "bytes", "What was written to the log, with snapshots.", log_written },
	{ P "log_snapshots", "counter", "", "How often the log was begun anew.", log_snapshots },
	{ P "disk_stuck", "gauge", "", "1: the log cannot be written, and changes wait.", disk_stuck },
	{ P "shutting_down", "gauge", "", "1: all VMs are being ended, and nothing starts.", shutting_down },
	{ P "event_streams", "gauge", "", "Event streams that clients have open.", streams },
	{ P "calls_waiting", "gauge", "", "Calls over D-Bus that wait for their answer.", calls },
	{ P "vms", "gauge", "", "VMs in each state.", vms },
	{ P "vms_waiting", "gauge", "", "VMs of which something is unfinished, by whom or what it waits for.", vms_waiting },
	{ P "vms_secure_stuck", "gauge", "", "VMs whose end a Secure Partition does not take.", vms_stuck },
	{ P "vms_unreachable", "gauge", "", "VMs whose VMM lives and does not connect.", vms_unreachable },
	{ P "vms_stale", "gauge", "", "VMs whose VMM is of a version that cannot be spoken with.", vms_stale },
	{ P "old_lives", "gauge", "", "Lives that VMs have left behind and that still settle.", old_lives },
	{ P "leases", "gauge", "", "Leases that clients have on the ends of lives.", leases },
	{ P "lives_begun", "counter", "", "Lives that began.", begun },
	{ P "lives_restarted", "counter", "", "Lives that began as the restart of one before.", restarted },
	{ P "lives_ended", "counter", "", "Lives that ended, by their cause.", ended },
	{ P "lives_settled", "counter", "", "Lives that ended and owe nothing any more.", settled },
	{ P "phase_seconds", "histogram", "seconds", "How long lives took for each phase.", phases },
	{ P "refused_transitions", "counter", "", "Requests that were illegal in the VM's state.", refused },
	{ P "vmms_adopted", "counter", "", "VMMs that came back, to this daemon or on a new link.", adopted },
	{ P "vmm_links_lost", "counter", "", "Links to VMMs that broke.", links_lost },
	{ P "secure_side_up", "gauge", "", "1: the secure side can be reached.", secure_up },
	{ P "burned_ids", "gauge", "", "FF-A ids that are kept back, counted at each Secure Partition.", burned },
	{ P "sp", "info", "", "Secure Partitions.", sps },
	{ P "sp_status", "gauge", "", "1: the Secure Partition's status is this.", sp_status },
	{ P "debts", "gauge", "", "What lives owe Secure Partitions, by the debt's state.", debts },
	{ P "debts_stuck", "gauge", "", "Debts that a Secure Partition should have taken long ago.", debts_stuck },
	{ P "debts_settled", "counter", "", "Debts that were settled, by how; rejected: a refused VM_CREATED.", debts_settled },
	{ P "sp_messages", "counter", "", "Messages sent to a Secure Partition, with FFA_RUN.", sp_messages },
	{ P "sp_replies", "counter", "", "Replies of a Secure Partition, by kind.", sp_replies },
	{ P "sp_retries", "counter", "", "Messages beyond the first, until a Secure Partition took one.", sp_retries },
	{ P "sp_queue", "gauge", "", "Where the next messages to a Secure Partition wait.", sp_queues },
	{ P "sp_step_seconds", "histogram", "seconds", "From the first message until a Secure Partition took it.", sp_steps },
	{ P "sp_frames", "counter", "", "Frames of the secure link to a Secure Partition.", sp_frames },
	{ P "sp_call_seconds", "histogram", "seconds", "From a frame to its answer.", sp_calls },
};

static void family(struct collector *m, size_t i)
{
	if (m->r >= 0)
		m->r = sd_bus_message_open_container(m->reply, 'r', FAMILY);
	if (m->r >= 0)
		m->r = sd_bus_message_append(m->reply, "ssss", families[i].name, families[i].type, families[i].unit, families[i].help);
	if (m->r >= 0)
		m->r = sd_bus_message_open_container(m->reply, 'a', "(" SAMPLE ")");
	families[i].collect(m);
	if (m->r >= 0)
		m->r = sd_bus_message_close_container(m->reply);
	if (m->r >= 0)
		m->r = sd_bus_message_close_container(m->reply);
}

int bus_append_metrics(sd_bus_message *reply, const struct bus *b)
{
	struct collector m = { .reply = reply, .bus = b, .rows = bus_rows(b) };

	engine_measure(b->config.engine, &m.done);
	m.r = sd_bus_message_open_container(reply, 'a', FAMILY_TYPE);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		family(&m, i);
	return m.r < 0 ? m.r : sd_bus_message_close_container(reply);
}
