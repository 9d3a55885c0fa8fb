/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The simulation: the real model and engine between fake adapters, in virtual time. A world is a daemon, its disk, its
 * VMMs, its SPs and its users, made from one seed; the oracle looks at the outside of the daemon alone: what is on the
 * disk, what goes over the wires, what the SPs have in their books, what is published.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "engine/engine.h"
#include "proto/ffa.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/coverage.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/holders.h"
#include "tests/simulation/queue.h"

#define SIM_SP_MAX       9 /* the SPMC is one of them, the last, where it has notification bitmaps */
#define SIM_VM_MAX       30
#define SIM_REQUESTS_MAX 64
#define SIM_VCPU_MAX     2 /* that talk */
#define SIM_DEVICE_MAX   2
#define SIM_DEVICE_TYPE(i) ((i) % 2 ? ASSIGNED_CCW_FAKE : ASSIGNED_VFIO_FAKE)
#define SIM_MESSAGES_MAX 256
#define WIRE_KEPT        40
#define WIRE_LINE        152

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

/* What happened between one life and one SP, as the wire, the disk and the stream tell it. */
struct pair {
	uint8_t stored, stored_how; /* enum debt_state, debt_how on the disk */
	uint64_t stored_seq;
	uint8_t shown, how;     /* in the events */
	unsigned settled;       /* events that said SETTLED */
	uint32_t created_in;    /* SP instance that the last VM_CREATED went to */
	uint32_t first_in;      /* that the first one was meant for */
	uint32_t world;         /* secure world then */
	uint32_t unsure_in;     /* SP instance that may have taken what nobody knows of */
	uint64_t announce_until; /* as it was said first of this announce; 0: nobody said it */
	uint64_t announce_by;    /* as the disk has it, of the last */
	bool announced;          /* and that one is over */
	bool created_ok;        /* 0 came back, from that instance */
	bool created_retry;     /* the last answer to VM_CREATED was RETRY */
	bool created_refused;   /* it was a refusal */
	bool destroyed_ok;      /* 0 came back to VM_DESTROYED */
	bool destroyed_unknown; /* "no such VM" came back to it */
	bool doubled;           /* VM_CREATED went out again while it was not known whether the SP had taken it */
	uint64_t forget_asked;  /* by which request an operator gave it up, if it was taken; 0: none */
	bool unsure;            /* what was under way when a link or the daemon broke: nobody knows */
};

struct life {
	struct map_node node;
	uint64_t number;
	uint16_t endpoint;
	char name[VM_NAME_MAX + 1];
	uint64_t memory; /* bytes now held; 0: none */
	uint64_t memory_bytes;
	uint32_t boot;
	uint16_t vcpu_count;
	bool notifications;   /* it is to have a bitmap */
	bool proven;          /* the daemon was told: quiesced for good, or dead */
	bool gone;            /* id and memory are back, says the disk */
	uint64_t gone_at;     /* as of that change */
	bool stored_quiesced; /* and stored it */
	uint8_t stored_substate;
	bool enter; /* ENTER was commanded */
	uint64_t enter_at;
	bool entered, entry_told;
	bool was_cut; /* at some time: words of its guest may have been lost */
	bool cut;  /* the daemon was told that its VMM is away, or is a new one; not yet that it is back */
	bool stale_told; /* and that it is back, and of another build */
	bool broke; /* its VMM broke the rules of the link */
	bool deaf; /* the daemon was told, of the stop under way */
	bool pause_told; /* that all stand, of the pause under way */
	bool built, reclaiming, reclaimed;
	bool shown;              /* its beginning was */
	bool unborn;             /* a daemon found that no VMM was ever given it, and has not started another */
	uint8_t state, substate; /* as the events tell it */
	uint64_t turn, stored_since; /* the last publish that touched it; since when it is in stored_substate */
	struct pair pair[SIM_SP_MAX];
	uint8_t assigned_count;
	struct vmm_device_state device[SIM_DEVICE_MAX]; /* as the daemon of now was told; zero: it was not */
	uint32_t sandbox_lacks;                         /* likewise */
};

enum book_state { BOOK_FRESH, BOOK_AVAILABLE, BOOK_NOTIFYING, BOOK_NOTIFIED };
struct book_entry {
	uint64_t life;
	uint16_t endpoint;
	uint8_t state; /* enum book_state */
	uint8_t objects;
	uint8_t pending; /* vCPUs, as bits, that something is pending for: of the SPMC's alone */
};

struct frame { /* between the daemon and one SP */
	bool active, arrived, executed;
	bool ran; /* the SP took messages when it was sent */
	uint32_t told; /* and that instance was the last that the daemon was told of */
	struct secure_call call;
	uint32_t instance; /* of the SP when it was sent */
	uint64_t number;
};

struct fake_sp {
	uint16_t id;
	uint8_t profile;
	uint32_t properties;
	bool tells_generation, rings;
	bool doubtful; /* what is seen of it changes, and no generation says whether it knows anything still */
	bool hostile; /* what it says need not be true: what it knows is not held against the daemon */
	bool present;
	bool dead; /* it is discovered still */
	bool deaf; /* it wanted to hear of ends once */
	uint32_t target;   /* who is suspended when it is: itself, or one further down its call chain */
	uint32_t instance; /* its real one */
	uint32_t told;     /* the instance that the daemon was told of */
	uint64_t known_since;
	uint32_t known;    /* the same, once the daemon had time to think and to store */
	uint32_t died;     /* the instance that said so first: ABORTED was heard from it */
	bool aborted_next; /* the next call learns that it died */
	uint64_t busy_until;
	uint64_t stuck_until; /* answers RETRY to everything */
	bool unsure;          /* something of ours may be open there: the daemon cannot know */
	bool guest_lost;      /* the daemon cannot know of the guest's call that is open there */
	struct {
		bool open;
		uint32_t token; /* of a guest's request */
		uint8_t kind;
		uint16_t endpoint;
		uint64_t life;
		uint32_t target;
		unsigned runs;
		uint64_t until; /* a guest's: it is not over before, however often it is run */
	} open;
	struct frame frame;
	struct {
		bool taken;
		uint16_t endpoint;
		uint64_t life;
	} slot;
	struct book_entry *book;
	size_t book_count, book_size;
};

struct secure_link {
	bool up;
	uint64_t epoch;
	uint64_t last_delivery;
	uint64_t frames;
};

/* Who answers for the secure side: fakes of our own (fake.c, sp.c), or the SPMC itself (real.c). */
struct world;
struct side_ops {
	void (*make)(struct world *w, bool faults);
	void (*free)(struct world *w);
	void (*sent)(struct world *w, struct fake_sp *sp); /* its frame leaves */
	/* The frame of that SP arrives. False: the answer comes by link_answer(), or never. */
	bool (*execute)(struct world *w, struct fake_sp *sp, struct secure_reply *ret);
	void (*connect)(struct world *w);  /* it is met, and discovered: IN_SECURE_UP follows */
	void (*discover)(struct world *w); /* likewise, on a link that is up */
	void (*dropped)(struct world *w);  /* nobody waits for answers any more */
	void (*mischief)(struct world *w, enum mischief what);
	void (*reboot)(struct world *w);
	void (*calm)(struct world *w); /* nothing goes wrong there any more */
	uint64_t patience;             /* for an answer; 0: each comes */
	bool rings_later;              /* what is told of a restart is the doorbell, if generations are told, not ABORTED */
};

enum temper { GUEST_OBEYS, GUEST_IGNORES, GUEST_IS_DEAF, GUEST_TEMPERS }; /* when its power key is pressed */

/* A vCPU of a guest that talks: at most one call of it is out. */
struct fake_vcpu {
	bool out, told; /* told: the daemon of now or one before it heard of the call */
	uint64_t told_on; /* the link on which it was told last */
	uint64_t channel; /* 1 + the link over which its channel came; 0: it has none yet */
	uint64_t last_delivery, last_answer; /* on its channel: in order there, and in none with the link */
	uint64_t heard_as; /* the how many-th call that a daemon heard */
	bool heard;     /* the daemon has the call from the link of now, and has not answered: as the fleet counts */
	bool broken;    /* since the call began something on its way may have been lost */
	bool serving;
	uint8_t state;
	uint32_t asks, serves; /* tokens of requests */
	uint32_t serves_form;  /* the function id of that one */
	uint64_t page;         /* who there is: from where on it asks next; 0: from the beginning */
	uint64_t asked_at;     /* what was stored last when its call was heard */
	uint32_t owes;         /* the target that yielded to it: nobody else may run it */
	uint16_t serves_id;
	bool left_for_spmc; /* its call, once */
	bool poked;   /* it was run: there may be notifications */
	uint64_t got[SIM_VCPU_MAX + 1]; /* that are on their way to it: of struct notes.at */
	const struct guest_call *coming; /* its answer, on its way */
	struct guest_call call;
};

/* A guest's notifications, as it knows them itself and as its VMM has them. */
struct notes {
	uint16_t asked[64], was_asked[64]; /* the id that each is bound to, and before that */
	uint64_t bound[64];                /* the life, once it was said that it is so */
	uint64_t per_vcpu;
	struct {
		uint16_t out[64];         /* calls under way that set it */
		uint64_t ever, may, must; /* were set; may be pending; are, as their senders were told */
	} at[SIM_VCPU_MAX + 1];           /* for each vCPU, and for all: the last */
	bool missed;              /* the VMM was away when it was told something */
	struct vmm_notification_state is;
};

/* One direct request between guests. */
struct message {
	uint32_t token; /* 0: none */
	uint64_t life, served_by;
	uint16_t vcpu, to;
	bool delivered, responded; /* indirect: put, and nothing */
	bool left; /* indirect: on its way to the receiver's VMM, once */
	bool may_abort; /* to an SP: the answer may be lost, with its instance or the link */
	unsigned gone_out; /* to an SP: so often it left the daemon */
};

enum vmm_at { VMM_STARTING, VMM_NEW, VMM_BUILDING, VMM_IS_BUILT, VMM_RUNS, VMM_IS_QUIET, VMM_IS_OVER, VMM_DEAD };
struct fake_vmm {
	size_t index;
	enum vmm_at at;
	uint64_t life; /* the life it was started for, or got at birth; 0: none */
	bool born;
	bool connected, welcome, hangs, refused, spawned_by_daemon;
	int32_t pid;
	uint64_t start_time;
	uint8_t invocation[16];
	uint64_t connection;
	uint64_t last_delivery;
	uint64_t cuts;   /* what was under way to it on a link before this one is never read */
	uint64_t daemon; /* incarnation it is connected to */
	uint16_t vcpu_count;
	uint64_t left_at; /* a daemon was told of its coming and going without a life: in that step, UINT64_MAX: on its way */
	uint64_t listened; /* 1 + the link of whose channels the daemon hears; 0: of none */
	bool talks, rings; /* rings: it notifies others, and waits for nobody */
	struct notes notes;
	bool rx_full;
	struct fake_vcpu guest[SIM_VCPU_MAX];
	unsigned device_count;
	struct vmm_device_state device[SIM_DEVICE_MAX];
	uint32_t sandbox_lacks; /* enum vmm_sandbox_layer */
	enum temper temper;
	bool pressed, told_to_stop;
	bool gate, stands; /* nobody may enter; and everybody is out */
	bool build;        /* daemons of the other one do not understand it */
	bool stale;        /* that is who it is connected to */
	uint64_t features; /* enum vmm_feature */
	bool clings;       /* a vCPU does not come out when it is told to stand */
	unsigned stubborn; /* how often in 1000 a device of its does not stop, or does not start again */
	uint64_t pause, resume; /* number of the PAUSE or RESUME that it was sent last, the other is 0. As the fleet counts */
	uint64_t obeys;    /* of the PAUSE or RESUME that it read last */
	unsigned on_the_way; /* PAUSE and RESUME that it has not read */
	uint64_t stays_unheard; /* the RESUME of that number does not go through, which is on the way to the daemon; 0: none is */
	uint64_t last_order; /* what is sent arrives in its order */
	struct vmm_end end;
	char name[VM_NAME_MAX + 1];
};

struct asked {
	uint64_t token;
	enum request_verb verb;
	bool alone; /* the daemon had nothing else to do: all that changes is this request's doing */
	bool had_row;
	struct vm_row row;
	struct debt_row debt[MODEL_SP_MAX]; /* of the row, whose own may be written over */
	uint64_t stored_seq;
	bool preserve, bound; /* what it said beside its verb */
	bool has_unit; /* somebody had started its unit, which may wait for a life */
	uint64_t text; /* DEFINE: what was asked for, as definition_hash() */
};

/* A VM's definitions, as the disk has them. */
struct kept_definitions {
	uint64_t vm, life; /* 0: none */
	char name[VM_NAME_MAX + 1];
	struct vm_definition *in_force, *next; /* next: NULL, it is the same */
	bool removal;
};

/* A VM as a follower of the event stream has it. */
struct picture {
	bool exists;
	char name[VM_NAME_MAX + 1];
	uint64_t life;
	uint8_t operation;
	uint8_t was_operation; /* before the turn that touched it last */
	uint64_t was_life;
	uint64_t turn; /* the publish that touched it last */
};

struct failure {
	bool failed;
	const char *promise;
	uint64_t step;
	char text[512];
};

struct wire {
	char line[WIRE_KEPT][WIRE_LINE];
	unsigned next;
	uint64_t hash, count;
	bool verbose;
};

struct stats {
	uint64_t lives, worlds, strangers, steps, crashes, kills, reboots, stale, link_breaks, sp_restarts, commits, refusals;
	uint64_t virtual_time;
	uint64_t how[DEBT_HOW_COUNT];
	uint64_t cause[CAUSE_COUNT], lease[LEASE_STATE_COUNT];
	struct coverage coverage;
};

/* A VM as its stored changes tell it, for what its policies promise. */
struct kept_vm {
	uint64_t vm, life; /* 0: none */
	struct vm_policies says;
	struct vm_definition definition;
	bool runs;
	bool quiesced; /* its life is over, and no guest of it can run */
	uint64_t defined; /* the last change of the definition */
	uint8_t operation;
	bool due;     /* it is to come back by itself */
	bool unclear; /* what was decided last cannot be judged: count on from what is stored */
	uint32_t boot; /* under which not_before was said */
	uint64_t not_before;
	uint64_t partition_by; /* it waits for an SP, and this long, as that was stored; 0: it does not */
	uint32_t partition_boot;
	uint64_t decided; /* changes up to this one were looked at with the end that they follow */
	uint64_t window, stored_window;
	uint32_t window_boot;
	uint32_t restarts; /* in the window, which is of one boot */
	uint32_t in_a_row; /* without a healthy time between */
	uint64_t entered;  /* RUNNING since; 0: this life was not */
	bool client_gone;  /* it was bound, until its client was gone */
	enum { KEEP_UNCLEAR, KEEP_IT, KEEP_IT_NOT } keep; /* what its policy says of the life that ends now */
	bool removal;      /* it goes with its life */
	bool for_good;     /* it was ended at somebody's word, and nobody asked for it since */
	char name[VM_NAME_MAX + 1];
};

struct world {
	uint64_t seed;
	struct random random;
	struct queue queue;
	uint64_t now, boot_base;
	uint32_t boot; /* counts the host's boots */
	bool autostarted; /* who is to start with it has been told to, says the disk */
	struct faults faults;
	bool guests_call; /* SPs, most of the time: links break and daemons die under their calls */
	uint16_t nosy; /* everybody calls that SP until then */
	uint64_t nosy_until;
	bool upgrades; /* daemons of two builds take turns */
	bool build;    /* the daemon's; a VMM has that of its day */
	bool quiet; /* nothing goes wrong any more, nobody asks any more */

	struct engine *engine;
	struct engine_ports ports;
	uint64_t incarnation;
	bool dead, in_engine, quitting;
	unsigned posted; /* inputs since the engine last had nothing to do */
	uint64_t idle_at; /* the last step after which that was so */
	uint64_t wake_serial, wakes_at;
	bool soon;

	struct disk disk;
	const struct side_ops *side;
	struct real *real; /* of real.c */
	struct secure_link link;
	uint32_t world_instance, told_world, known_world;
	bool tells_instance;
	struct fake_sp sp[SIM_SP_MAX];
	size_t sp_count;

	struct fake_vmm **vmm;
	size_t vmm_count, vmm_size;
	int32_t next_pid;

	struct map lives;
	struct life **life;
	size_t life_count, life_size, lives_wanted;
	uint64_t memory_limit;
	uint16_t first_id, last_id; /* of the daemon; 0, 0: all */
	struct {
		uint64_t life[FFA_ID_VM_COUNT];       /* who has it, on the disk */
		uint8_t burned[FFA_ID_VM_COUNT];      /* at so many SPs */
		uint64_t free_since[FFA_ID_VM_COUNT]; /* sequence number; 0: it was never used */
		struct {
			uint64_t vm;
			uint16_t id, next;
		} asked[SIM_VM_MAX]; /* by definitions */
		uint64_t defined;    /* the last change of one */
	} ids;

	struct kept_vm kept[2 * SIM_VM_MAX];
	struct kept_definitions definitions[SIM_VM_MAX];
	struct client client[SIM_VM_MAX];
	uint64_t last_client_end, daemon_since;
	struct change_shutdown shutdown; /* as it is stored */
	size_t vm_count;
	struct picture picture[SIM_VM_MAX];
	uint64_t shown_seq; /* the follower's cursor */
	bool follows;       /* it found this daemon */
	uint64_t publishes;
	struct {
		uint64_t begun, settled, ended[CAUSE_COUNT];
	} told; /* lives, by this daemon: what it has to have counted */
	struct asked asked[SIM_REQUESTS_MAX];
	struct holders holders;
	uint64_t next_token;
	struct message message[SIM_MESSAGES_MAX];
	size_t message_count;
	uint32_t next_message;
	uint64_t calls_heard;

	struct failure failure;
	struct wire wire;
	struct stats stats;
};

/* world.c */
bool world_run(
	struct world *w, const struct side_ops *side, uint64_t seed, size_t lives, bool faults, bool verbose); /* false: an oracle spoke */
void world_free(struct world *w);
bool world_output(struct world *w); /* each thing the daemon lets out passes here; false: it died before it */
void world_post(struct world *w, const struct input *in);
void world_crash(struct world *w);
uint64_t world_monotonic(const struct world *w);
bool world_is_idle(const struct world *w); /* the daemon has nothing to step or store */
struct life *world_life(struct world *w, uint64_t number);
struct life *world_add_life(struct world *w, const struct change *c);

/* wire.c */
void wire_note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wire_print(const struct wire *wire);
void fail(struct world *w, const char *promise, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* fleet.c, vmm.c */
extern const struct fleet_ops fleet_ops;
void fleet_crash(struct world *w, bool reboot);
void fleet_adopt(struct world *w);
void fleet_mischief(struct world *w, enum mischief what);
void fleet_stranger(struct world *w, const char *name); /* somebody starts a VM's unit */
void fleet_stop_unit(struct world *w, const char *name); /* somebody stops it: SIGTERM */
bool fleet_has_process(const struct world *w, const char *name);
bool fleet_waits(const struct world *w, const struct fake_vmm *v); /* for a life, as far as the daemon may know */
bool fleet_has_vmm(const struct world *w, uint64_t life, bool born);
void fleet_stands(struct world *w); /* who is shown as paused stands; and who is not is let go on */
void fleet_wake_up(struct world *w); /* nobody hangs any more */
void fleet_free(struct world *w);
struct fake_vmm *vmm_spawn(struct world *w, const char *name, uint64_t life);
void vmm_take(struct world *w, struct fake_vmm *v, uint64_t life); /* it waited, and is to have that life */
void vmm_birth(struct world *w, struct fake_vmm *v, struct life *life);
void vmm_stale_command(struct world *w, struct fake_vmm *v, enum vmm_command command);
void vmm_command(struct world *w, struct fake_vmm *v, struct committed proof, enum vmm_command command);
void vmm_sigterm(struct world *w, struct fake_vmm *v);
void vmm_die(struct world *w, struct fake_vmm *v, enum vm_cause cause);
void vmm_tell(struct world *w, struct fake_vmm *v, struct input *in);
void vmm_tell_on_channel(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, struct input *in);
void vmm_cut(struct world *w, struct fake_vmm *v);
void vmm_come_back(struct world *w, struct fake_vmm *v);

#include "tests/simulation/guest-form.h"

/* device.c */
void devices_begin(struct world *w, struct fake_vmm *v);
void devices_run(struct world *w, struct fake_vmm *v);
bool devices_stop(struct world *w, struct fake_vmm *v, bool may_refuse);
void devices_are_welcome(struct world *w, struct fake_vmm *v);
void device_is_heard(struct life *life, const struct input *in);
void devices_are_forgotten(struct life *life);
void oracle_devices(struct world *w, const struct vm_row *row); /* P4 */

/* guest.c */
void guest_begins(struct world *w, struct fake_vmm *v);
void guest_fills(struct world *w, struct input *in); /* what goes with a call, once it is heard */
void guest_gets(struct world *w, struct fake_vmm *v, uint64_t number, const uint8_t *bytes, uint32_t size);
void guest_answered(struct world *w, struct fake_vmm *v, const struct guest_call *answer);
void guest_is_welcome(struct world *w, struct fake_vmm *v); /* its VMM is adopted: what it waits for is told again */
void guest_is_cut(struct world *w, struct fake_vmm *v);
void guest_is_heard(struct world *w, struct fake_vmm *v, const struct input *in);
struct message *guest_message(struct world *w, uint32_t token); /* NULL: none, or it is long over */
void oracle_guests(struct world *w); /* the world is quiet */

/* directory.c */
bool directory_is_asked(uint64_t function);
void directory_chooses(struct world *w, struct fake_vcpu *g, uint64_t x[FFA_REGISTERS]);
void directory_is_heard(struct world *w, struct fake_vcpu *g);
void directory_leaves(struct world *w, struct fake_vcpu *g, const struct guest_call *answer);

/* notify.c */
bool notify_is_for_sp(const uint64_t x[FFA_REGISTERS]);
bool notify_sp_chooses(struct world *w, struct fake_vmm *v, uint64_t x[FFA_REGISTERS]);
void spmc_notifies(struct world *w, struct fake_sp *sp, const struct secure_call *c, struct secure_reply *ret);
void oracle_notification_call(struct world *w, struct life *life, const struct secure_call *c);
bool notify_left_for_spmc(struct world *w, const struct vm_row *row);
void oracle_notified(struct world *w, const struct fake_vmm *v);
void notify_chooses(struct world *w, struct fake_vmm *v, uint16_t vcpu, uint16_t other, uint64_t x[FFA_REGISTERS]);
void notify_leaves(struct world *w, struct fake_vmm *v, const struct guest_call *answer);
void notify_delivered(struct fake_vcpu *g);
void notify_lost(struct fake_vmm *v, struct fake_vcpu *g); /* its answer */
void notify_cut(struct fake_vmm *v);
void notify_told(struct world *w, struct fake_vmm *v, const struct guest_notice *notice);
void notify_tells(struct world *w, struct fake_vmm *v);
void notify_crash(struct fake_vmm *v);
void oracle_notifications(struct world *w); /* the world is quiet */

/* link.c */
extern const struct secure_ops link_ops;
uint64_t link_in_order(struct world *w, uint64_t delay);
void link_answer(struct world *w, struct fake_sp *sp, struct secure_reply *reply); /* takes it */
void link_forget(struct world *w);
void link_break(struct world *w, bool tell);
void link_come_up(struct world *w, uint64_t delay);
void link_crash(struct world *w);
void link_mischief(struct world *w, enum mischief what);
void link_outcome_is_unknown(struct world *w, struct fake_sp *sp, uint64_t life, uint8_t kind); /* of a call */
struct fake_sp *link_sp(struct world *w, uint16_t id);

/* fake.c, sp.c; real.c */
extern const struct side_ops fake_side, real_side;
void link_doorbell(struct world *w, struct fake_sp *sp);
void sp_execute(struct world *w, struct fake_sp *sp, const struct secure_call *call, uint32_t instance,
	struct secure_reply *ret);
void sp_restart(struct world *w, struct fake_sp *sp, bool tell);
struct book_entry *sp_entry(const struct fake_sp *sp, uint64_t life);
void sp_learns(struct world *w, uint64_t life);
bool sp_wants(const struct fake_sp *sp, uint32_t property);
bool sp_is_the_spmc(const struct fake_sp *sp);
bool sp_is_to_know(const struct fake_sp *sp, const struct life *life); /* that it lives */

/* users.c */
void users_start(struct world *w);
void users_destroy_all(struct world *w);
extern const struct answer_ops users_ops;

/* oracle*.c: each looks when something happens at the outside, and calls fail() */
void oracle_step(struct world *w);                                                      /* after every step */
void oracle_stored(struct world *w, const struct turn *turn);                           /* P4, P2 */
void oracle_call(struct world *w, struct committed proof, const struct secure_call *c); /* P1, P3, P4 */
void oracle_reply(struct world *w, const struct secure_call *c, const struct secure_reply *r);
void oracle_executed(struct world *w, const struct fake_sp *sp, const struct secure_call *c, uint32_t instance);
void oracle_enter(struct world *w, struct life *life);            /* P3: the command */
void oracle_known(struct world *w, struct fake_sp *sp);           /* P3: it had time to think about a restart */
void oracle_entry(struct world *w, struct life *life);            /* P3: vCPU 0 enters */
void oracle_reclaim(struct world *w, struct life *life);          /* P2, P1 */
void oracle_act(struct world *w, struct committed proof);         /* P4 */
void oracle_event(struct world *w, const struct event_record *e); /* P1: how debts move */
void oracle_answer(struct world *w, const struct asked *asked, const struct answer *a); /* P5 */
void oracle_follow(struct world *w);  /* P4: after a crash, by the cursor */
void oracle_settled(struct world *w); /* the world is quiet, VMs still live */
void oracle_empty(struct world *w);   /* everything was destroyed */
void oracle_waits(struct world *w);   /* P6 */
void oracle_deadlines_crash(struct world *w); /* P6: the daemon is dead */
bool oracle_is_settled(struct world *w);
void oracle_never_settles(struct world *w);
void oracle_no_row_changed(struct world *w, const struct asked *asked, const struct answer *a);
extern const struct publish_ops oracle_publish_ops;
struct picture *oracle_picture(struct world *w, const char *name);
bool oracle_was_forgotten(const struct pair *p);
void oracle_ids(struct world *w, const struct change *c); /* P2 */
bool oracle_id_is_short(const struct world *w, const char *name);
void oracle_ended_for_good(struct world *w, const struct asked *asked); /* P5: it is answered with success */
void oracle_rebooted(struct world *w);
void oracle_requires(struct world *w, const struct vm_row *row); /* P5 */
struct kept_vm *oracle_kept(struct world *w, const char *name); /* NULL: no VM is named so */
void oracle_partition_row(struct world *w, const struct vm_row *row); /* P6 */
void oracle_partition_stored(struct world *w, struct kept_vm *k, const struct change_operation *op);
void oracle_partition_missed(struct world *w, const struct kept_vm *k, const struct change_end *end);
void oracle_turn(struct world *w, const struct kept_vm *k); /* P5: it is asked to end in a shutdown */
bool oracle_needs(struct world *w, const char *name, const char *needed); /* by its definition it begins after that one */
bool oracle_wants_partition(struct world *w, const struct vm_row *row, uint16_t id); /* it must wait for this one; 0: for any */
bool oracle_has_stranger(const struct world *w, const char *name);
void oracle_cancelled(struct world *w, const struct asked *asked); /* P5: likewise */
void oracle_asked_to_live(struct world *w, const char *name);
void oracle_next_start(struct world *w, const struct vm_row *row); /* P6 */
void oracle_policies(struct world *w, const struct turn *turn); /* P5 */

/* oracle-definitions.c */
void oracle_definitions(struct world *w, const struct turn *turn); /* P5: what a life is built from */
void oracle_built(struct world *w, const struct birth_place *place); /* P5 */
void oracle_definition_shown(struct world *w, const struct vm_row *row); /* P4 */
void oracle_defined(struct world *w, const struct asked *asked); /* P4: and it was answered with success */
uint64_t definition_hash(const struct vm_definition *d);
void oracle_definitions_free(struct world *w);
bool oracle_may_hold(struct world *w, const struct life *life, size_t sp);
