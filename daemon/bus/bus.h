/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * org.lifecycled.Lifecycle1 on D-Bus (proto/org.lifecycled.Lifecycle1.xml). What is read comes from the
 * engine's rows and ring, what changes something becomes one input; its reply leaves with the engine's
 * answer, so success means stored.
 *
 * Event streams and leases live by their fd: they go on while there is no bus.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "engine/ports.h"
#include "loop/loop.h"

#define BUS_NAME "org.lifecycled.Lifecycle1"
#define BUS_PATH "/org/lifecycled/Lifecycle1"

struct bus;

#define BUS_PROBLEMS_MAX 32

/* What is wrong with a text. */
struct bus_problem {
	unsigned line, column; /* 0: it has no place */
	const char *error;     /* the bus's own: the name of a refusal */
	char text[256];
	char placed[384]; /* the same, with source, line and column */
};

/* What a reload came to. */
struct bus_reloaded {
	const char *name; /* "": a file that is no VM's */
	const char *what; /* "added", "changed", "unchanged", "removed", "refused", "error" */
	const char *path, *text;
	const struct definition_change *change;
	size_t change_count;
};

/* Who knows how a definition is written. */
struct bus_definitions {
	/* JSON to a definition on the heap. 0; -EBADMSG with up to `room` problems; another negative errno. */
	int (*parse)(void *arg, const char *text, const char *source, struct vm_definition **ret, struct bus_problem *problem,
		size_t room, size_t *ret_count);
	/* JSON on the heap, and where it is from. */
	int (*print)(void *arg, const struct vm_definition *d, char **ret_text, char *source, size_t size);
	int (*differ)(const struct vm_definition *old, const struct vm_definition *new,
		int (*each)(void *ctx, const struct definition_change *change), void *ctx);
	/* 0: bus_reload_done() follows, once, with this token. */
	int (*reload)(void *arg, bool dry, uint64_t token);
};

struct bus_config {
	struct engine *engine;
	struct loop *loop; /* for the event streams; `sd` is attached to it by whoever opened it */

	const struct bus_definitions *definitions;
	void *definitions_arg;

	/* A read-only fd of a life's console ring; -ENOENT if there is none. */
	int (*open_console)(void *arg, uint64_t life, int *ret_fd);
	void *console_arg;

	/* The frames that went to SPs. NULL: there is no secure side. */
	const struct frame_ops *frames;
	void *frames_arg;

	/* How bus_request_name ended: 0, or a negative errno (-EEXIST: another daemon has it). NULL: nobody
	 * asks. */
	void (*named)(void *arg, int error);
	void *named_arg;

	const char *version; /* kept by pointer */
	uint8_t epoch[16];   /* of the log: sequence numbers are its */
	uint64_t incarnation;
	bool has_secure_side;
	const char *log_place; /* the directory that the log is in; kept by pointer */

	/* How long polkit may think, and how long where somebody is asked for a password; 0: 5 s, 2 min. */
	unsigned check_ms, check_interactive_ms;

	unsigned calls_max;           /* waiting for an answer at once; 0: 4096, a quarter of it for root and the daemon's own user */
	unsigned streams_max;         /* 0: 1024, a quarter of it for root and the daemon's own user */
	unsigned streams_max_per_uid; /* of others; 0: 32 */
	unsigned waits_max;           /* calls of WaitState; 0: 1024, a quarter of it for root and the daemon's own user */
	unsigned waits_max_per_uid;   /* of others; 0: 128 */
	unsigned waits_max_per_client; /* of anybody; 0: 128 */
};

/* `sd` is open already and gets a reference; NULL: none yet. The configuration is copied. */
int bus_new(sd_bus *sd, const struct bus_config *config, struct bus **ret);
struct bus *bus_free(struct bus *b);

/* Moves to another connection, after the old one broke. Calls that came over it get no answer. */
int bus_attach(struct bus *b, sd_bus *sd);
void bus_detach(struct bus *b);

/* Answers a reload; `error` is 0 or a negative errno. */
void bus_reload_done(struct bus *b, uint64_t token, int error, const struct bus_reloaded *row, size_t count);

/* Asks for the name, never waits. Call it when all that is shown is true. */
int bus_request_name(struct bus *b);

extern const struct publish_ops bus_publish_ops; /* who: struct bus */
extern const struct lease_ops bus_lease_ops;
extern const struct answer_ops bus_answer_ops;
