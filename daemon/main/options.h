/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What lifecycled is told: its command line, lifecycled(8), which has the last word, and its files, lifecycled.conf(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "main/secure_options.h"

#define DEFINITION_DIRS_MAX 8
#define OPTION_SETTINGS_MAX 18 /* settings.c has so many */

struct options {
	const char *bus; /* "system", "none", or an address */
	const char *state_dir, *runtime_dir, *memory_dir, *huge_dir;
	const char *vmm;
	enum starter { STARTER_AUTO, STARTER_SPAWN, STARTER_SYSTEMD } starter;
	gid_t vmm_group; /* (gid_t)-1: none */
	uid_t vmm_user;  /* (uid_t)-1: ours */
	char vmm_identity[256]; /* of that user, as a VMM is told it: UID:GID[,GROUP...]; empty: ours */
	const char *secure; /* socket, or NULL: there is no secure side */
	const char *definitions[DEFINITION_DIRS_MAX];
	size_t definition_count;
	struct secure_options side; /* the secure side itself */
	uint16_t first_id, last_id; /* FF-A ids that are ours to give; 0, 0: all that are for VMs */
	int log_level;
	/* Who gave a setting its value, by its place in settings[]; value: as it was written, NULL: nobody. It is in `files`, or an argument. */
	struct option_origin {
		const char *file; /* NULL: the command line */
		unsigned line, column;
		const char *value;
	} origin[OPTION_SETTINGS_MAX];
	struct config_files *files; /* the texts that values point into */
};

/*
 * 0: go on; 1: all said (--help, --version), leave with success; -EUCLEAN: --check-config warned, leave with EXIT_FAILURE; any other
 * negative number: a message was printed, leave with EXIT_USAGE. options_free() in each case.
 */
int options_parse(int argc, char **argv, struct options *o);
void options_free(struct options *o);
