/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_LEASE_H
#define LIFECYCLE_LEASE_H

/* Holding the end of a life, until what one has of it is put away. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIFECYCLE_LEASE_WHY_MAX 63

/* A lease that this program holds. To drop the last reference, or to die, lets go of it. */
struct lifecycle_lease;

/*
 * Holds the end of the VM's life, which must be created or running. Once it is to end, and its vCPUs are out, the lease is ASKED: the
 * holder has `timeout_ms` (0: 5000; at most 60000) from then on to let go, then it is revoked. Until it is over no
 * Secure Partition is told of the end, and guest memory stays. `why` is a line for people, at most
 * LIFECYCLE_LEASE_WHY_MAX bytes. `life` is the life that is meant, 0: any. -EDQUOT: there are too many.
 */
int lifecycle_lease_take(struct lifecycle *l, const char *name, uint64_t life, const char *why, uint64_t timeout_ms,
	struct lifecycle_lease **ret);

/*
 * Claims it again by its token: from a daemon that was started anew, or that another process had it from. Who had it before
 * has it no more. -ENOLCK: it is over. A daemon that comes back waits 5 s, or where it had asked until that deadline.
 */
int lifecycle_lease_reclaim(struct lifecycle *l, const char *token, struct lifecycle_lease **ret);

/* One more holder of this handle, or one less: with the last one the lease is let go of. */
struct lifecycle_lease *lifecycle_lease_ref(struct lifecycle_lease *lease);
struct lifecycle_lease *lifecycle_lease_unref(struct lifecycle_lease *lease);

const char *lifecycle_lease_token(const struct lifecycle_lease *lease); /* a secret: who has it has the lease */
uint64_t lifecycle_lease_life(const struct lifecycle_lease *lease);     /* the one whose end is held */
uint64_t lifecycle_lease_deadline(const struct lifecycle_lease *lease); /* once it is asked; 0: it was not */
int lifecycle_lease_cause(const struct lifecycle_lease *lease);         /* why the life ends: enum lifecycle_cause */
int lifecycle_lease_get_fd(const struct lifecycle_lease *lease);        /* poll it for POLLIN, then ask for the state */

/*
 * Never waits. Where the lease is now: enum lifecycle_lease_state. -ENOTCONN: the daemon went away, and holds it still:
 * claim it again; or another process claimed it.
 */
int lifecycle_lease_state(struct lifecycle_lease *lease);
/* Waits until lifecycle_lease_state may say something else: 0, -ETIMEDOUT or -EINTR. */
int lifecycle_lease_wait(struct lifecycle_lease *lease, int milliseconds);
/*
 * Lets go, and waits for the daemon to say that this is stored: the state then, which is not RELEASED if it was over before;
 * -ETIMEDOUT: it is on its way; -ENOTCONN as above.
 */
int lifecycle_lease_release(struct lifecycle_lease *lease, int milliseconds);

/* A lease that anybody holds. */
struct lifecycle_lease_info {
	size_t size;
	uint64_t number; /* the sequence number at which it was taken */
	uint64_t life;
	const char *vm;
	int state;       /* enum lifecycle_lease_state: HELD or ASKED */
	uint32_t uid, pid;
	const char *comm; /* what that process calls itself */
	const char *reason;
	uint64_t since;
	uint64_t until;   /* it is over then, unless it is before; 0: nobody has asked for it */
	uint32_t timeout_ms;
	bool unclaimed;   /* its holder has not claimed it again since the daemon started */
};

struct lifecycle_lease_list;

/* Who holds the end of this VM. `name` "" or NULL: of all VMs, in one call. */
int lifecycle_leases(struct lifecycle *l, const char *name, struct lifecycle_lease_list **ret);
struct lifecycle_lease_list *lifecycle_lease_list_unref(struct lifecycle_lease_list *list);
size_t lifecycle_lease_list_count(const struct lifecycle_lease_list *list);
const struct lifecycle_lease_info *lifecycle_lease_list_at(const struct lifecycle_lease_list *list, size_t i);

#ifdef __cplusplus
}
#endif

#endif
