/* SPDX-License-Identifier: Apache-2.0 */

/* How errors are said, and the connection, which is where most of them come from. */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "patience.h"
#include "progress.h"

int cli_say_error(const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)fflush(stdout);
	progress_clear();
	(void)fputs("lifecyclectl: ", stderr);
	put_text(stderr, text, strlen(text)); /* guests, files and the bus have words in it */
	(void)fputc('\n', stderr);
	return CLI_FAILED;
}

static const char *usage_verb;

void cli_usage_of(const char *verb)
{
	usage_verb = verb;
}

int cli_usage(const char *format, ...)
{
	va_list args;

	(void)fputs("lifecyclectl: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, "%s 'lifecyclectl %s%s'\n", strchr(format, '?') ? " Try" : "; try", usage_verb ? "help " : "", usage_verb ? usage_verb : "--help");
	return CLI_USAGE;
}

static const char *bus_words(const struct cli *c)
{
	const char *bus = c->bus ? c->bus : getenv("LIFECYCLED_BUS");

	return bus && *bus && strcmp(bus, "system") != 0 ? bus : NULL;
}

static int say_unreachable(const struct cli *c, const char *why)
{
	const char *bus = bus_words(c);

	if (c->remote)
		(void)cli_say_error("cannot reach lifecycled on the host '%s': %s; does 'ssh %s systemd-stdio-bridge' connect, and does "
				    "lifecycled run there?", c->remote, why, c->remote);
	else if (bus)
		(void)cli_say_error("cannot reach lifecycled on the bus '%s': %s; is lifecycled running with this --bus?", bus, why);
	else
		(void)cli_say_error("cannot reach lifecycled on the system bus: %s; is lifecycled.service running?", why);
	return CLI_NO_DAEMON;
}

int cli_fail(const struct cli *c, const char *verb, const char *name)
{
	const struct lifecycle_error *e = lifecycle_last_error(c->l);

	bool needs_to_be_there = c->remote && e->refusal == LIFECYCLE_LOCAL && strstr(e->text, "descriptors");

	if (e->refusal == LIFECYCLE_UNREACHABLE)
		return say_unreachable(c, e->text);
	(void)cli_say_error("%s%s%s: %s%s%s%s", verb, name ? " " : "", name ? name : "", e->text,
		needs_to_be_there ? "; run it there: ssh " : "", needs_to_be_there ? c->remote : "",
		needs_to_be_there ? " lifecyclectl ..." : "");
	return lifecycle_refusal_exit_code(e->refusal);
}

int cli_connect_again(struct cli *c)
{
	struct lifecycle *l = NULL;
	int r = lifecycle_new(c->bus, &l);

	if (r < 0)
		return r;
	lifecycle_unref(c->l);
	c->l = l;
	lifecycle_set_interactive(c->l, !c->no_ask && geteuid() != 0 && isatty(STDIN_FILENO)); /* root is asked nothing */
	patience_whole(c);
	return 0;
}

int cli_connect(struct cli *c)
{
	int r = cli_connect_again(c);

	if (r == -ENOMEM)
		return cli_say_error("out of memory");
	if (r == -EINVAL)
		return cli_usage("'%s' is no D-Bus address (unix:path=... for example)", bus_words(c) ? bus_words(c) : "system");
	return r < 0 ? say_unreachable(c, lifecycle_error_text(r)) : 0;
}

int cli_parse_sp(const char *verb, const char *text, bool or_0, uint16_t *ret)
{
	char *end;
	unsigned long id = strtoul(text, &end, 0);

	if (end == text || *end || id > 0xFFFF || (id < 0x8000 && (id || !or_0)))
		return cli_usage("%s: an SP is an FF-A id from 0x8000 to 0xffff%s, not '%s'; 'lifecyclectl partitions' shows them",
			verb, or_0 ? ", or 0 for discovery" : "", text);
	*ret = (uint16_t)id;
	return 0;
}
