/* SPDX-License-Identifier: Apache-2.0 */
/* The table of next hops, each cell of each legal set of flags, against shortest paths over the primitive arcs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "device/migration.h"
#include "oracle.h"

#define S(state) VFIO_DEVICE_STATE_##state
#define UNTOUCHED 99

static const unsigned legal_flags[] = { 1, 3, 5, 7 };

/* Which states a device has, by name of what makes them optional. */
static bool device_has(unsigned state, unsigned flags)
{
	bool p2p = state == S(RUNNING_P2P) || state == S(PRE_COPY_P2P);
	bool pre_copy = state == S(PRE_COPY) || state == S(PRE_COPY_P2P);

	return (!p2p || flags & VFIO_MIGRATION_P2P) && (!pre_copy || flags & VFIO_MIGRATION_PRE_COPY);
}

static int expected_refusal(unsigned from, unsigned to, unsigned flags)
{
	if (to == S(ERROR))
		return MIGRATION_E_TO_ERROR;
	if (from == S(ERROR))
		return MIGRATION_E_FROM_ERROR;
	return device_has(from, flags) && device_has(to, flags) ? MIGRATION_E_BLOCKED : MIGRATION_E_OPTIONAL;
}

static void check_cell(unsigned from, unsigned to, unsigned flags)
{
	enum vfio_device_mig_state next = UNTOUCHED;
	unsigned length, expected, paths;
	int r = migration_next(from, to, flags, &next);

	if (from == to && from != S(ERROR) && device_has(from, flags)) {
		assert_int_equal(r, 0);
		assert_int_equal(next, from);
		return;
	}
	paths = oracle_paths(from, to, flags, &length, &expected);
	if (paths == 0) {
		assert_int_equal(r, expected_refusal(from, to, flags));
		assert_int_equal(next, UNTOUCHED);
		return;
	}
	assert_int_equal(paths, 1);
	assert_int_equal(r, 0);
	assert_int_equal(next, expected);
}

static void each_cell_is_the_first_arc_of_the_only_shortest_path(void **state)
{
	for (size_t f = 0; f < sizeof(legal_flags) / sizeof(*legal_flags); f++)
		for (unsigned from = 0; from < VFIO_DEVICE_STATE_COUNT; from++)
			for (unsigned to = 0; to < VFIO_DEVICE_STATE_COUNT; to++)
				check_cell(from, to, legal_flags[f]);
}

/* Hop after hop: each is an arc that the device has, a new fd comes with the last at most, and they are as many as told. */
static unsigned drive(unsigned from, unsigned to, unsigned flags)
{
	enum vfio_device_mig_state next = S(ERROR);
	unsigned hops = 0, at = from;
	bool fd = false, opened = false;

	while (at != to) {
		assert_int_equal(migration_next(at, to, flags, &next), 0);
		assert_true(oracle_arc(at, next, flags, &fd));
		assert_false(opened);
		opened = fd;
		assert_int_equal(migration_opens_session(at, next), fd);
		at = next;
		assert_true(++hops < VFIO_DEVICE_STATE_COUNT);
	}
	return hops;
}

static void each_path_ends_where_it_should_and_a_new_fd_comes_last(void **state)
{
	unsigned length, next, longer = 0;

	for (size_t f = 0; f < sizeof(legal_flags) / sizeof(*legal_flags); f++)
		for (unsigned from = 0; from < VFIO_DEVICE_STATE_COUNT; from++)
			for (unsigned to = 0; to < VFIO_DEVICE_STATE_COUNT; to++) {
				if (from == to || !oracle_paths(from, to, legal_flags[f], &length, &next))
					continue;
				assert_int_equal(drive(from, to, legal_flags[f]), length);
				longer += legal_flags[f] == 7 && length > 1;
			}
	/* The kernel's documentation lists as many for a device that has every state. */
	assert_int_equal(longer, 25);
}

static void stop_copy_never_leads_back_to_pre_copy(void **state)
{
	enum vfio_device_mig_state next = UNTOUCHED;

	assert_int_equal(migration_next(S(STOP_COPY), S(PRE_COPY), 7, &next), MIGRATION_E_BLOCKED);
	assert_int_equal(migration_next(S(STOP_COPY), S(PRE_COPY_P2P), 7, &next), MIGRATION_E_BLOCKED);
	/* flags 5: the loop over optional states ends, too */
	assert_int_equal(migration_next(S(STOP_COPY), S(PRE_COPY), 5, &next), MIGRATION_E_BLOCKED);
	assert_int_equal(next, UNTOUCHED);
}

static void refuses_flags_that_are_no_legal_set(void **state)
{
	enum vfio_device_mig_state next = UNTOUCHED;

	for (unsigned flags = 0; flags < 16; flags++) {
		bool legal = flags == 1 || flags == 3 || flags == 5 || flags == 7;

		assert_int_equal(migration_next(S(RUNNING), S(STOP), flags, &next), legal ? 0 : MIGRATION_E_FLAGS);
	}
	assert_int_equal(migration_flags(0), 0);
	assert_int_equal(migration_flags(6), 0);
	assert_int_equal(migration_flags(7), 7);
	/* what a newer kernel may say besides */
	assert_int_equal(migration_flags(0xffffffff00000000ull | 8 | 3), 3);
}

static void refuses_numbers_that_are_no_state(void **state)
{
	enum vfio_device_mig_state next = UNTOUCHED;
	static const unsigned odd[] = { VFIO_DEVICE_STATE_COUNT, 255, UINT32_MAX };

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		assert_int_equal(migration_next(odd[i], S(STOP), 7, &next), MIGRATION_E_NO_STATE);
		assert_int_equal(migration_next(S(STOP), odd[i], 7, &next), MIGRATION_E_NO_STATE);
		assert_false(migration_has_state(odd[i], 7));
		assert_string_equal(migration_state_name(odd[i]), "unknown");
	}
	assert_int_equal(next, UNTOUCHED);
}

static void every_state_and_refusal_has_words_of_its_own(void **state)
{
	for (unsigned a = 0; a < VFIO_DEVICE_STATE_COUNT; a++)
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(migration_state_name(a), migration_state_name(b));
	for (unsigned r = MIGRATION_E_FLAGS; r <= MIGRATION_E_BLOCKED; r++)
		assert_true(strlen(migration_refusal_text(r)) > 0);
	assert_string_equal(migration_refusal_text(0), "");
	assert_string_equal(migration_refusal_text(MIGRATION_E_BLOCKED + 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cell_is_the_first_arc_of_the_only_shortest_path),
		cmocka_unit_test(each_path_ends_where_it_should_and_a_new_fd_comes_last),
		cmocka_unit_test(stop_copy_never_leads_back_to_pre_copy),
		cmocka_unit_test(refuses_flags_that_are_no_legal_set),
		cmocka_unit_test(refuses_numbers_that_are_no_state),
		cmocka_unit_test(every_state_and_refusal_has_words_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
