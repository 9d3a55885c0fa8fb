/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is longer than the screen goes through a pager, as systemd's tools do it: $SYSTEMD_PAGER, $PAGER, else less. It ends before
 * this program does.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pager.h"

#define WORDS_MAX 32
#define LESS_OPTIONS "FRSXMK"

static pid_t pager;

bool env_is_true(const char *word)
{
	return strcmp(word, "1") == 0 || strcasecmp(word, "yes") == 0 || strcasecmp(word, "true") == 0 || strcasecmp(word, "on") == 0;
}

/* Who is root by another's leave is to get no more than what he asked for: less can run a shell. */
static bool must_be_secure(void)
{
	const char *word = getenv("SYSTEMD_PAGERSECURE");

	if (word && *word)
		return env_is_true(word);
	return getuid() != geteuid() || (geteuid() == 0 && getenv("SUDO_UID"));
}

/* NULL: none was asked for, the usual one then; "" or "cat": there is to be none. */
static const char *wanted_pager(bool secure)
{
	const char *systemd = getenv("SYSTEMD_PAGER"), *any = getenv("PAGER"), *wanted = systemd ? systemd : any;
	bool off = wanted && (!*wanted || strcmp(wanted, "cat") == 0);

	return secure && !off ? NULL : wanted;
}

static void set_up_less(bool secure)
{
	const char *options = getenv("SYSTEMD_LESS"), *charset = getenv("SYSTEMD_LESSCHARSET");

	if (options || !getenv("LESS"))
		(void)setenv("LESS", options ? options : LESS_OPTIONS, 1);
	if (charset)
		(void)setenv("LESSCHARSET", charset, 1);
	if (secure)
		(void)setenv("LESSSECURE", "1", 1);
}

/* The words of the command, without quotes: systemd's tools split it in the same way. */
static void run_wanted(const char *wanted)
{
	char *words[WORDS_MAX + 1], *copy = strdup(wanted), *rest = copy;
	size_t n = 0;

	for (char *word; copy && n < WORDS_MAX && (word = strtok_r(rest, " \t\n", &rest));)
		words[n++] = word;
	words[n] = NULL;
	if (n)
		(void)execvp(words[0], words);
	free(copy);
}

/* There is none on this machine: all of it as it comes. */
static _Noreturn void be_no_pager(void)
{
	char buffer[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || write(STDOUT_FILENO, buffer, (size_t)n) != n)
			_exit(EXIT_FAILURE);
	}
	_exit(EXIT_SUCCESS);
}

static _Noreturn void be_pager(const char *wanted, bool secure, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	set_up_less(secure);
	if (wanted)
		run_wanted(wanted);
	(void)execlp("less", "less", (char *)NULL);
	if (!secure)
		(void)execlp("more", "more", (char *)NULL);
	be_no_pager();
}

void pager_start(const struct cli *c)
{
	bool secure = must_be_secure();
	const char *wanted = wanted_pager(secure), *term = getenv("TERM");
	pid_t self = getpid();
	int pair[2];

	if (c->no_pager || c->follow || !c->terminal || (wanted && (!*wanted || strcmp(wanted, "cat") == 0)) ||
		!term || strcmp(term, "dumb") == 0 || pipe2(pair, O_CLOEXEC) < 0)
		return;
	(void)fflush(stdout);
	pager = fork();
	if (pager == 0) {
		(void)dup2(pair[0], STDIN_FILENO);
		(void)close(pair[0]);
		(void)close(pair[1]);
		be_pager(wanted, secure, self);
	}
	if (pager > 0) {
		(void)dup2(pair[1], STDOUT_FILENO);
		if (isatty(STDERR_FILENO)) /* a pager clears what it does not know of */
			(void)dup2(pair[1], STDERR_FILENO);
		(void)signal(SIGINT, SIG_IGN); /* the pager's */
		(void)signal(SIGPIPE, SIG_IGN);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
}

bool pager_end(void)
{
	if (pager <= 0)
		return false;
	(void)fflush(stdout);
	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
	while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
		;
	pager = 0;
	return true;
}
