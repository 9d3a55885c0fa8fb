/* SPDX-License-Identifier: Apache-2.0 */
#include "main/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config.h"
#include "main/config_files.h"
#include "main/settings.h"
#include "main/value.h"

static const char help[] =
	"lifecycled [OPTIONS]\n"
	"\n"
	"The lifecycle manager of this host's KVM guests and FF-A partitions. See lifecycled(8).\n"
	"What is not given here is as lifecycled.conf(5) says.\n"
	"\n"
	"  --bus system|none|ADDRESS    D-Bus to serve on (default: system)\n"
	"  --state-dir DIR              the log lives here (default: /run/lifecycled/log)\n"
	"  --runtime-dir DIR            sockets, the state page, lives (default: /run/lifecycled)\n"
	"  --memory-dir DIR             guest memory: tmpfs (default: /run/lifecycled/memory)\n"
	"  --huge-dir DIR               guest memory on reserved huge pages: hugetlbfs (default: none)\n"
	"  --vmm PATH                   the VMM to start (default: " VMM_PATH ")\n"
	"  --starter auto|spawn|systemd who starts VMMs: this daemon, or systemd as units (default: auto, systemd where\n"
	"                               it is PID 1 and the bus is its own)\n"
	"  --vmm-group GROUP            may connect to vmm.sock, too: the group of VMMs that are units\n"
	"  --vmm-user USER              VMMs that this daemon starts as root become this user\n"
	"  --secure SOCKET|none         the secure side (default: /run/lifecycled/spmc.sock)\n"
	"  --sp-profile ID=trusty|optee|strict\n"
	"                               what an SP's answers mean when an outcome is unknown; may be repeated\n"
	"  --sp ID=created|destroyed|both|none\n"
	"                               who is there, where the secure side cannot be asked; may be repeated\n"
	"  --retry [ID:]KEY=TIME,...    first, cap, probe, active, jitter: how often a message is sent again\n"
	"                               (default: first=200us,cap=100ms,active=5s,probe=1s,jitter=20)\n"
	"  --discover-every TIME|never  look which SPs there are, without a reason, too (default: 60s)\n"
	"  --frame-timeout TIME         the secure side must answer a call by then (default: 2s)\n"
	"  --ids FIRST-LAST             the FF-A ids that VMs get here (default: 0x0001-0x7ffe, all there are)\n"
	"  --definitions DIR            read DIR/*.json; may be repeated, later ones win\n"
	"                               (default: vm.d of /usr/lib, /run and /etc/lifecycled)\n"
	"  --log-level LEVEL            error, warning, notice, info or debug (default: info)\n"
	"  --config FILE|none           read FILE, or nothing, in place of lifecycled.conf and its drop-ins\n"
	"  --check-config               say what is wrong with them or with the other options, and leave\n"
	"  --cat-config                 print those files, and leave\n"
	"  --help, --version\n";

/* Beside the settings, whose numbers are their place in the table. */
enum { OPT_SETTING = 256, OPT_CONFIG = 512, OPT_CHECK, OPT_CAT, OPT_HELP, OPT_VERSION };

static const struct option others[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "cat-config", no_argument, NULL, OPT_CAT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};
#define OTHER_COUNT (sizeof(others) / sizeof(*others))

/* The command line, taken apart: files are read before it has its say. */
struct command_line {
	struct given {
		const struct setting *setting;
		const char *value;
	} *given;
	size_t count;
	const char *config;
	bool check, cat;
};

static void command_line_free(struct command_line *c)
{
	free(c->given);
}

static int take_other(struct command_line *c, int option)
{
	switch (option) {
	case OPT_CONFIG:
		c->config = optarg;
		return 0;
	case OPT_CHECK:
		c->check = true;
		return 0;
	case OPT_CAT:
		c->cat = true;
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("lifecycled " VERSION);
		return 1;
	}
	fputs("lifecycled: see --help\n", stderr);
	return -EINVAL;
}

static int read_command_line(int argc, char **argv, struct command_line *c)
{
	_cleanup_(freep) struct option *table = calloc(setting_count + OTHER_COUNT, sizeof(*table));
	int option, r = 0;

	c->given = calloc((size_t)argc + 1, sizeof(*c->given));
	if (!table || !c->given)
		return -ENOMEM;
	for (size_t i = 0; i < setting_count; i++)
		table[i] = (struct option){ settings[i].option, required_argument, NULL, OPT_SETTING + (int)i };
	memcpy(table + setting_count, others, sizeof(others));
	while (r == 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option >= OPT_SETTING && option < OPT_CONFIG)
			c->given[c->count++] = (struct given){ &settings[option - OPT_SETTING], optarg };
		else
			r = take_other(c, option);
	}
	if (r == 0 && optind != argc) {
		fprintf(stderr, "lifecycled: %s: no arguments are taken; see --help\n", argv[optind]);
		return -EINVAL;
	}
	return r;
}

/* What the files said of a setting that has many values is forgotten with the first one that is given here. */
static int take_command_line(const struct command_line *c, struct options *o)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct setting *s = c->given[i].setting;
		char name[32];
		struct value_origin origin = { .name = name };
		bool again = false;
		int r;

		for (size_t before = 0; before < i; before++)
			again = again || c->given[before].setting == s;
		if (!again)
			setting_reset(s, o);
		(void)snprintf(name, sizeof(name), "--%s", s->option);
		value_from(&origin);
		r = setting_take(s, o, c->given[i].value);
		value_from(NULL);
		if (r < 0)
			return r;
		setting_came_from(s, o, &origin, c->given[i].value);
	}
	return 0;
}

static int read_files(const struct command_line *c, struct options *o)
{
	o->files = calloc(1, sizeof(*o->files));
	if (!o->files)
		return -ENOMEM;
	if (c->config && strcmp(c->config, "none") == 0)
		return 0;
	return config_files_read(o->files, "", c->config);
}

/* Each of the two is named where it stands: one may be in a file, and the other written. */
static int refuse_beside(const struct options *o, const char *option, const char *why, const char *other)
{
	char place[ORIGIN_MAX], beside[ORIGIN_MAX];

	fprintf(stderr, "lifecycled: %s: %s; it does not go with %s\n", setting_origin(option, o, place, sizeof(place)), why,
		setting_origin(other, o, beside, sizeof(beside)));
	return -EINVAL;
}

/* Settings that do not go together, and those that nobody gave. */
static int finish(struct options *o)
{
	static const char *const directories[] = { "/usr/lib/lifecycled/vm.d", "/run/lifecycled/vm.d", "/etc/lifecycled/vm.d" };

	if (o->starter == STARTER_SYSTEMD && strcmp(o->bus, "none") == 0)
		return refuse_beside(o, "starter", "systemd is asked over the bus", "bus");
	if (o->starter == STARTER_SYSTEMD && o->vmm_user != (uid_t)-1)
		return refuse_beside(o, "vmm-user", "a VMM that is a unit has the user of its unit; use a drop-in with User=", "starter");
	if (strcmp(o->secure, "none") == 0)
		o->secure = NULL;
	if (!o->definition_count) {
		memcpy(o->definitions, directories, sizeof(directories));
		o->definition_count = sizeof(directories) / sizeof(*directories);
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *o)
{
	_cleanup_(command_line_free) struct command_line c = { 0 };
	int r;

	settings_default(o);
	r = read_command_line(argc, argv, &c);
	if (r)
		return r;
	r = read_files(&c, o);
	if (r == 0 && c.cat) {
		config_files_print(o->files, stdout);
		return 1;
	}
	if (r == 0)
		r = config_files_take(o->files, o);
	if (r == 0)
		r = take_command_line(&c, o);
	if (r == 0)
		r = finish(o);
	if (r == -ENOMEM)
		fputs("lifecycled: no memory for its options\n", stderr);
	if (r || !c.check)
		return r;
	return o->files->warnings ? -EUCLEAN : 1;
}

void options_free(struct options *o)
{
	o->files = config_files_free(o->files);
}
