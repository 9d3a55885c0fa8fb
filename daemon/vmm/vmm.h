/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process: one life's VMM as its daemon sees it. The main thread waits for the link, the vCPU threads'
 * eventfd, signals and deadlines; it never enters the guest and never waits for anything else.
 *
 * What is to be told is not queued but owed: a bit per frame and the state last told of each vCPU. A daemon
 * that reads slowly costs no memory, and one that comes back reads the whole state in BACK.
 */

#include "vmm/assigned.h"
#include "vmm/link.h"
#include "vmm/machine.h"
#include "vmm/sandbox/user.h"

enum vmm_owed {
	OWED_ENTERED = 1 << 0,
	OWED_BUILT = 1 << 1,
	OWED_QUIESCED = 1 << 2,
	OWED_ENDED = 1 << 3,
	OWED_STOPPING = 1 << 4,
	OWED_DEAF = 1 << 5,
	OWED_PAUSED = 1 << 6,
	OWED_NOT_PAUSED = 1 << 7,
	OWED_NOT_RESUMED = 1 << 8,
	OWED_SANDBOX = 1 << 9,
	OWED_OF_A_PAUSE = OWED_PAUSED | OWED_NOT_PAUSED | OWED_NOT_RESUMED, /* one of them at most */
	OWED_OF_A_GUEST = OWED_STOPPING | OWED_DEAF | OWED_OF_A_PAUSE, /* of no interest once it is over */
};

#define WANT_NOTHING MIGRATION_GOAL_COUNT

struct vmm {
	const struct sockaddr_un *address; /* the daemon's; read-only memory */
	const char *name;
	struct sandbox_user user; /* to become before birth */
	struct machine machine;
	struct assigned assigned;
	struct watch watch;

	int link; /* fd, or -1 */
	enum link_stage stage;
	uint16_t daemon_version;  /* and what else it can do; 0: it has not spoken yet */
	uint64_t daemon_features;
	bool link_full;    /* the daemon did not take a frame: wait until it reads */
	uint64_t retry_at; /* 0: not waiting to connect; else CLOCK_MONOTONIC ns */
	uint64_t retry_delay;
	uint64_t give_up_at; /* before birth: no daemon until then, no VMM */

	uint64_t life, incarnation;
	uint64_t command_received, command_done;
	uint64_t quiesce_command; /* 0, or a QUIESCE that is not answered yet */
	uint64_t pause_command;   /* the PAUSE that was obeyed last */
	bool paused;              /* every vCPU stands, and so do devices and time */
	uint8_t wanted;           /* MIGRATION_PAUSE or MIGRATION_RESUME: not through yet; WANT_NOTHING */
	bool begun;               /* the devices were told so */
	bool to_be_resumed;       /* by a RESUME on this link, which has an answer where it fails */
	uint32_t phase;           /* enum vmm_phase */
	uint32_t owed;
	bool owes_notifications; /* to this daemon, all that there are */
	bool told_to_stop; /* SIGTERM came: the next one forces */
	uint8_t told[VM_VCPU_MAX]; /* enum vcpu_state */
	struct vmm_device_state told_device[VM_ASSIGNED_MAX]; /* type 0: not told to this daemon */

	uint64_t kick_at; /* 0: nobody is being kicked */
	struct last_words *words;
};

/* Runs until told to leave; returns the process's exit status. */
int vmm_run(struct vmm *v, const char *socket_path, const char *name);

/* session.c: the conversation. */
void session_connect(struct vmm *v, uint64_t now);
void session_read(struct vmm *v, uint64_t now);
void session_tell(struct vmm *v, uint64_t now);

/* vmm.c: what the daemon's frames cause. */
int vmm_birth(struct vmm *v, struct received *birth);
void vmm_enter(struct vmm *v, uint64_t command);
void vmm_stop(struct vmm *v, uint64_t command);
void vmm_quiesce(struct vmm *v, uint64_t command);
void vmm_kick(struct vmm *v, uint64_t now); /* who has not come out yet, again after 10 ms */
void vmm_leave(int status) __attribute__((noreturn));

/* pause.c */
void vmm_pause(struct vmm *v, uint64_t command);
void vmm_resume(struct vmm *v, uint64_t command);
void pause_let_go(struct vmm *v);               /* at another's word */
void pause_settle(struct vmm *v, uint64_t now); /* the gate is PAUSED, and something is wanted */
