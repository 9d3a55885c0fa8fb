/* SPDX-License-Identifier: Apache-2.0 */

/*
 * metrics: what the daemon counts, and what is to be said of each VM, for a monitoring system: on standard output, into a file, or
 * as the answer to one HTTP request.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http.h"
#include "openmetrics.h"
#include "output.h"
#include "usage.h"

struct snapshot {
	struct lifecycle_metrics *metrics;
	struct lifecycle_vm_list *vms;
	struct usage *usage; /* of each VM */
};

static void snapshot_clear(struct snapshot *s)
{
	lifecycle_metrics_unref(s->metrics);
	lifecycle_vm_list_unref(s->vms);
	free(s->usage);
}

/* A negative errno of the library. */
static int snapshot_take(struct cli *c, struct snapshot *s)
{
	int r = lifecycle_metrics(c->l, &s->metrics);
	size_t count;

	if (r >= 0)
		r = lifecycle_list(c->l, &s->vms);
	if (r < 0)
		return r;
	count = lifecycle_vm_list_count(s->vms);
	s->usage = calloc(count + 1, sizeof(*s->usage));
	if (!s->usage)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		usage_read("/proc", "/sys/fs/cgroup", lifecycle_vm_list_at(s->vms, i)->vmm_pid, &s->usage[i]);
	return 0;
}

/* ---- of each VM ---- */

static void one(struct metrics_text *t, const char *vm, const char *suffix, double value)
{
	const char *const label[] = { "vm", vm };

	metrics_sample(t, suffix, value, 1, label);
}

typedef void vm_fn(struct metrics_text *t, const struct lifecycle_vm *vm, const struct usage *usage);

static void vm_info(struct metrics_text *t, const struct lifecycle_vm *vm, const struct usage *usage)
{
	const char *const label[] = { "vm", vm->name, "uuid", vm->uuid };

	(void)usage;
	metrics_sample(t, "_info", 1, 2, label);
}

static void vm_state(struct metrics_text *t, const struct lifecycle_vm *vm, const struct usage *usage)
{
	static const int states[] = { LIFECYCLE_STATE_NULL, LIFECYCLE_STATE_CREATED, LIFECYCLE_STATE_RUNNING,
		LIFECYCLE_STATE_ABORTING, LIFECYCLE_STATE_HALTED };

	(void)usage;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		const char *const label[] = { "vm", vm->name, "state", lifecycle_state_name(states[i]) };

		metrics_sample(t, "", vm->state == states[i], 2, label);
	}
}

#define OF_VM(function, what)                                                                                       \
	static void function(struct metrics_text *t, const struct lifecycle_vm *vm, const struct usage *usage)    \
	{                                                                                                         \
		(void)usage;                                                                                      \
		one(t, vm->name, "", what);                                                                       \
	}
OF_VM(vm_life, (double)vm->life)
OF_VM(vm_restarts, vm->restarts)
OF_VM(vm_old_lives, vm->old_lives)
OF_VM(vm_stuck, vm->secure_stuck)
OF_VM(vm_unreachable, vm->unreachable)
OF_VM(vm_waiting, vm->waits_on != LIFECYCLE_WAIT_NOTHING)

/* Left out where it is not known, as of a VM without a life. */
static void vm_cpu(struct metrics_text *t, const struct lifecycle_vm *vm, const struct usage *usage)
{
	if (usage->has_cpu)
		one(t, vm->name, "_total", (double)usage->cpu_us / 1e6);
}

static void vm_memory(struct metrics_text *t, const struct lifecycle_vm *vm, const struct usage *usage)
{
	if (usage->has_memory)
		one(t, vm->name, "", (double)usage->memory);
}

static const struct {
	const char *name, *type, *unit, *help;
	vm_fn *write;
} vm_families[] = {
	{ "lifecycle_vm", "info", "", "VMs.", vm_info },
	{ "lifecycle_vm_state", "gauge", "", "1: the VM's state is this.", vm_state },
	{ "lifecycle_vm_life", "gauge", "", "The number of the VM's life; 0: it has none.", vm_life },
	{ "lifecycle_vm_window_restarts", "gauge", "", "Automatic restarts in the window of restart-limit.", vm_restarts },
	{ "lifecycle_vm_old_lives", "gauge", "", "Earlier lives that still settle.", vm_old_lives },
	{ "lifecycle_vm_secure_stuck", "gauge", "", "1: a Secure Partition does not take the VM's end.", vm_stuck },
	{ "lifecycle_vm_unreachable", "gauge", "", "1: its VMM lives and does not connect.", vm_unreachable },
	{ "lifecycle_vm_waiting", "gauge", "", "1: something is unfinished, and waits.", vm_waiting },
	{ "lifecycle_vm_cpu_seconds", "counter", "seconds", "Processor time of this life's VMM and vCPUs.", vm_cpu },
	{ "lifecycle_vm_memory_used_bytes", "gauge", "bytes", "Memory that its control group uses.", vm_memory },
};

/* ---- all of it ---- */

static void write_family(struct metrics_text *t, const struct lifecycle_metric_family *f)
{
	metrics_family(t, f->name, f->type, f->unit, f->help);
	for (size_t i = 0; i < f->sample_count; i++)
		metrics_sample(t, f->sample[i]->suffix, f->sample[i]->value, f->sample[i]->label_count, f->sample[i]->label);
}

static void write_all(struct metrics_text *t, const struct snapshot *s)
{
	size_t count = lifecycle_vm_list_count(s->vms);

	for (size_t i = 0; i < lifecycle_metrics_count(s->metrics); i++)
		write_family(t, lifecycle_metrics_at(s->metrics, i));
	for (size_t i = 0; count && i < sizeof(vm_families) / sizeof(*vm_families); i++) {
		metrics_family(t, vm_families[i].name, vm_families[i].type, vm_families[i].unit, vm_families[i].help);
		for (size_t k = 0; k < count; k++)
			vm_families[i].write(t, lifecycle_vm_list_at(s->vms, k), &s->usage[k]);
	}
	metrics_end(t);
}

static void write_text(FILE *out, enum metrics_format format, const struct snapshot *s)
{
	struct metrics_text t;

	metrics_begin(&t, format, out);
	write_all(&t, s);
}

static int print(struct cli *c, enum metrics_format format)
{
	struct snapshot s = { 0 };
	struct metrics_text t;
	int r = snapshot_take(c, &s);

	if (r < 0) {
		r = cli_fail(c, "metrics", NULL);
	} else if (wants_json(c)) {
		metrics_begin(&t, METRICS_JSON, NULL);
		write_all(&t, &s);
		json_print(c, t.json);
	} else {
		write_text(stdout, format, &s);
	}
	snapshot_clear(&s);
	return r < 0 ? CLI_FAILED : r;
}

/* ---- into a file ---- */

/* Who reads the file has the one before or the new one, whole. What is being written has no name that a collector reads. */
static int open_new(const char *path, char *name, size_t size, FILE **ret)
{
	char copy[PATH_MAX], copy_2[PATH_MAX];
	int fd, n;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	(void)snprintf(copy_2, sizeof(copy_2), "%s", path);
	n = snprintf(name, size, "%s/.%s.XXXXXX", dirname(copy), basename(copy_2));
	if (n < 0 || (size_t)n >= size || strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = fdopen(fd, "w");
	if (!*ret || fchmod(fd, 0644) < 0) {
		n = -errno;
		(void)(*ret ? fclose(*ret) : close(fd));
		(void)unlink(name);
		return n;
	}
	return 0;
}

static int finish_file(FILE *out, const char *name, const char *path)
{
	int r = fflush(out) < 0 || ferror(out) || fdatasync(fileno(out)) < 0 ? -errno : 0;

	if (fclose(out) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(name, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(name);
	return r;
}

/* What is put in its place is a file: a device, or a FIFO that somebody reads, would be gone. */
static bool is_replaceable(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode); /* a directory is refused with words of its own */
}

static int write_file(struct cli *c, enum metrics_format format, const char *path)
{
	struct snapshot s = { 0 };
	char name[PATH_MAX + 16];
	FILE *out = NULL;
	int r = snapshot_take(c, &s), code = 0;

	if (r < 0) {
		code = cli_fail(c, "metrics", NULL);
	} else {
		r = open_new(path, name, sizeof(name), &out);
		if (r == 0) {
			write_text(out, format, &s);
			r = finish_file(out, name, path);
		}
		if (r < 0)
			code = cli_say_error("%s cannot be written: %s; what was there before stays", path, strerror(-r));
	}
	snapshot_clear(&s);
	return code;
}

/* ---- over HTTP ---- */

static const char welcome[] = "lifecycled: its metrics are at /metrics\n";

static int answer_metrics(struct cli *c, const struct http_request *request)
{
	enum metrics_format format = metrics_accepted(request->accept);
	struct snapshot s = { 0 };
	char *body = NULL;
	size_t size = 0;
	FILE *out = NULL;
	int r = cli_connect(c), status = 503;

	if (r == 0 && snapshot_take(c, &s) < 0)
		r = cli_fail(c, "metrics", NULL);
	if (r == 0) {
		out = open_memstream(&body, &size);
		if (out)
			write_text(out, format, &s);
		status = out && fclose(out) == 0 ? 200 : 500;
	}
	r = http_answer(STDOUT_FILENO, request, status, metrics_content_type(format), status == 200 ? body : NULL, size);
	free(body);
	snapshot_clear(&s);
	return r;
}

/* A process for each request: it may wait for the daemon, and for a slow reader, and nobody waits for it. */
static int serve(struct cli *c)
{
	struct http_request request;
	int status, r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(HTTP_SECONDS);
	status = http_read(STDIN_FILENO, &request);
	if (!status && strcmp(request.method, "GET") != 0 && strcmp(request.method, "HEAD") != 0)
		status = 405;
	if (status)
		r = http_answer(STDOUT_FILENO, &request, status, NULL, NULL, 0);
	else if (strcmp(request.path, "/metrics") == 0)
		r = answer_metrics(c, &request);
	else if (strcmp(request.path, "/") == 0)
		r = http_answer(STDOUT_FILENO, &request, 200, "text/plain; charset=utf-8", welcome, sizeof(welcome) - 1);
	else
		r = http_answer(STDOUT_FILENO, &request, 404, NULL, NULL, 0);
	http_finish(STDOUT_FILENO);
	return r < 0 && r != -EPIPE && r != -ECONNRESET ? CLI_FAILED : 0;
}

int verb_metrics(struct cli *c, int argc, char **argv)
{
	enum metrics_format format = c->textfile ? METRICS_PROMETHEUS : METRICS_OPENMETRICS;
	int r;

	(void)argc;
	(void)argv;
	if (c->metrics_format)
		format = strcmp(c->metrics_format, "prometheus") == 0 ? METRICS_PROMETHEUS : METRICS_OPENMETRICS;
	if (c->http && c->textfile)
		return cli_usage("metrics takes --http or --textfile, not both");
	if (c->textfile && wants_json(c))
		return cli_usage("--textfile is for OpenMetrics; redirect what metrics prints with --output=json");
	if (c->http)
		return serve(c);
	r = cli_connect(c);
	if (r)
		return r;
	if (c->textfile && !is_replaceable(c->textfile))
		return cli_say_error("%s is no regular file, and stays as it is; 'lifecyclectl metrics' prints what is to go there", c->textfile);
	return c->textfile ? write_file(c, format, c->textfile) : print(c, format);
}
