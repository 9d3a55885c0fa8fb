/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bus-replay: makes the calls that tests/fuzz/record-bus recorded, as they are and changed, one at a time and many at once. Each
 * is answered within 30 s: by what its method answers with, or by an error with a name and a text. What answers say (names,
 * tokens, lives) is said again in other calls. A call that is answered as none before is one more to begin with.
 */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"
#include "tests/system/bus-caller.h"
#include "tests/system/bus-corpus.h"

#define ANSWER_US   30000000
#define WAIT_US     20000 /* for a call that may be answered never */
#define BURST_MAX   256
#define KEEP_MAX    4096
#define CONNECTIONS 4
#define KINDS_MAX   4096
#define HELD        32

static struct {
	const char *bus, *xml, *corpus, *guests, *dir, *spare, *keep;
	uint64_t spare_life, seed;
	unsigned long count, seconds;
	bool exact;
} opt = { .guests = "/guests", .dir = "/dir", .seed = 1, .count = 1000 };

static char *kind[KINDS_MAX];
static size_t kind_count;
static bool as_recorded = true; /* what comes of that is not new */
static unsigned long asked, taken;

/* What was sent in this burst. */
static struct sent {
	json_object *call;
} sent[BURST_MAX];
static size_t sent_count, open_count;
static sd_bus *bus[CONNECTIONS];
static sd_bus_message *held[HELD]; /* answers, with their fds: streams, leases, clients of bound VMs */

static const char *line_of(json_object *o)
{
	return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
}

/* The burst in which it was found can be sent again: --exact with the file. */
static _Noreturn void found(const struct sent *at, const char *what, const char *more)
{
	FILE *f = fopen("fuzz-bus.found", "we");

	for (size_t i = 0; f && i < sent_count; i++)
		(void)fprintf(f, "%s\n", line_of(sent[i].call));
	if (f)
		(void)fclose(f);
	(void)fprintf(stderr, "bus-replay: seed %llu, call %lu: %s: %s\n%s\n(its burst is in fuzz-bus.found)\n", (unsigned long long)opt.seed, asked,
		what, more ? more : "", line_of(at->call));
	exit(1);
}

/* It could reach the VM that is to be left alone, or all of them. */
static bool reaches_spared(json_object *c)
{
	static struct leaf leaf[LEAVES_MAX];

	if (!opt.spare)
		return false;
	if (strcmp(call_word(c, "member"), "Shutdown") == 0 || strstr(line_of(c), opt.spare))
		return true;
	for (size_t i = 0, n = call_leaves(c, leaf); i < n; i++)
		if (json_object_is_type(leaf[i].value, json_type_int) && json_object_get_uint64(leaf[i].value) == opt.spare_life)
			return true;
	return false;
}

/* ---- answers ---- */

/* Words of an error's text that differ from call to call: numbers, places, what the call itself says, and short ones. */
static bool is_of_its_own(json_object *c, const char *text, size_t length)
{
	char word[24];

	if (length < 3 || length > 20 || strspn(text, "abcdefghijklmnopqrstuvwxyz,.;") < length)
		return true;
	(void)snprintf(word, sizeof(word), "%.*s", (int)(length - !!strchr(",.;", text[length - 1])), text);
	return strstr(line_of(c), word);
}

/* Whether no answer was like it: to this member, with this error and, of ours, a text that begins with the same words. */
static bool is_new_kind(json_object *c, const sd_bus_error *e)
{
	char text[192];
	size_t at = (size_t)snprintf(text, 96, "%.40s %s", call_word(c, "member"), e ? strrchr(e->name, '.') : "taken"), length, words = 8;

	for (const char *from = e && strstr(e->name, NAME) ? e->message : ""; *from && words > 0; from += length, words--) {
		from += strspn(from, " ");
		length = strcspn(from, " ");
		if (length && !is_of_its_own(c, from, length))
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %.*s", (int)length, from);
		if (at >= sizeof(text))
			break;
	}
	for (size_t i = 0; i < kind_count; i++)
		if (strcmp(kind[i], text) == 0)
			return false;
	if (kind_count == KINDS_MAX)
		return false;
	kind[kind_count++] = strdup(text);
	return true;
}

static void keep(json_object *c)
{
	FILE *f;

	if (as_recorded || strlen(line_of(c)) > KEEP_MAX)
		return;
	corpus_add(c);
	f = opt.keep ? fopen(opt.keep, "ae") : NULL;
	if (f) {
		(void)fprintf(f, "%s\n", line_of(c));
		(void)fclose(f);
	}
}

static void hold(sd_bus_message *m)
{
	sd_bus_message **at = &held[fuzz_random() % HELD];

	sd_bus_message_unref(*at);
	*at = sd_bus_message_ref(m);
}

/* Answered when a VM is in a state, which nobody may ever bring it to. */
static bool is_a_wait(json_object *c)
{
	return strcmp(call_word(c, "member"), "WaitState") == 0;
}

/* By sd-bus here, not by the daemon. */
static bool is_given_up(json_object *c, const sd_bus_error *e)
{
	return is_a_wait(c) && e && sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY) && strstr(e->message, "timed out");
}

static int answered(sd_bus_message *m, void *data, sd_bus_error *unused)
{
	struct sent *s = data;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	const struct method *of = caller_find(call_word(s->call, "interface"), call_word(s->call, "member"));
	const char *types = sd_bus_message_get_signature(m, true);

	(void)unused;
	open_count--;
	if (is_given_up(s->call, e))
		return 1;
	if (e && !caller_is_typed(e))
		found(s, e->name, e->message);
	if (!e && of && strcmp(types ? types : "", of->out) != 0)
		found(s, "the answer has other types than its method", types);
	if (is_new_kind(s->call, e))
		keep(s->call);
	if (e)
		return 1;
	taken++;
	hold(m);
	corpus_learn(m);
	return 1;
}

/* ---- going on ---- */

static void forget_burst(void)
{
	for (size_t i = 0; i < sent_count; i++)
		json_object_put(sent[i].call);
	sent_count = 0;
}

static void send_call(json_object *c)
{
	struct sent *s = &sent[sent_count];
	sd_bus *on = bus[fuzz_random() % CONNECTIONS];
	sd_bus_message *m = NULL;
	int r;

	if (reaches_spared(c) || call_message(c, on, &m) < 0) {
		json_object_put(c);
		return;
	}
	*s = (struct sent){ .call = c };
	sent_count++;
	asked++;
	open_count++;
	r = sd_bus_call_async(on, NULL, m, answered, s, is_a_wait(c) ? WAIT_US : ANSWER_US);
	if (r < 0)
		found(s, "it cannot be sent", strerror(-r));
	sd_bus_message_unref(m);
}

static bool process(void)
{
	bool any = false;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		int r = sd_bus_process(bus[i], NULL);

		if (r < 0 && sent_count)
			found(&sent[sent_count - 1], "the connection broke", strerror(-r));
		any |= r > 0;
	}
	return any;
}

static void finish_burst(void)
{
	struct pollfd p[CONNECTIONS];

	while (open_count) {
		if (process())
			continue;
		for (size_t i = 0; i < CONNECTIONS; i++)
			p[i] = (struct pollfd){ .fd = sd_bus_get_fd(bus[i]), .events = (short)sd_bus_get_events(bus[i]) };
		(void)poll(p, CONNECTIONS, 100); /* sd-bus has time-outs of its own */
	}
	forget_burst();
}

static void replay(void)
{
	time_t until = time(NULL) + (time_t)opt.seconds;
	size_t recorded = corpus_count();

	for (size_t i = 0; i < recorded; i++) { /* as it was */
		send_call(corpus_get(i));
		finish_burst();
	}
	as_recorded = false;
	while (!opt.exact && (opt.seconds ? time(NULL) < until : asked < opt.count)) {
		uint64_t n = fuzz_random() % 8 ? 1 + fuzz_random() % 8 : BURST_MAX;

		for (; n > 0; n--)
			send_call(corpus_changed());
		finish_burst();
	}
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: bus-replay --bus ADDRESS --xml FILE --corpus FILE|DIR [--count N | --seconds N | --exact] [--seed N]\n"
			      "       [--guests DIR] [--dir DIR] [--spare NAME:LIFE] [--keep FILE]\n");
	return 2;
}

static bool read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bus", 1, NULL, 'b' },     { "xml", 1, NULL, 'x' },  { "corpus", 1, NULL, 'c' }, { "count", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 't' }, { "exact", 0, NULL, 'e' }, { "seed", 1, NULL, 's' },   { "guests", 1, NULL, 'g' },
		{ "dir", 1, NULL, 'd' },     { "spare", 1, NULL, 'p' }, { "keep", 1, NULL, 'k' },   { NULL, 0, NULL, 0 },
	};
	char *colon;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (o) {
		case 'b': opt.bus = optarg; break;
		case 'x': opt.xml = optarg; break;
		case 'c': opt.corpus = optarg; break;
		case 'n': opt.count = strtoul(optarg, NULL, 10); break;
		case 't': opt.seconds = strtoul(optarg, NULL, 10); break;
		case 'e': opt.exact = true; break;
		case 's': opt.seed = strtoull(optarg, NULL, 10); break;
		case 'g': opt.guests = optarg; break;
		case 'd': opt.dir = optarg; break;
		case 'k': opt.keep = optarg; break;
		case 'p':
			opt.spare = optarg;
			colon = strchr(optarg, ':');
			if (!colon)
				return false;
			*colon = '\0';
			opt.spare_life = strtoull(colon + 1, NULL, 10);
			break;
		default: return false;
		}
	}
	return opt.bus && opt.xml && opt.corpus && optind == argc;
}

int main(int argc, char **argv)
{
	if (!read_options(argc, argv))
		return usage();
	(void)caller_read_methods(opt.xml);
	corpus_read(opt.corpus, opt.guests, opt.dir);
	if (!corpus_count())
		caller_die(opt.corpus, "there are no calls in it");
	if (opt.keep)
		corpus_read(opt.keep, opt.guests, opt.dir);
	fuzz_random_begin(0x9E3779B97F4A7C15u * (opt.seed + 1));
	for (size_t i = 0; i < CONNECTIONS; i++)
		bus[i] = caller_connect(opt.bus);
	replay();
	printf("%lu calls, %lu taken, %zu kinds of answers\n", asked, taken, kind_count);
	for (size_t i = 0; i < HELD; i++)
		sd_bus_message_unref(held[i]);
	for (size_t i = 0; i < CONNECTIONS; i++)
		sd_bus_flush_close_unref(bus[i]);
	corpus_free();
	while (kind_count)
		free(kind[--kind_count]);
	return taken ? 0 : 1;
}
