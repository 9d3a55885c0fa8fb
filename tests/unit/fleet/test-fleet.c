/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct committed later = { 100 };

static void no_zombie_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void runs_a_life_from_start_to_exit(void **state)
{
	struct world *w = *state;
	const struct input *in;
	struct newborn n = world_born(w, 5, "live");

	assert_true(n.pid > 0 && n.start_time > 0);
	assert_int_equal(world_wait(w, IN_VMM_BUILT)->life, 5);
	fleet_ops.command(w->fleet, later, 5, COMMAND_ENTER);
	assert_int_equal(world_wait(w, IN_VMM_ENTERED)->life, 5);
	in = world_wait(w, IN_VMM_VCPU);
	assert_int_equal(in->vcpu.index, 0);
	assert_int_equal(in->vcpu.state, VCPU_RUNNING);
	fleet_ops.command(w->fleet, later, 5, COMMAND_QUIESCE);
	assert_int_equal(world_wait(w, IN_VMM_QUIESCED)->life, 5);
	fleet_ops.command(w->fleet, later, 5, COMMAND_EXIT);
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->life, 5);
	assert_int_equal(in->end.cause, CAUSE_VMM_EXIT);
	assert_false(world_heard(w, IN_VMM_LOST, 5));
	no_zombie_is_left();
}

static void judge(struct world *w, const char *name, uint32_t cause, const char *text)
{
	const struct input *in;

	world_born(w, 7, name);
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->life, 7);
	assert_int_equal(in->end.cause, cause);
	assert_non_null(strstr(in->end.text, text));
	no_zombie_is_left();
}

/* The frame and the death are ready in one turn: the frame counts. */
static void hears_the_end_before_it_judges_the_death(void **state)
{
	struct world *w = *state;

	judge(w, "ended", CAUSE_GUEST_POWEROFF, "powered off");
	assert_true(world_heard(w, IN_VMM_ENDED, 7));
}

/* More frames than one turn takes, all there before the loop looks: none is lost to the death. */
static void drains_the_link_of_a_dead_one(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 7, "chatty");
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)n.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_GUEST_REBOOT);
	assert_true(world_heard(w, IN_VMM_ENDED, 7));
}

static void reads_last_words(void **state)
{
	judge(*state, "words", CAUSE_GUEST_PANIC, "powered off");
}

static void tells_an_exit_without_words(void **state)
{
	judge(*state, "exit7", CAUSE_VMM_EXIT, "status 7");
}

static void tells_the_signal(void **state)
{
	struct world *w = *state;
	const struct input *in;
	struct newborn n = world_born(w, 7, "live");

	world_wait(w, IN_VMM_BUILT);
	assert_int_equal(kill(n.pid, SIGHUP), 0); /* a sanitizer would turn SIGSEGV into an exit */
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->end.cause, CAUSE_VMM_SIGNAL);
	assert_non_null(strstr(in->end.text, "SIGHUP"));
}

static void kills_when_told(void **state)
{
	struct world *w = *state;
	const struct input *in;

	world_born(w, 7, "live");
	world_wait(w, IN_VMM_BUILT);
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->end.cause, CAUSE_VMM_SIGNAL);
	assert_non_null(strstr(in->end.text, "SIGKILL"));
	no_zombie_is_left();
}

static void an_unborn_one_is_killed_whatever_the_command(void **state)
{
	struct world *w = *state;

	world_start(w, 7, "deaf");
	world_wait(w, IN_VMM_STARTED);
	fleet_ops.command(w->fleet, later, 7, COMMAND_QUIESCE);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_SIGNAL);
}

static void a_child_that_exits_at_once_is_gone(void **state)
{
	struct world *w = *state;

	world_start(w, 7, "exit3");
	world_wait(w, IN_VMM_STARTED);
	assert_non_null(strstr(world_wait(w, IN_VMM_GONE)->end.text, "status 3"));
}

static void breaches(struct world *w, uint64_t life, const char *name)
{
	const struct input *in;

	world_start(w, life, name);
	world_wait(w, IN_VMM_STARTED);
	if (strncmp(name, "break-", 6) == 0) {
		in = world_wait(w, IN_VMM_NEWBORN);
		fleet_ops.birth(w->fleet, later, life, in->newborn.connection);
	}
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->life, life);
	assert_int_equal(in->end.cause, CAUSE_VMM_PROTOCOL);
	assert_non_null(strstr(in->end.text, "broke the rules"));
	no_zombie_is_left();
}

static struct world *runs(struct world *w, const char *name)
{
	world_born(w, 7, name);
	world_wait(w, IN_VMM_BUILT);
	fleet_ops.command(w->fleet, later, 7, COMMAND_ENTER);
	world_wait(w, IN_VMM_ENTERED);
	return w;
}

static void hears_how_a_stop_goes(void **state)
{
	struct world *w = runs(*state, "live");

	fleet_ops.command(w->fleet, later, 7, COMMAND_STOP);
	assert_int_equal(world_wait(w, IN_VMM_STOPPING)->life, 7);
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

static void hears_that_nobody_hears(void **state)
{
	struct world *w = runs(*state, "live-deaf");

	fleet_ops.command(w->fleet, later, 7, COMMAND_STOP);
	assert_int_equal(world_wait(w, IN_VMM_DEAF)->life, 7);
	fleet_ops.command(w->fleet, later, 7, COMMAND_STOP); /* it may be asked again, and say so again */
	world_wait(w, IN_VMM_DEAF);
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

static void one_stop_has_one_answer(void **state)
{
	struct world *w = runs(*state, "live-deaf-twice");

	fleet_ops.command(w->fleet, later, 7, COMMAND_STOP);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_PROTOCOL);
}

static void hears_that_all_stand(void **state)
{
	struct world *w = runs(*state, "live");

	fleet_ops.command(w->fleet, later, 7, COMMAND_PAUSE);
	assert_int_equal(world_wait(w, IN_VMM_PAUSED)->life, 7);
	fleet_ops.command(w->fleet, later, 7, COMMAND_RESUME);
	fleet_ops.command(w->fleet, later, 7, COMMAND_PAUSE);
	world_wait(w, IN_VMM_PAUSED);
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

/* Who stood when it was said runs again by now: that is no news of a pause, and no breach either. */
static void a_pause_that_is_over_is_not_heard_of(void **state)
{
	struct world *w = runs(*state, "live-late");

	fleet_ops.command(w->fleet, later, 7, COMMAND_PAUSE);
	fleet_ops.command(w->fleet, later, 7, COMMAND_RESUME);
	fleet_ops.command(w->fleet, later, 7, COMMAND_STOP);
	world_wait(w, IN_VMM_STOPPING);
	assert_false(world_heard(w, IN_VMM_PAUSED, 7));
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	assert_int_not_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_PROTOCOL);
}

static void kills_who_breaks_a_rule(void **state)
{
	static const char *const names[] = {
		"break-short", "break-long", "break-magic", "break-version", "break-kind", "break-direction",
		"break-size", "break-life", "break-command", "break-entered", "break-built", "break-index",
		"break-stopping", "break-deaf", "break-paused", "break-not-paused", "break-not-resumed", "break-state",
		 "break-cause", "break-empty-end", "break-again", "rude", "liar", "early",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		breaches(*state, 10 + i, names[i]);
}

static void refuses_a_process_it_did_not_start(void **state)
{
	struct world *w = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vmm_newborn hello = { .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_NEWBORN, 0, 0 },
		.speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }, .name = "x" };
	struct vmm_refused answer;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	struct stat st;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/vmm.sock", w->runtime);
	assert_int_equal(stat(address.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	while (recv(fd, &answer, sizeof(answer), MSG_PEEK) < 0)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(recv(fd, &answer, sizeof(answer), 0), sizeof(answer));
	assert_int_equal(answer.header.kind, VMM_REFUSED);
	assert_non_null(strstr(answer.reason, "not started by this daemon"));
	assert_int_equal(recv(fd, &answer, sizeof(answer), 0), 0);
	close(fd);
	assert_false(world_heard(w, IN_VMM_NEWBORN, 0));
}

static void refuses_with_a_reason(void **state)
{
	struct world *w = *state;
	const struct input *in;

	world_start(w, 7, "live");
	in = world_wait(w, IN_VMM_NEWBORN);
	fleet_ops.refuse(w->fleet, later, in->newborn.connection, "not now");
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->end.detail[0], 42); /* it saw the refusal */
}

static void says_why_a_vmm_cannot_be_started(void **state)
{
	struct world *w = *state;
	const struct input *in;

	w->fleet = fleet_free(w->fleet);
	w->config.vmm_path = "/no/such/lifecycled-vmm";
	world_fleet(w);
	world_listen(w);
	world_start(w, 7, "live");
	in = world_wait(w, IN_VMM_FAILED);
	assert_int_equal(in->life, 7);
	assert_int_equal(in->end.cause, CAUSE_START_FAILED);
	assert_non_null(strstr(in->end.text, "No such file or directory"));
	assert_non_null(strstr(in->end.text, "install"));
	assert_non_null(strstr(in->end.text, "/no/such/lifecycled-vmm"));
	assert_false(world_heard(w, IN_VMM_STARTED, 7));
	no_zombie_is_left();
}

static void says_why_files_cannot_be_made(void **state)
{
	struct world *w = *state;
	const struct input *in;
	char path[256];

	world_path(w, 7, "", path);
	assert_int_equal(symlink("/tmp", path), 0); /* somebody lays a trap */
	world_start(w, 7, "live");
	in = world_wait(w, IN_VMM_GONE); /* it was there before they were to be made */
	assert_int_equal(in->end.cause, CAUSE_START_FAILED);
	assert_non_null(strstr(in->end.text, "runtime files"));
	assert_int_equal(access("/tmp/lock", F_OK), -1);
	assert_false(world_heard(w, IN_VMM_NEWBORN, 0));
	no_zombie_is_left();
}

static void starts_again_over_files_that_a_crash_left(void **state)
{
	struct world *w = *state;
	char path[256], memory[256];
	struct stat st;
	int fd;

	world_start(w, 7, "exit3");
	world_wait(w, IN_VMM_GONE);
	(void)snprintf(memory, sizeof(memory), "%s/7", w->memory);
	fd = open(memory, O_WRONLY);
	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
	world_path(w, 7, "last-words", path);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, &(uint32_t){ LAST_WORDS_MAGIC }, 4), 4);
	close(fd);
	world_born(w, 7, "live");
	world_wait(w, IN_VMM_BUILT);
	assert_int_equal(stat(memory, &st), 0);
	assert_int_equal(st.st_blocks, 0); /* nothing of the old one */
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_SIGNAL);
}

static void gives_memory_back_and_keeps_the_console(void **state)
{
	struct world *w = *state;
	struct console_ring ring;
	char path[256];
	int fd;

	world_born(w, 7, "words");
	world_wait(w, IN_VMM_GONE);
	assert_int_equal(fleet_open_console(w->fleet, 7, "words", &fd), 0);
	assert_int_equal(write(fd, "x", 1), -1); /* read-only */
	close(fd);
	(void)snprintf(path, sizeof(path), "%s/7", w->memory);
	assert_int_equal(access(path, F_OK), 0);
	fleet_ops.reclaim(w->fleet, later, 7, false);
	assert_int_equal(world_wait(w, IN_RECLAIMED)->life, 7);
	assert_int_equal(access(path, F_OK), -1);
	world_path(w, 7, "", path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(fleet_open_console(w->fleet, 7, "words", &fd), 0);
	assert_int_equal(read(fd, &ring, sizeof(ring)), sizeof(ring));
	assert_int_equal(ring.magic, CONSOLE_RING_MAGIC);
	assert_int_equal(ring.size, 8192);
	close(fd);
	assert_int_equal(fleet_open_console(w->fleet, 0, "nobody", &fd), -ENOENT);
	assert_int_equal(fleet_open_console(w->fleet, 0, "../vmm.sock", &fd), -ENOENT);
	fleet_ops.reclaim(w->fleet, later, 7, false); /* a daemon died in between: again is fine */
	assert_int_equal(world_wait(w, IN_RECLAIMED)->life, 7);
}

static ino_t kept_console(struct world *w, const char *name)
{
	struct stat st;
	int fd;

	assert_int_equal(fleet_open_console(w->fleet, 0, name, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	return st.st_ino;
}

/* With on-stuck: new-id the VM goes on without a life, which may settle when others have come and gone. */
static void a_console_of_an_earlier_life_takes_the_place_of_no_later_one(void **state)
{
	struct world *w = *state;
	ino_t of_9;

	world_born(w, 7, "words");
	world_wait(w, IN_VMM_GONE);
	world_born(w, 9, "words");
	world_wait(w, IN_VMM_GONE);
	world_born(w, 11, "words");
	world_wait(w, IN_VMM_GONE);
	fleet_ops.reclaim(w->fleet, later, 9, false);
	world_wait(w, IN_RECLAIMED);
	of_9 = kept_console(w, "words");
	fleet_ops.reclaim(w->fleet, later, 7, false);
	world_wait(w, IN_RECLAIMED);
	assert_int_equal(kept_console(w, "words"), of_9);
	fleet_ops.reclaim(w->fleet, later, 11, false);
	world_wait(w, IN_RECLAIMED);
	assert_int_not_equal(kept_console(w, "words"), of_9);
}

static void little_memory_is_given_back_at_once(void **state)
{
	struct world *w = *state;
	char path[256];

	world_start(w, 7, "exit3");
	world_wait(w, IN_VMM_GONE);
	fleet_ops.reclaim(w->fleet, later, 7, false);
	(void)snprintf(path, sizeof(path), "%s/7", w->memory);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(world_heard(w, IN_RECLAIMED, 7));
}

/* The linker puts this in front of the fleet's calls (--wrap). */
static unsigned shortage; /* so many calls get nothing */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (shortage) {
		shortage--;
		return NULL;
	}
	return __real_calloc(count, size);
}

static void waits_for_memory_to_give_memory_back(void **state)
{
	struct world *w = *state;
	char path[256];

	for (uint64_t life = 7; life < 9; life++) {
		world_start(w, life, "exit3");
		world_wait(w, IN_VMM_GONE);
	}
	shortage = 3; /* for both, and when it is tried again */
	fleet_ops.reclaim(w->fleet, later, 7, false);
	fleet_ops.reclaim(w->fleet, later, 8, false);
	assert_int_equal(shortage, 1);
	(void)snprintf(path, sizeof(path), "%s/7", w->memory);
	assert_int_equal(access(path, F_OK), 0);
	world_wait(w, IN_RECLAIMED);
	assert_int_equal(shortage, 0);
	assert_true(world_heard(w, IN_RECLAIMED, 7));
	assert_true(world_heard(w, IN_RECLAIMED, 8));
	assert_int_equal(access(path, F_OK), -1);
}

static void fill(const char *path, size_t size)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(posix_fallocate(fd, 0, (off_t)size), 0);
	close(fd);
}

static void the_fleet_may_go_while_memory_is_removed(void **state)
{
	struct world *w = *state;
	char path[256];

	world_start(w, 7, "exit3");
	world_wait(w, IN_VMM_GONE);
	(void)snprintf(path, sizeof(path), "%s/7", w->memory);
	fill(path, 4 << 20); /* enough for the helper thread */
	fleet_ops.reclaim(w->fleet, later, 7, false);
	w->fleet = fleet_free(w->fleet);
	w->loop = loop_free(w->loop);
	assert_int_equal(access(path, F_OK), -1);
	assert_false(world_heard(w, IN_RECLAIMED, 7));
}

static void tells_again_what_the_engine_could_not_take(void **state)
{
	struct world *w = *state;

	w->engine.fail = 1;
	world_start(w, 7, "exit3");
	world_wait(w, IN_VMM_STARTED);
	w->engine.fail = 1;
	assert_non_null(strstr(world_wait(w, IN_VMM_GONE)->end.text, "status 3"));
}

/* A frame that could not be taken is not lost: the link is, and the VMM comes back and tells all. */
static void asks_again_for_a_frame_that_could_not_be_taken(void **state)
{
	struct world *w = *state;
	const struct input *in;
	struct newborn n;

	world_start(w, 7, "live");
	n = world_wait(w, IN_VMM_NEWBORN)->newborn;
	w->engine.fail = 1;
	fleet_ops.birth(w->fleet, later, 7, n.connection);
	while (w->engine.fail)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(kill(n.pid, SIGUSR1), 0);
	in = world_wait(w, IN_VMM_BACK);
	assert_int_equal(in->back.phase, VMM_PHASE_BUILT);
	fleet_ops.welcome(w->fleet, later, 7);
	fleet_ops.command(w->fleet, later, 7, COMMAND_ENTER);
	world_wait(w, IN_VMM_ENTERED);
	fleet_ops.command(w->fleet, later, 7, COMMAND_EXIT);
	world_wait(w, IN_VMM_GONE);
}

static void survives_a_shortage_of_fds(void **state)
{
	struct world *w = *state;
	struct rlimit old, few = { 0 };
	const struct input *in;
	int last = dup(0);

	close(last);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ (rlim_t)last + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	world_start(w, 7, "live");
	in = world_wait(w, IN_VMM_FAILED);
	assert_int_equal(in->end.cause, CAUSE_START_FAILED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	world_born(w, 8, "live"); /* and all is well again */
	world_wait(w, IN_VMM_BUILT);
	fleet_ops.command(w->fleet, later, 8, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

static void refuses_places_that_would_not_keep_the_promise(void **state)
{
	struct world *w = *state;
	struct fleet_config config = w->config;
	char link[128];

	assert_int_equal(fleet_check_memory_dir(w->memory, false), 0);
	assert_true(fleet_memory_capacity(w->memory, false) > 0);
	assert_int_equal(fleet_check_memory_dir("/proc", false), -EINVAL);
	assert_int_equal(fleet_check_memory_dir(w->memory, true), -EINVAL); /* tmpfs is no hugetlbfs */
	assert_int_equal(fleet_check_memory_dir("/dev/shm", false), -EINVAL); /* all may write there */
	assert_int_equal(fleet_check_memory_dir("/no/such", false), -EINVAL);
	(void)snprintf(link, sizeof(link), "%s/link", w->runtime);
	assert_int_equal(symlink(w->memory, link), 0);
	assert_int_equal(fleet_check_memory_dir(link, false), -EINVAL);
	w->fleet = fleet_free(w->fleet);
	config.memory_dir = "/proc";
	assert_true(fleet_new(&config, &w->fleet) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_a_life_from_start_to_exit),
		TEST(hears_the_end_before_it_judges_the_death),
		TEST(drains_the_link_of_a_dead_one),
		TEST(reads_last_words),
		TEST(tells_an_exit_without_words),
		TEST(tells_the_signal),
		TEST(kills_when_told),
		TEST(an_unborn_one_is_killed_whatever_the_command),
		TEST(a_child_that_exits_at_once_is_gone),
		TEST(hears_how_a_stop_goes),
		TEST(hears_that_nobody_hears),
		TEST(one_stop_has_one_answer),
		TEST(hears_that_all_stand),
		TEST(a_pause_that_is_over_is_not_heard_of),
		TEST(kills_who_breaks_a_rule),
		TEST(refuses_a_process_it_did_not_start),
		TEST(refuses_with_a_reason),
		TEST(says_why_a_vmm_cannot_be_started),
		TEST(says_why_files_cannot_be_made),
		TEST(starts_again_over_files_that_a_crash_left),
		TEST(gives_memory_back_and_keeps_the_console),
		TEST(a_console_of_an_earlier_life_takes_the_place_of_no_later_one),
		TEST(little_memory_is_given_back_at_once),
		TEST(waits_for_memory_to_give_memory_back),
		TEST(the_fleet_may_go_while_memory_is_removed),
		TEST(tells_again_what_the_engine_could_not_take),
		TEST(asks_again_for_a_frame_that_could_not_be_taken),
		TEST(survives_a_shortage_of_fds),
		TEST(refuses_places_that_would_not_keep_the_promise),
	};

	if (argc != 2)
		return 2;
	fake_vmm = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
