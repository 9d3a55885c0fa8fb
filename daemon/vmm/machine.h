/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The virtual machine: KVM's objects, memory, devices, and one thread per vCPU. vCPU 0's thread builds it, so
 * that the main thread answers the daemon meanwhile; then every thread waits at the gate.
 *
 * The gate is one word, and the only way by which a vCPU thread is told anything. It moves forward only, but for a pause:
 *
 *                        PAUSED ─────┐
 *                    PAUSE ▲ │ RESUME│
 *                          │ ▼       │
 *     SHUT ──ENTER──────► OPEN ──────┼─ QUIESCE ──► STOPPED
 *       └────────────────────────────┴─ the guest ended, SIGTERM, the build failed ──► ENDED
 *
 * Whoever moves it to ENDED owns machine.end: the first cause wins, and a cause that comes after QUIESCE is
 * none.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/definition.h"
#include "proto/vmm-link.h"
#include "vmm/devices/devices.h"
#include "vmm/failure.h"
#include "vmm/ffa/ask.h"
#include "vmm/ffa/notifications.h"
#include "vmm/kvm/kvm.h"
#include "vmm/memory.h"
#include "vmm/watch.h"

enum gate {
	GATE_SHUT = 0,
	GATE_OPEN = 1,
	GATE_PAUSED = 2,  /* by command: they stand, and may go on */
	GATE_STOPPED = 3, /* by command: an acknowledged quiesce */
	GATE_ENDED = 4,   /* by the guest, or for it */
};

enum build {
	BUILD_RUNNING = 0,
	BUILD_DONE = 1,
	BUILD_FAILED = 2, /* machine.failure says why */
};

enum vcpu_power {
	POWER_ON,
	POWER_OFF,
	POWER_CLAIMED,   /* off; somebody is writing where it is to begin */
	POWER_ASKED,     /* off; its thread is to begin there */
	POWER_SUSPENDED, /* with the whole guest, until something wakes it */
};

struct vcpu {
	struct machine *machine;
	unsigned index;
	struct kvm_vcpu kvm;
	_Atomic pid_t thread_id; /* 0 until the thread runs; what a kick is aimed at */
	_Atomic uint8_t state;   /* enum vcpu_state */
	_Atomic uint64_t since;  /* of that, CLOCK_MONOTONIC ns; written first */
	_Atomic bool out;        /* the thread has left KVM_RUN for good */
	_Atomic bool stands;     /* it is outside, and looks at the gate before it goes on */
	struct {
		uint64_t pc;
		unsigned count;
	} abort;                 /* external aborts in a row at one place (arm64) */
	struct ask ask;          /* its FF-A call that is not answered yet */
	struct vcpu_look look;
	struct {
		_Atomic uint32_t is; /* enum vcpu_power */
		uint64_t mpidr;
		uint64_t entry, context; /* while ASKED or SUSPENDED: where it begins, and with what */
	} power;                 /* arm64, where the guest's power calls are ours */
	_Atomic uint64_t exits;  /* out of the guest, by itself */
	bool pending;            /* the thread's own: the next KVM_RUN would complete an operation */
};

struct machine {
	struct vm_definition definition;
	uint64_t life;
	struct kvm_system system;
	struct kvm_vm vm;
	struct guest_memory memory;
	struct devices devices;
	struct ffa_endpoint ffa;
	struct ffa_notifications notifications;
	struct {
		int fd;
		unsigned version; /* 0: none */
	} gic; /* on arm64 */
	struct vcpu vcpu[VM_VCPU_MAX];
	unsigned vcpu_count;
	bool power_is_ours; /* it is told when a vCPU is switched on or off (arm64) */
	int memory_fd; /* until it is mapped; then -1 */
	int event_fd; /* the threads' call to the main thread: something changed, look */
	int prepared; /* 0, or why machine_prepare failed: told when there is somebody to tell */

	_Atomic uint32_t gate;   /* enum gate; a futex */
	_Atomic uint32_t build;  /* enum build */
	_Atomic uint32_t closed; /* vCPUs whose thread is in its sandbox, or could not get there; a futex */
	_Atomic bool pressed;    /* the power key was: a power-off that follows is a stop */
	_Atomic uint32_t halted; /* vCPUs that halted with interrupts off: nothing can wake them */
	struct guest_clock {
		uint64_t value;
		bool known;
	} clock; /* while paused: the guest's own, as the architecture keeps it */
	struct vmm_end end;      /* written by who moved the gate to ENDED, read when machine_is_out */
	struct failure failure;
};

/* Before birth, while the daemon thinks: what does not depend on the guest. A failure is kept for the build
 * to tell. */
void machine_prepare(struct machine *m);

/* Starts vCPU 0's thread, which builds. If not even that can be had, the build has failed. */
int machine_start(struct machine *m);

/* Moves the gate; false if it was not where the move starts from. machine_finish moves from SHUT, OPEN or PAUSED. */
bool machine_open(struct machine *m);
bool machine_pause(struct machine *m);
bool machine_resume(struct machine *m);
bool machine_finish(struct machine *m, enum gate to);

/* Presses the guest's power key, once in a life: true if it was, now or before; false: nobody listens to it. */
bool machine_press_power_key(struct machine *m);

/* Ends the guest: true if this is the first cause. Then the caller kicks, and machine.end is to be read once
 * all are out. */
bool machine_end(struct machine *m, const struct vmm_end *end);

/* No vCPU is inside KVM_RUN, nor ever will be. Only after machine_finish or machine_end. */
bool machine_is_out(struct machine *m);

/*
 * Gives KVM's objects back, which takes most of the time that the death of a VMM takes: while the daemon thinks. Only the
 * main thread, once machine_is_out; nothing but the guest's memory is to be asked for after.
 */
void machine_dismantle(struct machine *m);

/* After machine_pause: no vCPU is inside KVM_RUN, nor will be before machine_resume. */
bool machine_stands(struct machine *m);

/* Once it stands: the guest's clock and its devices' stand, too; and go on from there. */
void machine_stop_time(struct machine *m);
void machine_go_on_time(struct machine *m);

/* Kicks every vCPU that is not out, and does not stand (vcpu-requests.rst). */
void machine_kick(struct machine *m);
void machine_kick_one(struct vcpu *v);

/* Kicks those that were switched on, out of where they wait for it. */
void machine_power(struct machine *m);

/* Something for the main thread to look at. */
void machine_notify(struct machine *m);

/* A device's interrupt line, once the controller exists; `irq` is KVM_IRQ_LINE's number (x86-64: the GSI). */
void machine_connect_line(struct machine *m, struct irq_line *line, uint32_t irq);

/* The build itself, by vCPU 0's thread, and the threads. Negative errno, and machine.failure says why. */
int machine_build(struct machine *m);
int vcpu_start_thread(struct vcpu *v);
