/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

static int journal = -1;
static char place[] = "/tmp/test-journal-XXXXXX";

static void clean_up(void)
{
	unlink(JOURNAL_SOCKET);
	rmdir(place);
}

/* stderr is said to be the journal's, as systemd says it. */
static void say_stream(void)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

void fake_journal_begin(int max_level)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };

	assert_non_null(mkdtemp(place));
	assert_int_equal(chdir(place), 0);
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(journal, (struct sockaddr *)&address, sizeof(address)), 0);
	atexit(clean_up);
	say_stream();
	log_open("test", max_level);
}

const char *fake_journal_read(void)
{
	static char message[16384];
	ssize_t n = recv(journal, message, sizeof(message) - 1, MSG_DONTWAIT);

	message[n > 0 ? n : 0] = '\0';
	return message;
}

int message_has(const char *message, const char *field)
{
	size_t length = strlen(field);

	for (const char *at = message; (at = strstr(at, field)); at++)
		if ((at == message || at[-1] == '\n') && at[length] == '\n')
			return 1;
	return 0;
}
