/* SPDX-License-Identifier: Apache-2.0 */

/* A VM's State over D-Bus, against a property that is a constant, of a process that does nothing else, on the same bus. */

#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define EMPTY "org.lifecycled.Bench1"
#define EMPTY_PATH "/org/lifecycled/Bench1"
#define DAEMON "org.lifecycled.Lifecycle1"
#define DAEMON_PATH "/org/lifecycled/Lifecycle1"

static const char constant[] = "null";

static int get_constant(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
	void *data, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", constant);
}

static const sd_bus_vtable empty_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("State", "s", get_constant, 0, 0),
	SD_BUS_VTABLE_END
};

static int connect_to(const char *address, sd_bus **ret)
{
	sd_bus *bus;
	int r = sd_bus_new(&bus);

	if (r < 0)
		return r;
	r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

/* The other process: ready once it closes `ready`, ends with its parent. */
static void serve(const char *address, int ready)
{
	sd_bus *bus;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = connect_to(address, &bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, EMPTY_PATH, EMPTY, empty_vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, EMPTY, 0);
	if (r < 0)
		_exit(1);
	(void)!write(ready, "", 1);
	while ((r = sd_bus_process(bus, NULL)) >= 0)
		if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
			break;
	_exit(1);
}

static pid_t start_empty(const char *address)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		serve(address, ready[1]);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static int ask(sd_bus *bus, const char *name, const char *path, const char *interface, uint64_t *ret_ns)
{
	uint64_t begin = bench_now();
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char *value = NULL;
	int r = sd_bus_get_property_string(bus, name, path, interface, "State", &error, &value);

	*ret_ns = bench_now() - begin;
	if (r < 0)
		fprintf(stderr, "bench: State of %s: %s\n", path, error.message ? error.message : strerror(-r));
	else if (strcmp(value, constant) != 0)
		r = bench_failed("State is another one", EINVAL);
	sd_bus_error_free(&error);
	free(value);
	return r < 0 || r == 1;
}

static int find_path(struct bench *b, sd_bus *bus, char **ret)
{
	sd_bus_message *reply = NULL;
	const char *path;
	int r = sd_bus_call_method(bus, DAEMON, DAEMON_PATH, DAEMON ".Manager", "Get", NULL, &reply, "s", b->vm);

	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		*ret = strdup(path);
	sd_bus_message_unref(reply);
	return r < 0 ? bench_failed("Manager.Get", r) : 0;
}

static int take_turns(struct bench *b, sd_bus *bus, const char *path)
{
	struct samples empty, ours;
	uint64_t ns = 0;
	int r = samples_init(&empty, b->runs) || samples_init(&ours, b->runs);

	for (unsigned i = 0; i < b->runs && !r; i++) {
		r = ask(bus, EMPTY, EMPTY_PATH, EMPTY, &ns);
		samples_add(&empty, ns);
		r = r || ask(bus, DAEMON, path, DAEMON ".VM", &ns);
		samples_add(&ours, ns);
	}
	samples_print(&empty, "empty-property");
	samples_print(&ours, "state-property");
	samples_free(&empty);
	samples_free(&ours);
	return r;
}

int bench_property(struct bench *b)
{
	pid_t other = start_empty(b->bus);
	char *path = NULL;
	sd_bus *bus;
	int r;

	if (other < 0)
		return bench_failed("the other process", ECHILD);
	r = connect_to(b->bus, &bus);
	if (r < 0) {
		r = bench_failed("the bus", r);
	} else {
		r = find_path(b, bus, &path) || take_turns(b, bus, path);
		sd_bus_flush_close_unref(bus);
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	free(path);
	return r;
}
