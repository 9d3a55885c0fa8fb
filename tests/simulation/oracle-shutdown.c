/* SPDX-License-Identifier: Apache-2.0 */

/* P5, a shutdown: a guest is asked to end when those that need it have, unless somebody asks for it alone. */

#include <string.h>

#include "tests/simulation/sim.h"

static bool needs(const struct vm_definition *d, const char *name)
{
	for (unsigned i = 0; i < d->after_count; i++)
		if (!strcmp(d->after[i], name))
			return true;
	for (unsigned i = 0; i < d->requires_count; i++)
		if (!strcmp(d->requires[i], name))
			return true;
	return false;
}

bool oracle_needs(struct world *w, const char *name, const char *needed)
{
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++)
		if (w->kept[i].vm && !strcmp(w->kept[i].name, name))
			return needs(&w->kept[i].definition, needed);
	return false;
}

static bool was_sigtermed(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->told_to_stop && !strcmp(w->vmm[i]->name, name))
			return true;
	return false;
}

void oracle_turn(struct world *w, const struct kept_vm *k)
{
	if (was_sigtermed(w, k->name))
		return;
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++) {
		const struct kept_vm *other = &w->kept[i];

		if (other->vm && other != k && other->life && !other->quiesced && other->defined <= w->disk.last_seq &&
			needs(&other->definition, k->name))
			fail(w, "P5", "%s is shut down before %s, which needs it", k->name, other->name);
	}
}
