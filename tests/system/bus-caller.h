/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the programs share that call the daemon with wrong arguments: its methods as the XML has them, values to put there, and
 * what an answer must be like. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define NAME "org.lifecycled.Lifecycle1"
#define ROOT "/org/lifecycled/Lifecycle1"

struct method {
	char interface[64], name[64];
	char in[64], out[64]; /* their types */
};

_Noreturn void caller_die(const char *what, const char *why);
sd_bus *caller_connect(const char *address);
size_t caller_read_methods(const char *xml);
const struct method *caller_method(size_t i);
const struct method *caller_find(const char *interface, const char *name); /* NULL: none of ours */
const char *caller_text(void);                                             /* overwritten by the next */
uint64_t caller_number(void);
bool caller_is_typed(const sd_bus_error *e);
