/* SPDX-License-Identifier: Apache-2.0 */

/* What the daemon counts: one reply, in families of samples. The strings live in the reply. */

#include <errno.h>

#include "connection.h"
#include "fields.h"

#define FAMILY_ROW "(ssssa(sa{ss}d))"
#define SAMPLE_ROW "(sa{ss}d)"

struct sample {
	struct lifecycle_sample is;
	const char **label;
};

struct family {
	struct lifecycle_metric_family is;
	struct sample *sample;
	const struct lifecycle_sample **shown;
};

struct lifecycle_metrics {
	sd_bus_message *reply;
	struct family *family;
	size_t count;
};

UTIL_UNREFP(lifecycle_metrics)

static int read_labels(sd_bus_message *m, struct sample *s)
{
	size_t strings = 0;
	int r = sd_bus_message_enter_container(m, 'a', "{ss}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "ss")) > 0) {
		for (int i = 0; r >= 0 && i < 2; i++) {
			r = array_grow((void **)&s->label, strings, sizeof(*s->label));
			if (r >= 0)
				r = sd_bus_message_read_basic(m, 's', &s->label[strings++]);
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	s->is.label = s->label;
	s->is.label_count = strings / 2;
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_sample(sd_bus_message *m, void *element)
{
	struct sample *s = element;
	int r;

	s->is.size = sizeof(s->is);
	r = sd_bus_message_read_basic(m, 's', &s->is.suffix);
	if (r >= 0)
		r = read_labels(m, s);
	if (r >= 0)
		r = sd_bus_message_read_basic(m, 'd', &s->is.value);
	if (r < 0)
		free(s->label);
	return r;
}

static void family_clear(struct family *f)
{
	for (size_t i = 0; i < f->is.sample_count; i++)
		free(f->sample[i].label);
	free(f->sample);
	free(f->shown);
}

static int show_samples(struct family *f)
{
	if (!f->is.sample_count)
		return 0;
	f->shown = calloc(f->is.sample_count, sizeof(const struct lifecycle_sample *));
	if (!f->shown)
		return -ENOMEM;
	for (size_t i = 0; i < f->is.sample_count; i++)
		f->shown[i] = &f->sample[i].is;
	f->is.sample = f->shown;
	return 0;
}

static int read_family(sd_bus_message *m, void *element)
{
	struct family *f = element;
	int r;

	f->is.size = sizeof(f->is);
	r = sd_bus_message_read(m, "ssss", &f->is.name, &f->is.type, &f->is.unit, &f->is.help);
	if (r >= 0)
		r = array_read(m, SAMPLE_ROW, sizeof(*f->sample), read_sample, (void **)&f->sample, &f->is.sample_count);
	if (r >= 0)
		r = show_samples(f);
	if (r < 0) /* what is not whole is not counted */
		family_clear(f);
	return r;
}

int lifecycle_metrics(struct lifecycle *l, struct lifecycle_metrics **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "GetMetrics" };
	_cleanup_(lifecycle_metrics_unrefp) struct lifecycle_metrics *metrics = calloc(1, sizeof(*metrics));
	sd_bus_message *request = NULL;
	int r;

	if (!metrics)
		return connection_fail(l, -ENOMEM, "GetMetrics");
	r = connection_prepare(l, &target, &request);
	if (r >= 0)
		r = connection_call(l, request, &metrics->reply);
	if (r < 0)
		return r;
	r = array_read(metrics->reply, FAMILY_ROW, sizeof(*metrics->family), read_family, (void **)&metrics->family,
		&metrics->count);
	if (r < 0)
		return connection_bad_reply(l, r, "GetMetrics");
	*ret = util_take(&metrics);
	return 0;
}

struct lifecycle_metrics *lifecycle_metrics_unref(struct lifecycle_metrics *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->count; i++)
		family_clear(&m->family[i]);
	free(m->family);
	sd_bus_message_unref(m->reply);
	free(m);
	return NULL;
}

size_t lifecycle_metrics_count(const struct lifecycle_metrics *m)
{
	return m->count;
}

const struct lifecycle_metric_family *lifecycle_metrics_at(const struct lifecycle_metrics *m, size_t i)
{
	return i < m->count ? &m->family[i].is : NULL;
}
