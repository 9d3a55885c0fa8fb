/* SPDX-License-Identifier: Apache-2.0 */

/* lifecycled-spmc: a software secure side, for where there is no secure world. */

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "spmc/file.h"
#include "spmc/control.h"
#include "spmc/options.h"
#include "spmc/service.h"

static const char help[] =
	"lifecycled-spmc [OPTION]...\n"
	"A software secure side: hosts Secure Partitions behind a socket.\n\n"
	"  --socket PATH     where the hypervisor connects (/run/lifecycled/spmc.sock)\n"
	"  --inspect PATH    where the books can be read (/run/lifecycled/spmc-inspect.sock)\n"
	"  --state FILE      keep the secure world in FILE, on a tmpfs: it survives this process\n"
	"  --control PATH    take commands there (default: none)\n"
	"  --tell COMMAND    send one to the lifecycled-spmc at --control, and leave: 'EVENT ID', 'reset', or\n"
	"                    'notifier ID VM register NAME hold TIME [fails]', '... register NAME run PROGRAM [ARG..]',\n"
	"                    '... unregister NAME'\n"
	"  --schedule EVENT=MS[,..]\n"
	"                    let it happen by itself, MS apart in the mean, as --seed has it; events: crash, stop,\n"
	"                    destroy, restart, activate, finish, panic, ring, reset\n"
	"  --seed N          of all that is random\n"
	"  --user NAME       the hypervisor's user, if it is not this one\n"
	"  --reset           start as a new secure world\n"
	"  --sps FILE        read the secure world from FILE: see lifecycled-spmc(8)\n"
	"  --sp PERSONALITY:ID[:OPTION,..]\n"
	"                    host an SP; may be repeated; personalities: trusty, optee-spmc (or optee),\n"
	"                    optee-el3, optee-hafnium, hafnium, el3, strict, slow, hostile\n"
	"                    (default: trusty:0x8001 and optee:0x8002)\n"
	"  --no-sps          host none\n"
	"  --discovery HOW   regs, rx (as before FF-A v1.2) or none\n"
	"  --spmc WHICH      what the SPs are behind: auto, own, optee, el3 or hafnium\n"
	"  --ffa-version V   of the SPMC: 1.0, 1.1, 1.2 or 1.3\n"
	"  --help, --version\n\n"
	"SP options: tick=USEC notifiers=N doorbell=0|1 capacity=N subscribe=created|destroyed|both|none\n"
	"  notifier-contract=header|seed host-client=0|1 (trusty)\n"
	"  silent=0|1 receive=0|1 virtualization=0|1 sticky=0|1 delay=USEC boot=USEC live-activation=0|1\n"
	"  abort-action=stop|destroy|restart|propagate|legacy changes=nothing|image|uuid|version\n"
	"  does=mixture|never-0|wrong-type|wrong-ids|wrong-sender|interrupt|yield|random (hostile)\n"
	"Faults, for tests: stuck=1; done for the first N requests:\n"
	"  busy=N interrupted=N abort=N preempt=N yield=N mute=N\n";

enum { OPT_SOCKET = 1, OPT_INSPECT, OPT_STATE, OPT_RESET, OPT_USER, OPT_SPS, OPT_SP, OPT_NO_SPS,
	OPT_DISCOVERY, OPT_SPMC, OPT_FFA_VERSION, OPT_SEED, OPT_CONTROL, OPT_TELL,
	OPT_SCHEDULE, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "inspect", required_argument, NULL, OPT_INSPECT },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "reset", no_argument, NULL, OPT_RESET },
	{ "user", required_argument, NULL, OPT_USER },
	{ "sps", required_argument, NULL, OPT_SPS },
	{ "sp", required_argument, NULL, OPT_SP },
	{ "no-sps", no_argument, NULL, OPT_NO_SPS },
	{ "discovery", required_argument, NULL, OPT_DISCOVERY },
	{ "spmc", required_argument, NULL, OPT_SPMC },
	{ "ffa-version", required_argument, NULL, OPT_FFA_VERSION },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "tell", required_argument, NULL, OPT_TELL },
	{ "schedule", required_argument, NULL, OPT_SCHEDULE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static void add_sp(struct world_config *config, const char *text)
{
	struct complaint why;

	if (options_add_sp(config, text, &why) == 0)
		return;
	fprintf(stderr, "lifecycled-spmc: --sp %s: %s\n", text, why.text);
	exit(EXIT_FAILURE);
}

static void set_world(struct world_config *config, const char *name, const char *value)
{
	struct complaint why;

	if (options_set_world(config, name, value, &why) == 0)
		return;
	fprintf(stderr, "lifecycled-spmc: --%s\n", why.text);
	exit(EXIT_FAILURE);
}

static void read_file(struct world_config *config, const char *path)
{
	struct complaint why;

	if (file_read(config, path, &why) == 0)
		return;
	fprintf(stderr, "lifecycled-spmc: %s\n", why.text);
	exit(EXIT_FAILURE);
}

static uid_t user_id(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user)
		return user->pw_uid;
	fprintf(stderr, "lifecycled-spmc: --user %s: there is no such user; see systemd-sysusers(8)\n", name);
	exit(EXIT_FAILURE);
}

static void set_schedule(struct world_config *config, const char *text)
{
	struct complaint why;

	if (schedule_parse(config, text, &why) == 0)
		return;
	fprintf(stderr, "lifecycled-spmc: --schedule %s: %s\n", text, why.text);
	exit(EXIT_FAILURE);
}

static int tell_control(const char *path, const char *command)
{
	if (path)
		return control_tell(path, command);
	fputs("lifecycled-spmc: --tell needs --control PATH, the one that it was started with\n", stderr);
	return EXIT_FAILURE;
}

static void say(const char *text)
{
	fputs(text, stdout);
	exit(EXIT_SUCCESS);
}

static void parse(struct service_options *o, int argc, char **argv)
{
	const char *tell = NULL;
	bool none = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case OPT_SOCKET: o->socket = optarg; break;
		case OPT_INSPECT: o->inspect = optarg; break;
		case OPT_STATE: o->state = optarg; break;
		case OPT_RESET: o->reset = true; break;
		case OPT_USER: o->hypervisor = user_id(optarg); break;
		case OPT_SP: add_sp(&o->world, optarg); break;
		case OPT_NO_SPS: none = true; break;
		case OPT_SPS: read_file(&o->world, optarg); break;
		case OPT_DISCOVERY: set_world(&o->world, "discovery", optarg); break;
		case OPT_SPMC: set_world(&o->world, "spmc", optarg); break;
		case OPT_FFA_VERSION: set_world(&o->world, "ffa-version", optarg); break;
		case OPT_SEED: set_world(&o->world, "seed", optarg); break;
		case OPT_CONTROL: o->control = optarg; break;
		case OPT_TELL: tell = optarg; break;
		case OPT_SCHEDULE: set_schedule(&o->world, optarg); break;
		case OPT_HELP: say(help); break;
		case OPT_VERSION: say("lifecycled-spmc " PROJECT_VERSION "\n"); break;
		default: exit(EXIT_FAILURE);
		}
	}
	if (optind < argc || (none && o->world.sp_count)) {
		fprintf(stderr, "lifecycled-spmc: %s\n",
			optind < argc ? "takes options alone" : "--no-sps excludes --sp and --sps");
		exit(EXIT_FAILURE);
	}
	if (tell)
		exit(tell_control(o->control, tell));
	if (!none && !o->world.sp_count)
		options_default_sps(&o->world);
}

int main(int argc, char **argv)
{
	struct service_options o = {
		.socket = "/run/lifecycled/spmc.sock",
		.inspect = "/run/lifecycled/spmc-inspect.sock",
		.hypervisor = geteuid(),
	};

	log_open("lifecycled-spmc", LOG_INFO);
	parse(&o, argc, argv);
	return service_run(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
