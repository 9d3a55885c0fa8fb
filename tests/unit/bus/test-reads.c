/* SPDX-License-Identifier: Apache-2.0 */

/* What is read is the rows: lists, properties, objects. */

#include <string.h>

#include "proto/ffa.h"
#include "unit/bus/world.h"

#define E(name) BUS_NAME ".Error." name
#define VM_A    BUS_PATH "/vm/a"

static void two_vms(struct world *w)
{
	struct vm_row *a = fake_vm(&w->engine, "a", 1), *b = fake_vm(&w->engine, "b-2", 2);

	*b = (struct vm_row) { .vm = 2, .name = "b-2", .vcpu_count = 2 };
	a->life = 7;
	a->endpoint = 3;
	a->uuid[15] = 0xA;
	a->state = VM_ABORTING;
	a->substate = VM_SUB_RETIRING;
	a->cause = CAUSE_USER_ABORT;
	a->operation = OP_ABORT;
	a->since = 5000000;
	a->changed_at = 9;
	a->waits = (struct wait_reason) {
		.on = WAIT_SP, .sp = 0x8001, .tries = 4, .since = 2000, .until = 3000
	};
	a->secure_stuck = true;
	a->old_lives = 1;
	a->debt_count = 2;
	a->debt[0] = (struct debt_row) { .sp = 0x8001, .state = DEBT_DESTROYING, .stuck = true, .tries = 4 };
	a->debt[1] = (struct debt_row) { .sp = 0x8002, .state = DEBT_SETTLED, .how = HOW_ANSWERED, .tries = 1 };
	a->vcpu[0] = VCPU_ABORTED;
	a->vcpu_since[0] = 9000;
	a->callee[0] = 0x8001;
	a->device[0] = (struct vmm_device_state) { .type = ASSIGNED_VFIO_FAKE, .state = VFIO_DEVICE_STATE_RUNNING };
	a->device[1] = (struct vmm_device_state) { .type = ASSIGNED_VFIO_FAKE, .state = VFIO_DEVICE_STATE_STOP_COPY,
		.condition = DEVICE_DEAD, .text = "it is" };
	a->sandbox_lacks = VMM_SANDBOX_LANDLOCK;
	a->end_cause = CAUSE_OOM;
	a->end_life = 2;
	a->end_at = 8000;
	strcpy(a->end_text, "was too big");
}

static void lists_whole_rows_in_one_reply(void **state)
{
	struct world *w = *state;
	sd_bus_message *m;
	const char *name, *uuid, *path, *st, *sub, *cause, *op, *wait;
	uint64_t life, since, seq;
	uint32_t old;
	uint16_t id, sp;
	int stuck;

	two_vms(w);
	m = call_manager(&w->root, "List", NULL);
	assert_fine(m);
	assert_string_equal(sd_bus_message_get_signature(m, true), "a(ssotqsssstta{sv})");
	assert_true(sd_bus_message_enter_container(m, 'a', "(ssotqsssstta{sv})") > 0);
	assert_true(sd_bus_message_enter_container(m, 'r', "ssotqsssstta{sv}") > 0);
	assert_true(sd_bus_message_read(m, "ssotqsssstt", &name, &uuid, &path, &life, &id, &st, &sub, &cause,
			    &op, &since, &seq) > 0);
	assert_string_equal(name, "a");
	assert_string_equal(uuid, "00000000-0000-0000-0000-00000000000a");
	assert_string_equal(path, VM_A);
	assert_int_equal(life, 7);
	assert_int_equal(id, 3);
	assert_string_equal(st, "aborting");
	assert_string_equal(sub, "retiring");
	assert_string_equal(cause, "user-abort");
	assert_string_equal(op, "abort");
	assert_int_equal(since, 5000);
	assert_int_equal(seq, 9);
	assert_true(sd_bus_message_read(m, "a{sv}", 4, &name, "s", &wait, &uuid, "b", &stuck, &path, "u", &old, &name, "aq",
			    1, &sp) > 0);
	assert_string_equal(wait, "sp");
	assert_int_equal(stuck, 1);
	assert_int_equal(old, 1);
	assert_int_equal(sp, 0x8001);
	assert_true(sd_bus_message_exit_container(m) > 0);
	assert_true(sd_bus_message_enter_container(m, 'r', "ssotqsssstta{sv}") > 0);
	assert_true(sd_bus_message_read(m, "sso", &name, &uuid, &path) > 0);
	assert_string_equal(path, BUS_PATH "/vm/b_2d2");
	(void)sd_bus_message_unref(m);
}

static void lists_sps_and_live_vms_as_partitions(void **state)
{
	struct world *w = *state;
	const char *kind, *name, *uuid, *path, *st;
	uint32_t properties, owed, stuck;
	struct sp_row *sp;
	sd_bus_message *m;
	uint16_t id;

	two_vms(w);
	sp = fake_sp(&w->engine, 0x8001);
	sp->sp.properties = 0x41;
	sp->sp.status = SP_DEGRADED;
	sp->owed = 3;
	m = call_manager(&w->root, "ListPartitions", NULL);
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "(qsssosuuua{sv})") > 0);
	assert_true(sd_bus_message_read(m, "(qsssosuuua{sv})", &id, &kind, &name, &uuid, &path, &st,
			    &properties, &owed, &stuck, 0) > 0);
	assert_int_equal(id, 0x8001);
	assert_string_equal(kind, "sp");
	assert_string_equal(path, BUS_PATH "/partition/8001");
	assert_string_equal(st, "degraded");
	assert_int_equal(properties, 0x41);
	assert_int_equal(owed, 3);
	assert_true(sd_bus_message_read(m, "(qsssosuuua{sv})", &id, &kind, &name, &uuid, &path, &st,
			    &properties, &owed, &stuck, 0) > 0);
	assert_int_equal(id, 3);
	assert_string_equal(kind, "vm");
	assert_string_equal(name, "a");
	assert_string_equal(st, "aborting");
	assert_int_equal(owed, 1);
	assert_int_equal(stuck, 1);
	assert_int_equal(sd_bus_message_at_end(m, false), 1); /* b-2 has no id */
	(void)sd_bus_message_unref(m);
}

static void assert_path(sd_bus_message *m, const char *expected)
{
	const char *path;

	assert_fine(m);
	assert_true(sd_bus_message_read(m, "o", &path) > 0);
	assert_string_equal(path, expected);
	(void)sd_bus_message_unref(m);
}

static void finds_objects_by_name_and_id(void **state)
{
	struct world *w = *state;

	two_vms(w);
	(void)fake_sp(&w->engine, 0x8001);
	assert_path(call_manager(&w->root, "Get", "s", "a"), VM_A);
	assert_path(call_manager(&w->root, "GetPartition", "q", 0x8001), BUS_PATH "/partition/8001");
	assert_path(call_manager(&w->root, "GetPartition", "q", 3), VM_A);
	assert_error(call_manager(&w->root, "Get", "s", "c"), E("NoSuchVM"), "'c'");
	assert_error(call_manager(&w->root, "GetPartition", "q", 0x8002), E("InvalidArgument"), "0x8002");
	assert_error(call_manager(&w->root, "GetPartition", "q", 0), E("InvalidArgument"), NULL);
	assert_error(call(&w->root, BUS_PATH "/vm/c", VM_INTERFACE, "Start", "ta{sv}", (uint64_t)0, 0),
		SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
	assert_error(call(&w->root, BUS_PATH "/partition/08001", "org.freedesktop.DBus.Properties", "GetAll",
			     "s", PARTITION_INTERFACE),
		SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
}

/* Leaves the reply at the property's value. */
static sd_bus_message *property(
	struct world *w, const char *path, const char *interface, const char *name, const char *type)
{
	sd_bus_message *m =
		call(&w->root, path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, name);

	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'v', type) > 0);
	return m;
}

static void assert_text(sd_bus_message *m, const char *expected)
{
	const char *text;

	assert_true(sd_bus_message_read(m, "s", &text) > 0);
	assert_string_equal(text, expected);
	(void)sd_bus_message_unref(m);
}

static void log_is_on_a_disk(struct bus_config *config)
{
	config->log_place = "/var/lib/a place for the log, in Latin-1: caf\xE9";
}

static void names_the_directory_of_the_log_where_the_disk_is_waited_for(void **state)
{
	struct world *w = *state;
	const char *on, *name;
	sd_bus_message *m;

	two_vms(w);
	world_rebuild(w, log_is_on_a_disk);
	((struct vm_row *)rows_vm(&w->engine.rows, "a"))->waits = (struct wait_reason) { .on = WAIT_DISK, .name = "no VM", .since = 2000 };
	m = property(w, VM_A, VM_INTERFACE, "WaitsOn", "(sqsttu)");
	assert_true(sd_bus_message_read(m, "(sqsttu)", &on, NULL, &name, NULL, NULL, NULL) > 0);
	assert_string_equal(on, "disk");
	assert_string_equal(name, "/var/lib/a place for the log, in Latin-1: caf?");
	(void)sd_bus_message_unref(m);
}

static void properties_are_the_row(void **state)
{
	struct world *w = *state;
	const char *on, *name, *how, *debt, *cause, *text;
	uint64_t since, until, life, at;
	uint32_t tries;
	sd_bus_message *m;
	uint16_t sp, callee;
	uint32_t vcpu;
	int stuck;

	two_vms(w);
	assert_text(property(w, VM_A, VM_INTERFACE, "State", "s"), "aborting");
	assert_text(property(w, VM_A, VM_INTERFACE, "Name", "s"), "a");
	m = property(w, VM_A, VM_INTERFACE, "WaitsOn", "(sqsttu)");
	assert_true(sd_bus_message_read(m, "(sqsttu)", &on, &sp, &name, &since, &until, &tries) > 0);
	assert_string_equal(on, "sp");
	assert_int_equal(sp, 0x8001);
	assert_int_equal(since, 2);
	assert_int_equal(until, 3);
	assert_int_equal(tries, 4);
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "SecurePeers", "a(qssub)");
	assert_true(sd_bus_message_read(m, "a(qssub)", 2, &sp, &debt, &how, &tries, &stuck, &sp, &debt, &how,
			    &tries, &stuck) > 0);
	assert_int_equal(sp, 0x8002);
	assert_string_equal(debt, "settled");
	assert_string_equal(how, "answered-0");
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "LastEnd", "(stts)");
	assert_true(sd_bus_message_read(m, "(stts)", &cause, &life, &at, &text) > 0);
	assert_string_equal(cause, "oom");
	assert_int_equal(at, 8);
	assert_string_equal(text, "was too big");
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "VcpuStates", "as");
	assert_true(sd_bus_message_read(m, "as", 1, &text) > 0);
	assert_string_equal(text, "aborted");
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "VcpuSince", "at");
	assert_true(sd_bus_message_read(m, "at", 1, &at) > 0);
	assert_int_equal(at, 9);
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "VcpuCalls", "a(uqst)");
	assert_true(sd_bus_message_read(m, "a(uqst)", 1, &vcpu, &callee, &text, &at) > 0);
	assert_int_equal(vcpu, 0);
	assert_int_equal(callee, 0x8001);
	assert_string_equal(text, "");
	assert_int_equal(at, 9);
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "SandboxLacks", "s");
	assert_true(sd_bus_message_read(m, "s", &text) > 0);
	assert_string_equal(text, "landlock");
	(void)sd_bus_message_unref(m);
	m = property(w, VM_A, VM_INTERFACE, "Devices", "a(ssss)");
	assert_true(sd_bus_message_read(m, "a(ssss)", 2, &on, &how, &debt, &text, &on, &how, &debt, &text) > 0);
	assert_string_equal(on, "vfio-fake");
	assert_string_equal(how, "stop-copy");
	assert_string_equal(debt, "dead");
	assert_string_equal(text, "it is");
	(void)sd_bus_message_unref(m);
}

static void says_how_the_secure_side_is(void **state)
{
	struct world *w = *state;

	assert_text(property(w, BUS_PATH, MANAGER_INTERFACE, "SecureSide", "s"), "down");
	w->engine.rows.secure_up = true;
	assert_text(property(w, BUS_PATH, MANAGER_INTERFACE, "SecureSide", "s"), "up");
	assert_text(property(w, BUS_PATH, MANAGER_INTERFACE, "Epoch", "s"),
		"e0000000-0000-0000-0000-00000000000e");
	assert_text(property(w, BUS_PATH, MANAGER_INTERFACE, "Version", "s"), "0.1");
}

static void lists_burned_ids(void **state)
{
	struct world *w = *state;
	uint64_t life, at;
	const char *name;
	sd_bus_message *m;
	uint16_t id, sp;

	m = property(w, BUS_PATH, MANAGER_INTERFACE, "BurnedIds", "a(qqtst)");
	assert_true(sd_bus_message_read(m, "a(qqtst)", 0) > 0);
	(void)sd_bus_message_unref(m);
	w->engine.rows.burned[0] = (struct burned_row) { 5, 0x8001, 7, 9000, "a" };
	w->engine.rows.burned_count = 1;
	m = property(w, BUS_PATH, MANAGER_INTERFACE, "BurnedIds", "a(qqtst)");
	assert_true(sd_bus_message_read(m, "a(qqtst)", 1, &id, &sp, &life, &name, &at) > 0);
	assert_int_equal(id, 5);
	assert_int_equal(sp, 0x8001);
	assert_int_equal(life, 7);
	assert_string_equal(name, "a");
	assert_int_equal(at, 9);
	(void)sd_bus_message_unref(m);
}

static void subscription_bits_need_direct_requests(void **state)
{
	struct world *w = *state;
	struct sp_row *sp = fake_sp(&w->engine, 0x8001);
	const char *path = BUS_PATH "/partition/8001";
	static const struct {
		uint32_t properties;
		int created, destroyed;
	} cases[] = { { FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED, 0, 0 },
		{ FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_VM_CREATED, 1, 0 },
		{ FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_VM_DESTROYED, 0, 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sd_bus_message *m;
		int is;

		sp->sp.properties = cases[i].properties;
		m = property(w, path, PARTITION_INTERFACE, "SubscribesCreated", "b");
		assert_true(sd_bus_message_read(m, "b", &is) > 0);
		assert_int_equal(is, cases[i].created);
		(void)sd_bus_message_unref(m);
		m = property(w, path, PARTITION_INTERFACE, "SubscribesDestroyed", "b");
		assert_true(sd_bus_message_read(m, "b", &is) > 0);
		assert_int_equal(is, cases[i].destroyed);
		(void)sd_bus_message_unref(m);
	}
}

static void manages_all_objects(void **state)
{
	struct world *w = *state;
	size_t ours = 0;
	sd_bus_message *m;

	two_vms(w);
	(void)fake_sp(&w->engine, 0x8001);
	m = call(&w->root, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
	assert_fine(m);
	assert_true(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
		const char *path;

		assert_true(sd_bus_message_read(m, "o", &path) > 0);
		ours += strncmp(path, BUS_PATH "/vm/", strlen(BUS_PATH "/vm/")) == 0 ||
			strcmp(path, BUS_PATH "/partition/8001") == 0;
		assert_true(sd_bus_message_skip(m, "a{sa{sv}}") > 0);
		assert_true(sd_bus_message_exit_container(m) > 0);
	}
	assert_int_equal(ours, 3);
	(void)sd_bus_message_unref(m);
}

/* A VMM may say anything last, and half a letter if its words were cut: nobody else is the worse for it. */
static void a_vmm_s_last_words_keep_nothing_from_anyone(void **state)
{
	const char *cause, *text;
	struct world *w = *state;
	uint64_t life, at;
	sd_bus_message *m;

	two_vms(w);
	strcpy(w->engine.rows.vm[0].end_text, "cannot read /srv/gr\xC3\xB6\xC3");
	m = property(w, VM_A, VM_INTERFACE, "LastEnd", "(stts)");
	assert_true(sd_bus_message_read(m, "(stts)", &cause, &life, &at, &text) > 0);
	assert_string_equal(text, "cannot read /srv/gr\xC3\xB6?");
	(void)sd_bus_message_unref(m);
	m = call(&w->root, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
	assert_fine(m);
	(void)sd_bus_message_unref(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_whole_rows_in_one_reply),
		TEST(lists_sps_and_live_vms_as_partitions),
		TEST(finds_objects_by_name_and_id),
		TEST(properties_are_the_row),
		TEST(names_the_directory_of_the_log_where_the_disk_is_waited_for),
		TEST(says_how_the_secure_side_is),
		TEST(lists_burned_ids),
		TEST(subscription_bits_need_direct_requests),
		TEST(manages_all_objects),
		TEST(a_vmm_s_last_words_keep_nothing_from_anyone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
