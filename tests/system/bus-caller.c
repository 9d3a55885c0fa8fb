/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's methods, values to call them with, and the errors that may come of it. */

#include <errno.h>

#include "tests/fuzz/fuzz.h"
#include "tests/system/bus-caller.h"

#define METHODS_MAX 128

static const char *const words[] = { "one", "web", "name", "memory", "size", "64M", "kernel", "/k", "none", "1", NULL };
const struct fuzz_format fuzz_format = { .words = words };

static struct method method[METHODS_MAX];
static size_t method_count;

void caller_die(const char *what, const char *why)
{
	(void)fprintf(stderr, "bus: %s: %s\n", what, why);
	exit(1);
}

sd_bus *caller_connect(const char *address)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		caller_die(address, strerror(-r));
	return bus;
}

/* The value of an attribute of the line, if it has it. */
static bool attribute(const char *line, const char *key, char *to, size_t size)
{
	char with[32];
	const char *at;

	(void)snprintf(with, sizeof(with), "%s=\"", key);
	at = strstr(line, with);
	if (!at)
		return false;
	at += strlen(with);
	(void)snprintf(to, size, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

static void read_argument(struct method *m, const char *line)
{
	char types[32];

	if (!attribute(line, "type", types, sizeof(types)))
		return;
	if (strstr(line, "direction=\"in\""))
		strncat(m->in, types, sizeof(m->in) - strlen(m->in) - 1);
	else if (strstr(line, "direction=\"out\"")) /* a signal's has none */
		strncat(m->out, types, sizeof(m->out) - strlen(m->out) - 1);
}

size_t caller_read_methods(const char *xml)
{
	char line[4096], interface[64] = "";
	FILE *f = fopen(xml, "re");

	if (!f)
		caller_die(xml, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "<interface "))
			(void)attribute(line, "name", interface, sizeof(interface));
		if (strstr(line, "<method ") && method_count < METHODS_MAX) {
			strcpy(method[method_count].interface, interface);
			(void)attribute(line, "name", method[method_count].name, sizeof(method->name));
			method_count++;
		}
		if (method_count && strstr(line, "<arg "))
			read_argument(&method[method_count - 1], line);
	}
	fclose(f);
	if (!method_count)
		caller_die(xml, "there are no methods in it");
	return method_count;
}

const struct method *caller_method(size_t i)
{
	return &method[i];
}

const struct method *caller_find(const char *interface, const char *name)
{
	for (size_t i = 0; i < method_count; i++)
		if (strcmp(method[i].interface, interface) == 0 && strcmp(method[i].name, name) == 0)
			return &method[i];
	return NULL;
}

const char *caller_text(void)
{
	static const char *const texts[] = { "one", "two", "web", "nobody", "", ".", "..", "/", "*", "o*", "one two", "\n", "\xc3\xa9",
		"%s%n", "-1", "0x8001", "00000000-0000-0000-0000-000000000000", "40ee25f0-a2bc-304c-8c4c-a173c57d8af1", "null", "running",
		"timeout", "no-autostart", "preserve", "force", "reason", "token", "all", "dry-run", "replace",
		"{\"name\": \"web\", \"memory\": {\"size\": \"2M\"}, \"kernel\": \"/k\"}" };
	static char text[FUZZ_INPUT_MAX + 1];
	size_t size;

	(void)snprintf(text, sizeof(text), "%s", texts[fuzz_random() % (sizeof(texts) / sizeof(texts[0]))]);
	size = strlen(text);
	if (fuzz_random() % 4 == 0)
		for (unsigned n = 1 + fuzz_random() % 4; n > 0; n--)
			size = fuzz_change((uint8_t *)text, size, sizeof(text) - 1);
	if (fuzz_random() % 64 == 0)
		size = FUZZ_INPUT_MAX, memset(text, 'a', size);
	for (size_t i = 0; i < size; i++) /* what is no text never leaves the bus library */
		if (!text[i] || text[i] & 0x80)
			text[i] = '?';
	text[size] = '\0';
	return text;
}

uint64_t caller_number(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 5, 0x7FFF, 0x8001, 0x8002, 0xFFFF, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX };

	return fuzz_random() & 1 ? edges[fuzz_random() % (sizeof(edges) / sizeof(edges[0]))] : fuzz_random() % 64;
}

/* An error has a name of ours, or of the bus's own for who does not know our methods and types, and says why. */
bool caller_is_typed(const sd_bus_error *e)
{
	static const char *const known[] = { NAME ".Error.", "org.freedesktop.DBus.Error.InvalidArgs",
		"org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownInterface",
		"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownProperty",
		"org.freedesktop.DBus.Error.PropertyReadOnly", "org.freedesktop.DBus.Error.InvalidSignature",
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "org.freedesktop.DBus.Error.AccessDenied" };
	bool typed = false;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		typed |= strncmp(e->name, known[i], strlen(known[i])) == 0;
	return typed && e->message && *e->message && strcmp(e->name, NAME ".Error.Internal") != 0;
}
