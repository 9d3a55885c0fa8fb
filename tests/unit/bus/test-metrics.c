/* SPDX-License-Identifier: Apache-2.0 */

/* GetMetrics: what is counted is there, under the name that the manual has, as OpenMetrics wants it. */

#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"
#include "unit/bus/world.h"

#define LINES_MAX 2048
#define FAMILIES_MAX 128

struct family {
	char name[64], type[16], unit[16];
};

/* Samples as lines: NAME{label=value,...} VALUE. */
struct metrics {
	struct family family[FAMILIES_MAX];
	size_t families;
	char *line[LINES_MAX];
	size_t lines;
};

static void read_labels(sd_bus_message *m, char *to, size_t size)
{
	const char *name, *value;

	assert_true(sd_bus_message_enter_container(m, 'a', "{ss}") >= 0);
	while (sd_bus_message_read(m, "{ss}", &name, &value) > 0)
		(void)snprintf(to + strlen(to), size - strlen(to), "%s%s=%s", *to ? "," : "", name, value);
	assert_true(sd_bus_message_exit_container(m) > 0);
}

static void check_suffix(const struct family *f, const char *suffix)
{
	bool is;

	if (strcmp(f->type, "counter") == 0)
		is = strcmp(suffix, "_total") == 0;
	else if (strcmp(f->type, "histogram") == 0)
		is = strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_count") == 0 || strcmp(suffix, "_sum") == 0;
	else if (strcmp(f->type, "info") == 0)
		is = strcmp(suffix, "_info") == 0;
	else
		is = strcmp(f->type, "gauge") == 0 && !*suffix;
	if (!is)
		fail_msg("%s is a %s, and has a sample %s%s", f->name, f->type, f->name, suffix);
}

static void read_samples(sd_bus_message *m, struct metrics *a, const struct family *f)
{
	assert_true(sd_bus_message_enter_container(m, 'a', "(sa{ss}d)") >= 0);
	while (sd_bus_message_enter_container(m, 'r', "sa{ss}d") > 0) {
		char labels[256] = "", line[512];
		const char *suffix;
		double value;

		assert_true(sd_bus_message_read(m, "s", &suffix) > 0);
		read_labels(m, labels, sizeof(labels));
		assert_true(sd_bus_message_read(m, "d", &value) > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
		check_suffix(f, suffix);
		(void)snprintf(line, sizeof(line), "%s%s{%s} %.12g", f->name, suffix, labels, value);
		assert_true(a->lines < LINES_MAX);
		a->line[a->lines++] = strdup(line);
	}
	assert_true(sd_bus_message_exit_container(m) > 0);
}

static struct metrics *get(struct world *w)
{
	sd_bus_message *m = call_manager(&w->root, "GetMetrics", NULL);
	struct metrics *a = calloc(1, sizeof(*a));

	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "(ssssa(sa{ss}d))") > 0);
	while (sd_bus_message_enter_container(m, 'r', "ssssa(sa{ss}d)") > 0) {
		struct family *f = &a->family[a->families++];
		const char *name, *type, *unit, *help;

		assert_true(a->families < FAMILIES_MAX);
		assert_true(sd_bus_message_read(m, "ssss", &name, &type, &unit, &help) > 0);
		assert_true(*help && help[strlen(help) - 1] == '.');
		(void)snprintf(f->name, sizeof(f->name), "%s", name);
		(void)snprintf(f->type, sizeof(f->type), "%s", type);
		(void)snprintf(f->unit, sizeof(f->unit), "%s", unit);
		read_samples(m, a, f);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
	(void)sd_bus_message_unref(m);
	return a;
}

static void metrics_free(struct metrics *a)
{
	for (size_t i = 0; i < a->lines; i++)
		free(a->line[i]);
	free(a);
}

static void expect(const struct metrics *a, const char *line)
{
	for (size_t i = 0; i < a->lines; i++)
		if (strcmp(a->line[i], line) == 0)
			return;
	for (size_t i = 0; i < a->lines; i++)
		if (strncmp(a->line[i], line, strcspn(line, " ")) == 0)
			fail_msg("%s, and not %s", a->line[i], line);
	fail_msg("there is no %s", line);
}

static size_t count_of(const struct metrics *a, const char *begin)
{
	size_t count = 0;

	for (size_t i = 0; i < a->lines; i++)
		count += strncmp(a->line[i], begin, strlen(begin)) == 0;
	return count;
}

/* ---- the tests ---- */

static void each_family_is_what_its_name_says(void **state)
{
	struct metrics *a = get(*state);

	assert_true(a->families > 30);
	for (size_t i = 0; i < a->families; i++) {
		const struct family *f = &a->family[i];
		size_t name = strlen(f->name), unit = strlen(f->unit);

		if (unit && (name <= unit || f->name[name - unit - 1] != '_' || strcmp(f->name + name - unit, f->unit) != 0))
			fail_msg("%s does not end with its unit, %s", f->name, f->unit);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(a->family[k].name, f->name);
	}
	metrics_free(a);
}

/* A series that is 0 is there all the same: who looks at rates sees its first step. */
static void counts_vms_in_each_state(void **state)
{
	struct world *w = *state;
	struct metrics *a;
	struct vm_row *row;

	for (int i = 0; i < 3; i++) {
		row = fake_vm(&w->engine, i == 0 ? "a" : i == 1 ? "b" : "c", (uint64_t)i + 1);
		row->state = i ? VM_RUNNING : VM_ABORTING;
		row->old_lives = 2;
	}
	row->waits = (struct wait_reason) { .on = WAIT_SP, .sp = 0x8001 };
	row->secure_stuck = row->unreachable = true;
	row->lease_count = 3;
	w->engine.rows.seq = 4711;
	w->engine.rows.disk_stuck = true;
	a = get(w);
	expect(a, "lifecycle_vms{state=running} 2");
	expect(a, "lifecycle_vms{state=aborting} 1");
	expect(a, "lifecycle_vms{state=null} 0");
	assert_int_equal(count_of(a, "lifecycle_vms{"), VM_STATE_COUNT);
	expect(a, "lifecycle_vms_waiting{on=sp} 1");
	expect(a, "lifecycle_vms_waiting{on=vm} 0");
	assert_int_equal(count_of(a, "lifecycle_vms_waiting{"), WAIT_COUNT - 1);
	expect(a, "lifecycle_vms_secure_stuck{} 1");
	expect(a, "lifecycle_vms_unreachable{} 1");
	expect(a, "lifecycle_vms_stale{} 0");
	expect(a, "lifecycle_old_lives{} 6");
	expect(a, "lifecycle_leases{} 3");
	expect(a, "lifecycle_sequence{} 4711");
	expect(a, "lifecycle_disk_stuck{} 1");
	expect(a, "lifecycle_shutting_down{} 0");
	expect(a, "lifecycle_event_streams{} 0");
	metrics_free(a);
}

static void counts_lives_and_what_the_engine_did(void **state)
{
	struct world *w = *state;
	struct model_counts *c = &w->engine.rows.counts;
	struct metrics *a;

	*c = (struct model_counts) { .begun = 9, .restarted = 2, .settled = 7, .refused = 5, .adopted = 4, .links_lost = 3 };
	c->ended[CAUSE_OOM] = 6;
	w->engine.done.turns = 21;
	w->engine.done.inputs = 22;
	w->engine.done.commits = 23;
	w->engine.done.commit_failures = 24;
	w->engine.done.log.bytes = 25;
	w->engine.done.log.written = 26;
	w->engine.done.log.snapshots = 27;
	a = get(w);
	expect(a, "lifecycle_lives_begun_total{} 9");
	expect(a, "lifecycle_lives_restarted_total{} 2");
	expect(a, "lifecycle_lives_settled_total{} 7");
	expect(a, "lifecycle_lives_ended_total{cause=oom} 6");
	expect(a, "lifecycle_lives_ended_total{cause=user-stop} 0");
	assert_int_equal(count_of(a, "lifecycle_lives_ended_total{"), CAUSE_COUNT - 1);
	expect(a, "lifecycle_refused_transitions_total{} 5");
	expect(a, "lifecycle_vmms_adopted_total{} 4");
	expect(a, "lifecycle_vmm_links_lost_total{} 3");
	expect(a, "lifecycle_turns_total{} 21");
	expect(a, "lifecycle_inputs_total{} 22");
	expect(a, "lifecycle_commits_total{} 23");
	expect(a, "lifecycle_commit_failures_total{} 24");
	expect(a, "lifecycle_log_size_bytes{} 25");
	expect(a, "lifecycle_log_written_bytes_total{} 26");
	expect(a, "lifecycle_log_snapshots_total{} 27");
	metrics_free(a);
}

/* Each bucket has all that is at or below its edge, the last one all there is; the sum is in seconds. */
static void buckets_of_a_histogram_add_up(void **state)
{
	struct world *w = *state;
	struct histogram *h = &w->engine.rows.counts.phase[VM_SUB_RETIRING];
	struct metrics *a;

	histogram_add(h, 0);
	histogram_add(h, 63);
	histogram_add(h, 64);
	histogram_add(h, 1000);
	histogram_add(h, 500000000); /* beyond the last edge */
	a = get(w);
	expect(a, "lifecycle_phase_seconds_bucket{phase=retiring,le=0.000063} 2");
	expect(a, "lifecycle_phase_seconds_bucket{phase=retiring,le=0.000255} 3");
	expect(a, "lifecycle_phase_seconds_bucket{phase=retiring,le=0.001023} 4");
	expect(a, "lifecycle_phase_seconds_bucket{phase=retiring,le=67.108863} 4");
	expect(a, "lifecycle_phase_seconds_bucket{phase=retiring,le=+Inf} 5");
	expect(a, "lifecycle_phase_seconds_count{phase=retiring} 5");
	expect(a, "lifecycle_phase_seconds_sum{phase=retiring} 500.001127");
	expect(a, "lifecycle_phase_seconds_count{phase=allocating} 0");
	metrics_free(a);
}

static void counts_at_each_sp(void **state)
{
	struct world *w = *state;
	struct vm_row *vm = fake_vm(&w->engine, "a", 1);
	struct sp_row *sp = fake_sp(&w->engine, 0x8001);
	struct metrics *a;

	(void)fake_sp(&w->engine, 0x8002);
	vm->debt_count = 1;
	vm->old_debt_count = 1;
	vm->debt[0] = (struct debt_row) { .sp = 0x8001, .state = DEBT_DESTROYING };
	vm->debt[1] = (struct debt_row) { .sp = 0x8001, .state = DEBT_DESTROYING };
	w->engine.rows.orphan[0] = (struct orphan_row) { .debt = { .sp = 0x8001, .state = DEBT_DESTROYING }, .name = "gone" };
	w->engine.rows.orphan_count = 1;
	w->engine.rows.secure_up = true;
	sp->sp.status = SP_OK;
	sp->stuck = 2;
	sp->counts.sent = 12;
	sp->counts.how[HOW_ANSWERED] = 8;
	sp->counts.created.retries.sum = 3;
	histogram_add(&sp->counts.destroyed.latency, 1000);
	a = get(w);
	expect(a, "lifecycle_secure_side_up{} 1");
	expect(a, "lifecycle_sp_status{sp=0x8001,status=ok} 1");
	expect(a, "lifecycle_debts{sp=0x8001,state=destroying} 3");
	expect(a, "lifecycle_debts{sp=0x8002,state=destroying} 0");
	expect(a, "lifecycle_debts_stuck{sp=0x8001} 2");
	expect(a, "lifecycle_debts_settled_total{sp=0x8001,how=answered-0} 8");
	expect(a, "lifecycle_sp_messages_total{sp=0x8001} 12");
	expect(a, "lifecycle_sp_retries_total{sp=0x8001,message=created} 3");
	expect(a, "lifecycle_sp_step_seconds_count{sp=0x8001,message=destroyed} 1");
	expect(a, "lifecycle_sp_step_seconds_sum{sp=0x8001,message=destroyed} 0.001");
	expect(a, "lifecycle_sp_frames_total{sp=0x8002,what=submitted} 0"); /* nobody counts frames here */
	metrics_free(a);
}

static void does_not_grow_with_the_number_of_vms(void **state)
{
	struct world *w = *state;
	struct metrics *a = get(w);
	size_t none = a->lines;

	metrics_free(a);
	for (int i = 0; i < FAKE_VMS; i++)
		(void)fake_vm(&w->engine, (char[]) { 'v', 'm', (char)('a' + i), '\0' }, (uint64_t)i + 1);
	a = get(w);
	assert_int_equal(a->lines, none);
	for (size_t i = 0; i < a->lines; i++)
		assert_null(strstr(a->line[i], "=vma"));
	metrics_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_family_is_what_its_name_says),
		TEST(counts_vms_in_each_state),
		TEST(counts_lives_and_what_the_engine_did),
		TEST(buckets_of_a_histogram_add_up),
		TEST(counts_at_each_sp),
		TEST(does_not_grow_with_the_number_of_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
