/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "nearest.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define STEERING "start stop pause resume abort restart destroy"
#define STATE_WORDS                                                                                                     \
	"null|created|allocating|announcing|ready|booting|running|pausing|paused|aborting|quiescing|preserved|leases|retiring|" \
	"reclaiming|halted"
#define UUID_LENGTH 36
#define ID_OF_ROW 0x100 /* rows without a letter: this and their number */

static int take_true(struct cli *c, const struct option_row *o, const char *value)
{
	(void)value;
	*(bool *)((char *)c + o->field) = true;
	return 0;
}

static int take_false(struct cli *c, const struct option_row *o, const char *value)
{
	(void)value;
	*(bool *)((char *)c + o->field) = false;
	return 0;
}

static int take_text(struct cli *c, const struct option_row *o, const char *value)
{
	*(const char **)((char *)c + o->field) = value;
	return 0;
}

static int take_output(struct cli *c, const struct option_row *o, const char *value)
{
	static const char *const formats[] = { "table", "json", "json-pretty", "json-seq" };

	(void)o;
	for (unsigned i = 0; i < LENGTH(formats); i++) {
		if (strcmp(formats[i], value) == 0) {
			c->output = (enum output)i;
			c->output_given = true;
			return 0;
		}
	}
	return cli_usage("--output is table, json, json-pretty or json-seq, not '%s'", value);
}

static int take_format(struct cli *c, const struct option_row *o, const char *value)
{
	(void)o;
	if (strcmp(value, "openmetrics") != 0 && strcmp(value, "prometheus") != 0)
		return cli_usage("--format is openmetrics or prometheus, not '%s'", value);
	c->metrics_format = value;
	return 0;
}

static int take_json(struct cli *c, const struct option_row *o, const char *value)
{
	(void)o;
	(void)value;
	c->output_given = true;
	c->output = c->terminal ? OUTPUT_JSON_PRETTY : OUTPUT_JSON;
	return 0;
}

static int parse_number(const struct option_row *o, const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') || *ret > max)
		return cli_usage("--%s takes a number from 0 to %llu, not '%s'", o->name, (unsigned long long)max, text);
	return 0;
}

static int take_if_life(struct cli *c, const struct option_row *o, const char *value)
{
	return parse_number(o, value, UINT64_MAX, &c->if_life);
}

/* A sequence number, or a cursor: the log's epoch before it, which is a UUID. */
static int take_since(struct cli *c, const struct option_row *o, const char *value)
{
	const char *colon = strchr(value, ':');

	c->has_since = true;
	c->since_epoch[0] = '\0';
	if (!colon)
		return parse_number(o, value, UINT64_MAX, &c->since);
	if (colon - value != UUID_LENGTH || strspn(value, "0123456789abcdefABCDEF-") != UUID_LENGTH)
		return cli_usage("--since takes a sequence number or the cursor of an event, not '%s'", value);
	(void)snprintf(c->since_epoch, sizeof(c->since_epoch), "%.*s", UUID_LENGTH, value);
	return parse_number(o, colon + 1, UINT64_MAX, &c->since);
}

static int take_tail(struct cli *c, const struct option_row *o, const char *value)
{
	uint64_t number;
	int r = parse_number(o, value, LONG_MAX, &number);

	c->tail = r ? c->tail : (long)number;
	return r;
}

static int take_lines(struct cli *c, const struct option_row *o, const char *value)
{
	uint64_t number;
	int r = parse_number(o, value, INT_MAX, &number);

	c->lines = r ? c->lines : (long)number;
	return r;
}

static int take_timeout(struct cli *c, const struct option_row *o, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds >= 0) || seconds > 1e6)
		return cli_usage("--timeout takes seconds from 0 to 1000000, not '%s'", value);
	*(int *)((char *)c + o->field) = (int)(seconds * 1000);
	return 0;
}

static int take_property(struct cli *c, const struct option_row *o, const char *value)
{
	(void)o;
	if (c->property_count == LENGTH(c->property))
		return cli_usage("--property %s: no more than %zu of them; they can be named in one, with ',' between", value,
			LENGTH(c->property));
	c->property[c->property_count++] = value;
	return 0;
}

/* Words of states or sub-states, with commas between. */
static int take_states(struct cli *c, const struct option_row *o, const char *value)
{
	char word[64];

	for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		(void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, ","), at);
		if (lifecycle_state_from_name(word) < 0 && lifecycle_substate_from_name(word) < 0)
			return cli_usage("--%s takes states or sub-states (%s), with ',' between, not '%s'", o->name, STATE_WORDS, word);
	}
	c->states = value;
	return 0;
}

static int take_secure_view(struct cli *c, const struct option_row *o, const char *value)
{
	(void)o;
	c->secure_view = value ? value : "/run/lifecycled/spmc-inspect.sock";
	return 0;
}

/* The row, its line of help; what every verb takes comes last. */
#define TRUE(of, name_, letter_, member, help_) \
	{ .name = (name_), .letter = (letter_), .verbs = (of), .help = (help_), .field = offsetof(struct cli, member), .take = take_true }
#define FALSE(of, name_, letter_, member, help_) \
	{ .name = (name_), .letter = (letter_), .verbs = (of), .help = (help_), .field = offsetof(struct cli, member), .take = take_false }
#define TEXT(of, name_, argument_, member, help_) \
	{ .name = (name_), .argument = (argument_), .verbs = (of), .help = (help_), .field = offsetof(struct cli, member), \
	  .take = take_text }
#define VALUE(of, name_, letter_, argument_, take_, help_) \
	{ .name = (name_), .letter = (letter_), .argument = (argument_), .verbs = (of), .help = (help_), .take = (take_) }

const struct option_row option_rows[] = {
	FALSE(STEERING " shutdown", "no-block", 0, block, "do not wait until it is done"),
	TRUE(STEERING " shutdown", "wait", 0, block, "wait until it is done, as without --no-block"),
	{ .name = "timeout", .argument = "SEC", .verbs = STEERING " shutdown wait", .field = offsetof(struct cli, timeout_ms),
	  .take = take_timeout, .help = "wait no longer than this" },
	{ .name = "timeout", .argument = "SEC", .verbs = "lease", .field = offsetof(struct cli, grace_ms), .take = take_timeout,
	  .help = "the command needs so long at most, once it is told to end" },
	VALUE(STEERING " undefine lease cancel", "if-life", 0, "N", take_if_life, "only if this is the VM's life"),
	VALUE("forget", "if-life", 0, "N", take_if_life, "this life of the VM"),
	{ .name = "state", .argument = "STATE", .verbs = "wait", .take = take_states, .words = STATE_WORDS,
	  .help = "until it is in this state or sub-state, or in one of several, with ',' between" },
	{ .name = "state", .argument = "STATE", .verbs = "list", .take = take_states, .words = STATE_WORDS,
	  .help = "VMs in this state or sub-state, or in one of several, with ',' between" },
	VALUE("wait", "for", 0, "STATE", take_states, "the same as --state"),
	VALUE("show", "property", 'p', "NAME", take_property, "this property alone; or several, with ',' between"),
	TRUE("show", "value", 0, value, "the values without their names"),
	TRUE("show", "all", 'a', all, "also properties that are empty"),
	TRUE("start", "bound", 0, bound, "stay, and end the VM when this ends"),
	TRUE("abort", "preserve", 0, preserve, "keep life and memory for a post-mortem"),
	TRUE("undefine", "pending", 0, pending, "a VM that lives goes at the end of its life"),
	TRUE("cat", "pending", 0, pending, "what the next life will be"),
	TRUE(STEERING " undefine cancel shutdown", "dry-run", 0, dry_run, "say what would come of it, do nothing"),
	TRUE("reload", "dry-run", 0, dry_run, "say what would come of it, do nothing"),
	TRUE("shutdown", "host-shutdown", 0, host, "the host goes down: the cause of each end is host-shutdown"),
	TEXT("lease", "why", "TEXT", why, "for people who ask why a life does not end"),
	TRUE("forget", "force", 0, force, "do it; without it, say what it means"),
	VALUE("monitor events plot", "since", 0, "CURSOR", take_since, "begin after this event: its cursor or sequence number"),
	VALUE("monitor events", "lines", 'n', "N", take_tail, "begin with the last N of them that the log has"),
	TRUE("monitor events", "no-follow", 0, leave, "print what the log still has, and leave"),
	TRUE("console", "follow", 'f', follow, "go on as the guest goes on"),
	TRUE("trace", "follow", 'f', follow, "go on with each frame as it comes"),
	VALUE("status", "lines", 'n', "N", take_lines, "so many lines of console and journal, not 10"),
	{ .name = "format", .argument = "FORMAT", .verbs = "metrics", .take = take_format, .words = "openmetrics|prometheus",
	  .help = "openmetrics (1.0), or prometheus: the text format before it" },
	TEXT("metrics", "textfile", "FILE", textfile, "write them to a file, as node_exporter reads it"),
	TRUE("metrics", "http", 0, http, "answer one HTTP request, from standard input to standard output"),
	VALUE("console", "tail", 0, "N", take_tail, "begin with the last N lines"),
	TRUE("console", "raw", 0, raw, "pass control characters to a terminal"),
	TRUE("trace", "raw", 0, raw, "registers x0 to x7 instead of words"),
	{ .name = "secure-view", .argument = "SOCKET", .optional = true, .verbs = "partitions", .take = take_secure_view,
	  .help = "beside what the secure side says itself, at lifecycled-spmc's inspection socket" },

	{ .name = "output", .letter = 'o', .argument = "FORMAT", .take = take_output, .words = "table|json|json-pretty|json-seq",
	  .help = "table, json, json-pretty or json-seq" },
	{ .name = "json", .letter = 'j', .take = take_json, .help = "-o json-pretty on a terminal, else -o json" },
	TRUE(NULL, "quiet", 'q', quiet, "no more than what was asked for"),
	FALSE(NULL, "no-legend", 0, legend, "no column headers"),
	TRUE(NULL, "no-pager", 0, no_pager, "no pager"),
	TRUE(NULL, "full", 'l', full, "do not cut long lines of tables"),
	TEXT(NULL, "bus", "ADDRESS", bus, "D-Bus address, or 'system' (else $LIFECYCLED_BUS, else the system bus)"),
	{ .name = "host", .letter = 'H', .argument = "HOST", .field = offsetof(struct cli, remote), .take = take_text,
	  .help = "the lifecycled of another host: [USER@]HOST, by ssh" },
	TRUE(NULL, "no-ask-password", 0, no_ask, "fail where polkit wants a password"),
	TRUE(NULL, "help", 'h', help, "this text; of one verb, behind its name"),
	TRUE(NULL, "version", 0, version, "the version"),
};
const size_t option_row_count = LENGTH(option_rows);

bool option_is_of(const struct option_row *o, const char *verb)
{
	size_t length = strlen(verb);

	for (const char *at = o->verbs; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
		if (strncmp(at, verb, length) == 0 && (at[length] == ' ' || !at[length]))
			return true;
	return !o->verbs;
}

static bool is_first_of_its_name(size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (strcmp(option_rows[i].name, option_rows[row].name) == 0)
			return false;
	return true;
}

static void add_letter(char *letters, const struct option_row *o)
{
	char two[] = { (char)o->letter, o->argument ? ':' : '\0', '\0' };

	if (o->letter)
		(void)strcat(letters, two);
}

/* For getopt: every name once. */
static void describe(struct option *names, char *letters)
{
	size_t n = 0;

	(void)strcpy(letters, ":"); /* getopt says nothing itself */
	for (size_t i = 0; i < LENGTH(option_rows); i++) {
		const struct option_row *o = &option_rows[i];

		if (!is_first_of_its_name(i))
			continue;
		names[n++] = (struct option){ .name = o->name, .val = o->letter ? o->letter : ID_OF_ROW + (int)i,
			.has_arg = !o->argument ? no_argument : o->optional ? optional_argument : required_argument };
		add_letter(letters, o);
	}
	names[n] = (struct option){ 0 };
}

static const struct option_row *row_of(int id)
{
	if (id >= ID_OF_ROW)
		return &option_rows[id - ID_OF_ROW];
	for (size_t i = 0; i < LENGTH(option_rows); i++)
		if (option_rows[i].letter == id)
			return &option_rows[i];
	return NULL;
}

/* A name of several options begins so: getopt takes what is short for one alone. */
static bool is_ambiguous(const char *name)
{
	size_t begun = 0;

	for (size_t i = 0; i < LENGTH(option_rows); i++)
		begun += is_first_of_its_name(i) && strncmp(option_rows[i].name, name, strcspn(name, "=")) == 0;
	return begun > 1;
}

static int say_no_such_option(const char *word)
{
	char name[64];
	struct nearest n = { .word = name };

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	if (is_ambiguous(word + 2))
		return cli_usage("'%s' is the beginning of several options", word);
	for (size_t i = 0; i < LENGTH(option_rows); i++)
		nearest_try(&n, option_rows[i].name);
	if (n.found)
		return cli_usage("there is no option '--%s', did you mean '--%s'?", name, n.found);
	return cli_usage("there is no option '--%s'", name);
}

/* getopt gave up at a word that it has passed, or at a letter within one. */
static int say_wrong(int id, char **argv)
{
	const struct option_row *row = row_of(optopt);

	if (id == ':' && row)
		return cli_usage("--%s needs %s", row->name, row->argument);
	if (row && optopt)
		return cli_usage("--%s takes no argument", row->name);
	if (optopt)
		return cli_usage("there is no option '-%c'", optopt);
	return say_no_such_option(argv[optind - 1]);
}

static bool remember(struct written_options *w, const struct option_row *row, const char *value)
{
	struct written_option *at = reallocarray(w->at, w->count + 1, sizeof(*at));

	if (!at)
		return false;
	w->at = at;
	at[w->count++] = (struct written_option){ .row = row, .value = value };
	return true;
}

int options_read(int argc, char **argv, struct written_options *ret)
{
	struct option names[LENGTH(option_rows) + 1];
	char letters[2 * LENGTH(option_rows) + 2];
	int id;

	*ret = (struct written_options){ 0 };
	describe(names, letters);
	while ((id = getopt_long(argc, argv, letters, names, NULL)) >= 0) {
		const struct option_row *row = row_of(id);

		if (!row)
			return say_wrong(id, argv);
		if (!remember(ret, row, optarg))
			return cli_say_error("out of memory");
	}
	return 0;
}

static const struct option_row *row_for(const char *name, const char *verb)
{
	for (size_t i = 0; i < LENGTH(option_rows); i++)
		if (strcmp(option_rows[i].name, name) == 0 && option_is_of(&option_rows[i], verb))
			return &option_rows[i];
	return NULL;
}

int options_take(struct cli *c, const struct written_options *written, const char *verb)
{
	for (size_t i = 0; i < written->count; i++) {
		const struct written_option *w = &written->at[i];
		const struct option_row *o = row_for(w->row->name, verb);
		int r = o ? o->take(c, o, w->value) : cli_usage("%s does not take --%s", verb, w->row->name);

		if (r)
			return r;
	}
	return 0;
}
