/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tells the service manager (sd_notify(3)'s protocol) without ever waiting for it: a PID 1 that is busy must not stop the
 * loop. 0: told, or nobody asked; -EAGAIN: it did not take it, try again later; or another negative errno.
 */
int notify_send(const char *state);

/* Keeps a socket that is connected to it, for who may reach nobody any more later. 0 also where there is no service manager. */
int notify_open(void);
