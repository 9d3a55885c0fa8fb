/* SPDX-License-Identifier: Apache-2.0 */

/* lifecyclectl: options, the table of verbs, and how errors are said. */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"

enum option_id {
	OPTION_VERSION = 0x100,
	OPTION_BUS,
	OPTION_NO_LEGEND,
	OPTION_NO_BLOCK,
	OPTION_TIMEOUT,
	OPTION_IF_LIFE,
	OPTION_SINCE,
	OPTION_NO_FOLLOW,
	OPTION_TAIL,
	OPTION_RAW,
	OPTION_FORCE,
	OPTION_PENDING,
	OPTION_DRY_RUN,
	OPTION_PRESERVE,
	OPTION_HOST,
	OPTION_BOUND,
	OPTION_SECURE_VIEW,
	OPTION_WHY,
	OPTION_NO_ASK_PASSWORD,
};

/* What a verb takes beside the options of all. */
enum {
	TAKES_WAIT = 1 << 0,    /* --no-block */
	TAKES_IF_LIFE = 1 << 1,
	TAKES_SINCE = 1 << 2,   /* --since, --no-follow */
	TAKES_CONSOLE = 1 << 3, /* --tail */
	TAKES_FORCE = 1 << 4,
	TAKES_RAW = 1 << 5,
	TAKES_SECURE_VIEW = 1 << 6,
	TAKES_FOLLOW = 1 << 7,
	TAKES_PRESERVE = 1 << 8,
	TAKES_PENDING = 1 << 9,
	TAKES_DRY_RUN = 1 << 10,
	TAKES_HOST = 1 << 11,
	TAKES_BOUND = 1 << 12,
	TAKES_TIMEOUT = 1 << 13,
	TAKES_WHY = 1 << 14,
	CHANGES = 1 << 15,      /* no option: polkit may want a password for it */
};

struct verb {
	const char *name, *arguments, *help;
	int min, max; /* arguments */
	int takes;
	int (*run)(struct cli *c, int argc, char **argv);
};

static int verb_help(struct cli *c, int argc, char **argv);

static const struct verb verbs[] = {
	{ "list", "[NAME|GLOB...]", "Show VMs, one a line", 0, INT_MAX, 0, verb_list },
	{ "status", "NAME...", "Show all there is to know of a VM", 1, INT_MAX, 0, verb_status },
	{ "why", "NAME...", "Say what a VM waits for, and what comes then", 1, INT_MAX, 0, verb_why },
	{ "peers", "[NAME...]", "Show what lives owe Secure Partitions", 0, INT_MAX, 0, verb_peers },
	{ "leases", "[NAME...]", "Show who holds the ends of lives", 0, INT_MAX, 0, verb_leases },
	{ "lease", "NAME -- COMMAND", "Hold the end of a life while a command runs", 2, INT_MAX, TAKES_TIMEOUT | TAKES_IF_LIFE | TAKES_WHY | CHANGES, verb_lease },
	{ "trace", "[SP]", "Show the last frames to and from SPs", 0, 1, TAKES_RAW | TAKES_FOLLOW, verb_trace },
	{ "partitions", "[SP...]", "Show FF-A partitions, or all about an SP", 0, INT_MAX, TAKES_SECURE_VIEW, verb_partitions },
	{ "define", "FILE|-", "Define a VM, or define it anew, from JSON", 1, 1, CHANGES, verb_define },
	{ "undefine", "NAME...", "Take a definition back, and the VM with it", 1, INT_MAX, TAKES_PENDING | TAKES_IF_LIFE | CHANGES, verb_undefine },
	{ "validate", "FILE|NAME|-...", "Say what is wrong with a definition", 1, INT_MAX, 0, verb_validate },
	{ "reload", "", "Read the files of all VMs again", 0, 0, TAKES_DRY_RUN | CHANGES, verb_reload },
	{ "cat", "NAME", "Show a VM's definition", 1, 1, TAKES_PENDING, verb_cat },
	{ "edit", "NAME", "Change a VM's definition in your editor", 1, 1, 0, verb_edit },
	{ "start", "NAME...", "Begin a life", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | TAKES_BOUND | CHANGES, verb_start },
	{ "stop", "NAME...", "Ask the guest to power off", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | CHANGES, verb_stop },
	{ "pause", "NAME...", "Take the vCPUs out of the guest", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | CHANGES, verb_pause },
	{ "resume", "NAME...", "Let them go on", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | CHANGES, verb_resume },
	{ "abort", "NAME...", "End the life", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | TAKES_PRESERVE | CHANGES, verb_abort },
	{ "restart", "NAME...", "End the life and begin the next", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | CHANGES, verb_restart },
	{ "destroy", "NAME...", "End the life, then forget the VM", 1, INT_MAX, TAKES_WAIT | TAKES_TIMEOUT | TAKES_IF_LIFE | CHANGES, verb_destroy },
	{ "shutdown", "", "End all VMs in order", 0, 0, TAKES_WAIT | TAKES_TIMEOUT | TAKES_HOST | CHANGES, verb_shutdown },
	{ "forget", "NAME|LIFE [SP]", "Give up what a stuck life owes an SP", 1, 2, TAKES_FORCE | TAKES_IF_LIFE | CHANGES, verb_forget },
	{ "monitor", "[NAME]", "Show each change as it happens", 0, 1, TAKES_SINCE, verb_monitor },
	{ "console", "NAME", "Show what the guest said", 1, 1, TAKES_CONSOLE | TAKES_RAW | TAKES_FOLLOW | CHANGES, verb_console },
	{ "help", "[VERB]", "Show this", 0, 1, 0, verb_help },
};
#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

static void print_verb(const struct verb *v)
{
	(void)printf("  %-10s %-16s %s\n", v->name, v->arguments, v->help);
}

static const char *const option_help =
	"\nOptions:\n"
	"  -o, --output=FORMAT  table, json or json-pretty\n"
	"  -q, --quiet          no more than what was asked for\n"
	"      --no-legend      no column headers\n"
	"      --bus=ADDRESS    D-Bus address, or 'system' (else $LIFECYCLED_BUS, else the system bus)\n"
	"      --no-ask-password\n"
	"                       fail where polkit wants a password\n"
	"  -h, --help           this text\n"
	"      --version        the version\n"
	"start, stop, pause, resume, abort, restart, destroy:\n"
	"      --no-block       do not wait until it is done\n"
	"      --timeout=SEC    wait no longer than this\n"
	"      --if-life=N      only if this is the VM's life\n"
	"start:\n"
	"      --bound          stay, and end the VM when this ends\n"
	"abort:\n"
	"      --preserve       keep life and memory for a post-mortem\n"
	"undefine:\n"
	"      --pending        a VM that lives goes at the end of its life\n"
	"      --if-life=N      only if this is the VM's life\n"
	"cat:\n"
	"      --pending        what the next life will be\n"
	"reload:\n"
	"      --dry-run        say what would come of it, do nothing\n"
	"shutdown (and --no-block, --timeout):\n"
	"      --host           the host goes down: the cause of each end is host-shutdown\n"
	"lease (write -- before the command):\n"
	"      --timeout=SEC    the command needs so long at most, once it is told to end\n"
	"      --why=TEXT       for people who ask why a life does not end\n"
	"      --if-life=N      only if this is the VM's life\n"
	"forget:\n"
	"      --force          do it; without it, say what it means\n"
	"      --if-life=N      this life of the VM\n"
	"monitor:\n"
	"      --since=SEQ      begin after this sequence number\n"
	"      --no-follow      print what the log still has, and leave\n"
	"console:\n"
	"  -f, --follow         go on as the guest goes on\n"
	"      --tail=N         begin with the last N lines\n"
	"      --raw            pass control characters to a terminal\n"
	"partitions:\n"
	"      --secure-view[=SOCKET]\n"
	"                       beside what the secure side says itself, at lifecycled-spmc's inspection socket\n"
	"trace:\n"
	"  -f, --follow         go on with each frame as it comes\n"
	"      --raw            registers x0 to x7 instead of words\n"
	"\nlifecyclectl(1) explains all of it, exit codes too.\n";

static void print_json_help(const struct cli *c)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < VERB_COUNT; i++) {
		struct json_object *o = json_object_new_object();

		json_add_string(o, "verb", verbs[i].name);
		json_add_string(o, "arguments", verbs[i].arguments);
		json_add_string(o, "help", verbs[i].help);
		(void)json_object_array_add(array, o);
	}
	json_print(c, array);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int verb_help(struct cli *c, int argc, char **argv)
{
	const struct verb *one = argc > 0 ? find_verb(argv[0]) : NULL;

	if (argc > 0 && !one)
		return cli_usage("no verb is called '%s'", argv[0]);
	if (wants_json(c)) {
		print_json_help(c);
		return 0;
	}
	(void)puts("lifecyclectl [OPTION...] VERB [ARGUMENT...]\n\nVerbs:");
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (!one || one == &verbs[i])
			print_verb(&verbs[i]);
	(void)fputs(option_help, stdout);
	return 0;
}

static int parse_output(struct cli *c, const char *text)
{
	static const char *const formats[] = { "table", "json", "json-pretty" };

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(formats[i], text) == 0) {
			c->output = (enum output)i;
			return 0;
		}
	}
	return cli_usage("--output is table, json or json-pretty, not '%s'", text);
}

static int parse_number(const char *option, const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') || *ret > max)
		return cli_usage("--%s takes a number from 0 to %llu, not '%s'", option, (unsigned long long)max, text);
	return 0;
}

static int parse_timeout(struct cli *c, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0) || seconds > 1e6)
		return cli_usage("--timeout takes seconds from 0 to 1000000, not '%s'", text);
	c->timeout_ms = (int)(seconds * 1000);
	return 0;
}

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "follow", no_argument, NULL, 'f' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "bus", required_argument, NULL, OPTION_BUS },
	{ "no-legend", no_argument, NULL, OPTION_NO_LEGEND },
	{ "no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD },
	{ "no-block", no_argument, NULL, OPTION_NO_BLOCK },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "if-life", required_argument, NULL, OPTION_IF_LIFE },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "no-follow", no_argument, NULL, OPTION_NO_FOLLOW },
	{ "tail", required_argument, NULL, OPTION_TAIL },
	{ "raw", no_argument, NULL, OPTION_RAW },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "pending", no_argument, NULL, OPTION_PENDING },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "preserve", no_argument, NULL, OPTION_PRESERVE },
	{ "host", no_argument, NULL, OPTION_HOST },
	{ "bound", no_argument, NULL, OPTION_BOUND },
	{ "secure-view", optional_argument, NULL, OPTION_SECURE_VIEW },
	{ "why", required_argument, NULL, OPTION_WHY },
	{ 0 },
};

struct parsed {
	int takes; /* of the options seen */
	bool help, version;
};

static int take_option(struct cli *c, int id, struct parsed *p)
{
	uint64_t number;
	int r = 0;

	switch (id) {
	case 'h':
		p->help = true;
		return 0;
	case OPTION_VERSION:
		p->version = true;
		return 0;
	case 'o':
		return parse_output(c, optarg);
	case 'q':
		c->quiet = true;
		return 0;
	case OPTION_BUS:
		c->bus = optarg;
		return 0;
	case OPTION_NO_LEGEND:
		c->legend = false;
		return 0;
	case OPTION_NO_ASK_PASSWORD:
		c->no_ask = true;
		return 0;
	case OPTION_NO_BLOCK:
		c->block = false;
		p->takes |= TAKES_WAIT;
		return 0;
	case OPTION_TIMEOUT:
		p->takes |= TAKES_TIMEOUT;
		return parse_timeout(c, optarg);
	case OPTION_IF_LIFE:
		p->takes |= TAKES_IF_LIFE;
		return parse_number("if-life", optarg, UINT64_MAX, &c->if_life);
	case OPTION_SINCE:
		p->takes |= TAKES_SINCE;
		c->has_since = true;
		return parse_number("since", optarg, UINT64_MAX, &c->since);
	case OPTION_NO_FOLLOW:
		p->takes |= TAKES_SINCE;
		c->leave = true;
		return 0;
	case 'f':
		p->takes |= TAKES_FOLLOW;
		c->follow = true;
		return 0;
	case OPTION_TAIL:
		p->takes |= TAKES_CONSOLE;
		r = parse_number("tail", optarg, LONG_MAX, &number);
		c->tail = r ? c->tail : (long)number;
		return r;
	case OPTION_BOUND:
		p->takes |= TAKES_BOUND;
		c->bound = true;
		return 0;
	case OPTION_HOST:
		p->takes |= TAKES_HOST;
		c->host = true;
		return 0;
	case OPTION_PRESERVE:
		p->takes |= TAKES_PRESERVE;
		c->preserve = true;
		return 0;
	case OPTION_PENDING:
		p->takes |= TAKES_PENDING;
		c->pending = true;
		return 0;
	case OPTION_DRY_RUN:
		p->takes |= TAKES_DRY_RUN;
		c->dry_run = true;
		return 0;
	case OPTION_FORCE:
		p->takes |= TAKES_FORCE;
		c->force = true;
		return 0;
	case OPTION_SECURE_VIEW:
		p->takes |= TAKES_SECURE_VIEW;
		c->secure_view = optarg ? optarg : "/run/lifecycled/spmc-inspect.sock";
		return 0;
	case OPTION_WHY:
		p->takes |= TAKES_WHY;
		c->why = optarg;
		return 0;
	case OPTION_RAW:
		p->takes |= TAKES_RAW;
		c->raw = true;
		return 0;
	default:
		(void)fputs("Try 'lifecyclectl --help'.\n", stderr);
		return CLI_USAGE;
	}
}

static int check_verb(const struct cli *c, const struct verb *v, const char *name, int argc, const struct parsed *p)
{
	if (!v)
		return cli_usage("no verb is called '%s'", name);
	if (p->takes & ~v->takes)
		return cli_usage("%s does not take one of these options", v->name);
	if (argc < v->min)
		return cli_usage("%s needs %s", v->name, v->arguments);
	if (argc > v->max)
		return cli_usage("%s takes %s and no more", v->name, *v->arguments ? v->arguments : "no argument");
	if (c->if_life && argc > 1 && v->max == INT_MAX && v->run != verb_lease)
		return cli_usage("--if-life means one VM, but %d are named", argc);
	if (c->bound && (argc > 1 || !c->block || c->if_life))
		return cli_usage("start --bound takes one VM, and neither --no-block nor --if-life");
	return 0;
}

static int run(struct cli *c, int argc, char **argv, const struct parsed *p)
{
	const struct verb *v = argc > 0 ? find_verb(argv[0]) : find_verb("list");
	int r;

	if (argc > 0) {
		r = check_verb(c, v, argv[0], argc - 1, p);
		argc--;
		argv++;
	} else {
		r = check_verb(c, v, "list", 0, p);
	}
	if (r)
		return r;
	if (v->run != verb_help) {
		r = cli_connect(c);
		if (r)
			return r;
		if (v->takes & CHANGES)
			ask_start(c);
	}
	return v->run(c, argc, argv);
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

int main(int argc, char **argv)
{
	struct cli c = { .legend = true, .block = true, .timeout_ms = LIFECYCLE_FOREVER, .tail = -1 };
	struct parsed p = { 0 };
	int id, r;

	(void)setlocale(LC_ALL, "");
	c.terminal = isatty(STDOUT_FILENO);
	c.colour = wants_colour();
	while ((id = getopt_long(argc, argv, "ho:qf", options, NULL)) >= 0) {
		r = take_option(&c, id, &p);
		if (r)
			return r;
	}
	if (p.version) {
		(void)puts("lifecyclectl " LIFECYCLECTL_VERSION);
		return 0;
	}
	r = p.help ? verb_help(&c, 0, NULL) : run(&c, argc - optind, argv + optind, &p);
	lifecycle_unref(c.l);
	ask_end();
	if (fflush(stdout) == 0 && !ferror(stdout))
		return r;
	if (errno != EPIPE) /* who reads no further knows */
		(void)cli_say_error("not all could be written to standard output: %s", strerror(errno));
	return r ? r : CLI_FAILED;
}
