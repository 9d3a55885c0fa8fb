/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sandbox/user.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PRIORITY_MAX 99

/* A number that is no -1, which would be "leave it". */
static int take_id(const char **at, unsigned *ret)
{
	char *end;
	unsigned long id;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	id = strtoul(*at, &end, 10);
	if (errno || id >= (unsigned)-1)
		return -EINVAL;
	*ret = (unsigned)id;
	*at = end;
	return 0;
}

int user_parse(const char *text, struct sandbox_user *ret)
{
	struct sandbox_user user = { .is_asked_for = true };
	int r = take_id(&text, &user.uid);

	if (r < 0 || *text++ != ':' || take_id(&text, &user.gid) < 0)
		return -EINVAL;
	while (*text == ',' && user.group_count < USER_GROUPS_MAX) {
		text++;
		if (take_id(&text, &user.group[user.group_count++]) < 0)
			return -EINVAL;
	}
	if (*text)
		return -EINVAL;
	*ret = user;
	return 0;
}

int user_become(const struct sandbox_user *user)
{
	struct rlimit priority = { PRIORITY_MAX, PRIORITY_MAX };

	if (!user->is_asked_for)
		return 0;
	/* As its unit does: vcpus.scheduling may ask for it, and a user could not give it to itself. */
	(void)setrlimit(RLIMIT_RTPRIO, &priority);
	if (setgroups(user->group_count, user->group) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
		setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0; /* another user's process may be dumped again */
}
