/* SPDX-License-Identifier: Apache-2.0 */

/*
 * undefine-all BUS NAME...: asks for all of them at once, on one connection, and waits for no answer. Says "asked" when the daemon
 * has taken them all, for it has answered a question that was behind them; then, when each was answered, "answered".
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NAME      "org.lifecycled.Lifecycle1"
#define ROOT      "/org/lifecycled/Lifecycle1"
#define INTERFACE "org.lifecycled.Lifecycle1.Manager"

static int left;

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "undefine-all: %s: %s\n", what, strerror(-r));
	exit(1);
}

static int answered(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	if (e) {
		(void)fprintf(stderr, "undefine-all: %s: %s\n", (const char *)arg, e->message);
		exit(1);
	}
	left--;
	return 0;
}

static void say(const char *word)
{
	(void)puts(word);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	sd_bus *bus = NULL;
	int stuck;

	if (argc < 3)
		return 2;
	must(sd_bus_new(&bus), "bus");
	must(sd_bus_set_address(bus, argv[1]), "address");
	must(sd_bus_set_bus_client(bus, true), "bus");
	must(sd_bus_start(bus), "bus");
	for (int i = 2; i < argc; i++, left++)
		must(sd_bus_call_method_async(
			     bus, NULL, NAME, ROOT, INTERFACE, "Undefine", answered, argv[i], "sta{sv}", argv[i], (uint64_t)0, 0),
			argv[i]);
	must(sd_bus_get_property_trivial(bus, NAME, ROOT, INTERFACE, "DiskStuck", NULL, 'b', &stuck), "DiskStuck");
	say("asked");
	while (left) {
		int r = sd_bus_process(bus, NULL);

		must(r, "process");
		if (r == 0 && left)
			must(sd_bus_wait(bus, UINT64_MAX), "wait");
	}
	say("answered");
	sd_bus_flush_close_unref(bus);
	return 0;
}
