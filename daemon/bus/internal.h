/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of this room share. */

#include "base/list.h"
#include "base/map.h"
#include "bus/bus.h"

#define VM_PREFIX           BUS_PATH "/vm"
#define PARTITION_PREFIX    BUS_PATH "/partition"
#define MANAGER_INTERFACE   BUS_NAME ".Manager"
#define VM_INTERFACE        BUS_NAME ".VM"
#define PARTITION_INTERFACE BUS_NAME ".Partition"
#define LOG_CONTROL_PATH    "/org/freedesktop/LogControl1"
#define LOG_CONTROL         "org.freedesktop.LogControl1"

#define VM_ROW_TYPE        "(ssotqsssstta{sv})"
#define PARTITION_ROW_TYPE "(qsssosuuua{sv})"

#define FRAME_ROW_TYPE     "(ttbtqtssat)"
#define LEASE_ROW_TYPE     "(ttssuussttua{sv})"
#define PEER_ROW_TYPE      "(tqqsssuutttsa{sv})"

#define BUS_SLOTS_MAX  8
#define UUID_TEXT_SIZE 37

struct shown_sp {
	uint16_t id;
	uint8_t bytes[48];
};

#define CALLERS_MAX 256 /* known at one time; the map has room for so many */

struct bus {
	struct bus_config config;
	sd_bus *sd; /* NULL: no connection now */
	sd_bus_slot *slot[BUS_SLOTS_MAX];
	size_t slot_count;
	sd_bus_slot *name_slot;

	struct map calls; /* posted, by token */
	struct list posted;
	unsigned call_count; /* these and those that wait for their caller's uid */
	uint64_t last_token;

	struct map callers;       /* by hash of the unique name */
	struct list caller_order; /* the oldest first */
	unsigned caller_count;
	unsigned check_count; /* questions that polkit has not answered */
	uint64_t last_check;

	struct list bound_ends;
	uint64_t last_bound_end;

	struct list streams;        /* all */
	struct list streams_of_all; /* those without a filter */
	struct map streams_by_name; /* the others, by hash of their filter */
	uint64_t streams_seq;       /* idle ones have gone through all events up to here */
	unsigned stream_count;
	uint64_t stream_refusal_told; /* when the journal was last told that one had too many */

	struct list lease_ends;
	struct map lease_ends_by_token;
	unsigned lease_end_count;
	uint64_t last_lease_end;

	struct list waits; /* WaitState */
	struct map waits_by_name;
	struct list waits_touched; /* in this turn */
	unsigned wait_count;
	sd_bus_slot *wait_match; /* NULL: nobody waits */

	struct map shown; /* VMs that have an object on the bus, by hash of the name */
	struct list touched;
	struct shown_sp shown_sp[MODEL_SP_MAX];
	size_t shown_sp_count;
	uint32_t shown_vm_count;
	uint64_t started; /* CLOCK_REALTIME ns */
	const char *leaving; /* the VM whose InterfacesRemoved is being sent */
	uint16_t leaving_sp;
	bool emit_failed;
};

static inline const struct rows *bus_rows(const struct bus *b)
{
	return engine_rows(b->config.engine);
}

/* words.c */
enum words {
	WORDS_STATE,
	WORDS_SUBSTATE,
	WORDS_VCPU,
	WORDS_ASSIGNED,
	WORDS_VFIO_STATE,
	WORDS_CCW_STATE,
	WORDS_CONDITION,
	WORDS_CAUSE,
	WORDS_DEBT,
	WORDS_HOW,
	WORDS_OPERATION,
	WORDS_VERB,
	WORDS_OUTCOME,
	WORDS_WAIT,
	WORDS_LEASE,
	WORDS_PROFILE,
	WORDS_STATUS,
	WORDS_VERDICT, /* 0: none yet; else 1 + enum verdict */
	WORDS_PLACE,
	WORDS_PENDING,
	WORDS_COUNT
};
const char *bus_word(enum words list, unsigned number);
const char *bus_refusal_error(enum refusal refusal);
void bus_uuid_text(const uint8_t uuid[16], char ret[UUID_TEXT_SIZE]);
int bus_uuid_parse(const char *text, uint8_t ret[16]); /* 0 or -EINVAL */
bool bus_vm_name_is_valid(const char *name);
int bus_vm_path(const char *name, char **ret);
int bus_partition_path(uint16_t id, char **ret);
/* Sets the typed error and returns a negative errno, for handlers to return. */
int bus_refuse(sd_bus_error *error, enum refusal refusal, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int bus_read_no_options(sd_bus_message *m, sd_bus_error *error);
/* a{sv} with one key that may be there, a boolean; false if it is not. */
int bus_read_option(sd_bus_message *m, const char *known, bool *ret, sd_bus_error *error);

/* text.c: what may be no UTF-8; of what is none there is a '?' */
int bus_append_text(sd_bus_message *m, const char *text);

/* getters.c: property getters; userdata points at the field */
int bus_get_chars(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_uuid(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_bool(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_usec(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_u16_as_u(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_state(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_substate(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_cause(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_operation(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_outcome(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_pending(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_profile(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_status(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);

/* list.c: rows in one reply */
int bus_append_vms(sd_bus_message *reply, const struct rows *rows, const char *filter, bool peers);
int bus_append_peers(sd_bus_message *reply, const struct vm_row *row);
int bus_append_sps(sd_bus_message *reply, const struct rows *rows);
int bus_append_partitions(sd_bus_message *reply, const struct rows *rows);

/* frames.c: what went to the SPs, and what it came to */
int bus_append_frames(sd_bus_message *reply, const struct bus *b, uint16_t sp, uint64_t after);
int bus_get_frames(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_frame_latency(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_histogram(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_verdicts(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_settled(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_uuids(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);
int bus_get_queues(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);

/* peers.c: what lives owe */
int bus_append_peer_rows(sd_bus_message *reply, const struct bus *b, const char *name);
int bus_append_stuck_partitions(sd_bus_message *reply, const struct vm_row *row);
int bus_get_stuck_partitions(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);

/* caller.c: who asks */
struct call;
struct caller;
uid_t bus_caller_uid(const struct caller *c);
pid_t bus_caller_pid(const struct caller *c); /* 0: the bus did not say */
bool bus_caller_is_trusted(const struct caller *c); /* polkit is not asked about it */
int bus_caller_wait(struct bus *b, const char *sender, struct call *call, sd_bus_error *error);
void bus_callers_drop(struct bus *b);

/* rights.c: who may call what */
struct right {
	const char *member;
	const char *action; /* of polkit; NULL: anyone may */
	const char *verb;   /* as lifecyclectl has it */
	enum vm_cause cause; /* of the end that it asks for; CAUSE_NONE: of none */
	bool names_vm;      /* and the life that is meant is the VM's current one */
};
const struct right *bus_right(const char *member); /* NULL: there is no such method */

/* polkit.c: may the sender of a call do what it asks for? */
struct check;
typedef void bus_check_done(void *arg, const char *why_not); /* NULL: it may. The check is over then */
int bus_check_new(struct call *call, bus_check_done *done, void *arg, struct check **owner);
struct check *bus_check_free(struct check *k); /* takes the question back */

/* call.c: a method call that was taken and is not answered yet */
struct call {
	struct list link;     /* of its caller, then of those posted */
	const struct right *right;
	struct map_node node; /* by token */
	struct bus *bus;
	sd_bus_message *message;
	const struct caller *caller; /* valid while `run` runs */
	void (*run)(struct call *c); /* when the caller is known, and may; ends the call, or keeps it until the answer */
	struct request request;
	const char *text, *source;       /* Define; these strings are the message's */
	const char *filter, *last_epoch; /* Subscribe */
	uint64_t last_seq;
	uint64_t life; /* OpenConsole */
	const char *property; /* Set of org.freedesktop.LogControl1: which, and its number */
	int value;
	uint32_t wanted; /* WaitState: a bit for each state, from bit 16 on for each sub-state */
	uint64_t timeout_ms; /* 0: none */
	struct bound_end *bound; /* StartBound, BindAgain */
	struct lease_end *lease; /* TakeDestroyLease, ReclaimDestroyLease, when posted: the socket of the lease */
};

int bus_call_new(struct bus *b, sd_bus_message *m, struct call **ret, sd_bus_error *error);
struct call *bus_call_free(struct call *c);
void bus_call_freep(struct call **c);
int bus_call_submit(struct call *c, sd_bus_error *error);      /* takes the call over, whatever it returns */
void bus_call_go(struct call *c, const struct caller *caller); /* the caller is known */
void bus_call_refuse(struct call *c, enum refusal refusal, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum refusal bus_refusal_of(int error); /* what a client is told who cannot be given an fd for want of this */
void bus_call_remember(struct call *c); /* it has a token from here on, and waits for its answer */
struct call *bus_call_of(struct bus *b, uint64_t token); /* NULL: its connection is gone */
void bus_call_post(struct call *c); /* c->request to the engine */
void bus_calls_drop(struct bus *b);
void bus_calls_answer(struct bus *b, const struct answer *a);

/* verbs.c: what both .Manager and .VM offer */
int bus_verb_submit(
	struct bus *b, sd_bus_message *m, enum request_verb verb, const char *name, sd_bus_error *error);
int bus_console_submit(struct bus *b, sd_bus_message *m, const char *name, sd_bus_error *error);

int bus_shutdown_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);

/* define.c */
int bus_define_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_validate_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
void bus_validate_answer(struct call *c, const struct answer *a);
int bus_undefine_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_reload_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_get_definition(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_get_pending_changes(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);

/* forget.c */
int bus_forget_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_get_burned_ids(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);

/* bound.c: clients with which VMs live */
struct bound_end;
int bus_bound_start_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_bound_again_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
void bus_bound_answer(struct call *c, const struct answer *a); /* the call is over with it */
void bus_bound_abandon(struct bound_end *e);
void bus_bound_turn(struct bus *b);
void bus_bound_drop(struct bus *b);

/* lease.c */
int bus_lease_take_submit(struct bus *b, sd_bus_message *m, const char *name, sd_bus_error *error);
int bus_lease_reclaim_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
int bus_lease_release_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);
void bus_lease_answer(struct call *c, const struct answer *a); /* it was taken: ends the call */
struct lease_end *bus_lease_end_free(struct lease_end *e);
void bus_lease_end_abandon(struct lease_end *e);
void bus_leases_drop(struct bus *b);
int bus_append_lease_rows(sd_bus_message *reply, const struct rows *rows, const char *name);
int bus_get_leases(
	sd_bus *, const char *, const char *, const char *, sd_bus_message *, void *, sd_bus_error *);

/* stream.c */
int bus_stream_new(
	struct bus *b, uid_t uid, bool privileged, const char *filter, uint64_t seq, int *ret_client_fd);
void bus_streams_pump(struct bus *b);
void bus_streams_drop(struct bus *b);

/* subscribe.c */
int bus_subscribe_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error);

/* signals.c */
int bus_signals_seed(struct bus *b);
void bus_signals_turn(struct bus *b, const struct published *what);
void bus_signals_drop(struct bus *b);
/* That event is a life's that makes room for its VM's next one at once: the VM itself is not null then (proto/event-stream.h). */
bool bus_is_replaced(const struct published *what, size_t at);

/* wait.c */
int bus_wait_submit(struct bus *b, sd_bus_message *m, const char *name, sd_bus_error *error);
void bus_waits_turn(struct bus *b, const struct published *what);
void bus_waits_drop(struct bus *b);

/* metrics.c */
int bus_append_metrics(sd_bus_message *reply, const struct bus *b);

/* log_control.c */
int bus_log_control_add(struct bus *b);

/* manager.c, vm.c, partition.c */
int bus_manager_add(struct bus *b);
int bus_vm_add(struct bus *b);
int bus_partition_add(struct bus *b);
const struct sp_row *bus_partition_row(const struct bus *b, uint16_t id);
sd_bus_slot **bus_slot(struct bus *b);
