/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model/oracle.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Sentences, not a table, and told from the state that is entered: the reference lists what a state may leave
 * to, so a slip made in copying its rows does not come out the same here. Two kinds:
 *   "TO from FROM..."  TO may be entered from each FROM; "any" is every state, "itself" the one it is in
 *   "FROM reaches N"   counted along the row: N states, itself included, once everything above is told
 * The second kind sees to it that no move was lost when rows were turned into columns.
 * 5.1, 5.2 and 5.5 are sections of the project's FF-A reference; a row is named by its first column.
 */

static const char *const vm_sentences[] = {
	"itself from any",       /* 5.1, title: same state is a successful no-op; the "=" of every row */
	"created from null",     /* 5.1 row NULL: loaded */
	"running from created",  /* 5.1 row CREATED: first vCPU gets cycles, live activation finished */
	"aborting from created", /* 5.1 row CREATED: init failed */
	"aborting from running", /* 5.1 row RUNNING: fatal error */
	"halted from running",   /* 5.1 row RUNNING: stopped for live activation */
	"null from aborting",    /* 5.1 row ABORTING: destroyed; the only way to NULL */
	"created from aborting", /* 5.1 row ABORTING: re-initialised for restart */
	"created from halted",   /* 5.1 row HALTED: new image ready */
	"aborting from halted",  /* 5.1 row HALTED: activation failed */

	"null reaches 2",     /* 5.1 row NULL */
	"created reaches 3",  /* 5.1 row CREATED */
	"running reaches 3",  /* 5.1 row RUNNING */
	"aborting reaches 3", /* 5.1 row ABORTING */
	"halted reaches 3",   /* 5.1 row HALTED */
};

static const char *const vcpu_sentences[] = {
	"itself from any",                                /* 5.2 row any */
	"off from any",                                   /* 5.2 row any: power down; WAITING repeats it */
	"null from aborted stopped",                      /* 5.2 rows ABORTED; STOPPED */
	"created from off null stopped",                  /* 5.2 rows OFF; NULL; STOPPED */
	"starting from off created",                      /* 5.2 rows OFF; CREATED */
	"running from waiting",                           /* 5.2 row WAITING */
	"running from blocked blocked-interrupt",         /* 5.2 row BLOCKED, BLOCKED_INTERRUPT, PREEMPTED */
	"running from preempted",                         /* the same row */
	"waiting from starting running",                  /* 5.2 row STARTING, RUNNING */
	"waiting from stopping",                          /* 5.2 row STOPPING: stop refused */
	"blocked from starting running stopping",         /* 5.2 rows STARTING, RUNNING; STOPPING */
	"preempted from starting running stopping",       /* 5.2 rows STARTING, RUNNING; STOPPING */
	"stopping from starting running",                 /* 5.2 row STARTING, RUNNING */
	"stopped from stopping aborted",                  /* 5.2 rows STOPPING; ABORTED */
	"aborted from starting running stopping waiting", /* 5.2 rows STARTING, RUNNING; STOPPING; WAITING */
	"aborted from stopped",                           /* 5.2 row STOPPED: how 5.5 ends a legacy SP */
	/* No row leads to BLOCKED_INTERRUPT: Hafnium has it for normal-world vCPUs, which go unchecked. */

	"off reaches 3",               /* 5.2 row OFF; here "itself" and the OFF of row any are one */
	"null reaches 3",              /* 5.2 row NULL */
	"created reaches 3",           /* 5.2 row CREATED */
	"starting reaches 7",          /* 5.2 row STARTING, RUNNING */
	"running reaches 7",           /* the same row */
	"stopping reaches 7",          /* 5.2 row STOPPING */
	"waiting reaches 4",           /* 5.2 row WAITING, which names OFF again */
	"blocked reaches 3",           /* 5.2 row BLOCKED, BLOCKED_INTERRUPT, PREEMPTED */
	"blocked-interrupt reaches 3", /* the same row */
	"preempted reaches 3",         /* the same row */
	"aborted reaches 4",           /* 5.2 row ABORTED */
	"stopped reaches 5",           /* 5.2 row STOPPED */
};

/* Ours, not Hafnium's: else a blocked, preempted or never started vCPU keeps its VM from being aborted. */
static const char *const forced_sentences[] = {
	"aborted from any", /* 5.2, "Gap": a forced edge from every state */
};

LIFECYCLE_NAME_TABLE(vm_names, VM_STATES);
LIFECYCLE_NAME_TABLE(vcpu_names, VCPU_STATES);

#define STATES_MAX 16
#define SENTENCE_MAX_BYTES 64

_Static_assert(VM_STATE_COUNT <= STATES_MAX && VCPU_STATE_COUNT <= STATES_MAX, "a row for every state");

struct book {
	const char *const *name;
	unsigned int states;
	const char *const *sentence;
	size_t sentences;
	uint32_t from[STATES_MAX]; /* by the state entered: one bit for each state it may be entered from */
	bool read;
};

#define BOOK(names, count, list)                                                                             \
	{                                                                                                    \
		.name = (names), .states = (count), .sentence = (list),                                      \
		.sentences = sizeof(list) / sizeof(*(list))                                                  \
	}

static struct book vm_book = BOOK(vm_names, VM_STATE_COUNT, vm_sentences);
static struct book vcpu_book = BOOK(vcpu_names, VCPU_STATE_COUNT, vcpu_sentences);
static struct book forced_book = BOOK(vcpu_names, VCPU_STATE_COUNT, forced_sentences);

/* A wrong oracle is worse than none: it would be believed. */
static _Noreturn void misread(const char *sentence, const char *why)
{
	fprintf(stderr, "oracle: \"%s\": %s\n", sentence, why);
	abort();
}

static unsigned int state_named(const struct book *b, const char *word, const char *sentence)
{
	for (unsigned int i = 0; i < b->states; i++)
		if (!strcmp(b->name[i], word))
			return i;
	misread(sentence, "not a state");
}

static void allow(struct book *b, unsigned int from, unsigned int to, const char *sentence)
{
	if (b->from[to] & (1U << from))
		misread(sentence, "told before");
	b->from[to] |= 1U << from;
}

static void read_from(struct book *b, const char *subject, const char *object, const char *sentence)
{
	bool itself = !strcmp(subject, "itself");
	bool any = !strcmp(object, "any");
	unsigned int to = itself ? 0 : state_named(b, subject, sentence);

	if (itself && !any)
		misread(sentence, "itself is said of any");
	if (!any) {
		allow(b, state_named(b, object, sentence), to, sentence);
		return;
	}
	for (unsigned int i = 0; i < b->states; i++) {
		if (itself)
			allow(b, i, i, sentence);
		else if (i != to) /* said by "itself" */
			allow(b, i, to, sentence);
	}
}

static void read_reaches(const struct book *b, const char *subject, const char *number, const char *sentence)
{
	unsigned int from = state_named(b, subject, sentence);
	unsigned long reached = 0;

	for (unsigned int to = 0; to < b->states; to++)
		reached += (b->from[to] >> from) & 1U;
	if (reached != strtoul(number, NULL, 10))
		misread(sentence, "the sentences above say otherwise");
}

static void read_sentence(struct book *b, const char *sentence)
{
	char text[SENTENCE_MAX_BYTES], *rest = text, *subject, *verb, *object;

	if (strlen(sentence) >= sizeof(text))
		misread(sentence, "too long");
	memcpy(text, sentence, strlen(sentence) + 1);
	subject = strsep(&rest, " ");
	verb = strsep(&rest, " ");
	if (!verb || !rest)
		misread(sentence, "words are missing");
	while ((object = strsep(&rest, " "))) {
		if (!strcmp(verb, "from"))
			read_from(b, subject, object, sentence);
		else if (!strcmp(verb, "reaches"))
			read_reaches(b, subject, object, sentence);
		else
			misread(sentence, "not a verb");
	}
}

/* Reads the book at first use, which is no race: the tests that ask run in one thread. */
static bool told(struct book *b, unsigned int from, unsigned int to)
{
	if (!b->read) {
		for (size_t i = 0; i < b->sentences; i++)
			read_sentence(b, b->sentence[i]);
		b->read = true;
	}
	return from < b->states && to < b->states && (b->from[to] & (1U << from));
}

bool oracle_vm_legal(enum vm_state from, enum vm_state to)
{
	return told(&vm_book, from, to);
}

bool oracle_vcpu_legal(enum vcpu_state from, enum vcpu_state to, bool forced)
{
	return told(&vcpu_book, from, to) || (forced && told(&forced_book, from, to));
}
