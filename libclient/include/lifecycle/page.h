/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_PAGE_H
#define LIFECYCLE_PAGE_H

/* The state page: the state of VMs that live, by FF-A id and life, without asking anybody. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lifecycle/words.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lifecycle_page;

struct lifecycle_page_info {
	size_t size;
	int state, substate;
	int cause;           /* of the end under way: enum lifecycle_cause */
	unsigned vcpu_count;
	uint64_t changed_at; /* sequence number of the last change that touched it */
	uint64_t since;      /* of this sub-state */
	uint8_t uuid[16];    /* the VM's, as in its text */
};
#define LIFECYCLE_PAGE_INFO_INIT { .size = sizeof(struct lifecycle_page_info) }

/* Maps the page. `directory` is the daemon's runtime directory; NULL: /run/lifecycled. -EPROTO: not a page of a version known here. */
int lifecycle_page_open(const char *directory, struct lifecycle_page **ret);
struct lifecycle_page *lifecycle_page_ref(struct lifecycle_page *p);
struct lifecycle_page *lifecycle_page_unref(struct lifecycle_page *p);

/* The state of exactly that life: one load. -ESTALE: it is over, the id is free or another life's. */
int lifecycle_page_state(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, enum lifecycle_state *ret_state,
	enum lifecycle_substate *ret_substate);

/* The rest of the line. -EAGAIN: the daemon was writing, or died while it was; its successor repairs the line. */
int lifecycle_page_info(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, struct lifecycle_page_info *info);

/*
 * Waits while that life is in that state and sub-state. 0: it left them; -ESTALE: the life is over; -ETIMEDOUT;
 * -EHOSTDOWN: the daemon is gone, nobody will write the page; -EINTR.
 */
int lifecycle_page_wait(const struct lifecycle_page *p, uint16_t endpoint, uint64_t life, enum lifecycle_state state,
	enum lifecycle_substate substate, int milliseconds);

int lifecycle_page_alive(const struct lifecycle_page *p); /* 1: a daemon keeps the page; 0: stale, it says what was when that died */
uint64_t lifecycle_page_seq(const struct lifecycle_page *p); /* all up to this change is in the page */
uint64_t lifecycle_page_incarnation(const struct lifecycle_page *p); /* of the daemon that wrote last; each has a higher one */

#ifdef __cplusplus
}
#endif

#endif
