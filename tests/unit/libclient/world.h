/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A fake daemon and a connection to it, for cmocka: setup() and teardown() of each test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <lifecycle.h>
#include <stdlib.h>

#include "fixture.h"

struct world {
	struct fixture f;
	struct lifecycle *l;
};

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (fixture_open(&w->f, true) == 77)
		exit(77);
	assert_int_equal(lifecycle_new(w->f.address, &w->l), 0);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	lifecycle_unref(w->l);
	fixture_close(&w->f);
	free(w);
	return 0;
}
