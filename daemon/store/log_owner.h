/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whose the files of the state directory are. */

int owner_open(int directory, const char *name, int flags);
int owner_make(int directory, const char *name, int flags);
void owner_complain(int directory, const char *name);
