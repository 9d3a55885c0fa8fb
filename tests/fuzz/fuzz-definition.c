/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions as people write them: each is refused with a place and a reason, or is sane and says the same when printed. */
#include "fuzz.h"

#include <errno.h>

#include "base/cleanup.h"
#include "store/definition.h"
#include "store/json_place.h"

static const char *const words[] = { "name", "uuid", "ffa-id", "vcpus", "count", "placement", "scheduling", "priority", "memory",
	"size", "huge-pages", "kernel", "initrd", "dtb", "cmdline", "console", "ring", "type", "after", "requires", "order",
	"policies", "limits", "resources", "devices", "wants-partition", "autostart", "notifications", "on-crash", "on-reboot",
	"stop-timeout", "build-timeout", "restart-delay", "restart-delay-max", "restart-limit", "true", "false", "null", "64M", "1K",
	"2G", "100ms", "5s", "1h", "0x8001", "any", "0-3", "fifo", "rr", "none", "serial", "restart", "stop", "preserve",
	"vfio-fake", "set running>stop fail 5 then error;reset never", "", "//", "/*", "*/", NULL };
const struct fuzz_format fuzz_format = { .words = words };

static const uint8_t machine[16] = { 1 };

void fuzz_begin(void)
{
	static const char *const seeds[] = {
		"{\"name\": \"web\", \"memory\": {\"size\": \"64M\"}, \"kernel\": \"/k\"}",
		("{\"name\": \"a.b-c_9\", \"memory\": {\"size\": 67108864}, \"kernel\": \"/k\", \"vcpus\": {\"count\": 3, \"placement\": "
		"[\"0-3\", \"any\", \"1,5,9-12\"], \"scheduling\": \"rr\", \"priority\": 4}}"),
		"/* all */ {\"name\": \"web\", // mine\n\t\"memory\": {\"size\": \"64M\"}, \"kernel\": \"/k\\u00e9\"}\n",
		"{\"name\": \"web\", \"name\": \"web\", \"memory\": {}}",
		"[[[[[[[[[[]]]]]]]]]]",
		"{\"a\\u0062\": 1}",
		"",
	};

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}

static void places_are_in(const char *text, size_t size, const struct definition_error *err)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	PROMISE(err->line <= lines);
	PROMISE(!err->line == !err->column && err->column <= size + 1);
	PROMISE(*err->message && *err->text);
	PROMISE(memchr(err->message, 0, sizeof(err->message)) && memchr(err->text, 0, sizeof(err->text)));
}

static void says_the_same(const struct vm_definition *d, bool words_too)
{
	_cleanup_(buffer_free) struct buffer b = { 0 };
	_cleanup_(freep) struct vm_definition *again = NULL;
	struct definition_error err;

	if (words_too)
		definition_print_words(d, &b);
	else
		definition_print(d, &b);
	PROMISE(b.error == 0);
	if (definition_parse(b.data, b.length, "again", machine, &again, &err) < 0) {
		fprintf(stderr, "%s\n%.*s\n", err.text, (int)b.length, b.data);
		abort();
	}
	PROMISE(memcmp(d, again, sizeof(*d)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) struct vm_definition *d = NULL;
	struct definition_error errors[4];
	size_t count = 0;
	int e = definition_parse_all((const char *)data, size, "fuzz.json", machine, &d, errors, 4, &count);

	PROMISE(e == 0 || e == -EBADMSG);
	PROMISE((e == 0) == (d != NULL) && (e == 0) == (count == 0));
	for (size_t i = 0; i < count; i++)
		places_are_in((const char *)data, size, &errors[i]);
	if (e < 0)
		return 0;
	PROMISE(definition_is_sane(d));
	says_the_same(d, false);
	says_the_same(d, true);
	return 0;
}
