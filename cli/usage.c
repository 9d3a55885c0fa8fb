/* SPDX-License-Identifier: Apache-2.0 */
#include "usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define TEXT_MAX 8192

/* A short file of the kernel's, as a string. */
static bool read_text(const char *path, char text[TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, TEXT_MAX - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

static bool read_file(const char *directory, const char *name, char text[TEXT_MAX])
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", directory, name);

	return n > 0 && (size_t)n < sizeof(path) && read_text(path, text);
}

static bool read_number(const char *directory, const char *name, uint64_t *ret)
{
	char text[TEXT_MAX], *end;
	uint64_t value;

	if (!read_file(directory, name, text))
		return false;
	value = strtoull(text, &end, 10);
	if (end == text || (*end && *end != '\n'))
		return false;
	*ret = value;
	return true;
}

/* The process's group in the unified hierarchy (cgroups(7): the line that begins with 0::). */
static bool find_group(const char *proc, const char *cgroup, uint32_t pid, char *to, size_t size)
{
	char name[64], text[TEXT_MAX], *line, *end;
	int n;

	(void)snprintf(name, sizeof(name), "%" PRIu32 "/cgroup", pid);
	if (!read_file(proc, name, text))
		return false;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return false;
	line += *line == '\n' ? 4 : 3;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	n = snprintf(to, size, "%s%s", cgroup, line);
	return n > 0 && (size_t)n < size;
}

/* What others use who are in there as well would be counted too. */
static bool is_alone(const char *group, uint32_t pid)
{
	char text[TEXT_MAX], *end;

	return read_file(group, "cgroup.procs", text) && strtoul(text, &end, 10) == pid && end != text && strcmp(end, "\n") == 0;
}

static bool group_cpu(const char *group, uint64_t *ret)
{
	char text[TEXT_MAX];
	const char *at;

	if (!read_file(group, "cpu.stat", text))
		return false;
	at = strncmp(text, "usage_usec ", 11) == 0 ? text : strstr(text, "\nusage_usec ");
	return at && sscanf(at, " usage_usec %" SCNu64, ret) == 1; /* NOLINT(cert-err34-c): the kernel wrote it */
}

/* To the nanosecond, where the ticks of /proc/PID/stat are 10 ms long. */
static bool process_cpu(uint32_t pid, uint64_t *ret)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		return false;
	*ret = (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
	return true;
}

void usage_read(const char *proc, const char *cgroup, uint32_t pid, struct usage *ret)
{
	char group[PATH_MAX];

	*ret = (struct usage){ .has_cpu = false };
	if (!pid)
		return;
	if (find_group(proc, cgroup, pid, group, sizeof(group)) && is_alone(group, pid)) {
		ret->has_cpu = group_cpu(group, &ret->cpu_us);
		ret->has_memory = read_number(group, "memory.current", &ret->memory);
		ret->has_peak = read_number(group, "memory.peak", &ret->peak);
	}
	if (!ret->has_cpu)
		ret->has_cpu = process_cpu(pid, &ret->cpu_us);
}
