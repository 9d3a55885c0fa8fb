/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* D-Bus values as JSON. */

#include <stdio.h>
#include <systemd/sd-bus.h>

/* The next value of the message, of whatever type. 0 or more, or a negative errno. */
int properties_write_value(sd_bus_message *m, FILE *f);
void properties_write_string(FILE *f, const char *text);
