/* SPDX-License-Identifier: Apache-2.0 */

/* The form of a configuration file: what is read out of a text, and where something is wrong with it. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "main/ini.h"

/* All items as "section.key=value@line:column ", and what is wrong as "!problem@line:column". */
static const char *read_all(const char *text)
{
	static char all[1024], copy[1024];
	const char *problem = "?";
	struct ini_item item;
	struct ini ini;
	size_t length = 0;
	int r;

	memcpy(copy, text, strlen(text));
	memset(copy + strlen(text), 'X', 10); /* nobody looks at what is behind */
	*all = '\0';
	r = ini_begin(&ini, copy, strlen(text), &item, &problem);
	while (r == 0 && (r = ini_next(&ini, &item, &problem)) == 1) {
		length += (size_t)snprintf(all + length, sizeof(all) - length, "%s.%s=%s@%u:%u ", item.section, item.key, item.value,
			item.line, item.column);
		r = 0;
	}
	if (r < 0) {
		assert_int_equal(r, -EBADMSG);
		(void)snprintf(all + length, sizeof(all) - length, "!%s@%u:%u", problem, item.line, item.column);
	}
	return all;
}

#define READS(text, result) assert_string_equal(read_all(text), result)

static void reads_sections_keys_and_values(void **state)
{
	READS("", "");
	READS("[A]\nb=c\n", "A.b=c@2:3 ");
	READS("[A]\nb=c", "A.b=c@2:3 ");
	READS("  [A]  \r\n\tb \t=  c d\t \r\n", "A.b=c d@2:8 ");
	READS("[A]\nb=\n[C]\nd=e=f\n[A]\ng=h\n", "A.b=@2:3 C.d=e=f@4:3 A.g=h@6:3 ");
	READS("[A]\nb=[c]\n", "A.b=[c]@2:3 ");
}

static void comments_and_empty_lines_say_nothing(void **state)
{
	READS("# one\n; two\n\n   # three\n[A]\n#b=c\nd=e # not one\n", "A.d=e # not one@7:3 ");
	READS("#\n;", "");
	READS("# it does not go on \\\n[A]\nb=c\n", "A.b=c@3:3 ");
}

static void a_line_goes_on_behind_a_backslash(void **state)
{
	READS("[A]\nb=c\\\nd\ne=f\n", "A.b=c  d@2:3 A.e=f@4:3 ");
	READS("[A]\nb=c \\\n# why\n  d\ne=f\n", "A.b=c           d@2:3 A.e=f@5:3 ");
	READS("[A]\nb=c\\\r\nd\r\n", "A.b=c   d@2:3 ");
	READS("[A]\nb=c\\\n", "A.b=c@2:3 ");
	READS("[A]\nb=c\\", "A.b=c\\@2:3 ");
	READS("[A]\nb=c\\\n# the end", "A.b=c@2:3 ");
}

static void what_is_wrong_has_a_place(void **state)
{
	READS("a=b\n", "!a section, as [Daemon], comes first@1:1");
	READS("[A]\n  b\n", "!write Key=value, [Section], or a comment that begins with #@2:3");
	READS("[A]\n=b\n", "!write Key=value, [Section], or a comment that begins with #@2:1");
	READS("[A\nb=c\n", "!write a section as [Name]@1:1");
	READS("[]\n", "!write a section as [Name]@1:1");
	READS("[A] b\n", "!nothing may follow a section's name@1:4");
	READS("[A]\nb=c\nd=\x01\n", "!there is a control character@3:3");
	READS("[A]\nb=c\\\nd\nwhat\n", "A.b=c  d@2:3 !write Key=value, [Section], or a comment that begins with #@4:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_sections_keys_and_values),
		cmocka_unit_test(comments_and_empty_lines_say_nothing),
		cmocka_unit_test(a_line_goes_on_behind_a_backslash),
		cmocka_unit_test(what_is_wrong_has_a_place),
	};

	return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
