/* SPDX-License-Identifier: Apache-2.0 */

/* lifecyclectl: from what was written to the verb that does it. */

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dry_run.h"
#include "host.h"
#include "interrupt.h"
#include "names.h"
#include "options.h"
#include "output.h"
#include "pager.h"
#include "verbs.h"

static int check_count(const struct verb *v, int argc)
{
	if (argc < v->min)
		return cli_usage("%s needs %s", v->name, v->arguments);
	if (argc > v->max)
		return cli_usage(*v->arguments ? "%s takes %s and no more" : "%s takes no argument", v->name, v->arguments);
	return 0;
}

static int check_names(const struct cli *c, const struct verb *v, int argc)
{
	if (c->if_life && argc > 1 && v->max == INT_MAX)
		return cli_usage("--if-life means one VM, but %d are named", argc);
	return check_count(v, argc);
}

static int run_names(struct cli *c, const struct verb *v, int argc, char **argv)
{
	struct names n = { 0 };
	int r = names_expand(c, v->name, argc, argv, &n);

	if (r == 0)
		r = check_names(c, v, n.count);
	if (r == 0)
		r = c->dry_run ? dry_run(c, n.count, n.name) : v->run(c, n.count, n.name);
	names_clear(&n);
	return r;
}

static int run_first(struct cli *c, const struct verb *v, int argc, char **argv)
{
	struct names n = { 0 };
	int r = names_expand(c, v->name, 1, argv, &n);

	if (r == 0 && n.count > 1)
		r = cli_usage("%s takes one VM, and '%s' means %d", v->name, argv[0], n.count);
	if (r == 0) {
		argv[0] = n.name[0];
		r = v->run(c, argc, argv);
	}
	names_clear(&n);
	return r;
}

static int connect_to(struct cli *c)
{
	int r = c->remote ? host_address(c->remote, c->bus, &c->remote_bus) : 0;

	if (r)
		return r;
	c->bus = c->remote ? c->remote_bus : c->bus;
	r = cli_connect(c);
	if (r == 0 && c->remote)
		host_take_clock(c);
	return r;
}

static int run(struct cli *c, const struct verb *v, int argc, char **argv)
{
	int r = check_count(v, argc);

	if (r || v->is & VERB_OFFLINE)
		return r ? r : v->run(c, argc, argv);
	r = connect_to(c);
	if (r)
		return r;
	if (v->is & VERB_CHANGES && !c->dry_run)
		ask_start(c);
	if (v->is & VERB_PAGES)
		pager_start(c);
	if (v->is & VERB_NAMES)
		return run_names(c, v, argc, argv);
	return v->is & VERB_FIRST ? run_first(c, v, argc, argv) : v->run(c, argc, argv);
}

static bool is_written(const struct written_options *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->at[i].row->name, name) == 0)
			return true;
	return false;
}

static int begin(struct cli *c, const struct written_options *w, int argc, char **argv)
{
	const struct verb *v = verb_find(argc > 0 ? argv[0] : "list");
	int r;

	if (is_written(w, "version")) {
		(void)puts("lifecyclectl " LIFECYCLECTL_VERSION);
		return 0;
	}
	if (!v)
		return verb_no_such(argv[0]);
	cli_usage_of(v->name);
	c->verb = v->name;
	r = options_take(c, w, v->name);
	if (r == 0 && is_written(w, "help"))
		return help_print(c, argc > 0 ? v : NULL);
	return r ? r : run(c, v, argc > 0 ? argc - 1 : 0, argv + (argc > 0));
}

static bool is_false(const char *word)
{
	return strcmp(word, "0") == 0 || strcasecmp(word, "no") == 0 || strcasecmp(word, "false") == 0 || strcasecmp(word, "off") == 0;
}

/* As systemd's tools: the variable that is theirs says it; it may also say how many colours, and sixteen are all that is used here. */
static bool wants_colour(const struct cli *c)
{
	const char *ours = getenv("SYSTEMD_COLORS"), *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (ours && is_false(ours))
		return false;
	if (ours && (env_is_true(ours) || strcmp(ours, "16") == 0 || strcmp(ours, "256") == 0 || strcmp(ours, "24bit") == 0))
		return true;
	return c->terminal && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static size_t terminal_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* What was said has to arrive. */
static int finish(int code)
{
	bool whole = fflush(stdout) == 0 && !ferror(stdout);
	int error = interrupt_output_error() ? interrupt_output_error() : errno;

	if (!whole && error != EPIPE && code != CLI_INTERRUPTED) /* who reads no further, or interrupts, knows */
		(void)cli_say_error("not all could be written to standard output: %s", strerror(error));
	if (pager_end() && error == EPIPE) /* its user has seen enough */
		return code;
	return whole || code ? code : CLI_FAILED;
}

int main(int argc, char **argv)
{
	struct cli c = { .legend = true, .block = true, .timeout_ms = LIFECYCLE_FOREVER, .grace_ms = LIFECYCLE_FOREVER, .tail = -1, .lines = 10 };
	struct written_options written;
	int r;

	(void)setlocale(LC_ALL, "");
	c.terminal = isatty(STDOUT_FILENO);
	c.colour = wants_colour(&c);
	c.width = terminal_width();
	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		return complete_print(argc - 2, argv + 2);
	r = options_read(argc, argv, &written);
	if (r == 0)
		r = begin(&c, &written, argc - optind, argv + optind);
	free(written.at);
	lifecycle_unref(c.l);
	free(c.remote_bus);
	ask_end();
	return finish(r);
}
