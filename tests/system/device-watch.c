/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the devices of a VM, again and again, until the text of the first one is what is wanted: NAME TEXT. Says "looks" before
 * the first look, and then the state of each as it was seen; ends with 1 if the life ended first. For what is there for some hundred
 * milliseconds: a program that is started for each look is too slow for that.
 */
#include <stdio.h>
#include <string.h>

#include "lifecycle.h"

static void say(const struct lifecycle_vm_details *d)
{
	for (size_t i = 0; i < d->device_count; i++)
		(void)printf("%s%s", i ? " " : "", d->device[i]->state);
	(void)printf("\n");
}

/* 0: not yet. */
static int look(struct lifecycle *l, const char *name, const char *text, uint64_t *life)
{
	const struct lifecycle_vm_details *d;
	struct lifecycle_vm_info *info;
	int r = lifecycle_vm_info(l, name, &info);

	if (r < 0)
		return r;
	d = lifecycle_vm_info_details(info);
	if (!*life)
		*life = d->vm->life;
	if (d->vm->life != *life)
		r = -1;
	else if (d->device_count > 0 && strcmp(d->device[0]->text, text) == 0)
		r = 1;
	else
		r = 0;
	if (r > 0)
		say(d);
	(void)lifecycle_vm_info_unref(info);
	return r;
}

int main(int argc, char **argv)
{
	struct lifecycle *l;
	uint64_t life = 0;
	int r = argc == 3 ? lifecycle_new(NULL, &l) : -1;

	if (r < 0)
		return 2;
	(void)puts("looks");
	(void)fflush(stdout);
	do
		r = look(l, argv[1], argv[2], &life);
	while (r == 0);
	(void)lifecycle_unref(l);
	return r < 0;
}
