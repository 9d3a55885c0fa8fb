/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring: what each room gets, in which order it comes up, and how it goes down. No decision is made here. */
#include "main/daemon.h"
#include "main/settings.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>

#include "base/message.h"
#include "base/notify.h"
#include "config.h"
#include "journal/journal.h"

#define FAREWELL 5000000000ull /* ns that SIGTERM waits for retires in their active phase */

/* ---- trampolines: the engine's ports, for rooms that come up after it ---- */

static void publish_page(void *arg, const struct published *what)
{
	struct daemon *d = arg;

	fleet_publish_ops.publish(d->fleet, what);
	if (d->page)
		page_publish_ops.publish(d->page, what);
}
static const struct publish_ops page_publisher = { publish_page };

static void publish_bus(void *arg, const struct published *what)
{
	struct daemon *d = arg;

	if (d->bus)
		bus_publish_ops.publish(d->bus, what);
}
static const struct publish_ops bus_publisher = { publish_bus };

static void answer(void *arg, struct committed proof, const struct answer *a)
{
	struct daemon *d = arg;

	if (!reload_answer(d->reload, a) && d->bus)
		bus_answer_ops.answer(d->bus, proof, a);
}
static const struct answer_ops answerer = { answer };

static void lease_ask(void *arg, struct committed proof, const struct lease_word *word)
{
	struct daemon *d = arg;

	if (d->bus)
		bus_lease_ops.ask(d->bus, proof, word);
}

static void lease_over(void *arg, struct committed proof, const struct lease_word *word)
{
	struct daemon *d = arg;

	if (d->bus)
		bus_lease_ops.over(d->bus, proof, word);
}

static const struct lease_ops lease_port = { lease_ask, lease_over };

static uint64_t monotonic(void *arg)
{
	return loop_monotonic();
}

static uint64_t realtime(void *arg)
{
	return loop_realtime();
}

static void wake_at(void *arg, uint64_t at)
{
	struct daemon *d = arg;

	loop_timer_set(d->wake, at);
}

static void soon(void *arg)
{
	struct daemon *d = arg;

	loop_soon(d->loop, &d->turn);
}
static const struct clock_ops clock_port = { monotonic, realtime, wake_at, soon };

static void wake(void *arg)
{
	struct daemon *d = arg;

	engine_wake(d->engine);
	if (d->leaving && engine_is_quiet(d->engine))
		loop_exit(d->loop, 0);
}

static void stored(void *arg, uint64_t seq, int error)
{
	struct daemon *d = arg;

	if (error < 0)
		engine_commit_failed(d->engine, error);
	else
		engine_committed(d->engine, seq);
}

static void disk_ready(void *arg, int fd, unsigned events)
{
	struct daemon *d = arg;

	store_dispatch(d->store);
	wake(d); /* it may have been the last thing that was waited for */
}

/* ---- leaving ---- */

static void leave_now(void *arg)
{
	struct daemon *d = arg;

	log_message(MESSAGE_DEBTS_UNPAID, NULL, "some debts are still unpaid; the log keeps them for the next start");
	loop_exit(d->loop, 0);
}

static void told_to_leave(void *arg, int signo)
{
	struct daemon *d = arg;
	struct input in = { .kind = IN_SHUTDOWN };

	if (d->leaving)
		return;
	d->leaving = true;
	log_message(MESSAGE_DAEMON_LEAVING, NULL, "leaving (signal %d); guests go on", signo);
	notify_send("STOPPING=1");
	engine_post(d->engine, &in);
	loop_timer_set(d->farewell, loop_monotonic() + FAREWELL);
}

static void told_to_reload(void *arg, int signo)
{
	struct daemon *d = arg;

	if (reload_ask(d->reload, false, 0) < 0)
		log_error("out of memory: the definitions are not read again");
}

/* ---- coming up ---- */

static int open_store(struct daemon *d)
{
	int r = store_open(d->options->state_dir, &d->store);

	if (r == -EWOULDBLOCK)
		log_error("another daemon (pid %d) holds %s: stop it, or give this one another --state-dir",
			(int)store_holder(d->options->state_dir), d->options->state_dir);
	else if (r < 0)
		log_error("%s cannot be used for the log: %s", d->options->state_dir, strerror(-r));
	return r;
}

static int open_loop(struct daemon *d)
{
	int r = loop_new(&d->loop);

	if (r >= 0)
		r = loop_signal(d->loop, SIGTERM, told_to_leave, d);
	if (r >= 0)
		r = loop_signal(d->loop, SIGINT, told_to_leave, d);
	if (r >= 0)
		r = loop_signal(d->loop, SIGHUP, told_to_reload, d);
	if (r >= 0)
		r = loop_timer_new(d->loop, wake, d, &d->wake);
	if (r >= 0)
		r = loop_timer_new(d->loop, leave_now, d, &d->farewell);
	loop_task_init(&d->turn, wake, d);
	return r;
}

static bool has_units(const struct options *o)
{
	if (o->starter != STARTER_AUTO)
		return o->starter == STARTER_SYSTEMD;
	return sd_booted() > 0 && strcmp(o->bus, "system") == 0;
}

static int open_fleet(struct daemon *d)
{
	const struct options *o = d->options;
	struct fleet_config config = { .loop = d->loop,
		.runtime_dir = o->runtime_dir,
		.memory_dir = o->memory_dir,
		.huge_dir = o->huge_dir,
		.vmm_path = o->vmm,
		.units = has_units(o),
		.vmm_group = o->vmm_group,
		.vmm_user = o->vmm_user,
		.vmm_identity = o->vmm_identity,
		.incarnation = store_incarnation(d->store) };
	char place[ORIGIN_MAX];

	if (config.units && o->vmm_user != (uid_t)-1)
		log_warning("%s: not heeded: VMMs are units here, and have the user of their units",
			setting_origin("vmm-user", o, place, sizeof(place)));
	return fleet_new(&config, &d->fleet);
}

static int open_secure(struct daemon *d)
{
	struct secure_config config = { .loop = d->loop,
		.socket_path = d->options->secure,
		.incarnation = store_incarnation(d->store) };
	struct secure_profile profile[MODEL_SP_MAX];
	const struct secure_options *side = &d->options->side;

	for (size_t i = 0; i < side->profile_count; i++)
		profile[i] = (struct secure_profile){ side->profile[i].id, side->profile[i].profile };
	config.profiles = profile;
	config.profile_count = side->profile_count;
	config.listed = side->listed;
	config.listed_count = side->listed_count;
	config.discover_every_ns = side->discover_every;
	config.frame_timeout_ns = side->frame_timeout;
	return secure_new(&config, &d->secure);
}

static int open_engine(struct daemon *d)
{
	const struct options *o = d->options;
	struct engine_config config = { .incarnation = store_incarnation(d->store),
		.memory_limit = fleet_memory_capacity(o->memory_dir, false),
		.huge_limit = o->huge_dir ? fleet_memory_capacity(o->huge_dir, true) : 0,
		.first_id = o->first_id,
		.last_id = o->last_id,
		.retry = o->side.retry,
		.retry_for = o->side.retry_for,
		.retry_for_count = o->side.retry_for_count,
		.has_secure_side = o->secure != NULL };
	struct engine_ports ports = { .store = &store_ops,
		.answer = &answerer,
		.secure = &secure_ops,
		.fleet = &fleet_ops,
		.clock = &clock_port,
		.lease = &lease_port,
		.store_arg = d->store,
		.answer_arg = d,
		.secure_arg = d->secure,
		.fleet_arg = d->fleet,
		.clock_arg = d,
		.lease_arg = d,
		.publisher = { { &page_publisher, d, false }, { &bus_publisher, d, true }, { &journal_publish_ops, NULL, true } },
		.publisher_count = 3 };
	int r;

	memcpy(config.boot, store_boot(d->store), sizeof(config.boot));
	if (getrandom(&config.random, sizeof(config.random), 0) != sizeof(config.random))
		config.random = config.incarnation;
	r = engine_new(&config, &ports, &d->engine);
	if (r < 0)
		return r;
	fleet_set_engine(d->fleet, d->engine);
	secure_set_engine(d->secure, d->engine);
	store_attach(d->store, stored, d);
	return loop_watch(d->loop, store_fd(d->store), LOOP_READ, disk_ready, d, &d->disk);
}

static int load_line(void *arg, const struct turn *turn, bool snapshot, const struct load_guard *guard)
{
	struct daemon *d = arg;

	return engine_load(d->engine, turn, snapshot, guard);
}

static void lose_id(void *arg, uint16_t id)
{
	struct daemon *d = arg;

	if (engine_lose_id(d->engine, id) < 0)
		log_error("out of memory: FF-A id 0x%04x is not burned, though a life may have it", id);
}

static void adopt(void *arg, uint64_t life, const struct change_vmm *vmm, const char *name, bool huge)
{
	struct daemon *d = arg;
	int r = fleet_adopt(d->fleet, life, vmm, name, huge);

	if (r == 0)
		return;
	d->unadopted = r;
	log_error("whether life %llu of %s still has its VMM cannot be found out: %s; its guest goes on: give the daemon what it "
		  "lacks, and start it again", (unsigned long long)life, name, strerror(-r));
}

static bool vm_is_known(const void *rows, const char *name)
{
	return rows_vm(rows, name);
}

/*
 * Whose ids were last is not known. An empty log is that of a first start, or of one that was removed under a secure world
 * that goes on and remembers: nobody can tell, so both begin at a random id.
 */
static void begin_somewhere(struct daemon *d, uint64_t highest)
{
	uint16_t id;

	if (!highest && !d->options->secure)
		return;
	id = engine_log_lost(d->engine, highest);
	if (highest)
		log_message(MESSAGE_LOG_LOST, NULL,
			"a part of the log is lost: lives it told of are not known here; FF-A ids go on from a random place, 0x%04x",
			id);
	else
		log_notice("the log is empty: should the secure world remember VMs of an earlier one, their FF-A ids are met "
			   "late; ids begin at a random place, 0x%04x",
			id);
}

static int load(struct daemon *d)
{
	uint64_t highest;
	int r = store_load(d->store, load_line, d);

	if (r < 0) {
		log_error("the log in %s does not load: %s; it was left as it is", d->options->state_dir, strerror(-r));
		return r;
	}
	if (store_lost(d->store, &highest))
		begin_somewhere(d, highest);
	store_each_lost_id(d->store, lose_id, d);
	engine_each_vmm(d->engine, adopt, d);
	/* A life that nobody took up is one whose VMM would be refused, and end its guest, and whose death nobody would hear of. */
	r = d->unadopted ? d->unadopted : engine_start(d->engine);
	if (r < 0)
		return r;
	fleet_sweep_consoles(d->fleet, vm_is_known, engine_rows(d->engine));
	r = page_open(d->options->runtime_dir, store_incarnation(d->store), &d->page);
	if (r < 0)
		log_error("the state page in %s cannot be made: %s", d->options->runtime_dir, strerror(-r));
	else
		page_republish_all(d->page, engine_rows(d->engine));
	return r;
}

static int open_console(void *arg, uint64_t life, int *ret_fd)
{
	struct daemon *d = arg;
	const struct rows *rows = engine_rows(d->engine);

	for (size_t i = 0; i < rows_vm_count(rows); i++) {
		const struct vm_row *row = rows_vm_at(rows, i);

		if (row->life == life || row->end_life == life)
			return fleet_open_console(d->fleet, row->life == life ? life : 0, row->name, ret_fd);
	}
	return -ENOENT;
}

static int open_bus(struct daemon *d)
{
	struct bus_config config = { .engine = d->engine,
		.loop = d->loop,
		.definitions = &definitions_ops,
		.definitions_arg = d,
		.open_console = open_console,
		.console_arg = d,
		.frames = &secure_frames,
		.frames_arg = d->secure,
		.named = connection_named,
		.named_arg = d,
		.version = VERSION,
		.incarnation = store_incarnation(d->store),
		.has_secure_side = d->options->secure != NULL,
		.log_place = d->options->state_dir };
	int r;

	memcpy(config.epoch, store_epoch(d->store), sizeof(config.epoch));
	r = bus_new(NULL, &config, &d->bus);
	if (r < 0 || strcmp(d->options->bus, "none") == 0)
		return r;
	r = connection_open(d);
	if (r < 0)
		log_error("bus %s cannot be reached: %s", d->options->bus, strerror(-r));
	return r;
}

static int make_directories(const struct options *o)
{
	const char *const paths[] = { o->runtime_dir, o->memory_dir };

	for (size_t i = 0; i < 2; i++) {
		if (mkdir(paths[i], i ? 0700 : 0755) < 0 && errno != EEXIST) {
			log_error("%s cannot be made: %s", paths[i], strerror(errno));
			return -errno;
		}
	}
	return 0;
}

int daemon_start(struct daemon *d, const struct options *o)
{
	sd_id128_t machine;
	int r;

	d->options = o;
	d->reload = reload_new(d);
	if (!d->reload)
		return -ENOMEM;
	if (sd_id128_get_machine(&machine) >= 0)
		memcpy(d->machine_id, machine.bytes, sizeof(d->machine_id));
	r = make_directories(o);
	if (r >= 0)
		r = open_loop(d);
	if (r >= 0)
		r = open_store(d);
	if (r >= 0)
		r = open_fleet(d);
	if (r >= 0)
		r = open_secure(d);
	if (r >= 0)
		r = open_engine(d);
	if (r >= 0)
		r = load(d);
	if (r >= 0)
		r = open_bus(d);
	if (r >= 0)
		r = ready_start(d);
	if (r >= 0)
		r = watchdog_start(d);
	if (r < 0)
		return r;
	secure_start(d->secure);
	r = reload_now(d->reload);
	if (r < 0)
		return r;
	return engine_autostart(d->engine);
}

int daemon_run(struct daemon *d)
{
	return loop_run(d->loop);
}

void daemon_stop(struct daemon *d)
{
	connection_close(d);
	d->bus = bus_free(d->bus);
	d->secure = secure_free(d->secure);
	d->fleet = fleet_free(d->fleet);
	d->page = page_close(d->page);
	if (d->loop)
		loop_task_cancel(&d->turn);
	d->disk = loop_unwatch(d->disk);
	reload_close(d->reload);
	d->loop = loop_free(d->loop);
	d->reload = reload_free(d->reload);
	d->engine = engine_free(d->engine);
	d->store = store_close(d->store);
}
