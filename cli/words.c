/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <inttypes.h>
#include <stdarg.h>

#include "output.h"

void words_begin(struct words *w, char *to, size_t size)
{
	*w = (struct words){ .to = to, .size = size };
	*to = '\0';
}

void words_add(struct words *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->to + w->length, w->size - w->length, format, args);
	va_end(args);
	if (n > 0)
		w->length = w->length + (size_t)n < w->size ? w->length + (size_t)n : w->size - 1;
}

void words_add_span(struct words *w, const char *before, uint64_t ns, const char *after)
{
	char span[64];

	format_span(span, sizeof(span), ns);
	words_add(w, "%s%s%s", before, span, after);
}

void words_add_waits(struct words *w, const char *before, const struct lifecycle_waits_on *on)
{
	if (on->on == LIFECYCLE_WAIT_NOTHING)
		return;
	words_add(w, "%swaits on %s", before, lifecycle_wait_name(on->on));
	if (*on->name)
		words_add(w, " '%s'", on->name);
	if (on->sp)
		words_add(w, " 0x%04x", on->sp);
	if (on->tries)
		words_add(w, ", tried %" PRIu32 " time%s", on->tries, on->tries == 1 ? "" : "s");
}
