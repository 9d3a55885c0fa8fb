/* SPDX-License-Identifier: Apache-2.0 */

/* Made-up kernels: a directory that looks like /proc and /sys/fs/cgroup. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "usage.h"

#define NOBODY 4194304u /* PID_MAX_LIMIT: no process has it */

static char root[64];
static uint32_t pid; /* whose group is made up; its CPU time is real */

static void put(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *path, const char *format, ...)
{
	char full[256];
	va_list args;
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		(void)mkdir(full, 0700);
	}
	f = fopen(full, "w");
	assert_non_null(f);
	va_start(args, format);
	(void)vfprintf(f, format, args);
	va_end(args);
	(void)fclose(f);
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	(void)strcpy(root, "/tmp/test-usage-XXXXXX");
	assert_non_null(mkdtemp(root));
	pid = (uint32_t)getpid();
	return 0;
}

static int teardown(void **state)
{
	return nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static struct usage look(void)
{
	char proc[80], cgroup[80];
	struct usage u;

	(void)snprintf(proc, sizeof(proc), "%s/proc", root);
	(void)snprintf(cgroup, sizeof(cgroup), "%s/cgroup", root);
	usage_read(proc, cgroup, pid, &u);
	return u;
}

static void expect_process_time(void)
{
	uint64_t before = (uint64_t)clock() * (1000000 / CLOCKS_PER_SEC), after;
	struct usage u = look();

	after = (uint64_t)clock() * (1000000 / CLOCKS_PER_SEC);
	assert_true(u.has_cpu);
	assert_in_range(u.cpu_us, before, after + 1);
	assert_false(u.has_memory || u.has_peak);
}

/* Its line of /proc/PID/cgroup. */
static void put_line(const char *line)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%u/cgroup", pid);
	put(path, "%s", line);
}

static void put_group(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "cgroup%s/cgroup.procs", name);
	put(path, "%u\n", pid);
	(void)snprintf(path, sizeof(path), "cgroup%s/cpu.stat", name);
	put(path, "usage_usec 123456\nuser_usec 100000\nsystem_usec 23456\n");
	(void)snprintf(path, sizeof(path), "cgroup%s/memory.current", name);
	put(path, "830000\n");
}

static void a_group_of_its_own_is_asked(void **state)
{
	struct usage u;

	put_line("4:memory:/elsewhere\n0::/lifecycled.slice/vm@web.service\n");
	put_group("/lifecycled.slice/vm@web.service");
	u = look();
	assert_true(u.has_cpu && u.has_memory);
	assert_int_equal(u.cpu_us, 123456);
	assert_int_equal(u.memory, 830000);
	assert_false(u.has_peak); /* a kernel before 5.19 */
	put("cgroup/lifecycled.slice/vm@web.service/memory.peak", "900000\n");
	u = look();
	assert_true(u.has_peak);
	assert_int_equal(u.peak, 900000);
}

static void a_group_that_is_shared_is_not(void **state)
{
	put_line("0::/all\n");
	put_group("/all");
	put("cgroup/all/cgroup.procs", "1\n%u\n", pid);
	expect_process_time();
	put("cgroup/all/cgroup.procs", "%u\n1\n", pid);
	expect_process_time();
	put("cgroup/all/cgroup.procs", "1\n");
	expect_process_time();
}

static void without_a_group_the_process_is_asked(void **state)
{
	expect_process_time(); /* no such file */
	put_line("4:memory:/elsewhere\n");
	expect_process_time();
	put_line("0::/../../outside\n");
	expect_process_time();
}

static void a_kernel_without_a_controller_tells_less(void **state)
{
	struct usage u;
	char path[128];

	put_line("0::/one\n");
	put_group("/one");
	(void)snprintf(path, sizeof(path), "%s/cgroup/one/memory.current", root);
	assert_int_equal(unlink(path), 0);
	u = look();
	assert_true(u.has_cpu);
	assert_int_equal(u.cpu_us, 123456);
	assert_false(u.has_memory);
}

static void what_makes_no_sense_is_left_out(void **state)
{
	struct usage u;

	put_line("0::/one\n");
	put_group("/one");
	put("cgroup/one/memory.current", "max\n");
	put("cgroup/one/cpu.stat", "user_usec 4\n");
	expect_process_time();
	usage_read("/proc", "/sys/fs/cgroup", NOBODY, &u);
	assert_false(u.has_cpu || u.has_memory || u.has_peak);
	usage_read("/proc", "/sys/fs/cgroup", 0, &u);
	assert_false(u.has_cpu || u.has_memory || u.has_peak);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_group_of_its_own_is_asked),
		TEST(a_group_that_is_shared_is_not),
		TEST(without_a_group_the_process_is_asked),
		TEST(a_kernel_without_a_controller_tells_less),
		TEST(what_makes_no_sense_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
