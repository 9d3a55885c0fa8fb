/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files as people write them: each line is an item, nothing, or wrong at a place that is there. */
#include "fuzz.h"

#include <errno.h>

#include "main/ini.h"

static const char *const words[] = { "[Daemon]", "[VMM]", "[SecureSide]", "[", "]", "Bus", "=", "LogLevel=debug", "#", ";", "\\\n",
	"\\\r\n", "\n", "\r\n", " ", "\t", "", NULL };
const struct fuzz_format fuzz_format = { .words = words };

void fuzz_begin(void)
{
	static const char *const seeds[] = {
		"[Daemon]\nBus=system\nLogLevel=debug\n# a comment\nDefinitions=/a\nDefinitions=\n",
		"; mine\n[VMM]\r\nUser = web \\\r\n# in between\r\n  more\r\n[SecureSide]\nRetry=0x8002:cap=500ms,probe=5s",
		"[A]\nb=c\\\nd\\\ne\\",
		"b=c\n",
		"[A] [B]\n=\n",
		"",
	};

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}

static bool is_trimmed(const char *text)
{
	size_t length = strlen(text);

	return !length || (!strchr(" \t\r\n", text[0]) && !strchr(" \t\r\n", text[length - 1]));
}

/* Written down alone, an item reads as itself. */
static void says_the_same(const struct ini_item *item)
{
	char text[3 * FUZZ_INPUT_MAX];
	int length = snprintf(text, sizeof(text) - 1, "[%s]\n%s=%s\n", item->section, item->key, item->value);
	size_t value = strlen(item->value);
	const char *problem;
	struct ini_item again;
	struct ini ini;

	if (value && item->value[value - 1] == '\\') /* the text ended with it: here a line would follow */
		return;
	PROMISE(ini_begin(&ini, text, (size_t)length, &again, &problem) == 0);
	PROMISE(ini_next(&ini, &again, &problem) == 1);
	PROMISE(strcmp(again.section, item->section) == 0 && strcmp(again.key, item->key) == 0);
	PROMISE(strcmp(again.value, item->value) == 0 && again.line == 2 && again.column == strlen(item->key) + 2);
	PROMISE(ini_next(&ini, &again, &problem) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *problem = NULL;
	struct ini_item item = { 0 };
	struct ini ini;
	unsigned lines = 1, line = 0;
	int r;

	PROMISE(text);
	memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	r = ini_begin(&ini, text, size, &item, &problem);
	while (r == 0 && (r = ini_next(&ini, &item, &problem)) == 1) {
		PROMISE(item.line > line && item.line <= lines && item.column && item.column <= size);
		PROMISE(*item.section && *item.key && is_trimmed(item.key) && is_trimmed(item.value) && !strchr(item.key, '='));
		says_the_same(&item);
		line = item.line;
		r = 0;
	}
	PROMISE(r == 0 || r == -EBADMSG);
	PROMISE(r == 0 || (problem && item.line && item.line <= lines && item.column && item.column <= size));
	free(text);
	return 0;
}
