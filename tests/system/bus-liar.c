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
#include "tests/system/bus-caller.h"

#define ANSWER_US 30000000
#define DEPTH_MAX 4

static const char *pick(const char *const *of, size_t count)
{
	return of[fuzz_random() % count];
}
#define PICK(list) pick(list, sizeof(list) / sizeof(list[0]))

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
	uint64_t number = caller_number();
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
		return sd_bus_message_append_basic(m, type, caller_text());
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

static bool call(sd_bus *bus, size_t method_count)
{
	static const char *const paths[] = { ROOT, ROOT "/vm/one", ROOT "/vm/web", ROOT "/partition/8001", ROOT "/vm/nobody" };
	const struct method *of = caller_method(fuzz_random() % method_count);
	bool of_manager = strstr(of->interface, ".Manager") != NULL;
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, NAME, of_manager ? ROOT : PICK(paths), of->interface, of->name);
	bool taken = false;

	if (r < 0)
		caller_die(of->name, strerror(-r));
	if (fill(m, of->in) >= 0) { /* else the library did not take it */
		r = sd_bus_call(bus, m, ANSWER_US, &e, &reply);
		if (r < 0 && !sd_bus_error_is_set(&e))
			caller_die(of->name, strerror(-r));
		if (r < 0 && !caller_is_typed(&e))
			caller_die(of->name, e.name);
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
	size_t method_count;
	sd_bus *bus;

	if (!count)
		return 2;
	method_count = caller_read_methods(argv[2]);
	fuzz_random_begin(0x9E3779B97F4A7C15u * (strtoull(argv[3], NULL, 10) + 1));
	bus = caller_connect(argv[1]);
	for (unsigned long i = 0; i < count; i++)
		taken += call(bus, method_count);
	sd_bus_flush_close_unref(bus);
	printf("%lu calls of %zu methods, %lu taken\n", count, method_count, taken);
	return taken ? 0 : 1;
}
