/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parts of the fake daemon share: its VMs, its log, and what can be read of them. */

#include <systemd/sd-bus.h>

#include "proto/definition.h"
#include "proto/event-stream.h"
#include "proto/lifecycle.h"

#define NAME "org.lifecycled.Lifecycle1"
#define PATH "/org/lifecycled/Lifecycle1"
#define ERROR NAME ".Error."
#define EPOCH "5d9a1e34-0f0c-4b52-9d0e-2f6a4f1b7c11"
#define UUID "00000000-1111-2222-3333-444444444444"

struct vm {
	char name[VM_NAME_MAX + 1];
	bool exists;
	uint64_t life;
	uint16_t endpoint;
	uint8_t state, substate, cause, operation;
	bool stuck;
	uint8_t end_cause;
};

/* fake-daemon.c */
struct vm *fake_find(const char *name);
int fake_no_such(sd_bus_error *error, const char *name);
int fake_append_rows(sd_bus_message *m, const char *filter);

/* fake-streams.c */
extern uint64_t fake_seq; /* the last change */
void fake_emit(struct event_record r, const char *name);
void fake_close_streams(void);
uint64_t fake_send_rest(void); /* of what the log has of "late"; the last change */
int method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* fake-secure.c */
uint64_t fake_hour(unsigned from_now); /* CLOCK_MONOTONIC us */
int method_list_peers(sd_bus_message *m, void *userdata, sd_bus_error *error);
void fake_send_frame(unsigned skip); /* to SP 0x8001; so many that nobody will see before it */
int method_trace(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* fake-definitions.c: more of the Manager */
extern const sd_bus_vtable definitions_vtable[];

/* fake-properties.c */
extern const sd_bus_vtable vm_vtable[], partition_vtable[], log_control_vtable[];
int get_manager(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *userdata, sd_bus_error *error);
