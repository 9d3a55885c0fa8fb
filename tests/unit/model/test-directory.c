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
	assert_int_equal(t.info[2].properties, 0x707);
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

/* ---- into a buffer ---- */

static uint8_t bytes[65536];

static struct guest_call listed(struct story *s, uint32_t version, const uint32_t uuid[4], uint32_t flags, uint32_t room)
{
	struct guest_call call = { .version = version, .x = { FFA_PARTITION_INFO_GET, 0, 0, 0, 0, flags } }, answer = { 0 };

	for (unsigned i = 0; uuid && i < 4; i++)
		call.x[1 + i] = uuid[i];
	memset(bytes, 0xaa, sizeof(bytes));
	directory_count(&s->m, &call, &answer);
	if (answer.lists)
		directory_list(&s->m, &answer, bytes, room);
	return answer;
}

static void a_buffer_has_them_all(void **state)
{
	const struct ffa_partition_info *info = (const void *)bytes;
	struct guest_call a;

	meet_secure_side(*state, 1, 1);
	for (char name[2] = "a"; *name < 'a' + 5; (*name)++)
		run(*state, name);
	a = listed(*state, FFA_VERSION_WORD(1, 1), NULL, 0, sizeof(bytes));
	assert_int_equal(a.x[0], FFA_SUCCESS);
	assert_int_equal(a.x[2], 7);
	assert_int_equal(a.x[3], 24);
	assert_int_equal(a.size, 7 * 24);
	assert_int_equal(info[0].id, TRUSTY);
	assert_int_equal(info[6].id, current(*state, "e")->begun.endpoint);
	assert_memory_equal(info[6].uuid, "e", 2);
	assert_int_equal(bytes[7 * 24], 0xaa);
}

static void v1_0_knows_eight_bytes_and_no_flags(void **state)
{
	const struct ffa_partition_info_v10 *info = (const void *)bytes;
	struct guest_call a;

	meet_secure_side(*state, 1, 1);
	run(*state, "a");
	a = listed(*state, FFA_VERSION_WORD(1, 0), NULL, FFA_PARTITION_INFO_COUNT, sizeof(bytes));
	assert_int_equal(a.x[2], 3);
	assert_int_equal(a.x[3], 0);
	assert_int_equal(a.size, 3 * 8);
	assert_int_equal(info[1].id, OPTEE);
	assert_int_equal(info[2].id, current(*state, "a")->begun.endpoint);
	assert_int_equal(info[2].properties, 0x707);
}

static void a_count_needs_no_buffer(void **state)
{
	const uint32_t uuid[4] = { 'b' }, nobody[4] = { 'z' };
	struct guest_call a;

	meet_secure_side(*state, 1, 1);
	run(*state, "a");
	run(*state, "b");
	a = listed(*state, FFA_VERSION_WORD(1, 2), NULL, FFA_PARTITION_INFO_COUNT, sizeof(bytes));
	assert_int_equal(a.x[2], 4);
	assert_int_equal(a.x[3], 0);
	assert_int_equal(a.size, 0);
	a = listed(*state, FFA_VERSION_WORD(1, 2), uuid, 0, sizeof(bytes));
	assert_int_equal(a.x[2], 1);
	assert_int_equal(((const struct ffa_partition_info *)(const void *)bytes)->id, current(*state, "b")->begun.endpoint);
	assert_int_equal(bytes[8], 0); /* who asked for it knows it */
	assert_status(listed(*state, FFA_VERSION_WORD(1, 2), nobody, 0, sizeof(bytes)), FFA_INVALID_PARAMETERS);
	assert_status(listed(*state, FFA_VERSION_WORD(1, 2), NULL, 2, sizeof(bytes)), FFA_INVALID_PARAMETERS);
}

static void what_does_not_fit_is_not_written(void **state)
{
	struct guest_call a;

	meet_secure_side(*state, 1, 1);
	run(*state, "a");
	a = listed(*state, FFA_VERSION_WORD(1, 1), NULL, 0, 3 * 24 - 1);
	assert_status(a, FFA_NO_MEMORY);
	assert_int_equal(a.size, 0);
	assert_int_equal(bytes[2 * 24], 0xaa);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		STORY(sps_come_first_then_vms),
		STORY(one_is_found_by_its_uuid),
		STORY(more_than_five_take_more_than_one_call),
		STORY(what_changes_between_two_calls_begins_them_anew),
		STORY(a_buffer_has_them_all),
		STORY(v1_0_knows_eight_bytes_and_no_flags),
		STORY(a_count_needs_no_buffer),
		STORY(what_does_not_fit_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
