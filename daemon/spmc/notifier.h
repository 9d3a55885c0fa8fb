/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notifiers: what an SP's own code wants to be called for when a VM is destroyed. They are registered per VM, and called
 * one at a time, in order, on the SP's one thread, which does nothing else meanwhile. Pure, and part of the book: no
 * pointers, no clock, and a death of this process between any two stores is survived.
 */

#include <stdbool.h>
#include <stdint.h>

#define NOTIFIERS 512 /* registered at one SP at a time; plain ones, which are a mere count, not included */
#define NOTIFIER_NAME 24
#define NOTIFIER_COMMAND 192
#define NOTIFIER_ENDS 32 /* of those that ran, kept to be looked at */
#define NOTIFIER_UNTIL_TOLD UINT64_MAX

/* States of one VM in an SP's book; those of Trusty. Other SPs use ABSENT and AVAILABLE alone. */
enum sp_vm_state {
	SP_VM_ABSENT,
	SP_VM_FRESH,
	SP_VM_AVAILABLE,
	SP_VM_DESTROY_NOTIFYING,
	SP_VM_DESTROY_NOTIFIED,
	SP_VM_STATE_COUNT,
};

/* What the SP's code gets for its calls. */
enum notifier_answer {
	NOTIFIER_OK,
	NOTIFIER_WAITS, /* the one to unregister runs: the answer is OK, once it has ended */
	NOTIFIER_INVALID_ARGUMENTS,
	NOTIFIER_NOT_FOUND,
	NOTIFIER_BAD_STATE,
	NOTIFIER_NO_MEMORY,
	NOTIFIER_ANSWER_COUNT,
};

/* What unregister says of a notifier that runs. */
enum notifier_contract {
	NOTIFIER_CONTRACT_HEADER, /* waits for its end, as users rely on */
	NOTIFIER_CONTRACT_SEED,   /* NOT_FOUND, as it has left the list: what the code of the original comes to */
};

enum notifier_kind {
	NOTIFIER_NONE,
	NOTIFIER_HOLD, /* takes its time, which may be none */
	NOTIFIER_RUN,  /* a program, until it ends */
	NOTIFIER_KIND_COUNT,
};

struct notifier_callback {
	uint8_t kind; /* enum notifier_kind */
	uint8_t fails; /* a HOLD returns an error */
	uint64_t hold; /* ns */
	char command[NOTIFIER_COMMAND]; /* words, each with its NUL; an empty one ends it */
};

struct notifier {
	uint64_t order; /* of registration; no two are alike */
	uint64_t since; /* CLOCK_MONOTONIC ns, of registration */
	uint16_t vm;
	uint8_t registered;
	char name[NOTIFIER_NAME];
	struct notifier_callback callback;
};

/* How one ended. */
enum notifier_how {
	NOTIFIER_RETURNED,    /* with a value: 0 is fine, all others are errors */
	NOTIFIER_SIGNALLED,   /* killed by a signal */
	NOTIFIER_NOT_STARTED, /* with an errno */
	NOTIFIER_UNSEEN,      /* it is gone, and nobody here could see how */
	NOTIFIER_CUT_SHORT,   /* the SP, or this process, ended first */
	NOTIFIER_HOW_COUNT,
};

struct notifier_result {
	uint8_t how;
	int32_t value;
};

/* The one that runs: a copy, for its object is its own to free. */
struct notifier_run {
	struct notifier what;
	uint8_t active;
	uint64_t begun, until; /* UNTIL_TOLD: notifier_end is told from outside */
	int32_t pid;           /* of the program; 0: not started yet */
	uint64_t pid_started;
};

struct notifier_end {
	uint64_t order;
	uint16_t vm;
	uint8_t kind;
	char name[NOTIFIER_NAME];
	struct notifier_result result;
	uint64_t took; /* ns */
};

struct notifiers {
	uint64_t next_order; /* outlives all who were registered */
	uint64_t ended, failed;
	struct notifier_run run;
	struct notifier_end last[NOTIFIER_ENDS];
	struct notifier object[NOTIFIERS];
	uint32_t count; /* derived: objects that are registered */
};

extern const char *const notifier_answers[NOTIFIER_ANSWER_COUNT];

/* ---- the three calls of the SP's code ---- */
enum notifier_answer notifier_init(
	struct notifier *n, uint16_t vm, const char *name, const struct notifier_callback *callback);
enum notifier_answer notifier_register(
	struct notifiers *l, enum sp_vm_state state, const struct notifier *n, uint64_t now);
enum notifier_answer notifier_unregister(
	struct notifiers *l, enum notifier_contract contract, uint16_t vm, const char *name);

/* ---- the thread's side ---- */
bool notifier_has(const struct notifiers *l, uint16_t vm);
bool notifier_begin(struct notifiers *l, uint16_t vm, uint64_t now); /* the first of that VM; false: there is none */
void notifier_end(struct notifiers *l, struct notifier_result result, uint64_t now);
struct notifier_result notifier_result_of_hold(const struct notifier_run *run);
bool notifier_failed(struct notifier_result result);

void notifiers_forget(struct notifiers *l, uint64_t now); /* the SP is gone: none of them runs any more */
void notifiers_recover(struct notifiers *l);
