/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * lifecycled.conf(5): one main file and its drop-ins, found where systemd would look for them, and what they set.
 *
 * Values point into the texts, so these live as long as the options do.
 */

#include <stddef.h>
#include <stdio.h>

#include "main/options.h"

#define CONFIG_TEXT_MAX 65536
#define CONFIG_FILES_MAX 128

struct config_files {
	struct config_file {
		char *path, *text;
		size_t size;
	} file[CONFIG_FILES_MAX];
	size_t count;
	unsigned warnings; /* keys and sections that are not known */
};

/*
 * Reads the main file and the drop-ins below `root` (""), in the order in which they count: the last one has the last word. Or
 * the file `only` alone, if it is not NULL. 0, -ENOMEM, or -EINVAL and a message was printed.
 */
int config_files_read(struct config_files *c, const char *root, const char *only);
void config_files_print(const struct config_files *c, FILE *to);

/* Sets what they say. 0, or -EINVAL and a message was printed. Once only: it changes the texts. */
int config_files_take(struct config_files *c, struct options *o);
struct config_files *config_files_free(struct config_files *c);
