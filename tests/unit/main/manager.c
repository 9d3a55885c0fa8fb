/* SPDX-License-Identifier: Apache-2.0 */
#include "manager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static struct sockaddr_un address;
static socklen_t length;
static int fd = -1;

int manager_open(void **state)
{
	char path[64];
	int n = snprintf(path, sizeof(path), "@lifecycled-test-%d", (int)getpid());

	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address.sun_path + 1, path + 1, (size_t)n - 1);
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0)
		return -1;
	return setenv("NOTIFY_SOCKET", path, 1);
}

int manager_close(void **state)
{
	return close(fd);
}

/* One socket may send less than what the other end takes. */
static bool another_sends(void)
{
	int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool sent = false;

	while (sendto(other, "X", 1, 0, (struct sockaddr *)&address, length) == 1)
		sent = true;
	close(other);
	return sent;
}

void manager_fall_behind(void)
{
	while (another_sends())
		;
}

unsigned manager_count(const char *state)
{
	char text[256];
	unsigned count = 0;
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		count += strncmp(text, state, strlen(state)) == 0;
	}
	return count;
}

bool manager_hears(const char *state)
{
	return manager_count(state) > 0;
}
