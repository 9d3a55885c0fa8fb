/* SPDX-License-Identifier: Apache-2.0 */
#include "openmetrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "output.h"

void metrics_begin(struct metrics_text *t, enum metrics_format format, FILE *out)
{
	*t = (struct metrics_text){ .format = format, .out = out };
	if (format == METRICS_JSON)
		t->json = json_object_new_array();
}

/* What the older format wants in front of samples: there a family has the name of its samples. */
static const char *old_suffix(const char *type)
{
	if (strcmp(type, "counter") == 0)
		return "_total";
	return strcmp(type, "info") == 0 ? "_info" : "";
}

static const char *old_type(const char *type)
{
	static const char *const known[] = { "counter", "gauge", "histogram", "summary" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(type, known[i]) == 0)
			return type;
	return strcmp(type, "info") == 0 || strcmp(type, "stateset") == 0 ? "gauge" : "untyped";
}

/* Help and labels: a backslash, a line's end and a quotation mark would end them. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			(void)fputc('\\', out);
		if (*text == '\n')
			(void)fputs("\\n", out);
		else
			(void)fputc(*text, out);
	}
}

/* In the older format a quotation mark is none in a help text. */
static void put_help(struct metrics_text *t, const char *help)
{
	if (t->format == METRICS_OPENMETRICS) {
		put_escaped(t->out, help);
		return;
	}
	for (; *help; help++) {
		if (*help == '\n' || *help == '\\')
			(void)fputs(*help == '\n' ? "\\n" : "\\\\", t->out);
		else
			(void)fputc(*help, t->out);
	}
}

static void family_json(struct metrics_text *t, const char *unit, const char *help)
{
	struct json_object *o = json_object_new_object();

	json_add_string(o, "name", t->name);
	json_add_string(o, "type", t->type);
	json_add_string(o, "unit", unit);
	json_add_string(o, "help", help);
	t->samples = json_object_new_array();
	(void)json_object_object_add(o, "samples", t->samples);
	(void)json_object_array_add(t->json, o);
}

void metrics_family(struct metrics_text *t, const char *name, const char *type, const char *unit, const char *help)
{
	bool old = t->format == METRICS_PROMETHEUS;
	const char *suffix = old ? old_suffix(type) : "";

	t->name = name;
	t->type = type;
	if (t->json) {
		family_json(t, unit, help);
		return;
	}
	(void)fprintf(t->out, "# HELP %s%s ", name, suffix);
	put_help(t, help);
	(void)fprintf(t->out, "\n# TYPE %s%s %s\n", name, suffix, old ? old_type(type) : type);
	if (*unit && !old)
		(void)fprintf(t->out, "# UNIT %s %s\n", name, unit);
}

static void put_number(FILE *out, double value)
{
	if (isnan(value))
		(void)fputs("NaN", out);
	else if (isinf(value))
		(void)fputs(value > 0 ? "+Inf" : "-Inf", out);
	else if (value == floor(value) && fabs(value) < 9007199254740992.0)
		(void)fprintf(out, "%.0f", value);
	else
		(void)fprintf(out, "%.15g", value);
}

static void sample_json(struct metrics_text *t, const char *suffix, double value, size_t labels, const char *const *label)
{
	struct json_object *o = json_object_new_object(), *all = json_object_new_object();

	json_add_string(o, "suffix", suffix);
	for (size_t i = 0; i < labels; i++)
		json_add_string(all, label[2 * i], label[2 * i + 1]);
	(void)json_object_object_add(o, "labels", all);
	if (value == floor(value) && fabs(value) < 9007199254740992.0)
		(void)json_object_object_add(o, "value", json_object_new_int64((int64_t)value));
	else
		(void)json_object_object_add(o, "value", json_object_new_double(value));
	(void)json_object_array_add(t->samples, o);
}

void metrics_sample(struct metrics_text *t, const char *suffix, double value, size_t labels, const char *const *label)
{
	if (t->json) {
		sample_json(t, suffix, value, labels, label);
		return;
	}
	(void)fprintf(t->out, "%s%s", t->name, suffix);
	for (size_t i = 0; i < labels; i++) {
		(void)fprintf(t->out, "%s%s=\"", i ? "," : "{", label[2 * i]);
		put_escaped(t->out, label[2 * i + 1]);
		(void)fputc('"', t->out);
	}
	(void)fputs(labels ? "} " : " ", t->out);
	put_number(t->out, value);
	(void)fputc('\n', t->out);
}

void metrics_end(struct metrics_text *t)
{
	if (t->format == METRICS_OPENMETRICS)
		(void)fputs("# EOF\n", t->out);
}

const char *metrics_content_type(enum metrics_format format)
{
	static const char *const types[] = {
		[METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
		[METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
		[METRICS_JSON] = "application/json",
	};

	return types[format];
}

/* ---- Accept (RFC 9110 s.12.5.1): TYPE;PARAMETER=VALUE;q=WEIGHT, ... ---- */

static size_t trim(const char **text, size_t size)
{
	while (size && strchr(" \t", **text)) {
		++*text;
		size--;
	}
	while (size && strchr(" \t", (*text)[size - 1]))
		size--;
	return size;
}

/* The part up to `end`; what comes behind it is the rest. */
static size_t cut(const char **rest, char end, const char **part)
{
	const char *at = strchr(*rest, end);
	size_t size = at ? (size_t)(at - *rest) : strlen(*rest);

	*part = *rest;
	*rest += size + (at != NULL);
	return trim(part, size);
}

static bool is(const char *text, size_t size, const char *word)
{
	return size == strlen(word) && strncasecmp(text, word, size) == 0;
}

/* A version that is not 1.0.0 or its draft is one that we do not write. */
static bool is_spoken(const char *text, size_t size)
{
	if (size < 8 || strncasecmp(text, "version=", 8) != 0)
		return true;
	return is(text + 8, size - 8, "1.0.0") || is(text + 8, size - 8, "0.0.1") || is(text + 8, size - 8, "0.0.4");
}

/* How much one entry of the list is liked; *ret_type is its type. */
static double weigh(const char *entry, const char **ret_type, size_t *ret_size)
{
	const char *part, *rest = entry;
	double weight = 1;
	size_t size;

	*ret_size = cut(&rest, ';', ret_type);
	while (*rest) {
		size = cut(&rest, ';', &part);
		if (size > 2 && strncasecmp(part, "q=", 2) == 0)
			weight = strtod(part + 2, NULL);
		else if (!is_spoken(part, size))
			return 0;
	}
	return weight > 0 && weight <= 1 ? weight : 0;
}

enum metrics_format metrics_accepted(const char *accept)
{
	double open = 0, text = 0;
	const char *part, *type, *rest = accept ? accept : "";
	size_t size;

	while (*rest) {
		char entry[256];
		double weight;

		size = cut(&rest, ',', &part);
		if (size >= sizeof(entry))
			continue;
		memcpy(entry, part, size);
		entry[size] = '\0';
		weight = weigh(entry, &type, &size);
		if (is(type, size, "application/openmetrics-text") && weight > open)
			open = weight;
		if ((is(type, size, "text/plain") || is(type, size, "text/*") || is(type, size, "*/*")) && weight > text)
			text = weight;
	}
	return open > 0 && open >= text ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}
