/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 2048

static const struct {
	const char *id;
	int priority;
} kinds[MESSAGE_COUNT] = {
#define MESSAGE_ROW(symbol, id, priority, title) [symbol] = { id, priority },
	MESSAGES(MESSAGE_ROW)
};

/* The value ends at the line's end, so it may have none in it. */
static void blank_controls(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

void log_field(struct log_fields *f, const char *key, const char *format, ...)
{
	size_t room = sizeof(f->text) - f->length, used;
	char *at = f->text + f->length;
	va_list ap;
	int n = snprintf(at, room, "%s=", key);

	if (n > 0 && (size_t)n < room) {
		used = (size_t)n;
		va_start(ap, format);
		n = vsnprintf(at + used, room - used, format, ap);
		va_end(ap);
		if (n >= 0 && used + (size_t)n + 1 < room) {
			blank_controls(at + used);
			used += (size_t)n;
			memcpy(at + used, "\n", 2);
			f->length += used + 1;
			return;
		}
	}
	*at = '\0';
}

struct log_fields *log_life(struct log_fields *f, const char *name, uint64_t life)
{
	log_field(f, "VM_NAME", "%s", name);
	if (life)
		log_field(f, "VM_LIFE", "%llu", (unsigned long long)life);
	return f;
}

struct log_fields *log_sp(struct log_fields *f, uint16_t sp)
{
	log_field(f, "SP_ID", "0x%04x", sp);
	return f;
}

void log_message(enum message kind, const struct log_fields *f, const char *format, ...)
{
	char text[TEXT_BYTES], fields[LOG_FIELDS_BYTES + 64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(fields, sizeof(fields), "MESSAGE_ID=%s\n%s", kinds[kind].id, f ? f->text : "");
	log_write(kinds[kind].priority, fields, "%s", text);
}
