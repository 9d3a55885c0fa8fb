/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The real secure side in virtual time: the world of lifecycled-spmc with SPs of all its personalities, led as its
 * service leads it. Neither the types of daemon/spmc nor those of the model come through here: both have words of the same
 * name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ffa.h"
#include "tests/simulation/queue.h"

#define SIDE_NEVER UINT64_MAX
#define SIDE_SPS   8

struct side;

/* What can be seen of one SP from without. */
struct side_sp {
	uint16_t id;
	const char *personality;
	uint32_t properties; /* as they are discovered */
	uint32_t generation; /* of it, that forgot all that came before */
	bool tells;          /* the link says the generation */
	bool there;          /* it is discovered */
	bool dead;           /* until it is another instance */
	bool runs;           /* takes messages */
	bool doubtful;       /* silent, and what is discovered of it changes */
	bool panicked, open, late, hostile, trusty, optee;
	bool pending;
	uint16_t pending_vm;
	uint32_t end; /* no VM id from here on is known */
};

/* What an SP knows of one VM. */
enum side_vm { SIDE_ABSENT, SIDE_FRESH, SIDE_AVAILABLE, SIDE_NOTIFYING, SIDE_NOTIFIED };

enum side_noise { SIDE_BUSY, SIDE_INTERRUPTED, SIDE_PREEMPTED, SIDE_YIELDED, SIDE_ABORTS, SIDE_MUTE, SIDE_NOISES };

/* Planted bugs of a receiver: each must be found by what its books then say. */
enum side_bug {
	SIDE_SOUND,
	SIDE_KEEPS,   /* VM_DESTROYED is answered 0, and the VM stays in the book */
	SIDE_IGNORES, /* VM_CREATED is answered 0, and the VM is not written down */
	SIDE_FORGETS, /* a VM drops out of the book, and nobody is told of a restart */
	SIDE_BUGS,
};
extern enum side_bug side_bug;

struct side *side_new(struct random *dice, size_t sp_count, bool faults, uint64_t now);
void side_free(struct side *s);
size_t side_count(const struct side *s);

/* One call; x is the answer then. False: none, or not yet: side_answer() brings it with that name. */
bool side_call(struct side *s, uint64_t now, uint64_t name, uint64_t x[FFA_REGISTERS]);
bool side_answer(struct side *s, uint64_t *ret_name, uint64_t x[FFA_REGISTERS]);
/* The next that rings; generation 0: untold. */
bool side_doorbell(struct side *s, uint16_t *ret_sp, uint32_t *ret_generation);
void side_abandon(struct side *s); /* nobody is there to hear either */

uint64_t side_next(const struct side *s); /* when it does something by itself */
void side_work(struct side *s, uint64_t now);

bool side_wants_reset(const struct side *s); /* an abort was propagated */
void side_reset(struct side *s, const uint8_t instance[16]);
void side_restart(struct side *s, uint64_t now); /* the process; its state file stays */
void side_instance(const struct side *s, uint8_t ret[16]);
void side_buffer(struct side *s, int fd); /* where partition information goes; -1: nowhere */

void side_look(const struct side *s, size_t index, struct side_sp *ret);
enum side_vm side_knows(const struct side *s, size_t index, uint16_t vm, uint16_t *ret_objects);

/* Notification bitmaps, which the SPMC itself keeps. */
bool side_has_bitmaps(const struct side *s);
bool side_has_bitmap(const struct side *s, uint16_t vm);
void side_notify(struct side *s, struct random *dice, uint16_t vm); /* an SP does, if one may */
bool side_is_untold(const struct side *s, uint16_t vm);   /* of which FFA_NOTIFICATION_INFO_GET would tell */
bool side_is_notified(const struct side *s, uint16_t vm); /* something is pending that an SP has set */
void side_pend(struct side *s, struct random *dice, uint16_t vm); /* as if an SP had set something */

/* What goes wrong there, by the dice, and its end: whoever lied, hung or is away is replaced by one that does not. */
void side_noise(struct side *s, struct random *dice, size_t index, enum side_noise what);
void side_quiet(struct side *s, size_t index); /* no more of it */
void side_stick(struct side *s, size_t index, bool stuck);
void side_schedule(struct side *s, struct random *dice, uint64_t now);
void side_calm(struct side *s, uint64_t now);
