/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notifications between VMs and SPs (DEN0077A v1.2 s.16). The SPMC keeps them, bindings and all: a guest's call goes there over
 * the secure link, one at a time, behind what the daemon itself has for it (guest_sp.c). What the SPMC has for a VM the doorbell
 * of the SPMC says; FFA_NOTIFICATION_INFO_GET says for whom, and the VM's interrupt is raised.
 *
 * A call whose answer was lost is not sent again: ABORTED. FFA_NOTIFICATION_GET is asked again after a daemon's death, for it
 * says only what is there; what the lost answer had taken out is lost.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/ffa.h"

struct guest_call;
struct guest_vcpu;
struct life;
struct model;
struct secure_reply;
struct sp;
struct step;

/* BIND, UNBIND or SET. False: the other side is no SP. */
bool notification_sp_call(struct step *s, struct guest_vcpu *v, const struct guest_call *call);

/* GET. False: nothing of it is the SPMC's. */
bool notification_sp_get(struct step *s, struct guest_vcpu *v, const struct guest_call *call);

/* It may have been done, and is nothing to be done twice. */
bool notification_sp_is_sent(const struct guest_call *call);

/* Of guest_sp.c, where the calls wait for their turn. */
enum ffa_status notification_sp_check(const struct model *m, const struct guest_vcpu *v, const struct sp *spmc);
void notification_sp_narrow(uint64_t x[FFA_REGISTERS]); /* to what the hypervisor may ask of the SPMC */
void notification_sp_answer(struct step *s, struct guest_vcpu *v, const struct secure_reply *r);
/* Without the SPMC's word: the link broke, or it is not there. */
void notification_sp_fails(struct step *s, struct guest_vcpu *v, enum ffa_status status);
bool notification_sp_is_awaited(const struct model *m, const struct sp *spmc); /* somebody may have something pending */
void notification_sp_info(struct step *s, struct sp *spmc, const struct secure_reply *r);

/* The link is up: what the SPMC rang for meanwhile nobody heard. */
void notification_sp_up(struct step *s);

/* A VMM has told of its guest's notifications: what the SPMC rang for while there was nobody is asked now. */
void notification_sp_awaited(struct step *s);

/* The SPMC may have told of something that never was heard. */
bool notification_sp_may_have(struct model *m, const struct life *l);
