/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Other processes: started in a session of their own, watched by a pidfd, and told apart by when they started. */

#include <stdint.h>
#include <sys/types.h>

int process_open(pid_t pid); /* a pidfd, or negative errno */

/* A pid is used again; pid and start time together are not. -ESRCH: it is not there. */
int process_start_time(pid_t pid, uint64_t *ret);

/* What it calls itself, as printable ASCII without a blank; "?" where it is gone. For people: a process may say what it likes. */
void process_name(pid_t pid, char *ret, size_t size);

/*
 * Runs argv[0], a path. It gets no fd but 0 to 2: stdin is /dev/null, what it prints goes where our own errors go. Its
 * environment is `more` (NULL: nothing) and what of ours that does not say otherwise, without what the service manager
 * gave to us alone. Its process group has its pid. 0 or negative errno.
 */
int process_spawn(pid_t *ret, char *const argv[], char *const more[]);
