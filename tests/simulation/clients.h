/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Clients with which VMs live (clients.c). */

#include <stdbool.h>
#include <stdint.h>

#include "engine/ports.h"

struct world;

/* A client that started a VM to live with it. */
struct client {
	bool there;
	bool stored;  /* that the VM is bound to it */
	bool claimed; /* the daemon of now has its end */
	bool came;    /* it had its end from some daemon */
	bool gone;    /* it closed it */
	bool told;    /* and the daemon of now saw it */
	uint64_t vm, end;
	uint64_t asked; /* the request that is out; 0: none */
	uint8_t token[16];
};

bool users_bind_again(struct world *w, struct client *c); /* users.c. False: not now */
void client_starts(struct world *w, struct request *r); /* r->bind, if there is room for one more */
void client_is_answered(struct world *w, const struct answer *a);
void clients_act(struct world *w);
void clients_crash(struct world *w, bool reboot);
void oracle_client_stored(struct world *w, const struct change *c); /* P5 */
void oracle_client(struct world *w, const struct vm_row *row);      /* P5, P6: the daemon has thought everything through */
