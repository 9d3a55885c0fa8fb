/* SPDX-License-Identifier: Apache-2.0 */

#include "unit/bus/introspect.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OURS "org.lifecycled.Lifecycle1."
#define LOG_CONTROL "org.freedesktop.LogControl1"

struct scan {
	struct lines *lines;
	char interface[128];
	char member[1024]; /* the line that is being made; "": none */
	bool is_method;
};

/* The value of an attribute of the tag that ends at `end`; "" if it is not there. */
static const char *attribute(const char *tag, const char *end, const char *name, char *buffer, size_t size)
{
	char key[64];
	const char *p;
	size_t n;

	(void)snprintf(key, sizeof(key), " %s=\"", name);
	buffer[0] = '\0';
	p = memmem(tag, (size_t)(end - tag), key, strlen(key));
	if (!p)
		return buffer;
	p += strlen(key);
	n = strcspn(p, "\"");
	assert(n < size);
	memcpy(buffer, p, n);
	buffer[n] = '\0';
	return buffer;
}

static void add(struct scan *s, const char *a, const char *b)
{
	size_t n = strlen(s->member);

	assert(n + strlen(a) + strlen(b) + 3 < sizeof(s->member));
	(void)sprintf(s->member + n, "%s%s %s", n ? " " : "", a, b);
}

static void finish(struct scan *s)
{
	if (s->member[0] && (strncmp(s->interface, OURS, strlen(OURS)) == 0 || strcmp(s->interface, LOG_CONTROL) == 0)) {
		assert(s->lines->count < LINES_MAX);
		s->lines->line[s->lines->count++] = strdup(s->member);
	}
	s->member[0] = '\0';
}

static void open_member(struct scan *s, const char *kind, const char *tag, const char *end)
{
	char name[128], type[128], access[32];

	finish(s);
	add(s, s->interface, kind);
	add(s, attribute(tag, end, "name", name, sizeof(name)),
		attribute(tag, end, "type", type, sizeof(type)));
	if (strcmp(kind, "property") == 0)
		add(s, attribute(tag, end, "access", access, sizeof(access)), "");
	s->is_method = strcmp(kind, "method") == 0;
}

static void scan_tag(struct scan *s, const char *tag, const char *end)
{
	char a[256], b[256];
	size_t n = strcspn(tag, " />\n");

	if (n == 9 && strncmp(tag, "interface", n) == 0) {
		finish(s);
		(void)snprintf(
			s->interface, sizeof(s->interface), "%s", attribute(tag, end, "name", a, sizeof(a)));
	} else if ((n == 6 && strncmp(tag, "method", n) == 0) || (n == 6 && strncmp(tag, "signal", n) == 0) ||
		   (n == 8 && strncmp(tag, "property", n) == 0)) {
		char kind[16];

		(void)snprintf(kind, sizeof(kind), "%.*s", (int)n, tag);
		open_member(s, kind, tag, end);
	} else if (n == 3 && strncmp(tag, "arg", n) == 0) {
		if (s->is_method)
			add(s, attribute(tag, end, "direction", a, sizeof(a)), "");
		add(s, attribute(tag, end, "type", a, sizeof(a)), attribute(tag, end, "name", b, sizeof(b)));
	} else if (n == 10 && strncmp(tag, "annotation", n) == 0) {
		add(s, attribute(tag, end, "name", a, sizeof(a)), attribute(tag, end, "value", b, sizeof(b)));
	}
}

void lines_scan(struct lines *l, const char *xml)
{
	struct scan s = { .lines = l };

	for (const char *p = strchr(xml, '<'); p; p = strchr(p, '<')) {
		const char *end;

		if (strncmp(p, "<!--", 4) == 0) {
			p = strstr(p, "-->");
			assert(p);
			continue;
		}
		end = strchr(p, '>');
		assert(end);
		scan_tag(&s, p + 1, end);
		p = end;
	}
	finish(&s);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_sort(struct lines *l)
{
	qsort(l->line, l->count, sizeof(l->line[0]), by_text);
}

void lines_free(struct lines *l)
{
	while (l->count > 0)
		free(l->line[--l->count]);
}

static char *read_whole(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re");

	assert(f);
	if (getdelim(&text, &size, '\0', f) <= 0)
		abort();
	(void)fclose(f);
	return text;
}

char *read_xml(void)
{
	return read_whole(LIFECYCLE1_XML);
}

char *read_policy(void)
{
	return read_whole(LIFECYCLE1_POLICY);
}
