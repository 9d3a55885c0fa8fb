/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Holders of leases: clients that hold the ends of lives, are asked to let go, and do so, hang up, or never hear. When the
 * daemon dies they claim their leases again from the next one, soon or late or not at all.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/inputs.h"
#include "model/outputs.h"

#define SIM_HOLDERS_MAX 24
#define SIM_LEASES_MAX  256

enum holder_temper { HOLDER_LETS_GO, HOLDER_HANGS_UP, HOLDER_NEVER_HEARS, HOLDER_TEMPERS };

struct fake_holder {
	bool used;
	uint8_t token[16];
	uint64_t request; /* to take or claim the lease, which is out; 0: none is */
	uint64_t life;
	uint64_t number;  /* of the lease */
	uint64_t end;     /* of its socket, as the daemon numbers it */
	uint64_t new_end; /* that it claims the lease with */
	uint32_t timeout_ms;
	uint8_t temper; /* enum holder_temper */
	bool claims;    /* a new daemon hears of it */
	bool holds;     /* the daemon said so */
	bool connected; /* to the daemon of now */
	bool asked;     /* on that end */
	bool released, hung_up; /* and it did: that is on its way, or was lost with the daemon */
	bool over;
	char name[VM_NAME_MAX + 1];
};

/* A lease as the disk has it. */
struct stored_lease {
	bool used;
	uint64_t life;
	struct change_lease is;
};

struct holders {
	bool any; /* in one world of three: the others are as if there were no leases */
	struct fake_holder at[SIM_HOLDERS_MAX];
	struct stored_lease stored[SIM_LEASES_MAX];
	uint64_t last_end;
	uint64_t daemon_since; /* boot time */
};

struct world;
struct vm_row;
struct turn;

/* holders.c */
extern const struct lease_ops holder_ops;
void holders_take(struct world *w, struct request *r, uint64_t token); /* fills it in */
void holders_forge(struct world *w, struct request *r);                /* a token that no lease has */
void holders_do_something(struct world *w);
bool holders_answered(struct world *w, const struct answer *a); /* false: it is no request of theirs */
void holders_crash(struct world *w, bool reboot);
void holders_daemon(struct world *w); /* a new one */

/* oracle-leases.c */
void oracle_leases_stored(struct world *w, const struct change *c);   /* P3: what the disk says */
void oracle_leases_end(struct world *w, uint64_t life);               /* P3: an SP is told of its end */
void oracle_lease_over(struct world *w, const struct fake_holder *h, const struct change_lease *is);
bool oracle_lease_holds(struct world *w, const struct vm_row *row);   /* P6 */
void oracle_leases(struct world *w);                                  /* P4, P6: the daemon has thought it through */
