/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int ctl_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (fixture_open(f, true) == 77)
		exit(77);
	*state = f;
	return 0;
}

int ctl_teardown(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

struct run ctl(const struct fixture *f, const char *const *argv)
{
	struct run r;

	run_begin(&r, f, argv);
	run_end(&r);
	return r;
}

void expect(const struct fixture *f, const char *const *argv, int code, const char *out, const char *err)
{
	struct run r = ctl(f, argv);

	if (r.code != code || (out && !strstr(r.output, out)) || (err && !strstr(r.errors, err)))
		fail_msg("%s %s: exit code %d, not %d\n%s\n%s", argv[1], argv[2] ? argv[2] : "", r.code, code, r.output, r.errors);
	if (!err)
		assert_string_equal(r.errors, "");
	run_free(&r);
}

void expect_json(const struct fixture *f, const char *const *argv, enum json_type type)
{
	struct run r = ctl(f, argv);
	struct json_object *o = json_tokener_parse(r.output);

	if (!o || json_object_get_type(o) != type)
		fail_msg("%s: no JSON of the right kind: %s%s", argv[1], r.output, r.errors);
	json_object_put(o);
	run_free(&r);
}

void await_line(struct run *r, const char *part)
{
	char line[2048];

	do
		assert_non_null(fgets(line, sizeof(line), r->out));
	while (!strstr(line, part));
}

void assert_runs_on(const struct run *r, int ms)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, r->pid, 0), .events = POLLIN };

	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, ms), 0);
	close(p.fd);
}
