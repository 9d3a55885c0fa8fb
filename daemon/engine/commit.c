/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/commit.h"

#include <string.h>

#include "base/message.h"
#include "base/mutant.h"

#define COMMIT_RETRY 100000000ull /* ns between tries of a commit that fails */
#define COMMIT_SLOW 1000000000ull /* ns until a commit that is under way counts as one that does not work */

void commit_given(struct commit *c, uint64_t now)
{
	c->under_way = true;
	if (!c->retry_at)
		c->given_at = now;
	c->slow_at = MUTANT(MUTANT_P6_DISK_UNSAID) ? UINT64_MAX : now + COMMIT_SLOW;
}

void commit_stored(struct commit *c, struct rows *rows, uint64_t seq)
{
	c->stored = seq;
	c->under_way = false;
	c->retry_at = 0;
	if (rows_disk_stuck(rows))
		log_message(MESSAGE_LOG_WORKS, NULL, "the log can be written again");
	rows_disk_works(rows);
}

bool commit_failed(struct commit *c, struct rows *rows, uint64_t now, int error)
{
	c->under_way = false;
	c->retry_at = now + COMMIT_RETRY;
	if (rows_disk_stuck(rows))
		return false;
	log_message(MESSAGE_LOG_FAILS, NULL, "the log cannot be written: %s; changes wait until it can, queries go on",
		strerror(-error));
	rows_disk_fails(rows);
	return true;
}

bool commit_look(const struct commit *c, struct rows *rows, uint64_t now)
{
	if (!c->under_way || now < c->slow_at || rows_disk_stuck(rows))
		return false;
	log_message(MESSAGE_LOG_FAILS, NULL,
		"the disk has not taken the log for %llu s; changes wait until it has, queries go on", COMMIT_SLOW / 1000000000);
	rows_disk_fails(rows);
	return true;
}

bool commit_is_due(const struct commit *c, uint64_t seq, uint64_t now)
{
	return !c->under_way && c->retry_at <= now && c->stored < seq;
}

uint64_t commit_wake_at(const struct commit *c, const struct rows *rows)
{
	if (c->under_way)
		return rows_disk_stuck(rows) ? UINT64_MAX : c->slow_at;
	return c->retry_at ? c->retry_at : UINT64_MAX;
}
