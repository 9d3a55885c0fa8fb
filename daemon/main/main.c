/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/notify.h"
#include "main/daemon.h"
#include "proto/errors.h"

/* Clients and VMMs by the thousand. Nothing here uses select(2), which is what the low soft limit is for. */
static void take_all_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("only %llu files can be open at once: %s", (unsigned long long)limit.rlim_cur, strerror(errno));
}

int main(int argc, char **argv)
{
	struct options options;
	struct daemon d = { 0 };
	int r = options_parse(argc, argv, &options);

	if (r) {
		options_free(&options);
		return r == -EUCLEAN ? EXIT_FAILURE : r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
	}
	log_open("lifecycled", options.log_level);
	(void)signal(SIGPIPE, SIG_IGN); /* who reads stderr may go at any moment */
	take_all_descriptors();
	/* Where descriptors are short later, PID 1 must still hear that this daemon is ready, and alive. */
	(void)notify_open();
	r = daemon_start(&d, &options);
	if (r == 0)
		r = daemon_run(&d);
	daemon_stop(&d);
	options_free(&options);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
