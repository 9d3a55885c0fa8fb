/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A private bus and a fake daemon on it, and programs run to their end. Everything is killed by its pid. */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct fixture {
	char directory[64];
	char address[128];
	pid_t bus, daemon;
	FILE *daemon_says;
};

/* 0, or 77: there is no dbus-daemon here. */
int fixture_open(struct fixture *f, bool with_daemon);
void fixture_close(struct fixture *f);
/* Reads the daemon's lines up to this one. */
void fixture_await(struct fixture *f, const char *line);

struct run {
	pid_t pid;
	FILE *out, *err;
	char *output, *errors;
	int code; /* exit code, or 1000 + signal */
};

/* argv ends with NULL. SIGINT is blocked in the child until it unblocks it: sent early, it comes when it is waited for. */
void run_begin(struct run *r, const struct fixture *f, const char *const *argv);
void run_end(struct run *r);
void run_free(struct run *r);
