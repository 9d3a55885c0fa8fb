/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stand-in for lifecycled on a private bus. It speaks proto/org.lifecycled.Lifecycle1.xml and has no lifecycle: what a
 * VM does depends on its name (the table `vms`), and happens at once. "refuse-NAME" is refused with Error.NAME; "password"
 * where nobody may be asked for one, and is no VM else. What the log has of "late" comes half, and the rest once it is cancelled;
 * with "hang" it stops in the call.
 * It says one line on standard output for each call that changes something, so that a test knows where it is.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "fake-daemon.h"
#include "proto/event-stream.h"
#include "proto/vmm-link.h"

LIFECYCLE_NAME_TABLE(state_names, VM_STATES);
LIFECYCLE_NAME_TABLE(substate_names, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(cause_names, CAUSES);
LIFECYCLE_NAME_TABLE(operation_names, OPERATIONS);

/* db starts; web runs; broken ends before it runs; slow never gets on; stuck never ends; hangup closes all streams. */
static struct vm vms[] = {
	{ "web", true, 42, 1, VM_RUNNING, VM_SUB_RUNNING, 0, 0, false, CAUSE_GUEST_REBOOT },
	{ "db", true, 0, 0, VM_NULL, VM_SUB_NONE, 0, 0, false, 0 },
	{ "broken", true, 0, 0, VM_NULL, VM_SUB_NONE, 0, 0, false, 0 },
	{ "slow", true, 0, 0, VM_NULL, VM_SUB_NONE, 0, 0, false, 0 },
	{ "stuck", true, 17, 2, VM_ABORTING, VM_SUB_RETIRING, CAUSE_USER_ABORT, OP_ABORT, true, 0 },
	{ "hangup", true, 0, 0, VM_NULL, VM_SUB_NONE, 0, 0, false, 0 },
	{ "new", false, 0, 0, VM_NULL, VM_SUB_NONE, 0, 0, false, 0 },
};
#define VM_COUNT (sizeof(vms) / sizeof(*vms))

struct vm *fake_find(const char *name)
{
	for (size_t i = 0; i < VM_COUNT; i++)
		if (vms[i].exists && strcmp(vms[i].name, name) == 0)
			return &vms[i];
	return NULL;
}

int fake_no_such(sd_bus_error *error, const char *name)
{
	return sd_bus_error_setf(error, ERROR "NoSuchVM", "no VM is called '%s'; List shows all", name);
}

static void move(struct vm *vm, enum vm_state state, enum vm_substate substate, enum vm_cause cause)
{
	struct event_record r = {
		.kind = EVENT_STATE, .old_state = vm->state, .old_substate = vm->substate, .new_state = (uint8_t)state,
		.new_substate = (uint8_t)substate, .cause = (uint8_t)cause
	};

	if (vm->state == VM_NULL || (vm->state == VM_ABORTING && state == VM_CREATED)) {
		vm->life = fake_seq + 1;
		vm->endpoint = 7;
	}
	r.life = vm->life;
	r.endpoint = vm->endpoint;
	vm->state = (uint8_t)state;
	vm->substate = (uint8_t)substate;
	vm->cause = (uint8_t)cause;
	if (cause)
		vm->end_cause = (uint8_t)cause;
	if (state == VM_NULL)
		vm->life = vm->endpoint = vm->cause = 0;
	fake_emit(r, vm->name);
}

static void debt(struct vm *vm, enum debt_state from, enum debt_state to, uint32_t tries)
{
	fake_emit((struct event_record){ .kind = EVENT_DEBT, .life = vm->life, .endpoint = vm->endpoint, .sp = 0x8001,
		.old_state = (uint8_t)from, .new_state = (uint8_t)to, .how = HOW_ANSWERED, .tries = tries }, vm->name);
}

static void operation(struct vm *vm, enum operation op)
{
	uint8_t before = vm->operation;

	vm->operation = (uint8_t)op;
	fake_emit((struct event_record){ .kind = EVENT_OPERATION, .life = vm->life, .endpoint = vm->endpoint,
		.old_state = before, .operation = (uint8_t)op }, vm->name);
}

/* ---- what the verbs do ---- */

static void start(struct vm *vm)
{
	operation(vm, OP_START);
	if (strcmp(vm->name, "slow") == 0)
		return;
	move(vm, VM_CREATED, VM_SUB_ALLOCATING, 0);
	if (strcmp(vm->name, "broken") == 0) {
		move(vm, VM_ABORTING, VM_SUB_RECLAIMING, CAUSE_START_FAILED);
		move(vm, VM_NULL, VM_SUB_NONE, CAUSE_START_FAILED);
	} else {
		move(vm, VM_CREATED, VM_SUB_ANNOUNCING, 0);
		debt(vm, DEBT_CREATING, DEBT_KNOWN, 3);
		move(vm, VM_RUNNING, VM_SUB_RUNNING, 0);
	}
	operation(vm, OP_NONE);
}

static void end(struct vm *vm, enum vm_cause cause)
{
	operation(vm, cause == CAUSE_USER_DESTROY ? OP_DESTROY : cause == CAUSE_USER_STOP ? OP_STOP : OP_ABORT);
	move(vm, VM_ABORTING, VM_SUB_QUIESCING, cause);
	move(vm, VM_ABORTING, VM_SUB_RETIRING, cause);
	debt(vm, DEBT_DESTROYING, DEBT_SETTLED, 2);
	move(vm, VM_NULL, VM_SUB_NONE, cause);
	operation(vm, OP_NONE);
}

/* The life that web begins with listens to no power key. */
static void stop(struct vm *vm)
{
	if (vm->life != 42) {
		end(vm, CAUSE_USER_STOP);
		return;
	}
	operation(vm, OP_STOP);
	vm->operation = OP_NONE;
	fake_emit((struct event_record){ .kind = EVENT_OPERATION, .life = vm->life, .endpoint = vm->endpoint,
		.old_state = OP_STOP, .outcome = OUTCOME_UNHEARD }, vm->name);
}

/* slow is restarted without a moment in null, beside an old life of it that is settled only then. */
static void restart_at_once(struct vm *vm)
{
	struct event_record old = { .kind = EVENT_STATE, .old_state = VM_ABORTING, .new_state = VM_NULL, .life = vm->life,
		.operation = OP_RESTART };

	if (vm->life)
		fake_emit(old, vm->name);
	vm->state = VM_ABORTING;
	move(vm, VM_CREATED, VM_SUB_ALLOCATING, 0);
	old.life = 5;
	old.operation = OP_NONE;
	fake_emit(old, vm->name);
}

/* As above, but the next life has to wait, so slow is without one: that is cancelled, and it is started after all. */
static void restart_in_the_end(struct vm *vm)
{
	struct event_record old = { .kind = EVENT_STATE, .old_state = VM_ABORTING, .new_state = VM_NULL, .life = vm->life,
		.operation = OP_RESTART };

	if (!vm->life)
		return;
	fake_emit(old, vm->name);
	vm->life = vm->endpoint = 0;
	vm->state = VM_NULL;
	vm->substate = VM_SUB_NONE;
	operation(vm, OP_START);
	operation(vm, OP_NONE);
	move(vm, VM_CREATED, VM_SUB_ALLOCATING, 0);
}

static uint64_t act(struct vm *vm, const char *verb)
{
	uint64_t first = fake_seq + 1;

	if (strcmp(vm->name, "hangup") == 0)
		fake_close_streams();
	if (strcmp(verb, "Start") == 0)
		fake_send_frame(strcmp(vm->name, "slow") == 0 ? 10 : 0);
	if (vm->stuck)
		return 0;
	if (strcmp(verb, "Start") == 0 && vm->state == VM_NULL)
		start(vm);
	else if (strcmp(verb, "Stop") == 0 && vm->state != VM_NULL)
		stop(vm);
	else if (strcmp(verb, "Abort") == 0 && vm->state != VM_NULL)
		end(vm, CAUSE_USER_ABORT);
	else if (strcmp(verb, "Restart") == 0 && strcmp(vm->name, "slow") == 0)
		restart_at_once(vm);
	else if (strcmp(verb, "Cancel") == 0 && strcmp(vm->name, "slow") == 0)
		restart_in_the_end(vm);
	else if (strcmp(verb, "Restart") == 0) {
		if (vm->state != VM_NULL)
			end(vm, CAUSE_USER_RESTART);
		start(vm);
	} else if (strcmp(verb, "Destroy") == 0) {
		if (vm->state != VM_NULL)
			end(vm, CAUSE_USER_DESTROY);
		vm->exists = false;
		fake_emit((struct event_record){ .kind = EVENT_VM_GONE }, vm->name);
	}
	return fake_seq >= first ? first : 0;
}

static int method_act(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *verb = sd_bus_message_get_member(m);
	struct vm *vm;
	uint64_t life;
	int r = sd_bus_message_read(m, "st", &name, &life);

	if (r < 0)
		return r;
	(void)printf("%s %s\n", verb, name);
	if (strcmp(name, "silent") == 0)
		return 1;
	if (strcmp(name, "hang") == 0) { /* it hangs up, and then hangs */
		fake_close_streams();
		(void)raise(SIGSTOP);
	}
	if (strcmp(name, "late") == 0)
		return sd_bus_reply_method_return(m, "t", fake_send_rest());
	if (strncmp(name, "refuse-", 7) == 0) {
		char full[1024];

		(void)snprintf(full, sizeof(full), ERROR "%s", name + 7);
		return sd_bus_error_setf(error, full, "refused because the test says %s", name + 7);
	}
	if (strcmp(name, "password") == 0 && sd_bus_message_get_allow_interactive_authorization(m) <= 0)
		return sd_bus_error_set(error, ERROR "AccessDenied", "polkit wants a password");
	vm = fake_find(name);
	if (!vm)
		return fake_no_such(error, name);
	if (life && life != vm->life)
		return sd_bus_error_setf(error, ERROR "WrongLife", "%s has life %llu, not %llu", name,
			(unsigned long long)vm->life, (unsigned long long)life);
	return sd_bus_reply_method_return(m, "t", act(vm, verb));
}

/* One line on standard output has all that was asked. */
static int method_forget(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;
	uint64_t life;
	uint16_t sp;
	int r = sd_bus_message_read(m, "stq", &name, &life, &sp);

	if (r < 0)
		return r;
	(void)printf("Forget '%s' %llu 0x%04x\n", name, (unsigned long long)life, sp);
	if (strcmp(name, "web") == 0)
		return sd_bus_error_setf(error, ERROR "IllegalTransition", "life 42 of web goes on");
	if (!*name && life != 16)
		return sd_bus_error_setf(error, ERROR "WrongLife", "life %llu is over", (unsigned long long)life);
	return sd_bus_reply_method_return(m, "t", ++fake_seq);
}

static int method_define(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *text, *source;
	struct vm *vm = &vms[VM_COUNT - 1];
	int r = sd_bus_message_read(m, "ss", &text, &source);

	if (r < 0)
		return r;
	(void)printf("Define %s\n", source);
	if (text[0] != '{')
		return sd_bus_error_setf(error, ERROR "InvalidDefinition", "%s:1:1: expected '{'", source);
	vm->exists = true;
	fake_emit((struct event_record){ .kind = EVENT_VM }, vm->name);
	return sd_bus_reply_method_return(m, "ot", PATH "/vm/new", fake_seq);
}

/* ---- what is read ---- */

static int append_row(sd_bus_message *m, const struct vm *vm)
{
	char path[1024];
	int r;

	(void)snprintf(path, sizeof(path), PATH "/vm/%s", vm->name);
	r = sd_bus_message_open_container(m, 'r', "ssotqsssstta{sv}");
	if (r >= 0)
		r = sd_bus_message_append(m, "ssotqsssstt", vm->name, UUID, path, vm->life, vm->endpoint,
			state_names[vm->state], substate_names[vm->substate], cause_names[vm->cause],
			operation_names[vm->operation], (uint64_t)1000000, fake_seq);
	if (r >= 0 && vm->stuck)
		r = sd_bus_message_append(m, "a{sv}", 4, "WaitsOn", "s", "sp", "SecureStuck", "b", 1, "OldLives", "u", 1,
			"StuckPartitions", "aq", 2, 0x8001, 0x8003);
	else if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 5, "WaitsOn", "s", "-", "SecureStuck", "b", 0, "Unreachable", "b", 0,
			"OldLives", "u", 0, "Novelty", "a{sv}", 1, "x", "s", "y");
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int fake_append_rows(sd_bus_message *m, const char *filter)
{
	int r = sd_bus_message_open_container(m, 'a', "(ssotqsssstta{sv})");

	for (size_t i = 0; r >= 0 && i < VM_COUNT; i++)
		if (vms[i].exists && (!*filter || strcmp(filter, vms[i].name) == 0))
			r = append_row(m, &vms[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = fake_append_rows(reply, "");
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int method_list_partitions(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return sd_bus_reply_method_return(m, "a(qsssosuuua{sv})", 2, 0x8001, "sp", "", UUID, PATH "/partition/8001", "ok", 0x601u,
		2u, 1u, 0, 1, "vm", "web", UUID, PATH "/vm/web", "running", 0u, 1u, 0u, 0);
}

static int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	char path[1024];
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (!fake_find(name))
		return fake_no_such(error, name);
	(void)snprintf(path, sizeof(path), PATH "/vm/%s", name);
	return sd_bus_reply_method_return(m, "o", path);
}

static int console_fd(void)
{
	static const char text[] = "booting\r\none\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nseven\r\neight\r\nnine\r\n\033[31mten\r\n";
	struct console_ring ring_header = { .magic = CONSOLE_RING_MAGIC, .size = 4096, .head = sizeof(text) - 1 };
	int fd = memfd_create("console", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, CONSOLE_RING_DATA + 4096) < 0 ||
		pwrite(fd, text, sizeof(text) - 1, CONSOLE_RING_DATA) < 0 || pwrite(fd, &ring_header, sizeof(ring_header), 0) < 0)
		return -errno;
	return fd;
}

static int method_open_console(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;
	int fd, r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (!fake_find(name))
		return fake_no_such(error, name);
	if (strcmp(name, "web") != 0)
		return sd_bus_error_setf(error, ERROR "NoConsole", "%s never had a console", name);
	fd = console_fd();
	if (fd < 0)
		return fd;
	r = sd_bus_reply_method_return(m, "h", fd);
	close(fd);
	return r;
}

/* ---- the bus ---- */

static int find_vm(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error)
{
	*ret = fake_find(path + strlen(PATH "/vm/"));
	return *ret != NULL;
}

#define VERB(name) SD_BUS_METHOD(name, "sta{sv}", "t", method_act, SD_BUS_VTABLE_UNPRIVILEGED)
/* It is so, or its time is over at once: of that the daemon's own tests are. */
static int method_wait_state(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *word, *result = "timed-out";
	struct vm *vm;
	uint64_t life;
	bool any = false;
	int r = sd_bus_message_read(m, "st", &name, &life);

	if (r < 0)
		return r;
	if (strcmp(name, "silent") == 0)
		return 1;
	vm = fake_find(name);
	if (!vm)
		return fake_no_such(error, name);
	if (vm->stuck)
		return sd_bus_error_set(error, ERROR "LimitReached", "128 calls wait already");
	r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(m, "s", &word)) > 0) {
		any = true;
		if (strcmp(word, state_names[vm->state]) == 0 || strcmp(word, substate_names[vm->substate]) == 0)
			result = "reached";
	}
	if (!any && !vm->life)
		result = "reached";
	return sd_bus_reply_method_return(m, "stssst", result, vm->life, state_names[vm->state], substate_names[vm->substate],
		cause_names[vm->cause], fake_seq);
}

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("List", "", "a(ssotqsssstta{sv})", method_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ListPartitions", "", "a(qsssosuuua{sv})", method_list_partitions, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ListPeers", "s", "a(tqqsssuutttsa{sv})u", method_list_peers, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Trace", "qt", "a(ttbtqtssat)", method_trace, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Get", "s", "o", method_get, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Define", "ssa{sv}", "ot", method_define, SD_BUS_VTABLE_UNPRIVILEGED),
	VERB("Start"),
	VERB("Stop"),
	VERB("Abort"),
	VERB("Restart"),
	VERB("Destroy"),
	SD_BUS_METHOD("WaitState", "stasta{sv}", "stssst", method_wait_state, SD_BUS_VTABLE_UNPRIVILEGED),
	VERB("Cancel"),
	SD_BUS_METHOD("Forget", "stqa{sv}", "t", method_forget, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Subscribe", "ssta{sv}", "a(ssotqsssstta{sv})stha{sv}", method_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("OpenConsole", "sa{sv}", "h", method_open_console, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Version", "s", get_manager, 0, 0),
	SD_BUS_PROPERTY("Epoch", "s", get_manager, 0, 0),
	SD_BUS_PROPERTY("Monotonic", "t", get_manager, 0, 0),
	SD_BUS_PROPERTY("Incarnation", "t", get_manager, 0, 0),
	SD_BUS_PROPERTY("Sequence", "t", get_manager, 0, 0),
	SD_BUS_PROPERTY("SecureSide", "s", get_manager, 0, 0),
	SD_BUS_PROPERTY("DiskStuck", "b", get_manager, 0, 0),
	SD_BUS_PROPERTY("ShuttingDown", "b", get_manager, 0, 0),
	SD_BUS_PROPERTY("VmCount", "u", get_manager, 0, 0),
	SD_BUS_PROPERTY("BurnedIds", "a(qqtst)", get_manager, 0, 0),
	SD_BUS_VTABLE_END
};

static int serve(sd_bus *bus)
{
	int r;

	(void)puts("ready");
	for (;;) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r < 0)
			return r;
	}
}

int main(int argc, char **argv)
{
	sd_bus *bus = NULL;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, argc > 1 ? argv[1] : "");
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, 1);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, PATH, NAME ".Manager", manager_vtable, &fake_seq);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, PATH, NAME ".Manager", definitions_vtable, &fake_seq);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(bus, NULL, PATH "/vm", NAME ".VM", vm_vtable, find_vm, NULL);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, PATH "/partition/8001", NAME ".Partition", partition_vtable, NULL);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1",
			log_control_vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, NAME, 0);
	if (r >= 0)
		r = serve(bus);
	sd_bus_unref(bus);
	(void)fprintf(stderr, "fake-daemon: %s\n", strerror(-r));
	return 0;
}
