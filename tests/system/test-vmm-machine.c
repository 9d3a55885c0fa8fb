/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"
#include "where.h"

/* What the guest finds: memory of every shape, the console or none, and what the loader leaves for it. */

static char made[96]; /* a file that a test made */

static int open_peer(void **state)
{
	made[0] = '\0';
	return peer_setup(state);
}

static int close_peer(void **state)
{
	if (made[0])
		unlink(made);
	return peer_teardown(state);
}

static void counts(struct peer *p)
{
	peer_run(p);
	peer_expect_count(p, 0, 3);
	peer_leave(p);
}

static void runs_with_more_memory_than_the_first_piece(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->definition.memory_bytes = 5ull << 30;
	counts(p);
}

static void runs_on_huge_pages(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->definition.memory_bytes = 16 << 20;
	p->definition.huge_pages = HUGE_PAGES_TRANSPARENT;
	counts(p);
}

static void runs_where_it_is_placed(void **state)
{
	struct peer *p = *state;

	peer_open(p, "smp");
	p->definition.vcpu_count = 2;
	p->definition.placement[0].word[0] = 1;
	p->definition.placement[1].word[0] = 1;
	peer_run(p);
	peer_expect_count(p, 1, 3);
	peer_leave(p);
}

static void prints_nowhere_without_a_console(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	p->definition.console = CONSOLE_NONE;
	peer_run(p);
	peer_expect_count(p, 0, 3);
	assert_int_equal(p->ring->head, 0);
	peer_leave(p);
}

static void loses_no_order_in_a_flood(void **state)
{
	struct peer *p = *state;
	const char *data;
	uint64_t head;

	peer_open(p, "flood");
	peer_run(p);
	peer_expect_count(p, 0, 400);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	data = (const char *)p->ring + CONSOLE_RING_DATA;
	head = p->ring->head;
	assert_true(head > p->ring->size);
	for (uint64_t n = head - p->ring->size; n < head; n++)
		assert_int_equal(data[n % p->ring->size], 'A' + n % 26);
	peer_leave(p);
}

#ifdef __x86_64__
static void read_memory(const struct peer *p, off_t at, void *ret, size_t size)
{
	assert_int_equal(pread(p->memory, ret, size, at), size);
}

/* Where the loader puts things (daemon/vmm/arch/x86_64/x86.h). */
#define BOOT_PARAMS 0x1000
#define CMDLINE     0x600

static uint32_t boot_param32(const struct peer *p, off_t offset)
{
	uint32_t value;

	read_memory(p, BOOT_PARAMS + offset, &value, sizeof(value));
	return value;
}

static void hands_over_command_line_and_initrd(void **state)
{
	struct peer *p = *state;
	char initrd[16384], there[16384], text[32];
	uint8_t entries;
	uint64_t top[2];
	ssize_t size;
	int fd;

	peer_open(p, "beat");
	p->definition.memory_bytes = 8 << 20;
	strcpy(p->definition.cmdline, "console=ttyS0 quiet");
	where_guest("crash", p->definition.initrd, sizeof(p->definition.initrd));
	fd = open(p->definition.initrd, O_RDONLY | O_CLOEXEC);
	size = read(fd, initrd, sizeof(initrd));
	close(fd);
	peer_build(p);
	assert_int_equal(boot_param32(p, 0x202), 0x53726448); /* "HdrS" */
	assert_int_equal(boot_param32(p, 0x228), CMDLINE);
	read_memory(p, CMDLINE, text, 20);
	assert_string_equal(text, "console=ttyS0 quiet");
	assert_int_equal(boot_param32(p, 0x21c), size);
	assert_int_equal(boot_param32(p, 0x218) % 4096, 0);
	read_memory(p, boot_param32(p, 0x218), there, (size_t)size);
	assert_memory_equal(there, initrd, (size_t)size);
	read_memory(p, BOOT_PARAMS + 0x1e8, &entries, 1);
	assert_int_equal(entries, 2);
	read_memory(p, BOOT_PARAMS + 0x2d0 + 20, top, sizeof(top));
	assert_int_equal(top[0] + top[1], p->definition.memory_bytes);
	peer_leave(p);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_with_more_memory_than_the_first_piece),
		TEST(runs_on_huge_pages),
		TEST(runs_where_it_is_placed),
		TEST(prints_nowhere_without_a_console),
		TEST(loses_no_order_in_a_flood),
#ifdef __x86_64__
		TEST(hands_over_command_line_and_initrd),
#endif
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); nothing of the VMM was tested\n",
			strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
