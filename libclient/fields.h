/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A{sv} into a struct by a table: keys that are not known, or come with another type, are skipped. */

#include <systemd/sd-bus.h>

struct field {
	const char *key;
	const char *signature;
	size_t at; /* offset in the struct; the reader gets its address */
	int (*read)(sd_bus_message *m, void *to);
};

int fields_read(sd_bus_message *m, const struct field *fields, size_t count, void *base);

/* Readers. Strings live in the message. */
int read_string(sd_bus_message *m, void *to); /* s -> const char * */
int read_u16(sd_bus_message *m, void *to);
int read_u32(sd_bus_message *m, void *to);
int read_u64(sd_bus_message *m, void *to);
int read_u16_wide(sd_bus_message *m, void *to); /* q -> uint32_t */
int read_bool(sd_bus_message *m, void *to);     /* b -> bool */
int read_time(sd_bus_message *m, void *to);     /* t in us -> uint64_t in ns */
int read_sp_ids(sd_bus_message *m, void *to);    /* aq -> struct lifecycle_sp_ids */
int read_histogram(sd_bus_message *m, void *to); /* at -> struct lifecycle_histogram */
int read_counts(sd_bus_message *m, void *to);    /* a{st} -> struct lifecycle_counts, whose array is the caller's to free */
int read_state(sd_bus_message *m, void *to);    /* s -> int, likewise the next */
int read_substate(sd_bus_message *m, void *to);
int read_vcpu_state(sd_bus_message *m, void *to);
int read_cause(sd_bus_message *m, void *to);
int read_debt(sd_bus_message *m, void *to);
int read_how(sd_bus_message *m, void *to);
int read_operation(sd_bus_message *m, void *to);
int read_outcome(sd_bus_message *m, void *to);
int read_wait(sd_bus_message *m, void *to);
int read_lease_state(sd_bus_message *m, void *to);

/*
 * An array of structs of D-Bus type `row` (with its parentheses), each read into a zeroed element of `size` bytes. What was
 * read is in *elements and *count, also where it ends in an error.
 */
int array_read(sd_bus_message *m, const char *row, size_t size, int (*read)(sd_bus_message *m, void *element),
	void **elements, size_t *count);

/* Makes room for one more element of an array that grows by doubling. */
int array_grow(void **array, size_t count, size_t element);
