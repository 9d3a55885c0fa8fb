/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a verb that waits is interrupted. The signals that were caught are blocked but where it waits: in interrupt_poll(),
 * and in a write of standard output or error, which whoever reads may hold up for ever.
 */

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT and SIGTERM interrupt. stdout and stderr become other streams; a second call does nothing. */
void interrupt_catch(void);
/* The same for another signal, if it is not ignored (nohup); or, with a handler of its own, interrupt_poll() is -EINTR and no more. */
void interrupt_catch_also(int number, void (*handler)(int));
/* One of them came. What is still written then gets a second of its reader's time. */
bool interrupted(void);
/* The errno with which standard output failed since; 0: it did not. What stdio says of it later may be of something else. */
int interrupt_output_error(void);
/* Waits for fd to be readable: 0, -ETIMEDOUT or -EINTR. fd may be -1. `deadline` is CLOCK_MONOTONIC ns; UINT64_MAX: none. */
int interrupt_poll(int fd, uint64_t deadline);
