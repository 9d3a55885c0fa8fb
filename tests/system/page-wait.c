/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of the state page that waits, without a limit, for each change of one life: DIRECTORY ENDPOINT LIFE. Says "STATE SUBSTATE" before
 * each wait, and what ended the last one: "over", or "stale" with the state that can be read still.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lifecycle.h"

static int end(const struct lifecycle_page *page, uint16_t endpoint, uint64_t life, int error)
{
	struct lifecycle_page_info info = LIFECYCLE_PAGE_INFO_INIT;

	if (error == -ESTALE) {
		printf("over\n");
		return 0;
	}
	if (error != -EHOSTDOWN || lifecycle_page_alive(page) != 0 || lifecycle_page_info(page, endpoint, life, &info) < 0)
		return 1;
	printf("stale %s\n", lifecycle_state_name(info.state));
	return 0;
}

int main(int argc, char **argv)
{
	uint16_t endpoint = argc == 4 ? (uint16_t)strtoul(argv[2], NULL, 0) : 0;
	uint64_t life = argc == 4 ? strtoull(argv[3], NULL, 0) : 0;
	struct lifecycle_page *page;
	int r;

	if (argc != 4 || lifecycle_page_open(argv[1], &page) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	do {
		enum lifecycle_substate substate;
		enum lifecycle_state state;

		r = lifecycle_page_state(page, endpoint, life, &state, &substate);
		if (r < 0)
			break;
		printf("%s %s\n", lifecycle_state_name(state), lifecycle_substate_name(substate));
		r = lifecycle_page_wait(page, endpoint, life, state, substate, LIFECYCLE_FOREVER);
	} while (r == 0);
	r = end(page, endpoint, life, r);
	(void)lifecycle_page_unref(page);
	return r;
}
