/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a VMM uses of this host, as its kernel counts it: of its control group, where it has one to itself, else what
 * there is to know of the process alone. What is not known is left out.
 */

#include <stdbool.h>
#include <stdint.h>

struct usage {
	bool has_cpu, has_memory, has_peak;
	uint64_t cpu_us; /* VMM and vCPUs, in this life */
	uint64_t memory, peak; /* bytes, of the control group */
};

/* `proc` and `cgroup` are /proc and /sys/fs/cgroup, but for tests. */
void usage_read(const char *proc, const char *cgroup, uint32_t pid, struct usage *ret);
