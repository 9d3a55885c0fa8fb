/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_LOG_H
#define LIFECYCLE_LOG_H

/* What the daemon logs, while it runs. Part of lifecycle.h: include that. */

#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Levels are those of syslog.h, LOG_EMERG to LOG_DEBUG: what is less urgent is not logged. The next start has its own again. */
int lifecycle_log_level(struct lifecycle *l, int *ret);
int lifecycle_set_log_level(struct lifecycle *l, int level);

/* "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"; "unknown", or -EINVAL. */
const char *lifecycle_log_level_name(int level);
int lifecycle_log_level_from_name(const char *name);

#ifdef __cplusplus
}
#endif

#endif
