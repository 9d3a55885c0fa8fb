/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "main/daemon.h"
#include "store/definition.h"

int definitions_parse(void *daemon, const char *text, const char *source, struct vm_definition **ret, char *error,
	size_t size)
{
	struct daemon *d = daemon;
	struct definition_error err = { 0 };
	int r = definition_parse(text, strlen(text), source, d->machine_id, ret, &err);

	if (r < 0)
		snprintf(error, size, "%s", r == -EBADMSG ? err.text : strerror(-r));
	return r;
}

/* One definition that is wrong does not keep the others out. */
static int each(void *ctx, struct vm_definition *definition, const struct definition_error *err)
{
	struct daemon *d = ctx;
	struct input in = { .kind = IN_REQUEST };
	int r;

	if (!definition) {
		log_error("%s; this VM is not defined", err->text);
		return 0;
	}
	in.request.verb = REQUEST_DEFINE;
	in.request.definition = definition;
	r = engine_post(d->engine, &in);
	if (r < 0)
		free(definition);
	return r;
}

void definitions_reload(struct daemon *d)
{
	int r = definition_load_dirs(d->options->definitions, d->options->definition_count, d->machine_id, each, d);

	if (r < 0)
		log_error("definitions could not be read: %s", strerror(-r));
}
