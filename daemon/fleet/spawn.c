/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/message.h"

static int spawn(struct vmm *v)
{
	char *arguments[] = { v->fleet->vmm_path, (char[]){ "--socket" }, v->fleet->socket_path, v->name, NULL, NULL, NULL };
	char user[] = "--user";

	if (v->fleet->vmm_user != (uid_t)-1) {
		arguments[4] = user;
		arguments[5] = (char *)(uintptr_t)v->fleet->vmm_identity;
	}
	return process_spawn(&v->pid, arguments, NULL);
}

static const char *remedy(int error)
{
	switch (error) {
	case -ENOENT:
		return "install lifecycled-vmm or set its path";
	case -EACCES:
	case -ENOEXEC:
		return "make it executable";
	case -EAGAIN:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return "raise the limits of the daemon";
	}
	return "see lifecycled(8)";
}

static bool has_limits(const struct vm_resources *r)
{
	static const struct vm_resources none;

	return memcmp(r, &none, sizeof(none)) != 0;
}

static void say_started(const struct vmm *v)
{
	struct log_fields f = { .length = 0 };

	vmm_fields(&f, v);
	log_message(MESSAGE_VMM_STARTED, &f, "VMM of %s (life %llu) started, pid %d", v->name, (unsigned long long)v->life,
		(int)v->pid);
}

/* The child cannot be reaped by anyone but us before vmm_died: its pid stays its own. */
static int start(struct vmm *v, char text[TEXT_SIZE])
{
	/* Held in reserve: once the process runs, no shortage of fds may keep us from watching it. */
	_cleanup_(close_fdp) int reserve = open("/dev/null", O_RDONLY | O_CLOEXEC), second = -1;
	int r = reserve < 0 ? -errno : 0;

	if (r == 0) {
		second = fcntl(reserve, F_DUPFD_CLOEXEC, 0);
		r = second < 0 ? -errno : spawn(v);
	}
	if (r < 0) {
		(void)snprintf(text, TEXT_SIZE, "the VMM cannot be started: %s; %s: %s", strerror(-r), remedy(r),
			v->fleet->vmm_path);
		return r;
	}
	v->child = true;
	if (has_limits(&v->definition->resources))
		log_notice("%s: its resources are for systemd to keep, and it does not start VMs here: nobody keeps them",
			v->name);
	close_fdp(&reserve);
	reserve = -1;
	close_fdp(&second);
	second = -1;
	r = vmm_watch(v);
	if (r < 0)
		(void)snprintf(text, TEXT_SIZE, "the VMM cannot be watched: %s; raise the daemon's limit of open files",
			strerror(-r));
	else
		say_started(v);
	return r;
}

/* It is the child that was started for a life, or nobody. */
static void prove(struct link *l)
{
	struct vmm *v = vmm_by_pid(l->fleet, l->pid);

	if (!v || !v->child)
		link_refuse(l, "not started by this daemon; start the VM with lifecyclectl");
	else if (v->born || v->link)
		link_breach(l, "NEWBORN twice");
	else if (strcmp(l->name, v->name) != 0)
		link_breach(l, "NEWBORN with the name of another VM");
	else
		link_take_life(l, v);
}

/* Nobody but the kernel can tell more than judge.c knows. */
static bool ask(struct vmm *v)
{
	return false;
}

/* Only units wait. */
static void limit(struct vmm *v, struct link *l)
{
	link_take_life(l, v);
}

static void nothing(struct vmm *v)
{
}

static void no_signal(struct vmm *v, int signo)
{
}

const struct starter_ops spawn_starter = {
	.at_once = true,
	.start = start,
	.prove = prove,
	.limit = limit,
	.cancel = nothing, /* a child is there at once */
	.signal = no_signal,
	.ask = ask,
};
