/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the journal has of a VM: what lifecycled and its VMM, as services, say of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_line {
	uint64_t realtime; /* ns */
	char *who, *text;
	size_t size; /* of text */
};

struct journal {
	size_t count;
	struct journal_line *line; /* the oldest first */
};

/* The journal itself, opened when it is first asked; begins as zeros. */
struct journal_source {
	struct sd_journal *open;
	bool tried;
};

/* The last `lines` of them. Empty where there is no journal, or it is not for this reader. */
void journal_read(struct journal_source *source, const char *vm, long lines, struct journal *ret);
void journal_close(struct journal_source *source);
void journal_clear(struct journal *j);
