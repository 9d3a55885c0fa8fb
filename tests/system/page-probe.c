/* SPDX-License-Identifier: Apache-2.0 */
/* A reader of the state page, as any program would be: opens it once, answers "ENDPOINT LIFE" lines with "ERROR STATE ALIVE". */
#include <inttypes.h>
#include <stdio.h>

#include "lifecycle.h"

int main(int argc, char **argv)
{
	struct lifecycle_page *page;
	unsigned endpoint;
	uint64_t life;
	int r = argc == 2 ? lifecycle_page_open(argv[1], &page) : -1;

	if (r < 0)
		return 1;
	while (scanf("%u %" SCNu64, &endpoint, &life) == 2) {
		enum lifecycle_state state = 0;
		enum lifecycle_substate substate;

		r = lifecycle_page_state(page, (uint16_t)endpoint, life, &state, &substate);
		printf("%d %s %d\n", r, r < 0 ? "-" : lifecycle_state_name(state), lifecycle_page_alive(page));
		fflush(stdout);
	}
	lifecycle_page_unref(page);
	return 0;
}
