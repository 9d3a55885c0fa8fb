/* SPDX-License-Identifier: Apache-2.0 */
#include "main/vmm_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "main/value.h"

#define GROUPS_MAX 16

/* The groups that the user has beside its own. */
static void write_identity(const struct passwd *user, const gid_t *group, int count, char *text, size_t size)
{
	int used = snprintf(text, size, "%u:%u", user->pw_uid, user->pw_gid);

	for (int i = 0; i < count; i++)
		if (group[i] != user->pw_gid)
			used += snprintf(text + used, size - (size_t)used, ",%u", group[i]);
}

_Static_assert(sizeof(((struct options *)NULL)->vmm_identity) >= (GROUPS_MAX + 2) * sizeof("4294967295,"), "");

int vmm_user_option(const char *name, struct options *o)
{
	const struct passwd *user = getpwnam(name);
	gid_t group[GROUPS_MAX];
	int count = GROUPS_MAX;

	if (!user)
		return value_refuse(name, "there is no such user; see systemd-sysusers(8)");
	if (geteuid() != 0 && geteuid() != user->pw_uid)
		return value_refuse(name, "only root can start VMMs as another user; leave it out, or run lifecycled as root");
	if (getgrouplist(name, user->pw_gid, group, &count) < 0)
		return value_refuse(name, "a user of VMMs may have 16 groups at most");
	o->vmm_user = user->pw_uid;
	if (geteuid() == 0)
		write_identity(user, group, count, o->vmm_identity, sizeof(o->vmm_identity));
	return 0;
}
