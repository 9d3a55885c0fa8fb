/* SPDX-License-Identifier: Apache-2.0 */
/*
 * churn BUS SEED FLOCK TEMPLATE...: leads VMs "vm0" to "vmN", one by each TEMPLATE, through their lives at random, and lets a flock of
 * others be defined and undefined, by the first one, for their sheer number of changes. A TEMPLATE is a definition with a %s for the
 * name. For each line of input, a number, it does so many things, and answers with a line: how many of them were taken. What is
 * refused, or finds no daemon, is done with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lifecycle.h"

static uint64_t dice_state;

static uint64_t dice(uint64_t sides)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return dice_state % sides;
}

static int define(struct lifecycle *l, const char *template, const char *name)
{
	char text[1024], *at = strstr(template, "%s");

	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - template), template, name, at + 2);
	return lifecycle_define(l, text, "churn", NULL, NULL);
}

static int lead(struct lifecycle *l, const char *name, const char *template)
{
	static const enum lifecycle_verb verbs[] = { LIFECYCLE_START, LIFECYCLE_START, LIFECYCLE_START, LIFECYCLE_ABORT,
		LIFECYCLE_RESTART, LIFECYCLE_RESTART, LIFECYCLE_PAUSE, LIFECYCLE_RESUME, LIFECYCLE_DESTROY, LIFECYCLE_CANCEL };
	int r = lifecycle_act(l, verbs[dice(sizeof(verbs) / sizeof(*verbs))], name, 0, NULL);

	return r == -ENOENT ? define(l, template, name) : r;
}

static int flock(struct lifecycle *l, const char *name, const char *template)
{
	int r = define(l, template, name);

	if (r == 0)
		r = lifecycle_undefine(l, name, 0, false, NULL);
	return r;
}

int main(int argc, char **argv)
{
	unsigned long herd, taken;
	struct lifecycle *l;
	char line[64], name[32];

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 5 || lifecycle_new(argv[1], &l) < 0)
		return 2;
	for (int i = 4; i < argc; i++)
		if (!strstr(argv[i], "%s"))
			return 2;
	dice_state = strtoull(argv[2], NULL, 10) * 2 + 1;
	herd = strtoul(argv[3], NULL, 10);
	while (fgets(line, sizeof(line), stdin)) {
		taken = 0;
		for (unsigned long i = strtoul(line, NULL, 10); i > 0; i--) {
			bool of_flock = dice(10) > 1;
			uint64_t which = dice(of_flock ? herd : (uint64_t)argc - 4);

			(void)snprintf(name, sizeof(name), of_flock ? "flock%llu" : "vm%llu", (unsigned long long)which);
			if ((of_flock ? flock(l, name, argv[4]) : lead(l, name, argv[4 + which])) == 0)
				taken++;
		}
		(void)printf("%lu\n", taken);
	}
	(void)lifecycle_unref(l);
	return 0;
}
