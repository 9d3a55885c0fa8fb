/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * org.lifecycled.Lifecycle1 on D-Bus (proto/org.lifecycled.Lifecycle1.xml). What is read comes from the
 * engine's rows and ring, what changes something becomes one input; its reply leaves with the engine's
 * answer, so success means stored.
 *
 * Event streams live by their fd: they go on while there is no bus.
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

struct bus_config {
	struct engine *engine;
	struct loop *loop; /* for the event streams; `sd` is attached to it by whoever opened it */

	/* JSON to a definition on the heap, as `source` in messages. A negative errno with `error_text`
	 * otherwise. */
	int (*parse_definition)(void *arg, const char *text, const char *source, struct vm_definition **ret,
		char *error_text, size_t size);
	void *parse_arg;

	/* A read-only fd of a life's console ring; -ENOENT if there is none. */
	int (*open_console)(void *arg, uint64_t life, int *ret_fd);
	void *console_arg;

	/* The frames that went to SPs. NULL: there is no secure side. */
	const struct frame_ops *frames;
	void *frames_arg;

	/* Who may change something beside root and the daemon's own user. NULL: nobody. */
	bool (*may_change)(void *arg, uid_t uid);
	void *may_arg;

	/* How bus_request_name ended: 0, or a negative errno (-EEXIST: another daemon has it). NULL: nobody
	 * asks. */
	void (*named)(void *arg, int error);
	void *named_arg;

	const char *version; /* kept by pointer */
	uint8_t epoch[16];   /* of the log: sequence numbers are its */
	uint64_t incarnation;
	bool has_secure_side;

	unsigned calls_max;           /* waiting for an answer at once; 0: 4096 */
	unsigned streams_max;         /* 0: 1024, a quarter of it for those who may change something */
	unsigned streams_max_per_uid; /* of others; 0: 32 */
};

/* `sd` is open already and gets a reference; NULL: none yet. The configuration is copied. */
int bus_new(sd_bus *sd, const struct bus_config *config, struct bus **ret);
struct bus *bus_free(struct bus *b);

/* Moves to another connection, after the old one broke. Calls that came over it get no answer. */
int bus_attach(struct bus *b, sd_bus *sd);
void bus_detach(struct bus *b);

/* Asks for the name, never waits. Call it when all that is shown is true. */
int bus_request_name(struct bus *b);

extern const struct publish_ops bus_publish_ops; /* who: struct bus */
extern const struct answer_ops bus_answer_ops;
