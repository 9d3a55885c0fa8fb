/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Looks for a vCPU that makes no progress, where the definition asks for it (`watch.vcpu-stall`). What a guest computes cannot
 * be told from outside; that it lets no interrupt in can. So a vCPU has stalled when, over that much of its own CPU time,
 *
 *   - it did not once come out of the guest by itself, and
 *   - each of eight looks, spread over that time, found its interrupts masked, and the same interrupt waiting. (A guest without
 *     an interrupt controller has none that could wait: there the mask alone counts.)
 *
 * A look kicks the vCPU out of the guest for a moment. Only one that used its CPU for an eighth of the time without an exit is
 * looked at, so a guest that is idle, or works with its devices, is left alone. The time is the thread's: a busy host, or one
 * that slept, stalls nobody. What this misses: a guest that hangs with interrupts on (that is for its own watchdog), and
 * one that masks them by priority (arm64, ICC_PMR_EL1).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/definition.h"

#define WATCH_LOOKS 8

/* What a look finds. Written by the vCPU's thread, read by the main thread once `looks` has risen. */
struct vcpu_look {
	_Atomic bool asked;
	_Atomic uint32_t looks; /* so many were done */
	bool holds;             /* interrupts are masked, and one waits */
	uint64_t what;          /* which: another one is another number */
	uint64_t pc;
};

/* A vCPU as the main thread sees it at one time. */
struct watch_sample {
	uint64_t cpu;   /* ns that its thread has run; in `watched.last`: when it was asked to look */
	uint64_t exits; /* out of the guest, by itself */
	uint32_t looks;
	bool holds; /* of the last look */
	uint64_t what;
};

struct watched {
	struct watch_sample last; /* of the last look, or where it began anew */
	bool asked;
	unsigned held; /* looks in a row that found the same */
};

enum watch_verdict { WATCH_FINE, WATCH_LOOK, WATCH_STALLED };

/* One step for one vCPU; `window`: ns. Pure. LOOK: its thread is to look. */
enum watch_verdict watch_step(struct watched *w, uint64_t window, const struct watch_sample *now);

struct watch {
	uint64_t at;     /* the next step, CLOCK_MONOTONIC ns */
	struct watched vcpu[VM_VCPU_MAX];
};

struct machine;
struct vcpu;

/* By the main thread, while the guest runs and somebody asked for it: ends it if a vCPU has stalled. */
void watch_tick(struct watch *w, struct machine *m, uint64_t now);

/* By the vCPU's thread, outside KVM_RUN, once it was asked. */
void watch_look(struct vcpu *v);
