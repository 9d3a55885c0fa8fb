/* SPDX-License-Identifier: Apache-2.0 */

#include "unit/bus/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"

static const char bus_config_text[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig><type>custom</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
	"<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>\n"
	"<allow receive_sender=\"*\"/></policy>\n"
	"<limit name=\"max_replies_per_connection\">100000</limit></busconfig>\n";

static void write_config(const char *dir, char *path, size_t size)
{
	FILE *f;

	(void)snprintf(path, size, "%s/bus.conf", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fprintf(f, bus_config_text, dir) > 0);
	assert_int_equal(fclose(f), 0);
}

/* Returns when it listens: it says its address then. */
static void start_daemon(struct world *w)
{
	char config[96], option[160], said[256];
	int pipe_fd[2];

	strcpy(w->dir, "/tmp/test-bus-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chmod(w->dir, 0755), 0);
	write_config(w->dir, config, sizeof(config));
	(void)snprintf(option, sizeof(option), "--config-file=%s", config);
	(void)snprintf(w->address, sizeof(w->address), "unix:path=%s/bus", w->dir);
	assert_int_equal(pipe(pipe_fd), 0);
	w->daemon = fork();
	assert_true(w->daemon >= 0);
	if (w->daemon == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(pipe_fd[1], STDOUT_FILENO);
		(void)close(pipe_fd[0]);
		(void)close(pipe_fd[1]);
		execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile", "--print-address=1",
			NULL);
		_exit(127);
	}
	(void)close(pipe_fd[1]);
	assert_true(read(pipe_fd[0], said, sizeof(said)) > 0);
	(void)close(pipe_fd[0]);
}

static void stop_daemon(struct world *w)
{
	char path[96];

	(void)kill(w->daemon, SIGKILL);
	(void)waitpid(w->daemon, NULL, 0);
	(void)snprintf(path, sizeof(path), "%s/bus.conf", w->dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/bus", w->dir);
	(void)unlink(path);
	(void)rmdir(w->dir);
}

static void lost_patience(void *arg)
{
	fail_msg("what was waited for did not come");
}

void world_until(struct world *w, const bool *done)
{
	loop_timer_set(w->patience, loop_monotonic() + WORLD_PATIENCE_NS);
	while (!*done)
		assert_int_equal(loop_turn(w->loop, true), 0);
	loop_timer_set(w->patience, LOOP_NEVER);
}

static sd_bus *connect_bus(struct world *w)
{
	sd_bus *sd = NULL;

	assert_true(sd_bus_new(&sd) >= 0);
	assert_true(sd_bus_set_address(sd, w->address) >= 0);
	assert_true(sd_bus_set_bus_client(sd, true) >= 0);
	assert_true(sd_bus_start(sd) >= 0);
	return sd;
}

void world_connect(struct world *w, struct client *c, uid_t uid)
{
	if (uid)
		assert_int_equal(seteuid(uid), 0);
	c->sd = connect_bus(w);
	if (uid)
		assert_int_equal(seteuid(0), 0);
	c->world = w;
	assert_int_equal(bus_source_new(w->loop, c->sd, NULL, NULL, &c->source), 0);
}

void world_disconnect(struct client *c)
{
	c->source = bus_source_free(c->source);
	c->sd = sd_bus_close_unref(c->sd);
}

/* "good NAME", or as many problems as the text has letters. */
static int parse(void *arg, const char *text, const char *source, struct vm_definition **ret, struct bus_problem *problem,
	size_t room, size_t *ret_count)
{
	struct vm_definition *d;

	*ret_count = 0;
	if (strncmp(text, "good ", 5) != 0) {
		for (unsigned i = 0; text[i] && i < room; i++) {
			problem[i] = (struct bus_problem) { .line = 1, .column = i + 1, .text = "not good" };
			(void)snprintf(problem[i].placed, sizeof(problem[i].placed), "%s:1:%u: not good", source, i + 1);
			*ret_count = i + 1;
		}
		return -EBADMSG;
	}
	d = calloc(1, sizeof(*d));
	assert_non_null(d);
	(void)snprintf(d->name, sizeof(d->name), "%s", text + 5);
	d->from_file = true; /* the room must say that it is not */
	*ret = d;
	return 0;
}

static int print(void *arg, const struct vm_definition *d, char **ret_text, char *source, size_t size)
{
	(void)snprintf(source, size, "%s", d->from_file ? "/vm.d/a.json" : "D-Bus");
	return asprintf(ret_text, "good %s", d->name) < 0 ? -ENOMEM : 0;
}

static int differ(const struct vm_definition *old, const struct vm_definition *new,
	int (*each)(void *ctx, const struct definition_change *change), void *ctx)
{
	return each(ctx, &(struct definition_change) { "kernel", old->kernel, new->kernel, false });
}

static int reload(void *arg, bool dry, uint64_t token)
{
	struct world *w = arg;

	w->reload_dry = dry;
	w->reload_token = token;
	w->reloads = true;
	return 0;
}

static const struct bus_definitions definitions = { parse, print, differ, reload };

static int open_console(void *arg, uint64_t life, int *ret_fd)
{
	struct world *w = arg;

	w->console_life = life;
	if (w->console_flags < 0)
		return -ENOENT;
	*ret_fd = open("/dev/null", w->console_flags | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static void named(void *arg, int error)
{
	struct world *w = arg;

	assert_int_equal(error, 0);
	w->named = true;
}

void world_attach(struct world *w)
{
	w->sd = connect_bus(w);
	assert_int_equal(bus_source_new(w->loop, w->sd, NULL, NULL, &w->source), 0);
	assert_int_equal(bus_attach(w->bus, w->sd), 0);
	w->named = false;
	assert_int_equal(bus_request_name(w->bus), 0);
	world_until(w, &w->named);
}

void world_rebuild(struct world *w, void (*change)(struct bus_config *config))
{
	w->bus = bus_free(w->bus);
	change(&w->config);
	assert_int_equal(bus_new(w->sd, &w->config, &w->bus), 0);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	start_daemon(w);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(loop_timer_new(w->loop, lost_patience, w, &w->patience), 0);
	w->config = (struct bus_config) {
		.engine = &w->engine,
		.loop = w->loop,
		.definitions = &definitions,
		.definitions_arg = w,
		.open_console = open_console,
		.console_arg = w,
		.named = named,
		.named_arg = w,
		.version = "0.1",
		.epoch = { 0xE0, [15] = 0x0E },
		.incarnation = 77,
		.has_secure_side = true,
	};
	assert_int_equal(bus_new(NULL, &w->config, &w->bus), 0);
	world_attach(w);
	world_connect(w, &w->root, 0);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	world_disconnect(&w->root);
	if (w->nobody.sd)
		world_disconnect(&w->nobody);
	w->bus = bus_free(w->bus);
	w->source = bus_source_free(w->source);
	w->sd = sd_bus_close_unref(w->sd);
	w->patience = loop_timer_free(w->patience);
	w->loop = loop_free(w->loop);
	stop_daemon(w);
	for (size_t i = 0; i < w->signals; i++)
		free(w->signal[i]);
	fake_free(&w->engine);
	free(w);
	return 0;
}

static int answered(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	struct pending *p = arg;

	p->reply = sd_bus_message_ref(reply);
	p->done = true;
	return 0;
}

static void vask(struct client *c, struct pending *p, bool interactive, const char *path, const char *interface,
	const char *member, const char *types, va_list ap)
{
	sd_bus_message *m = NULL;

	*p = (struct pending) { NULL };
	assert_true(sd_bus_message_new_method_call(c->sd, &m, BUS_NAME, path, interface, member) >= 0);
	if (types)
		assert_true(sd_bus_message_appendv(m, types, ap) >= 0);
	assert_true(sd_bus_message_set_allow_interactive_authorization(m, interactive) >= 0);
	assert_true(sd_bus_call_async(c->sd, NULL, m, answered, p, 0) >= 0);
	(void)sd_bus_message_unref(m);
}

void ask(struct client *c, struct pending *p, const char *path, const char *interface, const char *member,
	const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	vask(c, p, false, path, interface, member, types, ap);
	va_end(ap);
}

void ask_interactively(struct client *c, struct pending *p, const char *path, const char *interface, const char *member,
	const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	vask(c, p, true, path, interface, member, types, ap);
	va_end(ap);
}

sd_bus_message *call(
	struct client *c, const char *path, const char *interface, const char *member, const char *types, ...)
{
	struct pending p;
	va_list ap;

	va_start(ap, types);
	vask(c, &p, false, path, interface, member, types, ap);
	va_end(ap);
	world_until(c->world, &p.done);
	return p.reply;
}

void assert_error(sd_bus_message *reply, const char *name, const char *text_part)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	assert_non_null(error);
	assert_string_equal(error->name, name);
	if (text_part)
		assert_non_null(strstr(error->message, text_part));
	(void)sd_bus_message_unref(reply);
}

void assert_fine(sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	if (error)
		fail_msg("%s: %s", error->name, error->message);
}

void wait_posted(struct world *w, size_t count)
{
	loop_timer_set(w->patience, loop_monotonic() + WORLD_PATIENCE_NS);
	while (w->engine.posted_count < count)
		assert_int_equal(loop_turn(w->loop, true), 0);
	loop_timer_set(w->patience, LOOP_NEVER);
}

void answer(struct world *w, size_t posted, enum refusal refusal, uint64_t seq, const char *text)
{
	struct answer a = { .token = w->engine.posted[posted].token, .refusal = refusal, .seq = seq };

	strcpy(a.text, text);
	bus_answer_ops.answer(w->bus, (struct committed) { seq }, &a);
}

void publish(struct world *w, const struct event_record *event, size_t count)
{
	struct published what = { .rows = &w->engine.rows, .event = event, .count = count };

	for (size_t i = 0; i < count; i++)
		fake_event(&w->engine, &event[i]);
	what.proof.seq = w->engine.rows.seq;
	bus_publish_ops.publish(w->bus, &what);
}
