/* SPDX-License-Identifier: Apache-2.0 */

/*
 * --host: the bus of another host, through ssh(1) and systemd-stdio-bridge there, as systemd's tools do it. Times of CLOCK_MONOTONIC
 * are that host's: the difference to ours is asked for.
 */

#include "host.h"

#include <ctype.h>
#include <string.h>

#include "output.h"

/* A value of a D-Bus address: what is not one of these characters is written in hexadecimal. */
static void put_escaped(FILE *f, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		(void)fprintf(f, isalnum(*at) || strchr("-_/.*", *at) ? "%c" : "%%%02x", *at);
}

static void put_argument(FILE *f, unsigned *count, const char *text)
{
	(void)fprintf(f, ",argv%u=", ++*count);
	put_escaped(f, text);
}

/* Where the port begins, behind the colon; NULL: there is none. An IPv6 address is in brackets, or has no port. */
static const char *port_of(const char *host)
{
	const char *bracket = strrchr(host, ']'), *colon = strrchr(bracket ? bracket : host, ':');

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return NULL;
	return !bracket && strchr(host, ':') != colon ? NULL : colon + 1;
}

static void put_host(FILE *f, unsigned *count, const char *host, const char *port)
{
	const char *user = strchr(host, '@');
	char *name = strndup(host, port ? (size_t)(port - 1 - host) : strlen(host));
	char *begin = name && user ? name + (user + 1 - host) : name;

	if (begin && *begin == '[' && begin[strlen(begin) - 1] == ']') { /* ssh takes none */
		begin[strlen(begin) - 1] = '\0';
		memmove(begin, begin + 1, strlen(begin));
	}
	put_argument(f, count, name ? name : host);
	free(name);
}

/* What sshd has a shell of that host read. */
static void put_bridge(FILE *f, unsigned *count, const char *bus)
{
	put_argument(f, count, "systemd-stdio-bridge");
	if (!bus || strcmp(bus, "system") == 0)
		return;
	put_argument(f, count, "--bus-path");
	put_argument(f, count, bus);
}

int host_address(const char *host, const char *bus, char **ret)
{
	const char *ssh = getenv("SYSTEMD_SSH"), *port = port_of(host);
	unsigned count = 0;
	size_t size;
	FILE *f;

	if (!*host || *host == '-')
		return cli_usage("--host takes [USER@]HOST, not '%s'", host);
	if (bus && strpbrk(bus, " \t\n'\"\\$`&|;<>()*?[#~%!{}"))
		return cli_usage("--bus with --host is read by a shell there: '%s' has characters that mean something to it", bus);
	f = open_memstream(ret, &size);
	if (!f)
		return cli_say_error("out of memory");
	(void)fputs("unixexec:path=", f);
	put_escaped(f, ssh && *ssh ? ssh : "ssh");
	put_argument(f, &count, "-xT");
	if (port) {
		put_argument(f, &count, "-p");
		put_argument(f, &count, port);
	}
	put_argument(f, &count, "--");
	put_host(f, &count, host, port);
	put_bridge(f, &count, bus);
	return fclose(f) == 0 ? 0 : cli_say_error("out of memory");
}

void host_take_clock(struct cli *c)
{
	uint64_t before = monotonic_now();
	struct lifecycle_property_list *list;

	if (lifecycle_properties(c->l, NULL, &list) < 0)
		return; /* the verb will say why */
	for (size_t i = 0; i < lifecycle_property_list_count(list); i++) {
		const struct lifecycle_property *p = lifecycle_property_list_at(list, i);

		if (strcmp(p->name, "Monotonic") == 0)
			monotonic_shift(strtoull(p->value, NULL, 10) * 1000 - (before + (monotonic_now() - before) / 2));
	}
	lifecycle_property_list_unref(list);
}
