/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <string.h>

#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Characters that are to be left out, put in, changed, or exchanged with their neighbour. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);
	size_t *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	for (size_t k = 0; k <= lb; k++)
		last[k] = before[k] = k;
	for (size_t i = 1; i <= la; i++) {
		now[0] = i;
		for (size_t k = 1; k <= lb; k++) {
			now[k] = least(least(last[k], now[k - 1]) + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				now[k] = least(now[k], before[k - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

/* One slip in a short word, two in a long one. */
void nearest_try(struct nearest *n, const char *candidate)
{
	size_t length = strlen(n->word), far = length < 5 ? 1 : 2, d;

	if (length > WORD_MAX || strlen(candidate) > WORD_MAX)
		return;
	d = distance(n->word, candidate);
	if (d > far || (n->found && d >= n->distance))
		return;
	n->found = candidate;
	n->distance = d;
}
