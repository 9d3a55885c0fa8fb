/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announce and retire between a hypervisor that may crash and SPs that may restart, for every interleaving.
 *
 * One process a life: its debt to each SP moves NONE -> CREATING -> KNOWN -> DESTROYING -> SETTLED, as in
 * daemon/model/availability.c; the intent is stored before the message leaves, the outcome after (daemon/engine). What is
 * `stored` survives a crash; what is `dirty`, and the answer that was under way, does not (daemon/model/resume.c). SP 0
 * is Trusty-like (RETRY first, one creation slot, RETRY before the end is taken), SP 1 strict: each answers what does
 * not fit with INVALID_PARAMETERS. An SP tells a new instance by its generation, which the hypervisor compares whenever
 * it speaks to it (the doorbell).
 *
 * Held, for all lives and SPs: P1 whoever was told of a birth is told of the death, once, and knows nobody at the end;
 * P2 the id is free only when no SP knows it; P3 no DESTROYED before quiesce, no entry before all answered. No deadlock
 * (an end that is not valid), no livelock (a cycle without progress, with a bounded number of crashes).
 *
 * Left to open.pml: calls that stay open, BUSY, links that break, and OP-TEE, which takes a birth twice. Left to the
 * simulation: SPs that tell no generation, and calls that cross a restart on their way.
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
#ifndef RESTARTS
#define RESTARTS 1
#endif

mtype = { NONE, CREATING, KNOWN, DESTROYING, SETTLED };        /* a debt */
mtype = { ABSENT, SLOT, FRESH, AVAILABLE, NOTIFYING, NOTIFIED }; /* a VM in an SP's book */
mtype = { ACK, RETRY, INVALID, LOST };                         /* an answer */

typedef pair {
	mtype stored;  /* the debt, on the disk */
	bit unsure;    /* an outcome is unknown: not stored, set anew after a crash */
	bit dirty;     /* RETRY was answered */
	mtype book;    /* what the SP has */
	byte settled;  /* how often the debt became SETTLED */
}
pair p[LIVES * SPS];
#define P(l, s) p[(l) * SPS + (s)]

bit generation[SPS];     /* of the SP itself */
bit told[SPS];           /* as the hypervisor last had it: stored */
byte slot[SPS];          /* who has the Trusty-like SP's creation slot: 1 + life */
byte creating[SPS];      /* who has ours */
bit entered[LIVES], quiesced[LIVES], freed[LIVES];
byte crashes = 0, restarts = 0;
bit crashed[LIVES];      /* the hypervisor died: this life is still to be resumed */
byte over = 0;

/* ---- the SPs: one message is one step, with its answer ---- */

inline sp_created(l, s, answer)
{
	if
	:: s == 1 && P(l, s).book == ABSENT -> P(l, s).book = AVAILABLE; answer = ACK
	:: s == 0 && P(l, s).book == ABSENT && slot[s] == 0 -> slot[s] = l + 1; P(l, s).book = SLOT; answer = RETRY
	:: s == 0 && P(l, s).book == ABSENT && slot[s] != 0 -> answer = RETRY
	:: P(l, s).book == SLOT -> answer = RETRY
	:: P(l, s).book == FRESH -> P(l, s).book = AVAILABLE; answer = ACK
	:: P(l, s).book == AVAILABLE || P(l, s).book == NOTIFYING || P(l, s).book == NOTIFIED -> answer = INVALID
	fi
}

inline sp_destroyed(l, s, answer)
{
	if
	:: s == 1 && P(l, s).book == AVAILABLE -> P(l, s).book = ABSENT; answer = ACK
	:: s == 0 && P(l, s).book == AVAILABLE -> P(l, s).book = NOTIFYING; answer = RETRY
	:: P(l, s).book == NOTIFYING -> answer = RETRY
	:: P(l, s).book == NOTIFIED -> P(l, s).book = ABSENT; answer = ACK
	:: P(l, s).book == ABSENT || P(l, s).book == SLOT || P(l, s).book == FRESH -> answer = INVALID
	fi
}

/* The thread of the Trusty-like SP: allocates for its slot, runs notifiers. It always has its turn: its steps end. */
active proctype thread()
{
end:
	do
	:: atomic { slot[0] != 0 -> P(slot[0] - 1, 0).book = FRESH; slot[0] = 0 }
	:: atomic { P(0, 0).book == NOTIFYING -> P(0, 0).book = NOTIFIED }
#if LIVES > 1
	:: atomic { P(1, 0).book == NOTIFYING -> P(1, 0).book = NOTIFIED }
#endif
	od
}

/* An SP is another instance: it knows nobody. */
active proctype restart()
{
	byte l;
end:
	do
	:: atomic {
		restarts < RESTARTS && over < LIVES ->
		byte s;
		if
		:: s = 0
		:: s = 1
		fi;
		restarts++;
		generation[s] = 1 - generation[s];
		slot[s] = 0;
		l = 0;
		do
		:: l < LIVES -> P(l, s).book = ABSENT; l++
		:: else -> break
		od;
		l = 0
	   }
	:: else -> break
	od
}

/* The hypervisor dies and comes back: what was not stored is gone, for every life at once. */
active proctype crash()
{
	byte l;
end:
	do
	:: atomic {
		crashes < CRASHES && over < LIVES ->
		crashes++;
		creating[0] = 0;
		l = 0;
		do
		:: l < LIVES -> crashed[l] = 1; P(l, 0).dirty = 0; P(l, 1).dirty = 0; l++
		:: else -> break
		od;
		l = 0
	   }
	:: else -> break
	od
}

/* ---- the hypervisor ---- */

/* After a crash: the outcome of what was stored as under way is unknown. */
inline resume(l, r)
{
	if
	:: crashed[l] ->
		crashed[l] = 0;
		r = 0;
		do
		:: r < SPS ->
			if
			:: P(l, r).stored == CREATING || P(l, r).stored == DESTROYING -> P(l, r).unsure = 1
			:: else
			fi;
			if
			:: r == 0 && P(l, r).stored == CREATING && creating[0] == 0 -> creating[0] = l + 1
			:: else
			fi;
			r++
		:: else -> break
		od;
		r = 0
	:: else
	fi
}

/* Another instance: live VMs are announced again, dead ones are settled. Once, for all lives, as in sp_lost(). */
inline look(s, k)
{
	if
	:: generation[s] != told[s] ->
		told[s] = generation[s];
		k = 0;
		do
		:: k < LIVES ->
#ifndef BUG_NO_REANNOUNCE
			if
			:: P(k, s).stored == CREATING || P(k, s).stored == KNOWN || P(k, s).stored == DESTROYING ->
				if
				:: quiesced[k] -> P(k, s).stored = SETTLED; P(k, s).settled++
				:: else -> P(k, s).stored = NONE
				fi;
				if
				:: s == 0 && creating[s] == k + 1 -> creating[s] = 0
				:: else
				fi
			:: else
			fi;
#endif
			P(k, s).unsure = 0;
			P(k, s).dirty = 0;
			k++
		:: else -> break
		od;
		k = 0
	:: else
	fi
}

inline created_answer(l, s, answer)
{
	if
	:: answer == ACK -> P(l, s).stored = KNOWN; P(l, s).unsure = 0
	:: answer == INVALID && (P(l, s).unsure || P(l, s).dirty) -> P(l, s).stored = KNOWN; P(l, s).unsure = 0
	:: answer == INVALID && !P(l, s).unsure && !P(l, s).dirty -> assert(false) /* nobody else said it */
#ifdef BUG_RETRY_IS_DONE
	:: answer == RETRY -> P(l, s).stored = KNOWN
#else
	:: answer == RETRY -> P(l, s).dirty = 1; P(l, s).unsure = 0
#endif
	fi;
	if
	:: s == 0 && creating[s] == l + 1 && P(l, s).stored != CREATING -> creating[s] = 0
	:: else
	fi
}

inline destroyed_answer(l, s, answer)
{
	if
	:: answer == ACK -> P(l, s).stored = SETTLED; P(l, s).settled++
	:: answer == INVALID -> P(l, s).stored = SETTLED; P(l, s).settled++
#ifdef BUG_BUSY_IS_REFUSAL
	:: answer == RETRY -> P(l, s).stored = SETTLED; P(l, s).settled++
#else
	:: answer == RETRY
#endif
	fi
}

/* One step of one life towards one SP. */
inline step(l, s, r, answer)
{
	atomic {
		resume(l, r);
		look(s, r);
		if
		/* announce: the intent is stored, then the message leaves; a crash between the two loses nothing */
		:: P(l, s).stored == NONE && !quiesced[l] && (s != 0 || creating[0] == 0) ->
#ifndef BUG_SEND_BEFORE_STORE
			P(l, s).stored = CREATING; P(l, s).unsure = 0; P(l, s).dirty = 0;
			if
			:: s == 0 -> creating[0] = l + 1
			:: else
			fi
#else
			sp_created(l, s, answer); P(l, s).dirty = 1;
			if
			:: !crashed[l] && crashes < CRASHES -> skip /* dies here: nothing was stored */
			:: P(l, s).stored = CREATING
			fi
#endif
		:: P(l, s).stored == CREATING && (P(l, s).dirty || P(l, s).unsure || !quiesced[l]) ->
#ifdef BUG_DESTROYED_OVER_CREATED
			if
			:: quiesced[l] && P(l, s).dirty -> P(l, s).stored = DESTROYING
			:: else ->
#endif
			sp_created(l, s, answer);
			if
			:: created_answer(l, s, answer)
			:: crashes < CRASHES && answer != INVALID -> /* dies before the outcome is stored */
				crashes++; crashed[l] = 1; P(l, s).dirty = 0
			fi
#ifdef BUG_DESTROYED_OVER_CREATED
			fi
#endif
		/* it was never sent: nothing is owed */
		:: P(l, s).stored == CREATING && !P(l, s).dirty && !P(l, s).unsure && quiesced[l] ->
			P(l, s).stored = NONE;
			if
			:: s == 0 && creating[s] == l + 1 -> creating[s] = 0
			:: else
			fi
		:: P(l, s).stored == KNOWN && quiesced[l] -> P(l, s).stored = DESTROYING
		:: P(l, s).stored == DESTROYING ->
			assert(quiesced[l]);
			sp_destroyed(l, s, answer);
			if
			:: destroyed_answer(l, s, answer)
			:: crashes < CRASHES -> crashes++; crashed[l] = 1
			fi
		:: else
		fi
	}
}

#define DONE(l, s) (P(l, s).stored == NONE || P(l, s).stored == SETTLED)

/* There is something to do: a life that only waits takes no steps. */
#define CAN(l, s) (crashed[l] || generation[s] != told[s] || P(l, s).stored == CREATING || P(l, s).stored == DESTROYING || \
	(P(l, s).stored == NONE && !quiesced[l] && (s != 0 || creating[0] == 0)) || (P(l, s).stored == KNOWN && quiesced[l]))

proctype life(byte l)
{
	byte r = 0;
	mtype answer = LOST;

	do
	:: CAN(l, 0) -> step(l, 0, r, answer)
	:: CAN(l, 1) -> step(l, 1, r, answer)
	/* vCPU 0 enters when every SP has answered */
	:: atomic {
		!entered[l] && !quiesced[l] && P(l, 0).stored == KNOWN && P(l, 1).stored == KNOWN && !crashed[l] ->
		entered[l] = 1;
		/* no SP is taken for one that knows: unless it restarted, which is not known yet */
		assert(generation[0] != told[0] || P(l, 0).book == AVAILABLE);
		assert(generation[1] != told[1] || P(l, 1).book == AVAILABLE)
	   }
	/* the user ends it, at any time */
	:: atomic { !quiesced[l] && !crashed[l] -> quiesced[l] = 1 }
#ifdef BUG_DESTROYED_EARLY
	:: atomic { !quiesced[l] && P(l, 1).stored == KNOWN -> P(l, 1).stored = DESTROYING }
#endif
#ifdef BUG_ID_EARLY
	:: atomic { quiesced[l] && DONE(l, 1) && !freed[l] -> freed[l] = 1; break }
#else
	:: atomic { quiesced[l] && !crashed[l] && DONE(l, 0) && DONE(l, 1) && !freed[l] -> freed[l] = 1; break }
#endif
	od;
	atomic {
		/* the id is free: nobody may know it, but an SP that is another instance by now, which knows nothing */
		assert(P(l, 0).book == ABSENT || P(l, 0).book == SLOT && slot[0] != l + 1);
		assert(P(l, 1).book == ABSENT);
		assert(P(l, 0).settled <= 1 && P(l, 1).settled <= 1);
		over++
	}
}

init {
	byte i = 0;

	atomic {
		do
		:: i < LIVES * SPS -> p[i].stored = NONE; p[i].book = ABSENT; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < LIVES -> run life(i); i++
		:: else -> break
		od
	}
}

/* Under weak fairness, and with crashes and restarts that end, every life is settled. */
ltl settles { <> (over == LIVES) }
