/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "main/daemon.h"
#include "proto/errors.h"

int main(int argc, char **argv)
{
	struct options options;
	struct daemon d = { 0 };
	int r = options_parse(argc, argv, &options);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
	log_open("lifecycled", options.log_level);
	r = daemon_start(&d, &options);
	if (r == 0)
		r = daemon_run(&d);
	daemon_stop(&d);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
