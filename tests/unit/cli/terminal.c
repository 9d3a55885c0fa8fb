/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void run(const struct fixture *f, const char *const *environment, const char *const *argv)
{
	static const char *const unset[] = { "NO_COLOR", "SYSTEMD_COLORS", "SYSTEMD_PAGER", "PAGER", "LESS", "SYSTEMD_LESS",
		"SYSTEMD_PAGERSECURE", "SUDO_UID" };

	for (size_t i = 0; i < sizeof(unset) / sizeof(*unset); i++)
		(void)unsetenv(unset[i]);
	(void)setenv("LIFECYCLED_BUS", f->address, 1);
	(void)setenv("TERM", "xterm", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	for (size_t i = 0; environment[i]; i++)
		(void)putenv((char *)environment[i]);
	(void)execv(argv[0], (char *const *)argv);
	_exit(127);
}

/* The other side's end is an error here, EIO. */
static char *read_all(int fd)
{
	FILE *terminal = fdopen(fd, "r"), *out;
	char *text = NULL;
	size_t size = 0;
	int byte;

	out = open_memstream(&text, &size);
	assert_true(terminal && out);
	while ((byte = fgetc(terminal)) != EOF)
		if (byte != '\r')
			(void)fputc(byte, out);
	(void)fclose(out);
	(void)fclose(terminal);
	return text;
}

char *on_terminal(const struct fixture *f, unsigned short columns, const char *const *environment, const char *const *argv, int *ret_code)
{
	struct winsize size = { .ws_col = columns, .ws_row = 24 };
	int master, status = 0;
	pid_t pid = forkpty(&master, NULL, NULL, &size);
	char *text;

	assert_true(pid >= 0);
	if (pid == 0)
		run(f, environment, argv);
	text = read_all(master);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (ret_code)
		*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	return text;
}
