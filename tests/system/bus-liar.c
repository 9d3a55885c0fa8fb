/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bus-liar BUS XML SEED COUNT: calls the methods of all interfaces in XML, COUNT times, with arguments that fit their types and
 * such that do not. Each call is answered, by a refusal with a name and a text if not by what it asked for.
 */

#include <errno.h>
#include <fcntl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define NAME "org.lifecycled.Lifecycle1"
#define ROOT "/org/lifecycled/Lifecycle1"
#define METHODS_MAX 128
#define ANSWER_US 30000000
#define DEPTH_MAX 4

static const char *const words[] = { "one", "web", "name", "memory", "size", "64M", "kernel", "/k", "none", "1", NULL };
const struct fuzz_format fuzz_format = { .words = words };

static struct method {
	char interface[64], name[64], types[64];
} method[METHODS_MAX];
static size_t method_count;

static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "bus-liar: %s: %s\n", what, why);
	exit(1);
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

static void read_methods(const char *path)
{
	char line[4096], interface[64] = "", types[16];
	FILE *f = fopen(path, "re");

	if (!f)
		die(path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		struct method *m = method_count ? &method[method_count - 1] : NULL;

		if (strstr(line, "<interface "))
			(void)attribute(line, "name", interface, sizeof(interface));
		if (strstr(line, "<method ") && method_count < METHODS_MAX) {
			m = &method[method_count++];
			strcpy(m->interface, interface);
			(void)attribute(line, "name", m->name, sizeof(m->name));
		}
		if (m && strstr(line, "<arg ") && strstr(line, "direction=\"in\"") && attribute(line, "type", types, sizeof(types)))
			strncat(m->types, types, sizeof(m->types) - strlen(m->types) - 1);
	}
	fclose(f);
	if (!method_count)
		die(path, "there are no methods in it");
}

static const char *pick(const char *const *of, size_t count)
{
	return of[fuzz_random() % count];
}
#define PICK(list) pick(list, sizeof(list) / sizeof(list[0]))

static const char *some_text(void)
{
	static const char *const texts[] = { "one", "two", "web", "nobody", "", ".", "..", "/", "*", "o*", "one two", "\n", "\xc3\xa9",
		"%s%n", "-1", "0x8001", "00000000-0000-0000-0000-000000000000", "40ee25f0-a2bc-304c-8c4c-a173c57d8af1", "null", "running",
		"timeout", "no-autostart", "preserve", "force", "reason", "token", "all", "dry-run", "replace",
		"{\"name\": \"web\", \"memory\": {\"size\": \"2M\"}, \"kernel\": \"/k\"}" };
	static char text[FUZZ_INPUT_MAX + 1];
	size_t size;

	(void)snprintf(text, sizeof(text), "%s", PICK(texts));
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

static uint64_t some_number(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 5, 0x7FFF, 0x8001, 0x8002, 0xFFFF, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX };

	return fuzz_random() & 1 ? edges[fuzz_random() % (sizeof(edges) / sizeof(edges[0]))] : fuzz_random() % 64;
}

static int append(sd_bus_message *m, const char **types, unsigned depth);

static int append_inside(sd_bus_message *m, char container, const char *inside, unsigned depth)
{
	int r = sd_bus_message_open_container(m, container, inside);

	for (uint64_t n = container == 'a' ? fuzz_random() % 4 : 1; r >= 0 && n > 0; n--)
		for (const char *at = inside; r >= 0 && *at;)
			r = append(m, &at, depth + 1);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The types of one complete type in an array; only those that our methods have. */
static int append_array(sd_bus_message *m, const char **types, unsigned depth)
{
	char inside[16] = { (*types)[1] };

	if (strncmp(*types, "a{sv}", 5) == 0) {
		*types += 5;
		return append_inside(m, 'a', "{sv}", depth);
	}
	*types += 2;
	return append_inside(m, 'a', inside, depth);
}

static int append(sd_bus_message *m, const char **types, unsigned depth)
{
	static const char *const variants[] = { "s", "b", "t", "u", "i", "q", "h", "as", "a{sv}", "v", "x", "d", "y", "ay" };
	uint64_t number = some_number();
	double real = (double)number;
	int truth = number & 1, null;
	char type = **types;

	if (type == 'a')
		return append_array(m, types, depth);
	if (type == '{') {
		*types += 4;
		return append_inside(m, 'e', "sv", depth);
	}
	++*types;
	switch (type) {
	case 'v':
		return append_inside(m, 'v', depth < DEPTH_MAX ? PICK(variants) : "t", depth);
	case 's':
		return sd_bus_message_append_basic(m, type, some_text());
	case 'h':
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		truth = sd_bus_message_append_basic(m, type, &null);
		close(null);
		return truth;
	case 'b':
		return sd_bus_message_append_basic(m, type, &truth);
	case 'd':
		return sd_bus_message_append_basic(m, type, &real);
	default:
		return sd_bus_message_append_basic(m, type, &number); /* its low bytes: both run on one machine */
	}
}

static int fill(sd_bus_message *m, const char *types)
{
	static const char *const wrong[] = { "", "s", "t", "ss", "sta{sv}", "a{sv}", "sa{sv}", "v", "as", "h", "sti", "y", "sssssss" };
	int r = 0;

	if (fuzz_random() % 8 == 0)
		types = PICK(wrong);
	while (r >= 0 && *types)
		r = append(m, &types, 0);
	return r;
}

/* An error has a name of ours, or of the bus's own for who does not know our methods and types, and says why. */
static void is_typed(const struct method *of, const sd_bus_error *e)
{
	static const char *const known[] = { NAME ".Error.", "org.freedesktop.DBus.Error.InvalidArgs",
		"org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownInterface",
		"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
		"org.freedesktop.DBus.Error.AccessDenied" };
	bool typed = false;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		typed |= strncmp(e->name, known[i], strlen(known[i])) == 0;
	if (!typed || !e->message || !*e->message || strcmp(e->name, NAME ".Error.Internal") == 0) {
		(void)fprintf(stderr, "bus-liar: %s(%s): %s: %s\n", of->name, of->types, e->name, e->message ? e->message : "");
		exit(1);
	}
}

static bool call(sd_bus *bus)
{
	static const char *const paths[] = { ROOT, ROOT "/vm/one", ROOT "/vm/web", ROOT "/partition/8001", ROOT "/vm/nobody" };
	const struct method *of = &method[fuzz_random() % method_count];
	bool of_manager = strstr(of->interface, ".Manager") != NULL;
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, NAME, of_manager ? ROOT : PICK(paths), of->interface, of->name);
	bool taken = false;

	if (r < 0)
		die(of->name, strerror(-r));
	if (fill(m, of->types) >= 0) { /* else the library did not take it */
		r = sd_bus_call(bus, m, ANSWER_US, &e, &reply);
		if (r < 0 && !sd_bus_error_is_set(&e))
			die(of->name, strerror(-r));
		if (r < 0)
			is_typed(of, &e);
		taken = r >= 0;
	}
	sd_bus_error_free(&e);
	sd_bus_message_unref(m);
	sd_bus_message_unref(reply);
	return taken;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 5 ? strtoul(argv[4], NULL, 10) : 0, taken = 0;
	sd_bus *bus = NULL;
	int r;

	if (!count)
		return 2;
	read_methods(argv[2]);
	fuzz_random_begin(0x9E3779B97F4A7C15u * (strtoull(argv[3], NULL, 10) + 1));
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, argv[1]);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		die(argv[1], strerror(-r));
	for (unsigned long i = 0; i < count; i++)
		taken += call(bus);
	sd_bus_flush_close_unref(bus);
	printf("%lu calls of %zu methods, %lu taken\n", count, method_count, taken);
	return taken ? 0 : 1;
}
