/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs.h"

#include <limits.h>
#include <string.h>

#include "nearest.h"

#define PAGES_NAMES (VERB_PAGES | VERB_NAMES)
#define STEERS (VERB_CHANGES | VERB_NAMES)

const struct verb verbs[] = {
	{ "list", "[NAME|GLOB...]", "Show VMs, one a line", 0, INT_MAX, VERB_PAGES, verb_list },
	{ "status", "NAME...", "Show all there is to know of a VM", 1, INT_MAX, PAGES_NAMES, verb_status },
	{ "show", "[NAME...]", "Show properties of VMs, or of lifecycled", 0, INT_MAX, PAGES_NAMES, verb_show },
	{ "why", "NAME...", "Say what a VM waits for, and what comes then", 1, INT_MAX, PAGES_NAMES, verb_why },
	{ "peers", "[NAME...]", "Show what lives owe Secure Partitions", 0, INT_MAX, PAGES_NAMES, verb_peers },
	{ "leases", "[NAME...]", "Show who holds the ends of lives", 0, INT_MAX, PAGES_NAMES, verb_leases },
	{ "lease", "NAME -- COMMAND", "Hold the end of a life while a command runs", 2, INT_MAX, VERB_CHANGES | VERB_FIRST, verb_lease },
	{ "trace", "[SP]", "Show the last frames to and from SPs", 0, 1, VERB_PAGES, verb_trace },
	{ "partitions", "[SP...]", "Show FF-A partitions, or all about an SP", 0, INT_MAX, VERB_PAGES, verb_partitions },
	{ "define", "FILE|-", "Define a VM, or define it anew, from JSON", 1, 1, VERB_CHANGES, verb_define },
	{ "undefine", "NAME...", "Take a definition back, and the VM with it", 1, INT_MAX, STEERS, verb_undefine },
	{ "validate", "FILE|NAME|-...", "Say what is wrong with a definition", 1, INT_MAX, 0, verb_validate },
	{ "reload", "", "Read the files of all VMs again", 0, 0, VERB_CHANGES, verb_reload },
	{ "cat", "NAME...", "Show a VM's definition", 1, INT_MAX, PAGES_NAMES, verb_cat },
	{ "edit", "NAME...", "Change a VM's definition in your editor", 1, INT_MAX, VERB_NAMES, verb_edit },
	{ "start", "NAME...", "Begin a life", 1, INT_MAX, STEERS, verb_start },
	{ "stop", "NAME...", "Ask the guest to power off", 1, INT_MAX, STEERS, verb_stop },
	{ "pause", "NAME...", "Take the vCPUs out of the guest", 1, INT_MAX, STEERS, verb_pause },
	{ "resume", "NAME...", "Let them go on", 1, INT_MAX, STEERS, verb_resume },
	{ "abort", "NAME...", "End the life", 1, INT_MAX, STEERS, verb_abort },
	{ "restart", "NAME...", "End the life and begin the next", 1, INT_MAX, STEERS, verb_restart },
	{ "destroy", "NAME...", "End the life, then forget the VM", 1, INT_MAX, STEERS, verb_destroy },
	{ "wait", "NAME...", "Wait for the end of the life, or for a state", 1, INT_MAX, VERB_NAMES, verb_wait },
	{ "shutdown", "", "End all VMs in order", 0, 0, VERB_CHANGES, verb_shutdown },
	{ "forget", "NAME|LIFE [SP]", "Give up what a stuck life owes an SP", 1, 2, VERB_CHANGES | VERB_FIRST, verb_forget },
	{ "cancel", "NAME...", "Take back a life that is to begin, and has not", 1, INT_MAX, STEERS, verb_cancel },
	{ "monitor", "[NAME...]", "Show each change as it happens", 0, INT_MAX, 0, verb_monitor },
	{ "events", "[NAME...]", "The same for programs: stored events, as JSON", 0, INT_MAX, 0, verb_events },
	{ "plot", "[NAME...]", "Draw lives over time, as SVG", 0, INT_MAX, 0, verb_plot },
	{ "console", "NAME", "Show what the guest said", 1, 1, VERB_CHANGES | VERB_NAMES, verb_console },
	{ "log-level", "[LEVEL]", "Show or change what lifecycled logs", 0, 1, VERB_CHANGES, verb_log_level },
	{ "metrics", "", "Show what is counted, for a monitoring system", 0, 0, VERB_OFFLINE, verb_metrics },
	{ "help", "[VERB|exit-codes]", "Show this, or all about a verb", 0, 1, VERB_OFFLINE, verb_help },
};
const size_t verb_count = sizeof(verbs) / sizeof(*verbs);

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < verb_count; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

int verb_no_such(const char *name)
{
	struct nearest n = { .word = name };

	cli_usage_of(NULL);
	for (size_t i = 0; i < verb_count; i++)
		nearest_try(&n, verbs[i].name);
	if (n.found)
		return cli_usage("no verb is called '%s', did you mean '%s'?", name, n.found);
	return cli_usage("no verb is called '%s'", name);
}
