/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon's side of the state page (proto/state-page.h): it writes a line for each state that was stored,
 * wakes those who wait for it, and keeps the socket `alive` beside the page.
 */

#include <stdint.h>

#include "engine/ports.h"

struct page;

/* Opens `state` in the runtime directory, or makes it, and mends what a daemon that died in the middle left.
 */
int page_open(const char *runtime_dir, uint64_t incarnation, struct page **ret);
struct page *page_close(struct page *p); /* the file stays; `alive` falls silent, so readers find it stale */

/* After the load: the lines are what the rows say, everything else is gone, everyone who waits is woken. */
void page_republish_all(struct page *p, const struct rows *rows);

extern const struct publish_ops page_publish_ops; /* its first argument is a struct page */
