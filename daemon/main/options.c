/* SPDX-License-Identifier: Apache-2.0 */
#include "main/options.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "config.h"
#include "main/vmm_user.h"
#include "proto/ffa.h"

static const char help[] =
	"lifecycled [OPTIONS]\n"
	"\n"
	"The lifecycle manager of this host's KVM guests and FF-A partitions. See lifecycled(8).\n"
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
	"  --help, --version\n";

enum { OPT_BUS = 256, OPT_STATE, OPT_RUNTIME, OPT_MEMORY, OPT_HUGE, OPT_VMM, OPT_SECURE, OPT_STARTER, OPT_VMM_GROUP, OPT_VMM_USER, OPT_PROFILE, OPT_SP, OPT_RETRY,
	OPT_DISCOVER_EVERY, OPT_FRAME_TIMEOUT, OPT_IDS, OPT_DEFINITIONS,
	OPT_LOG_LEVEL, OPT_HELP, OPT_VERSION };

static const struct option table[] = {
	{ "bus", required_argument, NULL, OPT_BUS },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "runtime-dir", required_argument, NULL, OPT_RUNTIME },
	{ "memory-dir", required_argument, NULL, OPT_MEMORY },
	{ "huge-dir", required_argument, NULL, OPT_HUGE },
	{ "vmm", required_argument, NULL, OPT_VMM },
	{ "starter", required_argument, NULL, OPT_STARTER },
	{ "vmm-group", required_argument, NULL, OPT_VMM_GROUP },
	{ "vmm-user", required_argument, NULL, OPT_VMM_USER },
	{ "secure", required_argument, NULL, OPT_SECURE },
	{ "sp-profile", required_argument, NULL, OPT_PROFILE },
	{ "sp", required_argument, NULL, OPT_SP },
	{ "retry", required_argument, NULL, OPT_RETRY },
	{ "discover-every", required_argument, NULL, OPT_DISCOVER_EVERY },
	{ "frame-timeout", required_argument, NULL, OPT_FRAME_TIMEOUT },
	{ "ids", required_argument, NULL, OPT_IDS },
	{ "definitions", required_argument, NULL, OPT_DEFINITIONS },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int parse_level(const char *text, int *ret)
{
	static const char *const words[] = { [LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
		[LOG_INFO] = "info", [LOG_DEBUG] = "debug" };
	int level = option_word(text, words, sizeof(words) / sizeof(*words));

	if (level < 0) {
		fprintf(stderr, "lifecycled: --log-level %s: write error, warning, notice, info or debug\n", text);
		return -EINVAL;
	}
	*ret = level;
	return 0;
}

static int parse_starter(const char *text, struct options *o)
{
	static const char *const words[] = { [STARTER_AUTO] = "auto", [STARTER_SPAWN] = "spawn",
		[STARTER_SYSTEMD] = "systemd" };
	int starter = option_word(text, words, sizeof(words) / sizeof(*words));

	if (starter < 0) {
		fprintf(stderr, "lifecycled: --starter %s: write auto, spawn or systemd\n", text);
		return -EINVAL;
	}
	o->starter = (enum starter)starter;
	return 0;
}

static int parse_group(const char *text, struct options *o)
{
	const struct group *group = getgrnam(text);

	if (!group) {
		fprintf(stderr, "lifecycled: --vmm-group %s: there is no such group; see systemd-sysusers(8)\n", text);
		return -EINVAL;
	}
	o->vmm_group = group->gr_gid;
	return 0;
}

static int parse_ids(const char *text, struct options *o)
{
	char *end;
	unsigned long first = strtoul(text, &end, 0), last = *end == '-' ? strtoul(end + 1, &end, 0) : 0;

	if (*end || first < FFA_ID_VM_FIRST || last > FFA_ID_VM_LAST || first > last) {
		fprintf(stderr, "lifecycled: --ids %s: write FIRST-LAST, both from 0x%04x to 0x%04x, the lower one first\n", text,
			FFA_ID_VM_FIRST, FFA_ID_VM_LAST);
		return -EINVAL;
	}
	o->first_id = (uint16_t)first;
	o->last_id = (uint16_t)last;
	return 0;
}

static int parse_directory(const char *text, struct options *o)
{
	if (o->definition_count == DEFINITION_DIRS_MAX) {
		fprintf(stderr, "lifecycled: --definitions %s: at most %d directories\n", text, DEFINITION_DIRS_MAX);
		return -EINVAL;
	}
	o->definitions[o->definition_count++] = text;
	return 0;
}

static int parse_one(int c, struct options *o)
{
	const char **const paths[] = { [OPT_BUS - OPT_BUS] = &o->bus, [OPT_STATE - OPT_BUS] = &o->state_dir,
		[OPT_RUNTIME - OPT_BUS] = &o->runtime_dir, [OPT_MEMORY - OPT_BUS] = &o->memory_dir,
		[OPT_HUGE - OPT_BUS] = &o->huge_dir, [OPT_VMM - OPT_BUS] = &o->vmm,
		[OPT_SECURE - OPT_BUS] = &o->secure };

	if (c >= OPT_BUS && c <= OPT_SECURE) {
		*paths[c - OPT_BUS] = optarg;
		return 0;
	}
	switch (c) {
	case OPT_STARTER:
		return parse_starter(optarg, o);
	case OPT_VMM_GROUP:
		return parse_group(optarg, o);
	case OPT_VMM_USER:
		return vmm_user_option(optarg, o);
	case OPT_PROFILE:
		return secure_options_profile(&o->side, optarg);
	case OPT_SP:
		return secure_options_sp(&o->side, optarg);
	case OPT_RETRY:
		return secure_options_retry(&o->side, optarg);
	case OPT_DISCOVER_EVERY:
		return secure_options_discover_every(&o->side, optarg);
	case OPT_FRAME_TIMEOUT:
		return secure_options_frame_timeout(&o->side, optarg);
	case OPT_IDS:
		return parse_ids(optarg, o);
	case OPT_DEFINITIONS:
		return parse_directory(optarg, o);
	case OPT_LOG_LEVEL:
		return parse_level(optarg, &o->log_level);
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

int options_parse(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){
		.bus = "system",
		.state_dir = "/run/lifecycled/log",
		.runtime_dir = "/run/lifecycled",
		.memory_dir = "/run/lifecycled/memory",
		.vmm = VMM_PATH,
		.vmm_group = (gid_t)-1,
		.vmm_user = (uid_t)-1,
		.secure = "/run/lifecycled/spmc.sock",
		.log_level = LOG_INFO,
	};
	secure_options_init(&o->side);
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		int r = parse_one(c, o);

		if (r)
			return r;
	}
	if (optind != argc) {
		fprintf(stderr, "lifecycled: %s: no arguments are taken; see --help\n", argv[optind]);
		return -EINVAL;
	}
	if (o->starter == STARTER_SYSTEMD && strcmp(o->bus, "none") == 0) {
		fputs("lifecycled: --starter systemd: systemd is asked over the bus; give one with --bus\n", stderr);
		return -EINVAL;
	}
	if (o->starter == STARTER_SYSTEMD && o->vmm_user != (uid_t)-1) {
		fputs("lifecycled: --vmm-user: a VMM that is a unit has the user of its unit; use a drop-in with User=\n", stderr);
		return -EINVAL;
	}
	if (strcmp(o->secure, "none") == 0)
		o->secure = NULL;
	if (!o->definition_count) {
		parse_directory("/usr/lib/lifecycled/vm.d", o);
		parse_directory("/run/lifecycled/vm.d", o);
		parse_directory("/etc/lifecycled/vm.d", o);
	}
	return 0;
}
