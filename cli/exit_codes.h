/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

struct exit_code {
	int code;    /* of the program itself; that of a refusal is the library's */
	int refusal; /* enum lifecycle_refusal; REFUSED_NOT: it is none */
	const char *meaning;
};

extern const struct exit_code exit_codes[];
extern const size_t exit_code_count;

int exit_code_number(const struct exit_code *e);
/* help exit-codes */
void exit_codes_print(const struct cli *c);
