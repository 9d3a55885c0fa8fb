/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of this room share. */

#include <sys/types.h>

#include "base/list.h"
#include "base/map.h"
#include "base/message.h"
#include "base/process.h"
#include "fleet/fleet.h"
#include "fleet/manager1.h"
#include "fleet/starter.h"

/* ---- place.c: directories and files ---- */

/* Counted: the helper thread may still remove files when the fleet is gone. Counted in the loop's thread only. */
struct places {
	unsigned refs;
	int runtime, lives, consoles, memory, huge; /* directories; -1: none */
};

int places_open(const struct fleet_config *config, struct places **ret);
struct places *places_unref(struct places *p);
int places_memory(const struct places *p, bool huge); /* fd, or -ENODEV */

/* 1: an old memory file of that life stepped aside and is to be swept */
int life_make(const struct places *p, const struct birth_place *place, char text[TEXT_SIZE]);
int life_open(const struct places *p, uint64_t life, bool huge, int fd[VMM_FD_COUNT]); /* all but the lock */
int life_lock(const struct places *p, uint64_t life, int *ret_fd); /* -EBUSY: somebody holds it */
int life_is_locked(const struct places *p, uint64_t life);         /* 1, 0 or a negative errno; 0 if there is none */
int life_last_words(const struct places *p, uint64_t life, struct vmm_end *ret); /* -ENODATA: none said */
bool life_is_first_stop(const struct places *p, uint64_t life);     /* of any daemon: the mark outlives it */
bool life_is_small(const struct places *p, uint64_t life);          /* its memory, which is not huge: removed in no time */
int life_remove(const struct places *p, uint64_t life, bool huge); /* may take long: for the helper thread, if not small */
void memory_sweep(const struct places *p);                         /* likewise: what stepped aside */

void console_forget(const struct places *p, const char *name);
void consoles_sweep(const struct places *p, keep_fn *keep, const void *arg);

/* ---- frames.c: what a VMM may say ---- */

union vmm_frame {
	struct vmm_frame_header header;
	struct vmm_first first;
	struct vmm_newborn newborn;
	struct vmm_back back;
	struct vmm_ended ended;
	struct vmm_vcpu vcpu;
	struct vmm_call call;
	struct vmm_notifications notifications;
	struct vmm_device device;
	struct vmm_sandbox sandbox;
	struct vmm_channel channel;
	struct vmm_put put;
};
/*
 * What an older VMM has not, and memory behind the frame, is 0; what a newer one says is put in the words of this version; how its
 * guest ended is a text for people and for D-Bus, whatever it was.
 */
void frame_complete(union vmm_frame *frame, size_t size);
const char *frame_breach(const union vmm_frame *frame, size_t size); /* then: which rule it breaks, or NULL */
bool end_is_sane(const struct vmm_end *end);

/* ---- notices: inputs that the engine must get, also when memory is short for a moment ---- */

struct notice {
	struct list node;
	struct input in;
	loop_call_fn *told; /* or NULL */
	void *arg;
};
void fleet_tell(struct fleet *f, struct notice *n);

/* ---- links and VMMs ---- */

enum link_stage {
	LINK_FRESH,   /* has said nothing */
	LINK_PROVING, /* has said NEWBORN; whether it is what it says is being asked */
	LINK_WAITING, /* it is a VM's VMM, and waits for a life */
	LINK_NEWBORN, /* waits for its birth or a refusal */
	LINK_LIVE,    /* speaks for a life */
	LINK_STALE,   /* it has a life, and is of a build that is not understood: neither heard nor told anything */
};

struct link {
	struct loop_corpse corpse;
	struct list node;
	struct fleet *fleet;
	struct vmm *vmm; /* NULL while FRESH */
	struct loop_watch *watch;
	uint64_t number;
	uint64_t until; /* FRESH: says its first frame by then */
	uint64_t again; /* is not listened to before; 0: it is */
	int fd;         /* -1: closed */
	pid_t pid;
	enum link_stage stage;
	uint16_t version;       /* its VMM's, once it has spoken; and what else that one can do, of what is known here */
	uint64_t features;
	struct inquiry inquiry; /* PROVING */
	uint64_t start_time;    /* of its process, once it was asked who it is */
	uint8_t invocation[16];
	char name[VM_NAME_MAX + 1]; /* what it says it is the VMM of */
	char reason[VMM_TEXT_MAX + 1];
	struct list untold; /* WAITING: in fleet.untold until the engine knows */
};

/* What the service manager knows of a dead main process. */
struct unit_death {
	bool known;
	int32_t code, status; /* ExecMainCode, ExecMainStatus: si_code and si_status of SIGCHLD */
	char result[32];
};

struct vmm {
	struct loop_corpse corpse;
	struct list node;
	struct map_node by_life, by_pid;
	struct fleet *fleet;
	struct link *link; /* NULL: not connected */
	struct loop_watch *watch; /* of its pidfd */
	struct list starting;     /* in fleet.starting while it has no process yet */
	struct sd_bus_slot *call; /* to start it */
	struct inquiry inquiry;   /* how it died */
	struct unit_death death;
	uint64_t answer_until; /* it is dead, and somebody is asked how; 0: no */
	uint32_t job;
	uint64_t waits_at;    /* connection of the process that waits for this life; 0: it is to be started */
	uint64_t start_again; /* ask to start it once more; 0: no */
	uint8_t invocation[16];
	struct vm_definition *definition; /* until its birth */
	uint16_t endpoint;
	uint64_t life, start_time;
	uint64_t connect_until; /* not connected, and then reported lost; 0: no */
	uint64_t command;       /* the last one sent or said to be done */
	pid_t pid;
	int pidfd, lock_fd; /* lock_fd: from NEWBORN to birth */
	uint32_t phase;     /* enum vmm_phase */
	uint64_t calls;     /* bit n: vCPU n's FF-A call waits for its answer */
	struct {
		struct channel **of; /* by vCPU; NULL: none has asked yet */
		uint64_t given;      /* bit n: vCPU n has asked on this link */
		uint64_t wanted;     /* of these: there was none to be had yet */
		uint64_t again;      /* when to try again; 0: never failed */
	} channels;
	uint32_t messages; /* to its guest, that it has not answered on this link */
	uint32_t vcpu_count;
	bool huge, child, born;
	bool has_pid; /* and is found by it */
	bool adopting;  /* READY waits for it */
	bool may_enter; /* was told ENTER, by us or by a daemon before */
	uint64_t pause;   /* the number of the PAUSE that holds; 0: none, or RESUME came after it */
	uint64_t resume;  /* likewise of the RESUME */
	bool may_have_paused, may_have_resumed; /* was told PAUSE, or RESUME, on this link */
	bool may_be_deaf; /* was told STOP, likewise, and has not answered DEAF */
	uint64_t look_at; /* stale: when to look whether its guest has ended; 0: it is not, or it has */
	bool judged;    /* `end` is how it ended, whatever else is found */
	bool doomed;    /* killed by us for what it did: not believed, not taken back */
	bool dismissed; /* was told to leave: its death is no news */
	bool dead;
	struct vmm_end end;
	struct notice started, gone;
	char name[VM_NAME_MAX + 1];
};

#define UNCLAIMED_MAX 256

struct fleet {
	struct loop *loop;
	struct engine *engine;
	struct places *places;
	const struct starter_ops *starter;
	sd_bus *bus; /* NULL: none now */
	sd_bus_slot *jobs_slot;
	gid_t vmm_group;
	uid_t vmm_user;
	const char *vmm_identity;
	char *socket_path, *vmm_path;
	uint64_t incarnation, connect_ns;
	struct map lives, pids; /* of struct vmm */
	struct list vmms, links, untold, notices, jobs, starting;
	uint8_t *bytes; /* VMM_BYTES_MAX: what came behind the frame that is being read */
	size_t vmm_count, fresh_count, adopting;
	uint64_t last_link;
	int listener;
	struct loop_watch *listen_watch;
	struct loop_timer *timer;
	uint64_t timer_at;
	uint64_t accept_again; /* 0: accepting */
	struct {
		uint64_t life;
		bool huge;
	} unclaimed[UNCLAIMED_MAX]; /* to be reclaimed, when there is memory for the job */
	unsigned unclaimed_count;
	bool listening, ready_told;
	loop_call_fn *ready;
	void *ready_arg;
	struct loop_task ready_task, notice_task;
};

#define VMM_ANSWER_NS 2000000000ull /* how long the service manager has to say how a VMM died */

void fleet_wake_by(struct fleet *f, uint64_t at); /* fleet_house runs at `at` at the latest */
void fleet_check_ready(struct fleet *f);

/* listener.c */
int listener_open(struct fleet *f);
uint64_t listener_house(struct fleet *f, uint64_t now); /* returns when it wants to be called again */

/* link.c */
uint64_t links_house(struct fleet *f, uint64_t now);
int link_new(struct fleet *f, int fd); /* takes the fd, unless it fails */
void link_close(struct link *l); /* NULL is fine */
void link_refuse(struct link *l, const char *reason);
void link_refuse_life(struct link *l, uint64_t life, const char *reason);
int link_may_have(struct link *l, uint64_t life); /* that life's VMM is back over it: 0; or it is told why not, or hung up on */
void link_breach(struct link *l, const char *rule);
void link_drain(struct link *l);
int link_send(struct link *l, const void *frame, size_t size, const int *fds, size_t count);
void link_enter(struct link *l, enum link_stage stage);
void link_adopted(struct link *l, struct vmm *v, enum link_stage stage);

/* version.c: VMMs of other builds */
struct vmm_speaks speaks_now(void);
bool link_is_foreign(struct link *l, const union vmm_frame *frame, size_t size); /* its first; then that was dealt with */
const char *vmm_lacks(const struct link *l, const struct vm_definition *d); /* what d needs and its build has not, or NULL */
void stale_command(struct vmm *v, enum vmm_frame_kind kind);
uint64_t stale_house(struct vmm *v, uint64_t now);

/* newborn.c */
void link_newborn(struct link *l, const struct vmm_newborn *frame);
void link_post_unborn(struct link *l, enum input_kind kind);
void link_take_life(struct link *l, struct vmm *v); /* it is the process that v's life waits for */
void link_wait(struct link *l);                     /* it is a VM's VMM, and no life waits for it */
void links_told_of(struct fleet *f, const char *name); /* a death that a waiting VMM had to wait for */
struct link *link_waiting(struct fleet *f, uint64_t connection); /* NULL: it left */

/* channel.c: guests' calls */
const char *channel_wanted(struct vmm *v, uint16_t vcpu); /* which rule it breaks, or NULL */
void channel_answer(struct vmm *v, const struct guest_call *answer);
void message_tell(struct vmm *v, uint64_t number, const uint8_t *bytes, uint32_t size);
void channels_close(struct vmm *v); /* with its link, and with its guest */
void channels_free(struct vmm *v);
uint64_t channels_house(struct vmm *v, uint64_t now);

/* vmm.c */
int vmm_new(struct fleet *f, uint64_t life, const char *name, bool huge, struct vmm **ret);
void vmm_free(struct vmm *v);
struct vmm *vmm_get(struct fleet *f, uint64_t life);
struct vmm *vmm_by_pid(struct fleet *f, pid_t pid);
int vmm_watch(struct vmm *v); /* its pid is known */
void vmm_fields(struct log_fields *f, const struct vmm *v); /* whom a line in the journal is about */
void vmm_failed(struct vmm *v, const char *format, ...) /* no process came of its start */
	__attribute__((format(printf, 2, 3)));
void vmm_answered(struct vmm *v);                 /* how it died is known now, or nobody knows */
void vmm_kill(struct vmm *v);
void vmm_signal(struct vmm *v, int signo);
void vmm_breach(struct vmm *v, const char *rule); /* it broke the link's rules: killed */
void vmm_doom(struct vmm *v, uint32_t cause, const char *text);
void vmm_lost_link(struct vmm *v);
void vmm_connected(struct vmm *v);
uint64_t vmms_house(struct fleet *f, uint64_t now);

/* reclaim.c */
void fleet_reclaim(void *fleet, struct committed proof, uint64_t life, bool huge);
void fleet_sweep(struct fleet *f); /* removes memory that stepped aside, in the helper thread */
uint64_t jobs_house(struct fleet *f, uint64_t now);
void jobs_leave(struct fleet *f); /* the fleet goes */

/* unit.c */
uint64_t units_house(struct fleet *f, uint64_t now);

/* judge.c */
bool judge_death(struct vmm *v, struct vmm_end *ret); /* false: it can only say that nobody saw why */
void judge_unit(const struct unit_death *death, struct vmm_end *ret);
void end_set(struct vmm_end *end, uint32_t cause, const char *format, ...) __attribute__((format(printf, 3, 4)));
