/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* What somebody meant who wrote a word that is none. */
struct nearest {
	const char *word;  /* that was written */
	const char *found; /* the candidate that is most like it, if any is; else NULL */
	size_t distance;
};

void nearest_try(struct nearest *n, const char *candidate);
