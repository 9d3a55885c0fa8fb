/* SPDX-License-Identifier: Apache-2.0 */

/* Who may call what: each method, and the polkit action (units/org.lifecycled.policy) that one needs for it who is not trusted. */

#include <string.h>

#include "bus/internal.h"

#define ANYONE(name)               { .member = name }
#define NEEDS(name, what, word)    { .member = name, .action = BUS_NAME "." what, .verb = word }
#define OF_VM(name, what, word)    { .member = name, .action = BUS_NAME "." what, .verb = word, .names_vm = true }
#define ENDS(name, what, word, why) \
	{ .member = name, .action = BUS_NAME "." what, .verb = word, .names_vm = true, .cause = why }

/* A method of this name means the same on each interface. One that has no row is nobody's. */
static const struct right rights[] = {
	ANYONE("List"),
	ANYONE("ListPartitions"),
	ANYONE("ListPeers"),
	ANYONE("ListLeases"),
	ANYONE("Trace"),
	ANYONE("GetMetrics"),
	ANYONE("Get"),
	ANYONE("GetPartition"),
	ANYONE("GetDefinition"),
	ANYONE("Validate"),
	ANYONE("Subscribe"),
	ANYONE("WaitState"),
	/* Who has the token was let in when it was given. */
	ANYONE("BindAgain"),
	ANYONE("ReclaimDestroyLease"),
	ANYONE("ReleaseDestroyLease"),
	NEEDS("Define", "define", "define"),
	OF_VM("Undefine", "define", "undefine"),
	NEEDS("Reload", "reload", "reload"),
	OF_VM("Start", "start", "start"),
	OF_VM("StartBound", "start", "start-bound"),
	ENDS("Stop", "stop", "stop", CAUSE_USER_STOP),
	OF_VM("Pause", "pause", "pause"),
	OF_VM("Resume", "pause", "resume"),
	ENDS("Abort", "abort", "abort", CAUSE_USER_ABORT),
	ENDS("Restart", "restart", "restart", CAUSE_USER_RESTART),
	ENDS("Destroy", "destroy", "destroy", CAUSE_USER_DESTROY),
	OF_VM("Cancel", "cancel", "cancel"),
	{ .member = "Shutdown", .action = BUS_NAME ".shutdown", .verb = "shutdown", .cause = CAUSE_USER_STOP },
	NEEDS("Forget", "forget", "forget"),
	OF_VM("TakeDestroyLease", "lease", "lease"),
	OF_VM("OpenConsole", "console", "console"),
	NEEDS("Set", "log-control", "log-level"), /* of org.freedesktop.LogControl1: nothing else can be set */
};

const struct right *bus_right(const char *member)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (strcmp(rights[i].member, member) == 0)
			return &rights[i];
	return NULL;
}
