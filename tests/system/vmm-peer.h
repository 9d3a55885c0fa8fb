/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon's side of the VMM link, for tests: listens, gives birth, sends commands, reads frames. Every
 * wait is for a frame, a byte of console or a count, with a generous limit; whoever fails a wait fails the
 * test.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/vmm-link.h"

/* Milliseconds; an emulated host is slower, and says by how much (LIFECYCLED_TIMEOUT_MULTIPLIER). */
int peer_limit(void);

struct peer {
	char directory[64], socket_path[80];
	int listener, link;
	pid_t pid;
	int memory, lock, words, console;
	int lock_again; /* the same file, another description: to ask who holds it */
	struct console_ring *ring;
	struct last_words *last_words;
	struct vm_definition definition;
	uint64_t life, command, incarnation;
	uint32_t vcpu[VM_VCPU_MAX]; /* enum vcpu_state, as last told */
	unsigned vcpu_frames;
	struct vmm_device_state device[VM_ASSIGNED_MAX]; /* as last told */
	struct {
		uint8_t index, state, condition;
	} device_history[64]; /* each time one was told */
	unsigned device_frames;
	unsigned ring_bytes;  /* of the console, a power of two */
	off_t memory_missing; /* by how much the memory file is too small */
	const char *inject;   /* LIFECYCLED_VMM_INJECT for the next spawn */
};

union peer_frame {
	struct vmm_frame_header header;
	struct vmm_newborn newborn;
	struct vmm_back back;
	struct vmm_vcpu vcpu;
	struct vmm_ended ended;
	struct vmm_device device;
	struct vmm_channel channel;
};

/* cmocka's fixture: *state is a peer that was not opened yet; it is closed. */
int peer_setup(void **state);
int peer_teardown(void **state);

void peer_open(struct peer *p, const char *guest); /* listens; a 2 MiB, one-vCPU definition of that guest */
void peer_close(struct peer *p);                   /* kills what is left */

void peer_spawn(struct peer *p);
void peer_accept(struct peer *p);
void peer_hang_up(struct peer *p); /* the daemon dies: link and listener go */
void peer_listen(struct peer *p);  /* and comes back */

void peer_send(struct peer *p, enum vmm_frame_kind kind); /* a command, with the next number */
void peer_send_raw(struct peer *p, const void *frame, size_t size, const int *fds, unsigned fd_count);
struct vmm_birth peer_birth_frame(const struct peer *p);
void peer_birth_as(struct peer *p, const void *birth, size_t size); /* with files that are right */
void peer_birth(struct peer *p);

/* Reads up to the next frame that is not VCPU or DEVICE (those are noted), which must be of that kind. */
void peer_expect(struct peer *p, enum vmm_frame_kind kind, union peer_frame *ret);
/* One of another kind may come before. */
void peer_expect_soon(struct peer *p, enum vmm_frame_kind perhaps, enum vmm_frame_kind kind, union peer_frame *ret);
void peer_expect_vcpu(struct peer *p, unsigned index, enum vcpu_state state);
void peer_expect_device(struct peer *p, unsigned index, enum vfio_device_mig_state state, enum device_condition condition);
void peer_expect_hangup(struct peer *p);

/* Accept, NEWBORN, birth, BUILT; then ENTER and ENTERED. */
void peer_build(struct peer *p);
void peer_enter(struct peer *p);
void peer_run(struct peer *p);
void peer_welcome(struct peer *p, struct vmm_back *ret); /* accept, BACK, WELCOME */

/* A vCPU's channel: it is asked for and given; or given unasked. Our end, which the caller closes. */
int peer_give_channel(struct peer *p, unsigned *ret_vcpu);
int peer_send_channel(struct peer *p, unsigned vcpu);

void peer_leave(struct peer *p); /* EXIT, and the process is gone with status 0 */
int peer_wait(struct peer *p);   /* its wait status */
bool peer_holds_lock(const struct peer *p);

uint64_t peer_count(const struct peer *p, unsigned vcpu);
void peer_expect_count(const struct peer *p, unsigned vcpu, uint64_t at_least);
void peer_expect_console(const struct peer *p, const char *text);
