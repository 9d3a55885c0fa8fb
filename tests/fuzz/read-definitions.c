/* SPDX-License-Identifier: Apache-2.0 */

/* Reads definitions, one a line, and says of each what the daemon would: an empty line if it is fine, else what is wrong, a message
 * after the other with tabs between them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "store/definition.h"

#define ERRORS_MAX 16

int main(void)
{
	static const uint8_t machine[16] = { 1 };
	struct definition_error errors[ERRORS_MAX];
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	while ((length = getline(&line, &room, stdin)) > 0) {
		struct vm_definition *d = NULL;
		size_t count = 0;

		if (line[length - 1] == '\n')
			length--;
		(void)definition_parse_all(line, (size_t)length, "line", machine, &d, errors, ERRORS_MAX, &count);
		if (!d && !count)
			return 1; /* no memory */
		for (size_t i = 0; i < count; i++)
			printf("%s%s", i ? "\t" : "", errors[i].message);
		(void)putchar('\n');
		free(d);
	}
	free(line);
	return 0;
}
