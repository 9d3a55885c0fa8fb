/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "output.h"
#include "patience.h"
#include "words.h"

#define FIRST_NS 300000000u /* what is over before that needs no line */
#define EVERY_NS 250000000u
#define ANSWER_NS 1000000000u /* longer than that a look must not hold up ^C */
#define COLUMNS_MIN 20
#define COLUMNS_MAX 400

/* The terminal has one line to write on, so this is one. */
static bool shown;

static bool has_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

void progress_begin(struct progress *p, const struct cli *c, int nth, int of)
{
	*p = (struct progress){ .nth = nth, .of = of, .next = monotonic_now() + FIRST_NS };
	if (c->block && !c->quiet && !wants_json(c) && has_terminal())
		p->c = c;
}

uint64_t progress_next(const struct progress *p)
{
	return p->c ? p->next : UINT64_MAX;
}

void progress_clear(void)
{
	if (!shown)
		return;
	shown = false;
	(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
}

static void add_waits(struct words *w, const struct lifecycle_waits_on *on, uint64_t now)
{
	words_add_waits(w, ", ", on);
	if (on->until > now)
		words_add_span(w, ", at most ", on->until - now, " more");
	else if (on->until)
		words_add_span(w, ", overdue by ", now - on->until, "");
}

/* Cut where a character begins, for the terminal would show half of it as anything. */
static void cut(char *text, int columns)
{
	size_t at = 0;

	for (int n = 0; text[at]; n++) {
		size_t next = at + 1;

		if (n == columns) {
			text[at] = '\0';
			return;
		}
		while (((unsigned char)text[next] & 0xC0) == 0x80)
			next++;
		at = next;
	}
}

void progress_format(char *to, size_t size, int columns, const struct lifecycle_vm_details *d, const char *before, uint64_t now)
{
	struct words w;
	char state[64];

	words_begin(&w, to, size);
	format_state(state, sizeof(state), d->vm->state, d->vm->substate);
	words_add(&w, "%s%s: %s", before, d->vm->name, state);
	if (d->vm->since && now > d->vm->since)
		words_add_span(&w, " for ", now - d->vm->since, "");
	if (d->waits.on != LIFECYCLE_WAIT_NOTHING)
		add_waits(&w, &d->waits, now);
	else if (d->next_start > now)
		words_add_span(&w, ", its next life begins in ", d->next_start - now, "");
	cut(to, columns);
}

/* The last column stays free: some terminals go to the next line when it is written. */
static int columns_left(void)
{
	struct winsize size = { .ws_col = 0 };
	int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;

	columns = columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
	return (columns > COLUMNS_MAX ? COLUMNS_MAX : columns) - 1;
}

/* What is under way with that VM; false: it is gone, which its stream will tell. */
static bool look(const struct cli *c, const char *before, const char *name, char *to, size_t size, int columns)
{
	_cleanup_(info_unrefp) struct lifecycle_vm_info *info = NULL;
	int r, refusal;

	(void)patience_until(c, monotonic_now() + ANSWER_NS);
	r = lifecycle_vm_info(c->l, name, &info);
	refusal = r < 0 ? lifecycle_last_error(c->l)->refusal : LIFECYCLE_REFUSED_NOT;
	patience_whole(c);
	if (refusal == LIFECYCLE_REFUSED_NO_SUCH_VM)
		return false;
	if (r < 0)
		(void)snprintf(to, size, "%s%s: lifecycled does not answer", before, name);
	else
		progress_format(to, size, columns, lifecycle_vm_info_details(info), before, monotonic_now());
	cut(to, columns);
	return true;
}

void progress_show_of(struct progress *p, const char *before, const char *name)
{
	char text[4 * COLUMNS_MAX];

	p->next = monotonic_now() + EVERY_NS;
	if (!look(p->c, before, name, text, sizeof(text), columns_left()))
		return;
	(void)fflush(stdout); /* what was said before stands before */
	(void)fputs("\r\033[K", stderr);
	put_text(stderr, text, strlen(text)); /* a lease's holder calls itself what it likes */
	(void)fflush(stderr);
	shown = true;
}

void progress_show(struct progress *p, const char *name)
{
	char before[32] = "";

	if (p->of > 1)
		(void)snprintf(before, sizeof(before), "(%d of %d) ", p->nth, p->of);
	progress_show_of(p, before, name);
}
