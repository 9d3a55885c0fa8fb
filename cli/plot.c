/* SPDX-License-Identifier: Apache-2.0 */

/* plot: the stored tail of events as a picture, with frames as far as the daemon has them. */

#include "plot.h"

#include <string.h>
#include <unistd.h>

#include "follow.h"
#include "interrupt.h"
#include "names.h"
#include "patience.h"
#include "stored.h"
#include "trace.h"

struct drawing {
	struct plot *plot;
	int argc;
	char **argv;
};

static void take(void *arg, const struct lifecycle_event *e)
{
	struct drawing *d = arg;

	if (name_is_wanted(e->name, d->argc, d->argv))
		plot_take(d->plot, e);
}

/* An exit code. */
static int take_events(struct cli *c, struct plot *p, int argc, char **argv)
{
	_cleanup_(stream_unrefp) struct lifecycle_stream *s = NULL;
	struct drawing d = { p, argc, argv };
	bool later;
	int r = stored_subscribe(c, argc == 1 && !name_is_pattern(argv[0]) ? argv[0] : "", &s, &later);

	if (r)
		return r;
	if (later)
		stored_say_later(c);
	r = stored_read(s, PATIENCE_MS * 1000000ull, take, &d);
	return r < 0 ? stored_say_cut_off(c, r) : 0;
}

/* VMs that have lived on without an event. */
static int take_living(struct cli *c, struct plot *p, int argc, char **argv)
{
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	uint64_t offset = realtime_now() - monotonic_now();

	if (lifecycle_list(c->l, &list) < 0)
		return cli_fail(c, "plot", NULL);
	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);

		if (name_is_wanted(vm->name, argc, argv))
			plot_add_living(p, vm, vm->since + offset);
	}
	return 0;
}

/* Frames are an extra: a daemon that has none, or a reader who may not, gets the picture without. */
static void take_frames(struct cli *c, struct plot *p)
{
	_cleanup_(partitions_unrefp) struct lifecycle_partition_list *list = NULL;
	uint64_t offset = realtime_now() - monotonic_now();
	struct frames all = { 0 };

	if (lifecycle_partitions(c->l, &list) < 0)
		return;
	for (size_t i = 0; i < lifecycle_partition_list_count(list); i++)
		if (lifecycle_partition_list_at(list, i)->secure)
			(void)frames_fetch(c, &all, lifecycle_partition_list_at(list, i)->id, 0);
	if (frames_sort(&all))
		for (size_t i = 0; i < all.count; i++)
			plot_add_frame(p, all.frame[i], all.frame[i]->at + offset);
	frames_clear(&all);
}

static bool is_drawn(const struct plot *p, const char *name)
{
	for (size_t i = 0; i < p->rows; i++)
		if (name_is_wanted(p->row[i].name, 1, (char *const[]){ (char *)name }))
			return true;
	return false;
}

/* A VM that is gone may be in the log, and one that is there may have no life in it. An exit code. */
static int check_names(struct cli *c, const struct plot *p, int argc, char **argv)
{
	_cleanup_(list_unrefp) struct lifecycle_vm_list *list = NULL;
	int code = 0;

	if (argc && lifecycle_list(c->l, &list) < 0)
		return cli_fail(c, "plot", NULL);
	for (int i = 0; i < argc; i++) {
		bool is = is_drawn(p, argv[i]);

		for (size_t k = 0; !is && k < lifecycle_vm_list_count(list); k++)
			is = name_is_wanted(lifecycle_vm_list_at(list, k)->name, 1, &argv[i]);
		if (is)
			continue;
		code = lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_NO_SUCH_VM);
		(void)cli_say_error("plot %s: no VM is called so, and the log has none; 'lifecyclectl list' shows what is there", argv[i]);
	}
	return code;
}

int verb_plot(struct cli *c, int argc, char **argv)
{
	struct plot p = { .rows = 0 };
	int r;

	if (c->output_given)
		return cli_usage("plot writes SVG and nothing else; 'lifecyclectl events --no-follow' has the same events for programs");
	if (c->terminal)
		return cli_usage("plot writes a picture: send it to a file, as in 'lifecyclectl plot >lives.svg'");
	r = take_events(c, &p, argc, argv);
	if (r == 0)
		r = take_living(c, &p, argc, argv);
	if (r == 0)
		r = check_names(c, &p, argc, argv);
	if (r == 0) {
		take_frames(c, &p);
		plot_draw(&p, stdout);
	}
	plot_clear(&p);
	return r;
}
