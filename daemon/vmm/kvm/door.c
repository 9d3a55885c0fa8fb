/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct {
	char name[48]; /* "" : nothing is injected */
	int error;
	unsigned long from;
	unsigned long calls;
} injection;

int kvm_door_inject(const char *spec)
{
	const char *equals = spec ? strchr(spec, '=') : NULL;
	char *end;
	unsigned long error;

	memset(&injection, 0, sizeof(injection));
	if (!spec || !*spec)
		return 0;
	if (!equals || equals == spec || (size_t)(equals - spec) >= sizeof(injection.name))
		return -EINVAL;
	error = strtoul(equals + 1, &end, 10);
	if (end == equals + 1 || error == 0 || error > 4095)
		return -EINVAL;
	injection.from = 1;
	if (*end == '@')
		injection.from = strtoul(end + 1, &end, 10);
	if (*end)
		return -EINVAL;
	injection.error = (int)error;
	memcpy(injection.name, spec, (size_t)(equals - spec));
	return 0;
}

int kvm_door_injected(const char *name)
{
	if (!injection.name[0] || strcmp(injection.name, name) != 0)
		return 0;
	return __atomic_add_fetch(&injection.calls, 1, __ATOMIC_RELAXED) >= injection.from ? -injection.error : 0;
}

int kvm_door(int fd, unsigned long request, const char *name, unsigned long argument)
{
	int r = kvm_door_injected(name);

	if (r < 0)
		return r;
	r = ioctl(fd, request, argument);
	return r < 0 ? -errno : r;
}

int kvm_door_open(void)
{
	int r = kvm_door_injected("open");

	if (r < 0)
		return r;
	r = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return r < 0 ? -errno : r;
}
