/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_METRICS_H
#define LIFECYCLE_METRICS_H

/* What the daemon counts. Part of lifecycle.h: include that. */

#include <stddef.h>
#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lifecycle_metrics;

struct lifecycle_sample {
	size_t size;
	const char *suffix; /* behind the family's name: "_total", "_bucket", ...; "" */
	double value;
	size_t label_count;
	const char *const *label; /* label_count names, each followed by its value */
};

/* As OpenMetrics has them; lifecycled-metrics(7) names them. */
struct lifecycle_metric_family {
	size_t size;
	const char *name;
	const char *type; /* "counter", "gauge", "histogram", "info"; there may be more */
	const char *unit; /* the name ends with it; "": none */
	const char *help;
	size_t sample_count;
	const struct lifecycle_sample *const *sample;
};

/* All of one moment, since the daemon started. What is shown of single VMs is in lifecycle_list(). */
int lifecycle_metrics(struct lifecycle *l, struct lifecycle_metrics **ret);
struct lifecycle_metrics *lifecycle_metrics_unref(struct lifecycle_metrics *m);
size_t lifecycle_metrics_count(const struct lifecycle_metrics *m);
/* NULL: there are no more. It lives as long as `m`. */
const struct lifecycle_metric_family *lifecycle_metrics_at(const struct lifecycle_metrics *m, size_t i);

#ifdef __cplusplus
}
#endif

#endif
