/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inputs that wait to be stepped, in the order in which they came. */

#include "model/lifecycle.h"

struct input_queue {
	struct input *in;
	size_t first, count, size;
	size_t news;  /* of the secure side's own state, among them */
	size_t backs; /* IN_VMM_BACK among them */
};

void input_queue_free(struct input_queue *q);

/* Takes over what the input owns. 0 or -ENOMEM: then it does not. `came` is its `now` until it is stepped. */
int input_queue_put(struct input_queue *q, const struct input *in, uint64_t came);
/* In front of all others; for what owns nothing and is no news. */
int input_queue_put_first(struct input_queue *q, const struct input *in);

struct input *input_queue_first(struct input_queue *q); /* NULL: none waits. Until the next input_queue_...() */
const struct input *input_queue_at(const struct input_queue *q, size_t i); /* i < count */
void input_queue_drop_first(struct input_queue *q);     /* it was stepped: frees what the step left */

/* Whether one says that the SP, or the way to it, is not what the model has in mind. */
bool input_queue_has_another(const struct input_queue *q, const struct model *m, uint16_t sp);
/* Whether the life's VMM said on a new link where it stands. */
bool input_queue_has_back(const struct input_queue *q, uint64_t life);
