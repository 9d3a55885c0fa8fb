/* SPDX-License-Identifier: Apache-2.0 */

/* list-moves: what the model's table of VM states allows, and the legal moves inside each state, a line each; for `states`. */

#include <stdio.h>

#include "model/vm.h"
#include "tests/simulation/moves.h"

LIFECYCLE_NAME_TABLE(states, VM_STATES);
LIFECYCLE_NAME_TABLE(substates, VM_SUBSTATES);

static const char *const events[VM_EVENT_COUNT] = {
	[VM_EV_START] = "START", [VM_EV_ENTERED] = "ENTERED", [VM_EV_ABORT] = "ABORT", [VM_EV_HALT] = "HALT",
	[VM_EV_EXCHANGED] = "EXCHANGED", [VM_EV_RETIRED] = "RETIRED", [VM_EV_RESTARTED] = "RESTARTED",
};

static void list_inside(enum vm_state state)
{
	for (unsigned from = 1; from < VM_SUBSTATE_COUNT; from++)
		for (unsigned to = 1; to < VM_SUBSTATE_COUNT; to++)
			if (from != to && oracle_move_is_legal((uint8_t)state, (uint8_t)from, (uint8_t)state, (uint8_t)to))
				printf("inside %s %s %s\n", states[state], substates[from], substates[to]);
}

int main(void)
{
	for (unsigned from = 0; from < VM_STATE_COUNT; from++) {
		for (unsigned event = 0; event < VM_EVENT_COUNT; event++) {
			enum vm_state to;

			if (vm_step((enum vm_state)from, (enum vm_event)event, &to) == 0)
				printf("arc %s %s %s\n", states[from], events[event], states[to]);
		}
		list_inside((enum vm_state)from);
	}
	return 0;
}
