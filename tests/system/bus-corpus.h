/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Recorded calls, and those that are made of them. */

#include "tests/system/recorded-call.h"

void corpus_read(const char *path, const char *guests, const char *dir);
size_t corpus_count(void);
json_object *corpus_get(size_t i); /* a reference of the caller's own, as with the next */
json_object *corpus_changed(void);
void corpus_add(json_object *c);
void corpus_learn(sd_bus_message *m); /* some of what an answer says, to say it again */
void corpus_free(void);
