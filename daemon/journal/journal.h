/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The story of each VM, for people: what a stored turn showed becomes a line in the journal, with the fields by which it is
 * found (lifecycled-journal(7)). What is no change of a VM or SP is said where it is decided, by log_message() as well.
 */

#include "engine/ports.h"

extern const struct publish_ops journal_publish_ops; /* its first argument is not used */
