/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_FOLLOW_H
#define LIFECYCLE_FOLLOW_H

/* Every change, in order, none missing. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lifecycle/connection.h>
#include <lifecycle/see.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lifecycle_event_kind {
	LIFECYCLE_EVENT_VM = 1, /* it was defined, or defined anew */
	LIFECYCLE_EVENT_VM_GONE = 2, /* there is no such VM any more */
	LIFECYCLE_EVENT_STATE = 3, /* a life is in another state or sub-state */
	LIFECYCLE_EVENT_DEBT = 4, /* what a life owes an SP moved on */
	LIFECYCLE_EVENT_SP = 5, /* an SP appeared, changed or vanished */
	LIFECYCLE_EVENT_OPERATION = 6, /* this is under way from now on, or nothing is */
	LIFECYCLE_EVENT_GAP = 7, /* never returned: it is -EOVERFLOW */
	LIFECYCLE_EVENT_WORLD = 8, /* the secure world was met, or is another instance now */
};

/* What is not said to be of a kind is of all. */
struct lifecycle_event {
	size_t size;
	int kind; /* enum lifecycle_event_kind; unknown ones are passed on */
	uint64_t seq;       /* the cursor once this is taken; each is higher than the one before */
	uint64_t realtime;  /* when it happened */
	uint64_t life;      /* 0: it is of no life */
	uint16_t endpoint;  /* FF-A id of the life */
	uint16_t sp;        /* DEBT, SP: whose */
	int old_state;      /* enum lifecycle_state (STATE), lifecycle_debt (DEBT), lifecycle_operation: until then under way (OPERATION, VM_GONE) */
	int new_state;      /* enum lifecycle_state (STATE; OPERATION: where the VM is) or lifecycle_debt (DEBT) */
	int old_substate, new_substate; /* STATE */
	int cause;          /* STATE, once it ends: enum lifecycle_cause */
	int how;            /* DEBT: enum lifecycle_how */
	int operation;      /* OPERATION: enum lifecycle_operation; STATE: OP_RESTART where the next life follows, at once unless an OPERATION comes first */
	uint32_t tries;     /* DEBT: messages sent for this step */
	char name[LIFECYCLE_NAME_MAX + 1]; /* of the VM; "": it is of none */
	int outcome;        /* OPERATION, when it ended: enum lifecycle_outcome */
};
#define LIFECYCLE_EVENT_INIT { .size = sizeof(struct lifecycle_event) }

struct lifecycle_stream;

/*
 * A stream begins with a snapshot (the VMs as they are at the cursor) and goes on with every change after it, none
 * missing. `filter` is a VM's name, or "" or NULL for all. With the epoch and cursor of an earlier stream this one goes on
 * right after it, if the daemon still has every change since: then it is `replayed` and the snapshot is empty. Otherwise,
 * and with NULL and 0, it begins anew.
 */
int lifecycle_subscribe(struct lifecycle *l, const char *filter, const char *epoch, uint64_t seq,
	struct lifecycle_stream **ret);
struct lifecycle_stream *lifecycle_stream_ref(struct lifecycle_stream *s);
struct lifecycle_stream *lifecycle_stream_unref(struct lifecycle_stream *s);
int lifecycle_stream_get_fd(const struct lifecycle_stream *s); /* poll it for POLLIN */
const struct lifecycle_vm_list *lifecycle_stream_snapshot(const struct lifecycle_stream *s);
bool lifecycle_stream_replayed(const struct lifecycle_stream *s);
/* The cursor once all is read that is replayed: of what comes behind it nothing had happened yet when it was subscribed. */
uint64_t lifecycle_stream_replayed_to(const struct lifecycle_stream *s);
const char *lifecycle_stream_epoch(const struct lifecycle_stream *s);
uint64_t lifecycle_stream_seq(const struct lifecycle_stream *s); /* the cursor: everything up to it is known */

/*
 * Never waits. 0: an event; -EAGAIN: none yet; -ENODATA: the daemon hung up, subscribe again with the cursor;
 * -EOVERFLOW: changes were lost, what you know is no longer whole, subscribe again for a new snapshot; -EBADMSG: the
 * other side speaks something else.
 */
int lifecycle_stream_next(struct lifecycle_stream *s, struct lifecycle_event *event);
/* Waits until lifecycle_stream_next has something to say: 0, -ETIMEDOUT or -EINTR. */
int lifecycle_stream_wait(struct lifecycle_stream *s, int milliseconds);

#ifdef __cplusplus
}
#endif

#endif
