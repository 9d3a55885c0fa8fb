/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that stay open, answers that are lost, and an SP that takes a birth twice, for every interleaving: what announce.pml
 * leaves out.
 *
 * SP 0 is strict (what does not fit is INVALID_PARAMETERS), SP 1 is OP-TEE-like (a second VM_CREATED makes a second object,
 * VM_DESTROYED is 0 always). Either may answer INTERRUPT instead: the call is open there until FFA_RUN, and everything else
 * gets BUSY meanwhile. FFA_RUN without an open call is the end of its CPU. The hypervisor has one call out to an SP; a
 * message and its answer are one step, at whose end the hypervisor may have died (before the message left, or before the
 * answer was stored) or the link may have broken (the answer is lost, nobody dies). What an SP is told is in the words of
 * daemon/model/secure.c, reply.c, world.c and resume.c.
 *
 * Held, for all lives and SPs: P1 whoever was told of a birth knows nobody at the end, also if he was told twice; P2 the id
 * is free only when no SP knows it and none has a call of it open; P3 no VM_DESTROYED but after quiesce, or before the guest
 * was in; FFA_RUN for an open call alone, and only for the life whose call it is; an answer is credited to that life. No
 * deadlock; every life is settled at last.
 *
 * An SP that is BUSY for reasons of its own is taken not to be so while an answer of it is lost: BUSY then means the open
 * call. In daemon/model/reply.c time makes it so, which is not in here: BUSY has to outlast any call, through many repeats.
 * RETRY is in announce.pml.
 *
 * -DBUG_... plants what must be found; tests/promela/run says which check finds it.
 */

#ifndef LIVES
#define LIVES 2
#endif
#define SPS 2
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef BREAKS
#define BREAKS 0
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef INTERRUPTS
#define INTERRUPTS 1
#endif
#ifndef BUSIES
#define BUSIES 0
#endif

mtype = { NONE, CREATING, KNOWN, DESTROYING, SETTLED }; /* a debt */
mtype = { NO_CALL, CREATED, DESTROYED };                /* a message */
mtype = { ACK, INVALID, BUSY, INTERRUPT };              /* an answer */

typedef pair {
	mtype state;  /* stored */
	byte extra;    /* stored: how often more than once it may have the life */
	bit unsure;   /* an outcome is unknown */
	bit cleanse;  /* VM_DESTROYED first, then VM_CREATED */
	byte book;    /* objects that the SP has of it */
	bit settled;
}
pair p[LIVES * SPS];
#define P(l, s) p[(l) * SPS + (s)]

typedef partition {
	mtype kind;      /* stored: the call that left last, */
	byte whose;      /* 1 + whose, */
	bit target;      /* and that FFA_RUN of it was asked for */
	bit unsure;      /* its answer was lost */
	bit collect;     /* BUSY to a repeat: it is open there */
	mtype open;      /* the SP's own: what waits for FFA_RUN, */
	byte open_life;  /* 1 + of whom */
	bit generation, told;
}
partition sp[SPS];

bit entered[LIVES], quiesced[LIVES], freed[LIVES];
bit up = 1; /* else lost calls are still to be replayed */
byte crashes = 0, breaks = 0, restarts = 0, interrupts = 0, busies = 0, over = 0;

/* Used within a step alone. */
hidden byte k, who, running, clearing, sent;
hidden mtype asked, about, answer;

/* ---- the SPs ---- */

inline execute(l, s, message)
{
	if
	:: message == CREATED && s == 1 -> P(l, s).book++; answer = ACK
	:: message == CREATED && s == 0 && P(l, s).book == 0 -> P(l, s).book = 1; answer = ACK
	:: message == CREATED && s == 0 && P(l, s).book > 0 -> answer = INVALID
	:: message == DESTROYED && P(l, s).book > 0 -> P(l, s).book--; answer = ACK
	:: message == DESTROYED && P(l, s).book == 0 && s == 1 -> answer = ACK
	:: message == DESTROYED && P(l, s).book == 0 && s == 0 -> answer = INVALID
	fi;
	about = message
}

inline sp_message(l, s, message)
{
	about = NO_CALL;
	if
	:: sp[s].open != NO_CALL -> answer = BUSY
	:: sp[s].open == NO_CALL && busies < BUSIES && !sp[s].unsure -> busies++; answer = BUSY
	:: sp[s].open == NO_CALL && interrupts < INTERRUPTS ->
		interrupts++;
		sp[s].open = message;
		sp[s].open_life = l + 1;
		answer = INTERRUPT
	:: sp[s].open == NO_CALL -> execute(l, s, message)
	fi
}

inline sp_run(l, s)
{
	about = NO_CALL;
	assert(sp[s].open != NO_CALL);      /* else its CPU is lost */
	assert(sp[s].open_life == l + 1);   /* else the answer is taken for that of another life */
	if
	:: interrupts < INTERRUPTS -> interrupts++; answer = INTERRUPT
	:: execute(l, s, sp[s].open); sp[s].open = NO_CALL; sp[s].open_life = 0
	fi
}

active proctype restart()
{
end:
	do
	:: atomic {
		restarts < RESTARTS && over < LIVES ->
		if
		:: who = 0
		:: who = 1
		fi;
		restarts++;
		sp[who].generation = 1 - sp[who].generation;
		sp[who].open = NO_CALL;
		sp[who].open_life = 0;
		k = 0;
		do
		:: k < LIVES -> P(k, who).book = 0; k++
		:: else -> break
		od
	   }
	:: else -> break
	od
}

/* ---- the hypervisor: what a debt becomes ---- */

/* The life is over: what was never sent is not owed, what is known is taken back. */
inline retire(l, s)
{
	if
	:: quiesced[l] && P(l, s).state == KNOWN -> P(l, s).state = DESTROYING
#ifdef BUG_RETIRE_OPEN
	:: quiesced[l] && P(l, s).state == CREATING && !P(l, s).unsure -> P(l, s).state = NONE
#else
	:: quiesced[l] && P(l, s).state == CREATING && !P(l, s).unsure && !(sp[s].target && sp[s].whose == l + 1) ->
		P(l, s).state = NONE
#endif
	:: else
	fi
}

inline close_target(s)
{
	if
	:: sp[s].target -> sp[s].target = 0; sp[s].kind = NO_CALL
	:: else
	fi
}

/* The answer to one debt, by the table of daemon/model/availability.c. */
inline debt_event(l, s)
{
	if
	:: P(l, s).cleanse && P(l, s).state == CREATING && asked == DESTROYED && (answer == ACK || answer == INVALID) ->
		if
		:: P(l, s).extra > 0 && answer == ACK -> P(l, s).extra--
		:: else -> P(l, s).cleanse = 0; P(l, s).unsure = 0
		fi
	:: else ->
		if
		:: answer == ACK && P(l, s).state == DESTROYING && P(l, s).extra > 0 -> P(l, s).extra-- /* once more */
		:: answer == ACK && P(l, s).state == DESTROYING && P(l, s).extra == 0 ->
			assert(!P(l, s).settled);
			P(l, s).state = SETTLED; P(l, s).settled = 1
		:: answer == INVALID && P(l, s).state == DESTROYING ->
			assert(!P(l, s).settled);
			P(l, s).state = SETTLED; P(l, s).settled = 1
		:: answer == ACK && P(l, s).state == CREATING ->
			assert(asked == CREATED);
			P(l, s).state = KNOWN; P(l, s).unsure = 0; P(l, s).cleanse = 0
		:: answer == INVALID && P(l, s).state == CREATING ->
			assert(P(l, s).unsure); /* nobody else said it */
			P(l, s).state = KNOWN; P(l, s).unsure = 0; P(l, s).cleanse = 0
#ifdef BUG_BUSY_IS_REFUSAL
		:: answer == BUSY && P(l, s).state == CREATING -> P(l, s).state = NONE
#endif
		:: else
		fi
	fi;
	retire(l, s)
}

inline answered(l, s)
{
	if
	:: answer == INTERRUPT ->
		sp[s].unsure = 0;
		sp[s].collect = 0;
		sp[s].kind = asked;
		sp[s].target = 1
	:: else ->
		if
		:: running && about != NO_CALL -> asked = about
		:: else
		fi;
		sp[s].collect = sp[s].unsure && answer == BUSY;
#ifdef BUG_NO_COLLECT
		sp[s].collect = 0;
#endif
		if
		:: !sp[s].collect && answer != BUSY -> sp[s].unsure = 0; close_target(s)
		:: !sp[s].collect && answer == BUSY && !sp[s].unsure -> close_target(s)
		:: else
		fi;
		debt_event(l, s)
	fi
}

/* ---- what was lost ---- */

/* The hypervisor died: only what is stored is left, and what was under way is unsure. */
inline die()
{
	crashes++;
	up = 0;
	who = 0;
	do
	:: who < SPS ->
		sp[who].collect = 0;
		k = 0;
		do
		:: k < LIVES ->
			P(k, who).cleanse = 0;
			P(k, who).unsure = P(k, who).state == CREATING || P(k, who).state == DESTROYING;
			k++
		:: else -> break
		od;
		sp[who].unsure = 0;
		if
		:: sp[who].whose > 0 ->
			k = sp[who].whose - 1;
			sp[who].unsure = (sp[who].kind == CREATED && P(k, who).state == CREATING) ||
				(sp[who].kind == DESTROYED && (P(k, who).state == DESTROYING || P(k, who).state == CREATING))
		:: else
		fi;
		who++
	:: else -> break
	od
}

/* The link broke while a call was out at s: its outcome is unknown. */
inline break_link(l, s)
{
	breaks++;
	up = 0;
	sp[s].unsure = 1;
#ifndef BUG_BREAK_IS_UNSENT
	P(l, s).unsure = 1;
#endif
	who = 0;
	do
	:: who < SPS -> sp[who].unsure = sp[who].unsure || sp[who].collect; sp[who].collect = 0; who++
	:: else -> break
	od
}

/* Another instance: debts of dead lives are settled, live VMs are announced again. */
inline look(s)
{
	if
	:: sp[s].generation != sp[s].told ->
		sp[s].told = sp[s].generation;
		sp[s].collect = 0;
#ifndef BUG_TARGET_STAYS
		close_target(s);
#endif
		k = 0;
		do
		:: k < LIVES ->
			if
			:: P(k, s).state == NONE || P(k, s).state == SETTLED
			:: P(k, s).state == CREATING && sp[s].unsure && sp[s].whose == k + 1 -> P(k, s).unsure = 1
			:: else ->
				if
				:: quiesced[k] -> P(k, s).state = SETTLED; P(k, s).settled = 1
				:: else -> P(k, s).state = NONE
				fi;
				P(k, s).unsure = 0;
				P(k, s).cleanse = 0;
				P(k, s).extra = 0
			fi;
			k++
		:: else -> break
		od
	:: else
	fi
}

/* What may have been sent and was not answered is to be sent again; OP-TEE would take it for another VM. */
inline replay(s)
{
	k = 0;
	do
	:: k < LIVES ->
		clearing = sp[s].whose == k + 1 && sp[s].kind == DESTROYED;
		if
		:: s == 1 && P(k, s).unsure && P(k, s).state == CREATING && !(sp[s].target && !sp[s].unsure && !clearing) ->
#ifdef BUG_CLEANSE_RUNNING
			P(k, s).cleanse = 1
#else
			if
#ifdef BUG_NO_CLEANSE
			:: !entered[k] || quiesced[k] || clearing
#else
			:: !entered[k] || quiesced[k] || clearing -> P(k, s).cleanse = 1
#endif
			:: else -> P(k, s).extra++
			fi
#endif
		:: else
		fi;
		retire(k, s);
		k++
	:: else -> break
	od
}

inline come_up()
{
	if
	:: !up ->
		look(0);
		look(1);
		replay(0);
		replay(1);
		up = 1
	:: else
	fi
}

/* ---- one turn towards one SP ---- */

#define OPEN(s) (sp[s].collect || (sp[s].target && !sp[s].unsure))
#define DONE(l, s) (P(l, s).state == NONE || P(l, s).state == SETTLED)
#define IDLE(l, s) (DONE(l, s) || P(l, s).state == KNOWN)
#define SENDABLE(l, s) (P(l, s).state == CREATING || P(l, s).state == DESTROYING)
/* While an answer is lost, only the life that it belongs to may speak. */
#ifdef BUG_ANYBODY_SPEAKS
#define MAY(l, s) SENDABLE(l, s)
#else
#define MAY(l, s) (SENDABLE(l, s) && (!sp[s].unsure || sp[s].whose == l + 1 || IDLE(sp[s].whose - 1, s)))
#endif
/* A strict SP has one creation slot. */
#if LIVES > 1
#define SLOT(l, s) (s == 1 || P(1 - l, s).state != CREATING)
#else
#define SLOT(l, s) true
#endif
#define BEGINS(l, s) (P(l, s).state == NONE && !quiesced[l] && SLOT(l, s))

/* Runs what is open, or sends: then the outcome is stored, or lost. */
inline speak(l, s)
{
	running = OPEN(s);
#ifdef BUG_RUN_UNASKED
	running = running || sp[s].unsure;
#endif
	sent = 1;
	if
	:: running ->
		k = sp[s].whose - 1;
		asked = sp[s].kind
	:: else ->
		k = l;
		asked = (P(l, s).state == CREATING && !P(l, s).cleanse -> CREATED : DESTROYED);
		assert(asked == CREATED || quiesced[l] || !entered[l]); /* P3 */
		if
		:: sp[s].unsure && IDLE(sp[s].whose - 1, s) -> sp[s].unsure = 0
		:: else
		fi;
		if
		:: !sp[s].unsure -> sp[s].kind = asked; sp[s].whose = l + 1; sp[s].target = 0
		:: else
		fi
	fi;
	who = k;
	if
	:: crashes < CRASHES -> sent = 0
	:: skip
	fi;
	if
	:: !sent -> die() /* the intent is stored, the call did not leave */
	:: else ->
		if
		:: running -> sp_run(who, s)
		:: else -> sp_message(who, s, asked)
		fi;
		if
		:: answered(who, s)
		:: crashes < CRASHES -> die() /* before the outcome is stored */
		:: breaks < BREAKS -> break_link(who, s)
		fi
	fi
}

inline turn(l, s)
{
	atomic {
		come_up();
		look(s);
		if
		:: BEGINS(l, s) -> P(l, s).state = CREATING; P(l, s).unsure = 0; P(l, s).cleanse = 0
		:: OPEN(s) || MAY(l, s) -> speak(l, s)
		:: else
		fi;
		k = 0; who = 0; running = 0; clearing = 0; sent = 0
	}
}

#define CAN(l, s) (!up || sp[s].generation != sp[s].told || BEGINS(l, s) || OPEN(s) || MAY(l, s))

proctype life(byte l)
{
	do
	:: CAN(l, 0) -> turn(l, 0)
	:: CAN(l, 1) -> turn(l, 1)
	/* vCPU 0 enters when every SP has answered; OP-TEE has it once */
	:: atomic {
		!entered[l] && !quiesced[l] && up && P(l, 0).state == KNOWN && P(l, 1).state == KNOWN ->
		entered[l] = 1;
		assert(sp[0].generation != sp[0].told || P(l, 0).book == 1);
		assert(sp[1].generation != sp[1].told || P(l, 1).book == 1)
	   }
	:: atomic { !quiesced[l] && up -> quiesced[l] = 1; retire(l, 0); retire(l, 1) }
	:: atomic { quiesced[l] && up && DONE(l, 0) && DONE(l, 1) && !freed[l] -> freed[l] = 1; break }
	od;
	atomic {
		/* the id is free: nobody knows it, and nothing of it is open */
		assert(P(l, 0).book == 0);
		assert(P(l, 1).book == 0);
		assert(sp[0].open_life != l + 1 && sp[1].open_life != l + 1);
		over++
	}
}

init {
	byte i = 0;

	atomic {
		do
		:: i < LIVES * SPS -> p[i].state = NONE; i++
		:: else -> break
		od;
		sp[0].kind = NO_CALL; sp[1].kind = NO_CALL;
		sp[0].open = NO_CALL; sp[1].open = NO_CALL;
		i = 0;
		do
		:: i < LIVES -> run life(i); i++
		:: else -> break
		od
	}
}

/* Under weak fairness, and with faults that end, every life is settled. */
ltl settles { <> (over == LIVES) }
