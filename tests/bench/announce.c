/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long an announce takes at each SP: from the turn in which the VM was built to the turn in which the SP had answered 0,
 * as their events say it, so that our own waking up is not in it. Lines "announce SP NS". Where an SP is stuck a life does
 * not come to its end: each is another VM's, of those that have none.
 */

#include "bench.h"

#include <errno.h>
#include <stdio.h>

static int until_running(struct followed *f)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	uint64_t begun = 0;
	int r;

	while ((r = followed_next(f, &e)) == 0) {
		if (e.kind == LIFECYCLE_EVENT_STATE && e.new_substate == LIFECYCLE_SUB_ANNOUNCING)
			begun = e.realtime;
		else if (e.kind == LIFECYCLE_EVENT_DEBT && e.new_state == LIFECYCLE_DEBT_KNOWN)
			printf("announce %u %llu\n", e.sp, (unsigned long long)(e.realtime - begun));
		else if (e.kind == LIFECYCLE_EVENT_STATE && e.new_state == LIFECYCLE_STATE_RUNNING)
			return 0;
	}
	return bench_failed("the event stream", r);
}

static int live(struct followed *f)
{
	return followed_act(f, LIFECYCLE_START) || until_running(f) || followed_act(f, LIFECYCLE_ABORT) ||
		followed_until(f, LIFECYCLE_STATE_ABORTING);
}

static int live_as(struct bench *b, const char *name)
{
	struct followed f;
	int r;

	b->vm = name;
	r = followed_open(b, &f);
	if (r)
		return r;
	r = live(&f);
	followed_close(&f);
	return r;
}

int bench_announce(struct bench *b)
{
	struct lifecycle_vm_list *list;
	unsigned done = 0;
	int r = lifecycle_list(b->l, &list);

	if (r < 0)
		return bench_failed(lifecycle_last_error(b->l)->text, r);
	for (size_t i = 0; i < lifecycle_vm_list_count(list) && done < b->runs && !r; i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);

		if (vm->life)
			continue;
		r = live_as(b, vm->name);
		done++;
	}
	lifecycle_vm_list_unref(list);
	return r || done == b->runs ? r : bench_failed("VMs without a life", ENOENT);
}
