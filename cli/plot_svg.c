/* SPDX-License-Identifier: Apache-2.0 */

/* The picture: time goes right, at one scale for all rows. No label lies upon another, or on a bar that is not its own. */

#include <inttypes.h>
#include <string.h>

#include "output.h"
#include "plot.h"

#define CHARACTER 6.7 /* a letter of the 11px fixed-width face; wider ones do not matter, narrower ones do */
#define PLOT_WIDTH 1100.0
#define EDGE 16.0
#define GUTTER_MAX 420.0
#define BAR 16.0
#define LANE 19.0   /* of bars, where lives of a VM overlap */
#define WORDS 14.0  /* of labels below them */
#define WORDS_MAX 12 /* label lanes of a row; what finds no place is in the title of its bar */
#define ROW_GAP 6.0
#define TOP 58.0
#define TICKS_WANTED 10

struct place { /* of a span */
	double x, end; /* of its bar */
	size_t lane;
	double label_x, label_end;
	int label_lane; /* -1: in or beside its bar; -2: nowhere */
	char label[128];
};

struct layout {
	const struct plot *p;
	FILE *out;
	double left; /* where time begins */
	uint64_t end;
	double height;
};

static const char style[] =
	"text{font:11px 'DejaVu Sans Mono','Liberation Mono',Consolas,monospace;fill:#1c1e21}\n"
	".head{font-size:14px;font-weight:bold}.sub,.tick{fill:#5a6068}.sp{fill:#41464d}.vm{font-weight:bold}\n"
	".ground{fill:#ffffff}.band{fill:#f3f5f7}.grid{stroke:#d5dae0;stroke-width:1}.lead{stroke:#c8ced5;stroke-width:1}\n"
	".created{fill:#f6d98b}.running{fill:#93d8a4}.paused{fill:#a9c8ee}.aborting{fill:#f5a97c}.leases{fill:#efb5d5}\n"
	".retiring{fill:#cdb4ee}.reclaiming{fill:#cfd4da}.preserved{fill:#f08f8f}.other{fill:#e0e0e0}\n"
	".sent{stroke:#1c1e21;stroke-width:1}.answer{stroke:#b3261e;stroke-width:1}\n"
	"@media (prefers-color-scheme:dark){text{fill:#e8eaed}.sub,.tick{fill:#a2a9b3}.sp{fill:#c3c8cf}\n"
	".ground{fill:#15171a}.band{fill:#1d2024}.grid{stroke:#363b42}.lead{stroke:#444a52}\n"
	".created{fill:#77590f}.running{fill:#1d6b37}.paused{fill:#28558c}.aborting{fill:#8c4216}.leases{fill:#7c3760}\n"
	".retiring{fill:#593d8a}.reclaiming{fill:#4a4f56}.preserved{fill:#8f2c2c}.other{fill:#555}\n"
	".sent{stroke:#e8eaed}.answer{stroke:#ff9d94}}\n";

static const struct {
	const char *class, *words;
} legend[] = {
	{ "created", "created, VM_CREATED" }, { "running", "running" }, { "paused", "paused" }, { "aborting", "aborting: quiescing" },
	{ "leases", "leases" }, { "retiring", "retiring, VM_DESTROYED" }, { "reclaiming", "reclaiming" }, { "preserved", "preserved" },
};

/* Text of others: what XML 1.0 cannot hold becomes '?'. */
static void put_xml(FILE *out, const char *text)
{
	char *clean = NULL;
	size_t size = 0;
	FILE *f = must(open_memstream(&clean, &size));

	put_text(f, text, strlen(text));
	(void)fclose(f);
	(void)must(clean);
	for (const char *at = clean; *at; at++) {
		if (*at == '&')
			(void)fputs("&amp;", out);
		else if (*at == '<')
			(void)fputs("&lt;", out);
		else if (*at == '>')
			(void)fputs("&gt;", out);
		else
			(void)fputc(*at, out);
	}
	free(clean);
}

static double x_of(const struct layout *l, uint64_t at)
{
	return l->left + PLOT_WIDTH * (double)(at - l->p->begin) / (double)(l->end - l->p->begin);
}

static uint64_t end_of(const struct layout *l, const struct plot_span *s)
{
	return s->open ? l->end : s->to;
}

static double since_begin(const struct layout *l, uint64_t at)
{
	return (double)(at - l->p->begin) / 1e9;
}

static double width_of(const char *text)
{
	return CHARACTER * (double)strlen(text);
}

static void format_label(char *to, size_t size, const struct plot_row *r, const struct plot_span *s)
{
	if (r->sp)
		(void)snprintf(to, size, "%s", *s->end ? s->end : "under way");
	else
		(void)snprintf(to, size, "life %" PRIu64 ", 0x%04x%s%s", s->life, s->endpoint, *s->end ? ": " : "", s->end);
}

/* ---- where everything goes ---- */

static bool is_free_bar(const struct place *places, size_t before, size_t lane, double x)
{
	for (size_t i = 0; i < before; i++)
		if (places[i].lane == lane && places[i].end > x + 0.1)
			return false;
	return true;
}

static bool meets(double a, double a_end, double b, double b_end)
{
	return a < b_end + 6 && b < a_end + 6;
}

static bool is_free_label(const struct place *places, size_t count, size_t own, int lane, double x, double end)
{
	for (size_t i = 0; i < count; i++) {
		if (i == own)
			continue;
		if (lane < 0 && places[i].lane == places[own].lane && meets(x, end, places[i].x, places[i].end))
			return false;
		if (places[i].label_end > 0 && places[i].label_lane == lane && (lane >= 0 || places[i].lane == places[own].lane) &&
			meets(x, end, places[i].label_x, places[i].label_end))
			return false;
	}
	return true;
}

static void set_label(struct place *at, int lane, double x, double width)
{
	at->label_lane = lane;
	at->label_x = x;
	at->label_end = x + width;
}

/* In its bar, behind it (at the right edge before it), or in the first lane below that has room. */
static void place_label(const struct layout *l, struct place *places, size_t count, size_t i)
{
	struct place *at = &places[i];
	double width = width_of(at->label), right = l->left + PLOT_WIDTH, x;

	if (width + 8 <= at->end - at->x) {
		set_label(at, -1, at->x + 4, width);
		return;
	}
	x = at->end + 4;
	if (x + width <= right && is_free_label(places, count, i, -1, x, x + width)) {
		set_label(at, -1, x, width);
		return;
	}
	x = at->x - 4 - width;
	if (at->end + 4 + width > right && x >= l->left && is_free_label(places, count, i, -1, x, x + width)) {
		set_label(at, -1, x, width);
		return;
	}
	x = at->x + width > right ? right - width : at->x;
	for (int lane = 0; lane < WORDS_MAX; lane++) {
		if (is_free_label(places, count, i, lane, x, x + width)) {
			set_label(at, lane, x, width);
			return;
		}
	}
}

static struct place *place_row(const struct layout *l, const struct plot_row *r, size_t *ret_lanes, int *ret_words)
{
	struct place *places = must(calloc(r->spans + 1, sizeof(*places)));

	*ret_lanes = 1;
	*ret_words = 0;
	for (size_t i = 0; i < r->spans; i++) {
		struct place *at = &places[i];

		at->x = x_of(l, r->span[i].from);
		at->end = x_of(l, end_of(l, &r->span[i]));
		at->end = at->end < at->x + 2 ? at->x + 2 : at->end;
		at->label_lane = -2;
		format_label(at->label, sizeof(at->label), r, &r->span[i]);
		while (!is_free_bar(places, i, at->lane, at->x))
			at->lane++;
		*ret_lanes = at->lane >= *ret_lanes ? at->lane + 1 : *ret_lanes;
	}
	for (size_t i = 0; i < r->spans; i++) {
		place_label(l, places, r->spans, i);
		*ret_words = places[i].label_lane >= *ret_words ? places[i].label_lane + 1 : *ret_words;
	}
	return places;
}

/* ---- drawing ---- */

static void draw_part(const struct layout *l, const struct plot_span *s, size_t k, const struct place *at, double y)
{
	const struct plot_part *part = &s->part[k];
	uint64_t to = k + 1 < s->parts ? s->part[k + 1].from : end_of(l, s);
	double x = x_of(l, part->from), end = k + 1 < s->parts ? x_of(l, to) : at->end;

	(void)fprintf(l->out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\"><title>", part->class, x, y,
		end > x ? end - x : 0, BAR);
	put_xml(l->out, at->label);
	(void)fputs("\n", l->out);
	put_xml(l->out, part->title);
	if (k + 1 == s->parts && s->open)
		(void)fprintf(l->out, ", since %.6f s</title></rect>\n", since_begin(l, part->from));
	else
		(void)fprintf(l->out, ", %.6f s to %.6f s</title></rect>\n", since_begin(l, part->from), since_begin(l, to));
}

/* What was sent from above, what was answered from below. */
static void draw_mark(const struct layout *l, const struct plot_mark *m, double y)
{
	double x = x_of(l, m->at), from = m->answer ? y + BAR / 2 : y, to = m->answer ? y + BAR : y + BAR / 2;

	(void)fprintf(l->out, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"><title>", m->answer ? "answer" : "sent", x,
		from, x, to);
	put_xml(l->out, m->title);
	(void)fprintf(l->out, ", %.6f s</title></line>\n", since_begin(l, m->at));
}

static void draw_span(const struct layout *l, const struct plot_span *s, const struct place *at, double y, double below)
{
	double bar = y + (double)at->lane * LANE;

	(void)fputs("<g class=\"span\">\n", l->out);
	for (size_t k = 0; k < s->parts; k++)
		draw_part(l, s, k, at, bar);
	for (size_t k = 0; k < s->marks; k++)
		draw_mark(l, &s->mark[k], bar);
	if (at->label_lane >= 0) {
		(void)fprintf(l->out, "<text class=\"label\" x=\"%.2f\" y=\"%.1f\">", at->label_x,
			below + (double)at->label_lane * WORDS + 11);
	} else if (at->label_lane == -1) {
		(void)fprintf(l->out, "<text class=\"label\" x=\"%.2f\" y=\"%.1f\">", at->label_x, bar + 12);
	}
	if (at->label_lane > -2) {
		put_xml(l->out, at->label);
		(void)fputs("</text>\n", l->out);
	}
	(void)fputs("</g>\n", l->out);
}

/* From a bar to its label below, behind all else. */
static void draw_lead(const struct layout *l, const struct place *at, double y, double below)
{
	if (at->label_lane >= 0)
		(void)fprintf(l->out, "<line class=\"lead\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"/>\n", at->x + 0.5,
			y + (double)at->lane * LANE + BAR, at->x + 0.5, below + (double)at->label_lane * WORDS + 2);
}

static void format_name(char *to, size_t size, const struct plot_row *r)
{
	if (r->sp)
		(void)snprintf(to, size, "  0x%04x %s", r->sp, r->spans && r->span[0].parts ? r->span[0].part[0].title : "");
	else
		(void)snprintf(to, size, "%s", r->name);
}

static double row_height(size_t lanes, int words)
{
	return (double)lanes * LANE + (double)words * WORDS + ROW_GAP;
}

static double draw_row(const struct layout *l, const struct plot_row *r, double y)
{
	char name[PLOT_TITLE_MAX + 16];
	size_t lanes;
	int words;
	struct place *places = place_row(l, r, &lanes, &words);

	format_name(name, sizeof(name), r);
	(void)fprintf(l->out, "<g class=\"row\"><text class=\"%s\" x=\"%.0f\" y=\"%.1f\">", r->sp ? "sp" : "vm",
		EDGE + (r->sp ? 2 * CHARACTER : 0), y + 12);
	put_xml(l->out, r->sp ? name + 2 : name);
	(void)fputs("</text>\n", l->out);
	for (size_t i = 0; i < r->spans; i++)
		draw_lead(l, &places[i], y, y + (double)lanes * LANE);
	for (size_t i = 0; i < r->spans; i++)
		draw_span(l, &r->span[i], &places[i], y, y + (double)lanes * LANE);
	(void)fputs("</g>\n", l->out);
	free(places);
	return y + row_height(lanes, words);
}

/* ---- the rows in their order: a VM, then its SPs by id, VM_CREATED first ---- */

static bool is_before(const struct plot_row *a, const struct plot_row *b)
{
	return a->sp != b->sp ? a->sp < b->sp : a->destroyed < b->destroyed;
}

static const struct plot_row *next_of(const struct plot *p, const char *name, const struct plot_row *after)
{
	const struct plot_row *next = NULL;

	for (size_t i = 0; i < p->rows; i++) {
		const struct plot_row *r = &p->row[i];

		if (strcmp(r->name, name) == 0 && (!after || is_before(after, r)) && (!next || is_before(r, next)))
			next = r;
	}
	return next;
}

static bool is_first_of_its_name(const struct plot *p, size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (strcmp(p->row[i].name, p->row[row].name) == 0)
			return false;
	return true;
}

/* All rows of the VM, measured (without `draw`) or drawn. */
static double draw_vm(const struct layout *l, const char *name, double y, bool draw)
{
	for (const struct plot_row *r = NULL; (r = next_of(l->p, name, r));) {
		size_t lanes;
		int words;

		if (draw) {
			y = draw_row(l, r, y);
		} else {
			free(place_row(l, r, &lanes, &words));
			y += row_height(lanes, words);
		}
	}
	return y;
}

enum layer { MEASURE, BANDS, ROWS };

/* Every other VM has a band behind it, below the grid. */
static double draw_rows(const struct layout *l, enum layer layer)
{
	double y = TOP;
	size_t nth = 0;

	for (size_t i = 0; i < l->p->rows; i++) {
		double end;

		if (!is_first_of_its_name(l->p, i))
			continue;
		end = draw_vm(l, l->p->row[i].name, y, layer == ROWS);
		if (layer == BANDS && nth++ % 2 == 0)
			(void)fprintf(l->out, "<rect class=\"band\" x=\"0\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\"/>\n", y - 3,
				l->left + PLOT_WIDTH + EDGE, end - y);
		y = end;
	}
	return y;
}

/* ---- the axis ---- */

static const struct {
	uint64_t ns;
	const char *unit;
} units[] = { { 1000, "us" }, { 1000000, "ms" }, { 1000000000, "s" }, { 60000000000, "min" }, { 3600000000000, "h" },
	{ 86400000000000, "d" } };

/* The least step with no more ticks than wanted, and the unit in which it is a whole number. */
static uint64_t find_step(uint64_t range, size_t *ret_unit)
{
	static const unsigned of_tens[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 }, of_sixty[] = { 1, 2, 5, 10, 15, 30, 60 },
		of_days[] = { 1, 2, 3, 6, 12, 24 };

	for (size_t u = 0; u < sizeof(units) / sizeof(*units); u++) {
		const unsigned *steps = u < 2 || u == 5 ? of_tens : u == 4 ? of_days : of_sixty;
		size_t count = u < 2 || u == 5 ? 10 : u == 4 ? 6 : 7;

		*ret_unit = u;
		for (size_t i = 0; i < count; i++)
			if (range / (steps[i] * units[u].ns) <= TICKS_WANTED)
				return steps[i] * units[u].ns;
	}
	return range / TICKS_WANTED;
}

static void draw_axis(const struct layout *l, double bottom)
{
	uint64_t range = l->end - l->p->begin;
	size_t unit;
	uint64_t step = find_step(range, &unit);

	for (uint64_t at = 0; at <= range; at += step) {
		double x = x_of(l, l->p->begin + at);

		(void)fprintf(l->out, "<line class=\"grid\" x1=\"%.2f\" y1=\"%.0f\" x2=\"%.2f\" y2=\"%.1f\"/>", x, TOP - 6, x, bottom);
		(void)fprintf(l->out, "<text class=\"tick\" x=\"%.2f\" y=\"%.0f\" text-anchor=\"%s\">%" PRIu64 " %s</text>\n", x, TOP - 10,
			x > l->left + PLOT_WIDTH - 20 ? "end" : "middle", at / units[unit].ns, units[unit].unit);
	}
}

static void draw_head(const struct layout *l)
{
	char from[64], span[64];

	if (!l->p->begun) {
		(void)fprintf(l->out, "<text class=\"head\" x=\"%.0f\" y=\"22\">Lifecycles</text>\n<text class=\"sub\" x=\"%.0f\" y=\"22\">no "
			"life is in the log</text>\n", EDGE, EDGE + 100);
		return;
	}
	format_realtime(from, sizeof(from), l->p->begin);
	format_span(span, sizeof(span), l->p->end - l->p->begin);
	(void)fprintf(l->out, "<text class=\"head\" x=\"%.0f\" y=\"22\">Lifecycles</text>\n", EDGE);
	(void)fprintf(l->out, "<text class=\"sub\" x=\"%.0f\" y=\"22\">from %s on, %s</text>\n", EDGE + 100, from, span);
}

static void draw_legend(const struct layout *l, double y)
{
	double x = EDGE;

	for (size_t i = 0; i < sizeof(legend) / sizeof(*legend); i++) {
		(void)fprintf(l->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/><text class=\"sub\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			legend[i].class, x, y, x + 17, y + 10, legend[i].words);
		x += 17 + width_of(legend[i].words) + 18;
	}
	(void)fprintf(l->out, "<line class=\"sent\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/><line class=\"answer\" x1=\"%.1f\" "
		"y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/><text class=\"sub\" x=\"%.1f\" y=\"%.1f\">sent, answered</text>\n", x + 3, y, x + 3, y + 6,
		x + 8, y + 6, x + 8, y + 12, x + 15, y + 10);
}

static double find_left(const struct plot *p)
{
	double left = 0;

	for (size_t i = 0; i < p->rows; i++) {
		char name[PLOT_TITLE_MAX + 16];

		format_name(name, sizeof(name), &p->row[i]);
		left = width_of(name) > left ? width_of(name) : left;
	}
	return (left > GUTTER_MAX ? GUTTER_MAX : left) + 2 * EDGE;
}

/* What goes on is drawn a little further than the last event; a picture of nothing is one of a second. */
static uint64_t find_end(const struct plot *p)
{
	uint64_t range = p->end - p->begin;

	return p->end + (range ? range / 25 + 1 : 1000000000u);
}

void plot_draw(const struct plot *p, FILE *out)
{
	struct layout l = { .p = p, .out = out, .left = find_left(p), .end = find_end(p) };
	double bottom = draw_rows(&l, MEASURE), width = l.left + PLOT_WIDTH + EDGE, height = bottom + 34;

	(void)fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
		"height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>Lifecycles</title>\n<style>\n%s</style>\n", width, height, width,
		height, style);
	(void)fprintf(out, "<rect class=\"ground\" width=\"%.0f\" height=\"%.0f\"/>\n", width, height);
	draw_head(&l);
	(void)draw_rows(&l, BANDS);
	if (p->begun)
		draw_axis(&l, bottom);
	(void)draw_rows(&l, ROWS);
	draw_legend(&l, bottom + 12);
	(void)fputs("</svg>\n", out);
}
