/* SPDX-License-Identifier: Apache-2.0 */

/* cat, edit: a definition as it is, and with the user's editor. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "define.h"
#include "output.h"

static char *pretty(const char *text)
{
	struct json_object *o = json_tokener_parse(text);
	const char *words = o ? json_object_to_json_string_ext(
					o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE) :
				text;
	char *copy = malloc(strlen(words) + 2);

	if (copy)
		(void)snprintf(copy, strlen(words) + 2, "%s\n", words);
	json_object_put(o);
	return copy;
}

static int show(struct cli *c, const char *name)
{
	_cleanup_(free_p) char *text = NULL, *source = NULL, *words = NULL;

	if (lifecycle_definition(c->l, name, c->pending, &text, &source) < 0)
		return cli_fail(c, "cat", name);
	if (c->output == OUTPUT_JSON || c->output == OUTPUT_JSON_SEQ) {
		json_begin_line(c);
		(void)puts(text);
		return 0;
	}
	words = pretty(text);
	if (!words)
		return cli_say_error("out of memory");
	if (!c->quiet)
		(void)fprintf(stderr, "# %s, from %s%s\n", name, source, c->pending ? "; of the next life" : "");
	(void)fflush(stderr);
	(void)fputs(words, stdout);
	(void)fflush(stdout); /* the next one's source comes behind it */
	return 0;
}

int verb_cat(struct cli *c, int argc, char **argv)
{
	int code = 0;

	for (int i = 0; i < argc; i++) {
		int r = show(c, argv[i]);

		code = code ? code : r;
	}
	return code;
}

/* ---- edit ---- */

static int write_copy(const char *path, int fd, const char *text)
{
	FILE *f = fdopen(fd, "w");
	bool whole;

	if (!f) {
		close(fd);
		return cli_say_error("edit: cannot write %s: %s", path, strerror(errno));
	}
	whole = fputs(text, f) >= 0;
	if (fclose(f) != 0 || !whole)
		return cli_say_error("edit: cannot write %s: %s", path, strerror(errno));
	return 0;
}

static const char *editor(void)
{
	static const char *const variables[] = { "VISUAL", "EDITOR" };

	for (size_t i = 0; i < 2; i++) {
		const char *value = getenv(variables[i]);

		if (value && *value)
			return value;
	}
	return "vi";
}

/* The terminal sends ^C and ^\ to us as well: they are the editor's. */
static void ignore_terminal(struct sigaction old[2])
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGINT, &ignore, &old[0]);
	(void)sigaction(SIGQUIT, &ignore, &old[1]);
}

static void heed_terminal(const struct sigaction old[2])
{
	(void)sigaction(SIGINT, &old[0], NULL);
	(void)sigaction(SIGQUIT, &old[1], NULL);
}

/* -1 with errno if there was none. */
static int run_shell(const char *command, const char *path)
{
	struct sigaction old[2];
	int status = -1;
	pid_t pid;

	ignore_terminal(old);
	pid = fork();
	if (pid == 0) {
		heed_terminal(old);
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	heed_terminal(old);
	return status;
}

/* It may be a command with arguments, so a shell reads it. */
static int run_editor(const char *path)
{
	char command[4096];
	int status;

	if (snprintf(command, sizeof(command), "%s \"$1\"", editor()) >= (int)sizeof(command))
		return cli_say_error("edit: the editor's command is too long");
	status = run_shell(command, path);
	if (status == -1)
		return cli_say_error("edit: cannot run the editor: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return cli_say_error("edit: the editor failed");
	return 0;
}

/* What is wrong with it was said: the text is the user's work, and stays. */
static int keep(const char *path, int code)
{
	if (access(path, F_OK) < 0)
		(void)cli_say_error("edit: nothing was changed; the text is gone");
	else
		(void)cli_say_error("edit: nothing was changed; your text is kept in %s: mend it, then 'lifecyclectl define' it", path);
	return code;
}

static int edit_copy(struct cli *c, const char *name, const char *path, const char *before)
{
	_cleanup_(free_p) char *text = NULL, *defined = NULL;
	int r = run_editor(path);

	if (r == 0)
		r = read_definition("edit", path, &text);
	if (r)
		return keep(path, r);
	if (strcmp(text, before) == 0) {
		(void)unlink(path);
		if (!c->quiet)
			(void)printf("%s: not changed\n", name);
		return 0;
	}
	r = validate_text(&(struct cli){ .l = c->l, .quiet = true }, text, path, NULL);
	if (r)
		return keep(path, r);
	ask_start(c); /* not before: ^C is the editor's */
	if (lifecycle_define(c->l, text, path, &defined, NULL) < 0)
		return keep(path, cli_fail(c, "edit", NULL));
	(void)unlink(path);
	if (!c->quiet)
		(void)printf("%s: defined\n", defined);
	return 0;
}

static int edit(struct cli *c, const char *name)
{
	_cleanup_(free_p) char *text = NULL, *source = NULL, *words = NULL;
	const char *place = getenv("TMPDIR");
	char path[4096];
	int fd, r;

	/* What waits is what is to be changed further. */
	if (lifecycle_definition(c->l, name, true, &text, &source) < 0 &&
		lifecycle_definition(c->l, name, false, &text, &source) < 0)
		return cli_fail(c, "edit", name);
	if (strcmp(source, "D-Bus") != 0) {
		(void)cli_say_error("edit: %s is defined by %s: edit that file, then 'lifecyclectl reload'", name, source);
		return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_OTHER_SOURCE);
	}
	words = pretty(text);
	if (!words)
		return cli_say_error("out of memory");
	(void)snprintf(path, sizeof(path), "%s/%s-XXXXXX.json", place && *place ? place : "/tmp", name);
	fd = mkstemps(path, 5);
	if (fd < 0)
		return cli_say_error("edit: cannot make %s: %s", path, strerror(errno));
	r = write_copy(path, fd, words);
	if (r == 0)
		return edit_copy(c, name, path, words);
	(void)unlink(path); /* nobody's work yet */
	return r;
}

int verb_edit(struct cli *c, int argc, char **argv)
{
	int code = 0;

	for (int i = 0; i < argc; i++) {
		int r = edit(c, argv[i]);

		code = code ? code : r;
	}
	return code;
}
