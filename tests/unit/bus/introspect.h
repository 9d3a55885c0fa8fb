/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A D-Bus introspection document as a sorted list of lines, one for each member of our interfaces: "interface
 * method Name in t life out t sequence", "interface property Name s read", with its annotations. Comments,
 * order and layout do not count.
 */

#include <stddef.h>

#define LINES_MAX 256

struct lines {
	char *line[LINES_MAX];
	size_t count;
};

void lines_scan(struct lines *l, const char *xml); /* adds those of one document */
void lines_sort(struct lines *l);
void lines_free(struct lines *l);
char *read_xml(void); /* proto/org.lifecycled.Lifecycle1.xml */
char *read_policy(void); /* units/org.lifecycled.policy */
