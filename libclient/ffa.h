/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the registers of an FF-A call or answer say, in words of the specification. */

#include "include/lifecycle.h"

void ffa_decode(struct lifecycle_frame *f); /* fills in function, message and status from x and answer */
