/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does what it is told, a line each: "VERB NAME" asks for it and waits until it is done; "start! NAME" wants no reply, and waits
 * until the VM runs. Answers "RESULT STATE SUBSTATE", with - where the VM is not there.
 */
#include <stdio.h>
#include <string.h>

#include "lifecycle.h"

#define LIMIT 60000

static const struct {
	const char *word;
	enum lifecycle_verb verb;
} verbs[] = {
	{ "start", LIFECYCLE_START }, { "stop", LIFECYCLE_STOP }, { "abort", LIFECYCLE_ABORT }, { "restart", LIFECYCLE_RESTART },
	{ "pause", LIFECYCLE_PAUSE }, { "resume", LIFECYCLE_RESUME }, { "destroy", LIFECYCLE_DESTROY }, { "preserve", LIFECYCLE_PRESERVE },
};

static int act(struct lifecycle *l, const char *word, const char *name)
{
	int r = -1;

	if (strcmp(word, "start!") == 0) {
		r = lifecycle_act_begin(l, LIFECYCLE_START, name, 0, NULL);
		return r < 0 ? r : lifecycle_wait_state(l, name, 0, LIFECYCLE_STATE_RUNNING, LIMIT);
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verbs[i].word, word) == 0)
			r = lifecycle_act(l, verbs[i].verb, name, 0, NULL);
	return r < 0 ? r : lifecycle_wait_done(l, name, LIMIT);
}

static void say(struct lifecycle *l, const char *name, int result)
{
	struct lifecycle_vm_list *list;
	const struct lifecycle_vm *vm;

	if (lifecycle_list(l, &list) < 0)
		return;
	vm = lifecycle_vm_list_find(list, name);
	printf("%d %s %s\n", result, vm ? lifecycle_state_name(vm->state) : "-", vm ? lifecycle_substate_name(vm->substate) : "-");
	(void)lifecycle_vm_list_unref(list);
}

int main(void)
{
	char word[32], name[LIFECYCLE_NAME_MAX + 1];
	struct lifecycle *l;

	if (lifecycle_new(NULL, &l) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (scanf("%31s %63s", word, name) == 2)
		say(l, name, act(l, word, name));
	(void)lifecycle_unref(l);
	return 0;
}
