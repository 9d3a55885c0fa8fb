/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A real lifecycled-spmc in a directory of its own, and the hypervisor's end of its sockets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "proto/secure-link.h"

struct process {
	char dir[64];
	char hypervisor[96], inspect[96], state[96], notify[96];
	int notify_fd;
	pid_t pid;
};

extern const char *process_program;

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })

int process_setup(void **state); /* a new struct process, not started; for cmocka */
int process_teardown(void **state);
void process_make(struct process *p);
void process_start(struct process *p, const char *const *options); /* returns when it said READY=1 */
int process_fails(struct process *p, const char *const *options);  /* its exit status */
void process_inherit(struct process *p, int hypervisor, int inspect);
int process_end(struct process *p, int signal); /* returns the wait status */
void process_remove(struct process *p);

int link_connect(const struct process *p);
void link_hello(int fd, uint64_t incarnation, int rx);
int link_open(const struct process *p, uint64_t incarnation, struct secure_link_welcome *ret);
void link_submit(int fd, uint64_t id, const uint64_t x[8]);
size_t link_read(int fd, void *frame, size_t size); /* 0: it was hung up */
struct secure_link_call link_call(int fd, const uint64_t x[8]);
int32_t link_message(int fd, uint16_t sp, uint32_t type, uint16_t vm);
void assert_hung_up(int fd);         /* and close it */
void assert_hung_up_at_last(int fd); /* doorbells may come before */
bool same_instance(const struct secure_link_welcome *a, const struct secure_link_welcome *b);
struct json_object *process_inspect(const struct process *p);
