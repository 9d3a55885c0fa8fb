/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A journal of the test's own: base/log.c is compiled for this test with a socket of another name. */

/* Makes the socket and lets log_open() find it. Once. */
void fake_journal_begin(int max_level);

/* The next message, as it was sent; "" if none is there. */
const char *fake_journal_read(void);

/* Does that message have "KEY=value" as a line of its own? */
int message_has(const char *message, const char *field);
