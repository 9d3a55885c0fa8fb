/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE 512

/* Without it there is no test; NDEBUG must not take it away. */
static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "fixture: %s\n", what);
	abort();
}

static const char *const bus_config =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\""
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
	"<policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>"
	"<allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>\n";

/* Runs argv with its output (and errors, if ret_err) in pipes. */
static pid_t spawn(const char *const *argv, char *const *environment, bool block_interrupt, FILE **ret_out, FILE **ret_err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int out[2], err[2];
	sigset_t set;
	pid_t pid;

	must(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "no pipe");
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	if (ret_err)
		(void)posix_spawn_file_actions_adddup2(&actions, err[1], 2);
	(void)posix_spawnattr_init(&attributes);
	(void)sigemptyset(&set);
	if (block_interrupt)
		(void)sigaddset(&set, SIGINT);
	(void)posix_spawnattr_setsigmask(&attributes, &set);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	if (posix_spawnp(&pid, argv[0], &actions, &attributes, (char *const *)argv, environment) != 0)
		pid = -1;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	close(out[1]);
	close(err[1]);
	*ret_out = fdopen(out[0], "re");
	if (ret_err)
		*ret_err = fdopen(err[0], "re");
	else
		close(err[0]);
	return pid;
}

static void await_line(FILE *from, const char *line)
{
	char text[LINE];

	while (fgets(text, sizeof(text), from)) {
		text[strcspn(text, "\n")] = '\0';
		if (!line || strcmp(text, line) == 0)
			return;
	}
	must(false, "the line never came");
}

static pid_t open_bus(const struct fixture *f)
{
	char config[128], option[160];
	const char *argv[] = { "dbus-daemon", option, "--nofork", "--print-address=1", "--nopidfile", NULL };
	FILE *file, *says;
	pid_t pid;

	(void)snprintf(config, sizeof(config), "%s/bus.conf", f->directory);
	(void)snprintf(option, sizeof(option), "--config-file=%s", config);
	file = fopen(config, "we");
	must(file, "no bus configuration");
	(void)fprintf(file, bus_config, f->directory);
	(void)fclose(file);
	pid = spawn(argv, environ, false, &says, NULL);
	if (pid > 0)
		await_line(says, NULL); /* the address: it listens */
	(void)fclose(says);
	return pid;
}

int fixture_open(struct fixture *f, bool with_daemon)
{
	const char *argv[] = { FAKE_DAEMON, f->address, NULL };

	*f = (struct fixture){ .directory = "/tmp/lifecycle-test-XXXXXX" };
	must(mkdtemp(f->directory), "no directory");
	(void)snprintf(f->address, sizeof(f->address), "unix:path=%s/bus", f->directory);
	f->bus = open_bus(f);
	if (f->bus < 0) {
		fixture_close(f);
		return 77;
	}
	if (!with_daemon)
		return 0;
	f->daemon = spawn(argv, environ, false, &f->daemon_says, NULL);
	must(f->daemon > 0, "no fake daemon");
	fixture_await(f, "ready");
	return 0;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

void fixture_close(struct fixture *f)
{
	static const char *const files[] = { "bus", "bus.conf", "definition" };
	char path[128];

	end(f->daemon);
	end(f->bus);
	if (f->daemon_says)
		(void)fclose(f->daemon_says);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->directory, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(f->directory);
}

void fixture_await(struct fixture *f, const char *line)
{
	await_line(f->daemon_says, line);
}

void run_begin(struct run *r, const struct fixture *f, const char *const *argv)
{
	char bus[160];
	char *environment[64] = { bus, (char *)"TZ=UTC", (char *)"LC_ALL=C.UTF-8" };
	size_t count = 3;

	/* Sanitizers are steered by their variables. */
	for (char **e = environ; *e && count < 63; e++)
		if (strstr(*e, "SAN_OPTIONS=") || strncmp(*e, "PATH=", 5) == 0 || strncmp(*e, "LD_LIBRARY_PATH=", 16) == 0)
			environment[count++] = *e;
	(void)snprintf(bus, sizeof(bus), "LIFECYCLED_BUS=%s", f->address);
	*r = (struct run){ 0 };
	r->pid = spawn(argv, environment, true, &r->out, &r->err);
	must(r->pid > 0, "no program to run");
}

static char *read_all(FILE *from)
{
	char *text = NULL;
	size_t size = 0;

	if (getdelim(&text, &size, '\0', from) < 0 && text)
		text[0] = '\0';
	return text ? text : strdup("");
}

/* Output first, errors after: neither program here fills a pipe with both. */
void run_end(struct run *r)
{
	int status = 0;

	r->output = read_all(r->out);
	r->errors = read_all(r->err);
	must(waitpid(r->pid, &status, 0) == r->pid, "it cannot be waited for");
	r->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void run_free(struct run *r)
{
	(void)fclose(r->out);
	(void)fclose(r->err);
	free(r->output);
	free(r->errors);
}
