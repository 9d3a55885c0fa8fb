/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The service manager on the bus: org.freedesktop.systemd1(5). Nothing here waits: answers come from the loop, and an
 * inquiry or a slot that is dropped brings none any more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "proto/definition.h"

#define MANAGER1_UNIT "org.freedesktop.systemd1.Unit"
#define MANAGER1_SERVICE "org.freedesktop.systemd1.Service"

/* A property to read, and who takes its value: NULL, or what is wrong with it. */
struct question {
	const char *interface, *property;
	const char *(*take)(void *owner, sd_bus_message *value);
};

/* Finds a unit, then reads its properties one after the other. */
struct inquiry {
	sd_bus_slot *slot;
	char *path;
	const struct question *question; /* ends with one that has no interface */
	void *owner;
	/* `error` NULL: every question was answered. Else the method's error, or what a `take` said. */
	void (*done)(void *owner, const char *error);
};

int inquiry_by_pid(struct inquiry *q, sd_bus *bus, pid_t pid);
int inquiry_by_invocation(struct inquiry *q, sd_bus *bus, const uint8_t invocation[16]);
void inquiry_drop(struct inquiry *q);

typedef sd_bus_message_handler_t manager1_fn;

/* The answer is the job's path. */
int manager1_start(sd_bus *bus, const char *unit, manager1_fn answered, void *arg, sd_bus_slot **ret);
/* Properties of the unit until the host goes down, whether it runs or not. */
int manager1_limit(sd_bus *bus, const char *unit, const struct vm_resources *limits, manager1_fn answered, void *arg,
	sd_bus_slot **ret);
bool manager1_needs_limits(const char *unit, const struct vm_resources *limits); /* there is something to set, or to undo */
void manager1_stop(sd_bus *bus, const char *unit);
void manager1_kill(sd_bus *bus, const char *unit, int signo);
/* JobRemoved: "uoss", job's number, its path, unit, result. */
int manager1_follow_jobs(sd_bus *bus, manager1_fn removed, void *arg, sd_bus_slot **ret);

const char *manager1_error(sd_bus_message *reply); /* NULL: it is no error */
bool manager1_is_gone(sd_bus_message *reply);      /* the connection broke: what became of the call is not known */
