/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest that asks who there is gets told, register by register. */
#include "story.h"

#include <stdio.h>
#include <string.h>

#include "model/directory.h"

struct told {
	unsigned last, current, tag, size;
	struct ffa_partition_info info[5];
};

static struct guest_call look(struct story *s, const uint8_t uuid[16], uint16_t start, uint16_t tag)
{
	struct guest_call call = { .x = { FFA_PARTITION_INFO_GET_REGS } }, answer = { 0 };

	if (uuid)
		memcpy(&call.x[1], uuid, 16);
	call.x[3] = start | (uint64_t)tag << 16;
	directory_answer(&s->m, &call, &answer);
	return answer;
}

static struct told read(struct guest_call a)
{
	struct told t = { (uint16_t)a.x[2], (uint16_t)(a.x[2] >> 16), (uint16_t)(a.x[2] >> 32), (uint16_t)(a.x[2] >> 48), { { 0 } } };

	assert_int_equal(a.x[0], FFA_SUCCESS_64);
	assert_int_equal(t.size, 24);
	memcpy(t.info, &a.x[3], sizeof(t.info));
	return t;
}

static void assert_status(struct guest_call a, enum ffa_status status)
{
	assert_int_equal(a.x[0], FFA_ERROR);
	assert_int_equal((int32_t)a.x[2], status);
}

static void sps_come_first_then_vms(void **state)
{
	struct told t;

	meet_secure_side(*state, 1, 1);
	run(*state, "a");
	t = read(look(*state, NULL, 0, 0));
	assert_int_equal(t.last, 2);
	assert_int_equal(t.current, 2);
	assert_int_equal(t.info[0].id, TRUSTY);
	assert_int_equal(t.info[0].properties, 1); /* whether it wants to hear of VMs is the hypervisor's affair */
	assert_int_equal(t.info[1].id, OPTEE);
	assert_int_equal(t.info[2].id, current(*state, "a")->begun.endpoint);
	assert_int_equal(t.info[2].execution_contexts, 1);
	assert_int_equal(t.info[2].properties, 0x703);
	assert_memory_equal(t.info[2].uuid, "a", 2);
}

static void one_is_found_by_its_uuid(void **state)
{
	uint8_t uuid[16] = "b";
	struct told t;

	meet_secure_side(*state, 1, 1);
	run(*state, "a");
	run(*state, "b");
	t = read(look(*state, uuid, 0, 0));
	assert_int_equal(t.last, 0);
	assert_int_equal(t.info[0].id, current(*state, "b")->begun.endpoint);
	assert_int_equal(t.info[0].uuid[0], 0); /* who asked for it knows it */
	uuid[0] = 'z';
	assert_status(look(*state, uuid, 0, 0), FFA_INVALID_PARAMETERS);
}

static void more_than_five_take_more_than_one_call(void **state)
{
	struct told t;

	meet_secure_side(*state, 1, 1);
	for (char name[2] = "a"; *name < 'a' + 5; (*name)++)
		run(*state, name);
	t = read(look(*state, NULL, 0, 0));
	assert_int_equal(t.last, 6);
	assert_int_equal(t.current, 4);
	t = read(look(*state, NULL, 5, (uint16_t)t.tag));
	assert_int_equal(t.current, 6);
	assert_int_equal(t.info[1].id, current(*state, "e")->begun.endpoint);
	assert_int_equal(t.info[2].id, 0);
	assert_status(look(*state, NULL, 7, (uint16_t)t.tag), FFA_INVALID_PARAMETERS);
}

static void what_changes_between_two_calls_begins_them_anew(void **state)
{
	struct told t;

	meet_secure_side(*state, 1, 1);
	run(*state, "a");
	t = read(look(*state, NULL, 0, 0));
	run(*state, "b");
	assert_status(look(*state, NULL, 1, (uint16_t)t.tag), FFA_RETRY);
	assert_true(read(look(*state, NULL, 0, 0)).tag != t.tag);
	t = read(look(*state, NULL, 0, 0));
	meet_secure_side(*state, 2, 2);
	assert_status(look(*state, NULL, 1, (uint16_t)t.tag), FFA_RETRY);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		STORY(sps_come_first_then_vms),
		STORY(one_is_found_by_its_uuid),
		STORY(more_than_five_take_more_than_one_call),
		STORY(what_changes_between_two_calls_begins_them_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
