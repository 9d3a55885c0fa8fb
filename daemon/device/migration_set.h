/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The plan for all devices of a VM that can migrate. It is asked for a goal, gives one order at a time, and takes what the
 * device answered; time is told to it. The order of phases and of devices is QEMU's; what it cannot do (say that a device
 * failed, and lead the others back) is ours.
 *
 * vCPUs are not in here. They are out before PAUSE begins, for a guest must not touch a device that left RUNNING, and come
 * back in when RESUME is DONE, or PAUSE was led back.
 *
 * A device that fails an order is asked for its state. Then the whole set is led back; or, where there is no way back, the
 * device is reset. One that fails its reset is dead: it gets no more orders, but for an operator's REVIVE.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/migration.h"

#define MIGRATION_SET_MAX 8

enum migration_goal {
	MIGRATION_PAUSE,     /* RUNNING to STOP, PRE_COPY to STOP_COPY */
	MIGRATION_RESUME,    /* to RUNNING */
	MIGRATION_PRE_COPY,  /* a save begins, the guest runs on */
	MIGRATION_STOP_COPY, /* all are stopped: the rest is read */
	MIGRATION_CLEANUP,   /* the save is complete */
	MIGRATION_LOAD,      /* what was saved is written; RESUME ends it */
	MIGRATION_ABORT,     /* the life ends: nothing may reach its memory any more */
	MIGRATION_RESET,     /* all begin anew */
	MIGRATION_REVIVE,    /* those that are dead are reset */
	MIGRATION_ASKED_COUNT,
	MIGRATION_BACK_TO_RUN = MIGRATION_ASKED_COUNT, /* ways back, never asked for */
	MIGRATION_BACK_TO_STOP,
	MIGRATION_GOAL_COUNT,
};

enum migration_order_kind {
	MIGRATION_NO_ORDER,
	MIGRATION_SET_STATE, /* VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, SET */
	MIGRATION_GET_STATE, /* the same, GET */
	MIGRATION_DO_RESET,  /* VFIO_DEVICE_RESET; it may come while a SET_STATE is not answered, and wins */
	MIGRATION_CONFIGURE, /* after a reset: what the guest had set up (command register, interrupts), or it is deaf */
	MIGRATION_ORDER_COUNT,
};

struct migration_order {
	uint8_t kind;    /* enum migration_order_kind */
	uint8_t device;  /* its index in the set */
	uint8_t to;      /* SET_STATE: one arc from where it is */
	uint32_t number; /* to be named in the answer */
	uint64_t until;  /* ns: then it has failed */
};

struct migration_answer {
	uint32_t number;
	int error;      /* 0, or a positive errno: it failed */
	unsigned state; /* GET_STATE: what was found */
	bool data_fd;   /* SET_STATE: a new data fd came with it */
};

enum migration_outcome {
	MIGRATION_IDLE,
	MIGRATION_WORKING,
	MIGRATION_DONE,      /* as asked, if some devices with a reset: see their faults */
	MIGRATION_LED_BACK,  /* a device failed, and all are as before */
	MIGRATION_LOST,      /* a device is dead, the others are as asked or as before */
	MIGRATION_OUTCOME_COUNT,
};

/* Beyond enum migration_refusal: why a goal is refused, or an answer is. */
enum migration_set_refusal {
	MIGRATION_E_BUSY = 16,  /* another goal is under way; ABORT and RESET replace every other */
	MIGRATION_E_VCPUS,      /* the vCPUs are not out */
	MIGRATION_E_DEAD,       /* a device is dead: REVIVE it first */
	MIGRATION_E_UNMIGRATABLE, /* a device cannot migrate at all */
	MIGRATION_E_NO_P2P,     /* several devices, and not all know P2P */
	MIGRATION_E_WRONG_STATE, /* a device is not where this goal begins */
	MIGRATION_E_STALE,      /* the answer is to no order that is out */
};

/* The first thing that went wrong with a device under the goal. ETIMEDOUT: no answer in time. EPROTO: an answer that
 * cannot be true. EBADF: a data fd that must not be there, or none. */
struct migration_fault {
	uint8_t kind; /* MIGRATION_NO_ORDER: none */
	uint8_t from, to;
	int error;
};

struct migration_device {
	uint8_t flags; /* VFIO_MIGRATION_*; 0: it cannot migrate, and is left alone */
	uint8_t state; /* enum vfio_device_mig_state, as known last */
	bool dead;
	bool was_reset; /* or is being: there is no second reset under one goal */
	struct migration_fault fault;
};

struct migration_set {
	uint64_t patience[MIGRATION_ORDER_COUNT]; /* ns, by kind of order */
	struct migration_device device[MIGRATION_SET_MAX];
	uint8_t count;
	uint8_t asked;   /* enum migration_goal: what was asked for */
	uint8_t goal;    /* the same, or the way back */
	uint8_t phase, turn;
	uint8_t outcome; /* enum migration_outcome */
	bool vcpus_out;
	bool failed;     /* a device did, under what was asked */
	int8_t culprit;  /* the first that did; -1: none */
	bool curing;     /* a reset was ordered: what follows belongs to it */
	bool given;      /* `order` is out; else it is to be taken */
	struct migration_order order;
	uint32_t numbers; /* the number given out last */
};

void migration_set_init(struct migration_set *s, const uint64_t patience[MIGRATION_ORDER_COUNT]);

/* In start order. Flags as the device says them, the state as it was found. The index, or -ENOSPC. */
int migration_set_add(struct migration_set *s, uint64_t flags, unsigned state);

/* 0: it is under way, or already done. Otherwise a positive refusal, and nothing changed. */
int migration_set_begin(struct migration_set *s, enum migration_goal goal, bool vcpus_out, uint64_t now);

/* The next order, once: true. False: it waits for an answer, or there is nothing to do. */
bool migration_set_take(struct migration_set *s, struct migration_order *ret);

/* 0, or MIGRATION_E_STALE: it came too late, nothing changed, and a data fd that came with it is to be closed. */
int migration_set_answer(struct migration_set *s, const struct migration_answer *answer, uint64_t now);

/* An order whose time is over has failed. */
void migration_set_tick(struct migration_set *s, uint64_t now);

/* On which device it waits, in which order, until when (P6); NULL: on none. */
const struct migration_order *migration_set_waits(const struct migration_set *s);

/* No goal costs more orders than this. */
unsigned migration_set_most_orders(const struct migration_set *s);

const char *migration_goal_name(enum migration_goal goal);
const char *migration_order_name(enum migration_order_kind kind);
const char *migration_outcome_name(enum migration_outcome outcome);
const char *migration_set_refusal_text(unsigned refusal); /* of both enums */
