/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* lifecyclectl against the fake daemon, run to its end and looked at. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "fixture.h"

#define CTL(...) (const char *const[]){ LIFECYCLECTL, __VA_ARGS__, NULL }

int ctl_setup(void **state); /* a bus and the fake daemon: *state is a struct fixture */
int ctl_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, ctl_setup, ctl_teardown)

struct run ctl(const struct fixture *f, const char *const *argv);
/* Runs to its end; output, if wanted, must have `out` in it, errors `err`. */
void expect(const struct fixture *f, const char *const *argv, int code, const char *out, const char *err);
void expect_json(const struct fixture *f, const char *const *argv, enum json_type type);
void await_line(struct run *r, const char *part);
/* For so long it has not ended. */
void assert_runs_on(const struct run *r, int ms);
