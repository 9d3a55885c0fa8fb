/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record_fields.h"

LIFECYCLE_NAME_TABLE(state_names, VM_STATES);
LIFECYCLE_NAME_TABLE(substate_names, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(cause_names, CAUSES);
LIFECYCLE_NAME_TABLE(debt_names, DEBT_STATES);
LIFECYCLE_NAME_TABLE(how_names, DEBT_HOWS);
LIFECYCLE_NAME_TABLE(operation_names, OPERATIONS);
LIFECYCLE_NAME_TABLE(lease_names, LEASE_STATES);
LIFECYCLE_NAME_TABLE(outcome_names, OUTCOMES);

/* These four have no X-macro: they never leave the daemon but for here. */
static const char *const profile_names[] = {
	[PROFILE_STRICT] = "strict",
	[PROFILE_TRUSTY] = "trusty",
	[PROFILE_OPTEE] = "optee",
	[PROFILE_SPMC] = "spmc",
};
static const char *const status_names[] = {
	[SP_OK] = "ok",
	[SP_DEGRADED] = "degraded",
	[SP_GONE] = "gone",
};
static const char *const pending_names[] = {
	[PENDING_NONE] = "none",
	[PENDING_CHANGE] = "change",
	[PENDING_REMOVAL] = "removal",
	[PENDING_TAKEN] = "taken",
};
static const char *const call_names[] = {
	[CALL_NONE] = "none",
	[CALL_CREATED] = "created",
	[CALL_DESTROYED] = "destroyed",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FIELD(name, kind, member, ...)                                                                       \
	{                                                                                                    \
		.key = name, .prefix = ",\"" name "\":", .type = kind,                                       \
		.offset = offsetof(struct change, member), .size = sizeof(((struct change *)0)->member),     \
		__VA_ARGS__                                                                                  \
	}
#define NUMBER(name, member)      FIELD(name, FIELD_NUMBER, member)
#define TRUTH(name, member)       FIELD(name, FIELD_BOOL, member)
#define TEXT(name, member)        FIELD(name, FIELD_TEXT, member)
#define UUID(name, member)        FIELD(name, FIELD_UUID, member)
#define WORD(name, member, table) FIELD(name, FIELD_ENUM, member, .words = table, .word_count = COUNT(table))
#define CAUSE(name, member)                                                                                  \
	FIELD(name, FIELD_ENUM, member, .words = cause_names, .word_count = COUNT(cause_names),              \
		.otherwise = CAUSE_VMM_EXIT)
#define PERHAPS_WORD(name, member, table)                                                                    \
	FIELD(name, FIELD_ENUM, member, .words = table, .word_count = COUNT(table), .optional = true)

static const struct field begun[] = {
	NUMBER("endpoint", begun.endpoint),
	NUMBER("vcpus", begun.vcpu_count),
	TRUTH("fixed-id", begun.fixed_id),
	TRUTH("huge", begun.huge),
	TRUTH("old", begun.old),
	TRUTH("notifications", begun.notifications),
	NUMBER("memory", begun.memory_bytes),
	NUMBER("since", begun.since),
	NUMBER("deadline", begun.deadline),
	NUMBER("entered", begun.entered),
	TEXT("name", begun.name),
};
static const struct field state[] = {
	WORD("old-state", state.old_state, state_names),
	WORD("old-substate", state.old_substate, substate_names),
	WORD("state", state.state, state_names),
	WORD("substate", state.substate, substate_names),
	CAUSE("cause", state.cause),
	TRUTH("quiesced", state.quiesced),
	FIELD("preserve", FIELD_BOOL, state.preserve, .optional = true),
	NUMBER("since", state.since),
	NUMBER("deadline", state.deadline),
	TEXT("text", state.text),
};
static const struct field vmm[] = {
	FIELD("pid", FIELD_PID, vmm.pid),
	NUMBER("start-time", vmm.start_time),
	NUMBER("features", vmm.features),
	UUID("invocation", vmm.invocation),
};
static const struct field debt[] = {
	NUMBER("sp", debt.sp),
	WORD("old-state", debt.old_state, debt_names),
	WORD("state", debt.state, debt_names),
	WORD("how", debt.how, how_names),
	NUMBER("extra", debt.extra),
	NUMBER("tries", debt.tries),
	NUMBER("deadline", debt.deadline),
};
static const struct field operation[] = {
	WORD("operation", operation.operation, operation_names),
	NUMBER("since", operation.since),
	NUMBER("deadline", operation.deadline),
	NUMBER("partition-by", operation.partition_by),
	PERHAPS_WORD("outcome", operation.outcome, outcome_names),
};
static const struct field sp[] = {
	NUMBER("id", sp.id),
	NUMBER("contexts", sp.contexts),
	NUMBER("properties", sp.properties),
	NUMBER("generation", sp.generation),
	NUMBER("version", sp.version),
	UUID("uuid", sp.uuid),
	WORD("profile", sp.profile, profile_names),
	WORD("status", sp.status, status_names),
};
static const struct field open[] = {
	NUMBER("sp", open.sp),
	WORD("call", open.kind, call_names),
	TRUTH("has-target", open.has_target),
	NUMBER("target", open.target),
};
static const struct field world[] = {
	UUID("instance", world.instance),
};
static const struct field end[] = {
	CAUSE("cause", end.cause),
	NUMBER("restarts", end.restarts),
	NUMBER("backoff", end.backoff),
	NUMBER("window", end.window),
	NUMBER("at", end.at),
	TEXT("text", end.text),
};
static const struct field ids[] = {
	NUMBER("next", ids.next),
	TEXT("order", ids.order),
};

static const struct field burned[] = {
	NUMBER("endpoint", burned.endpoint),
	NUMBER("sp", burned.sp),
	TRUTH("released", burned.released),
	NUMBER("at", burned.at),
	TEXT("name", burned.name),
};

static const struct field pending[] = {
	WORD("what", pending.what, pending_names), /* and its definition, if there is one */
};
static const struct field lease[] = {
	NUMBER("lease", lease.number),
	UUID("token", lease.token),
	WORD("state", lease.state, lease_names),
	NUMBER("uid", lease.uid),
	FIELD("pid", FIELD_PID, lease.pid),
	NUMBER("timeout", lease.timeout_ms),
	NUMBER("since", lease.since),
	NUMBER("deadline", lease.deadline),
	TEXT("comm", lease.comm),
	TEXT("reason", lease.reason),
};

static const struct field shutdown[] = {
	TRUTH("active", shutdown.active),
	TRUTH("host", shutdown.host),
	NUMBER("since", shutdown.since),
};

static const struct field autostart[] = {
	TRUTH("done", autostart.done),
};

static const struct field bound[] = {
	TRUTH("active", bound.active),
	UUID("token", bound.token),
};

#define KIND_BARE(string)                                                                                    \
	{                                                                                                    \
		.name = string, .prefix = "{\"kind\":\"" string "\",\"seq\":"                                \
	}
#define KIND(string, table)                                                                                  \
	{                                                                                                    \
		.name = string, .prefix = "{\"kind\":\"" string "\",\"seq\":", .field = table,               \
		.count = COUNT(table)                                                                        \
	}

const struct kind record_kinds[RECORD_KIND_COUNT] = {
	[CHANGE_VM] = KIND_BARE("vm"), /* and its definition, by the parser's tables */
	[CHANGE_VM_GONE] = KIND_BARE("vm-gone"),
	[CHANGE_LIFE] = KIND("life", begun),
	[CHANGE_STATE] = KIND("state", state),
	[CHANGE_VMM] = KIND("vmm", vmm),
	[CHANGE_DEBT] = KIND("debt", debt),
	[CHANGE_OPERATION] = KIND("operation", operation),
	[CHANGE_SP] = KIND("sp", sp),
	[CHANGE_OPEN] = KIND("open", open),
	[CHANGE_WORLD] = KIND("world", world),
	[CHANGE_LIFE_GONE] = KIND_BARE("life-gone"),
	[CHANGE_END] = KIND("end", end),
	[CHANGE_IDS] = KIND("ids", ids),
	[CHANGE_BURNED] = KIND("burned", burned),
	[CHANGE_PENDING] = KIND("pending", pending),
	[CHANGE_SHUTDOWN] = KIND("shutdown", shutdown),
	[CHANGE_BOUND] = KIND("bound", bound),
	[CHANGE_LEASE] = KIND("lease", lease),
	[CHANGE_AUTOSTART] = KIND("autostart", autostart),
};
