/* SPDX-License-Identifier: Apache-2.0 */

/* status: a page about one VM, for somebody who asks why. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "leases.h"
#include "list.h"
#include "peers.h"
#include "status.h"

static void print_stuck(const struct cli *c, const struct lifecycle_vm *vm)
{
	bool many = vm->stuck_at.count > 1;
	char sps[100];

	if (!vm->secure_stuck && !vm->stuck_at.count)
		return;
	format_sps(sps, sizeof(sps), &vm->stuck_at);
	(void)printf("      %sstuck: %ssecure partition%s %s %s not taken the end of a life in time, %s asked again%s\n",
		colour_on(c, COLOUR_BAD), *sps ? "" : "a ", many ? "s" : "", *sps ? sps : "(not named)", many ? "have" : "has",
		many ? "they are" : "it is", colour_off(c, COLOUR_BAD));
}

/* How long a VM has had no life is told by its last end. */
static void print_null_since(const struct lifecycle_vm_details *d)
{
	uint64_t now = realtime_now();
	char span[64];

	if (d->end_cause == LIFECYCLE_CAUSE_NONE)
		return;
	format_span(span, sizeof(span), now > d->end_realtime ? now - d->end_realtime : 0);
	(void)printf("; its last life ended %s ago, because of %s", span, lifecycle_cause_name(d->end_cause));
}

static void print_state(const struct cli *c, const struct lifecycle_vm_details *d)
{
	const struct lifecycle_vm *vm = d->vm;
	enum colour colour = state_colour(vm);
	char state[64], span[64];

	format_state(state, sizeof(state), vm->state, vm->substate);
	format_span(span, sizeof(span), monotonic_elapsed(vm->since));
	(void)printf("%s%s%s  %s%s%s", colour_on(c, COLOUR_BOLD), vm->name, colour_off(c, COLOUR_BOLD),
		colour_on(c, colour), state, colour_off(c, colour));
	if (vm->since)
		(void)printf(" for %s", span);
	if (vm->cause > LIFECYCLE_CAUSE_NONE)
		(void)printf(", because of %s", lifecycle_cause_name(vm->cause));
	if (vm->state == LIFECYCLE_STATE_NULL)
		print_null_since(d);
	(void)putchar('\n');
	if (vm->unreachable)
		(void)printf("      %sunreachable: its VMM lives and does not connect; abort ends it%s\n",
			colour_on(c, COLOUR_BAD), colour_off(c, COLOUR_BAD));
	if (vm->stale)
		(void)printf("      %sstale: its VMM is of a version that this daemon cannot speak with; stop and abort end it, "
			     "restart gives it a new one%s\n", colour_on(c, COLOUR_BAD), colour_off(c, COLOUR_BAD));
	if (vm->substate == LIFECYCLE_SUB_PRESERVED)
		(void)printf("      kept for a post-mortem, with its memory; abort, restart or destroy gives it up\n");
	print_stuck(c, vm);
}

static void print_wait_target(const struct lifecycle_waits_on *w)
{
	(void)printf(", waits on %s", lifecycle_wait_name(w->on));
	if (*w->name)
		(void)printf(" '%s'", w->name);
	if (w->sp)
		(void)printf(*w->name ? ", which is ahead of it at sp 0x%04x," : " 0x%04x", w->sp);
}

static void print_waits(const struct lifecycle_waits_on *w)
{
	uint64_t now = monotonic_now();
	char span[64];

	if (w->on == LIFECYCLE_WAIT_NOTHING)
		return;
	print_wait_target(w);
	if (w->since) {
		format_span(span, sizeof(span), monotonic_elapsed(w->since));
		(void)printf(" for %s", span);
	}
	if (w->tries) /* not everything is asked for again and again */
		(void)printf(", tried %" PRIu32 " time%s", w->tries, w->tries == 1 ? "" : "s");
	if (!w->until) {
		(void)fputs(", without limit", stdout);
		return;
	}
	format_span(span, sizeof(span), w->until > now ? w->until - now : now - w->until);
	(void)printf(w->until > now ? ", at most %s more" : ", overdue by %s", span);
}

/* A daemon of before does not know of sandboxes. */
static void print_vmm(const struct lifecycle_vm_details *d)
{
	if (!d->vmm_pid)
		(void)puts("        VMM: none");
	else if (d->sandbox_lacks && strcmp(d->sandbox_lacks, "-") != 0)
		(void)printf("        VMM: pid %" PRIu32 ", its sandbox lacks %s\n", d->vmm_pid, d->sandbox_lacks);
	else
		(void)printf("        VMM: pid %" PRIu32 "\n", d->vmm_pid);
}

static void print_next_start(const struct lifecycle_vm_details *d)
{
	uint64_t now = monotonic_now();
	char when[64], span[64];

	if (!d->next_start)
		return;
	format_monotonic(when, sizeof(when), d->next_start);
	format_span(span, sizeof(span), d->next_start > now ? d->next_start - now : 0);
	(void)printf(" Next start: in %s, %s; stop cancels it\n", span, when);
}

static void print_operation(const struct lifecycle_vm_details *d)
{
	char span[64];

	(void)printf("  Operation: %s", d->vm->operation == LIFECYCLE_OP_NONE ? "none" : lifecycle_operation_name(d->vm->operation));
	if (d->vm->operation != LIFECYCLE_OP_NONE && d->operation_since) {
		format_span(span, sizeof(span), monotonic_elapsed(d->operation_since));
		(void)printf(" for %s", span);
	}
	if (d->outcome == LIFECYCLE_OUTCOME_UNHEARD)
		(void)printf("; the last stop was not heard, the guest listens to no power key");
	if (d->outcome == LIFECYCLE_OUTCOME_TIMED_OUT)
		(void)printf("; the last pause was given up, a vCPU did not come out in time");
	if (d->outcome == LIFECYCLE_OUTCOME_DEVICE_REFUSED)
		(void)printf("; the last pause was given up, a device would not stop");
	if (d->outcome == LIFECYCLE_OUTCOME_DEVICE_STOPPED)
		(void)printf("; the last resume did not go through, a device does not start again");
	print_waits(&d->waits);
	(void)putchar('\n');
}

/* How long those from `first` on are in the state that all of them are in: the shortest, and the longest if it reads otherwise. */
static void print_vcpu_times(const struct lifecycle_vm_details *d, size_t first, size_t end)
{
	uint64_t oldest = d->vcpu_since[first], youngest = oldest;
	char shortest[64], longest[64];

	for (size_t i = first + 1; i < end; i++) {
		oldest = d->vcpu_since[i] < oldest ? d->vcpu_since[i] : oldest;
		youngest = d->vcpu_since[i] > youngest ? d->vcpu_since[i] : youngest;
	}
	if (!oldest) /* not all are known */
		return;
	format_span(shortest, sizeof(shortest), monotonic_elapsed(youngest));
	format_span(longest, sizeof(longest), monotonic_elapsed(oldest));
	(void)printf(" for %s", shortest);
	if (strcmp(shortest, longest) != 0)
		(void)printf(" to %s", longest);
}

static void print_vcpus(const struct lifecycle_vm_details *d)
{
	(void)printf("      vCPUs: %" PRIu32, d->vcpu_count);
	for (size_t i = 0, same; i < d->vcpu_states; i = same) {
		for (same = i; same < d->vcpu_states && d->vcpu[same] == d->vcpu[i];)
			same++;
		(void)printf("%s%zu %s", i ? ", " : ": ", same - i, lifecycle_vcpu_state_name(d->vcpu[i]));
		print_vcpu_times(d, i, same);
	}
	(void)putchar('\n');
}

void format_callee(char *to, size_t size, const struct lifecycle_vcpu_call *call)
{
	if (call->callee & 0x8000)
		(void)snprintf(to, size, "secure partition 0x%04x", call->callee);
	else if (*call->name)
		(void)snprintf(to, size, "VM '%s'", call->name);
	else
		(void)snprintf(to, size, "the VM with the id 0x%04x", call->callee);
}

static void print_calls(const struct lifecycle_vm_details *d)
{
	for (size_t i = 0; i < d->call_count; i++) {
		char callee[CALLEE_MAX], span[64];

		format_callee(callee, sizeof(callee), d->call[i]);
		format_span(span, sizeof(span), monotonic_elapsed(d->call[i]->since));
		(void)printf("             vCPU %" PRIu32 " is blocked in a call to %s for %s\n", d->call[i]->vcpu, callee, span);
	}
}

static void print_devices(const struct lifecycle_vm_details *d)
{
	for (size_t i = 0; i < d->device_count; i++) {
		const struct lifecycle_device *v = d->device[i];

		(void)printf("%s%zu: %s %s", i ? "             " : "    Devices: ", i, v->type, v->state);
		if (strcmp(v->condition, "-") != 0)
			(void)printf(", %s%s%s", v->condition, *v->text ? ": " : "", v->text);
		(void)putchar('\n');
	}
}

static const char *word(const char *value)
{
	return *value ? value : "(not set)";
}

static void print_pending(const struct lifecycle_vm_details *d)
{
	if (strcmp(d->vm->pending, "removal") == 0)
		(void)puts("    Pending: removal (at the end of its life)");
	for (size_t i = 0; i < d->pending_count; i++) {
		const struct lifecycle_key_change *k = d->pending[i];
		char text[512];

		(void)snprintf(text, sizeof(text), "%s %s -> %s", k->key, word(k->before), word(k->after));
		(void)fputs(i ? "             " : "    Pending: ", stdout);
		put_text(stdout, text, strlen(text));
		(void)puts(i ? "" : " (at the next start)");
	}
}

/* Memory is what the guest has; what its control group holds is less where it touched less, more with the VMM's own. */
static void print_usage(const struct lifecycle_vm_details *d, const struct usage *u)
{
	char text[64];

	if (u->has_cpu) {
		format_span(text, sizeof(text), u->cpu_us * 1000);
		(void)printf("        CPU: %s\n", text);
	}
	format_bytes(text, sizeof(text), d->memory_bytes);
	(void)printf("     Memory: %s", text);
	if (u->has_memory) {
		format_size(text, sizeof(text), u->memory);
		(void)printf(", %s in use", text);
	}
	if (u->has_peak) {
		format_size(text, sizeof(text), u->peak);
		(void)printf(", %s at most", text);
	}
	(void)putchar('\n');
}

static void print_facts(const struct page *p)
{
	const struct lifecycle_vm_details *d = p->d;

	if (d->vm->life)
		(void)printf("       Life: %" PRIu64 ", FF-A id 0x%04x\n", d->vm->life, d->vm->endpoint);
	else
		(void)puts("       Life: none");
	print_operation(d);
	print_next_start(d);
	print_vcpus(d);
	print_calls(d);
	print_devices(d);
	print_usage(d, &p->usage);
	print_vmm(d);
	(void)printf("       UUID: %s\n", d->vm->uuid);
	if (d->bound)
		(void)puts("      Bound: it ends with the client that started it");
	print_pending(d);
	(void)printf("    Defined: %s\n", d->from_file ? "by a file in vm.d" : "over D-Bus");
	(void)printf("     Counts: %" PRIu32 " automatic restarts, %" PRIu32 " refused transitions\n", d->restarts, d->refused);
	(void)printf("Last change: %" PRIu64 "\n", d->vm->changed_at);
}

static void print_peers(const struct cli *c, const struct lifecycle_vm_details *d)
{
	static const char *const header[] = { "SP", "DEBT", "HOW", "TRIES", "NOTE" };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header), .indent = "    " };

	if (d->peer_count == 0)
		return;
	(void)puts("\nSecure partitions, and what this life owes them:");
	for (size_t i = 0; i < d->peer_count; i++) {
		const struct lifecycle_peer *p = d->peer[i];

		table_add(&t, COLOUR_NONE, "0x%04x", p->sp);
		table_add(&t, p->stuck ? COLOUR_BAD : COLOUR_NONE, "%s", lifecycle_debt_name(p->debt));
		table_add(&t, COLOUR_NONE, "%s", lifecycle_how_name(p->how));
		table_add(&t, COLOUR_NONE, "%" PRIu32, p->tries);
		table_add(&t, p->stuck ? COLOUR_BAD : COLOUR_NONE, "%s", p->stuck ? "stuck" : "-");
	}
	table_print(&t, c);
}

static void print_leases(const struct cli *c, const struct lifecycle_lease_list *list)
{
	static const char *const header[] = { LEASE_COLUMNS };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header), .indent = "    " };
	size_t count = list ? lifecycle_lease_list_count(list) : 0;

	if (!count)
		return;
	(void)puts("\nLeases, which hold its end:");
	for (size_t i = 0; i < count; i++)
		lease_add(&t, lifecycle_lease_list_at(list, i));
	table_print(&t, c);
}

/* An old life whose debts are all settled waits for its VMM or memory alone. */
static void print_old_lives(const struct cli *c, const struct lifecycle_vm_details *d)
{
	static const char *const header[] = { "LIFE", "FF-A ID", "SP", PEER_COLUMNS };
	struct table t = { .header = header, .columns = sizeof(header) / sizeof(*header), .indent = "    " };

	if (!d->vm->old_lives)
		return;
	(void)printf("\nOld lives that still settle: %" PRIu32 "%s\n", d->vm->old_lives,
		d->old_peer_count ? "" : "; its debts are settled, its memory is on the way back");
	for (size_t i = 0; i < d->old_peer_count; i++) {
		const struct lifecycle_peer *p = d->old_peer[i];

		table_add(&t, COLOUR_NONE, "%" PRIu64, p->life);
		table_add(&t, COLOUR_NONE, "0x%04x", p->endpoint);
		table_add(&t, COLOUR_NONE, "0x%04x", p->sp);
		peer_add_debt(&t, p);
	}
	table_print(&t, c);
}

static void print_end(const struct lifecycle_vm_details *d)
{
	char when[64];

	if (d->end_cause == LIFECYCLE_CAUSE_NONE)
		return;
	format_realtime(when, sizeof(when), d->end_realtime);
	(void)printf("\nLast end: %s, life %" PRIu64 ", %s\n", lifecycle_cause_name(d->end_cause), d->end_life, when);
	if (!*d->end_text)
		return;
	(void)fputs("    ", stdout);
	put_text(stdout, d->end_text, strlen(d->end_text));
	(void)putchar('\n');
}

/* The guest's own words come last and stand apart: a guest may say anything. */
static void print_console(const char *text, size_t size)
{
	if (size == 0)
		return;
	(void)puts("\nConsole, last lines:");
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;

		(void)fputs("    | ", stdout);
		put_text(stdout, text + at, length);
		(void)putchar('\n');
		at += length + 1;
	}
}

/* Words of the daemon and the VMM, which may quote a guest. */
static void print_journal(const struct cli *c, const struct journal *j)
{
	if (!j->count)
		return;
	(void)puts("\nJournal, last lines:");
	for (size_t i = 0; i < j->count; i++) {
		char when[64];

		format_stamp(when, sizeof(when), j->line[i].realtime);
		(void)printf("    %s%s ", colour_on(c, COLOUR_DIM), when);
		put_text(stdout, j->line[i].who, strlen(j->line[i].who));
		(void)printf(":%s ", colour_off(c, COLOUR_DIM));
		put_text(stdout, j->line[i].text, j->line[i].size);
		(void)putchar('\n');
	}
}

static void print_page(const struct cli *c, const struct page *p)
{
	print_state(c, p->d);
	print_facts(p);
	print_peers(c, p->d);
	print_leases(c, p->leases);
	print_old_lives(c, p->d);
	print_end(p->d);
	print_console(p->console, p->console_size);
	print_journal(c, &p->journal);
}

/*
 * One VM. Console and journal are for those who may read them; others get the page without. A daemon may know of no
 * leases.
 */
static int show(struct cli *c, struct journal_source *source, const char *name, struct json_object *array)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	_cleanup_(leases_unrefp) struct lifecycle_lease_list *leases = NULL;
	_cleanup_(free_p) char *text = NULL;
	struct page p = { .console_size = 0 };

	if (lifecycle_vm_info(c->l, name, &info) < 0)
		return cli_fail(c, "status", name);
	(void)lifecycle_leases(c->l, name, &leases);
	(void)console_tail(c, name, c->lines, &text, &p.console_size);
	p.d = lifecycle_vm_info_details(info);
	p.leases = leases;
	p.console = text;
	if (!c->remote) { /* both are this host's */
		usage_read("/proc", "/sys/fs/cgroup", p.d->vmm_pid, &p.usage);
		journal_read(source, name, c->lines, &p.journal);
	}
	if (array)
		(void)json_object_array_add(array, page_to_json(&p));
	else
		print_page(c, &p);
	journal_clear(&p.journal);
	return 0;
}

int verb_status(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	struct journal_source source = { .open = NULL };
	int code = 0;

	for (int i = 0; i < argc; i++) {
		int r;

		if (i > 0 && !array)
			(void)putchar('\n');
		r = show(c, &source, argv[i], array);
		code = code ? code : r;
	}
	journal_close(&source);
	if (array)
		json_print(c, array);
	return code;
}
