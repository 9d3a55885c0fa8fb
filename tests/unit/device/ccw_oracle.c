/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/device/ccw_oracle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * One sentence a cell: the state's first letter, the event, then either "deny ERROR", "ignored", "drop", or for each answer
 * of the device the state it leads to and what is owed then. QUIESCING is that of a program; its timer is due.
 */
static const char *const sentences[] = {
	"N init: ok>S busy>N gone>N other>N",
	"S init: deny EALREADY",
	"I init: deny EALREADY",
	"B init: deny EALREADY",
	"Q init: deny EALREADY",

	"N online: deny ENODEV",
	"S online: ok>I gone>N busy>S other>S",
	"I online: deny EALREADY",
	"B online: deny EALREADY",
	"Q online: deny EBUSY",

	"N offline: ignored",
	"S offline: ok>S gone>N busy>S other>S",
	"I offline: ok>S busy>Q gone>N other>N",
	"B offline: ok>S+free+finish busy>Q other>Q gone>N+free+finish", /* ok: the very first order, a cancel, ends it */
	"Q offline: ignored",

	"N ssch: deny EIO",
	"S ssch: deny EIO",
	"I ssch: ok>B busy>I gone>I other>I",
	"B ssch: deny EBUSY",
	"Q ssch: deny EBUSY",

	"N hsch: deny EIO",
	"S hsch: deny EIO",
	"I hsch: ok>I busy>I gone>I other>I",
	"B hsch: ok>B busy>B gone>B other>B",
	"Q hsch: deny EBUSY",

	"N csch: deny EIO",
	"S csch: deny EIO",
	"I csch: ok>I busy>I gone>I other>I",
	"B csch: ok>B busy>B gone>B other>B",
	"Q csch: deny EBUSY",

	"N xsch: deny EOPNOTSUPP",
	"S xsch: deny EOPNOTSUPP",
	"I xsch: deny EOPNOTSUPP",
	"B xsch: deny EOPNOTSUPP",
	"Q xsch: deny EOPNOTSUPP",

	"N rsch: deny EOPNOTSUPP",
	"S rsch: deny EOPNOTSUPP",
	"I rsch: deny EOPNOTSUPP",
	"B rsch: deny EOPNOTSUPP",
	"Q rsch: deny EOPNOTSUPP",

	"N irq-final: drop",
	"S irq-final: drop",
	"I irq-final: ok>I+forward",
	"B irq-final: ok>I+forward+free",
	"Q irq-final: ok>S+free+finish busy>Q gone>N+free+finish other>N+finish",

	"N irq-partial: drop",
	"S irq-partial: drop",
	"I irq-partial: ok>I+forward",
	"B irq-partial: ok>B+forward",
	"Q irq-partial: ok>Q",

	"N irq-unsolicited: drop",
	"S irq-unsolicited: drop",
	"I irq-unsolicited: ok>I+forward",
	"B irq-unsolicited: ok>B+forward",
	"Q irq-unsolicited: drop",

	"N store-schib: ignored",
	"S store-schib: ok>S lost>S gone>N busy>N other>N", /* any error means that it cannot be read */
	"I store-schib: ok>I+crw lost>I+crw gone>N+tell busy>N+tell other>N+tell",
	"B store-schib: ok>B+crw lost>B+crw gone>N+free+complete+tell busy>N+free+complete+tell other>N+free+complete+tell",
	"Q store-schib: ok>Q lost>Q gone>N+free+finish busy>N+free+finish other>N+free+finish",

	"N not-operational: ignored",
	"S not-operational: ok>N",
	"I not-operational: ok>N+tell",
	"B not-operational: ok>N+free+complete+tell",
	"Q not-operational: ok>N+free+finish",

	"N release: ignored",
	"S release: ok>N+teardown",
	"I release: ok>N+teardown busy>Q gone>N other>N",
	"B release: ok>N+free+finish+teardown busy>Q other>Q gone>N+free+finish",
	"Q release: ok>Q",

	"N remove: ok>N+object",
	"S remove: ok>N+teardown+object",
	"I remove: ok>N+teardown+object busy>Q gone>N other>N",
	"B remove: ok>N+free+finish+teardown+object busy>Q other>Q gone>N+free+finish",
	"Q remove: ok>Q",

	"N reset: deny EINVAL",
	"S reset: deny EINVAL",
	"I reset: ok>I busy>Q gone>N other>N",
	"B reset: ok>I+free+finish busy>Q other>Q gone>N+free+finish",
	"Q reset: deny EBUSY",

	"N timeout: ignored",
	"S timeout: ignored",
	"I timeout: ignored",
	"B timeout: ignored",
	"Q timeout: ok>S+free+finish busy>Q gone>N+free+finish other>N+finish",

	"N req: ignored",
	"S req: ignored",
	"I req: ok>I+req",
	"B req: ok>B+req",
	"Q req: ignored",
};

static const char state_letters[] = "NSIBQ";
static const char *const answer_words[ORACLE_ANSWER_COUNT] = { "ok", "busy", "gone", "other", "lost" };

static const struct {
	const char *word;
	uint32_t effect;
} effect_words[] = {
	{ "forward", CCW_FX_FORWARD },       { "complete", CCW_FX_COMPLETE },  { "crw", CCW_FX_CRW },
	{ "free", CCW_FX_FREE_PROGRAM },     { "tell", CCW_FX_TELL_GONE },     { "req", CCW_FX_TELL_REQ },
	{ "teardown", CCW_FX_TEAR_DOWN },    { "finish", CCW_FX_FINISH },      { "object", CCW_FX_FREE_OBJECT },
};

static const struct {
	const char *word;
	int error;
} error_words[] = {
	{ "EALREADY", EALREADY }, { "ENODEV", ENODEV }, { "EBUSY", EBUSY }, { "EIO", EIO },
	{ "EOPNOTSUPP", EOPNOTSUPP }, { "EINVAL", EINVAL },
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* A wrong oracle is worse than none. */
static _Noreturn void misread(const char *what)
{
	fprintf(stderr, "oracle: cannot read \"%s\"\n", what);
	abort();
}

static enum ccw_state state_of(char letter)
{
	const char *at = strchr(state_letters, letter);

	if (!letter || !at)
		misread("a state's letter");
	return (enum ccw_state)(at - state_letters);
}

static uint32_t effect_of(const char *word)
{
	for (size_t i = 0; i < COUNT(effect_words); i++)
		if (!strcmp(effect_words[i].word, word))
			return effect_words[i].effect;
	misread(word);
}

static int error_of(const char *word)
{
	for (size_t i = 0; i < COUNT(error_words); i++)
		if (!strcmp(error_words[i].word, word))
			return error_words[i].error;
	misread(word);
}

static void read_move(struct oracle_cell *c, char *text)
{
	char *to, *effect;
	unsigned answer = 0;

	to = strchr(text, '>');
	if (!to)
		misread(text);
	*to++ = '\0';
	while (answer < ORACLE_ANSWER_COUNT && strcmp(answer_words[answer], text))
		answer++;
	if (answer == ORACLE_ANSWER_COUNT || c->by[answer].said)
		misread(text);
	c->kind = ORACLE_MOVES;
	c->by[answer].said = true;
	c->by[answer].to = state_of(*to);
	strsep(&to, "+");
	while ((effect = strsep(&to, "+")))
		c->by[answer].effects |= effect_of(effect);
}

static void read_sentence(struct oracle_cell *c, char *rest)
{
	char *word;

	while ((word = strsep(&rest, " "))) {
		if (!strcmp(word, "deny")) {
			c->kind = ORACLE_DENIED;
			c->error = error_of(rest);
			return;
		}
		if (!strcmp(word, "ignored"))
			c->kind = ORACLE_IGNORED;
		else if (!strcmp(word, "drop"))
			c->kind = ORACLE_DROPPED;
		else
			read_move(c, word);
	}
}

const struct oracle_cell *oracle_cell(enum ccw_state state, enum ccw_event event)
{
	static struct oracle_cell cell;
	unsigned found = 0;

	memset(&cell, 0, sizeof(cell));
	for (size_t i = 0; i < COUNT(sentences); i++) {
		char text[160], *rest = text, *letter, *name;

		if (strlen(sentences[i]) >= sizeof(text))
			misread(sentences[i]);
		memcpy(text, sentences[i], strlen(sentences[i]) + 1);
		letter = strsep(&rest, " ");
		name = strsep(&rest, ":");
		if (!rest || *rest++ != ' ')
			misread(sentences[i]);
		if (state_of(*letter) != state || strcmp(name, ccw_event_name(event)))
			continue;
		found++;
		read_sentence(&cell, rest);
	}
	if (found != 1)
		misread(ccw_event_name(event));
	return &cell;
}
