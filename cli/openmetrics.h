/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Metrics as text: OpenMetrics 1.0, or the text format 0.0.4 of Prometheus before it, which node_exporter's textfile
 * collector and promtool read; or as JSON.
 */

#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>

enum metrics_format {
	METRICS_OPENMETRICS,
	METRICS_PROMETHEUS,
	METRICS_JSON,
};

struct metrics_text {
	enum metrics_format format;
	FILE *out;                 /* NULL: JSON */
	struct json_object *json;  /* an array of families */
	struct json_object *samples; /* of the last one */
	const char *name, *type;   /* of the family that is being written */
};

/* Families and samples follow; then the end. */
void metrics_begin(struct metrics_text *t, enum metrics_format format, FILE *out);
void metrics_family(struct metrics_text *t, const char *name, const char *type, const char *unit, const char *help);
/* `label`: names, each followed by its value. */
void metrics_sample(struct metrics_text *t, const char *suffix, double value, size_t labels, const char *const *label);
void metrics_end(struct metrics_text *t);

const char *metrics_content_type(enum metrics_format format);

/* Of a request's Accept: the format that it likes best. NULL: it does not say. */
enum metrics_format metrics_accepted(const char *accept);
