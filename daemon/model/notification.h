/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notifications between VMs (DEN0077A v1.2 s.16; Hafnium's answers): 64 of each receiver, each bound to one sender, global or
 * for each vCPU. They are in the model while a daemon lives, and in the receiver's VMM: it is told each change, and tells all
 * of it to a new daemon. So with a daemon nothing is lost, and what was under way may be seen twice.
 *
 * A notification is bound to a life, not to an FF-A id: one whose life is over is bound to nobody.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/vmm-link.h"

struct guest_call;
struct guest_vcpu;
struct life;
struct step;

struct notifications {
	struct vmm_notification_state is;
	uint64_t to_run;  /* vCPUs that are to be run for what is pending, once they wait */
	uint64_t to_tell; /* vCPUs that FFA_NOTIFICATION_INFO_GET has not named yet since something became pending */
	bool tell_global;
};

void notification_bind(struct step *s, struct guest_vcpu *v, const struct guest_call *call);
void notification_unbind(struct step *s, struct guest_vcpu *v, const struct guest_call *call);
void notification_set(struct step *s, struct guest_vcpu *v, const struct guest_call *call);
void notification_get(struct step *s, struct guest_vcpu *v, const struct guest_call *call);
void notification_info_get(struct step *s, struct guest_vcpu *v, const struct guest_call *call);

/* Of notification_sp.c: those of a life, which may be none yet; GET is answered, `secure` is what the SPMC said or NULL. */
struct notifications *notifications_of(struct step *s, struct life *l);
void notification_put(struct step *s, struct guest_vcpu *v, uint16_t index, uint32_t flags, const uint64_t *secure);
/* A GET failed: who waits is run once more for what is still pending. */
void notification_not_got(struct notifications *n, uint16_t index);
void notification_secure(struct step *s, struct life *l, uint16_t vcpu);

/* The vCPU has come to wait: something may be pending for it already. */
void notification_wake(struct step *s, struct guest_vcpu *v);

/*
 * What is bound was told, or will not be: those that wait to set something there go on. A life that is over was told nothing
 * of before.
 */
void notification_release(struct step *s, struct life *l);

/* The receiver's VMM tells what it has. */
void notification_told(struct step *s, struct life *l, const struct vmm_notification_state *is);
