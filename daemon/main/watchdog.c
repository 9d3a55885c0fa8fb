/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tells the service manager that the daemon is healthy (WatchdogSec= of its unit): the loop comes round, and what was
 * posted to the engine moves. A disk that does not take the log is no reason to be killed: the successor would have the
 * same disk, queries go on meanwhile, and it is tried again.
 */
#include "main/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/message.h"
#include "base/notify.h"

#define NS_PER_US 1000ull
#define LOOKS 4 /* in one period of the watchdog */

static uint64_t environment_number(const char *key)
{
	const char *text = getenv(key);
	char *end;
	uint64_t n;

	if (!text || !*text)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno || *end ? 0 : n;
}

static uint64_t period(void)
{
	uint64_t pid = environment_number("WATCHDOG_PID");

	return pid && pid != (uint64_t)getpid() ? 0 : environment_number("WATCHDOG_USEC") * NS_PER_US;
}

/* By what was done, for a turn that only answers guests stores nothing; where they call without end, one of them always waits. */
static bool engine_moves(struct watchdog *w, struct engine *e)
{
	struct engine_measure measure;
	uint64_t done;
	bool moves;

	engine_measure(e, &measure);
	done = measure.inputs + measure.turns;
	moves = engine_is_idle(e) || done != w->done || rows_disk_stuck(engine_rows(e));
	w->done = done;
	return moves;
}

static void look(void *arg)
{
	struct daemon *d = arg;

	if (engine_moves(&d->watchdog, d->engine))
		notify_send("WATCHDOG=1");
	else
		log_message(MESSAGE_DAEMON_STUCK, NULL, "what was asked does not move: the watchdog is not fed");
	loop_timer_set(d->watchdog.timer, loop_monotonic() + d->watchdog.period / LOOKS);
}

int watchdog_start(struct daemon *d)
{
	int r;

	d->watchdog.period = period();
	if (!d->watchdog.period)
		return 0;
	r = loop_timer_new(d->loop, look, d, &d->watchdog.timer);
	if (r == 0)
		loop_timer_set(d->watchdog.timer, loop_monotonic());
	return r;
}
