/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a scripted subchannel does, and the guest that has it, as text (lifecycle.vm(5), ccw-fake). Statements end with ';':
 *
 *     program TIME     the guest starts a program then, counted from when it got the device
 *     OP EFFECT...     what becomes of an order: set-up, enable, disable, start, cancel, halt, clear, store-schib
 *     itself EFFECT... what the subchannel does unasked: an unsolicited interrupt, or it is gone
 *
 *     fail ERRNO       it is refused                  after TIME    until the final interrupt; a millisecond
 *     partials N       so many interrupts before it   unsolicited N and so many of these
 *     silent           it is never answered           gone          the subchannel vanishes instead
 *     always           each time, and not once
 *
 * Statements for the same order count one after the other; where they end, the subchannel behaves.
 */

#include <stddef.h>
#include <stdint.h>

#include "device/ccw_fake.h"

#define CCW_SCRIPT_ACTS     8
#define CCW_SCRIPT_PROGRAMS 4

struct ccw_script {
	uint8_t acts, programs;
	struct ccw_fake_act act[CCW_SCRIPT_ACTS];
	uint64_t program[CCW_SCRIPT_PROGRAMS]; /* ns, in the order of the text */
};

/* 0; or -EINVAL, with what is wrong and at which byte of the text. */
int ccw_script_parse(const char *text, struct ccw_script *ret, const char **ret_what, size_t *ret_at);
