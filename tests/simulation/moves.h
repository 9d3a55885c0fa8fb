/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "proto/lifecycle.h"

bool oracle_move_is_legal(uint8_t from, uint8_t from_sub, uint8_t to, uint8_t to_sub);
