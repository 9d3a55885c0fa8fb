/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before json-c (LD_PRELOAD): a parser that dies of every text which has the words of DEADLY in it, as one with a bug would. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct json_object;
struct json_tokener;

struct json_object *json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int length);

struct json_object *json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int length)
{
	struct json_object *(*parse)(struct json_tokener *, const char *, int) = dlsym(RTLD_NEXT, "json_tokener_parse_ex");
	const char *deadly = getenv("DEADLY");

	if (deadly && memmem(text, (size_t)length, deadly, strlen(deadly)))
		(void)raise(SIGKILL); /* which no sanitizer makes an exit of */
	return parse(tokener, text, length);
}
