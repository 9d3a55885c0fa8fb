/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "cli.h"

static int match(sd_journal *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int match(sd_journal *j, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return sd_journal_add_match(j, text, 0);
}

/*
 * Anybody may write VM_NAME into the journal; fields that begin with an underscore are journald's. Of one field either value
 * does (sd_journal_add_match(3)).
 */
static int match_vm(sd_journal *j, const char *vm)
{
	int r = match(j, "VM_NAME=%s", vm);

	if (r >= 0)
		r = match(j, "_SYSTEMD_UNIT=lifecycled.service");
	return r < 0 ? r : match(j, "_SYSTEMD_UNIT=lifecycled-vm@%s.service", vm);
}

/* The value of a field, "" if it has none. */
static char *get(sd_journal *j, const char *field, size_t *ret_size)
{
	const void *data = "";
	size_t size = 0, skip = strlen(field) + 1;
	char *value;

	if (sd_journal_get_data(j, field, &data, &size) < 0 || size < skip)
		size = skip = 0;
	value = malloc(size - skip + 1);
	if (!value)
		return NULL;
	memcpy(value, (const char *)data + skip, size - skip);
	value[size - skip] = '\0';
	if (ret_size)
		*ret_size = size - skip;
	return value;
}

static bool take(sd_journal *j, struct journal_line *l)
{
	_cleanup_(free_p) char *name = get(j, "SYSLOG_IDENTIFIER", NULL), *pid = get(j, "_PID", NULL);

	*l = (struct journal_line){ .who = NULL };
	l->text = get(j, "MESSAGE", &l->size);
	if (!name || !pid || !l->text || asprintf(&l->who, "%s[%s]", *name ? name : "-", pid) < 0)
		l->who = NULL;
	if (sd_journal_get_realtime_usec(j, &l->realtime) < 0)
		l->realtime = 0;
	l->realtime *= 1000;
	if (l->text && l->who)
		return true;
	free(l->text);
	free(l->who);
	return false;
}

static sd_journal *open_once(struct journal_source *source)
{
	if (!source->tried && sd_journal_open(&source->open, SD_JOURNAL_LOCAL_ONLY) < 0)
		source->open = NULL;
	source->tried = true;
	return source->open;
}

void journal_read(struct journal_source *source, const char *vm, long lines, struct journal *ret)
{
	sd_journal *j = lines > 0 ? open_once(source) : NULL;
	int found;

	*ret = (struct journal){ .count = 0 };
	if (!j)
		return;
	sd_journal_flush_matches(j);
	if (match_vm(j, vm) < 0 || sd_journal_seek_tail(j) < 0)
		return;
	found = sd_journal_previous_skip(j, (uint64_t)lines);
	ret->line = found > 0 ? calloc((size_t)found, sizeof(*ret->line)) : NULL;
	while (ret->line && ret->count < (size_t)found && take(j, &ret->line[ret->count])) {
		ret->count++;
		if (sd_journal_next(j) <= 0)
			break;
	}
}

void journal_close(struct journal_source *source)
{
	sd_journal_close(source->open);
	*source = (struct journal_source){ .open = NULL };
}

void journal_clear(struct journal *j)
{
	for (size_t i = 0; i < j->count; i++) {
		free(j->line[i].who);
		free(j->line[i].text);
	}
	free(j->line);
	*j = (struct journal){ .count = 0 };
}
