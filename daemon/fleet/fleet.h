/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The VMMs: makes a life's files, starts its VMM, speaks with it over the link, watches it, judges its death, adopts it
 * after a daemon restart, gives its memory back.
 *
 * Order at start: fleet_new, engine_new with fleet_ops, fleet_set_engine, engine_load, fleet_adopt for each VMM on
 * record, engine_start, fleet_listen. Nothing is posted to the engine before the loop runs, except from fleet_ops.
 */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "engine/ports.h"
#include "loop/loop.h"

struct fleet;

struct fleet_config {
	struct loop *loop;
	const char *runtime_dir; /* ours alone to write; VMMs connect to vmm.sock there */
	const char *memory_dir;  /* tmpfs or hugetlbfs */
	const char *huge_dir;    /* hugetlbfs; NULL: none */
	const char *vmm_path;
	uint64_t incarnation;
	bool units;      /* VMMs are units of the service manager; else children of this process */
	gid_t vmm_group; /* who may connect, beside our own user; (gid_t)-1: nobody */
	uid_t vmm_user;  /* who VMMs become that are our children; (uid_t)-1: they stay what we are */
	const char *vmm_identity; /* of that user, UID:GID[,GROUP...]; empty: none. Must stay */
	uint64_t connect_ns; /* how long a VMM that lives may stay away; 0: 2 s */
};

extern const struct fleet_ops fleet_ops;
extern const struct publish_ops fleet_publish_ops; /* a VM that is gone takes the kept console with it */

/* 0 or a negative errno; what is wrong and what to do about it is logged. */
int fleet_new(const struct fleet_config *config, struct fleet **ret);
struct fleet *fleet_free(struct fleet *f); /* the VMMs live on */
void fleet_set_engine(struct fleet *f, struct engine *e);

/* The bus where the service manager is: it comes, and comes again; it goes. */
void fleet_attach(struct fleet *f, sd_bus *bus);
void fleet_detach(struct fleet *f);

/*
 * Takes up a life whose VMM is in the log: where its lock is held it is expected to connect, else its death is judged.
 * 0, or a negative errno: neither could be found out.
 */
int fleet_adopt(struct fleet *f, uint64_t life, const struct change_vmm *record, const char *name, bool huge);

/* Takes connections. `ready` is called once, from the loop: each adopted VMM connected, died, or its time is over. */
int fleet_listen(struct fleet *f, loop_call_fn *ready, void *arg);
unsigned fleet_adopting(const struct fleet *f); /* how many that still is waited for */

/* A place for guest memory: 0, or -EINVAL and a line in the log if it would not keep its promises. */
int fleet_check_memory_dir(const char *path, bool huge);
uint64_t fleet_memory_capacity(const char *path, bool huge); /* bytes; 0: without limit, or not known */

/* Removes kept consoles of VMs that are no more: a daemon died before it could. */
typedef bool keep_fn(const void *arg, const char *name);
void fleet_sweep_consoles(struct fleet *f, keep_fn *keep, const void *arg);

/* Read-only: the ring of that life, else (life 0 or gone) the one kept of the VM's last life. */
int fleet_open_console(struct fleet *f, uint64_t life, const char *name, int *ret_fd);
