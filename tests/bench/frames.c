/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The floor of an announce: bench-frames SOCKET COUNT tells each SP of COUNT VMs, one call at a time to each, all SPs at
 * once, as frames alone. It stores nothing and decides nothing. Exit 1: it was answered something else than 0.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/secure-link.h"

static int sock;
static unsigned count;
static unsigned told[SECURE_LINK_SP_MAX];
static struct secure_link_welcome welcome;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct secure_link_header header(enum secure_link_kind kind, uint64_t id)
{
	return (struct secure_link_header){ SECURE_LINK_MAGIC, SECURE_LINK_VERSION, (uint16_t)kind, id };
}

static void say(const void *frame, size_t size)
{
	if (send(sock, frame, size, MSG_NOSIGNAL) != (ssize_t)size)
		fail("send");
}

static void meet(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct secure_link_hello hello = { .header = header(SECURE_LINK_HELLO, 0) };
	struct timespec t;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(path);
	clock_gettime(CLOCK_MONOTONIC, &t);
	hello.incarnation = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	say(&hello, sizeof(hello));
	if (recv(sock, &welcome, sizeof(welcome), 0) < (ssize_t)offsetof(struct secure_link_welcome, sp) ||
		welcome.header.kind != SECURE_LINK_WELCOME || welcome.sp_count > SECURE_LINK_SP_MAX)
		fail("WELCOME");
}

/* The id of a call names its SP. */
static void tell_next(unsigned sp)
{
	struct secure_link_call f = { .header = header(SECURE_LINK_SUBMIT, (uint64_t)told[sp] << 8 | sp) };

	f.x[0] = FFA_MSG_SEND_DIRECT_REQ;
	f.x[FFA_AVAIL_IDS] = welcome.sp[sp].id;
	f.x[FFA_AVAIL_TYPE] = FFA_FRAMEWORK | FFA_VM_CREATED_REQ;
	f.x[FFA_AVAIL_HANDLE_LO] = f.x[FFA_AVAIL_HANDLE_HI] = FFA_NO_HANDLE;
	f.x[FFA_AVAIL_VM_ID] = ++told[sp];
	say(&f, sizeof(f));
}

static unsigned hear(void)
{
	struct secure_link_call f;

	if (recv(sock, &f, sizeof(f), 0) != (ssize_t)sizeof(f))
		fail("recv");
	if (f.header.kind != SECURE_LINK_COMPLETE || (uint32_t)f.x[0] != FFA_MSG_SEND_DIRECT_RESP ||
		(int32_t)f.x[FFA_AVAIL_STATUS] != FFA_OK)
		fail("an SP did not answer 0");
	return (unsigned)(f.header.id & 0xFF);
}

int main(int argc, char **argv)
{
	unsigned out = 0;

	if (argc != 3 || !(count = (unsigned)strtoul(argv[2], NULL, 10)) || count > FFA_ID_VM_LAST) {
		fputs("bench-frames SOCKET COUNT\n", stderr);
		return 2;
	}
	meet(argv[1]);
	for (; out < welcome.sp_count; out++)
		tell_next(out);
	while (out) {
		unsigned sp = hear();

		if (told[sp] < count)
			tell_next(sp);
		else
			out--;
	}
	return 0;
}
