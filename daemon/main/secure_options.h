/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of lifecycled that say what is on the secure side, and how it is spoken to. */

#include "model/pace.h"
#include "model/records.h"

struct sp_profile_option {
	uint16_t id;
	enum sp_profile profile;
};

struct secure_options {
	struct sp_profile_option profile[MODEL_SP_MAX];
	size_t profile_count;
	struct change_sp listed[MODEL_SP_MAX]; /* who is there, where the secure side cannot be asked: id, properties */
	size_t listed_count;
	struct retry_rule retry;
	struct retry_for retry_for[MODEL_SP_MAX];
	size_t retry_for_count;
	uint64_t discover_every; /* ns; 0: never without a reason */
	uint64_t frame_timeout;  /* ns */
};

void secure_options_init(struct secure_options *o);

/* Each takes the option's value; -EINVAL: a message was printed. */
int secure_options_profile(struct secure_options *o, const char *text);
int secure_options_sp(struct secure_options *o, const char *text);
int secure_options_retry(struct secure_options *o, const char *text);
int secure_options_discover_every(struct secure_options *o, const char *text);
int secure_options_frame_timeout(struct secure_options *o, const char *text);

/* Index of a word in a list that may have gaps, or -1. */
int option_word(const char *word, const char *const *words, size_t count);
