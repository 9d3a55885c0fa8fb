/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the rest of the library needs of a connection. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "include/lifecycle.h"
#include "request.h"
#include "util.h"

#define BUS_NAME "org.lifecycled.Lifecycle1"
#define BUS_PATH "/org/lifecycled/Lifecycle1"
#define BUS_VM_PREFIX BUS_PATH "/vm"
#define BUS_MANAGER BUS_NAME ".Manager"
#define BUS_VM BUS_NAME ".VM"
#define BUS_PARTITION BUS_NAME ".Partition"
#define BUS_ERROR_PREFIX BUS_NAME ".Error."
#define BUS_PROPERTIES "org.freedesktop.DBus.Properties"

/* The method of `path` that is to be called. */
struct call_target {
	const char *path, *interface, *method;
	bool changes; /* polkit may have a person asked first */
	bool gives_fd; /* the reply has a descriptor */
};

int connection_prepare(struct lifecycle *l, const struct call_target *target, sd_bus_message **ret);
/* Sends and waits. Takes the message over. A failure is kept for lifecycle_last_error, also in the next three. */
int connection_call(struct lifecycle *l, sd_bus_message *request, sd_bus_message **ret);
/* The same, with as much patience; UINT64_MAX: without end. */
int connection_call_for(struct lifecycle *l, sd_bus_message *request, uint64_t usec, sd_bus_message **ret);
/* The same of a request that changes something: *ret_seq, if not NULL, is where it took effect. */
int connection_change(struct lifecycle *l, sd_bus_message *request, const char *what, uint64_t *ret_seq);
int connection_get_all(struct lifecycle *l, const char *path, const char *interface, sd_bus_message **ret);
/* The path of a VM's object, which lives in the reply. */
int connection_vm_path(struct lifecycle *l, const char *name, sd_bus_message **ret_reply, const char **ret_path);
/* For what went wrong with a reply, or here. Returns error, which is negative. */
int connection_fail(struct lifecycle *l, int error, const char *what);
int connection_refuse(struct lifecycle *l, int refusal, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a D-Bus error says of a call; r is its errno, negative, as is what is returned. */
int connection_error(struct lifecycle *l, int r, const sd_bus_error *error, const char *method);
/* How long its reply is waited for, in us. */
uint64_t connection_patience(const struct lifecycle *l, sd_bus_message *request);
struct request_list *connection_requests(struct lifecycle *l);

/* A name that cannot be sent: sd-bus takes no string that is not UTF-8. Returns error, which is negative. */
int connection_bad_name(struct lifecycle *l, int error, const char *what);
/* A reply that cannot be read. Returns error, which is negative. */
int connection_bad_reply(struct lifecycle *l, int error, const char *what);

/* Where lifecycle_daemon_info keeps what it found: takes the message over, which holds the strings. */
struct lifecycle_daemon *connection_keep_daemon(struct lifecycle *l, sd_bus_message *reply);

/* Which refusal a D-Bus error is. */
int error_to_refusal(const char *name);

static inline void message_unrefp(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}
UTIL_UNREFP(lifecycle)
