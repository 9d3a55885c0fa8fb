/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "vmm/vmm.h"

#define DEFAULT_SOCKET "/run/lifecycled/vmm.sock"

static int usage(FILE *to, int status)
{
	fprintf(to, "Usage: lifecycled-vmm [--socket PATH] [--user UID:GID[,GROUP...]] NAME\n"
		    "Runs one life of the VM NAME, which the lifecycle daemon gives it. Started by the daemon, or by systemd as\n"
		    "lifecycled-vm@NAME.service. See lifecycled-vmm(8).\n\n"
		    "  --socket PATH  the daemon's socket (default " DEFAULT_SOCKET ")\n"
		    "  --user UID:GID[,GROUP...]\n"
		    "                 become this user, once /dev/kvm is open: where root starts it without systemd\n"
		    "  --help         this text\n"
		    "  --version      the version\n\n"
		    "Exit status: 0 told to leave, 1 no life or refused, 2 wrong arguments.\n");
	return status;
}

static bool name_is_valid(const char *name)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t length = strlen(name);

	return length >= 1 && length <= VM_NAME_MAX && strchr(first, name[0]) && strspn(name, rest) == length;
}

/* So that the story of a VM in the journal has its VMM's words, too. */
static void log_name(const char *name)
{
	struct log_fields f = { .length = 0 };

	log_field(&f, "VM_NAME", "%s", name);
	log_always(f.text);
}

int main(int argc, char **argv)
{
	static struct vmm vmm;
	const char *socket_path = DEFAULT_SOCKET, *name = NULL;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return usage(stdout, 0);
		if (strcmp(argv[i], "--version") == 0)
			return printf("lifecycled-vmm %s\n", LIFECYCLED_VERSION) < 0;
		if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
			socket_path = argv[++i];
		else if (strcmp(argv[i], "--user") == 0 && i + 1 < argc && user_parse(argv[i + 1], &vmm.user) == 0)
			i++;
		else if (!name && argv[i][0] != '-')
			name = argv[i];
		else
			return usage(stderr, 2);
	}
	if (!name || !name_is_valid(name))
		return usage(stderr, 2);
	mallopt(M_ARENA_MAX, 1);
	log_open("lifecycled-vmm", LOG_INFO);
	log_name(name);
	/* Journald looks up whose unit a line is by the pid of its sender, who may be gone before: what is said by a VMM that
	 * gets no life, or cannot build, goes down its stderr, which is the unit's. */
	(void)log_set_target(LOG_TO_CONSOLE);
	/* For tests: makes a KVM call fail (kvm/door.h). */
	if (kvm_door_inject(getenv("LIFECYCLED_VMM_INJECT")) < 0)
		return usage(stderr, 2);
	return vmm_run(&vmm, socket_path, name);
}
