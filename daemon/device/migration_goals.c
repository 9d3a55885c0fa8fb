/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration_goals.h"

/*
 * All devices complete a phase before any begins the next. First they stop to begin DMA to each other (P2P), then they
 * stop; the other way round when they start. So no device has to answer another one that it cannot hear any more.
 *
 * A path of several arcs asks the cell of each state on it again: those must name the same end.
 */

#define S(state) VFIO_DEVICE_STATE_##state
#define B(state) (1u << S(state))
#define RESET    MIGRATION_BY_RESET

/* Out of RESUMING there are two ways: the data was complete, or a reset. Whoever gives up takes the reset. */

static const struct migration_phase pause_p2p = {
	.backwards = true,
	.to = { [S(ERROR)] = RESET, [S(RUNNING)] = S(RUNNING_P2P), [S(PRE_COPY)] = S(PRE_COPY_P2P) },
};
static const struct migration_phase pause_stop = {
	.backwards = true,
	.to = { [S(ERROR)] = RESET, [S(RUNNING)] = S(STOP), [S(RUNNING_P2P)] = S(STOP), [S(PRE_COPY)] = S(STOP_COPY),
		[S(PRE_COPY_P2P)] = S(STOP_COPY) },
};

static const struct migration_phase start_p2p = {
	.to = { [S(ERROR)] = RESET, [S(STOP)] = S(RUNNING_P2P), [S(STOP_COPY)] = S(RUNNING_P2P),
		[S(RESUMING)] = S(RUNNING_P2P), [S(PRE_COPY_P2P)] = S(RUNNING_P2P) },
};
static const struct migration_phase start_run = {
	.to = { [S(ERROR)] = RESET, [S(STOP)] = S(RUNNING), [S(STOP_COPY)] = S(RUNNING), [S(RESUMING)] = S(RUNNING),
		[S(RUNNING_P2P)] = S(RUNNING), [S(PRE_COPY)] = S(RUNNING), [S(PRE_COPY_P2P)] = S(RUNNING) },
};
static const struct migration_phase back_p2p = {
	.to = { [S(ERROR)] = RESET, [S(STOP)] = S(RUNNING_P2P), [S(STOP_COPY)] = S(RUNNING_P2P), [S(RESUMING)] = RESET,
		[S(PRE_COPY_P2P)] = S(RUNNING_P2P) },
};
static const struct migration_phase back_run = {
	.to = { [S(ERROR)] = RESET, [S(STOP)] = S(RUNNING), [S(STOP_COPY)] = S(RUNNING), [S(RESUMING)] = RESET,
		[S(RUNNING_P2P)] = S(RUNNING), [S(PRE_COPY)] = S(RUNNING), [S(PRE_COPY_P2P)] = S(RUNNING) },
};
static const struct migration_phase quiet_p2p = {
	.backwards = true,
	.to = { [S(ERROR)] = RESET, [S(RUNNING)] = S(RUNNING_P2P), [S(RESUMING)] = RESET, [S(PRE_COPY)] = S(RUNNING_P2P),
		[S(PRE_COPY_P2P)] = S(RUNNING_P2P) },
};
static const struct migration_phase quiet_stop = {
	.backwards = true,
	.to = { [S(ERROR)] = RESET, [S(RUNNING)] = S(STOP), [S(STOP_COPY)] = S(STOP), [S(RESUMING)] = RESET,
		[S(RUNNING_P2P)] = S(STOP), [S(PRE_COPY)] = S(STOP), [S(PRE_COPY_P2P)] = S(STOP) },
};

static const struct migration_phase save_begins = { .to = { [S(RUNNING)] = S(PRE_COPY) } };
static const struct migration_phase save_ends = { .backwards = true, .to = { [S(STOP)] = S(STOP_COPY) } };
static const struct migration_phase load = {
	.to = { [S(RUNNING)] = S(RESUMING), [S(RUNNING_P2P)] = S(RESUMING), [S(STOP)] = S(RESUMING) },
};
static const struct migration_phase reset_all = {
	.to = { RESET, RESET, RESET, RESET, RESET, RESET, RESET, RESET },
};

#define WAY_BACK(in, out)                                                                                              \
	.has_way_back = true, .back_if_in = MIGRATION_BACK_TO_##in, .back_if_out = MIGRATION_BACK_TO_##out

const struct migration_plan migration_plans[MIGRATION_GOAL_COUNT] = {
	[MIGRATION_PAUSE]        = { "pause", { &pause_p2p, &pause_stop }, .vcpus_out = true, WAY_BACK(RUN, RUN) },
	[MIGRATION_RESUME]       = { "resume", { &start_p2p, &start_run }, .vcpus_out = true, WAY_BACK(STOP, STOP) },
	[MIGRATION_PRE_COPY]     = { "pre-copy", { &save_begins }, .whole = true,
				     .from = B(RUNNING) | B(STOP) | B(PRE_COPY), WAY_BACK(RUN, STOP) },
	[MIGRATION_STOP_COPY]    = { "stop-copy", { &save_ends }, .vcpus_out = true, .whole = true,
				     .from = B(STOP) | B(STOP_COPY), WAY_BACK(STOP, STOP) },
	[MIGRATION_CLEANUP]      = { "cleanup", { &quiet_p2p, &quiet_stop }, .vcpus_out = true,
				     .from = B(STOP) | B(STOP_COPY) },
	[MIGRATION_LOAD]         = { "load", { &load }, .vcpus_out = true, .whole = true,
				     .from = B(RUNNING) | B(RESUMING), WAY_BACK(RUN, RUN) },
	[MIGRATION_ABORT]        = { "abort", { &quiet_p2p, &quiet_stop }, .vcpus_out = true, .replaces = true },
	[MIGRATION_RESET]        = { "reset", { &reset_all }, .vcpus_out = true, .replaces = true, .dead_too = true },
	[MIGRATION_REVIVE]       = { "revive", { &reset_all }, .vcpus_out = true, .dead_too = true, .only_dead = true },
	[MIGRATION_BACK_TO_RUN]  = { "back-to-run", { &back_p2p, &back_run } },
	[MIGRATION_BACK_TO_STOP] = { "back-to-stop", { &quiet_p2p, &quiet_stop } },
};
